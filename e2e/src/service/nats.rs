use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Ground, Kind, PASSWORD, READY_PATIENCE, Service, USER};

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// NATS with JetStream. With TLS it lets in whoever comes without, too: the tests' own client does.
pub static NATS: Kind = Kind {
    name: "nats",
    package: "nats-server",
    programs: &["nats-server"],
    folders: &["/usr/sbin"],
    user: None,
    begin: |ground| Ok(begin(ground)),
    is_ready: |ground| Line::open(ground).is_ok(),
    patience: READY_PATIENCE,
    told: |ground| format!("nats://127.0.0.1:{}, user {USER}, password {PASSWORD}", ground.port),
};

fn begin(ground: &Ground) -> Command {
    let tls = ground.tls.then(|| ground.certificate());
    let tls = tls.map_or_else(String::new, |(certificate, key)| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("tls {{ cert_file: \"{certificate}\", key_file: \"{key}\" }}\nallow_non_tls: true\n")
    });
    let config = format!(
        "listen: \"127.0.0.1:{}\"\nmax_payload: 65536\njetstream {{ store_dir: \"{}\" }}\n\
         authorization {{ user: {USER}, password: \"{PASSWORD}\" }}\n{tls}",
        ground.port,
        ground.folder.join("store").display(),
    );
    let config = ground.put("nats.conf", config);
    let mut serve = ground.command("nats-server");
    serve.arg("-c").arg(config);
    serve
}

/// A NATS server with a client that speaks just enough.
pub struct Nats(pub Service);

impl Nats {
    /// Starts one. `None`, and a note of it, where it is not installed.
    pub fn start(test: &str, tls: bool) -> Option<Self> {
        Service::start(test, &NATS, tls).map(Self)
    }

    /// Its URL as a connection says it.
    pub fn url(&self) -> String {
        format!("nats://localhost:{}", self.0.ground().port)
    }

    fn ask(&self, subject: &str, message: &str) -> Value {
        Line::open(self.0.ground()).expect("the server answers").ask(subject, message)
    }

    /// Makes a stream that holds subjects.
    pub fn stream(&self, name: &str, subjects: &str) {
        let wanted = json!({ "name": name, "subjects": [subjects], "storage": "file" });
        let answer = self.ask(&format!("$JS.API.STREAM.CREATE.{name}"), &wanted.to_string());
        assert!(answer.get("error").is_none(), "{answer:#}");
    }

    /// Publishes, and waits until all is kept.
    pub fn publish(&self, subject: &str, messages: impl IntoIterator<Item = String>) {
        let mut line = Line::open(self.0.ground()).expect("the server answers");
        for message in messages {
            let answer = line.ask(subject, &message);
            assert!(answer["seq"].is_u64(), "{answer:#}");
        }
    }

    /// How many messages a stream holds.
    pub fn held(&self, stream: &str) -> u64 {
        self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), "")["state"]["messages"].as_u64().unwrap_or(0)
    }

    /// A message of a stream, by its number: what it says, and its headers.
    pub fn message(&self, stream: &str, sequence: u64) -> (String, String) {
        use base64::Engine as _;
        let wanted = json!({ "seq": sequence }).to_string();
        let answer = self.ask(&format!("$JS.API.STREAM.MSG.GET.{stream}"), &wanted);
        let part = |name: &str| {
            let text = answer["message"][name].as_str().unwrap_or_default();
            let bytes = base64::prelude::BASE64_STANDARD.decode(text).expect("it is Base64");
            String::from_utf8(bytes).expect("it is text")
        };
        (part("data"), part("hdrs"))
    }

    /// Whether a consumer has acknowledged everything.
    pub fn is_done(&self, stream: &str, consumer: &str) -> bool {
        let answer = self.ask(&format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}"), "");
        answer["num_ack_pending"] == 0 && answer["num_pending"] == 0
    }
}

/// A connection that asks and waits.
struct Line(BufReader<TcpStream>);

impl Line {
    fn open(ground: &Ground) -> std::io::Result<Self> {
        let stream = TcpStream::connect(ground.address())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut line = Self(BufReader::new(stream));
        line.read()?;
        let hello = json!({ "verbose": false, "user": USER, "pass": PASSWORD, "headers": true });
        line.write(&format!("CONNECT {hello}\r\nSUB answers 1\r\nPING\r\n"))?;
        while line.read()? != "PONG" {}
        Ok(line)
    }

    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.0.get_mut().write_all(text.as_bytes())
    }

    fn read(&mut self) -> std::io::Result<String> {
        let mut text = String::new();
        if self.0.read_line(&mut text)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(text.trim().to_owned())
    }

    fn ask(&mut self, subject: &str, message: &str) -> Value {
        self.write(&format!("PUB {subject} answers {}\r\n{message}\r\n", message.len()))
            .expect("it is written");
        loop {
            let head = self.read().expect("the server answers");
            if head.starts_with("MSG") {
                break;
            }
            if head == "PING" {
                self.write("PONG\r\n").expect("it is written");
            }
        }
        serde_json::from_str(&self.read().expect("the answer follows")).expect("the answer is JSON")
    }
}
