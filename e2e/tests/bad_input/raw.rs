//! HTTP by hand, as no client would write it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use sinew_e2e::Http;

const PATIENCE: Duration = Duration::from_secs(30);
const PIECE: usize = 256 << 10;

/// A connection, and the head of a request on it.
pub struct Raw {
    stream: TcpStream,
    host: String,
}

/// What was sent until the answer came, and the answer; status 0 if there was none.
#[derive(Debug)]
pub struct Sent {
    pub status: u16,
    pub body: String,
    pub bytes: usize,
}

impl Raw {
    pub fn to(server: &Http) -> Self {
        let host = server.base().trim_start_matches("http://").to_owned();
        let stream = TcpStream::connect(&host).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, host }
    }

    /// Writes a head.
    pub fn post(mut self, path: &str, headers: &[(&str, &str)]) -> Self {
        let mut head =
            format!("POST {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n", self.host);
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        self.stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
        self
    }

    /// Writes the rest, says that there is no more, and reads the answer.
    pub fn send(mut self, rest: &[u8]) -> Sent {
        let _ = self.stream.write_all(rest);
        let _ = self.stream.shutdown(Shutdown::Write);
        self.answer(rest.len())
    }

    /// Writes nothing but this.
    pub fn exactly(self, bytes: &[u8]) -> Sent {
        self.send(bytes)
    }

    /// Writes JSON that never ends, up to so many bytes, until the server has had enough.
    pub fn flood(self, bytes: usize) -> Sent {
        self.pour(bytes, <[u8]>::to_vec)
    }

    /// The same in chunks.
    pub fn flood_chunked(self, bytes: usize) -> Sent {
        self.pour(bytes, |piece| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
    }

    fn pour(mut self, bytes: usize, dress: impl Fn(&[u8]) -> Vec<u8>) -> Sent {
        let mut sent = 0;
        let piece = vec![b' '; PIECE];
        while sent < bytes {
            if self.stream.write_all(&dress(&piece)).is_err() {
                break;
            }
            sent += piece.len();
        }
        self.answer(sent)
    }

    fn answer(mut self, bytes: usize) -> Sent {
        let mut text = Vec::new();
        // What came before the connection ended counts, however it ended.
        let mut piece = [0; 4096];
        while let Ok(read @ 1..) = self.stream.read(&mut piece) {
            text.extend_from_slice(&piece[..read]);
            if is_whole(&text) {
                break;
            }
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        Sent { status, body, bytes }
    }
}

fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    length.is_some_and(|length: usize| body.len() >= length)
}
