use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::utf8_percent_encode;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::ENCODED;

/// A shorter piece of Base64 could stand in any text by chance.
const BASE64_MIN: usize = 8;

/// The forms in which a secret could show up in a message: as it is, in a URL, in a JSON string, in JSON that is itself
/// quoted in a JSON string, as by systems that repeat what they were sent, and within Base64, whatever stands before it
/// there.
pub fn masks(secret: &Secret) -> Vec<Secret> {
    let once = quoted(secret.expose());
    let mut forms = vec![utf8_percent_encode(secret.expose(), ENCODED).to_string(), quoted(&once), once];
    forms.extend((0..3).flat_map(|before| within_base64(secret.expose(), before)));
    let mut masks = vec![secret.clone()];
    for form in forms {
        if masks.iter().all(|known| known.expose() != form) {
            masks.push(Secret::new(form));
        }
    }
    masks
}

/// What of a text's Base64 depends on nothing around it, if so many bytes stand before it in its group of three.
fn within_base64(text: &str, before: usize) -> impl Iterator<Item = String> {
    let mut bytes = Zeroizing::new(vec![0; before]);
    bytes.extend_from_slice(text.as_bytes());
    // A digit is six bits; those at both ends that are shared with a neighbour are left out.
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    let forms = [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)];
    let own = forms.map(|form| form.get(from..to).unwrap_or_default().to_owned());
    own.into_iter().filter(|own| own.len() >= BASE64_MIN)
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

    #[test]
    fn a_secret_is_masked_in_base64_whatever_stands_around_it() {
        let secret = "a long secret?>~";
        let masks = masks(&Secret::new(secret));
        for (before, behind) in
            [("", ""), ("u:", ""), ("\0user\0", ""), ("user=a\x01auth=Bearer ", "\x01\x01")]
        {
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let sent = engine.encode(format!("{before}{secret}{behind}"));
                let own = masks.iter().skip(1).find(|mask| sent.contains(mask.expose()));
                assert!(own.is_some_and(|own| own.expose().len() >= 19), "{before:?} {behind:?}: {sent}");
            }
        }
    }
}
