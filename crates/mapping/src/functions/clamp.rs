use jsonata_core::value::JValue;

use super::{Fault, FunctionDoc, HostFunction, argument, wrong};

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "clamp",
        signature: "$clamp(number, least, most)",
        doc: "The number, but not less than `least` and not more than `most`. Nothing stays nothing.",
        examples: &[
            ("$clamp(120, 0, 100)", "100"),
            ("$clamp(-3, 0, 100)", "0"),
            ("$clamp(7.5, 0, 100)", "7.5"),
        ],
    },
    takes_context: false,
    call: |_, args| {
        let mut numbers = [0.0; 3];
        for (index, slot) in numbers.iter_mut().enumerate() {
            match argument(args, index) {
                JValue::Undefined | JValue::Null if index == 0 => return Ok(JValue::Undefined),
                JValue::Number(n) => *slot = *n,
                other => return Err(wrong("clamp", index, "a number", other)),
            }
        }
        let [number, least, most] = numbers;
        if least > most {
            return Err(Fault::Argument(format!(
                "$clamp: {least} as the least is more than {most} as the most"
            )));
        }
        Ok(JValue::Number(number.clamp(least, most)))
    },
};
