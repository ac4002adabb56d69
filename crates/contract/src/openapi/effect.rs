/// What an operation does to the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Removes, or cannot be taken back.
    Destructive,
}

/// Words that say of a POST that it only asks.
const ASKING: &[&str] = &["search", "query", "find", "lookup", "list", "count"];
/// Words that say of any call that it removes or ends something.
const REMOVING: &[&str] =
    &["delete", "remove", "destroy", "purge", "erase", "void", "cancel", "revoke", "terminate", "wipe"];

/// Words that say of an operation without a method that it only asks. (What is read over HTTP has a method that says so.)
const READING: &[&str] = &[
    "get", "read", "retrieve", "fetch", "describe", "show", "view", "browse", "select", "is", "has", "check",
    "ping", "echo",
];

impl Effect {
    /// The effect as far as an operation's name tells.
    pub(crate) fn of_name(name: &str) -> Self {
        let first = first_word(name);
        if REMOVING.contains(&&*first) {
            Self::Destructive
        } else if READING.contains(&&*first) || ASKING.contains(&&*first) {
            Self::Read
        } else {
            Self::Write
        }
    }
}

/// Guesses the effect from method and names; who imports corrects it where it is wrong. The verb is looked for where
/// authors put it: as the first word of the id, or as the last segment of the path.
pub(super) fn guess(method: &str, path: &str, id: &str) -> Effect {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" => return Effect::Read,
        "DELETE" => return Effect::Destructive,
        _ => {}
    }
    let segment = path.rsplit('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    let verb = segment.rsplit([':', '.', '-', '_']).next().unwrap_or_default().to_ascii_lowercase();
    let first = first_word(id);
    let says = |words: &[&str]| words.contains(&first.as_str()) || words.contains(&verb.as_str());
    if removes(&first) || removes(&verb) {
        Effect::Destructive
    } else if method == "POST" && says(ASKING) {
        Effect::Read
    } else {
        Effect::Write
    }
}

/// Whether a word, in lower case, says that something is removed or ended.
pub(crate) fn removes(word: &str) -> bool {
    REMOVING.contains(&word)
}

/// `deleteUser`, `delete_user`, `DeleteUser`, `delete-user`: `delete`.
fn first_word(id: &str) -> String {
    let mut word = String::new();
    for character in id.chars() {
        let ends = !character.is_alphanumeric() || (character.is_uppercase() && !word.is_empty());
        if ends {
            break;
        }
        word.extend(character.to_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_and_names_tell_the_effect() {
        let check =
            |method, path, id, wanted| assert_eq!(guess(method, path, id), wanted, "{method} {path} {id}");
        check("GET", "/users/delete", "deleteUsers", Effect::Read);
        check("POST", "/users", "createUser", Effect::Write);
        check("POST", "/users/search", "usersSearch", Effect::Read);
        check("POST", "/q", "searchUsers", Effect::Read);
        check("POST", "/searches", "createSearch", Effect::Write);
        check("PUT", "/find", "findAndReplace", Effect::Write);
        check("POST", "/invoices/{id}/void", "PostInvoicesInvoiceVoid", Effect::Destructive);
        check("POST", "/v1/users:delete", "users_del", Effect::Destructive);
        check("POST", "/x", "cancel-order", Effect::Destructive);
        check("DELETE", "/x", "x", Effect::Destructive);
    }

    #[test]
    fn a_name_alone_tells_the_effect() {
        let check = |name, wanted| assert_eq!(Effect::of_name(name), wanted, "{name}");
        check("GetBalance", Effect::Read);
        check("getterAdd", Effect::Write);
        check("VoidInvoice", Effect::Destructive);
        check("CreateInvoice", Effect::Write);
    }
}
