use jsonata_core::value::JValue;

use super::{FunctionDoc, HostFunction, text};

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "slug",
        signature: "$slug(text)",
        doc: "The text in lower case with everything between its letters and digits replaced by one `-`: fit for \
              external keys and URLs. Letters of the Latin alphabet with accents lose them; `ß`, `æ`, `ø` and the \
              like are spelt out.",
        examples: &[
            ("$slug('Müller & Söhne GmbH')", "\"muller-sohne-gmbh\""),
            ("$slug('  Straße   Nr. 5 ')", "\"strasse-nr-5\""),
        ],
    },
    takes_context: true,
    call: |_, args| {
        let Some(text) = text("slug", args, 0)? else { return Ok(JValue::Undefined) };
        let mut slug = String::with_capacity(text.len());
        for character in text.chars().flat_map(char::to_lowercase) {
            match plain(character) {
                Some(letters) => slug.push_str(letters),
                None if character.is_alphanumeric() => slug.push(character),
                None if is_mark(character) || slug.is_empty() || slug.ends_with('-') => {}
                None => slug.push('-'),
            }
        }
        slug.truncate(slug.trim_end_matches('-').len());
        Ok(JValue::string(slug))
    },
};

/// Combining accents, as decomposed texts have them, and apostrophes.
fn is_mark(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36f}' | '\'' | '’')
}

fn plain(character: char) -> Option<&'static str> {
    Some(match character {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'ç' | 'ć' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ė' | 'ę' | 'ě' => "e",
        'ğ' => "g",
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => "i",
        'ł' | 'ľ' => "l",
        'ñ' | 'ń' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' => "o",
        'ŕ' | 'ř' => "r",
        'ś' | 'š' | 'ş' | 'ș' => "s",
        'ť' | 'ţ' | 'ț' => "t",
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => "u",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}
