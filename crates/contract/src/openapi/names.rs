//! Ids of operations: what their authors call them, as one word; else made from method and path, the same each time.

use std::collections::HashSet;

/// Characters of an id at most.
const LENGTH_MAX: usize = 63;
/// Characters of it that stay when it is cut.
const CUT: usize = LENGTH_MAX - 9;

/// The ids that are taken.
#[derive(Default)]
pub(crate) struct Ids(HashSet<String>);

/// How an operation came to its id.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its author's, as one word.
    Given,
    /// From method and path: the author gave none.
    Derived,
    /// The author gave it to another operation before: with the operation's first tag before it, else from method and path.
    Doubled,
}

impl Ids {
    /// The id of an operation.
    pub(crate) fn take(
        &mut self,
        given: Option<&str>,
        tag: Option<&str>,
        method: &str,
        path: &str,
    ) -> (String, Origin) {
        let given = given.map(word).filter(|id| !id.is_empty());
        let origin = match &given {
            Some(id) if self.0.insert(id.clone()) => return (id.clone(), Origin::Given),
            Some(_) => Origin::Doubled,
            None => Origin::Derived,
        };
        if let (Some(id), Some(tag)) = (&given, tag) {
            let tagged = word(&format!("{tag}_{id}"));
            if self.0.insert(tagged.clone()) {
                return (tagged, origin);
            }
        }
        let derived = word(&derived(method, path));
        let mut id = derived.clone();
        let mut n = 2;
        while !self.0.insert(id.clone()) {
            id = word(&format!("{derived}_{n}"));
            n += 1;
        }
        (id, origin)
    }
}

/// `GET /users/{id}/posts`: `get_users_id_posts`.
fn derived(method: &str, path: &str) -> String {
    format!("{}_{path}", method.to_ascii_lowercase())
}

/// A text as one word: letters, digits and `_`, a letter first. Long ones are cut and end with a hash of the whole.
fn word(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            word.push(character);
        } else if !word.is_empty() && !word.ends_with('_') {
            word.push('_');
        }
    }
    let end = word.trim_end_matches('_').len();
    word.truncate(end);
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        word.insert_str(0, "op_");
    }
    if word.len() > LENGTH_MAX {
        word.truncate(CUT);
        word = format!("{word}_{:08x}", hash(text));
    }
    word
}

/// FNV-1a of 32 bits (RFC 9923): the same on every machine and in every version.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_words_and_unique() {
        let mut ids = Ids::default();
        let mut check = |given, method, path, wanted: &str, origin| {
            assert_eq!(ids.take(given, None, method, path), (wanted.to_owned(), origin));
        };
        check(Some("repos/list-for-org"), "GET", "/a", "repos_list_for_org", Origin::Given);
        check(Some("repos/list for org"), "GET", "/b/{id}", "get_b_id", Origin::Doubled);
        check(None, "GET", "/b/{id}/", "get_b_id_2", Origin::Derived);
        check(Some("2fa"), "GET", "/c", "op_2fa", Origin::Given);
        check(Some("日本"), "POST", "/d", "post_d", Origin::Derived);
        check(None, "GET", "/", "get", Origin::Derived);
        let long = "x".repeat(80);
        let (id, _) = ids.take(Some(&long), None, "GET", "/e");
        assert_eq!((id.len(), id), (63, format!("{}_{:08x}", "x".repeat(54), hash(&long))));
        let tagged = ids.take(Some("2fa"), Some("Two Factors"), "GET", "/f");
        assert_eq!(tagged, ("Two_Factors_op_2fa".to_owned(), Origin::Doubled));
        assert_eq!(hash("a"), 0xe40c_292c, "the published value");
    }
}
