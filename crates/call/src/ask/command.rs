//! Commands, formed of input.

use std::sync::Arc;

use sinew_connect::transport::{Ask, CommandAsk};
use sinew_contract::wire::Fields;
use sinew_model::{Argument, CommandBinding, Failure, Idempotency, TextPiece};
use sinew_stdx::Json;

use super::AskPlan;
use crate::CallRequest;
use crate::request::lacks;

/// A command with its arguments, each made of input.
pub(super) fn form(
    plan: &AskPlan,
    binding: &Arc<CommandBinding>,
    call: &CallRequest,
) -> Result<Ask, Failure> {
    let input = Fields::of(&call.input).unwrap_or_else(Fields::none);
    let value = |field: &Arc<str>| {
        let given = input.get(field).filter(|value| value.get() != "null");
        let key = match &plan.operation.idempotency {
            Idempotency::Key { header } if header == field => call.idempotency_key.as_deref(),
            _ => None,
        };
        match (given, key) {
            (Some(value), _) => Ok(Json::from_printed(value.get())),
            (None, Some(key)) => Ok(Json::string(key)),
            (None, None) => Err(lacks(&plan.shown, field)),
        }
    };
    let mut words = vec![binding.name.to_string()];
    for argument in &binding.arguments {
        match argument {
            Argument::Spread(field) => words.extend(arguments(&value(field)?)),
            Argument::Text(pieces) => {
                let mut word = String::new();
                for piece in pieces {
                    match piece {
                        TextPiece::Literal(text) => word.push_str(text),
                        TextPiece::Field(field) => word.push_str(&plain(&value(field)?)),
                    }
                }
                words.push(word);
            }
        }
    }
    Ok(Ask::Command(CommandAsk { command: Arc::clone(binding), words }))
}

/// A value as arguments: a list as several, an object as its names and values in turn, everything else as one.
fn arguments(value: &Json) -> Vec<String> {
    if let Ok(items) = value.to::<Vec<Json>>() {
        return items.iter().map(plain).collect();
    }
    match Fields::of(value).filter(|_| value.as_str().starts_with('{')) {
        Some(fields) => fields
            .iter()
            .flat_map(|(name, value)| [name.to_string(), plain(&Json::from_printed(value.get()))])
            .collect(),
        None => vec![plain(value)],
    }
}

/// A value as one text: a text as it is, anything else as JSON.
fn plain(value: &Json) -> String {
    value.to::<String>().unwrap_or_else(|_| value.to_string())
}
