use std::hash::BuildHasher as _;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::{Http, until};

/// How long a server may take to be ready on a busy machine.
const READY_PATIENCE: Duration = Duration::from_mins(1);

/// Where ports are looked for.
const FIRST_PORT: u16 = 10_100;
const PORTS: u16 = 20_000;

/// How `sinew serve` is started.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The project's folders.
    pub projects: Vec<PathBuf>,
    /// Where it keeps its state.
    pub data: PathBuf,
    /// Where it listens for triggers.
    pub listen: SocketAddr,
    /// Where its control API listens.
    pub control: SocketAddr,
    /// Its environment, beyond ours.
    pub env: Vec<(String, String)>,
    /// More arguments.
    pub arguments: Vec<String>,
}

/// A running `sinew serve`; killed when dropped.
pub struct Server {
    child: Child,
    control: Http,
    hooks: Http,
}

/// A port that was free a moment ago, and that the system gives to nobody else: it lies below the ports that outgoing
/// connections get, so that a server which was killed finds it free again.
pub fn free_port() -> SocketAddr {
    let chance = std::hash::RandomState::new();
    for attempt in 0_u64.. {
        let port = FIRST_PORT + (chance.hash_one(attempt) % u64::from(PORTS)) as u16;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    unreachable!("the loop ends with a port")
}

/// The built `sinew`: `SINEW_BIN`, or the one beside this program.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("SINEW_BIN") {
        return path.into();
    }
    let here = std::env::current_exe().expect("this program's path");
    let found = here.ancestors().skip(1).map(|dir| dir.join("sinew")).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("`sinew` is not built; run `cargo build -p sinew` (or `cargo xtask test`) first")
    })
}

impl Server {
    /// Starts it and waits until it is ready.
    pub fn start(options: &ServerOptions) -> Self {
        match Self::try_start(options) {
            Ok(server) => server,
            Err(said) => panic!("`sinew serve` ended instead of serving:\n{said}"),
        }
    }

    /// Starts it; gives what it said if it ends instead of becoming ready.
    pub fn try_start(options: &ServerOptions) -> Result<Self, String> {
        let mut server = Self::spawn(options);
        let ended = until("the server to be ready", READY_PATIENCE, || {
            if server.control.get("/v1/health").is_ok() {
                return Some(None);
            }
            server.child.try_wait().ok().flatten().map(Some)
        });
        if let Some(status) = ended {
            return Err(format!("{status}\n{}", std::fs::read_to_string(log(options)).unwrap_or_default()));
        }
        let token = std::fs::read_to_string(options.data.join("control.token")).unwrap_or_default();
        server.control = Http::new(format!("http://{}", options.control), Some(token.trim().to_owned()));
        Ok(server)
    }

    /// Starts it and does not wait.
    pub fn spawn(options: &ServerOptions) -> Self {
        std::fs::create_dir_all(&options.data).expect("a folder for the server's state");
        let log_file =
            std::fs::File::options().create(true).append(true).open(log(options)).expect("the server's log");
        let mut child = Command::new(binary())
            .arg("serve")
            .args(&options.projects)
            .args(["--listen", &options.listen.to_string(), "--control", &options.control.to_string()])
            .arg("--data")
            .arg(&options.data)
            .args(&options.arguments)
            .envs(options.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .expect("`sinew` can be started");
        let stdout = child.stdout.take().expect("its output is piped");
        // Its output is read to the end, so that it never waits for us.
        std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).for_each(drop));
        let http = |address| Http::new(format!("http://{address}"), None);
        Self { child, control: http(options.control), hooks: http(options.listen) }
    }

    /// Starts any verb that serves, in a folder, and does not wait.
    pub fn verb(arguments: &[&str], folder: &Path, env: &[(String, String)]) -> Self {
        let child = Command::new(binary())
            .args(arguments)
            .current_dir(folder)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("`sinew` can be started");
        let nowhere = Http::new("http://127.0.0.1:9", None);
        Self { child, control: nowhere.clone(), hooks: nowhere }
    }

    /// Its control API.
    pub fn control(&self) -> &Http {
        &self.control
    }

    /// Its triggers.
    pub fn hooks(&self) -> &Http {
        &self.hooks
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at whatever instruction it is, while others may still be talking to it.
    pub fn kill_now(&self) {
        self.signal("-KILL");
    }

    /// Asks it to stop, while others may still be talking to it; [`Server::ended`] waits.
    pub fn ask_to_stop(&self) {
        self.signal("-TERM");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("`kill` can be started");
        assert!(sent.success(), "the server could not be sent {signal}");
    }

    /// Waits until it has ended.
    pub fn ended(mut self) -> ExitStatus {
        until("the server to end", READY_PATIENCE, || self.child.try_wait().ok().flatten())
    }

    /// Ends it at whatever instruction it is.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop and waits for it.
    pub fn stop(self) -> ExitStatus {
        self.ask_to_stop();
        self.ended()
    }

    /// What its memory is now and was at most, in kB (`VmRSS`, `VmHWM`).
    pub fn memory_kb(&self) -> (u64, u64) {
        memory_kb(self.pid())
    }

    /// The processor time that it has taken so far, with that of the kernel for it.
    pub fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(Path::new("/proc").join(self.pid().to_string()).join("stat"));
        let stat = stat.unwrap_or_default();
        // After the name, which may hold spaces: user and kernel time are the 14th and 15th field of proc(5), in 1/100 s.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
        let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 10)
    }
}

/// Where the server's own words go.
fn log(options: &ServerOptions) -> PathBuf {
    options.data.join("server.log")
}

fn memory_kb(pid: u32) -> (u64, u64) {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
