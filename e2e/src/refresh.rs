//! The refresh race: three servers share a vault and a session at a provider that takes back everything if a refresh token
//! is shown twice. Round for round all access tokens end, a hundred runs want new ones, and servers are killed.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use sinew_sandbox::Tuning;
use sinew_stdx::Random;

use crate::{Server, ServerOptions, World, free_port, is_final, until};

/// Servers that share the vault.
const SERVERS: usize = 3;
/// Runs that want a token at once, over all servers.
const CALLERS: usize = 100;
/// How long things may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

const PROJECT: &str = "
kind: Connector
name: idp
version: 1
operations:
  listItems: { get: /items }
---
kind: Connection
name: idp
connector: idp@1
owner: { team: t, contact: t@example.com, runbook: r.md }
base_url: ${SANDBOX_URL}/idp
auth:
  oauth2:
    grant: authorization_code
    authorize_url: ${SANDBOX_URL}/idp/authorize
    token_path: /token
    client_id: sinew
    client_secret: secret:idp/client
    scopes: [items.read, items.write]
egress: { allow: [loopback] }
deadlines: { connect: 1s, total: 2s }
breaker: { failures: 10000, open_for: 1s }
---
kind: Flow
name: use
owner: { team: t, contact: t@example.com, runbook: r.md }
trigger: manual
steps:
  - items: { call: idp.listItems, retry: { attempts: 20, base: 50ms, max: 1s } }
";

/// How a race is run.
#[derive(Clone, Copy, Debug)]
pub struct RefreshOptions {
    /// Rounds.
    pub rounds: u32,
    /// What everything random starts from.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct RefreshReport {
    /// Rounds that were run.
    pub rounds: u32,
    /// Servers that were killed.
    pub kills: u32,
    /// Refreshes that the provider made.
    pub refreshes: u64,
    /// Sessions that were lost and said so, after which somebody logged in again.
    pub reconnections: u32,
    /// Runs that finished.
    pub finished: usize,
    /// What is wrong; nothing if all is well.
    pub wrong: Vec<String>,
}

impl fmt::Display for RefreshReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rounds, {} kills, {} refreshes, {} sessions lost and reported, {} runs finished",
            self.rounds, self.kills, self.refreshes, self.reconnections, self.finished
        )?;
        for wrong in self.wrong.iter().take(50) {
            write!(f, "\nWRONG: {wrong}")?;
        }
        Ok(())
    }
}

/// The servers, and the provider.
struct Race {
    world: World,
    options: Vec<ServerOptions>,
    servers: Vec<Option<Server>>,
    report: RefreshReport,
    started: usize,
}

/// Runs it; `say` hears how it goes.
pub fn run(options: RefreshOptions, say: &mut dyn FnMut(&str)) -> RefreshReport {
    let mut random = Random::seeded(options.seed);
    let mut race = Race::prepare(options.seed);
    race.log_in();
    for round in 1..=options.rounds {
        race.round(round, &mut random);
        if round % 10 == 0 {
            say(&format!("round {round}: {}", race.report));
        }
    }
    race.close();
    race.report
}

impl Race {
    fn prepare(seed: u64) -> Self {
        let world = World::prepare(seed, Tuning::default(), Vec::new());
        // Tokens end when a round ends them, and at no other time.
        let long = world.sandbox.post("/_control/idp/options", &json!({ "access_seconds": 36_000 }));
        assert!(long.is_ok(), "the provider's options were not changed: {long:?}");
        let project = world.folder().join("project");
        std::fs::create_dir_all(&project).expect("a folder for the project");
        std::fs::write(project.join("project.yaml"), PROJECT).expect("the project is written");
        let vault = world.folder().join("shared/vault.db");
        let mut env = world.options.env.clone();
        env.push(("SINEW_SECRET_IDP_CLIENT".to_owned(), "idp-secret".to_owned()));
        let options: Vec<ServerOptions> = (0..SERVERS)
            .map(|n| ServerOptions {
                projects: vec![PathBuf::from(&project)],
                data: world.folder().join(format!("server-{n}")),
                listen: free_port(),
                control: free_port(),
                env: env.clone(),
                arguments: vec!["--vault".to_owned(), vault.display().to_string()],
            })
            .collect();
        let servers = options.iter().map(|options| Some(Server::start(options))).collect();
        Self { world, options, servers, report: RefreshReport::default(), started: 0 }
    }

    /// All access tokens end, the runs come, and perhaps a server goes.
    fn round(&mut self, round: u32, random: &mut Random) {
        self.report.rounds = round;
        let before = self.sessions()["refreshes"].as_u64().unwrap_or(0);
        // Some answers come late enough that a kill meets them.
        let slow = json!({ "kind": "latency", "ms_min": 0, "ms_max": 300, "path": "/token" });
        let end = json!({ "kind": "revoked_token", "count": 1, "path": "/items" });
        self.world.fault("idp", &json!([slow, end]));
        let victim = random.chance(0.5).then(|| (random.below(SERVERS as u64) as usize, random.below(500)));
        std::thread::scope(|scope| {
            for (n, server) in self.servers.iter().enumerate() {
                let Some(server) = server else { continue };
                let count = CALLERS / SERVERS + usize::from(n < CALLERS % SERVERS);
                for part in 0..3 {
                    scope.spawn(move || {
                        for _ in 0..(count + part) / 3 {
                            server.control().post("/v1/runs", &json!({ "flow": "use" }));
                        }
                    });
                }
                if let Some((victim, after_ms)) = victim
                    && victim == n
                {
                    scope.spawn(move || {
                        pause(Duration::from_millis(after_ms));
                        server.kill_now();
                    });
                }
            }
        });
        if let Some((victim, _)) = victim {
            self.report.kills += 1;
            if let Some(server) = self.servers[victim].take() {
                server.ended();
            }
            self.servers[victim] = Some(Server::start(&self.options[victim]));
        }
        self.settle(round);
        let sessions = self.sessions();
        let refreshes = sessions["refreshes"].as_u64().unwrap_or(0) - before;
        self.report.refreshes += refreshes;
        if refreshes > 1 {
            self.report.wrong.push(format!("round {round}: {refreshes} refreshes"));
        }
        if sessions["reuses"].as_u64() != Some(0) {
            self.report.wrong.push(format!("round {round}: a spent refresh token was shown: {sessions}"));
        }
    }

    /// Waits until each server's session is either good or said to be lost, and mends a lost one.
    fn settle(&mut self, round: u32) {
        // A run that asks now gets a token, or the session is declared lost.
        let state = until("the session to be good or lost", PATIENCE, || {
            let session = self.session();
            match session["state"].as_str() {
                Some("needs_reconnecting") => Some("lost"),
                Some("connected") if session["renewing"].is_null() && self.answers() => Some("good"),
                _ => None,
            }
        });
        self.world.mend_one("idp");
        // A run that still has to use its new token when the next round ends it would be refused twice, rightly.
        for server in self.servers.iter().flatten() {
            until("the runs of the round to end or to rest", PATIENCE, || {
                let flow = server.control().get("/v1/flows").json()["items"][0].clone();
                let count = |name: &str| flow[name].as_u64();
                (count("queued") == Some(0) && count("running") == Some(0)).then_some(())
            });
        }
        if state == "lost" {
            self.report.reconnections += 1;
            until("an alert of the lost session", PATIENCE, || {
                let any = self
                    .servers
                    .iter()
                    .flatten()
                    .any(|server| server.control().get("/v1/alerts").text.contains("\"credential\""));
                any.then_some(())
            });
            self.log_in();
            if !self.answers() {
                self.report.wrong.push(format!("round {round}: no call works after logging in again"));
            }
        }
    }

    /// Whether a call works now.
    fn answers(&self) -> bool {
        let Some(server) = self.servers.iter().flatten().next() else { return false };
        let run = server.control().post("/v1/runs", &json!({ "flow": "use", "wait_ms": 3000 }));
        run.json()["end"]["status"] == "finished"
    }

    fn session(&self) -> Value {
        let server = self.servers.iter().flatten().next().expect("a server runs");
        server.control().get("/v1/connections/idp").json()["session"].clone()
    }

    fn sessions(&self) -> Value {
        self.world.sandbox.get("/_control/idp/sessions").json()
    }

    /// Somebody logs in at a browser: it goes to the provider and is sent back to the server.
    fn log_in(&mut self) {
        let server = self.servers.iter().flatten().next().expect("a server runs");
        let begun = server.control().post("/v1/connections/idp/login", &json!({}));
        let url = begun.json()["url"].as_str().unwrap_or_else(|| panic!("no log-in: {begun:?}")).to_owned();
        let page = crate::Http::new(url, None).get("");
        assert!(page.text.contains("idp is connected"), "not logged in: {page:?}");
    }

    /// Everything that was begun comes to its end; none of it failed.
    fn close(&mut self) {
        for server in self.servers.iter().flatten() {
            let runs = until("all runs to end", PATIENCE, || {
                let runs = all_runs(server);
                let open = runs.iter().any(|run| !is_final(run["status"].as_str().unwrap_or_default()));
                (!open).then_some(runs)
            });
            self.started += runs.len();
            for run in runs {
                match run["status"].as_str() {
                    Some("finished") => self.report.finished += 1,
                    _ => self.report.wrong.push(format!("a run failed instead of waiting: {run}")),
                }
            }
        }
        let least = self.report.rounds as usize * CALLERS / 2;
        if self.started < least {
            self.report.wrong.push(format!("only {} runs were begun", self.started));
        }
    }
}

fn all_runs(server: &Server) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.control().get(&format!("/v1/runs?limit=200{after}")).json();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        all.extend(items);
        match page["next"].as_str() {
            Some(next) => after = format!("&before={next}"),
            None => return all,
        }
    }
}

/// The moment of a kill is random, and so is how long it is until then.
fn pause(span: Duration) {
    #[expect(
        clippy::disallowed_methods,
        reason = "a random moment for a kill, and nothing is assumed after it"
    )]
    std::thread::sleep(span);
}
