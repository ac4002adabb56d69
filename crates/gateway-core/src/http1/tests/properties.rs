//! What holds for messages at random: good ones, ones with a byte or two changed, and no messages at all.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// Small enough to be met, so that limits are crossed too.
const LIMITS: HeadLimits = HeadLimits { head_bytes_max: 160, fields_max: 6, target_bytes_max: 60 };

const CHUNK_LIMITS: ChunkLimits =
    ChunkLimits { line_bytes_max: 40, extension_bytes_max: 100, trailer_bytes_max: 120, trailers_max: 4 };

fn field_line() -> impl Strategy<Value = String> {
    let any_line = ("[a-zA-Z][a-zA-Z0-9_-]{0,8}", "[ \t]{0,2}", "[ -~\u{e4}]{0,20}", "[ \t]{0,2}")
        .prop_map(|(name, before, value, after)| format!("{name}:{before}{value}{after}\r\n"));
    let special = select(vec![
        "Content-Length: 5",
        "content-length:  007",
        "Transfer-Encoding: chunked",
        "TRANSFER-ENCODING:Chunked",
        "Connection: close",
        "connection: keep-alive, x-mine",
        "X-Mine: a",
        "Connection: Upgrade,TE",
        "Upgrade: websocket",
        "TE: trailers",
        "Expect: 100-continue",
        "Host: b",
        "X_Api_Key: a",
        "Keep-Alive: 5",
    ]);
    prop_oneof![any_line, special.prop_map(|line| format!("{line}\r\n"))]
}

fn request_head() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        9 => ("(GET|HEAD|POST|PURGE|\r\nPUT)", "/[a-z./%;]{0,20}(\\?[a-z=&]{0,9})?", "1\\.[00111179]")
            .prop_map(|(method, target, version)| format!("{method} {target} HTTP/{version}")),
        2 => select(vec![
            "OPTIONS * HTTP/1.1",
            "CONNECT a:443 HTTP/1.1",
            "GET http://a:80/b?c HTTP/1.1",
            "GET https://[::1] HTTP/1.0",
            "GET http://u@b/ HTTP/1.1",
            "GET * HTTP/1.1",
            "TRACE / HTTP/1.1",
            "GET / HTTP/2.0",
            "PRI * HTTP/2.0",
        ])
        .prop_map(str::to_owned),
    ];
    (line, prop::bool::weighted(0.9), vec(field_line(), 0..7)).prop_map(|(line, has_host, lines)| {
        let host = if has_host { "Host: a\r\n" } else { "" };
        format!("{line}\r\n{host}{}\r\n", lines.concat()).into_bytes()
    })
}

fn response_head() -> impl Strategy<Value = Vec<u8>> {
    let line = select(vec![
        "HTTP/1.1 200 OK",
        "HTTP/1.0 404",
        "HTTP/1.1 304 ",
        "HTTP/1.1 101 Ja",
        "HTTP/1.1 204 No",
    ]);
    (line, vec(field_line(), 0..7))
        .prop_map(|(line, lines)| format!("{line}\r\n{}\r\n", lines.concat()).into_bytes())
}

/// The same, with some bytes changed into those that lines, words and sizes end by. A line ends with them, as one that
/// comes in parts is judged by then, and not before.
fn garbled(good: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![select(b"\r\n \t:,;\0%/0\x0b\x80".to_vec()), any::<u8>()];
    let changes = prop_oneof![Just(Vec::new()), vec((any::<Index>(), byte), 1..3)];
    (good, changes).prop_map(|(mut bytes, changes)| {
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        bytes.push(b'\n');
        bytes
    })
}

/// Lengths at which bytes are cut, in order.
fn cuts(cuts: &[Index], length: usize) -> Vec<usize> {
    let mut lengths: Vec<usize> = cuts.iter().map(|cut| cut.index(length + 1)).collect();
    lengths.push(length);
    lengths.sort_unstable();
    lengths
}

/// How reading ends that is given more and more of the bytes.
fn in_parts(
    cuts: &[usize],
    mut parse: impl FnMut(usize) -> Result<Progress, HeadError>,
) -> Result<Progress, HeadError> {
    let mut progress = Ok(Progress::More);
    for length in cuts {
        progress = parse(*length);
        if progress != Ok(Progress::More) {
            break;
        }
    }
    progress
}

/// What a head means, written as a message.
fn rewritten(head: &RequestHead, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend_from_slice(head.method_text.of(bytes));
    out.push(b' ');
    out.extend_from_slice(head.target.of(bytes));
    out.extend_from_slice(if head.version == Version::Http10 { b" HTTP/1.0\r\n" } else { b" HTTP/1.1\r\n" });
    for field in &head.fields {
        field.write(bytes, &mut out);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Everything that is said of a request, without where it stood.
fn meaning(head: &RequestHead, bytes: &[u8]) -> String {
    let fields: Vec<_> = head
        .fields
        .iter()
        .map(|field| (field.name.of(bytes), field.value.of(bytes), field.known, head.lets_pass(bytes, field)))
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {} {} {} {:?} {:?} {fields:?}",
        head.method,
        head.method_text.of(bytes),
        head.target.of(bytes),
        head.version,
        head.body,
        head.keeps_alive,
        head.expects_continue,
        head.takes_trailers,
        head.upgrade.map(|upgrade| upgrade.of(bytes)),
        head.host.map(|host| host.of(bytes)),
    )
}

/// A body as chunks of these sizes, with an extension each.
fn chunks_of(body: &[u8], sizes: &[usize], extension: &str, trailers: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), body);
    let mut sizes = sizes.iter().copied().cycle();
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        out.extend_from_slice(format!("{:X}{extension}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(CHUNK_END);
        rest = behind;
    }
    out.extend_from_slice(format!("0{extension}\r\n{trailers}\r\n").as_bytes());
    out
}

/// What comes out of chunks.
#[derive(Debug, PartialEq)]
struct Body {
    data: Vec<u8>,
    /// As they are written.
    trailers: Vec<u8>,
    /// How many bytes are behind it.
    left_over: usize,
}

/// The body of chunks that come in parts, once it has ended.
fn chunks_in_parts(bytes: &[u8], cuts: &[usize]) -> Result<Option<Body>, ChunkError> {
    let (mut chunks, mut data, mut at) = (Chunks::default(), Vec::new(), 0);
    for length in cuts {
        loop {
            let input = &bytes[at..*length];
            let step = chunks.next(input, &CHUNK_LIMITS)?;
            at += step.consumed;
            match step.kind {
                StepKind::More => break,
                StepKind::Data(span) => data.extend_from_slice(span.of(input)),
                StepKind::End => {
                    let mut trailers = Vec::new();
                    write_trailers(&mut trailers, input, chunks.trailers());
                    return Ok(Some(Body { data, trailers, left_over: bytes.len() - at }));
                }
            }
        }
    }
    Ok(None)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_request_in_parts_is_the_same_request(bytes in garbled(request_head()), at in vec(any::<Index>(), 0..4)) {
        let (mut whole, mut parts) = (RequestHead::default(), RequestHead::default());
        let expected = whole.parse(&bytes, &LIMITS);
        let found = in_parts(&cuts(&at, bytes.len()), |length| parts.parse(&bytes[..length], &LIMITS));
        prop_assert_eq!(found, expected);
        if found == Ok(Progress::Whole) {
            prop_assert_eq!(parts, whole);
        }
    }

    #[test]
    fn a_response_in_parts_is_the_same_response(bytes in garbled(response_head()), at in vec(any::<Index>(), 0..4)) {
        let (mut whole, mut parts) = (ResponseHead::default(), ResponseHead::default());
        let expected = whole.parse(&bytes, Method::Get, &LIMITS);
        let parse = |length: usize| parts.parse(&bytes[..length], Method::Get, &LIMITS);
        let found = in_parts(&cuts(&at, bytes.len()), parse);
        prop_assert_eq!(found, expected);
        if found == Ok(Progress::Whole) {
            prop_assert_eq!(parts, whole);
        }
    }

    #[test]
    fn what_is_behind_a_head_is_not_looked_at(bytes in garbled(request_head()), behind in vec(any::<u8>(), 0..40)) {
        let mut head = RequestHead::default();
        if head.parse(&bytes, &LIMITS) == Ok(Progress::Whole) {
            let mut same = RequestHead::default();
            let longer = [&bytes[..head.length], &behind].concat();
            prop_assert_eq!(same.parse(&longer, &LIMITS), Ok(Progress::Whole));
            prop_assert_eq!(same, head);
        }
    }

    #[test]
    fn a_head_that_was_used_before_reads_the_same(first in garbled(request_head()), second in garbled(request_head())) {
        let (mut used, mut new) = (RequestHead::default(), RequestHead::default());
        if used.parse(&first, &LIMITS) == Ok(Progress::More) {
            used.clear();
        }
        let expected = new.parse(&second, &LIMITS);
        prop_assert_eq!(used.parse(&second, &LIMITS), expected);
        if expected == Ok(Progress::Whole) {
            prop_assert_eq!(used, new);
        }
    }

    #[test]
    fn a_request_that_is_written_again_means_the_same(bytes in garbled(request_head())) {
        let mut head = RequestHead::default();
        if head.parse(&bytes, &LIMITS) == Ok(Progress::Whole) {
            let again = rewritten(&head, &bytes);
            let mut same = RequestHead::default();
            prop_assert_eq!(same.parse(&again, &HeadLimits::default()), Ok(Progress::Whole));
            prop_assert_eq!(meaning(&same, &again), meaning(&head, &bytes));
            prop_assert_eq!(rewritten(&same, &again), again);
        }
    }

    #[test]
    fn chunks_in_parts_are_the_same_body(
        body in vec(any::<u8>(), 0..200),
        sizes in vec(1..50_usize, 1..5),
        extension in select(vec!["", "", ";a", ";a=b;c=\"d;\\\"\""]),
        trailers in select(vec!["", "", "a: b\r\n", "Grpc-Status:0\r\nEtag:  \"c\" \r\n"]),
        at in vec(any::<Index>(), 0..6),
    ) {
        let bytes = chunks_of(&body, &sizes, extension, trailers);
        let found = chunks_in_parts(&bytes, &cuts(&at, bytes.len()));
        if let Ok(found) = &found {
            let written = trailers.replace(":0", ": 0").replace("  \"c\" ", " \"c\"") + "\r\n";
            let expected = Body { data: body, trailers: written.into_bytes(), left_over: 0 };
            prop_assert_eq!(found, &Some(expected));
        } else {
            // Extensions come to more than the limit.
            prop_assert_eq!(&found, &Err(ChunkError::TooLong));
            prop_assert!(extension.len() * (body.len() + 1) > CHUNK_LIMITS.extension_bytes_max);
        }
    }

    #[test]
    fn garbled_chunks_in_parts_come_to_the_same_end(
        bytes in garbled((vec(any::<u8>(), 0..60), vec(1..9_usize, 1..3), select(vec!["", ";a"]), select(vec!["", "a: b\r\n"]))
            .prop_map(|(body, sizes, extension, trailers)| chunks_of(&body, &sizes, extension, trailers))),
        at in vec(any::<Index>(), 0..6),
    ) {
        let whole = chunks_in_parts(&bytes, &[bytes.len()]);
        prop_assert_eq!(chunks_in_parts(&bytes, &cuts(&at, bytes.len())), whole);
    }

    #[test]
    fn no_bytes_are_too_much_for_a_reader(bytes in prop_oneof![
        vec(any::<u8>(), 0..200),
        vec(select(b"\r\n \t:,;/%.?0123456789aHTP[]@\"\\".to_vec()), 0..60),
    ]) {
        let _ = RequestHead::default().parse(&bytes, &LIMITS);
        let _ = ResponseHead::default().parse(&bytes, Method::Get, &LIMITS);
        let _ = chunks_in_parts(&bytes, &[bytes.len()]);
        let _ = Authority::parse(&bytes);
        for method in [Method::Get, Method::Options, Method::Connect] {
            let _ = Target::parse(method, &bytes);
        }
    }

    #[test]
    fn normal_paths_are_normal_and_have_no_dot_segments(path in "/[a./;%25eEfF\\\\b]{0,16}") {
        let mut out = Vec::new();
        let normal = match normal_path(path.as_bytes(), &mut out) {
            Err(_) => return Ok(()),
            Ok(true) => out.clone(),
            Ok(false) => path.clone().into_bytes(),
        };
        prop_assert_eq!(normal_path(&normal, &mut out), Ok(false), "{}", path);
        let mut segments = normal.split(|byte| *byte == b'/').skip(1);
        prop_assert!(normal.starts_with(b"/"), "{}", path);
        prop_assert!(!segments.any(|segment| matches!(segment, b"." | b"..")), "{}", path);
    }
}
