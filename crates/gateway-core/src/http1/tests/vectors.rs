//! Ways in which requests have been smuggled past one reader to another: James Kettle's "HTTP Desync Attacks" and its
//! successors, Evan Custodio's `smuggler`, the T-Reqs and HDiff papers, and advisories of servers and proxies.

use super::{Found, requests};

/// What the server finds that is given these bytes: one word for what is wrong, or else the requests.
fn check(bytes: &str) -> String {
    let Found { requests, wrong } = requests(bytes.as_bytes());
    match wrong {
        Some(wrong) if requests.is_empty() => wrong,
        Some(wrong) => format!("{} then {wrong}", requests.join(" + ")),
        None => requests.join(" + "),
    }
}

/// Each line behind `POST / HTTP/1.1` and `Host: a`, with a body that one reader takes for chunks and another counts.
fn check_fields(vectors: &[(&str, &str)]) {
    for (fields, said) in vectors {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n0\r\n\r\nG");
        assert_eq!(check(&request), *said, "{fields:?}");
    }
}

/// Each behind the head of a request with a chunked body.
fn check_chunks(vectors: &[(&str, &str)]) {
    for (body, said) in vectors {
        let request = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(check(&request), *said, "{body:?}");
    }
}

#[test]
fn length_and_coding_together_rfc_9112_6_1() {
    check_fields(&[
        ("Content-Length: 6\r\nTransfer-Encoding: chunked", "LengthAndCoding"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 6", "LengthAndCoding"),
        ("Content-Length: 0\r\nTransfer-Encoding: chunked", "LengthAndCoding"),
        ("content-length: 6\r\ntransfer-encoding: CHUNKED", "LengthAndCoding"),
        ("Content-Length: 6\r\nTransfer-Encoding: x", "CodingUnknown"),
        ("Transfer-Encoding: chunked\r\nA: b\r\nContent-Length: 6\r\nContent-Length: 6", "LengthTwice"),
        (
            "Content-Length: 6\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
            "LengthAndCoding",
        ),
        ("Content-Length: 6\r\nConnection: Content-Length\r\nTransfer-Encoding: chunked", "LengthAndCoding"),
    ]);
}

#[test]
fn codings_that_only_some_understand_rfc_9112_6_1() {
    check_fields(&[
        ("Transfer-Encoding: xchunked", "CodingUnknown"),
        ("Transfer-Encoding: chunkedx", "CodingUnknown"),
        ("Transfer-Encoding: x", "CodingUnknown"),
        ("Transfer-Encoding: identity", "CodingUnknown"),
        ("Transfer-Encoding: cow", "CodingUnknown"),
        ("Transfer-Encoding: gzip, chunked", "CodingUnknown"),
        ("Transfer-Encoding: identity, chunked", "CodingUnknown"),
        ("Transfer-Encoding: chunked, identity", "CodingInvalid"),
        ("Transfer-Encoding: chunked, chunked", "CodingInvalid"),
        ("Transfer-Encoding: chunked, cow", "CodingInvalid"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", "CodingInvalid"),
        ("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", "CodingUnknown"),
        ("Transfer-Encoding: chunked\r\nTransfer-encoding: chunked", "CodingInvalid"),
        ("Transfer-Encoding:", "CodingInvalid"),
        ("Transfer-Encoding: ,chunked", "CodingInvalid"),
        ("Transfer-Encoding: chunked,", "CodingInvalid"),
        ("Transfer-Encoding: \"chunked\"", "CodingInvalid"),
        ("Transfer-Encoding: 'chunked'", "CodingUnknown"),
        ("Transfer-Encoding: chunked;q=1", "CodingInvalid"),
        ("Transfer-Encoding: chunked chunked", "CodingInvalid"),
        ("Transfer-Encoding: ch\u{fc}nked", "CodingInvalid"),
        ("Transfer-Encoding: chun\u{212a}ed", "CodingInvalid"),
    ]);
}

#[test]
fn whitespace_and_control_characters_around_codings_rfc_9110_5_5() {
    check_fields(&[
        ("Transfer-Encoding : chunked", "SpaceBeforeColon"),
        ("Transfer-Encoding\t: chunked", "SpaceBeforeColon"),
        ("Transfer-Encoding\x0b: chunked", "FieldName"),
        ("Transfer-Encoding:\tchunked", "FieldValue"),
        ("Transfer-Encoding: chunked\t", "FieldValue"),
        ("Transfer-Encoding: \x0bchunked", "FieldValue"),
        ("Transfer-Encoding: \x0cchunked", "FieldValue"),
        ("Transfer-Encoding: chunked\x0b", "FieldValue"),
        ("Transfer-Encoding: \0chunked", "FieldValue"),
        ("Transfer-Encoding: chunked\0", "FieldValue"),
        ("Transfer-Encoding: \u{7f}chunked", "FieldValue"),
        ("Transfer-Encoding: \u{a0}chunked", "CodingInvalid"),
        ("Transfer-Encoding: chunked\u{85}", "CodingInvalid"),
        (" Transfer-Encoding: chunked", "Folded"),
        ("\tTransfer-Encoding: chunked", "Folded"),
        ("A: b\r\n Transfer-Encoding: chunked", "Folded"),
        ("Transfer-Encoding:\r\n chunked", "CodingInvalid"),
        ("A: b\r\nTransfer-Encoding: x\r\n chunked", "CodingUnknown"),
        ("Content-Length: 6\r\n 1", "Folded"),
    ]);
}

#[test]
fn names_that_only_some_take_for_another_rfc_9110_5_1() {
    check_fields(&[
        ("Transfer\\-Encoding: chunked", "FieldName"),
        ("Content\\-Length: 6", "FieldName"),
        ("Content-Length\0: 6", "FieldName"),
        ("\0Content-Length: 6", "FieldName"),
        ("Content-\u{2010}Length: 6", "FieldName"),
        ("Content Length: 6", "SpaceBeforeColon"),
        ("Content-Length 6", "SpaceBeforeColon"),
        ("\"Content-Length\": 6", "FieldName"),
        ("Transfer-Encoding", "FieldName"),
        (": chunked", "FieldName"),
        (":", "FieldName"),
        ("(Transfer-Encoding: chunked", "FieldName"),
        ("X: y\rTransfer-Encoding: chunked", "BareCr"),
        ("X: y\r\rTransfer-Encoding: chunked", "BareCr"),
        ("X: y\nTransfer-Encoding: chunked", "BareLf"),
        ("X: y\n\rTransfer-Encoding: chunked", "BareLf"),
        ("X\nTransfer-Encoding: chunked", "FieldName"),
        ("\rTransfer-Encoding: chunked", "BareCr"),
        ("\nTransfer-Encoding: chunked", "BareLf"),
        ("X: \0\r\nTransfer-Encoding: chunked", "FieldValue"),
    ]);
}

#[test]
fn lengths_that_only_some_understand_rfc_9110_8_6() {
    check_fields(&[
        ("Content-Length: +6", "LengthInvalid"),
        ("Content-Length: -6", "LengthInvalid"),
        ("Content-Length: 0x6", "LengthInvalid"),
        ("Content-Length: 6 6", "LengthInvalid"),
        ("Content-Length: 6, 6", "LengthInvalid"),
        ("Content-Length: 5,6", "LengthInvalid"),
        ("Content-Length: 6;", "LengthInvalid"),
        ("Content-Length: 6.0", "LengthInvalid"),
        ("Content-Length: 6e0", "LengthInvalid"),
        ("Content-Length: 1_0", "LengthInvalid"),
        ("Content-Length: \"6\"", "LengthInvalid"),
        ("Content-Length:", "LengthInvalid"),
        ("Content-Length: \u{0666}", "LengthInvalid"),
        ("Content-Length: 18446744073709551616", "LengthInvalid"),
        ("Content-Length: 18446744073709551622", "LengthInvalid"),
        ("Content-Length:\t6", "FieldValue"),
        ("Content-Length: 6\x0b", "FieldValue"),
        ("Content-Length : 6", "SpaceBeforeColon"),
        ("Content-Length: 6\r\nContent-Length: 6", "LengthTwice"),
        ("Content-Length: 6\r\ncontent-length: 0", "LengthTwice"),
        ("Content-Length: 0\r\nContent-Length: 6", "LengthTwice"),
    ]);
}

#[test]
fn what_may_look_odd_and_has_one_meaning() {
    check_fields(&[
        // Leading zeros are digits.
        ("Content-Length: 06", "POST / [0\r\n\r\nG]"),
        ("Content-Length: 000000000000000000000006", "POST / [0\r\n\r\nG]"),
        ("Content-Length:6", "POST / [0\r\n\r\nG]"),
        ("Content-Length:   6   ", "POST / [0\r\n\r\nG]"),
        ("tRANSFER-eNCODING:Chunked\r\nX: y", "POST / [] then more"),
        // To this reader another field; it does not go on to readers for whom it is the same.
        ("Content_Length: 0\r\nContent-Length: 6", "POST / [0\r\n\r\nG]"),
        ("Transfer_Encoding: chunked\r\nContent-Length: 6", "POST / [0\r\n\r\nG]"),
        ("Transfer-Encoding-: chunked\r\nContent-Length: 6", "POST / [0\r\n\r\nG]"),
        // Named as a hop's own, it counts all the same.
        ("Connection: Content-Length\r\nContent-Length: 6", "POST / [0\r\n\r\nG]"),
    ]);
}

#[test]
fn sizes_of_chunks_that_only_some_understand_rfc_9112_7_1() {
    check_chunks(&[
        ("0x0\r\n\r\n", "Size"),
        ("0X1\r\na\r\n0\r\n\r\n", "Size"),
        ("-0\r\n\r\n", "Size"),
        ("+0\r\n\r\n", "Size"),
        ("-1\r\n\r\n", "Size"),
        (" 0\r\n\r\n", "Size"),
        ("0 \r\n\r\n", "Size"),
        ("1 \r\na\r\n0\r\n\r\n", "Size"),
        ("0\t\r\n\r\n", "Size"),
        ("0\x0b\r\n\r\n", "Size"),
        ("0\0\r\n\r\n", "Size"),
        ("1_0\r\n\r\n", "Size"),
        ("\r\n0\r\n\r\n", "Size"),
        ("\n0\r\n\r\n", "Size"),
        (";\r\n\r\n", "Size"),
        (";a\r\n\r\n", "Size"),
        ("g\r\n\r\n", "Size"),
        ("\u{ff10}\r\n\r\n", "Size"),
        ("10000000000000000\r\n\r\n", "Size"),
        ("10000000000000001\r\na\r\n0\r\n\r\n", "Size"),
        ("00000000000000000\r\n\r\n", "Size"),
        ("fffffffffffffffff\r\n\r\n", "Size"),
    ]);
}

#[test]
fn lines_of_chunks_that_only_some_take_to_end_rfc_9112_7_1_1() {
    check_chunks(&[
        ("0\n\r\n", "LineEnd"),
        ("0\r\r\n\r\n", "LineEnd"),
        ("1\ra\r\n0\r\n\r\n", "LineEnd"),
        ("0;\n\r\n", "Extension"),
        ("0;\r\n\r\n", "Extension"),
        ("0;a\n\r\n", "LineEnd"),
        ("0;a\rb\r\n\r\n", "LineEnd"),
        ("0;a=\n1\r\n\r\n", "Extension"),
        ("0;a=\"\n\"\r\n\r\n", "Extension"),
        ("0;a=\"\r\n\r\n\"\r\n\r\n", "Extension"),
        ("2;\nxx\r\n1c\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n0\r\n\r\n", "Extension"),
        ("0 ;a\r\n\r\n", "Size"),
        ("0; a\r\n\r\n", "Extension"),
        ("1\r\na0\r\n\r\n", "DataEnd"),
        ("1\r\na\n0\r\n\r\n", "DataEnd"),
        ("1\r\na\r0\r\n\r\n", "DataEnd"),
        ("1\r\nab\r\n0\r\n\r\n", "DataEnd"),
        ("1\r\na\r\n\r\n0\r\n\r\n", "Size"),
    ]);
}

#[test]
fn trailers_that_only_some_take_for_fields_rfc_9112_7_1_2() {
    check_chunks(&[
        ("0\r\n\n", "Trailer(BareLf)"),
        ("0\r\n\rGET / HTTP/1.1\r\n\r\n", "Trailer(BareCr)"),
        ("0\r\nContent-Length: 6\r\n\r\n", "Trailer(TrailerNotAllowed)"),
        ("0\r\nTransfer-Encoding: chunked\r\n\r\n", "Trailer(TrailerNotAllowed)"),
        ("0\r\nHost: b\r\n\r\n", "Trailer(TrailerNotAllowed)"),
        ("0\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n", "Trailer(SpaceBeforeColon)"),
        ("0\r\na: b\n\r\n", "Trailer(BareLf)"),
        ("0\r\na: b\r\n c\r\n\r\n", "Trailer(Folded)"),
        ("0\r\na\r\n\r\n", "Trailer(FieldName)"),
    ]);
}

#[test]
fn lines_and_hosts_that_only_some_understand_rfc_9112_3() {
    for (head, said) in [
        ("GET / HTTP/1.1\r\n Host: a", "Folded"),
        ("GET / HTTP/1.1\r\nHost : a", "SpaceBeforeColon"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b", "HostTwice"),
        ("GET / HTTP/1.1\r\nHost: a, b", "HostInvalid"),
        ("GET / HTTP/1.1\r\nHost: a@b", "HostInvalid"),
        ("GET / HTTP/1.1\r\nHost: a/b", "HostInvalid"),
        ("GET / HTTP/1.1\r\nHost: a:80b", "HostInvalid"),
        ("GET / HTTP/1.1\r\nHost: a\tb", "HostInvalid"),
        ("GET http://a@b/ HTTP/1.1\r\nHost: a", "Target"),
        ("GET http://a\\b/ HTTP/1.1\r\nHost: a", "Target"),
        ("GET file:///etc HTTP/1.1\r\nHost: a", "Target"),
        ("GET b/ HTTP/1.1\r\nHost: a", "Target"),
        ("GET @b/ HTTP/1.1\r\nHost: a", "Target"),
        ("GET /#b HTTP/1.1\r\nHost: a", "Target"),
        ("GET / HTTP/1.1 \r\nHost: a", "RequestLine"),
        ("GET / HTTP/1.1\x0b\r\nHost: a", "RequestLine"),
        ("GET / HTTP/1.1 HTTP/1.1\r\nHost: a", "RequestLine"),
        ("GET /\x0bHTTP/1.1\r\nHost: a", "Target"),
        ("GET / HTTP/1.1\rHost: a", "BareCr"),
        ("GET / HTTP/1.1\nHost: a", "BareLf"),
        ("GET /\u{a0}HTTP/1.1\r\nHost: a", "Target"),
        ("GET / \u{ff28}TTP/1.1\r\nHost: a", "RequestLine"),
        ("GET / HTTP/1.1\r\nConnection: close\0\r\nHost: a", "FieldValue"),
        ("\0GET / HTTP/1.1\r\nHost: a", "Method"),
        ("\x0bGET / HTTP/1.1\r\nHost: a", "Method"),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a", "EmptyLines"),
    ] {
        assert_eq!(check(&format!("{head}\r\n\r\n")), said, "{head:?}");
    }
}

#[test]
fn a_request_hidden_in_a_body_stays_there() {
    let hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = hidden.len();
    let last = "GET /last HTTP/1.1\r\nHost: a\r\n\r\n";
    let counted = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{hidden}{last}");
    assert_eq!(check(&counted), format!("POST / [{hidden}] + GET /last []"));
    let chunked = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n{last}"
    );
    assert_eq!(check(&chunked), format!("POST / [{hidden}] + GET /last []"));
}
