use jsonata_core::value::{JValue, with_stack};

use super::{Fault, FunctionDoc, HostFunction, argument};
use crate::digits::Digits;
use crate::session::Session;

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "hash",
        signature: "$hash(value)",
        doc: "A stable fingerprint of any value: BLAKE3 of its canonical JSON (RFC 8785: names sorted, shortest \
              numbers), as 64 hexadecimal digits. The order of an object's fields does not change it. For change \
              detection and deduplication keys; it is no signature.",
        examples: &[
            ("$hash('a')", "\"15fcee7b0cf1930d6680776da48bae1bffd899f81477de98036543e750fc8f49\""),
            ("$hash({'a': 1, 'b': [2, 3]}) = $hash({'b': [2, 3], 'a': 1.0})", "true"),
            ("$hash(missing)", "nothing"),
        ],
    },
    takes_context: true,
    call: |session: &Session, args| {
        let value = argument(args, 0);
        if value.is_undefined() {
            return Ok(JValue::Undefined);
        }
        if value.is_function() {
            return Err(Fault::Argument("$hash takes a value as argument 1, not a function".to_owned()));
        }
        let mut text = String::new();
        canonical(value, &session.digits.borrow(), session.text_bytes_max(), &mut text)?;
        Ok(JValue::string(blake3::hash(text.as_bytes()).to_hex().to_string()))
    },
};

/// Canonical JSON after RFC 8785. Numbers that no double holds keep their digits.
fn canonical(value: &JValue, digits: &Digits, bytes_max: usize, out: &mut String) -> Result<(), Fault> {
    match value {
        JValue::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        JValue::Number(n) => match digits.text(*n) {
            Some(text) => {
                out.push_str(if *n < 0.0 { "-" } else { "" });
                out.push_str(text);
            }
            None => out.push_str(&ecmascript(*n)),
        },
        JValue::String(text) => push_string(text, out),
        JValue::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                with_stack(|| canonical(item, digits, bytes_max, out))?;
            }
            out.push(']');
        }
        JValue::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().filter(|(_, field)| !field.is_undefined()).collect();
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, (name, field)) in sorted.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                push_string(name, out);
                out.push(':');
                with_stack(|| canonical(field, digits, bytes_max, out))?;
            }
            out.push('}');
        }
        _ => out.push_str("null"),
    }
    if out.len() > bytes_max { Err(Fault::TooLong) } else { Ok(()) }
}

fn push_string(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// A number as ECMAScript's `Number.prototype.toString` writes it, which RFC 8785 takes over.
fn ecmascript(n: f64) -> String {
    if n == 0.0 || (1e-6..1e21).contains(&n.abs()) {
        return format!("{}", n + 0.0);
    }
    let shown = format!("{n:e}");
    if shown.contains("e-") { shown } else { shown.replace('e', "e+") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_json_is_that_of_rfc_8785() {
        // Sections 3.2.2 and 3.2.3 of the RFC, with numbers and names from its examples.
        let value = crate::reader::value(
            r#"{"numbers":[333333333.3333333,1E30,4.50,2e-3,0.000000000000000000000000001],
                "string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
            &crate::Reads::Everything,
            &mut Digits::default(),
            &mut 0,
        )
        .unwrap();
        let mut out = String::new();
        canonical(&value, &Digits::default(), 10_000, &mut out).unwrap();
        assert_eq!(
            out,
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
    }

    #[test]
    fn names_sort_by_utf_16_units() {
        let value = JValue::from_json_str("{\"\u{fb33}\":1,\"\u{1f600}\":2,\"\\r\":3,\"1\":4}").unwrap();
        let mut out = String::new();
        canonical(&value, &Digits::default(), 10_000, &mut out).unwrap();
        assert_eq!(out, "{\"\\r\":3,\"1\":4,\"\u{1f600}\":2,\"\u{fb33}\":1}");
    }
}
