use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

/// A packet is shorter than this; longer messages come in several, which are neither read nor sent.
pub(super) const PACKET_MAX: usize = 0xff_ffff;

/// Why a packet was not read.
#[derive(Debug)]
pub(super) enum Unread {
    /// The connection broke.
    Io(std::io::Error),
    /// It is larger than allowed. What follows in the connection is the rest of it.
    TooLarge(usize),
}

/// A connection cut into packets: three bytes of length, one that counts, the rest.
pub(super) struct Packets<S> {
    pub(super) io: S,
    sequence: u8,
    /// The most bytes of a packet that is read.
    pub(super) max: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    pub(super) fn new(io: S, sequence: u8, max: usize) -> Self {
        Self { io, sequence, max: max.min(PACKET_MAX - 1) }
    }

    /// What it is made of, to go on with over something else.
    pub(super) fn into_parts(self) -> (S, u8) {
        (self.io, self.sequence)
    }

    pub(super) async fn read(&mut self) -> Result<Vec<u8>, Unread> {
        let mut head = [0; 4];
        self.io.read_exact(&mut head).await.map_err(Unread::Io)?;
        let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        if length > self.max {
            return Err(Unread::TooLarge(self.max));
        }
        self.sequence = head[3].wrapping_add(1);
        let mut packet = vec![0; length];
        self.io.read_exact(&mut packet).await.map_err(Unread::Io)?;
        Ok(packet)
    }

    /// Sends a packet of less than [`PACKET_MAX`] bytes.
    pub(super) async fn write(&mut self, packet: &[u8]) -> std::io::Result<()> {
        if packet.len() >= PACKET_MAX {
            return Err(std::io::Error::other("a message of more than 16 MiB"));
        }
        let mut whole = Zeroizing::new(Vec::with_capacity(packet.len() + 4));
        whole.extend_from_slice(&(packet.len() as u32).to_le_bytes()[..3]);
        whole.push(self.sequence);
        whole.extend_from_slice(packet);
        self.sequence = self.sequence.wrapping_add(1);
        self.io.write_all(&whole).await?;
        self.io.flush().await
    }

    /// Begins a command: packets are counted anew.
    pub(super) async fn command(&mut self, packet: &[u8]) -> std::io::Result<()> {
        self.sequence = 0;
        self.write(packet).await
    }
}

/// What is left of a packet. What is not there reads as nothing, and is found out by [`Bytes::is_short`].
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
    short: bool,
}

impl<'a> Bytes<'a> {
    pub(super) fn new(rest: &'a [u8]) -> Self {
        Self { rest, short: false }
    }

    /// Whether more was read than there is.
    pub(super) fn is_short(&self) -> bool {
        self.short
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, length: usize) -> &'a [u8] {
        if let Some((taken, rest)) = self.rest.split_at_checked(length) {
            self.rest = rest;
            return taken;
        }
        self.spoil();
        &[]
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap_or([0; N])
    }

    pub(super) fn u8(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(super) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// A number of as many bytes as it needs.
    pub(super) fn number(&mut self) -> u64 {
        match self.u8() {
            0xfc => u64::from(self.u16()),
            0xfd => {
                let [a, b, c] = self.array();
                u64::from(u32::from_le_bytes([a, b, c, 0]))
            }
            0xfe => u64::from_le_bytes(self.array()),
            small => u64::from(small),
        }
    }

    /// Bytes behind their length.
    pub(super) fn counted(&mut self) -> &'a [u8] {
        let length = self.number();
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Says that something is not as it has to be.
    pub(super) fn spoil(&mut self) {
        (self.short, self.rest) = (true, &[]);
    }

    /// Bytes before a zero.
    pub(super) fn terminated(&mut self) -> &'a [u8] {
        let length = self.rest.iter().position(|byte| *byte == 0);
        let taken = self.take(length.unwrap_or(self.rest.len()));
        if length.is_some() {
            self.take(1);
        }
        taken
    }
}

/// Writes bytes behind their length.
pub(super) fn put_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    match bytes.len() {
        short @ 0..=250 => out.push(short as u8),
        middle @ 251..=0xffff => {
            out.push(0xfc);
            out.extend_from_slice(&(middle as u16).to_le_bytes());
        }
        long => {
            out.push(0xfd);
            out.extend_from_slice(&(long as u32).to_le_bytes()[..3]);
        }
    }
    out.extend_from_slice(bytes);
}

/// `mysql_native_password`: SHA1(password) xor SHA1(challenge, SHA1(SHA1(password))).
pub(super) fn native_password(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let once = sha1(password);
    let twice = sha1(once.as_ref());
    let mixed = sha1(&[challenge, twice.as_ref()].concat());
    once.as_ref().iter().zip(mixed.as_ref()).map(|(a, b)| a ^ b).collect()
}

/// `caching_sha2_password`: SHA256(password) xor SHA256(SHA256(SHA256(password)), challenge).
pub(super) fn caching_sha2_password(password: &[u8], challenge: &[u8]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let sha256 = |bytes: &[u8]| digest(&SHA256, bytes);
    let once = sha256(password);
    let twice = sha256(once.as_ref());
    let mixed = sha256(&[twice.as_ref(), challenge].concat());
    once.as_ref().iter().zip(mixed.as_ref()).map(|(a, b)| a ^ b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    #[test]
    fn a_password_is_proved_without_being_shown() {
        let challenge: Vec<u8> = (1..=20).collect();
        for (proof, expected) in [
            (native_password(b"secret", &challenge), "b32bb3a583e1340c0a1108d58b1be49781ad8c2f"),
            (
                caching_sha2_password(b"secret", &challenge),
                "746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9",
            ),
            (native_password(b"", &challenge), ""),
            (caching_sha2_password(b"", &challenge), ""),
        ] {
            assert_eq!(hex(&proof), expected);
        }
    }

    #[tokio::test]
    async fn packets_are_cut_where_their_length_says_and_no_larger_than_allowed() {
        let (mut ours, theirs) = tokio::io::duplex(1024);
        ours.write_all(b"\x02\0\0\x05hi\xff\0\0\x06").await.unwrap();
        let mut packets = Packets::new(theirs, 0, 100);
        assert_eq!(packets.read().await.unwrap(), b"hi");
        packets.write(b"ho").await.unwrap();
        let mut said = [0; 6];
        ours.read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"\x02\0\0\x06ho", "it goes on counting");
        assert!(matches!(packets.read().await, Err(Unread::TooLarge(100))));
    }

    #[test]
    fn what_is_cut_off_reads_as_nothing_and_says_so() {
        for (bytes, number) in [
            (&b"\x05"[..], Some(5)),
            (b"\xfc\x01\x02", Some(0x201)),
            (b"\xfd\x01\x02\x03", Some(0x30201)),
            (b"\xfe\x01\0\0\0\0\0\0\0", Some(1)),
            (b"", None),
            (b"\xfc\x01", None),
            (b"\xfe\xff", None),
        ] {
            let mut bytes = Bytes::new(bytes);
            let read = bytes.number();
            assert_eq!((!bytes.is_short()).then_some(read), number);
        }
        let mut bytes = Bytes::new(b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff");
        assert!(bytes.counted().is_empty() && bytes.is_short());
    }
}
