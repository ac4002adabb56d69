use jsonata_core::value::JValue;

use super::{FunctionDoc, HostFunction, argument};

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "default",
        signature: "$default(value, fallback)",
        doc: "The value, or the fallback if there is none, if it is `null`, or if it is a text of nothing but white \
              space. (`??` falls back for nothing only, `?:` for `false` and `0` too.)",
        examples: &[
            ("$default(phone, 'unknown')", "\"unknown\""),
            ("$default(null, 0)", "0"),
            ("$default('  ', 'n/a')", "\"n/a\""),
            ("$default(0, 5)", "0"),
        ],
    },
    takes_context: false,
    call: |_, args| {
        let value = argument(args, 0);
        let absent = match value {
            JValue::Undefined | JValue::Null => true,
            JValue::String(text) => text.trim().is_empty(),
            _ => false,
        };
        Ok(argument(args, usize::from(absent)).clone())
    },
};
