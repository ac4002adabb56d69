//! A system that answers as each test says, and tells what it was asked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// How it answers what begins with these words (`POST /a`).
struct Script {
    asked: &'static str,
    status: u16,
    body: String,
    /// The answer comes when this is true.
    open: watch::Receiver<bool>,
}

/// Lets the answers come that were held back.
pub struct Gate(watch::Sender<bool>);

impl Gate {
    pub fn open(self) {
        self.0.send_replace(true);
    }
}

#[derive(Clone)]
pub struct System {
    pub address: SocketAddr,
    scripts: Arc<Mutex<Vec<Script>>>,
    seen: watch::Sender<Vec<String>>,
}

impl System {
    /// It answers everything with an empty object until it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let system = Self { address, scripts: Arc::default(), seen: watch::Sender::new(Vec::new()) };
        let serving = system.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        system
    }

    /// What begins with these words is answered so from now on; the longest that fits counts.
    pub fn answers(&self, asked: &'static str, status: u16, body: &str) {
        self.script(asked, status, body, true).open();
    }

    /// The same, but the answer comes when the gate is opened.
    pub fn holds(&self, asked: &'static str, status: u16, body: &str) -> Gate {
        self.script(asked, status, body, false)
    }

    fn script(&self, asked: &'static str, status: u16, body: &str, is_open: bool) -> Gate {
        let (gate, open) = watch::channel(is_open);
        let mut scripts = self.scripts.lock();
        scripts.retain(|script| script.asked != asked);
        scripts.push(Script { asked, status, body: body.to_owned(), open });
        Gate(gate)
    }

    /// What it was asked that begins with these words: `POST /a key body`.
    pub fn seen(&self, asked: &str) -> Vec<String> {
        self.seen.borrow().iter().filter(|seen| seen.starts_with(asked)).cloned().collect()
    }

    /// The same, once it is so many.
    pub async fn until_seen(&self, asked: &str, count: usize) -> Vec<String> {
        let mut seen = self.seen.subscribe();
        let enough = seen.wait_for(|all| all.iter().filter(|one| one.starts_with(asked)).count() >= count);
        let came = tokio::time::timeout(PATIENCE, enough).await.is_ok();
        assert!(came, "{asked} is not asked {count} times: {:?}", self.seen(""));
        self.seen(asked)
    }

    async fn serve(self, mut stream: TcpStream) {
        let Some(asked) = read_request(&mut stream).await else { return };
        let script = {
            let scripts = self.scripts.lock();
            let fitting = scripts.iter().filter(|script| asked.starts_with(script.asked));
            let closest = fitting.max_by_key(|script| script.asked.len());
            closest.map(|Script { status, body, open, .. }| (*status, body.clone(), open.clone()))
        };
        self.seen.send_modify(|seen| seen.push(asked));
        let (status, body) = match script {
            None => (200, "{}".to_owned()),
            Some((status, body, mut open)) => {
                let _ = open.wait_for(|open| *open).await;
                (status, body)
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        // Whoever asked may be gone.
        let _ = stream.write_all((head + &body).as_bytes()).await;
    }
}

/// The request as `METHOD path key body`.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    loop {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&read);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |wanted: &str| {
            head.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map_or("-", |(_, value)| value)
        };
        if body.len() < header("content-length").parse().unwrap_or(0) {
            continue;
        }
        let request = head.lines().next()?.trim_end_matches(" HTTP/1.1");
        return Some(format!("{request} {} {body}", header("idempotency-key")).trim_end().to_owned());
    }
}
