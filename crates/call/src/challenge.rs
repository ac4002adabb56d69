//! What a system says about a credential that it refused.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use sinew_diag::codes::call as codes;
use sinew_model::{Failure, Reason};
use sinew_stdx::Timestamp;

use crate::told;

/// How much of a system's words is repeated.
const WORDS_SHOWN: usize = 200;

/// The failure with what `WWW-Authenticate` says of it (RFC 6750, section 3), and with how far the clocks are apart.
pub(crate) fn explained(failure: Failure, headers: &HeaderMap, now: Timestamp) -> Failure {
    let mut failure = failure;
    let texts = || headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let lacks_scope = texts().any(|text| parameter(text, "error").as_deref() == Some("insufficient_scope"));
    if lacks_scope {
        let scope = texts().find_map(|text| parameter(text, "scope"));
        let lacking = match &scope {
            Some(scope) => format!("{}; the credential lacks the scope `{scope}`", failure.message),
            None => format!("{}; the credential lacks a scope", failure.message),
        };
        let known = Failure {
            retry_after: failure.retry_after,
            ..Failure::new(Reason::Credential, codes::SCOPE_MISSING, lacking)
        };
        let named = scope.map_or_else(|| "the scope".to_owned(), |scope| format!("`{scope}`"));
        let help = format!(
            "add {named} to `scopes:` of the connection and log in anew: tokens keep the scopes they have"
        );
        return Failure { status: failure.status, ..known }.help(help);
    }
    if let Some(said) = texts().find_map(|text| parameter(text, "error_description")) {
        failure.message = format!("{} ({said})", failure.message).into();
    }
    if let Some(gap) = told::clock_gap(headers, now) {
        failure.message = format!("{}; {gap}", failure.message).into();
    }
    failure
}

/// A parameter of a challenge: `name="text"` or `name=text` (RFC 9110, section 11.4).
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut at = 0;
    while let Some(found) = text.get(at..)?.find(name) {
        let (start, end) = (at + found, at + found + name.len());
        at = end;
        let begins = !text[..start].ends_with(|c: char| c.is_alphanumeric() || "-_".contains(c));
        let Some(value) = text[end..].trim_start().strip_prefix('=').filter(|_| begins) else { continue };
        let value = value.trim_start();
        let value = match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next(),
            None => value.split([',', ' ']).next(),
        };
        let words = value?.chars().filter(|c| !c.is_control()).take(WORDS_SHOWN);
        return Some(words.collect::<String>()).filter(|words| !words.is_empty());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_challenge_are_read() {
        let text = r#"Bearer realm="error=x", error="insufficient_scope", scope="a b", error_description=short, n=1"#;
        for (name, value) in [
            ("scope", Some("a b")),
            ("error_description", Some("short")),
            ("n", Some("1")),
            ("missing", None),
            ("realm", Some("error=x")),
        ] {
            assert_eq!(parameter(text, name).as_deref(), value, "{name}");
        }
        assert_eq!(parameter(r#"Bearer scope="", x"#, "scope"), None);
    }
}
