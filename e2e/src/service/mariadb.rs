use std::process::Command;

use super::{Ground, Kind, PASSWORD, READY_PATIENCE, Service, USER};

/// MariaDB.
pub static MARIADB: Kind = Kind {
    name: "mariadb",
    package: "mariadb-server",
    programs: &["mariadbd", "mariadb-install-db", "mariadb"],
    folders: &["/usr/sbin", "/usr/bin"],
    user: Some("mysql"),
    begin,
    is_ready: |ground| client(ground, "select 1").is_ok(),
    patience: READY_PATIENCE,
    told: |ground| format!("mysql://127.0.0.1:{}/sinew, user {USER}, password {PASSWORD}", ground.port),
};

fn begin(ground: &Ground) -> Result<Command, String> {
    let data = format!("--datadir={}", ground.folder.join("data").display());
    let install = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", &data];
    ground.run("mariadb-install-db", &install)?;
    let accounts = format!(
        "create database sinew character set utf8mb4;\n\
         create user '{USER}'@'%' identified by '{PASSWORD}';\n\
         grant all on sinew.* to '{USER}'@'%';\n\
         create database archive;\n\
         create table archive.orders (id int);\n\
         grant select on archive.* to '{USER}'@'%';\n"
    );
    let accounts = ground.put("accounts.sql", accounts);
    let mut serve = ground.command("mariadbd");
    serve.args(["--no-defaults", &data, "--bind-address=127.0.0.1", "--skip-name-resolve"]);
    serve.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M"]);
    serve.arg(format!("--port={}", ground.port));
    serve.arg(format!("--socket={}", ground.folder.join("socket").display()));
    serve.arg(format!("--init-file={}", accounts.display()));
    if ground.tls {
        let (certificate, key) = ground.certificate();
        serve.arg(format!("--ssl-cert={}", certificate.display()));
        serve.arg(format!("--ssl-key={}", key.display()));
    }
    Ok(serve)
}

fn client(ground: &Ground, statements: &str) -> Result<String, String> {
    let mut client = ground.command("mariadb");
    client.args(["--no-defaults", "-h", "127.0.0.1", "-P", &ground.port.to_string(), "-u", USER]);
    client.args(["-N", "-B", "--skip-ssl", "-e", statements, "sinew"]);
    super::done(client.env("MYSQL_PWD", PASSWORD))
}

/// A MariaDB with its client.
pub struct Mariadb(pub Service);

impl Mariadb {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, tls: bool) -> Option<Self> {
        Service::start(test, &MARIADB, tls).map(Self)
    }

    /// The URL of its database as a connection says it.
    pub fn url(&self) -> String {
        format!("mysql://localhost:{}/sinew", self.0.ground().port)
    }

    /// Runs statements; gives their rows as lines, columns parted by tabs.
    pub fn sql(&self, statements: &str) -> String {
        let said = client(self.0.ground(), statements);
        said.unwrap_or_else(|why| panic!("{statements}: {why}")).trim().to_owned()
    }
}
