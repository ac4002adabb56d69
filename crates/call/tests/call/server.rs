//! A server that answers what its script says, byte for byte, and keeps what it was sent.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// `GET /path HTTP/1.1`
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Arrived {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// What the server does with a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Writes this text; the connection stays open.
    Say(String),
    /// Writes these bytes; the connection stays open.
    SayBytes(Vec<u8>),
    /// Writes these bytes and closes.
    SayAndClose(String),
    /// Closes without an answer.
    Close,
    /// Never answers.
    Hang,
    /// Writes these bytes, then nothing more.
    SayAndHang(String),
}

/// An answer with status, headers and body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Act {
    let mut text = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
    if !headers.iter().any(|(name, _)| *name == "content-type") {
        text.push_str("content-type: application/json\r\n");
    }
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    Act::Say(format!("{text}\r\n{body}"))
}

/// An answer whose body is said to be encoded like this.
pub fn encoded(coding: &str, body: &[u8]) -> Act {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Act::SayBytes([head.as_bytes(), body].concat())
}

pub fn ok(body: &str) -> Act {
    answer(200, &[], body)
}

type Script = dyn Fn(usize, &Arrived) -> Act + Send + Sync;

pub struct Server {
    pub url: String,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Server {
    /// Starts a server; the script is told the number of the request (from 0) and the request.
    pub async fn start(script: impl Fn(usize, &Arrived) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let script: Arc<Script> = Arc::new(script);
        let kept = Arc::clone(&arrived);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&kept), Arc::clone(&script)));
            }
        });
        Self { url, arrived }
    }

    /// Starts a server that goes through these acts and repeats the last.
    pub async fn acting(acts: impl IntoIterator<Item = Act>) -> Self {
        let acts: Vec<_> = acts.into_iter().collect();
        Self::start(move |number, _| acts[number.min(acts.len() - 1)].clone()).await
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

async fn serve(mut socket: TcpStream, arrived: Arc<Mutex<Vec<Arrived>>>, script: Arc<Script>) {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut socket, &mut buffer).await {
        let number = {
            let mut arrived = arrived.lock().unwrap();
            arrived.push(request.clone());
            arrived.len() - 1
        };
        let (bytes, then) = match script(number, &request) {
            Act::Say(text) => (text.into_bytes(), None),
            Act::SayBytes(bytes) => (bytes, None),
            Act::SayAndClose(text) => (text.into_bytes(), Some(Duration::ZERO)),
            Act::Close => (Vec::new(), Some(Duration::ZERO)),
            Act::Hang => (Vec::new(), Some(Duration::MAX)),
            Act::SayAndHang(text) => (text.into_bytes(), Some(Duration::MAX)),
        };
        if socket.write_all(&bytes).await.is_err() {
            return;
        }
        match then {
            None => {}
            Some(Duration::ZERO) => return,
            Some(_) => std::future::pending::<()>().await,
        }
    }
}

async fn read(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Arrived> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let mut lines = head.split("\r\n");
            let line = lines.next()?.to_owned();
            let headers: Vec<_> = lines
                .filter_map(|l| l.split_once(':'))
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect();
            let length = headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
                .map_or(0, |(_, value)| value.parse().unwrap());
            if rest.len() >= length {
                let body = rest[..length].to_owned();
                buffer.drain(..head.len() + 4 + length);
                return Some(Arrived { line, headers, body });
            }
        }
        let mut piece = vec![0_u8; 16 * 1024];
        match socket.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(length) => buffer.extend_from_slice(&piece[..length]),
        }
    }
}
