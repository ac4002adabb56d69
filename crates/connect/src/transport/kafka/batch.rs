//! Records, and the batches that they are kept in (Kafka's documentation, "Record Batch"; magic 2).
//!
//! What is compressed is opened piece by piece as records are taken: a batch takes no more memory than its own bytes and
//! one record, whatever it grows to.

use std::io::{self, BufReader, Cursor, Read};

use bytes::{Buf as _, Bytes};
use flate2::read::MultiGzDecoder;

use crate::transport::{TransportError, TransportErrorKind as Kind};

/// The head of a batch, up to its records.
pub(super) const HEAD: usize = 61;
/// Where that begins which the checksum is of.
const CHECKED: usize = 21;
const MAGIC: i8 = 2;
/// What a record may have beside its value.
const RECORD_OVER: usize = 64 << 10;
/// The most bytes that what is in a batch comes to.
const INFLATED_MAX: u64 = 256 << 20;
/// The most bytes of a piece that was compressed by Snappy as one.
const SNAPPY_MAX: usize = 32 << 20;
/// How pieces compressed by Snappy begin when Java wrote them; then follow two versions.
const XERIAL: &[u8] = b"\x82SNAPPY\0";

// Attributes of a batch.
const COMPRESSION: i16 = 0x07;
const APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// A record to be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewRecord<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: &'a [u8],
    pub(super) headers: &'a [(&'a str, &'a str)],
    /// In milliseconds.
    pub(super) at: i64,
}

impl NewRecord<'_> {
    /// A batch of this one record.
    pub(super) fn batch(&self) -> Vec<u8> {
        let mut record = vec![0];
        put_number(&mut record, 0);
        put_number(&mut record, 0);
        put_bytes(&mut record, self.key);
        put_bytes(&mut record, Some(self.value));
        put_number(&mut record, self.headers.len() as i64);
        for (name, value) in self.headers {
            put_bytes(&mut record, Some(name.as_bytes()));
            put_bytes(&mut record, Some(value.as_bytes()));
        }
        let mut checked = Vec::with_capacity(record.len() + HEAD);
        // No compression; one record; no producer that would be known by a number.
        checked.extend_from_slice(&0_i16.to_be_bytes());
        checked.extend_from_slice(&0_i32.to_be_bytes());
        checked.extend_from_slice(&self.at.to_be_bytes());
        checked.extend_from_slice(&self.at.to_be_bytes());
        checked.extend_from_slice(&(-1_i64).to_be_bytes());
        checked.extend_from_slice(&(-1_i16).to_be_bytes());
        checked.extend_from_slice(&(-1_i32).to_be_bytes());
        checked.extend_from_slice(&1_i32.to_be_bytes());
        put_number(&mut checked, record.len() as i64);
        checked.extend_from_slice(&record);
        let mut batch = 0_i64.to_be_bytes().to_vec();
        batch.extend_from_slice(&(checked.len() as i32 + 9).to_be_bytes());
        batch.extend_from_slice(&(-1_i32).to_be_bytes());
        batch.extend_from_slice(&MAGIC.to_be_bytes());
        batch.extend_from_slice(&crc32c::crc32c(&checked).to_be_bytes());
        batch.extend_from_slice(&checked);
        batch
    }
}

/// A number in as many bytes as it needs, the sign in the lowest bit.
fn put_number(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn put_bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_number(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// What the head of a batch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) first: i64,
    /// The offset of the last record that there was, if some are gone.
    pub(super) last: i64,
    /// How many bytes follow behind the first twelve.
    pub(super) length: usize,
    magic: i8,
    checksum: u32,
    attributes: i16,
    pub(super) begun_at: i64,
    appended_at: i64,
    pub(super) producer: i64,
    count: i32,
}

impl Head {
    /// Reads a head; nothing if not all of it is there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut head = bytes.get(..HEAD)?;
        let first = head.get_i64();
        let length = usize::try_from(head.get_i32()).unwrap_or(usize::MAX);
        head.advance(4);
        let (magic, checksum, attributes) = (head.get_i8(), head.get_u32(), head.get_i16());
        let last = first.saturating_add(i64::from(head.get_i32().max(0)));
        let (begun_at, appended_at, producer) = (head.get_i64(), head.get_i64(), head.get_i64());
        head.advance(6);
        let count = head.get_i32();
        Some(Self {
            first,
            last,
            length,
            magic,
            checksum,
            attributes,
            begun_at,
            appended_at,
            producer,
            count,
        })
    }

    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// It holds no records but the word that a transaction has ended.
    pub(super) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }
}

/// A record as it was kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) offset: i64,
    /// In milliseconds.
    pub(super) at: i64,
    pub(super) key: Option<Bytes>,
    /// None for what takes the place of a record that is to be forgotten.
    pub(super) value: Option<Bytes>,
    pub(super) headers: Vec<(String, Bytes)>,
}

/// What is next in a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Record(Record),
    /// A record that is larger than what is taken.
    TooLarge {
        offset: i64,
        at: i64,
        bytes: u64,
    },
}

/// A batch while it is read.
pub(super) struct Batch {
    pub(super) head: Head,
    left: i32,
    /// What is in it, until it is opened: what opens it takes memory, too.
    closed: Bytes,
    records: Option<Box<dyn Read + Send>>,
}

impl Batch {
    /// Takes the next batch of those that a broker gives. Nothing if no whole one is left: the last may be cut off.
    pub(super) fn take(bytes: &mut Bytes) -> Result<Option<Self>, TransportError> {
        let Some(head) = Head::read(bytes) else { return Ok(None) };
        let Some(end) = head.length.checked_add(12).filter(|end| *end <= bytes.len()) else {
            return Ok(None);
        };
        if head.magic != MAGIC {
            let words = "the records are kept as before Kafka 0.11, which is not read";
            return Err(TransportError::new(Kind::Refused, words));
        }
        if end < HEAD || head.count < 0 {
            return Err(garbled("a batch is shorter than its head"));
        }
        let mut batch = bytes.split_to(end);
        if crc32c::crc32c(&batch[CHECKED..]) != head.checksum {
            return Err(garbled("a batch does not have its checksum"));
        }
        batch.advance(HEAD);
        Ok(Some(Self { head, left: head.count, closed: batch, records: None }))
    }

    fn open(&mut self) -> Result<Box<dyn Read + Send>, TransportError> {
        let batch = std::mem::take(&mut self.closed);
        let records: Box<dyn Read + Send> = match self.head.attributes & COMPRESSION {
            0 => Box::new(batch.reader()),
            1 => Box::new(BufReader::new(MultiGzDecoder::new(batch.reader()))),
            2 => Box::new(Snappy::new(batch)),
            3 => Box::new(lz4_flex::frame::FrameDecoder::new(batch.reader())),
            4 => {
                let opened = ruzstd::decoding::StreamingDecoder::new(batch.reader());
                let opened = opened.map_err(|error| garbled(&error.to_string()))?;
                Box::new(BufReader::new(opened))
            }
            _ => return Err(garbled("a batch is compressed by nothing that is known")),
        };
        Ok(Box::new(records.take(INFLATED_MAX)))
    }

    /// The next record, if its value has no more than so many bytes.
    pub(super) fn next(&mut self, value_max: usize) -> Result<Option<Next>, TransportError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut records = match self.records.take() {
            Some(records) => records,
            None => self.open()?,
        };
        let next = self.read_next(&mut records, value_max);
        self.records = Some(records);
        next.map(Some)
    }

    fn read_next(
        &self,
        records: &mut Box<dyn Read + Send>,
        value_max: usize,
    ) -> Result<Next, TransportError> {
        let length = number(records).map_err(|error| garbled(&error.to_string()))?;
        let length = u64::try_from(length).map_err(|_| garbled("a record is shorter than nothing"))?;
        let mut record = records.by_ref().take(length);
        if length > value_max.saturating_add(RECORD_OVER) as u64 {
            let (offset, at) = self.begin(&mut record).map_err(|_| garbled("a record is not whole"))?;
            io::copy(&mut record, &mut io::sink()).map_err(|error| garbled(&error.to_string()))?;
            if record.limit() > 0 {
                return Err(garbled("a record is cut off"));
            }
            return Ok(Next::TooLarge { offset, at, bytes: length });
        }
        let mut bytes = Vec::new();
        record.read_to_end(&mut bytes).map_err(|error| garbled(&error.to_string()))?;
        if (bytes.len() as u64) < length {
            return Err(garbled("a record is cut off"));
        }
        let read = self.record(Bytes::from(bytes)).map_err(|_| garbled("a record is not whole"))?;
        Ok(Next::Record(read))
    }

    /// The offset of a record, and its time.
    fn begin(&self, record: &mut impl Read) -> io::Result<(i64, i64)> {
        record.read_exact(&mut [0])?;
        let later = number(record)?;
        let at = match self.head.attributes & APPEND_TIME {
            0 => self.head.begun_at.saturating_add(later),
            _ => self.head.appended_at,
        };
        Ok((self.head.first.saturating_add(number(record)?), at))
    }

    fn record(&self, bytes: Bytes) -> io::Result<Record> {
        let mut rest = Cursor::new(bytes);
        let (offset, at) = self.begin(&mut rest)?;
        let (key, value) = (some_bytes(&mut rest)?, some_bytes(&mut rest)?);
        let mut headers = Vec::new();
        for _ in 0..number(&mut rest)?.max(0) {
            let name = some_bytes(&mut rest)?.unwrap_or_default();
            let value = some_bytes(&mut rest)?.unwrap_or_default();
            headers.push((String::from_utf8_lossy(&name).into_owned(), value));
        }
        Ok(Record { offset, at, key, value, headers })
    }
}

fn garbled(what: &str) -> TransportError {
    TransportError::new(Kind::Unusable, format!("what the broker gives cannot be read: {what}"))
}

fn number(from: &mut impl Read) -> io::Result<i64> {
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        number |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] & 0x80 == 0 {
            return Ok((number >> 1) as i64 ^ -((number & 1) as i64));
        }
        shift += 7;
        if shift > 63 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

fn some_bytes(from: &mut Cursor<Bytes>) -> io::Result<Option<Bytes>> {
    let Ok(length) = usize::try_from(number(from)?) else { return Ok(None) };
    let begin = from.position() as usize;
    let end = begin.checked_add(length).filter(|end| *end <= from.get_ref().len());
    let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
    from.set_position(end as u64);
    Ok(Some(from.get_ref().slice(begin..end)))
}

/// Pieces that Snappy compressed: all as one, or one after the other as Java writes them.
struct Snappy {
    input: Bytes,
    in_pieces: bool,
    piece: Cursor<Vec<u8>>,
}

impl Snappy {
    fn new(mut input: Bytes) -> Self {
        let in_pieces = input.starts_with(XERIAL) && input.len() >= 16;
        if in_pieces {
            input.advance(16);
        }
        Self { input, in_pieces, piece: Cursor::default() }
    }

    fn next(&mut self) -> io::Result<Vec<u8>> {
        let length = if self.in_pieces {
            let length =
                self.input.get(..4).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
            let length = length.ok_or(io::ErrorKind::UnexpectedEof)? as usize;
            self.input.advance(4);
            length
        } else {
            self.input.len()
        };
        if length > self.input.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let compressed = self.input.split_to(length);
        if snap::raw::decompress_len(&compressed).map_err(io::Error::from)? > SNAPPY_MAX {
            return Err(io::Error::other("a piece is too large"));
        }
        snap::raw::Decoder::new().decompress_vec(&compressed).map_err(io::Error::from)
    }
}

impl Read for Snappy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() || self.input.is_empty() {
                return Ok(read);
            }
            self.piece = Cursor::new(self.next()?);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const HEADERS: &[(&str, &str)] = &[("tenant", "t1")];

    fn new(value: &str) -> Vec<u8> {
        NewRecord { key: Some(b"k"), value: value.as_bytes(), headers: HEADERS, at: 1_700_000_000_000 }
            .batch()
    }

    /// The same batch, its records made into these bytes, with these attributes.
    fn changed(batch: &[u8], attributes: i16, change: impl Fn(&[u8]) -> Vec<u8>) -> Bytes {
        let mut changed = batch[..HEAD].to_vec();
        changed.extend(change(&batch[HEAD..]));
        changed[21..23].copy_from_slice(&attributes.to_be_bytes());
        let length = changed.len() as i32 - 12;
        changed[8..12].copy_from_slice(&length.to_be_bytes());
        let checksum = crc32c::crc32c(&changed[CHECKED..]);
        changed[17..21].copy_from_slice(&checksum.to_be_bytes());
        Bytes::from(changed)
    }

    /// What the first record of a batch says.
    fn check(mut batch: Bytes) -> Result<String, Kind> {
        let read =
            Batch::take(&mut batch).and_then(|batch| batch.map(|mut batch| batch.next(100)).transpose());
        match read.map_err(|error| error.kind)?.flatten() {
            Some(Next::Record(record)) => {
                assert_eq!((record.offset, record.at), (0, 1_700_000_000_000));
                assert_eq!(record.key.as_deref(), Some(&b"k"[..]));
                assert_eq!(record.headers, [("tenant".to_owned(), Bytes::from_static(b"t1"))]);
                Ok(String::from_utf8(record.value.unwrap().to_vec()).unwrap())
            }
            Some(Next::TooLarge { offset, at, bytes }) => {
                assert_eq!((offset, at), (0, 1_700_000_000_000));
                Ok(format!("{bytes} bytes"))
            }
            None => Ok("nothing".to_owned()),
        }
    }

    #[test]
    fn a_record_comes_back_however_it_was_compressed() {
        let batch = new("hello");
        let gzip = |plain: &[u8]| {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            gzip.write_all(plain).unwrap();
            gzip.finish().unwrap()
        };
        let snappy = |plain: &[u8]| snap::raw::Encoder::new().compress_vec(plain).unwrap();
        let java = |plain: &[u8]| {
            let mut pieces = [XERIAL, &[0, 0, 0, 1, 0, 0, 0, 1]].concat();
            for piece in plain.chunks(7) {
                let piece = snappy(piece);
                pieces.extend((piece.len() as u32).to_be_bytes());
                pieces.extend(piece);
            }
            pieces
        };
        let lz4 = |plain: &[u8]| {
            let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
            lz4.write_all(plain).unwrap();
            lz4.finish().unwrap()
        };
        let zstd = |plain: &[u8]| {
            ruzstd::encoding::compress_to_vec(plain, ruzstd::encoding::CompressionLevel::Fastest)
        };
        let check = |compression: i16, way: &dyn Fn(&[u8]) -> Vec<u8>| {
            let batch = changed(&batch, compression, way);
            assert_eq!(check(batch.clone()), Ok("hello".to_owned()), "{compression}");
            // A batch that is cut off is left for the next time.
            assert_eq!(check(batch.slice(..batch.len() - 1)), Ok("nothing".to_owned()));
        };
        check(0, &<[u8]>::to_vec);
        check(1, &gzip);
        check(2, &snappy);
        check(2, &java);
        check(3, &lz4);
        check(4, &zstd);
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let batch = new("hello");
        let mut other = batch.clone();
        *other.last_mut().unwrap() ^= 1;
        assert_eq!(check(other.into()), Err(Kind::Unusable), "the checksum");
        for compression in [1, 2, 3, 4, 5] {
            assert_eq!(
                check(changed(&batch, compression, <[u8]>::to_vec)),
                Err(Kind::Unusable),
                "{compression}"
            );
        }
        for cut in 0..batch.len() - HEAD {
            let cut_off = changed(&batch, 0, |plain| plain[..cut].to_vec());
            assert_eq!(check(cut_off), Err(Kind::Unusable), "{cut}");
        }
        let long = changed(&batch, 0, |_| vec![0xff; 30]);
        assert_eq!(check(long), Err(Kind::Unusable), "a number without an end");
        let mut old = batch.clone();
        old[16] = 1;
        assert_eq!(check(old.into()), Err(Kind::Refused));
    }

    #[test]
    fn a_large_record_is_passed_over() {
        let large = new(&"x".repeat(200_000));
        assert!(check(large.into()).unwrap().ends_with(" bytes"));
    }
}
