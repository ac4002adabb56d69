use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use sinew_stdx::Json;

use crate::bounded::{Bounded, is_too_long};
use crate::mark::Track;
use crate::{Encoding, RECORD_BYTES_MAX, RecordError};

/// The most fields of a row: each takes more memory than it has bytes.
const FIELDS_MAX: usize = 10_000;

/// How rows are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// What stands between fields: one ASCII character.
    pub delimiter: u8,
    /// What stands around fields that hold it: one ASCII character.
    pub quote: u8,
    /// The names of the fields, for files whose first line does not tell them.
    pub columns: Option<Vec<Arc<str>>>,
    /// How text is encoded.
    pub encoding: Encoding,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self { delimiter: b',', quote: b'"', columns: None, encoding: Encoding::default() }
    }
}

/// `header` has the names of the fields, where the line that tells them was read before.
pub(crate) fn read(
    format: &CsvFormat,
    header: Option<Vec<String>>,
    bytes: impl Read + Send + 'static,
    track: Track,
) -> impl Iterator<Item = Result<Json, RecordError>> + Send + 'static {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(format.delimiter)
        .quote(format.quote)
        .has_headers(false)
        .from_reader(Bounded::new(bytes, RECORD_BYTES_MAX));
    let told = || format.columns.as_ref().map(|columns| unlike(columns.iter().map(|name| &**name)));
    let mut names = header.or_else(told);
    let mut record = csv::StringRecord::new();
    let mut number = 0_u64;
    std::iter::from_fn(move || {
        loop {
            number += 1;
            reader.get_mut().go_on();
            match reader.read_record(&mut record) {
                Ok(false) => return None,
                Err(error) => return Some(Err(wrong(&error, number))),
                Ok(true) => {}
            }
            track.note(reader.position().byte());
            if record.len() > FIELDS_MAX {
                let cause = format!("there are {} fields, and at most {FIELDS_MAX} are read", record.len());
                return Some(Err(RecordError::wrong(place(record.position(), number), cause)));
            }
            let Some(names) = &names else {
                let told = unlike(record.iter().map(str::trim));
                track.tell(&told);
                names = Some(told);
                continue;
            };
            if names.len() != record.len() {
                let line = record.position().map_or(number, csv::Position::line);
                let cause = format!("there are {} fields instead of {}", record.len(), names.len());
                return Some(Err(RecordError::wrong(format_args!("line {line}"), cause)));
            }
            let values: Vec<Json> = record.iter().map(Json::string).collect();
            return Some(Ok(Json::object(names.iter().map(String::as_str).zip(&values))));
        }
    })
}

/// Names of fields, each of its own: a second `name` is `name_2`, and the third of none is `column_3`.
fn unlike<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen = HashSet::new();
    let named = |(at, name): (usize, &str)| {
        let name = if name.is_empty() { format!("column_{}", at + 1) } else { name.to_owned() };
        let mut own = name.clone();
        let mut count = 1;
        while !seen.insert(own.clone()) {
            count += 1;
            own = format!("{name}_{count}");
        }
        own
    };
    names.enumerate().map(named).collect()
}

fn place(position: Option<&csv::Position>, number: u64) -> String {
    match position {
        Some(position) => format!("line {}", position.line()),
        None => format!("row {number}"),
    }
}

fn wrong(error: &csv::Error, number: u64) -> RecordError {
    let place = |position: Option<&csv::Position>| place(position, number);
    match error.kind() {
        csv::ErrorKind::Io(error) if is_too_long(error) => RecordError::TooLong { number },
        csv::ErrorKind::Io(error) => RecordError::Unread(error.to_string().into()),
        csv::ErrorKind::Utf8 { pos, err } => {
            let cause = format!("field {} is not UTF-8; say which `encoding` it is", err.field() + 1);
            RecordError::wrong(place(pos.as_ref()), cause)
        }
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let cause = format!("there are {len} fields instead of {expected_len}");
            RecordError::wrong(place(pos.as_ref()), cause)
        }
        _ => RecordError::wrong(place(error.position()), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::tests::check;

    #[test]
    fn rows_are_objects_of_texts_by_their_header() {
        let rows = check(
            &Format::Csv(CsvFormat::default()),
            b"id,name\r\n1,\"A, \"\"B\"\"\"\r\n\r\n2,\"two\nlines\"\r\n",
        );
        assert_eq!(rows, [r#"{"id":"1","name":"A, \"B\""}"#, r#"{"id":"2","name":"two\nlines"}"#]);
    }

    #[test]
    fn separators_quotes_and_names_are_as_the_author_says() {
        let columns = Some(["id", "id", ""].map(Arc::from).to_vec());
        let format = CsvFormat { delimiter: b';', quote: b'\'', columns, ..CsvFormat::default() };
        assert_eq!(
            check(&Format::Csv(format), b"1;'a;b';x\n"),
            [r#"{"id":"1","id_2":"a;b","column_3":"x"}"#]
        );
    }

    #[test]
    fn a_row_of_another_length_says_where_it_is() {
        let said = check(&Format::Csv(CsvFormat::default()), b"a,b\n1,2\n3\n");
        assert_eq!(said[1], "! line 3: there are 1 fields instead of 2");
        assert!(check(&Format::Csv(CsvFormat::default()), b"").is_empty());
    }
}
