use std::io::Read;
use std::sync::Arc;

use sinew_stdx::Json;

use crate::mark::Track;
use crate::ndjson::lines;
use crate::{Encoding, RecordError};

/// Where the fields of a line stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FixedFormat {
    /// The fields.
    pub columns: Vec<Column>,
    /// Lines at the beginning that are no records.
    pub skip: u64,
    /// How text is encoded.
    pub encoding: Encoding,
}

/// A field of every line. Spaces around its text are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: Arc<str>,
    /// Its first character, counted from 1.
    pub first: u32,
    /// Its last character.
    pub last: u32,
}

pub(crate) fn read(
    format: &FixedFormat,
    bytes: impl Read + Send + 'static,
    track: Track,
) -> impl Iterator<Item = Result<Json, RecordError>> + Send + 'static {
    let FixedFormat { columns, skip, .. } = format.clone();
    lines(bytes, track).filter_map(move |line| match line {
        Ok((number, line)) if number <= skip || line.trim_ascii().is_empty() => None,
        Ok((number, line)) => Some(match String::from_utf8(line) {
            Ok(line) => Ok(record(&columns, &line)),
            Err(_) => Err(RecordError::wrong(
                format_args!("line {number}"),
                "it is not UTF-8; say which `encoding` it is",
            )),
        }),
        Err(error) => Some(Err(error)),
    })
}

fn record(columns: &[Column], line: &str) -> Json {
    let cut = |column: &Column| {
        let (first, last) = (column.first.max(1) as usize, column.last as usize);
        // A line of ASCII need not be counted through.
        let text: String = if line.is_ascii() {
            line.get(first - 1..last.min(line.len())).unwrap_or_default().to_owned()
        } else {
            line.chars().skip(first - 1).take(last.saturating_sub(first - 1)).collect()
        };
        Json::string(text.trim())
    };
    let values: Vec<Json> = columns.iter().map(cut).collect();
    Json::object(columns.iter().map(|column| &*column.name).zip(&values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::tests::check;

    fn format(skip: u64) -> Format {
        let column = |name: &str, first, last| Column { name: name.into(), first, last };
        let columns = vec![column("id", 1, 4), column("name", 5, 9), column("note", 10, 99)];
        Format::Fixed(FixedFormat { columns, skip, encoding: Encoding::default() })
    }

    #[test]
    fn fields_are_cut_by_characters_and_trimmed() {
        let said = check(&format(1), "IDENNAME NOTE\n0001Jos\u{e9} some text\n0002A\n\n".as_bytes());
        assert_eq!(
            said,
            [r#"{"id":"0001","name":"José","note":"some text"}"#, r#"{"id":"0002","name":"A","note":""}"#]
        );
    }

    #[test]
    fn bytes_of_another_encoding_say_where_they_are() {
        assert!(check(&format(0), b"0001Jos\xe9")[0].starts_with("! line 1: it is not UTF-8"));
    }
}
