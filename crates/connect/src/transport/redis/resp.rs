//! RESP, in which Redis is spoken to (Redis' serialization protocol, versions 2 and 3).

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// How deep answers are nested.
const DEPTH_MAX: usize = 32;
/// A line is not longer than this.
const LINE_MAX: u64 = 64 * 1024;

/// What an answer takes besides its bytes.
const REPLY_WEIGHT: u64 = 16;

/// What the server answers.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    Nothing,
    Status(String),
    Error(String),
    /// Digits.
    Whole(String),
    Double(String),
    Boolean(bool),
    Text(Vec<u8>),
    List(Vec<Self>),
    Map(Vec<(Self, Self)>),
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Garbled {
    Io(io::Error),
    TooLarge,
    Wrong(String),
}

impl From<io::Error> for Garbled {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes a command.
pub(super) async fn write(io: &mut (impl AsyncWrite + Unpin), words: &[&[u8]]) -> io::Result<()> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    io.write_all(&out).await?;
    io.flush().await
}

/// Reads an answer of at most `max` bytes.
pub(super) async fn read<R: AsyncBufRead + Unpin + Send>(io: &mut R, max: u64) -> Result<Reply, Garbled> {
    let mut left = max.saturating_add(LINE_MAX);
    reply(io, &mut left, 0).await
}

type Reading<'a> = Pin<Box<dyn Future<Output = Result<Reply, Garbled>> + Send + 'a>>;

fn reply<'a, R: AsyncBufRead + Unpin + Send>(io: &'a mut R, left: &'a mut u64, depth: usize) -> Reading<'a> {
    Box::pin(async move {
        let wrong = |what: &str| Garbled::Wrong(format!("the server does not keep to RESP: {what}"));
        if depth > DEPTH_MAX {
            return Err(wrong("its answer is nested too deep"));
        }
        // What holds many small answers weighs more here than there.
        spend(left, REPLY_WEIGHT)?;
        let line = line(io, left).await?;
        let (kind, text) = line.split_at_checked(1).ok_or_else(|| wrong("an empty line"))?;
        let count = || text.parse::<i64>().map_err(|_| wrong("a length that is no number"));
        Ok(match kind {
            "+" => Reply::Status(text.to_owned()),
            "-" => Reply::Error(text.to_owned()),
            ":" | "(" => Reply::Whole(whole(text).ok_or_else(|| wrong("a number that is none"))?),
            "," => Reply::Double(text.to_owned()),
            "#" => Reply::Boolean(text == "t"),
            "_" => Reply::Nothing,
            "$" | "=" | "!" => match u64::try_from(count()?) {
                Err(_) => Reply::Nothing,
                Ok(length) => {
                    let mut bytes = bytes(io, length, left).await?;
                    if kind == "!" {
                        return Ok(Reply::Error(String::from_utf8_lossy(&bytes).into_owned()));
                    }
                    // A verbatim text says in three letters how it is to be shown.
                    if kind == "=" && bytes.len() >= 4 {
                        bytes.drain(..4);
                    }
                    Reply::Text(bytes)
                }
            },
            "*" | "~" | ">" => match u64::try_from(count()?) {
                Err(_) => Reply::Nothing,
                Ok(length) => {
                    let mut items = Vec::new();
                    for _ in 0..length {
                        items.push(reply(io, left, depth + 1).await?);
                    }
                    Reply::List(items)
                }
            },
            "%" => {
                let mut fields = Vec::new();
                for _ in 0..u64::try_from(count()?).unwrap_or(0) {
                    let name = reply(io, left, depth + 1).await?;
                    fields.push((name, reply(io, left, depth + 1).await?));
                }
                Reply::Map(fields)
            }
            "|" => {
                // Attributes of what follows, which nobody asked for.
                for _ in 0..u64::try_from(count()?).unwrap_or(0).saturating_mul(2) {
                    reply(io, left, depth + 1).await?;
                }
                return reply(io, left, depth + 1).await;
            }
            _ => return Err(wrong("an answer of no known kind")),
        })
    })
}

/// The digits of a whole number as JSON writes them.
fn whole(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let digits = if sign.is_empty() { digits.strip_prefix('+').unwrap_or(digits) } else { digits };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let plain = digits.trim_start_matches('0');
    Some(if plain.is_empty() { "0".to_owned() } else { format!("{sign}{plain}") })
}

fn spend(left: &mut u64, bytes: u64) -> Result<(), Garbled> {
    *left = left.checked_sub(bytes).ok_or(Garbled::TooLarge)?;
    Ok(())
}

async fn line<R: AsyncBufRead + Unpin>(io: &mut R, left: &mut u64) -> Result<String, Garbled> {
    let mut line = Vec::new();
    let read = io.take(LINE_MAX).read_until(b'\n', &mut line).await?;
    spend(left, read as u64)?;
    let Some(text) = line.strip_suffix(b"\r\n") else {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within an answer");
        return Err(Garbled::Io(error));
    };
    Ok(String::from_utf8_lossy(text).into_owned())
}

async fn bytes<R: AsyncBufRead + Unpin>(io: &mut R, length: u64, left: &mut u64) -> Result<Vec<u8>, Garbled> {
    spend(left, length.saturating_add(2))?;
    let mut bytes = Vec::new();
    io.take(length + 2).read_to_end(&mut bytes).await?;
    if !bytes.ends_with(b"\r\n") || bytes.len() as u64 != length + 2 {
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within an answer");
        return Err(Garbled::Io(error));
    }
    bytes.truncate(length as usize);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(bytes: &str, max: u64) -> String {
        match read(&mut bytes.as_bytes(), max).await {
            Ok(reply) => format!("{reply:?}"),
            Err(Garbled::TooLarge) => "too large".to_owned(),
            Err(error) => format!("{error:?}"),
        }
    }

    #[tokio::test]
    async fn answers_of_both_versions_are_read() {
        for (bytes, reply) in [
            ("+OK\r\n", "Status(\"OK\")"),
            (":9007199254740993\r\n", "Whole(\"9007199254740993\")"),
            (":-5\r\n", "Whole(\"-5\")"),
            ("(-0012345678901234567890\r\n", "Whole(\"-12345678901234567890\")"),
            ("$2\r\nhi\r\n", "Text([104, 105])"),
            ("$-1\r\n", "Nothing"),
            ("_\r\n", "Nothing"),
            ("*2\r\n:1\r\n*0\r\n", "List([Whole(\"1\"), List([])])"),
            ("%1\r\n+a\r\n,1.5\r\n", "Map([(Status(\"a\"), Double(\"1.5\"))])"),
            ("|1\r\n+ttl\r\n:1\r\n#t\r\n", "Boolean(true)"),
            ("=6\r\ntxt:hi\r\n", "Text([104, 105])"),
            ("!3\r\nERR\r\n", "Error(\"ERR\")"),
        ] {
            assert_eq!(check(bytes, 1000).await, reply);
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_too_large_or_garbled_is_no_answer() {
        let answer = "*2\r\n$3\r\nabc\r\n%1\r\n:1\r\n:2\r\n";
        for length in 0..answer.len() {
            assert!(check(&answer[..length], 1000).await.contains("ended within"), "{length}");
        }
        assert_eq!(check("$99999999\r\n", 10).await, "too large");
        assert_eq!(check(&format!("*99999999\r\n{}", "_\r\n".repeat(10_000)), 10).await, "too large");
        assert!(check("$18446744073709551615\r\n", 10).await.contains("no number"));
        assert_eq!(check("$9223372036854775807\r\n", 10).await, "too large");
        assert!(check(":\r\n", 10).await.contains("a number that is none"));
        assert!(check(":1,2\r\n", 10).await.contains("a number that is none"));
        assert!(check("?\r\n", 10).await.contains("no known kind"));
        assert!(check(&"*1\r\n".repeat(50), 1000).await.contains("too deep"));
        assert!(check("$x\r\n", 10).await.contains("no number"));
    }
}
