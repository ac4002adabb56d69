use std::process::Command;

use super::{Ground, Kind, PASSWORD, READY_PATIENCE, Service, USER};

/// PostgreSQL.
pub static POSTGRES: Kind = Kind {
    name: "postgres",
    package: "postgresql",
    programs: &["initdb", "postgres", "pg_isready", "psql"],
    folders: &["/usr/lib/postgresql/*/bin"],
    user: Some("postgres"),
    begin,
    is_ready: |ground| ground.run("pg_isready", &["-h", "127.0.0.1", "-p", &ground.port.to_string()]).is_ok(),
    patience: READY_PATIENCE,
    told: |ground| format!("postgres://127.0.0.1:{}/postgres, user {USER}, password {PASSWORD}", ground.port),
};

fn begin(ground: &Ground) -> Result<Command, String> {
    let password = ground.put("password", PASSWORD);
    let password = format!("--pwfile={}", password.display());
    ground.run(
        "initdb",
        &[
            "-D",
            "data",
            "-U",
            USER,
            "-A",
            "scram-sha-256",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
            &password,
        ],
    )?;
    let mut serve = ground.command("postgres");
    serve.args(["-D", "data", "-p", &ground.port.to_string(), "-h", "127.0.0.1", "-k", ""]);
    serve.args(["-c", "fsync=off", "-c", "shared_buffers=16MB"]);
    if ground.tls {
        let (certificate, key) = ground.certificate();
        serve.args(["-c", "ssl=on"]);
        serve.args(["-c", &format!("ssl_cert_file={}", certificate.display())]);
        serve.args(["-c", &format!("ssl_key_file={}", key.display())]);
    }
    Ok(serve)
}

/// A PostgreSQL with its client.
pub struct Postgres(pub Service);

impl Postgres {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, tls: bool) -> Option<Self> {
        Service::start(test, &POSTGRES, tls).map(Self)
    }

    /// The URL of its database as a connection says it.
    pub fn url(&self) -> String {
        format!("postgres://localhost:{}/postgres", self.0.ground().port)
    }

    /// Runs statements; gives their rows as lines, columns parted by `|`.
    pub fn sql(&self, statements: &str) -> String {
        let ground = self.0.ground();
        let mut psql = ground.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", USER]);
        psql.args(["-p", &ground.port.to_string(), "-d", "postgres", "-c", statements]);
        let said = super::done(psql.env("PGPASSWORD", PASSWORD));
        said.unwrap_or_else(|why| panic!("{statements}: {why}")).trim().to_owned()
    }
}
