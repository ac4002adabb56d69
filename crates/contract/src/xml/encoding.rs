use std::borrow::Cow;

use super::XmlError;

/// The text of a document: by its byte order mark, else by what its declaration says, else UTF-8.
pub(crate) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    let error = |message: String| XmlError { line: 1, message };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes),
        _ => match declared(bytes).as_deref() {
            None | Some("utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16") => utf8(bytes),
            Some("iso-8859-1" | "latin1" | "iso-8859-15") => {
                Ok(Cow::Owned(bytes.iter().map(|byte| char::from(*byte)).collect()))
            }
            Some("windows-1252" | "cp1252") => {
                Ok(Cow::Owned(bytes.iter().map(|byte| windows(*byte)).collect()))
            }
            Some(other) => Err(error(format!(
                "the encoding `{other}` is not read; those are UTF-8, UTF-16, ISO-8859-1 and Windows-1252"
            ))),
        },
    }
}

fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|error| XmlError {
        line: 1 + bytes
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::len)
            .scan(0, |end, line| {
                *end += line + 1;
                Some(*end)
            })
            .take_while(|end| *end <= error.valid_up_to())
            .count() as u32,
        message: format!("not UTF-8: byte {} fits no character", error.valid_up_to()),
    })
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'_, str>, XmlError> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    text.map(Cow::Owned).map_err(|_| XmlError { line: 1, message: "not UTF-16".to_owned() })
}

/// What the XML declaration says, in lower case.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..bytes.len().min(200))?;
    let end = head.iter().position(|byte| *byte == b'>')?;
    let head = String::from_utf8_lossy(head.get(..end)?).into_owned();
    let rest = head.trim_start().strip_prefix("<?xml")?.split_once("encoding")?.1;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(rest.get(1..)?.split(quote).next()?.trim().to_ascii_lowercase())
}

/// Windows-1252, whose 0x80 to 0x9F are not those of ISO-8859-1.
fn windows(byte: u8) -> char {
    const UPPER: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => UPPER[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}
