use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Ground, Kind, READY_PATIENCE, Service, done};

/// OpenSSH, an SFTP server.
pub static OPENSSH: Kind = Kind {
    name: "openssh",
    package: "openssh-server",
    programs: &["sshd", "ssh-keygen"],
    folders: &["/usr/sbin", "/usr/bin"],
    user: Some("sshd"),
    begin,
    is_ready: |ground| std::net::TcpStream::connect(ground.address()).is_ok(),
    patience: READY_PATIENCE,
    told: |ground| {
        let key = ground.folder.join(OWN_KEY);
        format!("{}, user {}, key {}", url(ground), ground.user(), key.display())
    },
};

/// The key by which one logs in, in the server's folder.
const OWN_KEY: &str = "key";
const HOST_KEY: &str = "host-key";
const ADMITTED: &str = "admitted";
const FILES: &str = "files";

fn url(ground: &Ground) -> String {
    format!("sftp://localhost:{}{}", ground.port, ground.folder.join(FILES).display())
}

fn begin(ground: &Ground) -> Result<Command, String> {
    for key in [HOST_KEY, OWN_KEY] {
        generate(ground, key, "ed25519", "")?;
    }
    let admitted = std::fs::read(ground.folder.join(OWN_KEY).with_extension("pub"));
    let admitted = ground.put(ADMITTED, admitted.map_err(|error| error.to_string())?);
    for folder in ["in/deep", "out", "done"] {
        let folder = ground.folder.join(FILES).join(folder);
        ground.run("/bin/mkdir", &["-p", &folder.display().to_string()])?;
    }
    // It may be asked for sessions many times at once.
    let settings = format!(
        "ListenAddress {}\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
         AuthenticationMethods publickey\nMaxStartups 1000\nSubsystem sftp internal-sftp\n",
        ground.address(),
        ground.folder.join(HOST_KEY).display(),
        admitted.display(),
    );
    let settings = ground.put("sshd_config", settings);
    let mut serve = ground.command("sshd");
    serve.args(["-D", "-e", "-f"]).arg(settings);
    Ok(serve)
}

fn generate(ground: &Ground, name: &str, kind: &str, passphrase: &str) -> Result<PathBuf, String> {
    let path = ground.folder.join(name);
    let shown = path.display().to_string();
    ground.run("ssh-keygen", &["-q", "-t", kind, "-N", passphrase, "-C", name, "-f", &shown])?;
    Ok(path)
}

/// A key by which one may log in.
pub struct SshKey {
    /// The private key as `ssh-keygen` writes it.
    pub private: String,
    /// The passphrase that it is sealed under; empty if it is not.
    pub passphrase: String,
    public: String,
}

impl SshKey {
    fn read(path: &Path, passphrase: &str) -> Self {
        let read = |path: &Path| std::fs::read_to_string(path).expect("a key is there");
        Self {
            private: read(path),
            passphrase: passphrase.to_owned(),
            public: read(&path.with_extension("pub")),
        }
    }
}

/// An OpenSSH server with folders `in`, `in/deep`, `out` and `done`.
pub struct Openssh {
    service: Service,
    key: SshKey,
    keys: AtomicU32,
}

impl Openssh {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str) -> Option<Self> {
        let service = Service::start(test, &OPENSSH, false)?;
        let key = SshKey::read(&service.ground().folder.join(OWN_KEY), "");
        Some(Self { service, key, keys: AtomicU32::new(0) })
    }

    fn ground(&self) -> &Ground {
        self.service.ground()
    }

    /// The URL of the folder of files as a connection says it.
    pub fn url(&self) -> String {
        url(self.ground())
    }

    /// The folder of files.
    pub fn files(&self) -> PathBuf {
        self.ground().folder.join(FILES)
    }

    /// The fingerprint of its key.
    pub fn host_key(&self) -> String {
        let key = self.ground().folder.join(HOST_KEY);
        let said = self.ground().run("ssh-keygen", &["-l", "-f", &key.display().to_string()]);
        let said = said.expect("the key has a fingerprint");
        said.split(' ').nth(1).expect("the second word is the fingerprint").to_owned()
    }

    /// Who logs in.
    pub fn user(&self) -> String {
        self.ground().user()
    }

    /// A key that is known.
    pub fn key(&self) -> &SshKey {
        &self.key
    }

    /// A key that nobody knows yet.
    pub fn new_key(&self, kind: &str, passphrase: &str) -> SshKey {
        let name = format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed));
        let path = generate(self.ground(), &name, kind, passphrase).expect("a key is made");
        SshKey::read(&path, passphrase)
    }

    /// Lets a key in.
    pub fn admit(&self, key: &SshKey) {
        let path = self.ground().folder.join(ADMITTED);
        let known = std::fs::read_to_string(&path).expect("the known keys are there");
        self.ground().put(ADMITTED, format!("{known}{}", key.public));
    }

    /// Takes the right to read a file away.
    pub fn forbid(&self, path: &str) {
        done(Command::new("chmod").arg("000").arg(self.files().join(path))).expect("chmod works");
    }
}
