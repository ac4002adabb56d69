use jsonata_core::value::JValue;

use super::{Fault, FunctionDoc, HostFunction, engine};
use crate::session::Session;

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "uuid",
        signature: "$uuid([name, ...])",
        doc: "A UUID (version 8, RFC 9562) that follows from the run: evaluated again for the same step it is the \
              same. With names (texts, numbers, booleans) it follows from them and the run, so the same names give \
              the same UUID; without, each call gives another.",
        examples: &[
            ("$uuid('order', 17) = $uuid('order', 17)", "true"),
            ("$uuid('order', 17) = $uuid('order', 18)", "false"),
            ("$uuid() = $uuid()", "false"),
            ("$length($uuid())", "36"),
        ],
    },
    takes_context: false,
    call: |session: &Session, args| {
        let mut hasher = blake3::Hasher::new_derive_key("sinew 2026-11 mapping uuid");
        hasher.update(&session.seed().to_le_bytes());
        if args.is_empty() {
            hasher.update(b"next");
            hasher.update(&session.next_u64().to_le_bytes());
        }
        for (index, arg) in args.iter().enumerate() {
            let name = match arg {
                JValue::Undefined | JValue::Null => String::new(),
                JValue::Number(n) => match session.digits.borrow().text(*n) {
                    Some(text) => format!("{}{text}", if *n < 0.0 { "-" } else { "" }),
                    None => engine::plain(arg).unwrap_or_default(),
                },
                JValue::String(_) | JValue::Bool(_) => engine::plain(arg).unwrap_or_default(),
                other => return Err(super::wrong("uuid", index, "a text, a number or a boolean", other)),
            };
            // The length keeps ("ab", "c") and ("a", "bc") apart.
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
        }
        let mut bytes = [0_u8; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Ok::<_, Fault>(JValue::string(format(u128::from_be_bytes(bytes))))
    },
};

fn format(random: u128) -> String {
    let version_and_variant = (random & !(0xF << 76) & !(0x3 << 62)) | (0x8 << 76) | (0x2 << 62);
    let hex = format!("{version_and_variant:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("");
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    #[test]
    fn version_and_variant_are_set() {
        assert_eq!(super::format(u128::MAX), "ffffffff-ffff-8fff-bfff-ffffffffffff");
        assert_eq!(super::format(0), "00000000-0000-8000-8000-000000000000");
    }
}
