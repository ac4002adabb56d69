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

/// The folder of a peer with its packages.
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
    let fill = |folder: &Path| {
        for (path, bytes) in &files {
            let to = folder.join(path.file_name().unwrap_or_default());
            fs::write(&to, bytes).map_err(|error| format!("{}: {error}", to.display()))?;
        }
        install(folder).map_err(|why| format!("the packages of {name} cannot be installed: {why}"))
    };
    made_once(&ready, fill)?;
    Ok(ready)
}

/// What a folder that is not complete is called, after its own name.
const UNFINISHED: &str = "unfinished";

/// Makes a folder, unless it is there. Several tests may want it at once: one fills it, and the others wait for it. It gets
/// its name when it is complete, and what somebody left who was killed before that is removed.
fn made_once(ready: &Path, fill: impl FnOnce(&Path) -> Result<(), String>) -> Result<(), String> {
    if ready.is_dir() {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", ready.display());
    fs::create_dir_all(ready.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    // It stays: who removed it would take it from under one who waits for it. The system lets go of it with its holder.
    let lock = fs::File::create(ready.with_extension("lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    if ready.is_dir() {
        return Ok(());
    }
    let own = ready.with_extension(UNFINISHED);
    if own.exists() {
        fs::remove_dir_all(&own).map_err(failed)?;
    }
    fs::create_dir(&own).map_err(failed)?;
    let filled = fill(&own).and_then(|()| fs::rename(&own, ready).map_err(failed));
    if filled.is_err() {
        let _ = fs::remove_dir_all(&own);
    }
    filled
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

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn who_wants_a_peer_at_the_same_time_waits_for_the_one_who_installs_it() {
        let folder = tempfile::tempdir().unwrap();
        let (ready, filled) = (folder.path().join("peer-1"), AtomicUsize::new(0));
        let together = Barrier::new(4);
        let make = || {
            together.wait();
            made_once(&ready, |own| {
                filled.fetch_add(1, Ordering::SeqCst);
                fs::write(own.join("package"), "").map_err(|error| error.to_string())
            })
        };
        std::thread::scope(|threads| {
            for made in [(); 4].map(|()| threads.spawn(make)) {
                made.join().unwrap().unwrap();
            }
        });
        assert_eq!((filled.load(Ordering::SeqCst), names(&ready)), (1, vec!["package".to_owned()]));
        assert_eq!(names(folder.path()), ["peer-1", "peer-1.lock"]);
    }

    #[test]
    fn what_was_not_finished_is_removed_and_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("peer-1");
        fs::create_dir_all(ready.with_extension(UNFINISHED)).unwrap();
        fs::write(ready.with_extension(UNFINISHED).join("half"), "").unwrap();
        assert_eq!(made_once(&ready, |_| Err("no network".to_owned())), Err("no network".to_owned()));
        assert_eq!(names(folder.path()), ["peer-1.lock"], "the one who failed left something");
        made_once(&ready, |own| fs::write(own.join("whole"), "").map_err(|error| error.to_string())).unwrap();
        assert_eq!(
            (names(&ready), names(folder.path())),
            (vec!["whole".into()], vec!["peer-1".into(), "peer-1.lock".into()])
        );
    }
}
