//! Places in a file from which it can be read on.

use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use sinew_stdx::Json;

use crate::{Encoding, Format, RecordError, Records, csv, fixed, ndjson, records, until_wrong};

/// The most bytes of names that a mark carries.
const NAMES_BYTES_MAX: usize = 16 * 1024;

/// A place in a file, behind some of its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// How many records there are before it.
    pub number: u64,
    /// The byte at which the next one begins. Without it the file has to be read from its beginning, past so many records.
    pub at: Option<u64>,
    /// The names of the fields, if the file's first line tells them.
    pub names: Option<Vec<String>>,
}

/// How far a file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// How many records there are before it.
    pub number: u64,
    /// The byte at which the next one begins, if it can be read from there.
    pub at: Option<u64>,
}

/// What a format tells while it reads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track(Arc<Tracked>);

#[derive(Debug, Default)]
struct Tracked {
    /// Bytes that were read, from where reading began.
    at: AtomicU64,
    names: OnceLock<Vec<String>>,
}

impl Track {
    /// A record ends here.
    pub(crate) fn note(&self, at: u64) {
        self.0.at.store(at, Ordering::Relaxed);
    }

    /// The fields have these names, which the file says.
    pub(crate) fn tell(&self, names: &[String]) {
        self.0.names.get_or_init(|| names.to_vec());
    }
}

/// Records, and after each of them the place behind it.
pub struct Marked {
    records: Records,
    track: Track,
    /// Where the bytes that are read begin, if places in them are places in the file.
    begin: Option<u64>,
    number: u64,
    /// Records that were read before, and are read again.
    skip: u64,
}

impl Marked {
    /// The place behind the last record.
    pub fn place(&self) -> Place {
        let at = self.begin.map(|begin| begin + self.track.0.at.load(Ordering::Relaxed));
        Place { number: self.number, at }
    }

    /// A place that was reached, with all that it takes to read on from there.
    pub fn mark(&self, place: Place) -> Mark {
        let names = self.track.0.names.get();
        let length = names.map_or(0, |names| names.iter().map(String::len).sum());
        let at = place.at.filter(|_| length <= NAMES_BYTES_MAX);
        Mark { number: place.number, at, names: names.filter(|_| at.is_some()).cloned() }
    }
}

impl Iterator for Marked {
    type Item = Result<Json, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let record = self.records.next()?;
            if record.is_ok() && self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.number += u64::from(record.is_ok());
            return Some(record);
        }
    }
}

/// The records behind a mark. The bytes begin at the byte that it says, or at the file's beginning if it says none.
pub fn records_from(
    format: &Format,
    mark: &Mark,
    mut bytes: impl Read + Send + 'static,
) -> io::Result<Marked> {
    let track = Track::default();
    if let Some(at) = mark.at {
        let names = mark.names.clone();
        if let Some(names) = &names {
            track.tell(names);
        }
        let records = match format {
            Format::Csv(format) => until_wrong(csv::read(format, names, bytes, track.clone())),
            Format::Fixed(format) => {
                let format = fixed::FixedFormat { skip: 0, ..format.clone() };
                until_wrong(fixed::read(&format, bytes, track.clone()))
            }
            Format::Ndjson => until_wrong(ndjson::read(bytes, track.clone())),
            // What surrounds a record has to be known to read it: such a place was reached in a file of another format.
            Format::Xml(_) => return Err(io::Error::other("XML is not read from its middle")),
        };
        return Ok(Marked { records, track, begin: Some(at), number: mark.number, skip: 0 });
    }
    let mut first = Vec::new();
    bytes.by_ref().take(3).read_to_end(&mut first)?;
    let begin = begin_of_text(format, &first);
    let (number, skip) = (mark.number, mark.number);
    let first = first.split_off(begin.unwrap_or(0));
    let bytes = Cursor::new(first).chain(bytes);
    let records = match (begin, format) {
        (Some(_), Format::Csv(format)) => until_wrong(csv::read(format, None, bytes, track.clone())),
        (Some(_), Format::Fixed(format)) => until_wrong(fixed::read(format, bytes, track.clone())),
        (Some(_), Format::Ndjson) => until_wrong(ndjson::read(bytes, track.clone())),
        _ => records(format, bytes),
    };
    Ok(Marked { records, track, begin: begin.map(|begin| begin as u64), number, skip })
}

/// Where the text begins that this file is, behind a byte order mark. `None` if its bytes are not read as they are: they
/// are of another encoding, or what surrounds a record has to be known to read it.
fn begin_of_text(format: &Format, first: &[u8]) -> Option<usize> {
    let encoding = match format {
        Format::Csv(format) => format.encoding,
        Format::Fixed(format) => format.encoding,
        Format::Ndjson => Encoding::default(),
        Format::Xml(_) => return None,
    };
    match first {
        b"\xef\xbb\xbf" => Some(3),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => None,
        _ => (encoding == Encoding::default()).then_some(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Column, CsvFormat, FixedFormat, XmlFormat};

    /// Reads a file, and from behind each of its records on again: nothing is missing, nothing comes twice. Gives whether
    /// that is by bytes.
    fn check(format: &Format, file: &[u8]) -> bool {
        let file = file.to_vec();
        let mut reading = records_from(format, &Mark::default(), Cursor::new(file.clone())).unwrap();
        let (mut all, mut marks) = (Vec::new(), vec![Mark::default()]);
        while let Some(record) = reading.next() {
            all.push(record.unwrap().to_string());
            marks.push(reading.mark(reading.place()));
        }
        assert!(all.len() > 1, "{all:?}");
        for (read, mark) in marks.iter().enumerate() {
            assert_eq!(mark.number, read as u64);
            let from = mark.at.unwrap_or(0) as usize;
            let rest = records_from(format, mark, Cursor::new(file[from..].to_vec())).unwrap();
            let rest: Vec<_> = rest.map(|record| record.unwrap().to_string()).collect();
            assert_eq!(rest, all[read..], "from {mark:?}");
        }
        marks[1].at.is_some()
    }

    #[test]
    fn a_file_is_read_on_behind_any_of_its_records() {
        let csv = Format::Csv(CsvFormat::default());
        assert!(check(&csv, b"id,name\r\n1,\"a\r\nb\"\r\n\r\n2,c\r\n3,\xc3\xa9\r\n"));
        assert!(check(&csv, b"\xef\xbb\xbfid,name\n1,a\n2,b"));
        let bare = CsvFormat { columns: Some(vec!["id".into(), "name".into()]), ..CsvFormat::default() };
        assert!(check(&Format::Csv(bare), b"1,a\n2,b\n"));
        assert!(check(&Format::Ndjson, b"{\"a\":1}\n\n2\r\n[3]"));
        let column = Column { name: "id".into(), first: 1, last: 3 };
        let fixed = FixedFormat { columns: vec![column], skip: 1, encoding: Encoding::default() };
        assert!(check(&Format::Fixed(fixed), b"ID \n001\n\n002\n"));
    }

    #[test]
    fn what_is_not_read_as_it_is_written_is_counted() {
        assert!(!check(&Format::Csv(CsvFormat::default()), b"\xff\xfea\0\n\x001\0\n\x002\0\n\0"));
        let latin = CsvFormat { encoding: Encoding::of("latin1").unwrap(), ..CsvFormat::default() };
        assert!(!check(&Format::Csv(latin), b"a\n\xe9\n\xe8\n"));
        let xml = Format::Xml(XmlFormat { record: "o".into() });
        assert!(!check(&xml, b"<l><o>1</o><o>2</o></l>"));
        // Names that are too long for a mark.
        let wide = format!("{}\n1\n2\n", "x".repeat(20_000));
        assert!(!check(&Format::Csv(CsvFormat::default()), wide.as_bytes()));
    }
}
