use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

use crate::ByteSize;

/// How far decoded text grows at a time.
const STEP: usize = 16 << 10;
/// Gzip files that are put behind each other are one text. Each costs a table to be built, however little is in it.
const MEMBERS_MAX: u32 = 10_000;

/// A content coding of HTTP (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, which is what HTTP calls so.
    Deflate,
}

/// What a body cannot be decoded for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidCoding {
    /// It is larger than allowed.
    TooLarge {
        /// The most that it may come to.
        max: u64,
    },
    /// It ends in the middle.
    CutOff,
    /// It is not what it is said to be.
    Broken(String),
    /// A coding that is not known here, or several.
    Unknown(String),
}

impl fmt::Display for InvalidCoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { max } => {
                write!(f, "it is compressed, and comes to more than {}", ByteSize(*max))
            }
            Self::CutOff => f.write_str("it is compressed, and ends in the middle"),
            Self::Broken(why) => write!(f, "it is said to be compressed, and cannot be decompressed: {why}"),
            Self::Unknown(coding) => {
                write!(f, "it is encoded as `{coding}`; `gzip` and `deflate` are understood")
            }
        }
    }
}

impl std::error::Error for InvalidCoding {}

impl Coding {
    /// What a `Content-Encoding` says; `None` if there is nothing to undo.
    pub fn of(content_encoding: &str) -> Result<Option<Self>, InvalidCoding> {
        let said = content_encoding.trim();
        let one_of = |words: &[&str]| words.iter().any(|word| said.eq_ignore_ascii_case(word));
        if one_of(&["", "identity"]) {
            Ok(None)
        } else if one_of(&["gzip", "x-gzip"]) {
            Ok(Some(Self::Gzip))
        } else if one_of(&["deflate"]) {
            Ok(Some(Self::Deflate))
        } else {
            Err(InvalidCoding::Unknown(said.chars().filter(|c| !c.is_control()).take(40).collect()))
        }
    }

    fn begin(self) -> Decompress {
        match self {
            Self::Gzip => Decompress::new_gzip(15),
            Self::Deflate => Decompress::new(true),
        }
    }
}

/// Undoes a coding piece by piece. What it comes to is bounded, however little it was made of.
pub struct Decoding {
    coding: Coding,
    state: Decompress,
    decoded: Vec<u8>,
    max: u64,
    /// Nothing came, or all that came is whole.
    is_whole: bool,
    members: u32,
}

impl Decoding {
    /// Of a text of at most `max` bytes.
    pub fn new(coding: Coding, max: u64) -> Self {
        Self { coding, state: coding.begin(), decoded: Vec::new(), max, is_whole: true, members: 0 }
    }

    /// Takes the next piece of what was encoded.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), InvalidCoding> {
        while !piece.is_empty() {
            if self.is_whole {
                if self.members > 0 && self.ends_with(piece) {
                    return Ok(());
                }
                self.begin_member()?;
            }
            let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
            self.decoded.reserve(STEP);
            let status = self
                .state
                .decompress_vec(piece, &mut self.decoded, FlushDecompress::None)
                .map_err(|error| InvalidCoding::Broken(error.to_string()))?;
            if self.decoded.len() as u64 > self.max {
                return Err(InvalidCoding::TooLarge { max: self.max });
            }
            let taken = usize::try_from(self.state.total_in() - before_in).unwrap_or(piece.len());
            piece = piece.get(taken..).unwrap_or_default();
            self.is_whole = status == Status::StreamEnd;
            if !self.is_whole && taken == 0 && self.state.total_out() == before_out {
                return Err(InvalidCoding::Broken("it does not go on".to_owned()));
            }
        }
        Ok(())
    }

    /// Whether what stands behind a whole text is no text any more: nothing may stand behind `deflate`, and gzip may be
    /// filled up with zeros.
    fn ends_with(&self, piece: &[u8]) -> bool {
        self.coding == Coding::Gzip && piece.iter().all(|byte| *byte == 0)
    }

    fn begin_member(&mut self) -> Result<(), InvalidCoding> {
        if self.members > 0 && self.coding == Coding::Deflate {
            return Err(InvalidCoding::Broken("something stands behind its end".to_owned()));
        }
        if self.members == MEMBERS_MAX {
            return Err(InvalidCoding::Broken(format!("it has more than {MEMBERS_MAX} members")));
        }
        if self.members > 0 {
            self.state = self.coding.begin();
        }
        self.members += 1;
        Ok(())
    }

    /// All that was decoded, if it came whole.
    pub fn finish(mut self) -> Result<Vec<u8>, InvalidCoding> {
        // What fitted exactly may still be inside.
        while !self.is_whole {
            let before = self.state.total_out();
            self.decoded.reserve(STEP);
            let status = self.state.decompress_vec(&[], &mut self.decoded, FlushDecompress::None);
            self.is_whole = matches!(status, Ok(Status::StreamEnd));
            if self.decoded.len() as u64 > self.max {
                return Err(InvalidCoding::TooLarge { max: self.max });
            }
            if !self.is_whole && self.state.total_out() == before {
                return Err(InvalidCoding::CutOff);
            }
        }
        Ok(self.decoded)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Whole, and in pieces of each length, it comes to the same.
    fn check(coding: Coding, encoded: &[u8]) -> Result<Vec<u8>, InvalidCoding> {
        let decode = |length: usize| {
            let mut decoding = Decoding::new(coding, 100_000);
            for piece in encoded.chunks(length) {
                decoding.push(piece)?;
            }
            decoding.finish()
        };
        let whole = decode(encoded.len().max(1));
        for length in [1, 2, 7, 1000] {
            assert_eq!(decode(length), whole, "in pieces of {length}");
        }
        whole
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let text = "a lead, enriched and scored; ".repeat(1000).into_bytes();
        assert_eq!(check(Coding::Gzip, &gzip(&text)).unwrap(), text);
        assert_eq!(check(Coding::Deflate, &deflate(&text)).unwrap(), text);
        assert_eq!(check(Coding::Gzip, &gzip(b"")).unwrap(), b"");
        assert_eq!(check(Coding::Gzip, b"").unwrap(), b"", "an answer without a body");
    }

    #[test]
    fn members_are_one_text_and_zeros_may_follow() {
        let members = [gzip(b"one "), gzip(b"two"), vec![0; 40]].concat();
        assert_eq!(check(Coding::Gzip, &members).unwrap(), b"one two");
        let behind = [deflate(b"one"), b"two".to_vec()].concat();
        assert!(matches!(check(Coding::Deflate, &behind), Err(InvalidCoding::Broken(_))));
        assert!(matches!(
            check(Coding::Gzip, &[gzip(b"one"), b"two".to_vec()].concat()),
            Err(InvalidCoding::Broken(_))
        ));
        let many = gzip(b"").repeat(MEMBERS_MAX as usize + 1);
        let mut decoding = Decoding::new(Coding::Gzip, 10);
        assert!(matches!(decoding.push(&many), Err(InvalidCoding::Broken(_))));
    }

    #[test]
    fn what_is_cut_off_anywhere_is_said_to_be() {
        let whole = gzip(&"never half of it ".repeat(50).into_bytes());
        for length in 1..whole.len() {
            assert_eq!(check(Coding::Gzip, &whole[..length]), Err(InvalidCoding::CutOff), "{length}");
        }
        let whole = deflate(b"never half of it");
        for length in 1..whole.len() {
            assert_eq!(check(Coding::Deflate, &whole[..length]), Err(InvalidCoding::CutOff), "{length}");
        }
    }

    #[test]
    fn what_was_changed_on_the_way_is_refused() {
        let mut changed = gzip(b"total: 100");
        let sum = changed.len() - 8;
        changed[sum] ^= 1;
        assert!(matches!(check(Coding::Gzip, &changed), Err(InvalidCoding::Broken(_))));
        assert!(matches!(check(Coding::Gzip, b"{\"total\":100}"), Err(InvalidCoding::Broken(_))));
        assert!(matches!(check(Coding::Deflate, b"{\"total\":100}"), Err(InvalidCoding::Broken(_))));
    }

    #[test]
    fn a_bomb_is_given_up_at_the_bound() {
        let bomb = gzip(&vec![b' '; 50_000_000]);
        assert!(bomb.len() < 60_000, "{}", bomb.len());
        let mut decoding = Decoding::new(Coding::Gzip, 100_000);
        assert_eq!(decoding.push(&bomb), Err(InvalidCoding::TooLarge { max: 100_000 }));
        assert!(decoding.decoded.capacity() < 500_000, "{}", decoding.decoded.capacity());
    }

    #[test]
    fn codings_are_known_by_their_names() {
        assert_eq!(Coding::of("gzip"), Ok(Some(Coding::Gzip)));
        assert_eq!(Coding::of(" X-GZip "), Ok(Some(Coding::Gzip)));
        assert_eq!(Coding::of("deflate"), Ok(Some(Coding::Deflate)));
        assert_eq!(Coding::of("identity"), Ok(None));
        assert_eq!(Coding::of("br"), Err(InvalidCoding::Unknown("br".to_owned())));
        assert_eq!(Coding::of("gzip, gzip"), Err(InvalidCoding::Unknown("gzip, gzip".to_owned())));
    }
}
