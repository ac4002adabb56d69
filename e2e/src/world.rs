use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions, Tuning};

use crate::{Answer, Http, Server, ServerOptions, Truth, fast, free_port, rewrite};

/// A folder below `examples/`.
pub fn examples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

/// The sandbox's well-known credentials, as environment variables.
pub fn sandbox_secrets() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(examples("vendors/secrets.env.example")).unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// Lines of a log that are said of it.
const LAST_LINES: usize = 60;

/// Vendors, a project and a server on it, in a folder of their own.
pub struct World {
    /// The vendors' control.
    pub sandbox: Http,
    /// The server; `None` between a kill and the next start.
    pub server: Option<Server>,
    /// How the server is started.
    pub options: ServerOptions,
    folder: tempfile::TempDir,
    _vendors: RunningSandbox,
}

impl World {
    /// Vendors with a seed, and a server that serves the vendors' project and these examples.
    pub fn with_examples(seed: u64, names: &[&str]) -> Self {
        let mut projects = vec![examples("vendors")];
        projects.extend(names.iter().map(|name| examples(name)));
        let mut world = Self::prepare(seed, Tuning::default(), projects);
        world.serve();
        world
    }

    /// Vendors, and a server that serves changed copies of the vendors' project and these examples.
    pub fn with_changed(seed: u64, names: &[&str], change: &mut dyn FnMut(&mut Value)) -> Self {
        let mut world = Self::prepare(seed, Tuning::default(), Vec::new());
        world.change_projects(names, change);
        world.serve();
        world
    }

    /// Vendors, and a server that serves the vendors' project, in a hurry, and one of its own with these documents.
    pub fn with_own(seed: u64, documents: &str) -> Self {
        let mut world = Self::prepare(seed, Tuning::default(), Vec::new());
        world.change_projects(&[], &mut fast);
        world.write_own(documents);
        let own = world.project("own");
        world.options.projects.push(own);
        world.serve();
        world
    }

    /// Writes the documents of this world's own project.
    pub fn write_own(&self, documents: &str) {
        let folder = self.project("own");
        std::fs::create_dir_all(&folder).expect("a folder for a project");
        std::fs::write(folder.join("own.yaml"), documents).expect("a project's file is written");
    }

    /// Puts changed copies of the vendors' project and these examples into this world, to be served.
    pub fn change_projects(&mut self, names: &[&str], change: &mut dyn FnMut(&mut Value)) {
        let folders = ["vendors"].iter().chain(names).map(|name| {
            let copy = self.project(name);
            rewrite(&examples(name), &copy, change);
            copy
        });
        self.options.projects = folders.collect();
    }

    /// Where this world's own copy of a project is.
    pub fn project(&self, name: &str) -> PathBuf {
        self.folder.path().join("projects").join(name)
    }

    /// The same for any project folders, the server not yet started.
    pub fn prepare(seed: u64, tuning: Tuning, projects: Vec<PathBuf>) -> Self {
        let vendors = SandboxOptions { seed, tuning, ..SandboxOptions::default() }.on_free_port();
        Self::build(vendors, free_port(), free_port(), projects)
    }

    /// Vendors and a server, not yet started, at addresses that people know.
    pub fn at(vendors: SocketAddr, hooks: SocketAddr, control: SocketAddr) -> Self {
        let vendors = SandboxOptions { listen: vendors, ..SandboxOptions::default() };
        Self::build(vendors, hooks, control, Vec::new())
    }

    fn build(
        vendors: SandboxOptions,
        listen: SocketAddr,
        control: SocketAddr,
        projects: Vec<PathBuf>,
    ) -> Self {
        let vendors = Sandbox::start(vendors).expect("the sandbox starts at its address");
        let folder = tempfile::tempdir().expect("a folder for this world");
        let mut env = sandbox_secrets();
        env.push(("SANDBOX_URL".to_owned(), vendors.url()));
        let options = ServerOptions {
            projects,
            data: folder.path().join("data"),
            listen,
            control,
            env,
            arguments: Vec::new(),
        };
        Self { sandbox: Http::new(vendors.url(), None), server: None, options, folder, _vendors: vendors }
    }

    /// Starts the server.
    pub fn serve(&mut self) {
        self.server = Some(Server::start(&self.options));
    }

    /// Ends the server at whatever instruction it is.
    pub fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill();
        }
    }

    /// Stops the server as its owner would.
    pub fn stop(&mut self) {
        if let Some(server) = self.server.take() {
            let status = server.stop();
            assert!(status.success(), "the server stopped with {status}");
        }
    }

    /// The folder of this world.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The running server.
    pub fn server(&self) -> &Server {
        self.server.as_ref().expect("the server is running")
    }

    /// The running server's control API.
    pub fn control(&self) -> &Http {
        self.server().control()
    }

    /// Sends JSON to a webhook.
    pub fn hook(&self, path: &str, body: &Value) -> Answer {
        self.server().hooks().post(&format!("/hooks/{path}"), body)
    }

    /// Makes a vendor misbehave.
    pub fn fault(&self, vendor: &str, fault: &Value) {
        let answer = self.sandbox.post(&format!("/_control/{vendor}/faults"), fault);
        assert!(answer.is_ok(), "the sandbox refused a fault: {answer:?}");
    }

    /// Mends all vendors.
    pub fn mend(&self) {
        self.sandbox.delete("/_control/faults");
    }

    /// Mends one vendor.
    pub fn mend_one(&self, vendor: &str) {
        self.sandbox.delete(&format!("/_control/{vendor}/faults"));
    }

    /// What the vendors really did.
    pub fn truth(&self) -> Truth {
        Truth::read(&self.sandbox)
    }

    /// Lets the CRM send webhooks to this world's server at `/hooks/<path>`, and emits.
    pub fn crm_emits(&self, path: &str, emission: &Value) -> Value {
        let url = format!("{}/hooks/{path}", self.server().hooks().base());
        let target = json!({ "url": url, "secret": "crm-webhook-secret", "scheme": "hmac" });
        self.sandbox.delete("/_control/crm/webhooks");
        let answer = self.sandbox.post("/_control/crm/webhooks", &target);
        assert!(answer.is_ok(), "the sandbox refused a webhook target: {answer:?}");
        self.sandbox.post("/_control/crm/emit", emission).json()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        // A test that fails by chance, elsewhere, is understood by this or not at all.
        last_words("the server", &self.options.data.join("server.log"));
        if self.server.is_some() {
            let listed = std::panic::AssertUnwindSafe(|| {
                tell("runs are not done", &self.runs("status=queued,running,waiting"));
                tell("dead letters are open", &self.dead());
            });
            let _ = std::panic::catch_unwind(listed);
        }
    }
}

/// Says the last lines of a log.
#[expect(clippy::print_stderr, reason = "the output of a test that failed")]
pub(crate) fn last_words(of: &str, log: &Path) {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    eprintln!("the last words of {of}:\n{}", lines[lines.len().saturating_sub(LAST_LINES)..].join("\n"));
}

#[expect(clippy::print_stderr, reason = "the output of a test that failed")]
fn tell(what: &str, all: &[Value]) {
    eprintln!("{} {what}; some of them:", all.len());
    all.iter().take(5).for_each(|one| eprintln!("{one}"));
}
