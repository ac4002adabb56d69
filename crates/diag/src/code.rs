use std::fmt;

use serde::{Serialize, Serializer};

/// The stable name of one kind of error, `SNW-` and four digits. Its first digit says which part speaks:
/// 1 configuration, 2 calls, 3 engine, 4 triggers, 5 store, 6 control and CLI.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self(text)
    }

    /// The code as people read it: `SNW-1203`.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// The `type` of problem details (RFC 9457). A name, not an address: it is the same wherever the pages are read.
    pub fn uri(self) -> String {
        format!("urn:sinew:error:{}", self.0)
    }

    /// The code whose text this is, if there is one.
    pub fn find(text: &str) -> Option<Self> {
        page(text).map(|page| page.code)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// A code with its title and its help page (`docs/errors/<code>.md`).
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The code.
    pub code: Code,
    /// The kind of error in a few words.
    pub title: &'static str,
    /// The help page, in Markdown.
    pub text: &'static str,
}

/// Every code there is, in order.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    crate::codes::ALL.iter().copied().flatten()
}

/// The page of a code given as `SNW-1203`, `snw-1203` or `1203`.
pub fn page(text: &str) -> Option<&'static Page> {
    let wanted = text.trim();
    pages().find(|page| {
        let code = page.code.as_str();
        code.eq_ignore_ascii_case(wanted) || code.strip_prefix("SNW-") == Some(wanted)
    })
}

/// Declares codes: a constant each, and the list of their pages. The page must exist, or the build fails.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $title:literal;)*) => {
        $($(#[$doc])* pub const $name: $crate::Code = $crate::Code::new($code);)*

        pub(super) static PAGES: &[$crate::Page] = &[$($crate::Page {
            code: $name,
            title: $title,
            text: include_str!(concat!("../../../../docs/errors/", $code, ".md")),
        }),*];
    };
}
pub(crate) use codes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_its_page_speaks_of_it() {
        let all: Vec<_> = pages().collect();
        for (i, page) in all.iter().enumerate() {
            assert!(page.text.starts_with(&format!("# {}: ", page.code)), "{} lacks its heading", page.code);
            assert!(page.text.contains("## How to mend it"), "{} does not say how to mend it", page.code);
            assert!(all[..i].iter().all(|other| other.code != page.code), "{} is declared twice", page.code);
        }
    }

    #[test]
    fn a_code_is_found_however_it_is_typed() {
        for page in pages() {
            let code = page.code.as_str();
            assert_eq!(Code::find(&code.to_lowercase()), Some(page.code));
            assert_eq!(Code::find(&code["SNW-".len()..]), Some(page.code));
        }
        assert_eq!(Code::find("SNW-0000"), None);
    }
}
