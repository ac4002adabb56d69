//! What the parts together make of whole connections.

mod properties;
mod speed;
mod vectors;

use super::*;

/// What a server finds in all that comes over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// Of each request its line, and in brackets the body.
    requests: Vec<String>,
    /// What is wrong behind them.
    wrong: Option<String>,
}

fn requests(mut bytes: &[u8]) -> Found {
    let mut found = Found { requests: Vec::new(), wrong: None };
    let mut head = RequestHead::default();
    while !bytes.is_empty() {
        match request(&mut head, bytes) {
            Ok(Some((request, length))) => {
                found.requests.push(request);
                bytes = &bytes[length..];
            }
            Ok(None) => {
                found.wrong = Some("more".to_owned());
                break;
            }
            Err(error) => {
                found.wrong = Some(error);
                break;
            }
        }
    }
    found
}

fn request(head: &mut RequestHead, bytes: &[u8]) -> Result<Option<(String, usize)>, String> {
    match head.parse(bytes, &HeadLimits::default()) {
        Ok(Progress::Whole) => {}
        Ok(Progress::More) => return Ok(None),
        Err(error) => return Err(format!("{error:?}")),
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let line = format!("{} {}", text(head.method_text.of(bytes)), text(head.target.of(bytes)));
    let rest = &bytes[head.length..];
    let (body, length) = match head.body {
        Framing::Empty => (Vec::new(), 0),
        Framing::Length(length) if length > rest.len() as u64 => return Ok(None),
        Framing::Length(length) => (rest[..length as usize].to_vec(), length as usize),
        Framing::Chunked => match chunked(rest).map_err(|error| format!("{error:?}"))? {
            Some(found) => found,
            None => return Ok(None),
        },
        Framing::UntilClose => return Err("a request ends with the connection".to_owned()),
    };
    Ok(Some((format!("{line} [{}]", text(&body)), head.length + length)))
}

/// The data of a chunked body, and its length.
fn chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, ChunkError> {
    let (mut chunks, mut body, mut at) = (Chunks::default(), Vec::new(), 0);
    loop {
        let input = &bytes[at..];
        let step = chunks.next(input, &ChunkLimits::default())?;
        at += step.consumed;
        match step.kind {
            StepKind::Data(data) => body.extend_from_slice(data.of(input)),
            StepKind::More => return Ok(None),
            StepKind::End => return Ok(Some((body, at))),
        }
    }
}
