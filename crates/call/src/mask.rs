use std::borrow::Cow;

use sinew_vault::Secret;

/// What stands where a secret stood.
pub(crate) const MASK: &str = "***";

/// Headers whose values are credentials whatever they hold.
const CREDENTIAL_HEADERS: [&str; 9] = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
];

/// Whether a header is shown as a mask whatever it holds.
pub(crate) fn hides_header(name: &str) -> bool {
    CREDENTIAL_HEADERS.contains(&name)
}

/// Knows the secrets of an attempt, and takes them out of whatever is shown.
#[derive(Default)]
pub(crate) struct Masker {
    secrets: Vec<Secret>,
}

impl Masker {
    /// Takes note of a secret; of its forms too, if they are among `secrets`.
    pub(crate) fn add(&mut self, secrets: &[Secret]) {
        self.secrets.extend(secrets.iter().filter(|secret| !secret.expose().is_empty()).cloned());
        // Longest first: where one secret holds another, the whole of it goes.
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
    }

    /// The text without any secret.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.secrets.iter().any(|secret| text.contains(secret.expose())) {
            Cow::Owned(self.cut(text, text.len()))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// The first `max` bytes of a body as text, without any secret, not even one that lies across the cut.
    pub(crate) fn body(&self, bytes: &[u8], max: usize) -> String {
        let longest = self.secrets.first().map_or(0, |secret| secret.expose().len());
        let window = &bytes[..bytes.len().min(max.saturating_add(longest))];
        let text = String::from_utf8_lossy(window);
        let mut shown = self.cut(&text, max);
        if bytes.len() > max {
            shown.push('…');
        }
        shown
    }

    /// Copies what begins before `end`, with masks for secrets.
    fn cut(&self, text: &str, end: usize) -> String {
        let mut shown = String::with_capacity(end.min(text.len()) + 8);
        let mut at = 0;
        while at < end.min(text.len()) {
            let rest = &text[at..];
            if let Some(secret) = self.secrets.iter().find(|secret| rest.starts_with(secret.expose())) {
                shown.push_str(MASK);
                at += secret.expose().len();
                continue;
            }
            let next = rest.chars().next().map_or(1, char::len_utf8);
            shown.push_str(&rest[..next]);
            at += next;
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masker(secrets: &[&str]) -> Masker {
        let mut masker = Masker::default();
        masker.add(&secrets.iter().map(|text| Secret::new(*text)).collect::<Vec<_>>());
        masker
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let masker = masker(&["key", "key-long", ""]);
        assert_eq!(masker.text("a key-long and a key"), "a *** and a ***");
        assert_eq!(masker.text("nothing"), "nothing");
    }

    #[test]
    fn a_secret_across_the_cut_does_not_show_in_part() {
        let masker = masker(&["0123456789"]);
        assert_eq!(masker.body(b"abc0123456789def", 6), "abc***\u{2026}");
        assert_eq!(masker.body(b"abc0123456789def", 13), "abc***\u{2026}");
        assert_eq!(masker.body(b"abc0123456789def", 14), "abc***d\u{2026}");
        assert_eq!(masker.body("\u{e9}\u{e9}".as_bytes(), 100), "\u{e9}\u{e9}");
        assert_eq!(masker.body(b"\xff\xfe", 100), "\u{fffd}\u{fffd}");
    }
}
