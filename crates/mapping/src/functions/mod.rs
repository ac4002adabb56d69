//! Functions that integrations need and JSONata lacks, one file each.
//!
//! A new one is a file with a `FUNCTION` and a line in [`FUNCTIONS`]; its documentation and examples come from
//! there, and the tests run each example.

mod clamp;
mod csv;
mod default;
mod e164;
mod email;
mod engine;
mod hash;
mod parse_date;
mod slug;
mod uuid;

use std::sync::LazyLock;

use jsonata_core::evaluator::EvaluatorError;
use jsonata_core::value::JValue;

use crate::Excess;
use crate::session::Session;

pub(crate) use engine::BUILT_IN;

/// The documentation of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionDoc {
    /// Its name without the `$`.
    pub name: &'static str,
    /// How it is called, as `$name(argument[, optional])`.
    pub signature: &'static str,
    /// What it does, in a paragraph.
    pub doc: &'static str,
    /// Expressions with the JSON they give, or `nothing`.
    pub examples: &'static [(&'static str, &'static str)],
}

/// A function in Rust that expressions call.
#[derive(Debug)]
pub(crate) struct HostFunction {
    pub(crate) doc: FunctionDoc,
    /// Called with no argument it takes the context: `customer.email.$email()`.
    pub(crate) takes_context: bool,
    pub(crate) call: fn(&Session, &[JValue]) -> Result<JValue, Fault>,
}

/// Every function that JSONata itself does not have.
static FUNCTIONS: &[HostFunction] = &[
    clamp::FUNCTION,
    csv::FUNCTION,
    default::FUNCTION,
    e164::FUNCTION,
    email::FUNCTION,
    hash::FUNCTION,
    parse_date::FUNCTION,
    slug::FUNCTION,
    uuid::FUNCTION,
];

/// What the functions beyond JSONata's own do, with examples that are tested.
pub fn functions() -> &'static [FunctionDoc] {
    static DOCS: LazyLock<Vec<FunctionDoc>> = LazyLock::new(|| FUNCTIONS.iter().map(|f| f.doc).collect());
    &DOCS
}

/// The documented function of this name.
pub(crate) fn find(name: &str) -> Option<&'static HostFunction> {
    FUNCTIONS.iter().find(|f| f.doc.name == name)
}

/// The function of this name that the host gives to the engine: one of ours, one of the engine's that has to
/// take its time or chance from the moment, or one that a guard calls.
pub(crate) fn find_any(name: &str) -> Option<&'static HostFunction> {
    find(name).or_else(|| engine::REPLACED.iter().find(|f| f.doc.name == name))
}

/// Why a function gives no value.
#[derive(Debug)]
pub(crate) enum Fault {
    /// An argument is not what it takes.
    Argument(String),
    /// A text would be longer than allowed.
    TooLong,
    /// The engine's own function said so.
    Engine(EvaluatorError),
}

impl Fault {
    /// What the engine passes on; [`Fault::TooLong`] is recognised again by [`excess`].
    pub(crate) fn into_engine(self) -> EvaluatorError {
        match self {
            Self::Argument(message) => EvaluatorError::TypeError(format!("T0410: {message}")),
            Self::TooLong => EvaluatorError::EvaluationError("U2001: text too long".to_owned()),
            Self::Engine(error) => error,
        }
    }
}

/// What grew too large, by the code of an error.
pub(crate) fn excess(code: &str) -> Option<Excess> {
    match code {
        "D2015" => Some(Excess::Sequence),
        "U2001" => Some(Excess::Text),
        _ => None,
    }
}

/// The argument at `index`; an absent one is undefined.
fn argument(args: &[JValue], index: usize) -> &JValue {
    args.get(index).unwrap_or(&JValue::Undefined)
}

/// A text argument; `None` if it is nothing.
fn text<'a>(function: &str, args: &'a [JValue], index: usize) -> Result<Option<&'a str>, Fault> {
    match argument(args, index) {
        JValue::Undefined | JValue::Null => Ok(None),
        JValue::String(text) => Ok(Some(text)),
        other => Err(wrong(function, index, "a text", other)),
    }
}

fn wrong(function: &str, index: usize, wanted: &str, got: &JValue) -> Fault {
    let got = match got {
        JValue::Undefined => "nothing",
        JValue::Null => "null",
        JValue::Bool(_) => "a boolean",
        JValue::Number(_) => "a number",
        JValue::String(_) => "a text",
        JValue::Array(_) => "an array",
        JValue::Object(_) => "an object",
        _ => "a function",
    };
    Fault::Argument(format!("${function} takes {wanted} as argument {}, not {got}", index + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expression, Limits, Moment, Scope};

    #[test]
    fn every_example_gives_what_it_says() {
        let moment = Moment { seed: 7, ..Moment::default() };
        for function in functions() {
            assert!(!function.examples.is_empty(), "${} has no example", function.name);
            for (source, expected) in function.examples {
                let result = Expression::compile(source)
                    .unwrap_or_else(|e| panic!("{source}: {e}"))
                    .evaluate(&Scope::new(), moment, &Limits::default())
                    .unwrap_or_else(|e| panic!("{source}: {e}"));
                let result = result.map_or_else(|| "nothing".to_owned(), |json| json.to_string());
                assert_eq!(result, *expected, "{source}");
            }
        }
    }

    #[test]
    fn functions_are_listed_by_name_and_replace_nothing() {
        let names: Vec<_> = functions().iter().map(|f| f.name).collect();
        assert!(names.is_sorted_by(|a, b| a.to_lowercase() < b.to_lowercase()), "{names:?}");
        assert!(names.iter().all(|name| !BUILT_IN.contains(name)));
    }

    #[test]
    fn the_engine_has_every_function_that_is_called_built_in() {
        for name in BUILT_IN {
            let ast = jsonata_core::parser::parse(&format!("$type(${name})")).unwrap();
            let value = jsonata_core::evaluator::Evaluator::new().evaluate(&ast, &JValue::Null).unwrap();
            assert_eq!(value.as_str(), Some("function"), "{name}");
        }
    }

    #[test]
    fn functions_work_on_the_context_in_pipes_and_as_values() {
        let json = sinew_stdx::Json::parse(br#"{"a":[{"e":" Ann@Example.COM "},{"e":"x"}]}"#).unwrap();
        for (source, expected) in [
            ("a.e.$email()", r#""Ann@example.com""#),
            ("a[0].e ~> $email()", r#""Ann@example.com""#),
            ("a[0].e ~> $email", r#""Ann@example.com""#),
            ("$map(a.e, $email)", r#""Ann@example.com""#),
            ("($f := $slug; $f('A b'))", r#""a-b""#),
        ] {
            let result = Expression::compile(source).unwrap();
            let result = result.evaluate(&Scope::root(&json), Moment::default(), &Limits::default());
            assert_eq!(result.unwrap().unwrap().as_str(), expected, "{source}");
        }
    }
}
