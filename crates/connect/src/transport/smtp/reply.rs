use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::transport::{TransportError, TransportErrorKind as Kind};

/// The longest line of a reply that is read; RFC 5321 (section 4.5.3.1.5) allows 512.
const LINE_MAX: usize = 4096;
/// The most lines of a reply.
const LINES_MAX: usize = 128;

/// What a server answers to a command (RFC 5321, section 4.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The texts of its lines.
    pub(super) lines: Vec<String>,
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// All of it in one line.
    pub(super) fn line(&self) -> String {
        let words = self.lines.join(" ");
        format!("{} {}", self.code, words.trim()).trim().to_owned()
    }

    /// The enhanced status code (RFC 2034), or else the code.
    fn status(&self) -> String {
        let first = self.lines.first().and_then(|line| line.split(' ').next()).unwrap_or_default();
        let is_enhanced = first.split('.').count() == 3
            && first
                .split('.')
                .all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()));
        if is_enhanced { first.to_owned() } else { self.code.to_string() }
    }

    /// What a refusal means. A server that refuses has not done what it was asked.
    pub(super) fn refusal(&self, what: &str) -> TransportError {
        let kind = match self.code {
            // RFC 4954, section 6; 454 is a matter of the moment.
            530 | 534 | 535 | 538 => Kind::Login,
            400..500 => Kind::Busy,
            500..600 => Kind::Refused,
            _ => {
                return TransportError::new(
                    Kind::Unusable,
                    format!("{what}: `{}` is no answer to that", self.line()),
                );
            }
        };
        TransportError::new(kind, format!("{what}: {}", self.line())).code(self.status())
    }
}

/// A connection on which lines go to and fro.
pub(super) struct Wire<S> {
    io: S,
    buffer: BytesMut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io, buffer: BytesMut::new() }
    }

    /// The connection, if nothing more came over it. What came before TLS would be taken for what comes under it.
    pub(super) fn into_inner(self) -> Option<S> {
        self.buffer.is_empty().then_some(self.io)
    }

    /// Says a line and waits for the reply.
    pub(super) async fn ask(&mut self, line: &str, until: Instant) -> Result<Reply, TransportError> {
        self.say(format!("{line}\r\n").as_bytes(), until).await?;
        self.reply(until).await
    }

    pub(super) async fn say(&mut self, bytes: &[u8], until: Instant) -> Result<(), TransportError> {
        let said = timeout_at(until, async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        });
        said.await.map_err(|_| TransportError::deadline(false))?.map_err(|error| lost(&error))
    }

    /// Reads a reply, all its lines.
    pub(super) async fn reply(&mut self, until: Instant) -> Result<Reply, TransportError> {
        let mut lines = Vec::new();
        loop {
            let line =
                timeout_at(until, self.line()).await.map_err(|_| TransportError::deadline(false))??;
            let (code, goes_on, text) = cut(&line).ok_or_else(|| {
                let shown: String = line.chars().filter(|c| !c.is_control()).take(80).collect();
                TransportError::new(Kind::Unusable, format!("`{shown}` is nothing that a mail server says"))
            })?;
            lines.push(text.to_owned());
            if !goes_on {
                return Ok(Reply { code, lines });
            }
            if lines.len() == LINES_MAX {
                return Err(TransportError::new(
                    Kind::Unusable,
                    format!("a reply of more than {LINES_MAX} lines"),
                ));
            }
        }
    }

    async fn line(&mut self) -> Result<String, TransportError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                return Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned());
            }
            if self.buffer.len() > LINE_MAX {
                return Err(TransportError::new(
                    Kind::Unusable,
                    format!("a line of more than {LINE_MAX} bytes"),
                ));
            }
            if self.io.read_buf(&mut self.buffer).await.map_err(|error| lost(&error))? == 0 {
                return Err(TransportError::new(Kind::Lost, "the mail server closed the connection"));
            }
        }
    }
}

fn lost(error: &std::io::Error) -> TransportError {
    TransportError::new(Kind::Lost, error.to_string())
}

/// The code of a line, whether another follows, and its text.
fn cut(line: &str) -> Option<(u16, bool, &str)> {
    let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    match line.as_bytes().get(3) {
        None => Some((code, false, "")),
        Some(b' ') => Some((code, false, &line[4..])),
        Some(b'-') => Some((code, true, &line[4..])),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::time::Duration;

    use super::*;

    async fn check(said: &[u8]) -> Result<Reply, TransportError> {
        let (ours, mut theirs) = duplex(1 << 20);
        theirs.write_all(said).await.unwrap();
        drop(theirs);
        Wire::new(ours).reply(Instant::now() + Duration::from_secs(5)).await
    }

    #[tokio::test]
    async fn replies_have_a_code_and_lines() {
        let reply = check(b"250-mail.example.com\r\n250-SIZE 1000\r\n250 STARTTLS\r\n").await.unwrap();
        assert_eq!((reply.code, reply.lines.len()), (250, 3));
        assert_eq!(reply.line(), "250 mail.example.com SIZE 1000 STARTTLS");
        assert_eq!(check(b"354\r\n").await.unwrap().line(), "354");
    }

    #[tokio::test]
    async fn what_is_no_reply_is_refused_within_bounds() {
        let kind = async |said: &[u8]| check(said).await.unwrap_err().kind;
        assert_eq!(kind(b"HTTP/1.1 400 Bad Request\r\n").await, Kind::Unusable);
        assert_eq!(kind(b"25\r\n").await, Kind::Unusable);
        assert_eq!(kind("25\u{661} \r\n".as_bytes()).await, Kind::Unusable);
        assert_eq!(kind(b"250 half").await, Kind::Lost);
        assert_eq!(kind(&[b'2'; 10_000]).await, Kind::Unusable);
        assert_eq!(kind(&b"250-again\r\n".repeat(1000)).await, Kind::Unusable);
    }

    #[tokio::test]
    async fn a_refusal_says_whether_trying_again_helps() {
        for (said, kind, code) in [
            ("451 4.7.1 Greylisted, come back later", Kind::Busy, "4.7.1"),
            ("421 shutting down", Kind::Busy, "421"),
            ("550 5.1.1 No such user", Kind::Refused, "5.1.1"),
            ("535 5.7.8 Authentication failed", Kind::Login, "5.7.8"),
            ("454 4.7.0 Temporary authentication failure", Kind::Busy, "4.7.0"),
        ] {
            let error = check(format!("{said}\r\n").as_bytes()).await.unwrap().refusal("RCPT TO");
            assert_eq!((error.kind, error.code.as_deref()), (kind, Some(code)), "{said}");
            assert!(!error.may_have_taken_effect);
        }
    }
}
