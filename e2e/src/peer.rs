//! Servers that nobody here wrote, from package registries, started by the tests that talk to them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::means::missing;

/// A running server; ended when dropped.
pub struct Peer {
    child: Child,
    url: String,
}

impl Peer {
    /// Starts `e2e/peers/NAME/server.js`, whose first line says where it is, with the packages of its `package.json`
    /// (once installed they stay in the cache folder). `None`, and a note of it, where that is not possible.
    pub fn of_node(test: &str, name: &str) -> Option<Self> {
        Self::of(test, name, npm_install, |folder| {
            let mut node = Command::new("node");
            node.arg("server.js").current_dir(folder);
            node
        })
    }

    /// The same of `e2e/peers/NAME/server.py`, with the packages of its `requirements.txt`.
    pub fn of_python(test: &str, name: &str) -> Option<Self> {
        Self::of(test, name, pip_install, |folder| {
            let mut python = Command::new(folder.join(PYTHON));
            python.arg("server.py").current_dir(folder);
            python
        })
    }

    fn of(test: &str, name: &str, install: Install, command: fn(&Path) -> Command) -> Option<Self> {
        let folder = match installed(name, install) {
            Ok(folder) => folder,
            Err(why) => {
                missing(test, &why);
                return None;
            }
        };
        // It ends with its standard input, also if this process is killed.
        let mut child = command(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("what was installed can be started");
        let mut output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut url = String::new();
        output.read_line(&mut url).expect("it says where it is");
        // Its output is read to the end, so that it never waits for us.
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(drop));
        assert!(url.contains("://"), "{name} did not start: {url}");
        Some(Self { child, url: url.trim().to_owned() })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Puts the packages that a peer asks for into its folder.
type Install = fn(&Path) -> Result<(), String>;

/// Where a peer's Python is, in its folder.
const PYTHON: &str = "environment/bin/python";

/// The folder of a peer with its packages. Several tests may install at once: each does in a folder of its own, and the
/// first to end gives it its name.
fn installed(name: &str, install: Install) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name);
    let read = || -> std::io::Result<Vec<(PathBuf, Vec<u8>)>> {
        let paths =
            fs::read_dir(&source)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
        paths.into_iter().map(|path| Ok((path.clone(), fs::read(&path)?))).collect()
    };
    let mut files = read().unwrap_or_else(|error| panic!("{}: {error}", source.display()));
    files.sort();
    let stamp = files.iter().flat_map(|(_, bytes)| bytes).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let cache = cache()?;
    let ready = cache.join(format!("{name}-{stamp:016x}"));
    if ready.is_dir() {
        return Ok(ready);
    }
    let failed = |error: std::io::Error| format!("{}: {error}", cache.display());
    fs::create_dir_all(&cache).map_err(failed)?;
    let own = tempfile::tempdir_in(&cache).map_err(failed)?;
    for (path, bytes) in files {
        fs::write(own.path().join(path.file_name().unwrap_or_default()), bytes).map_err(failed)?;
    }
    install(own.path()).map_err(|why| format!("the packages of {name} cannot be installed: {why}"))?;
    let own = own.keep();
    if fs::rename(&own, &ready).is_err() && !ready.is_dir() {
        return Err(format!("{} cannot be named {}", own.display(), ready.display()));
    }
    Ok(ready)
}

fn npm_install(folder: &Path) -> Result<(), String> {
    let words = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    done("npm", Command::new("npm").args(words).current_dir(folder))
}

fn pip_install(folder: &Path) -> Result<(), String> {
    // Debian has this in a package of its own, `python3-venv`.
    let environment = ["-m", "venv", "environment"];
    done("python3 -m venv", Command::new("python3").args(environment).current_dir(folder))?;
    let words = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-input",
        "--disable-pip-version-check",
        "-r",
        "requirements.txt",
    ];
    done("pip", Command::new(folder.join(PYTHON)).args(words).current_dir(folder))
}

/// Runs a command to its end; what it said if that was bad.
fn done(name: &str, command: &mut Command) -> Result<(), String> {
    let said = command.output().map_err(|error| format!("{name}: {error}"))?;
    if said.status.success() {
        return Ok(());
    }
    // Some say it on the one side, some on the other.
    Err(format!("{name}: {}{}", String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr)))
}

/// `~/.cache/sinew/peers`, or below `XDG_CACHE_HOME`.
fn cache() -> Result<PathBuf, String> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    Ok(folder.ok_or("neither XDG_CACHE_HOME nor HOME says where to keep packages")?.join("sinew/peers"))
}
