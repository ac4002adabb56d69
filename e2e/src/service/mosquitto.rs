use std::io::Write as _;
use std::process::{Command, Stdio};

use super::{Ground, Kind, PASSWORD, READY_PATIENCE, Service, USER, authority};

/// Mosquitto, an MQTT broker.
pub static MOSQUITTO: Kind = Kind {
    name: "mosquitto",
    package: "mosquitto mosquitto-clients",
    programs: &["mosquitto", "mosquitto_passwd", "mosquitto_pub", "mosquitto_sub"],
    folders: &["/usr/sbin"],
    user: Some("mosquitto"),
    begin,
    is_ready: |ground| publishing(ground, "ready").arg("-n").output().is_ok_and(|said| said.status.success()),
    patience: READY_PATIENCE,
    told: |ground| format!("{}, user {USER}, password {PASSWORD}", url(ground)),
};

fn url(ground: &Ground) -> String {
    format!("{}://localhost:{}", if ground.tls { "mqtts" } else { "mqtt" }, ground.port)
}

fn begin(ground: &Ground) -> Result<Command, String> {
    let users = ground.put("users", format!("{USER}:{PASSWORD}\n"));
    ground.run("mosquitto_passwd", &["-U", &users.display().to_string()])?;
    let rights = ground.put("rights", format!("user {USER}\ntopic readwrite #\n"));
    let tls = ground.tls.then(|| ground.certificate());
    let tls = tls.map_or_else(String::new, |(certificate, key)| {
        format!("certfile {}\nkeyfile {}\n", certificate.display(), key.display())
    });
    let config = format!(
        "allow_anonymous false\npassword_file {}\nacl_file {}\npersistence true\npersistence_location {}/\n\
         autosave_interval 1\nautosave_on_changes true\nmax_queued_messages 100000\nlistener {} 127.0.0.1\n{tls}",
        users.display(),
        rights.display(),
        ground.folder.display(),
        ground.port,
    );
    let config = ground.put("mosquitto.conf", config);
    let mut serve = ground.command("mosquitto");
    serve.arg("-c").arg(config);
    Ok(serve)
}

fn client(ground: &Ground, program: &str, topic: &str) -> Command {
    let mut command = ground.command(program);
    command.args(["-h", "localhost", "-p", &ground.port.to_string(), "-u", USER, "-P", PASSWORD]);
    if ground.tls {
        command.arg("--cafile").arg(authority());
    }
    command.args(["-q", "1", "-t", topic]);
    command
}

fn publishing(ground: &Ground, topic: &str) -> Command {
    client(ground, "mosquitto_pub", topic)
}

/// A Mosquitto with its client.
pub struct Mosquitto(pub Service);

impl Mosquitto {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, tls: bool) -> Option<Self> {
        Service::start(test, &MOSQUITTO, tls).map(Self)
    }

    /// Its URL as a connection says it.
    pub fn url(&self) -> String {
        url(self.0.ground())
    }

    /// Publishes, and waits until the broker has all of it.
    pub fn publish(&self, topic: &str, messages: impl IntoIterator<Item = String>) {
        let mut client = publishing(self.0.ground(), topic);
        let mut client = client.arg("-l").stdin(Stdio::piped()).spawn().expect("the client starts");
        let mut input = client.stdin.take().expect("its input is piped");
        for message in messages {
            writeln!(input, "{message}").expect("the client reads");
        }
        drop(input);
        assert!(client.wait().expect("the client ends").success(), "not all was published");
    }

    /// The message that the broker keeps for those who come later.
    pub fn retained(&self, topic: &str) -> String {
        let said = client(self.0.ground(), "mosquitto_sub", topic).args(["-C", "1", "-W", "10"]).output();
        String::from_utf8_lossy(&said.expect("the client starts").stdout).trim().to_owned()
    }
}
