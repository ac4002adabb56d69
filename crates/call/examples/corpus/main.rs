//! Imports every API description in a folder, and prints what came of each kind: `cargo xtask corpus FOLDER`.
//!
//! Each document is read in a process of its own, so that its time and memory can be told, and nothing that one does can
//! hurt the others.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it speaks on the terminal")]

mod graphql;
mod openapi;
mod pairs;
mod wsdl;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The kinds of documents that are read; each is a file here.
const KINDS: &[Kind] = &[openapi::KIND, graphql::KIND, wsdl::KIND, pairs::KIND];

/// A kind of documents.
#[derive(Clone, Copy)]
struct Kind {
    /// The folder in which they are.
    folder: &'static str,
    /// What the names of their files end with, after the dot.
    endings: &'static [&'static str],
    /// Reads one.
    read: fn(&Path) -> Outcome,
}

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

impl Outcome {
    /// The document is read: what it took until here counts.
    fn is_read(&mut self, begin: Instant) {
        self.read_ms = begin.elapsed().as_secs_f64() * 1000.0;
        self.memory_mb = peak_mb();
    }

    /// What came of one operation.
    fn is_formed(&mut self, id: &str, formed: Result<(), String>) {
        match formed {
            Ok(()) => self.formed += 1,
            Err(why) => self.unformed.push(format!("{id}: {why}")),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--one", kind, file] => {
            println!("{}", serde_json::to_string(&one(kind, Path::new(file))).unwrap_or_default());
            ExitCode::SUCCESS
        }
        [folder, rest @ ..] => all(Path::new(folder), rest.contains(&"--verbose")),
        [] => {
            eprintln!("which folder? `cargo xtask corpus FOLDER [--verbose]`");
            ExitCode::from(2)
        }
    }
}

fn one(folder: &str, file: &Path) -> Outcome {
    match KINDS.iter().find(|kind| kind.folder == folder) {
        Some(kind) => (kind.read)(file),
        None => Outcome { error: Some(format!("`{folder}` is no kind")), ..Outcome::default() },
    }
}

/// The most memory that this process had so far (`VmHWM` of proc(5)).
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: Option<f64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kb.unwrap_or(0.0) / 1000.0
}

/// What came of a line of the table.
#[derive(Default)]
struct Line {
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
    let mut lines: BTreeMap<(usize, String), Line> = BTreeMap::new();
    let of_kind = |kind: &Kind| documents(&folder.join(kind.folder), kind.endings);
    let files = KINDS
        .iter()
        .enumerate()
        .flat_map(|(n, kind)| of_kind(kind).into_iter().map(move |file| (n, kind, file)));
    for (n, kind, file) in files {
        let (line, name) = line_and_name(kind, &file);
        let outcome = isolated(kind, &file);
        if let Some(error) = &outcome.error {
            println!("{line}: {name}: {error}");
        }
        for why in outcome.unformed.iter().take(if verbose { usize::MAX } else { 3 }) {
            println!("{line}: {name}: {why}");
        }
        let of = lines.entry((n, line)).or_default();
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
    if lines.is_empty() {
        let folders: Vec<_> = KINDS.iter().map(|kind| format!("`{}/`", kind.folder)).collect();
        eprintln!("{} has no document in {}", folder.display(), folders.join(" or "));
        return ExitCode::from(2);
    }
    print(&lines);
    ExitCode::SUCCESS
}

fn print(lines: &BTreeMap<(usize, String), Line>) {
    println!(
        "\n{:<12} {:>6} {:>9} {:>11} {:>8} {:>9} {:>9} {:>8}  slowest",
        "kind", "files", "imported", "operations", "formed", "warnings", "seconds", "MB"
    );
    for ((_, line), of) in lines {
        let Line { files, imported, operations, formed, warnings, slowest, peak_mb, total_ms } = of;
        let seconds = total_ms / 1000.0;
        println!(
            "{line:<12} {files:>6} {imported:>9} {operations:>11} {formed:>8} {warnings:>9} {seconds:>9.2} {peak_mb:>8.0}  {:.0} ms {}",
            slowest.0, slowest.1
        );
    }
}

/// The documents of a folder and those below it.
fn documents(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files.extend(documents(&path, endings));
        } else if path.extension().is_some_and(|of| endings.iter().any(|ending| of == *ending)) {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The line of a document is its folder, or what its name begins with: `vendor__stripe.json`.
fn line_and_name(kind: &Kind, file: &Path) -> (String, String) {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = file.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    if kind.folder.contains('/') {
        let name = if kind.folder.ends_with("pairs") { folder.unwrap_or_default() } else { name };
        return (kind.folder.to_owned(), name);
    }
    let folder = folder.unwrap_or_else(|| kind.folder.to_owned());
    match name.split_once("__") {
        Some((line, rest)) if folder == kind.folder => (line.to_owned(), rest.to_owned()),
        _ => (folder, name),
    }
}

/// Reads a document in a process of its own.
fn isolated(kind: &Kind, file: &Path) -> Outcome {
    let failed = |error: String| Outcome { error: Some(error), ..Outcome::default() };
    let Ok(program) = std::env::current_exe() else {
        return failed("the program cannot find itself".to_owned());
    };
    let child = Command::new(program).args(["--one", kind.folder]).arg(file).stdout(Stdio::piped()).spawn();
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
