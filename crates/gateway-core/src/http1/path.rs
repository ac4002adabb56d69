use super::grammar::{bytes, run_end};

/// Bytes that stay as they are wherever they stand: visible ASCII but for `%`, `.`, and what no path has.
static PLAIN: [bool; 256] =
    bytes!(b'!' | b'"' | b'$' | b'&'..=b'-' | b'/'..=b'>' | b'@'..=b'[' | b']'..=b'~');

/// `unreserved` (RFC 3986 2.3), which means the same escaped or not.
static UNRESERVED: [bool; 256] = bytes!(b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~');

/// Why a path is refused, each with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with a slash.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// It has a space, control or foreign character, `?`, `#`, or a backslash, which some servers take for a slash.
    #[error("the path has a character that no path has")]
    Character,
    /// A `%` without two hexadecimal digits.
    #[error("a percent sign of the path is not followed by two hexadecimal digits")]
    Escape,
    /// An escaped control character, NUL among them, which cuts paths off in some servers.
    #[error("the path has an escaped control character")]
    Control,
    /// More `..` than segments. RFC 3986 5.2.4 would overlook them; nobody who is up to no harm sends them.
    #[error("the path leads out of the root")]
    AboveRoot,
    /// A `.` or `..` that becomes a segment once another server decodes `%2F` or `%5C`, or cuts off what is behind a `;`.
    #[error("the path hides a dot segment")]
    HiddenDots,
}

/// Writes the normal form of a path (RFC 3986 6.2.2) to `out`, in place of what is there; `false` if the path has it
/// already, and then `out` is empty.
///
/// Unreserved characters are decoded, other escapes are in upper case, dot segments are taken out, escaped ones too. An
/// escaped slash stays one: it separates nothing. An empty path is `/`.
pub fn normal_path(path: &[u8], out: &mut Vec<u8>) -> Result<bool, PathError> {
    out.clear();
    if path.is_empty() {
        out.push(b'/');
        return Ok(true);
    }
    if path[0] != b'/' {
        return Err(PathError::NotAbsolute);
    }
    if is_normal(path) {
        return Ok(false);
    }
    write_normal(path, out)?;
    let has_changed = out != path;
    if !has_changed {
        out.clear();
    }
    Ok(has_changed)
}

/// Whether a look is enough to know: there are only plain bytes, and dots within segments.
fn is_normal(path: &[u8]) -> bool {
    let mut at = 0;
    loop {
        at = run_end(path, at, &PLAIN);
        match path.get(at) {
            None => return true,
            Some(b'.') if path[at - 1] != b'/' => at += 1,
            Some(_) => return false,
        }
    }
}

fn write_normal(path: &[u8], out: &mut Vec<u8>) -> Result<(), PathError> {
    out.reserve(path.len());
    out.push(b'/');
    let mut segments = path[1..].split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        // A slash stands before each segment, so that one which is taken out leaves one at the end.
        let start = out.len();
        write_segment(segment, out)?;
        match &out[start..] {
            b"." => out.truncate(start),
            b".." => {
                let before = memchr::memrchr(b'/', &out[..start - 1]).ok_or(PathError::AboveRoot)?;
                out.truncate(before + 1);
            }
            written if hides_dots(written) => return Err(PathError::HiddenDots),
            _ if segments.peek().is_some() => out.push(b'/'),
            _ => {}
        }
    }
    Ok(())
}

fn write_segment(mut rest: &[u8], out: &mut Vec<u8>) -> Result<(), PathError> {
    loop {
        let run = run_end(rest, 0, &PLAIN);
        out.extend_from_slice(&rest[..run]);
        match &rest[run..] {
            [] => return Ok(()),
            [b'.', after @ ..] => {
                out.push(b'.');
                rest = after;
            }
            [b'%', high, low, after @ ..] => {
                write_escape(*high, *low, out)?;
                rest = after;
            }
            [b'%', ..] => return Err(PathError::Escape),
            _ => return Err(PathError::Character),
        }
    }
}

fn write_escape(high: u8, low: u8, out: &mut Vec<u8>) -> Result<(), PathError> {
    let (Some(high_value), Some(low_value)) = (nibble(high), nibble(low)) else {
        return Err(PathError::Escape);
    };
    let byte = high_value << 4 | low_value;
    if byte.is_ascii_control() {
        return Err(PathError::Control);
    }
    if UNRESERVED[usize::from(byte)] {
        out.push(byte);
    } else {
        out.extend_from_slice(&[b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
    }
    Ok(())
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// Whether other servers may find a dot segment in this one, of which escapes are in their normal form.
fn hides_dots(segment: &[u8]) -> bool {
    let behind_slashes =
        segment.windows(3).enumerate().filter(|(_, escape)| matches!(*escape, b"%2F" | b"%5C"));
    std::iter::once(0)
        .chain(behind_slashes.map(|(at, _)| at + 3))
        .any(|start| begins_with_dots(&segment[start..]))
}

fn begins_with_dots(piece: &[u8]) -> bool {
    let behind = piece.strip_prefix(b"..").or_else(|| piece.strip_prefix(b"."));
    behind.is_some_and(|rest| {
        matches!(
            rest,
            [] | [b';', ..] | [b'%', b'2', b'F', ..] | [b'%', b'5', b'C', ..] | [b'%', b'3', b'B', ..]
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str) -> String {
        let mut out = b"of the last one".to_vec();
        match normal_path(path.as_bytes(), &mut out) {
            Ok(true) => {
                let normal = String::from_utf8(out.clone()).unwrap();
                assert_eq!(normal_path(normal.as_bytes(), &mut out), Ok(false), "{normal} is normal");
                normal
            }
            Ok(false) => {
                assert!(out.is_empty());
                "the same".to_owned()
            }
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn a_path_in_normal_form_stays() {
        for path in [
            "/",
            "/a/b.json",
            "//a//",
            "/a;b=c/d",
            "/~a/-._!$&'()*+,;=:@",
            "/a%20b",
            "/%C3%A4",
            "/a%2Fb",
            "/.well-known/a",
            "/...",
            "/..a",
            "/a..b/c.",
            "/DOM%5Cname",
            "/a%25",
        ] {
            assert_eq!(check(path), "the same", "{path}");
        }
    }

    #[test]
    fn unreserved_characters_are_decoded_and_other_escapes_in_upper_case_rfc_3986_6_2_2() {
        assert_eq!(check("/%61%2D%7e%41"), "/a-~A");
        assert_eq!(check("/a%2fb%c3%a4"), "/a%2Fb%C3%A4");
        assert_eq!(check("/%2561"), "the same");
    }

    #[test]
    fn dot_segments_are_taken_out_rfc_3986_5_2_4() {
        for (path, normal) in [
            ("", "/"),
            ("/.", "/"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/b/c/./../../g", "/a/g"),
            ("/a//../b", "/a/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/%2e/a", "/a"),
        ] {
            assert_eq!(check(path), normal, "{path}");
        }
    }

    #[test]
    fn paths_out_of_the_root_are_refused() {
        for path in ["/..", "/../a", "/a/../..", "/a/../%2e%2e/b", "/./.."] {
            assert_eq!(check(path), "AboveRoot", "{path}");
        }
    }

    #[test]
    fn dots_that_other_servers_would_find_are_refused() {
        for path in [
            "/a/..;/b",
            "/a/..;x=y/b",
            "/a/..%2Fb",
            "/a/..%2fb",
            "/a/..%5cb",
            "/a/b%2F..",
            "/a/b%2f.%2fc",
            "/a/%2e%2e%3bx/b",
            "/a/.;",
            "/a/%2e%2e%2f",
            "/b%5C..%5Cc",
            "/a;%2F../b",
        ] {
            assert_eq!(check(path), "HiddenDots", "{path}");
        }
    }

    #[test]
    fn what_no_path_has_is_refused() {
        for (path, said) in [
            ("a", "NotAbsolute"),
            ("*", "NotAbsolute"),
            ("/a b", "Character"),
            ("/a\\b", "Character"),
            ("/a?b", "Character"),
            ("/a#b", "Character"),
            ("/ä", "Character"),
            ("/a\0", "Character"),
            ("/%", "Escape"),
            ("/%4", "Escape"),
            ("/%4/a", "Escape"),
            ("/%zz", "Escape"),
            ("/%+1", "Escape"),
            ("/%00", "Control"),
            ("/%0a", "Control"),
            ("/%7F", "Control"),
        ] {
            assert_eq!(check(path), said, "{path}");
        }
    }
}
