//! Messages for brokers: where they go, what they say, and what is said beside it.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::value::RawValue;
use sinew_connect::transport::PublishAsk;
use sinew_contract::wire::{Fields, Plain, push_field};
use sinew_diag::codes::call as codes;
use sinew_model::{DestinationPiece, Failure, Idempotency, MessageBody, PublishBinding, Reason, Trace};

use super::AskPlan;
use crate::CallRequest;
use crate::request::lacks;

/// The header by which whoever receives the message goes on with its trace.
const TRACEPARENT: &str = "traceparent";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

/// Makes a message of an input.
pub(super) fn form(
    plan: &AskPlan,
    binding: &Arc<PublishBinding>,
    call: &CallRequest,
    span: Trace,
) -> Result<PublishAsk, Failure> {
    let fields = Fields::of(&call.input).ok_or_else(|| misplaced(plan, "the input is not an object"))?;
    let key = match &plan.operation.idempotency {
        Idempotency::Key { .. } => call.idempotency_key.clone(),
        Idempotency::Natural | Idempotency::None => None,
    };
    let (body, media_type) = body(plan, binding, &fields)?;
    let order = binding.order.as_ref().and_then(|field| Some((field, fields.get(field)?)));
    let order = order.map(|(field, value)| plain(plan, field, value)).transpose()?.flatten();
    Ok(PublishAsk {
        binding: Arc::clone(binding),
        to: destination(plan, binding, &fields)?,
        body,
        media_type,
        headers: headers(plan, binding, &fields, span)?,
        order,
        key,
    })
}

/// Where it goes. A value is one part of it, or is refused.
fn destination(plan: &AskPlan, binding: &PublishBinding, fields: &Fields<'_>) -> Result<String, Failure> {
    let (kind, mut to) = (binding.destination, String::new());
    for piece in &binding.to {
        match piece {
            DestinationPiece::Text(text) => to.push_str(text),
            DestinationPiece::Field(field) => {
                let value = fields.get(field).ok_or_else(|| lacks(&plan.shown, field))?;
                let value = plain(plan, field, value)?.ok_or_else(|| lacks(&plan.shown, field))?;
                kind.check_value(&value, to.is_empty()).map_err(|why| {
                    let what = format!("the field `{field}` cannot go into the {}: {why}", kind.name());
                    misplaced(plan, &what)
                })?;
                to.push_str(&value);
            }
        }
    }
    if to.len() > kind.bytes_max() {
        return Err(misplaced(
            plan,
            &format!("its {} is longer than {} bytes", kind.name(), kind.bytes_max()),
        ));
    }
    Ok(to)
}

fn headers(
    plan: &AskPlan,
    binding: &PublishBinding,
    fields: &Fields<'_>,
    span: Trace,
) -> Result<Vec<(Arc<str>, String)>, Failure> {
    let mut headers = Vec::new();
    if !binding.destination.has_headers() {
        return Ok(headers);
    }
    for (field, name) in &binding.headers {
        let Some(value) = fields.get(field) else { continue };
        let Some(value) = plain(plan, field, value)? else { continue };
        if value.chars().any(char::is_control) {
            let what = format!("the field `{field}` holds characters that no header may hold");
            return Err(misplaced(plan, &what));
        }
        headers.push((Arc::clone(name), value));
    }
    if headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case(TRACEPARENT)) {
        headers.push((Arc::from(TRACEPARENT), span.to_string()));
    }
    Ok(headers)
}

fn body(
    plan: &AskPlan,
    binding: &PublishBinding,
    fields: &Fields<'_>,
) -> Result<(Bytes, &'static str), Failure> {
    match &binding.body {
        MessageBody::Rest => {
            let mut text = String::new();
            for (name, value) in fields.iter().filter(|(name, _)| !binding.places(name)) {
                push_field(&mut text, name, value.get());
            }
            text.push_str(if text.is_empty() { "{}" } else { "}" });
            Ok((Bytes::from(text), JSON))
        }
        MessageBody::Json(field) => {
            let value = fields.get(field).ok_or_else(|| lacks(&plan.shown, field))?;
            Ok((Bytes::from(value.get().to_owned()), JSON))
        }
        MessageBody::Text(field) => {
            let value = fields.get(field).ok_or_else(|| lacks(&plan.shown, field))?;
            let text = plain(plan, field, value)?.ok_or_else(|| lacks(&plan.shown, field))?;
            Ok((Bytes::from(text), TEXT))
        }
    }
}

/// A value as a text; nothing if it is null.
fn plain(plan: &AskPlan, field: &str, value: &RawValue) -> Result<Option<String>, Failure> {
    match Plain::of(value) {
        Plain::Absent => Ok(None),
        Plain::One(text) => Ok(Some(text.into_owned())),
        Plain::Many(_) | Plain::Structure => {
            Err(misplaced(plan, &format!("the field `{field}` is an object or list, where a text goes")))
        }
    }
}

fn misplaced(plan: &AskPlan, what: &str) -> Failure {
    let message = format!("`{}` cannot be called like this: {what}", plan.shown);
    Failure::new(Reason::Mapping, codes::INPUT_UNPLACEABLE, message)
}
