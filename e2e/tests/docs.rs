//! What the documentation says works: every `yaml` block validates, every `sh` block runs. What is not meant to run is
//! marked `text`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use sinew_e2e::{
    Http, Server, World, documents, examples, fast, free_port, rewrite, sandbox_secrets, sinew, sinew_with,
    until,
};
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};

/// What developers type; it would run these tests within themselves.
const BUILDS: [&str; 3] =
    ["cargo xtask demo", "cargo xtask test", "cargo install --locked --path crates/sinew"];

/// What ids look like.
const AN_ID: &str = "01JD3Z6V5WQ0X8Y2K4M6N8P0RS";

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

/// What the first page shows of a new project's files may stand in their place.
#[test]
fn the_first_pages_blocks_fit_into_a_new_project() {
    let page = root().join("docs/guide/getting-started.md");
    let folder = tempfile::tempdir().unwrap();
    sinew(folder.path(), &["init", "my-integrations"]).ok();
    let project = folder.path().join("my-integrations");
    let files = ["connections/crm.yaml", "flows/greet-contact.yaml"];
    let blocks = blocks(&page, "yaml");
    assert_eq!(blocks.len(), files.len());
    for ((_, block), file) in blocks.iter().zip(files) {
        assert!(fs::read_to_string(&page).unwrap().contains(&format!("`{file}`")), "{file} is not named");
        fs::write(project.join(file), block).unwrap();
    }
    let said = sinew(&project, &["validate"]).ok().out;
    assert!(said.starts_with("valid: 1 flow, 1 connection"), "{said}");
}

#[test]
fn every_sh_block_runs() {
    let mut tried = 0;
    for page in pages() {
        // What an earlier block of a page has made, or serves, is there for a later one.
        let folder = tempfile::tempdir().unwrap();
        let mut reader =
            Reader { at: folder.path().to_owned(), folder: folder.path().to_owned(), served: None };
        for (line, block) in blocks(&page, "sh") {
            for command in
                block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                println!("{}:{line}: {command}", page.display());
                if let Some(folder) = command.strip_prefix("cd ") {
                    reader.at.push(folder);
                } else if command.starts_with("cargo ") {
                    assert!(BUILDS.contains(&command), "{}:{line}: `{command}` is not known", page.display());
                } else {
                    reader.runs(command);
                }
                tried += 1;
            }
        }
        reader.stops();
    }
    assert!(tried >= 15, "only {tried} commands were found");
}

/// The unit that a page shows starts a server that stops well, with its folders and addresses changed to a test's own.
#[test]
fn the_unit_of_the_production_page_starts_a_server() {
    let page = root().join("docs/guide/production.md");
    let [(_, unit)] = <[_; 1]>::try_from(blocks(&page, "ini")).unwrap();
    let setting = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    sinew(folder.path(), &["init", "project"]).ok();
    let (listen, control) = (free_port(), free_port());
    let started = setting("ExecStart=/usr/local/bin/sinew ")
        .replace("/etc/sinew/project", "project")
        .replace("/var/lib/sinew", "state");
    let more = format!(" --listen {listen} --control {control}");
    let arguments: Vec<&str> = started.split_whitespace().chain(more.split_whitespace()).collect();
    let mut env = sandbox_secrets();
    env.push(("SINEW_MASTER_KEY".to_owned(), "0123456789abcdef".repeat(4)));
    let server = Server::verb(&arguments, folder.path(), &env);
    for (at, path) in [(control, "/v1/health"), (listen, "/healthz"), (listen, "/readyz")] {
        let http = Http::new(format!("http://{at}"), None);
        until(path, Duration::from_mins(1), || http.get(path).is_ok().then_some(()));
    }
    let token = fs::read_to_string(folder.path().join("state/control.token")).unwrap();
    let metrics = Http::new(format!("http://{control}"), Some(token.trim().to_owned())).get("/metrics");
    assert!(metrics.is_ok() && metrics.text.contains("# HELP"), "{metrics:?}");
    assert!(server.stop().success(), "the server did not stop well");
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
        for command in commands.filter(|command| !command.starts_with("serve ") && *command != "sandbox") {
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
        "RUN" | "ID" => AN_ID.to_owned(),
        "50000" => "50".to_owned(),
        _ => word,
    };
    words.into_iter().map(as_it_looks).collect()
}

/// Somebody who does what a page says, in one terminal or two.
struct Reader {
    at: PathBuf,
    folder: PathBuf,
    served: Option<Served>,
}

/// A server that a page has started, at addresses of this test's own, with vendors of its own.
struct Served {
    server: Server,
    hooks: Http,
    control: SocketAddr,
    vendors: RunningSandbox,
}

impl Reader {
    fn runs(&mut self, command: &str) {
        let words = words(command);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["curl", ..] => self.sends(&words),
            ["sinew", "serve" | "dev", ..] => self.serves(&words[1..]),
            ["sinew", "runs" | "dead" | "run", ..] => self.asks(&words[1..]),
            ["sinew", ..] => self.works(&words[1..]),
            _ => panic!("`{command}`: only sinew, curl and cargo are run here"),
        }
    }

    fn works(&mut self, words: &[&str]) {
        // A page may begin where another one ended.
        let is_empty = fs::read_dir(&self.at).unwrap().next().is_none();
        if is_empty && words[0] != "init" {
            sinew(&self.at, &["init", "my-integrations"]).ok();
            self.at.push("my-integrations");
        }
        let mut env = sandbox_secrets();
        env.extend(self.served.as_ref().map(|served| ("SANDBOX_URL".to_owned(), served.vendors.url())));
        sinew_with(&self.at, words, "", &env).ok();
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// It becomes ready. The usual addresses may be in use on this machine.
    fn serves(&mut self, words: &[&str]) {
        let vendors = Sandbox::start(SandboxOptions::default().on_free_port()).unwrap();
        let (listen, control) = (free_port(), free_port());
        let mut arguments: Vec<String> =
            words.iter().filter(|word| **word != "--sandbox").map(|word| (*word).to_owned()).collect();
        for (option, value) in [("--listen", listen), ("--control", control)] {
            arguments.extend([option.to_owned(), value.to_string()]);
        }
        arguments.extend(["--data".to_owned(), self.data().display().to_string()]);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut env = sandbox_secrets();
        env.push(("SANDBOX_URL".to_owned(), vendors.url()));
        let server = Server::verb(&arguments, &self.at, &env);
        let health = Http::new(format!("http://{control}"), None);
        until(&format!("`{}` to be ready", words.join(" ")), Duration::from_mins(1), || {
            health.get("/v1/health").is_ok().then_some(())
        });
        let hooks = Http::new(format!("http://{listen}"), None);
        self.served = Some(Served { server, hooks, control, vendors });
    }

    /// A webhook, which is taken.
    fn sends(&self, words: &[&str]) {
        let served = self.served.as_ref().expect("a page starts a server before it sends something");
        let path = words[1].strip_prefix("127.0.0.1:7400").expect("pages send to where webhooks are taken");
        let body = words.iter().skip_while(|word| **word != "-d").nth(1).expect("something is sent");
        let answer = served.hooks.post(path, &serde_json::from_str(body).unwrap());
        assert!(answer.is_ok(), "{words:?}: {answer:?}");
    }

    /// A question to the server, about the newest run where the page says `RUN`.
    fn asks(&self, words: &[&str]) {
        let served = self.served.as_ref().expect("a page starts a server before it asks one");
        let server = format!("http://{}", served.control);
        let data = self.data().display().to_string();
        let ask =
            |words: &[&str]| sinew(&self.at, &[words, &["--server", &server, "--data", &data]].concat()).ok();
        let newest = ask(&["runs", "list", "--output", "json"]).json()["items"][0]["id"].clone();
        let words = words.iter().map(|word| if *word == AN_ID { newest.as_str().unwrap() } else { word });
        ask(&words.collect::<Vec<_>>());
    }

    /// What it has started stops when it is told.
    fn stops(self) {
        if let Some(served) = self.served {
            assert!(served.server.stop().success(), "the server did not stop well");
        }
    }
}
