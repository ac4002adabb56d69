//! What the documentation says works: every `yaml` block validates, every `sh` block runs. What is not meant to run is
//! marked `text`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sinew_e2e::{
    Http, Server, World, documents, examples, fast, free_port, rewrite, sandbox_secrets, sinew, sinew_with,
    until,
};

/// What developers type; it would run these tests within themselves.
const BUILDS: [&str; 3] = ["cargo xtask demo", "cargo xtask test", "cargo install --path crates/sinew"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The README and the guide.
fn pages() -> Vec<PathBuf> {
    let guide = fs::read_dir(root().join("docs/guide")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = guide.filter(|path| path.extension().is_some_and(|end| end == "md")).collect();
    pages.sort();
    pages.insert(0, root().join("README.md"));
    pages
}

/// The blocks of one language, each with the line at which it begins.
fn blocks(page: &Path, language: &str) -> Vec<(usize, String)> {
    let text = fs::read_to_string(page).unwrap();
    let (mut blocks, mut open): (Vec<_>, Option<(usize, String, String)>) = (Vec::new(), None);
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(words)) => open = Some((number + 1, words.trim().to_owned(), String::new())),
            (Some((at, words, block)), Some(_)) => {
                if words == language {
                    blocks.push((*at, std::mem::take(block)));
                }
                open = None;
            }
            (Some((_, _, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// A part of a flow, put where it belongs in a whole one.
fn whole(block: &str) -> String {
    let indent = |by: &str| format!("{by}{}", block.trim_end().replace('\n', &format!("\n{by}")));
    let head = "kind: Flow\nname: from-the-guide\n\
        owner: { team: docs, contact: docs@example.com, runbook: runbooks/docs.md }\n";
    let context = "  - customer: { map: trigger.customer }\n  - order: { map: trigger.order }\n";
    match block.split(|c: char| !c.is_alphanumeric() && c != '_').find(|word| !word.is_empty()) {
        Some("kind") => block.to_owned(),
        Some("trigger") => format!("{head}{block}steps:\n  - only: {{ map: trigger }}\n"),
        Some("with") => format!(
            "{head}trigger: manual\nsteps:\n{context}  - last:\n      call: crm.addNote\n{}",
            indent("      ")
        ),
        _ => format!("{head}trigger: manual\nsteps:\n{context}{}", indent("  ")),
    }
}

#[test]
fn every_yaml_block_validates_beside_the_examples_vendors() {
    let mut tried = 0;
    for page in pages() {
        for (line, block) in blocks(&page, "yaml") {
            let folder = tempfile::tempdir().unwrap();
            let text = whole(&block);
            let own: Vec<(Value, Value)> =
                documents(&text).iter().map(|d| (d["kind"].clone(), d["name"].clone())).collect();
            // The page may show its own version of what the examples have.
            let vendors = folder.path().join("vendors");
            rewrite(&examples("vendors"), &vendors, &mut |document| {
                if own.contains(&(document["kind"].clone(), document["name"].clone())) {
                    document["name"] = "shown-otherwise".into();
                }
            });
            let project = folder.path().join("own");
            fs::create_dir_all(&project).unwrap();
            fs::write(project.join("own.yaml"), &text).unwrap();
            let arguments = ["validate", vendors.to_str().unwrap(), project.to_str().unwrap()];
            let said = sinew_with(folder.path(), &arguments, "", &sandbox_secrets());
            assert_eq!(said.code, 0, "{}:{line}\n{text}\n{}{}", page.display(), said.out, said.err);
            tried += 1;
        }
    }
    assert!(tried >= 8, "only {tried} blocks were found");
}

#[test]
fn every_sh_block_runs() {
    let mut tried = 0;
    for page in pages() {
        // What an earlier block of a page has made is there for a later one.
        let folder = tempfile::tempdir().unwrap();
        let mut at = folder.path().to_owned();
        for (line, block) in blocks(&page, "sh") {
            for command in
                block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                println!("{}:{line}: {command}", page.display());
                if let Some(folder) = command.strip_prefix("cd ") {
                    at = at.join(folder);
                } else if command.starts_with("cargo ") {
                    assert!(BUILDS.contains(&command), "{}:{line}: `{command}` is not known", page.display());
                } else {
                    run(command, &mut at, folder.path());
                }
                tried += 1;
            }
        }
    }
    assert!(tried >= 5, "only {tried} commands were found");
}

/// The examples' pages show commands for a server that runs. Each must be understood; what it finds depends on what was
/// done before.
#[test]
fn every_command_of_the_examples_pages_is_understood() {
    let names = [
        "lead-intake",
        "closed-won-to-invoice",
        "order-fulfilment",
        "nightly-report",
        "new-hire",
        "bulk-enrich",
    ];
    let world = World::with_changed(31, &names, &mut fast);
    std::os::unix::fs::symlink(world.folder().join("projects"), world.folder().join("examples")).unwrap();
    let mut tried = 0;
    for name in names {
        let page = fs::read_to_string(examples(name).join("README.md")).unwrap();
        let commands = page.lines().filter_map(|line| line.strip_prefix("    sinew "));
        for command in commands.filter(|command| !command.starts_with("serve ")) {
            let words = words(command);
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let said = match words[0] {
                "sandbox" => sinew(world.folder(), &words),
                // Nobody is there to say yes, or to edit.
                "dead" if matches!(words[1], "replay" | "discard") => {
                    world.cli(&[&words[..], &["--yes"]].concat())
                }
                "dead" if words[1] == "edit" => world.cli(&[&words[..], &["--payload", "{}"]].concat()),
                _ => world.cli(&words),
            };
            assert!(
                matches!(said.code, 0 | 1 | 4),
                "{name}: `sinew {command}` gave {}:\n{}",
                said.code,
                said.err
            );
            tried += 1;
        }
    }
    assert!(tried >= 20, "only {tried} commands were found");
}

/// A command's words, in fewer numbers and with ids as they look.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in command.split('\'').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    let as_it_looks = |word: String| match word.as_str() {
        "RUN" | "ID" => "01JD3Z6V5WQ0X8Y2K4M6N8P0RS".to_owned(),
        "50000" => "50".to_owned(),
        _ => word,
    };
    words.into_iter().map(as_it_looks).collect()
}

fn run(command: &str, at: &mut PathBuf, folder: &Path) {
    let words: Vec<&str> = command.split_whitespace().collect();
    assert_eq!(words[0], "sinew", "`{command}`: only sinew and cargo are run here");
    if matches!(words[1], "serve" | "dev") {
        serves(&words[1..], at, folder);
        return;
    }
    // A page may begin where another one ended.
    let project = at.join("my-integrations");
    if !at.join("sinew.yaml").exists()
        && !words.contains(&"init")
        && fs::read_dir(&*at).unwrap().next().is_none()
    {
        sinew_with(at, &["init", "my-integrations"], "", &[]).ok();
        at.clone_from(&project);
    }
    sinew_with(at, &words[1..], "", &sandbox_secrets()).ok();
}

/// It becomes ready, and stops when it is told.
fn serves(words: &[&str], at: &Path, folder: &Path) {
    let (listen, control) = (free_port(), free_port());
    let listen_text = listen.to_string();
    let control_text = control.to_string();
    let data = folder.join("data");
    let mut arguments = words.to_vec();
    arguments.extend([
        "--listen",
        &listen_text,
        "--control",
        &control_text,
        "--data",
        data.to_str().unwrap(),
    ]);
    let server = Server::verb(&arguments, at, &sandbox_secrets());
    let health = Http::new(format!("http://{control}"), None);
    until(&format!("`{}` to be ready", words.join(" ")), Duration::from_mins(1), || {
        health.get("/v1/health").is_ok().then_some(())
    });
    assert!(server.stop().success(), "`{}` did not stop well", words.join(" "));
}
