//! SFTP in version 3 (draft-ietf-secsh-filexfer-02), the part of it that is needed: what is asked, and what is answered.

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// The longest packet: a piece of a file, or names of a folder.
const PACKET_MAX: usize = 256 * 1024;

/// What is asked, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Ask {
    Init = 1,
    Open = 3,
    Close = 4,
    Read = 5,
    Write = 6,
    Fstat = 8,
    OpenFolder = 11,
    ReadFolder = 12,
    Remove = 13,
    MakeFolder = 14,
    Stat = 17,
    Rename = 18,
    Extended = 200,
}

/// How it went, by number. Servers say [`EXISTS`](status::EXISTS) though it is of a later version.
pub(super) mod status {
    pub(in super::super) const DONE: u32 = 0;
    pub(in super::super) const END: u32 = 1;
    pub(in super::super) const NOT_THERE: u32 = 2;
    pub(in super::super) const DENIED: u32 = 3;
    pub(in super::super) const NO_CONNECTION: u32 = 6;
    pub(in super::super) const LOST: u32 = 7;
    pub(in super::super) const UNSUPPORTED: u32 = 8;
    pub(in super::super) const EXISTS: u32 = 11;
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// How it went, by number and in words.
    Status(u32, String),
    Handle(Vec<u8>),
    Data(Bytes),
    Names(Vec<Named>),
    Attributes(Attributes),
}

/// A file of a folder.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: Vec<u8>,
    /// As `ls -l` shows it.
    pub(super) long: Vec<u8>,
    pub(super) attributes: Attributes,
}

/// What is said of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Attributes {
    pub(super) size: Option<u64>,
    /// Kind and permissions, as Unix has them.
    pub(super) mode: Option<u32>,
    /// In seconds.
    pub(super) modified: Option<u32>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Unread {
    Io(std::io::Error),
    /// It does not keep to the protocol.
    Garbled,
}

impl From<std::io::Error> for Unread {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// A connection cut into packets.
pub(super) struct Wire<S> {
    io: S,
    next: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    /// Agrees on the version; gives the names of what the server can do beyond it.
    pub(super) async fn begin(mut io: S) -> Result<(Self, Vec<Vec<u8>>), Unread> {
        io.write_all(&[0, 0, 0, 5, Ask::Init as u8, 0, 0, 0, 3]).await?;
        io.flush().await?;
        let mut wire = Self { io, next: 0 };
        let packet = wire.packet().await?;
        let mut fields = Fields(&packet);
        let (kind, version) = (fields.u8()?, fields.u32()?);
        if kind != 2 || version < 3 {
            return Err(Unread::Garbled);
        }
        let mut extensions = Vec::new();
        while !fields.0.is_empty() {
            extensions.push(fields.text()?.to_vec());
            fields.text()?;
        }
        Ok((wire, extensions))
    }

    /// Asks for something; gives the number by which it is answered.
    pub(super) async fn ask(&mut self, ask: Ask, parts: &[Part<'_>]) -> Result<u32, Unread> {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let mut out = vec![0, 0, 0, 0, ask as u8];
        out.extend_from_slice(&id.to_be_bytes());
        for part in parts {
            match part {
                Part::U32(number) => out.extend_from_slice(&number.to_be_bytes()),
                Part::U64(number) => out.extend_from_slice(&number.to_be_bytes()),
                Part::Text(bytes) => {
                    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
                    out.extend_from_slice(bytes);
                }
            }
        }
        let length = (out.len() - 4) as u32;
        out[..4].copy_from_slice(&length.to_be_bytes());
        self.io.write_all(&out).await?;
        self.io.flush().await?;
        Ok(id)
    }

    /// The next answer, and what it answers.
    pub(super) async fn answer(&mut self) -> Result<(u32, Answer), Unread> {
        let packet = self.packet().await?;
        let mut fields = Fields(&packet);
        let (kind, id) = (fields.u8()?, fields.u32()?);
        let answer = match kind {
            101 => Answer::Status(
                fields.u32()?,
                String::from_utf8_lossy(fields.text().unwrap_or_default()).into_owned(),
            ),
            102 => Answer::Handle(fields.text()?.to_vec()),
            103 => {
                let length = fields.text()?.len();
                let begin = packet.len() - fields.0.len() - length;
                Answer::Data(Bytes::from(packet).slice(begin..begin + length))
            }
            104 => {
                let mut names = Vec::new();
                for _ in 0..fields.u32()? {
                    let (name, long) = (fields.text()?.to_vec(), fields.text()?.to_vec());
                    names.push(Named { name, long, attributes: fields.attributes()? });
                }
                Answer::Names(names)
            }
            105 => Answer::Attributes(fields.attributes()?),
            _ => return Err(Unread::Garbled),
        };
        Ok((id, answer))
    }

    async fn packet(&mut self) -> Result<Vec<u8>, Unread> {
        let length = self.io.read_u32().await? as usize;
        if length == 0 || length > PACKET_MAX {
            return Err(Unread::Garbled);
        }
        let mut packet = vec![0; length];
        self.io.read_exact(&mut packet).await?;
        Ok(packet)
    }
}

/// A part of what is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part<'a> {
    U32(u32),
    U64(u64),
    Text(&'a [u8]),
}

/// What is left of a packet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Unread> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unread::Garbled)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Unread> {
        Ok(self.take(1)?[0])
    }

    fn u32(&mut self) -> Result<u32, Unread> {
        self.take(4)?.try_into().map(u32::from_be_bytes).map_err(|_| Unread::Garbled)
    }

    fn u64(&mut self) -> Result<u64, Unread> {
        self.take(8)?.try_into().map(u64::from_be_bytes).map_err(|_| Unread::Garbled)
    }

    fn text(&mut self) -> Result<&'a [u8], Unread> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    fn attributes(&mut self) -> Result<Attributes, Unread> {
        let (flags, mut said) = (self.u32()?, Attributes::default());
        if flags & 1 != 0 {
            said.size = Some(self.u64()?);
        }
        if flags & 2 != 0 {
            self.take(8)?;
        }
        if flags & 4 != 0 {
            said.mode = Some(self.u32()?);
        }
        if flags & 8 != 0 {
            self.u32()?;
            said.modified = Some(self.u32()?);
        }
        if flags & 0x8000_0000 != 0 {
            for _ in 0..self.u32()? {
                self.text()?;
                self.text()?;
            }
        }
        Ok(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client makes of what a server sends after the versions.
    async fn check(bytes: &[u8]) -> Result<(u32, Answer), String> {
        let (ours, mut theirs) = tokio::io::duplex(100_000);
        theirs.write_all(&[0, 0, 0, 5, 2, 0, 0, 0, 3]).await.unwrap();
        theirs.write_all(bytes).await.unwrap();
        let mut said = [0; 9];
        let (mut wire, extensions) = Wire::begin(ours).await.unwrap();
        theirs.read_exact(&mut said).await.unwrap();
        assert!(extensions.is_empty());
        drop(theirs);
        wire.answer().await.map_err(|why| format!("{why:?}"))
    }

    #[tokio::test]
    async fn answers_are_read_as_they_are_sent() {
        let text = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
        let packet = |kind: u8, body: &[u8]| {
            let length = (body.len() + 5) as u32;
            [&length.to_be_bytes()[..], &[kind, 0, 0, 0, 7], body].concat()
        };
        let status = [&[0, 0, 0, 2][..], &text("No such file"), &text("en")].concat();
        let names = [
            &[0, 0, 0, 1][..],
            &text("a.csv"),
            &text("-rw-r--r--"),
            &[0, 0, 0, 0x0d, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0x81, 0xa4, 0, 0, 0, 1, 0, 0, 0, 2],
        ]
        .concat();
        let attributes = Attributes { size: Some(9), mode: Some(0o100_644), modified: Some(2) };
        let named = Named { name: b"a.csv".to_vec(), long: b"-rw-r--r--".to_vec(), attributes };
        for (sent, answer) in [
            (packet(101, &status), Answer::Status(2, "No such file".to_owned())),
            (packet(102, &text("\0h")), Answer::Handle(b"\0h".to_vec())),
            (packet(103, &text("data")), Answer::Data(Bytes::from_static(b"data"))),
            (packet(104, &names), Answer::Names(vec![named])),
        ] {
            assert_eq!(check(&sent).await, Ok((7, answer)));
            for length in 0..sent.len() {
                assert!(check(&sent[..length]).await.is_err(), "{length}");
            }
        }
        for garbled in [
            packet(104, &[0xff, 0xff, 0xff, 0xff]),
            packet(103, &[0xff, 0xff, 0xff, 0xff, 1]),
            packet(99, &[]),
            vec![0, 0, 0, 0],
            vec![0xff, 0xff, 0xff, 0xff],
        ] {
            assert_eq!(check(&garbled).await, Err("Garbled".to_owned()));
        }
    }
}
