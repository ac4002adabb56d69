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
        let folder = match installed(name) {
            Ok(folder) => folder,
            Err(why) => {
                missing(test, &why);
                return None;
            }
        };
        // It ends with its standard input, also if this process is killed.
        let mut child = Command::new("node")
            .arg("server.js")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node can be started");
        let mut output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let mut url = String::new();
        output.read_line(&mut url).expect("it says where it is");
        // Its output is read to the end, so that it never waits for us.
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(drop));
        assert!(url.starts_with("http://"), "{name} did not start: {url}");
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

/// The folder of a peer with its packages. Several tests may install at once: each does in a folder of its own, and the
/// first to end gives it its name.
fn installed(name: &str) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name);
    let read = |file: &str| {
        let path = source.join(file);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let files = ["package.json", "server.js"].map(|file| (file, read(file)));
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
    for (file, bytes) in files {
        fs::write(own.path().join(file), bytes).map_err(failed)?;
    }
    let mut npm = Command::new("npm");
    npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]);
    let said = npm.current_dir(own.path()).output().map_err(|error| format!("npm: {error}"))?;
    if !said.status.success() {
        return Err(format!("npm cannot install {name}: {}", String::from_utf8_lossy(&said.stderr)));
    }
    let own = own.keep();
    if fs::rename(&own, &ready).is_err() && !ready.is_dir() {
        return Err(format!("{} cannot be named {}", own.display(), ready.display()));
    }
    Ok(ready)
}

/// `~/.cache/sinew/peers`, or below `XDG_CACHE_HOME`.
fn cache() -> Result<PathBuf, String> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    Ok(folder.ok_or("neither XDG_CACHE_HOME nor HOME says where to keep packages")?.join("sinew/peers"))
}
