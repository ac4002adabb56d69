use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Ground, Kind, PASSWORD, Service, USER, authority, done};
use crate::free_port;

/// How long it may take to start on a busy machine.
const PATIENCE: Duration = Duration::from_mins(4);

/// The file that keeps where Erlang's register of nodes listens.
const REGISTER: &str = "register.port";

/// RabbitMQ, an AMQP broker.
pub static RABBITMQ: Kind = Kind {
    name: "rabbitmq",
    package: "rabbitmq-server amqp-tools",
    programs: &["rabbitmq-server", "amqp-publish", "amqp-get", "amqp-declare-queue"],
    folders: &["/usr/lib/rabbitmq/bin", "/usr/sbin"],
    user: Some("rabbitmq"),
    begin: |ground| Ok(begin(ground)),
    is_ready: |ground| done(client(ground, "amqp-declare-queue").args(["-q", "ready"])).is_ok(),
    patience: PATIENCE,
    told: |ground| format!("{}, user {USER}, password {PASSWORD}", url(ground)),
};

fn url(ground: &Ground) -> String {
    format!("{}://localhost:{}", if ground.tls { "amqps" } else { "amqp" }, ground.port)
}

fn begin(ground: &Ground) -> Command {
    let listener = if ground.tls {
        let (certificate, key) = ground.certificate();
        let (certificate, key) = (certificate.display(), key.display());
        format!(
            "listeners.tcp = none\nlisteners.ssl.1 = 127.0.0.1:{}\nssl_options.certfile = {certificate}\n\
             ssl_options.keyfile = {key}\nssl_options.cacertfile = {certificate}\nssl_options.verify = verify_none\n",
            ground.port,
        )
    } else {
        format!("listeners.tcp.1 = 127.0.0.1:{}\n", ground.port)
    };
    // Small frames, so that messages come in several.
    let config = format!(
        "default_user = {USER}\ndefault_pass = {PASSWORD}\nlog.console = true\nlog.file = false\n\
         disk_free_limit.absolute = 1MB\nframe_max = 8192\n{listener}"
    );
    let config = ground.put("rabbitmq.conf", config);
    let folder = |name: &str| ground.folder.join(name);
    // Erlang's register of nodes would outlive the server; started here it ends with it.
    let script = "epmd -address 127.0.0.1 -port \"$ERL_EPMD_PORT\" & exec rabbitmq-server";
    let register = free_port().port().to_string();
    ground.put(REGISTER, &register);
    let mut serve = ground.command("sh");
    environment(serve.args(["-c", script]), ground, &register)
        .env("RABBITMQ_CONFIG_FILE", config)
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder("plugins"))
        .env("RABBITMQ_MNESIA_BASE", folder("data"))
        .env("RABBITMQ_LOG_BASE", folder("log"))
        .env("RABBITMQ_DIST_PORT", free_port().port().to_string());
    serve
}

fn client(ground: &Ground, program: &str) -> Command {
    let mut command = ground.command(program);
    command.arg("--url").arg(url(ground).replace("://", &format!("://{USER}:{PASSWORD}@")));
    if ground.tls {
        command.arg("--cacert").arg(authority());
    }
    command
}

/// The environment of the server and of those who look after it.
fn environment<'a>(command: &'a mut Command, ground: &Ground, register: &str) -> &'a mut Command {
    command
        .env("PATH", "/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOME", &ground.folder)
        .env("ERL_EPMD_PORT", register)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_CONF_ENV_FILE", ground.folder.join("none"))
        .env("RABBITMQ_NODENAME", format!("sinew{}@localhost", ground.port))
}

/// A RabbitMQ with its client.
pub struct Rabbit(pub Service);

impl Rabbit {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, tls: bool) -> Option<Self> {
        Service::start(test, &RABBITMQ, tls).map(Self)
    }

    /// Its URL as a connection says it.
    pub fn url(&self) -> String {
        url(self.0.ground())
    }

    /// Makes a durable queue, which outlives a kill from now on.
    pub fn queue(&self, name: &str) {
        done(client(self.0.ground(), "amqp-declare-queue").args(["-d", "-q", name]))
            .expect("the queue is made");
        // The broker says that it is there up to two seconds before that is on the disk, and moves it there once more.
        let ground = self.0.ground();
        let register = std::fs::read_to_string(ground.folder.join(REGISTER)).expect("the server was started");
        let mut control = ground.command("rabbitmqctl");
        environment(&mut control, ground, &register);
        let sync = "dumped = mnesia:dump_log(), ok = mnesia:sync_log().";
        done(control.args(["eval", sync])).expect("the broker's database is written");
    }

    /// Publishes to a queue, one message a line.
    pub fn publish(&self, queue: &str, messages: impl IntoIterator<Item = String>) {
        let mut client = client(self.0.ground(), "amqp-publish");
        client.args(["-p", "-l", "-r", queue]);
        let mut client = client.stdin(Stdio::piped()).spawn().expect("the client starts");
        let mut input = client.stdin.take().expect("its input is piped");
        for message in messages {
            writeln!(input, "{message}").expect("the client reads");
        }
        drop(input);
        assert!(client.wait().expect("the client ends").success(), "not all was published");
    }

    /// Takes a message from a queue; nothing if there is none.
    pub fn take(&self, queue: &str) -> Option<String> {
        let said = client(self.0.ground(), "amqp-get").args(["-q", queue]).output();
        let said = said.expect("the client starts");
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim_end().to_owned())
    }
}
