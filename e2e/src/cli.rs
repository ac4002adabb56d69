use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::{World, binary};

/// What a command said and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its exit code; -1 if it was ended by a signal.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Said {
    /// The output as one JSON value.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("no JSON ({error}):\n{}\n{}", self.out, self.err))
    }

    /// The same, which must have succeeded.
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "it failed:\n{}\n{}", self.out, self.err);
        self
    }
}

/// Runs `sinew` in a folder.
pub fn sinew<S: AsRef<OsStr>>(folder: &Path, arguments: &[S]) -> Said {
    sinew_with(folder, arguments, "", &[])
}

/// Runs `sinew` in a folder with something on its standard input and more environment.
pub fn sinew_with<S: AsRef<OsStr>>(
    folder: &Path,
    arguments: &[S],
    input: &str,
    env: &[(String, String)],
) -> Said {
    let mut command = Command::new(binary());
    command.args(arguments).current_dir(folder).env_remove("SINEW_TOKEN").env_remove("SINEW_CONTROL");
    command.envs(env.iter().map(|(name, value)| (name, value)));
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`sinew` can be started");
    let mut stdin = child.stdin.take().expect("its input is piped");
    let input = input.to_owned();
    // Beside reading what it says: neither may wait for the other.
    let feeding = std::thread::spawn(move || {
        // One that has read enough closes its input.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("`sinew` can be waited for");
    feeding.join().expect("its input was fed");
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl World {
    /// Runs a verb of `sinew` against this world's server.
    pub fn cli(&self, arguments: &[&str]) -> Said {
        let base = self.control().base().to_owned();
        let data = self.options.data.display().to_string();
        let mut all = arguments.to_vec();
        all.extend(["--server", &base, "--data", &data]);
        sinew(self.folder(), &all)
    }
}
