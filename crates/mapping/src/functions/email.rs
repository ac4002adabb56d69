use jsonata_core::value::JValue;

use super::{FunctionDoc, HostFunction, text};

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "email",
        signature: "$email(text)",
        doc: "The e-mail address in a text, in one spelling: without `mailto:`, display name, angle brackets and \
              white space, its domain in lower case. The part before the `@` is left as it is, since servers may \
              tell capitals apart. Nothing if there is no plausible address.",
        examples: &[
            ("$email(' Ann.Lee@Example.COM ')", "\"Ann.Lee@example.com\""),
            ("$email('Ann Lee <ann@example.com>')", "\"ann@example.com\""),
            ("$email('mailto:ann@example.com?subject=Hi')", "\"ann@example.com\""),
            ("$email('ann at example')", "nothing"),
        ],
    },
    takes_context: true,
    call: |_, args| {
        let address = text("email", args, 0)?.and_then(normal);
        Ok(address.map_or(JValue::Undefined, JValue::string))
    },
};

fn normal(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = match (text.rfind('<'), text.ends_with('>')) {
        (Some(open), true) => text.get(open + 1..text.len() - 1)?.trim(),
        _ => text,
    };
    let bare = match bare.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => bare.get(7..)?.split('?').next()?.trim(),
        _ => bare,
    };
    let (local, domain) = bare.rsplit_once('@')?;
    let domain = domain.strip_suffix('.').unwrap_or(domain).to_lowercase();
    // The lengths are those of RFC 5321, section 4.5.3.1.
    let plausible = !local.is_empty()
        && local.len() <= 64
        && domain.len() <= 253
        && local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
        && domain.contains('.')
        && domain.split('.').all(is_label)
        && !domain.rsplit('.').next()?.bytes().all(|b| b.is_ascii_digit());
    plausible.then(|| format!("{local}@{domain}"))
}

/// The characters of RFC 5322's `atext`, and those beyond ASCII (RFC 6532).
fn is_atom(c: char) -> bool {
    c.is_alphanumeric()
        || "!#$%&'*+-/=?^_`{|}~".contains(c)
        || (!c.is_ascii() && !c.is_whitespace() && !c.is_control())
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::normal;

    #[test]
    fn addresses_come_out_in_one_spelling() {
        for (text, address) in [
            ("\"Lee, Ann\" <Ann@EXAMPLE.com>", "Ann@example.com"),
            ("<ann@example.com>", "ann@example.com"),
            ("MAILTO:ann+tag@sub.example.co.uk.", "ann+tag@sub.example.co.uk"),
            ("o'hara@example.com", "o'hara@example.com"),
            ("jürgen@bücher.example", "jürgen@bücher.example"),
        ] {
            assert_eq!(normal(text).as_deref(), Some(address), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_nothing() {
        let long = format!("{}@example.com", "a".repeat(65));
        for text in [
            "",
            "@",
            "ann",
            "ann@",
            "@example.com",
            "ann@example",
            "a b@example.com",
            ".a@example.com",
            "a..b@example.com",
            "ann@-example.com",
            "ann@example..com",
            "ann@10.0.0.1",
            "a@b@example.com",
            "mailto:",
            "<",
            "<>",
            "é",
            "ann@exa mple.com",
            &long,
        ] {
            assert_eq!(normal(text), None, "{text}");
        }
    }
}
