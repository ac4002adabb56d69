use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions, Tuning};

use crate::{Answer, Http, Server, ServerOptions, Truth, free_port, until};

/// How long runs may take to come to their end on a busy machine.
const RUN_PATIENCE: Duration = Duration::from_secs(120);

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

    /// The same for any project folders, the server not yet started.
    pub fn prepare(seed: u64, tuning: Tuning, projects: Vec<PathBuf>) -> Self {
        let options = SandboxOptions { seed, tuning, ..SandboxOptions::default() }.on_free_port();
        let vendors = Sandbox::start(options).expect("the sandbox starts on a free port");
        let folder = tempfile::tempdir().expect("a folder for this world");
        let mut env = sandbox_secrets();
        env.push(("SANDBOX_URL".to_owned(), vendors.url()));
        let options = ServerOptions {
            projects,
            data: folder.path().join("data"),
            listen: free_port(),
            control: free_port(),
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

    /// What the vendors really did.
    pub fn truth(&self) -> Truth {
        Truth::read(&self.sandbox)
    }

    /// Lets the CRM send webhooks to this world's server at `/hooks/<path>`, and emits.
    pub fn crm_emits(&self, path: &str, emission: &Value) -> Value {
        let url = format!("{}/hooks/{path}", self.server().hooks().base());
        let target = json!({ "url": url, "secret": "crm-webhook-secret", "scheme": "hmac" });
        let answer = self.sandbox.post("/_control/crm/webhooks", &target);
        assert!(answer.is_ok(), "the sandbox refused a webhook target: {answer:?}");
        self.sandbox.post("/_control/crm/emit", emission).json()
    }

    /// Runs matching a query such as `flow=lead-intake&status=dead`.
    pub fn runs(&self, query: &str) -> Vec<Value> {
        let answer = self.control().get(&format!("/v1/runs?limit=1000&{query}"));
        assert!(answer.is_ok(), "the run list: {answer:?}");
        answer.json()["items"].as_array().cloned().unwrap_or_default()
    }

    /// Open dead letters.
    pub fn dead(&self) -> Vec<Value> {
        let answer = self.control().get("/v1/dead?limit=1000&status=open");
        assert!(answer.is_ok(), "the dead letters: {answer:?}");
        answer.json()["items"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until nothing is queued or under way any more (resting runs are), and gives all runs.
    pub fn settled(&self) -> Vec<Value> {
        until("all runs to come to rest", RUN_PATIENCE, || {
            let busy = ["queued", "running"].iter().any(|status| !self.runs(&format!("status={status}")).is_empty());
            (!busy).then(|| self.runs(""))
        })
    }

    /// Waits until a run is in a state, and gives its line.
    pub fn run_in(&self, run: &str, status: &str) -> Value {
        until(&format!("run {run} to be {status}"), RUN_PATIENCE, || {
            let line = self.control().get(&format!("/v1/runs/{run}")).json();
            let now = line["run"]["status"].as_str().or(line["status"].as_str()).map(str::to_owned);
            (now.as_deref() == Some(status)).then_some(line)
        })
    }
}
