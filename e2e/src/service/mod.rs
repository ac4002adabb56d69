//! Servers of Debian's packages, started by the tests that talk to them: each in a folder of its own, on free ports of
//! the loopback address, and gone afterwards, also if the test is killed.
//!
//! A new one is a file with a [`Kind`], and a line in [`ALL`].

mod mariadb;
mod mosquitto;
mod nats;
mod openssh;
mod postgres;
mod rabbitmq;
mod redis;
mod smtp;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub use mariadb::{MARIADB, Mariadb};
pub use mosquitto::{MOSQUITTO, Mosquitto};
pub use nats::{NATS, Nats};
pub use openssh::{OPENSSH, Openssh, SshKey};
pub use postgres::{POSTGRES, Postgres};
pub use rabbitmq::{RABBITMQ, Rabbit};
pub use redis::{REDIS, Redis};
pub use smtp::{SMTP, Smtp};

use crate::means::missing;
use crate::world::last_words;
use crate::{free_port, until};

/// Every kind of server.
pub static ALL: &[&Kind] = &[&MARIADB, &POSTGRES, &REDIS, &SMTP, &NATS, &RABBITMQ, &MOSQUITTO, &OPENSSH];

/// How long most servers may take to be ready on a busy machine.
pub const READY_PATIENCE: Duration = Duration::from_mins(1);

/// The name and password under which one logs in to every server.
pub const USER: &str = "sinew";
/// See [`USER`].
pub const PASSWORD: &str = "sinew-test-password";

/// A kind of server.
pub struct Kind {
    /// What it is called here.
    pub name: &'static str,
    /// Debian's package.
    pub package: &'static str,
    /// The programs that it needs.
    pub programs: &'static [&'static str],
    /// Where they are besides `PATH`; `*` stands for one folder, the last in alphabetical order that has the program.
    pub folders: &'static [&'static str],
    /// Who runs it if root must not; a user that the package makes.
    pub user: Option<&'static str>,
    /// Prepares the folder; gives the command that serves until it is ended.
    pub begin: fn(&Ground) -> Result<Command, String>,
    /// Whether it answers.
    pub is_ready: fn(&Ground) -> bool,
    /// How long it may take to be ready on a busy machine.
    pub patience: Duration,
    /// Where it is and how to log in, for people.
    pub told: fn(&Ground) -> String,
}

/// Where a server stands.
pub struct Ground {
    kind: &'static Kind,
    /// A folder of its own, which belongs to whoever runs it.
    pub folder: PathBuf,
    /// Its port.
    pub port: u16,
    /// Whether it speaks TLS, with a certificate for `localhost` of an authority that nobody trusts by default.
    pub tls: bool,
}

/// A running server; ended when dropped.
pub struct Service {
    ground: Ground,
    guard: Child,
}

/// The certificate of the authority that vouches for all servers here, in PEM.
pub fn authority() -> PathBuf {
    certificate("authority.pem")
}

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/connect/tests/certificates").join(name)
}

impl Kind {
    /// The programs that are not there.
    pub fn lacks(&self) -> Vec<&'static str> {
        self.programs.iter().copied().filter(|program| self.find(program).is_none()).collect()
    }

    /// What gets it.
    pub fn remedy(&self) -> String {
        format!("apt-get install --no-install-recommends {}", self.package)
    }

    fn find(&self, program: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let further = self.folders.iter().flat_map(|folder| folders(folder));
        further.chain(path).map(|folder| folder.join(program)).find(|path| path.is_file())
    }
}

/// The folders that a pattern with at most one `*` names, the last first.
fn folders(pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else { return vec![pattern.into()] };
    let entries = std::fs::read_dir(before).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path().join(after.trim_start_matches('/'))).collect();
    found.sort();
    found.reverse();
    found
}

impl Ground {
    /// A program of the kind, to be run by whoever runs the server.
    pub fn command(&self, program: &str) -> Command {
        let path = self.kind.find(program).unwrap_or_else(|| program.into());
        let mut command = match self.kind.user.filter(|_| is_root()) {
            None => Command::new(path),
            Some(user) => {
                let mut command = Command::new("setpriv");
                let group =
                    done(Command::new("id").args(["-g", user])).expect("the package has made the user");
                command.args(["--reuid", user, "--regid", group.trim(), "--init-groups", "--"]).arg(path);
                command
            }
        };
        // Of two servers that begin at once, one took the temporary tables of the other away.
        command.current_dir(&self.folder).env("TMPDIR", &self.folder).stdin(Stdio::null());
        command
    }

    /// Who runs the server.
    pub fn user(&self) -> String {
        self.run("/usr/bin/id", &["-un"]).expect("everybody has a name").trim().to_owned()
    }

    /// Runs a program to its end; gives what it wrote.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        done(self.command(program).args(arguments))
    }

    /// Puts a file into the folder, to be read by whoever runs the server, and by nobody else.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, content).expect("a file for a server is written");
        self.give_over(&path);
        done(Command::new("chmod").arg("600").arg(&path)).expect("chmod works");
        path
    }

    /// The server's certificate and its key.
    pub fn certificate(&self) -> (PathBuf, PathBuf) {
        let read = |name| std::fs::read(certificate(name)).expect("the tests' certificates are there");
        (self.put("server.pem", read("server.pem")), self.put("server.key", read("server.key")))
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn give_over(&self, path: &Path) {
        if let Some(user) = self.kind.user.filter(|_| is_root()) {
            done(Command::new("chown").arg("-R").arg(user).arg(path)).expect("root may give files over");
        }
    }
}

/// Runs a command to its end; gives what it wrote, or what was wrong.
pub fn done(command: &mut Command) -> Result<String, String> {
    let said = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if said.status.success() {
        return Ok(String::from_utf8_lossy(&said.stdout).into_owned());
    }
    Err(format!("{command:?} ended with {}: {}", said.status, String::from_utf8_lossy(&said.stderr)))
}

fn is_root() -> bool {
    done(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// Runs the server, in a session of its own, until standard input ends: so it ends with whoever started it,
/// whatever ends that. Then nothing is left of it. A line says `kill`, and the server is killed at once.
const GUARD: &str = r#"
trap '' INT
folder=$1; shift
setsid -- "$@" </dev/null >"$folder.log" 2>&1 &
server=$!
while read -r word; do
  case $word in
    kill) kill -KILL "-$server" 2>/dev/null; wait "$server" 2>/dev/null ;;
    again) setsid -- "$@" </dev/null >>"$folder.log" 2>&1 & server=$! ;;
  esac
  echo done
done
kill -TERM "-$server" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do
  kill -0 "-$server" 2>/dev/null || break
  sleep 0.1
done
kill -KILL "-$server" 2>/dev/null
rm -rf "$folder" "$folder.log"
"#;

impl Service {
    /// Starts a server, and waits until it answers. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, kind: &'static Kind, tls: bool) -> Option<Self> {
        if !kind.lacks().is_empty() {
            missing(test, &format!("{} is not installed: {}", kind.name, kind.remedy()));
            return None;
        }
        Some(Self::begin(kind, tls).unwrap_or_else(|why| panic!("{} does not start: {why}", kind.name)))
    }

    /// Starts a server that is installed, and waits until it answers.
    pub fn begin(kind: &'static Kind, tls: bool) -> Result<Self, String> {
        let folder = tempfile::Builder::new().prefix(&format!("sinew-{}-", kind.name)).tempdir();
        let folder = folder.map_err(|error| error.to_string())?.keep();
        let ground = Ground { kind, folder, port: free_port().port(), tls };
        ground.give_over(&ground.folder);
        let serves = (kind.begin)(&ground)?;
        let mut guard = Command::new("sh");
        guard
            .args(["-c", GUARD, "guard"])
            .arg(&ground.folder)
            .arg(serves.get_program())
            .args(serves.get_args());
        for (name, value) in serves.get_envs() {
            match value {
                Some(value) => guard.env(name, value),
                None => guard.env_remove(name),
            };
        }
        // What ends the test by its process group does not end the guard before its work is done.
        std::os::unix::process::CommandExt::process_group(&mut guard, 0);
        guard.current_dir(&ground.folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let guard = guard.spawn().map_err(|error| error.to_string())?;
        let service = Self { ground, guard };
        service.wait();
        Ok(service)
    }

    /// Where it stands.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Where it is and how to log in, for people.
    pub fn told(&self) -> String {
        (self.ground.kind.told)(&self.ground)
    }

    /// Kills it, whatever it is doing.
    pub fn kill(&mut self) {
        self.say("kill");
    }

    /// Starts it again after a kill, on the same folder and port, and waits until it answers.
    pub fn restart(&mut self) {
        self.say("again");
        self.wait();
    }

    fn say(&mut self, word: &str) {
        use std::io::{BufRead as _, BufReader, Write as _};
        let stdin = self.guard.stdin.as_mut().expect("its input is piped");
        writeln!(stdin, "{word}").expect("the guard listens");
        let mut answer = String::new();
        let stdout = self.guard.stdout.as_mut().expect("its output is piped");
        BufReader::with_capacity(1, stdout).read_line(&mut answer).expect("the guard answers");
        assert_eq!(answer.trim(), "done", "the guard of {}", self.ground.kind.name);
    }

    fn wait(&self) {
        let (name, patience) = (self.ground.kind.name, self.ground.kind.patience);
        let log = self.ground.folder.with_extension("log");
        let begun = std::time::Instant::now();
        until(&format!("{name} to answer; its log is {}", log.display()), patience * 2, || {
            let patient = begun.elapsed() < patience;
            assert!(patient, "{name} does not answer: {}", std::fs::read_to_string(&log).unwrap_or_default());
            (self.ground.kind.is_ready)(&self.ground).then_some(())
        });
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if std::thread::panicking() {
            last_words(self.ground.kind.name, &self.ground.folder.with_extension("log"));
        }
        // The guard ends the server when its input ends.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
