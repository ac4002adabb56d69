//! Messages of several parts (MTOM and SOAP with Attachments: multipart/related, RFC 2387).

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::SoapError;

/// Parts of one message at most.
const PARTS_MAX: usize = 1000;

/// What a message consists of.
#[derive(Debug, Default)]
pub(super) struct Parts<'b> {
    /// The envelope.
    pub(super) root: &'b [u8],
    /// The others by their content ids, without angle brackets.
    pub(super) attachments: HashMap<String, Vec<u8>>,
    /// Their content ids in order.
    pub(super) order: Vec<String>,
}

/// The content id of a part that is sent.
pub(super) fn content_id(at: usize) -> String {
    format!("part{at}@sinew")
}

/// Takes a message apart. One of a single part is that part.
pub(super) fn split<'b>(content_type: Option<&str>, body: &'b [u8]) -> Result<Parts<'b>, SoapError> {
    let stated = content_type.filter(|of| of.trim_start().to_ascii_lowercase().starts_with("multipart/"));
    let begin = body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let looks = body.get(begin..).is_some_and(|rest| rest.starts_with(b"--"));
    if stated.is_none() && !looks {
        return Ok(Parts { root: body, ..Parts::default() });
    }
    let boundary = match stated.and_then(|of| parameter(of, "boundary")) {
        Some(boundary) => boundary,
        // Some services send parts and call them one: the first line is the boundary then.
        None if looks => first_line(body.get(begin + 2..).unwrap_or_default()),
        None => return Err(SoapError::Multipart("no boundary is stated".to_owned())),
    };
    let start = stated.and_then(|of| parameter(of, "start")).map(|id| bare(&id).to_owned());
    let mut parts = Parts::default();
    let mut found_root = false;
    for (at, part) in pieces(body, &boundary).into_iter().enumerate() {
        if at >= PARTS_MAX {
            return Err(SoapError::Multipart(format!("more than {PARTS_MAX} parts")));
        }
        let (head, content) = part;
        let id = header(head, "content-id").map(|id| bare(&id).to_owned());
        let is_root = start.as_ref().map_or(!found_root, |start| id.as_ref() == Some(start));
        if is_root && !found_root {
            found_root = true;
            parts.root = content;
            continue;
        }
        let is_base64 =
            header(head, "content-transfer-encoding").is_some_and(|of| of.eq_ignore_ascii_case("base64"));
        let plain = || {
            let text: Vec<u8> = content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64.decode(text).ok()
        };
        let decoded = is_base64.then(plain).flatten();
        let id = id.unwrap_or_else(|| format!("part{at}"));
        parts.order.push(id.clone());
        parts.attachments.insert(id, decoded.unwrap_or_else(|| content.to_vec()));
    }
    if !found_root {
        return Err(SoapError::Multipart("no part is the envelope".to_owned()));
    }
    Ok(parts)
}

/// A message of several parts, the envelope first.
pub(super) fn join(boundary: &str, root_type: &str, envelope: &str, parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut body =
        Vec::with_capacity(envelope.len() + parts.iter().map(|(_, part)| part.len() + 200).sum::<usize>());
    let mut part = |kind: &str, id: &str, content: &[u8]| {
        let head = format!(
            "--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    };
    part(root_type, "envelope@sinew", envelope.as_bytes());
    for (id, content) in parts {
        part("application/octet-stream", id, content);
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

fn bare(id: &str) -> &str {
    id.trim().trim_start_matches('<').trim_end_matches('>')
}

fn first_line(rest: &[u8]) -> String {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    String::from_utf8_lossy(line).trim_end().to_owned()
}

/// A parameter of a header: `name=value` or `name="value"`.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after
                .split_once(';')
                .map_or((after, ""), |(value, _)| (value, after.get(value.len()..).unwrap_or(""))),
        };
        if name.trim().trim_start_matches(';').trim().eq_ignore_ascii_case(wanted) {
            return Some(value.trim().to_owned()).filter(|value| !value.is_empty());
        }
        rest = next;
    }
}

/// Heads and contents of the parts between boundaries.
fn pieces<'b>(body: &'b [u8], boundary: &str) -> Vec<(&'b [u8], &'b [u8])> {
    let mark = format!("--{boundary}");
    let mark = mark.as_bytes();
    let mut pieces = Vec::new();
    let mut marks = Vec::new();
    let mut from = 0;
    // A boundary stands at the beginning of a line.
    while let Some(rest) = body.get(from..) {
        if rest.starts_with(mark) {
            marks.push(from);
        }
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) if marks.len() <= PARTS_MAX + 1 => from += end + 1,
            _ => break,
        }
    }
    for (at, begin) in marks.iter().enumerate() {
        let after = begin + mark.len();
        if body.get(after..).is_some_and(|rest| rest.starts_with(b"--")) {
            break;
        }
        let end = marks.get(at + 1).copied().unwrap_or(body.len());
        let piece = body.get(after..end).unwrap_or_default();
        let Some(line) = piece.iter().position(|byte| *byte == b'\n') else { continue };
        let piece = piece.get(line + 1..).unwrap_or_default();
        let (head, content) = divide(piece);
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        pieces.push((head, content.strip_suffix(b"\r").unwrap_or(content)));
    }
    pieces
}

/// What stands before and after the first empty line.
fn divide(piece: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(rest) = piece.get(from..) {
        if let Some(content) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
            return (piece.get(..from).unwrap_or_default(), content);
        }
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => from += end + 1,
            None => break,
        }
    }
    (piece, &[])
}

fn header(head: &[u8], wanted: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_joined_is_taken_apart_again() {
        let parts = vec![(content_id(0), b"a\r\n--b\0\xff".to_vec()), (content_id(1), Vec::new())];
        let body = join("b0undary", "application/xop+xml", "<e/>", &parts);
        let read = split(Some("multipart/related; type=\"x; y\"; boundary=b0undary"), &body).unwrap();
        assert_eq!(read.root, b"<e/>");
        assert_eq!(read.order, [content_id(0), content_id(1)]);
        assert_eq!(read.attachments[&content_id(0)], parts[0].1);
        let unsaid = split(None, &body).unwrap();
        assert_eq!((unsaid.root, unsaid.attachments.len()), (&b"<e/>"[..], 2));
    }

    #[test]
    fn the_envelope_is_the_part_that_is_named_as_such() {
        let body = b"--x\nContent-ID: <a>\nContent-Transfer-Encoding: base64\n\naGk=\n--x\nContent-ID: <r>\n\n<e/>\n--x--";
        let read = split(Some("Multipart/Related; boundary=\"x\"; start=\"<r>\""), body).unwrap();
        assert_eq!((read.root, read.attachments["a"].as_slice()), (&b"<e/>"[..], &b"hi"[..]));
        assert!(split(Some("multipart/related"), b"<a/>").is_err());
    }
}
