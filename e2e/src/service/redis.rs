use std::process::Command;

use super::{Ground, Kind, PASSWORD, READY_PATIENCE, Service, USER};

/// Redis.
pub static REDIS: Kind = Kind {
    name: "redis",
    package: "redis-server",
    programs: &["redis-server", "redis-cli"],
    folders: &["/usr/bin"],
    user: Some("redis"),
    begin,
    is_ready: |ground| client(ground, &["PING"]).is_ok_and(|said| said.contains("PONG")),
    patience: READY_PATIENCE,
    told: |ground| {
        let scheme = if ground.tls { "rediss" } else { "redis" };
        format!("{scheme}://127.0.0.1:{}/0, user {USER}, password {PASSWORD}", ground.port)
    },
};

fn begin(ground: &Ground) -> Result<Command, String> {
    let listens = if ground.tls {
        let (certificate, key) = ground.certificate();
        let (certificate, key) = (certificate.display(), key.display());
        format!(
            "port 0\ntls-port {}\ntls-cert-file {certificate}\ntls-key-file {key}\ntls-ca-cert-file {certificate}\n\
             tls-auth-clients no\n",
            ground.port
        )
    } else {
        format!("port {}\n", ground.port)
    };
    let folder = ground.folder.to_str().ok_or("the folder's name is no text")?;
    // What a server reads from its own file after a kill it does as `default`, who cannot log in.
    let account = format!("user default off ~* &* +@all\nuser {USER} on >{PASSWORD} ~* &* +@all -flushall\n");
    let settings = format!(
        "bind 127.0.0.1\nsave \"\"\nappendonly yes\nappendfsync always\ndir {folder}\n{account}{listens}"
    );
    let settings = ground.put("redis.conf", settings);
    let mut serve = ground.command("redis-server");
    serve.arg(settings);
    Ok(serve)
}

fn client(ground: &Ground, words: &[&str]) -> Result<String, String> {
    let mut client = ground.command("redis-cli");
    client.args(["-h", "127.0.0.1", "-p", &ground.port.to_string(), "--user", USER, "--no-auth-warning"]);
    if ground.tls {
        client.args(["--tls", "--insecure"]);
    }
    super::done(client.args(words).env("REDISCLI_AUTH", PASSWORD))
}

/// A Redis with its client.
pub struct Redis(pub Service);

impl Redis {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, tls: bool) -> Option<Self> {
        Service::start(test, &REDIS, tls).map(Self)
    }

    /// The URL of its first database as a connection says it.
    pub fn url(&self) -> String {
        let scheme = if self.0.ground().tls { "rediss" } else { "redis" };
        format!("{scheme}://localhost:{}/0", self.0.ground().port)
    }

    /// Runs a command; gives what it says.
    pub fn says(&self, words: &[&str]) -> String {
        client(self.0.ground(), words).unwrap_or_else(|why| panic!("{words:?}: {why}")).trim().to_owned()
    }
}
