use percent_encoding::utf8_percent_encode;
use sinew_vault::Secret;

use super::ENCODED;

/// The forms in which a secret could show up in a message: as it is, in a URL, in a JSON string, and in JSON that is
/// itself quoted in a JSON string, as by systems that repeat what they were sent.
pub fn masks(secret: &Secret) -> Vec<Secret> {
    let once = quoted(secret.expose());
    let forms = [utf8_percent_encode(secret.expose(), ENCODED).to_string(), quoted(&once), once];
    let mut masks = vec![secret.clone()];
    for form in forms {
        if masks.iter().all(|known| known.expose() != form) {
            masks.push(Secret::new(form));
        }
    }
    masks
}

/// The text as it stands between the quotes of a JSON string.
fn quoted(text: &str) -> String {
    let mut quoted = serde_json::to_string(text).unwrap_or_default();
    quoted.pop();
    quoted.drain(..quoted.len().min(1));
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_form_it_may_show_in() {
        let forms: Vec<_> = masks(&Secret::new("a\"b/c")).iter().map(|s| s.expose().to_owned()).collect();
        assert_eq!(forms, ["a\"b/c", "a%22b%2Fc", r#"a\\\"b/c"#, r#"a\"b/c"#]);
        assert_eq!(masks(&Secret::new("plain")).len(), 1);
    }
}
