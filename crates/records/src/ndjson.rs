use std::io::{BufRead as _, BufReader, Read};

use sinew_stdx::Json;

use crate::mark::Track;
use crate::{RECORD_BYTES_MAX, RecordError};

/// The lines of a text, numbered from 1, without their ends.
pub(crate) fn lines(
    bytes: impl Read + Send + 'static,
    track: Track,
) -> impl Iterator<Item = Result<(u64, Vec<u8>), RecordError>> + Send + 'static {
    let mut reader = BufReader::with_capacity(64 * 1024, bytes);
    let (mut number, mut at) = (0_u64, 0_u64);
    std::iter::from_fn(move || {
        number += 1;
        let mut line = Vec::new();
        let read = Read::take(&mut reader, RECORD_BYTES_MAX as u64).read_until(b'\n', &mut line);
        match read {
            Ok(0) => None,
            Ok(RECORD_BYTES_MAX) if !line.ends_with(b"\n") => Some(Err(RecordError::TooLong { number })),
            Ok(length) => {
                at += length as u64;
                track.note(at);
                if line.last() == Some(&b'\n') {
                    line.pop();
                }
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
                Some(Ok((number, line)))
            }
            Err(error) => Some(Err(RecordError::Unread(error.to_string().into()))),
        }
    })
}

pub(crate) fn read(
    bytes: impl Read + Send + 'static,
    track: Track,
) -> impl Iterator<Item = Result<Json, RecordError>> + Send + 'static {
    lines(bytes, track).filter_map(|line| match line {
        Ok((_, line)) if line.trim_ascii().is_empty() => None,
        Ok((number, line)) => Some(Json::parse(&line).map_err(|e| {
            RecordError::wrong(format_args!("line {number}"), format_args!("it is not JSON: {e}"))
        })),
        Err(error) => Some(Err(error)),
    })
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::tests::check;

    #[test]
    fn every_line_is_a_value_and_empty_ones_are_none() {
        let said = check(&Format::Ndjson, b"{\"id\":9007199254740993}\r\n\n [1]\n\"last\"");
        assert_eq!(said, [r#"{"id":9007199254740993}"#, "[1]", "\"last\""]);
    }

    #[test]
    fn a_line_that_is_no_json_says_where_it_is() {
        assert!(check(&Format::Ndjson, b"1\n\n{\"a\n")[1].starts_with("! line 3: it is not JSON"));
    }
}
