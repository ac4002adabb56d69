//! Imports every API description in a folder, and prints what came of each kind: `cargo xtask corpus FOLDER`.
//!
//! Each document is read in a process of its own, so that its time and memory can be told, and nothing that one does can
//! hurt the others.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks on the terminal")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sinew_contract::openapi::Api;
use sinew_contract::{Schema, document, example_of};

/// How long one document may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What came of one document.
#[derive(Default, Serialize, Deserialize)]
struct Outcome {
    error: Option<String>,
    operations: usize,
    warnings: usize,
    /// Operations whose input has an example that fits.
    formed: usize,
    /// The others, and why.
    unformed: Vec<String>,
    read_ms: f64,
    memory_mb: f64,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--one", file] => {
            println!("{}", serde_json::to_string(&one(Path::new(file))).unwrap_or_default());
            ExitCode::SUCCESS
        }
        [folder, rest @ ..] => all(Path::new(folder), rest.contains(&"--verbose")),
        [] => {
            eprintln!("which folder? `cargo xtask corpus FOLDER [--verbose]`");
            ExitCode::from(2)
        }
    }
}

fn one(file: &Path) -> Outcome {
    let mut outcome = Outcome::default();
    let begin = Instant::now();
    let read = std::fs::read(file).map_err(|error| error.to_string()).and_then(|bytes| {
        let tree = document::parse(&bytes).map_err(|error| error.to_string())?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let (tree, _missing) = document::bundle(tree, |name| beside(folder, name));
        Api::read(tree).map_err(|error| error.to_string())
    });
    outcome.read_ms = begin.elapsed().as_secs_f64() * 1000.0;
    outcome.memory_mb = peak_mb();
    match read {
        Err(error) => outcome.error = Some(error),
        Ok(api) => {
            (outcome.operations, outcome.warnings) = (api.operations.len(), api.warnings.len());
            for operation in &api.operations {
                let input = api.input(operation).schema;
                let why = match Schema::compile(input) {
                    Err(error) => Some(error.to_string()),
                    Ok(schema) => {
                        example_of(&schema).is_none().then(|| "no example fits its input".to_owned())
                    }
                };
                let output = api.output(operation).map(Schema::compile);
                match why.or_else(|| Some(output?.err()?.to_string())) {
                    None => outcome.formed += 1,
                    Some(why) => outcome.unformed.push(format!("{}: {why}", operation.id)),
                }
            }
        }
    }
    outcome
}

/// A file that a document refers to.
fn beside(folder: &Path, name: &str) -> Result<serde_json::Value, String> {
    if name.contains("://") || name.starts_with('/') || name.starts_with("..") {
        return Err("it is not beside the document".to_owned());
    }
    let bytes = std::fs::read(folder.join(name)).map_err(|error| error.to_string())?;
    document::parse(&bytes).map_err(|error| error.to_string())
}

/// The most memory that this process had so far (`VmHWM` of proc(5)).
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kb.unwrap_or(0.0) / 1000.0
}

/// What came of a kind of documents.
#[derive(Default)]
struct Kind {
    files: usize,
    imported: usize,
    operations: usize,
    formed: usize,
    warnings: usize,
    slowest: (f64, String),
    peak_mb: f64,
    total_ms: f64,
}

fn all(folder: &Path, verbose: bool) -> ExitCode {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let files = documents(&folder.join("openapi"));
    if files.is_empty() {
        eprintln!("{} has no `openapi/` with documents in it", folder.display());
        return ExitCode::from(2);
    }
    for file in files {
        let (kind, name) = kind_and_name(&file);
        let outcome = isolated(&file);
        if let Some(error) = &outcome.error {
            println!("{kind}: {name}: {error}");
        }
        for why in outcome.unformed.iter().take(if verbose { usize::MAX } else { 3 }) {
            println!("{kind}: {name}: {why}");
        }
        let of = kinds.entry(kind).or_default();
        of.files += 1;
        of.imported += usize::from(outcome.error.is_none());
        of.operations += outcome.operations;
        of.formed += outcome.formed;
        of.warnings += outcome.warnings;
        of.total_ms += outcome.read_ms;
        of.peak_mb = of.peak_mb.max(outcome.memory_mb);
        if outcome.read_ms > of.slowest.0 {
            of.slowest = (outcome.read_ms, name);
        }
    }
    println!(
        "\n{:<12} {:>6} {:>9} {:>11} {:>8} {:>9} {:>9} {:>8}  slowest",
        "kind", "files", "imported", "operations", "formed", "warnings", "seconds", "MB"
    );
    for (kind, of) in &kinds {
        let Kind { files, imported, operations, formed, warnings, slowest, peak_mb, total_ms } = of;
        let seconds = total_ms / 1000.0;
        println!(
            "{kind:<12} {files:>6} {imported:>9} {operations:>11} {formed:>8} {warnings:>9} {seconds:>9.2} {peak_mb:>8.0}  {:.0} ms {}",
            slowest.0, slowest.1
        );
    }
    ExitCode::SUCCESS
}

/// The documents of a folder and those below it.
fn documents(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(documents(&path));
        } else if path.extension().is_some_and(|of| of == "json" || of == "yaml" || of == "yml") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The kind of a document is its folder, or what its name begins with: `vendor__stripe.json`.
fn kind_and_name(file: &Path) -> (String, String) {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    match (folder.as_deref(), name.split_once("__")) {
        (Some("openapi"), Some((kind, rest))) => (kind.to_owned(), rest.to_owned()),
        (Some(folder), _) => (folder.to_owned(), name),
        (None, _) => ("other".to_owned(), name),
    }
}

/// Reads a document in a process of its own.
fn isolated(file: &Path) -> Outcome {
    let failed = |error: String| Outcome { error: Some(error), ..Outcome::default() };
    let Ok(program) = std::env::current_exe() else {
        return failed("the program cannot find itself".to_owned());
    };
    let child = Command::new(program).arg("--one").arg(file).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => return failed(format!("no process for it: {error}")),
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    let Some(mut output) = child.stdout.take() else { return failed("its process says nothing".to_owned()) };
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = output.read_to_string(&mut text);
        let _ = sender.send(text);
    });
    let Ok(text) = receiver.recv_timeout(PATIENCE) else {
        let _ = child.kill();
        let _ = child.wait();
        return failed(format!("not done after {} s", PATIENCE.as_secs()));
    };
    match (child.wait(), serde_json::from_str(&text)) {
        (Ok(status), Ok(outcome)) if status.success() => outcome,
        (status, _) => failed(format!("its process ended badly: {status:?}")),
    }
}
