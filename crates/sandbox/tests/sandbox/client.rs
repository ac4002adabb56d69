use std::io::{self, BufRead, BufReader, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use sinew_sandbox::{RunningSandbox, Sandbox, SandboxOptions};

/// A sandbox of its own for one test.
pub(crate) struct World {
    pub(crate) sandbox: RunningSandbox,
}

/// An answer, read to its announced end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A vendor's credential, as a header.
pub(crate) fn credential(path: &str) -> Option<(&'static str, &'static str)> {
    match path.split(['/', '?']).nth(1)? {
        "billing" => Some(("X-Api-Key", "billing-key")),
        "enrich" => Some(("Authorization", "Bearer enrich-key")),
        "shop" => Some(("Authorization", "Basic c2hvcDpzaG9wLXNlY3JldA==")),
        "warehouse" => Some(("Authorization", "Bearer warehouse-key")),
        "hr" => Some(("Authorization", "Bearer hr-key")),
        "market" => Some(("X-Market-Token", "market-key")),
        _ => None,
    }
}

impl World {
    pub(crate) fn start() -> Self {
        Self::start_with(SandboxOptions::default())
    }

    pub(crate) fn start_with(options: SandboxOptions) -> Self {
        Self { sandbox: Sandbox::start(options.on_free_port()).unwrap() }
    }

    /// Sends a request with exactly these headers on a connection of its own.
    pub(crate) fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(self.sandbox.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: vendor.example\r\nConnection: close\r\n")?;
        for (name, value) in headers {
            write!(stream, "{name}: {value}\r\n")?;
        }
        write!(stream, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        read_answer(BufReader::new(stream))
    }

    /// Sends a request with the vendor's credential and these headers.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        let mut all = headers.to_vec();
        let token = path.starts_with("/crm/").then(|| format!("Bearer {}", self.token()));
        if let Some(token) = &token {
            all.push(("Authorization", token));
        }
        all.extend(credential(path));
        self.raw(method, path, &all, body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], body).unwrap()
    }

    pub(crate) fn post_with_key(&self, path: &str, key: &str, body: &str) -> Answer {
        self.send("POST", path, &[("Idempotency-Key", key)], body).unwrap()
    }

    /// A fresh CRM token.
    pub(crate) fn token(&self) -> String {
        let form = "grant_type=client_credentials&client_id=sinew&client_secret=crm-secret";
        let answer = self.raw("POST", "/crm/oauth/token", &[], form).unwrap();
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Asks control for something that must work.
    pub(crate) fn control(&self, method: &str, path: &str, body: &str) -> Answer {
        let answer = self.raw(method, &format!("/_control{path}"), &[], body).unwrap();
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer
    }

    pub(crate) fn fault(&self, vendor: &str, document: &str) {
        self.control("POST", &format!("/{vendor}/faults"), document);
    }

    /// The account of one effect.
    pub(crate) fn effect(&self, vendor: &str, effect: &str) -> Value {
        self.control("GET", "/truth/summary", "").json()["effects"][vendor][effect].clone()
    }

    pub(crate) fn effects(&self, vendor: &str, effect: &str) -> u64 {
        self.effect(vendor, effect)["total"].as_u64().unwrap_or(0)
    }
}

pub(crate) fn read_answer(mut from: impl BufRead) -> io::Result<Answer> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or(io::ErrorKind::UnexpectedEof)?;
    let headers = read_headers(&mut from)?;
    let mut answer = Answer { status, headers, body: String::new() };
    let mut body = Vec::new();
    if answer.header("transfer-encoding") == Some("chunked") {
        read_chunks(&mut from, &mut body)?;
    } else {
        let length = answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        body.resize(length, 0);
        from.read_exact(&mut body)?;
    }
    answer.body = String::from_utf8(body).map_err(io::Error::other)?;
    Ok(answer)
}

pub(crate) fn read_headers(from: &mut impl BufRead) -> io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if from.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => return Ok(headers),
        }
    }
}

fn read_chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        from.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(());
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
