//! A gateway before a scripted origin, spoken to by bytes.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sinew_gateway::{AccessRecord, AccessSink, Batch, Door, DoorOptions, Pepper, Registry, compile};
use sinew_model::{SecretRef, SourceFile};
use sinew_vault::Secret;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(20);

/// The API key of the consumer `ann`; `ben` has the same with `ben` in front.
pub const KEY: &str = "0123456789abcdef";

/// An origin: each connection is handed to a script.
pub struct Origin {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

/// One connection at the origin.
pub struct At {
    pub stream: TcpStream,
    /// Which connection it is, counted from 0.
    pub number: usize,
    unread: Vec<u8>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Origin {
    pub fn start(script: impl Fn(&mut At) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let (script, all) = (Arc::new(script), Arc::clone(&seen));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let (script, seen) = (Arc::clone(&script), Arc::clone(&all));
                std::thread::spawn(move || script(&mut At { stream, number, unread: Vec::new(), seen }));
            }
        });
        Self { address, seen }
    }

    /// One that answers every request on a connection with this.
    pub fn saying(answer: &'static str) -> Self {
        Self::start(move |at| {
            while at.request().is_some() {
                at.say(answer);
            }
        })
    }

    /// The requests that came, heads and bodies as they were.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl At {
    /// Reads a request: its head, and a body by `Content-Length` or in chunks, as it comes.
    pub fn request(&mut self) -> Option<String> {
        let head_end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head = String::from_utf8_lossy(&self.unread[..head_end]).to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        let end = if head.contains("transfer-encoding: chunked") {
            loop {
                if let Some(at) = find(&self.unread[head_end..], b"0\r\n\r\n") {
                    break head_end + at + 5;
                }
                self.more()?;
            }
        } else {
            head_end + length.unwrap_or(0)
        };
        while self.unread.len() < end {
            self.more()?;
        }
        let request: Vec<u8> = self.unread.drain(..end).collect();
        let request = String::from_utf8_lossy(&request).into_owned();
        self.seen.lock().unwrap().push(request.clone());
        Some(request)
    }

    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 4096];
        let read = self.stream.read(&mut bytes).ok().filter(|read| *read > 0)?;
        self.unread.extend_from_slice(&bytes[..read]);
        Some(())
    }

    pub fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Keeps records.
#[derive(Clone, Default)]
pub struct Records(Arc<Mutex<Vec<AccessRecord>>>);

impl AccessSink for Records {
    fn take(&mut self, batch: Batch) {
        self.0.lock().unwrap().extend(batch.records);
    }
}

/// An open gateway.
pub struct Desk {
    door: Option<Door>,
    registry: Registry,
    records: Records,
}

impl Desk {
    /// With these resources; `ORIGIN` in them is the origin's address.
    pub fn new(origin: &Origin, resources: &str) -> Self {
        let mut registry = Registry::default();
        let records = Records::default();
        let table =
            Arc::new(compiled(origin, resources, &mut registry).unwrap_or_else(|wrong| panic!("{wrong}")));
        let options = DoorOptions {
            listen: "127.0.0.1:0".parse().unwrap(),
            workers: 2,
            grace: Duration::from_secs(5),
            seed: 7,
        };
        let door = Some(Door::open(&options, &table, Box::new(records.clone())).unwrap());
        Self { door, registry, records }
    }

    /// With one API that anybody may call, at `/`.
    pub fn open(origin: &Origin) -> Self {
        Self::new(origin, &format!("{POOL}---{OPEN}"))
    }

    /// Goes by other resources from now on.
    pub fn go(&mut self, origin: &Origin, resources: &str) {
        let table = compiled(origin, resources, &mut self.registry).unwrap();
        self.door.as_ref().unwrap().go(&Arc::new(table));
    }

    pub fn connect(&self) -> Caller {
        let stream = TcpStream::connect(self.door.as_ref().unwrap().address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Caller { stream, unread: Vec::new() }
    }

    /// What is answered to these bytes on a connection of its own, to the end of the first answer.
    pub fn ask(&self, bytes: &str) -> Answer {
        let mut caller = self.connect();
        caller.say(bytes);
        caller.answer().expect("an answer")
    }

    /// Closes the gateway; gives what was recorded.
    pub fn close(mut self) -> Vec<AccessRecord> {
        self.door.take().unwrap().close();
        self.records.0.lock().unwrap().clone()
    }
}

pub const POOL: &str = "
kind: Upstream
name: origin
owner: { team: t, contact: c@example.com, runbook: r.md }
endpoints: 'http://ORIGIN'
timeouts: { connect: 2s, answer: 2s, idle: 2s }
";

pub const OPEN: &str = "
kind: Api
name: open
owner: { team: t, contact: c@example.com, runbook: r.md }
auth: none
routes:
  - { path: '/{rest*}', upstream: origin, body_max: 100KB }
";

fn compiled(
    origin: &Origin,
    resources: &str,
    registry: &mut Registry,
) -> Result<sinew_gateway::Table, String> {
    let text = resources.replace("ORIGIN", &origin.address.to_string());
    let (snapshot, found) = sinew_model::load(&[SourceFile::new("api.yaml", text)], &BTreeMap::new());
    let snapshot = snapshot.ok_or_else(|| found.to_string())?;
    let secret = |name: &SecretRef| match name.to_string().rsplit('/').next() {
        Some("ann") => Ok(Secret::new(KEY)),
        _ => Ok(Secret::new(format!("ben{KEY}"))),
    };
    compile(&snapshot, &Pepper::new([7; 32]), &secret, registry).map_err(|wrong| wrong.to_string())
}

/// A caller's connection.
pub struct Caller {
    pub stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer, in pieces.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The body: data only, chunks taken apart.
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(": ")?;
            own.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// The code of a problem document.
    pub fn code(&self) -> &str {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        assert!(
            self.body
                .contains(&format!("\"correlation_id\":\"{}\"", self.header("x-correlation-id").unwrap()))
        );
        let at = self.body.find("\"code\":\"").expect("a code") + 8;
        &self.body[at..at + 8]
    }
}

impl Caller {
    pub fn say(&mut self, text: &str) {
        let _ = self.stream.write_all(text.as_bytes());
    }

    /// Bytes as they come, those first that were read beyond an answer.
    pub fn raw(&mut self, into: &mut [u8]) -> usize {
        if self.unread.is_empty() && self.more().is_none() {
            return 0;
        }
        let count = into.len().min(self.unread.len());
        into[..count].copy_from_slice(&self.unread[..count]);
        self.unread.drain(..count);
        count
    }

    pub fn end(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// The next answer; `None` if the connection ends instead.
    pub fn answer(&mut self) -> Option<Answer> {
        let head_end = loop {
            if let Some(at) = find(&self.unread, b"\r\n\r\n") {
                break at + 4;
            }
            self.more()?;
        };
        let head: Vec<u8> = self.unread.drain(..head_end).collect();
        let head = String::from_utf8(head).unwrap();
        let status = head[9..12].parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        if status < 200 || status == 204 || status == 304 {
            return Some(answer);
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = self.chunks()?;
        } else if let Some(length) = answer.header("content-length") {
            let length: usize = length.parse().unwrap();
            while self.unread.len() < length {
                self.more()?;
            }
            answer.body = String::from_utf8(self.unread.drain(..length).collect()).unwrap();
        } else {
            while self.more().is_some() {}
            answer.body = String::from_utf8(std::mem::take(&mut self.unread)).unwrap();
        }
        Some(answer)
    }

    /// Takes chunks apart; `None` if they end before their end.
    fn chunks(&mut self) -> Option<String> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let size = usize::from_str_radix(&line, 16).unwrap();
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Some(String::from_utf8(body).unwrap());
            }
            while self.unread.len() < size + 2 {
                self.more()?;
            }
            body.extend(self.unread.drain(..size));
            self.unread.drain(..2);
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(at) = find(&self.unread, b"\r\n") {
                let line: Vec<u8> = self.unread.drain(..at + 2).collect();
                return Some(String::from_utf8(line[..at].to_vec()).unwrap());
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> Option<()> {
        let mut bytes = [0; 16384];
        let read = self.stream.read(&mut bytes).ok().filter(|read| *read > 0)?;
        self.unread.extend_from_slice(&bytes[..read]);
        Some(())
    }

    /// Whether the gateway has closed the connection, with nothing more to say.
    pub fn ends(mut self) -> bool {
        self.unread.is_empty() && self.more().is_none()
    }
}
