//! From a body's bytes to JSON: JSON as it stands, forms as an object of texts.

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use percent_encoding::percent_decode;
use sinew_stdx::Json;

/// Fields of one form.
const FIELDS_MAX: usize = 1000;
/// The same, those that come several times counted each time.
const PAIRS_MAX: usize = 10_000;

/// Reads a body by its `Content-Type`; what is no form is taken for JSON. The error is for the sender.
pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Json, String> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    // `curl -d '{...}'` calls its body a form. No form begins with a brace: it would be percent-encoded.
    let is_object = body.trim_ascii_start().starts_with(b"{");
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !is_object {
        return form(body);
    }
    Json::parse(body).map_err(|error| {
        let said = essence.to_ascii_lowercase();
        if said.is_empty() || said.ends_with("json") || said == "text/plain" {
            return format!("the body is not JSON: {error}");
        }
        format!("the body is `{said}`; JSON and forms are taken, and it is not JSON: {error}")
    })
}

/// The fields of a form in their order; a name that comes several times has an array of texts.
fn form(body: &[u8]) -> Result<Json, String> {
    let mut fields: Vec<(String, Vec<Json>)> = Vec::new();
    for (name, value) in pairs(body)? {
        let value = Json::string(&value);
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
        if fields.len() > FIELDS_MAX {
            return Err(format!("the form has more than {FIELDS_MAX} fields"));
        }
    }
    let fields: Vec<(String, Json)> = fields
        .into_iter()
        .map(|(name, mut values)| match values.len() {
            1 => (name, values.remove(0)),
            _ => (name, Json::array(&values)),
        })
        .collect();
    Ok(Json::object(fields.iter().map(|(name, value)| (name.as_str(), value))))
}

/// The fields of a form as they come.
pub(crate) fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        pairs.push((decode(&pair[..at])?, decode(pair.get(at + 1..).unwrap_or_default())?));
        if pairs.len() > PAIRS_MAX {
            return Err(format!("the form has more than {PAIRS_MAX} fields"));
        }
    }
    Ok(pairs)
}

fn decode(text: &[u8]) -> Result<String, String> {
    let spaced: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let bytes: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(bytes).map_err(|_| "the form has a field that is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content_type: &str, body: &[u8]) -> Result<String, String> {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        parse(&headers, body).map(|json| json.to_string())
    }

    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

    #[test]
    fn json_passes_digit_for_digit_whatever_the_sender_calls_it() {
        for content_type in ["", "application/json", "application/vnd.crm+json", "text/plain"] {
            assert_eq!(
                check(content_type, br#"{"id": 9007199254740993}"#).unwrap(),
                r#"{"id": 9007199254740993}"#
            );
        }
    }

    #[test]
    fn json_that_is_called_a_form_is_json() {
        assert_eq!(check(FORM, br#" {"a":[1]}"#).unwrap(), r#"{"a":[1]}"#);
        assert!(check(FORM, b"{\"a\":").is_err());
    }

    #[test]
    fn a_form_becomes_an_object_in_its_order_with_arrays_for_repeated_names() {
        let body = b"email=ada%40example.com&name=Ada+Lovelace&tag=a&tag=b&empty=&flag";
        assert_eq!(
            check(FORM, body).unwrap(),
            r#"{"email":"ada@example.com","name":"Ada Lovelace","tag":["a","b"],"empty":"","flag":""}"#
        );
        assert_eq!(check(FORM, b"").unwrap(), "{}");
        assert_eq!(check(FORM, b"a=%zz").unwrap(), r#"{"a":"%zz"}"#);
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(check(FORM, b"a=%ff").unwrap_err().contains("UTF-8"));
        let many: Vec<String> = (0..=FIELDS_MAX).map(|n| format!("f{n}=1")).collect();
        assert!(check(FORM, many.join("&").as_bytes()).unwrap_err().contains("more than 1000 fields"));
        assert!(check("application/json", b"{\"a\":").unwrap_err().starts_with("the body is not JSON"));
        assert!(check("", b"\xff\xfe").unwrap_err().contains("not UTF-8"));
        assert!(check("", "[".repeat(200_000).as_bytes()).unwrap_err().contains("nested 200000 levels"));
        assert!(
            check("multipart/form-data; boundary=x", b"--x").unwrap_err().contains("`multipart/form-data`")
        );
    }
}
