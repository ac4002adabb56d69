//! The body of a request.

use bytes::Bytes;
use percent_encoding::utf8_percent_encode;
use serde_json::value::RawValue;
use sinew_contract::soap::SoapError;
use sinew_contract::wire::{ENCODED, FieldManner, Fields, File, FileError, Multipart, Plain, push_field};
use sinew_diag::codes::call as codes;
use sinew_model::{BodyKind, BodyPart, Failure, GraphQlBody, Reason, Trace};
use sinew_stdx::Json;

use super::{misplaced, missing, no_structure};
use crate::CallRequest;
use crate::plan::{HttpPlan, Piece, Place};

/// JSON text as the owner of a body, so that it goes out without being copied.
struct Text(Json);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The body, and its media type if that depends on what is in it.
pub(super) fn of(
    plan: &HttpPlan,
    call: &CallRequest,
    fields: &Fields<'_>,
    span: Trace,
) -> Result<(Bytes, Option<String>), Failure> {
    let body = match &plan.http.body {
        BodyKind::None => {
            no_leftovers(plan, fields, None)?;
            Bytes::new()
        }
        BodyKind::Json { part, .. } => json(plan, part, &call.input, fields)?,
        BodyKind::GraphQl(body) => graphql(plan, call.graphql().unwrap_or(body), &call.input)?,
        BodyKind::Form { part, fields: manners } => form(plan, part, manners.as_deref(), fields)?,
        BodyKind::Multipart { part, media_type, fields: manners } => {
            let mut form = Multipart::default();
            for (name, value) in parts(plan, part, fields)?.iter() {
                form.add(manners, name, value).map_err(|error| no_file(plan, name, &error))?;
            }
            let (bytes, boundary) = form.write();
            return Ok((Bytes::from(bytes), Some(format!("{media_type}; boundary={boundary}"))));
        }
        BodyKind::Text { field, .. } => {
            let Some(value) = only(plan, fields, field)? else { return Err(missing(plan, field)) };
            match Plain::of(value) {
                Plain::One(text) => Bytes::from(text.into_owned()),
                _ => return Err(no_structure(plan, field, "a text")),
            }
        }
        BodyKind::File { field, .. } => {
            let Some(value) = only(plan, fields, field)? else { return Ok((Bytes::new(), None)) };
            let file = File::of(value).map_err(|error| no_file(plan, field, &error))?;
            return Ok((Bytes::from(file.bytes), file.media_type));
        }
        BodyKind::Soap(codec) => {
            // No input could foretell it.
            let boundary = format!("sinew-{:032x}{:016x}", span.trace_id, span.span_id);
            let message = codec.request(&call.input, &boundary).map_err(|error| unfit(plan, &error))?;
            return Ok((Bytes::from(message.body), Some(message.content_type)));
        }
    };
    Ok((body, None))
}

/// An input of which no message can be made.
fn unfit(plan: &HttpPlan, error: &SoapError) -> Failure {
    let message = format!("the input of `{}` does not fit its contract: {error}", plan.shown);
    Failure::new(Reason::Mapping, codes::INPUT_INVALID, message)
}

fn json(plan: &HttpPlan, part: &BodyPart, input: &Json, fields: &Fields<'_>) -> Result<Bytes, Failure> {
    match part {
        BodyPart::Rest if !plan.splits_input && input.is_null() => Ok(Bytes::from_static(b"{}")),
        BodyPart::Rest if !plan.splits_input => Ok(Bytes::from_owner(Text(input.clone()))),
        BodyPart::Rest => {
            let mut text = String::with_capacity(input.as_str().len());
            for (name, value) in rest(plan, fields) {
                push_field(&mut text, name, value.get());
            }
            text.push_str(if text.is_empty() { "{}" } else { "}" });
            Ok(Bytes::from(text))
        }
        BodyPart::Field(field) => {
            no_leftovers(plan, fields, Some(field))?;
            Ok(fields.get(field).map(|value| Bytes::from(value.get().to_owned())).unwrap_or_default())
        }
    }
}

/// The input as the variables of a request.
fn graphql(plan: &HttpPlan, body: &GraphQlBody, input: &Json) -> Result<Bytes, Failure> {
    let Some(given) = Fields::of(input) else {
        return Err(misplaced(plan, "the input is not an object with the operation's arguments"));
    };
    let sized = body.page.as_ref().filter(|page| {
        let says = |field: &str| given.get(field).is_some_and(|value| value.get() != "null");
        !says(&page.field) && !page.unless.as_deref().is_some_and(says)
    });
    let mut variables = String::with_capacity(input.as_str().len() + 16);
    for (name, value) in given.iter() {
        if sized.is_none_or(|page| name != &*page.field) {
            push_field(&mut variables, name, value.get());
        }
    }
    if let Some(page) = sized {
        push_field(&mut variables, &page.field, &page.items.to_string());
    }
    variables.push_str(if variables.is_empty() { "{}" } else { "}" });
    Ok(Bytes::from(format!("{}{variables}}}", body.head)))
}

fn form(
    plan: &HttpPlan,
    part: &BodyPart,
    manners: Option<&[FieldManner]>,
    fields: &Fields<'_>,
) -> Result<Bytes, Failure> {
    let mut text = String::new();
    for (name, value) in parts(plan, part, fields)?.iter() {
        if let Some(manners) = manners {
            FieldManner::add(manners, &mut text, name, value);
            continue;
        }
        let values = match Plain::of(value) {
            Plain::Absent => continue,
            Plain::One(value) => vec![value],
            Plain::Many(values) => values,
            Plain::Structure => return Err(no_structure(plan, name, "a form")),
        };
        for value in values {
            if !text.is_empty() {
                text.push('&');
            }
            text.extend(utf8_percent_encode(name, ENCODED));
            text.push('=');
            text.extend(utf8_percent_encode(&value, ENCODED));
        }
    }
    Ok(Bytes::from(text))
}

/// The fields that make up the body.
fn parts<'f>(plan: &'f HttpPlan, part: &BodyPart, fields: &'f Fields<'f>) -> Result<Fields<'f>, Failure> {
    match part {
        BodyPart::Rest => Ok(rest(plan, fields).collect()),
        BodyPart::Field(field) => match only(plan, fields, field)? {
            None => Ok(Fields::none()),
            Some(value) => Fields::of_raw(value).ok_or_else(|| {
                misplaced(plan, &format!("the field `{field}` is a form, which is an object"))
            }),
        },
    }
}

/// The one field that is the body. There is nothing else for the body.
fn only<'f>(plan: &HttpPlan, fields: &'f Fields<'f>, field: &str) -> Result<Option<&'f RawValue>, Failure> {
    no_leftovers(plan, fields, Some(field))?;
    Ok(fields.get(field).filter(|value| value.get() != "null"))
}

/// The input fields that no parameter takes.
fn rest<'f>(plan: &'f HttpPlan, fields: &'f Fields<'f>) -> impl Iterator<Item = (&'f str, &'f RawValue)> {
    fields.iter().filter(|(name, _)| !is_parameter(plan, name))
}

fn is_parameter(plan: &HttpPlan, name: &str) -> bool {
    let is = |place: &Place| &*place.field == name;
    plan.query.iter().chain(&plan.cookies).any(is)
        || plan.headers.iter().any(|(place, _)| is(place))
        || plan.path.iter().any(|piece| matches!(piece, Piece::Field(place) if is(place)))
}

/// A field that goes nowhere is a mistake: it would be lost without a word.
fn no_leftovers(plan: &HttpPlan, fields: &Fields<'_>, taken: Option<&str>) -> Result<(), Failure> {
    match rest(plan, fields).find(|(name, value)| Some(*name) != taken && value.get() != "null") {
        Some((name, _)) => Err(misplaced(plan, &format!("it has no place for the field `{name}`"))),
        None => Ok(()),
    }
}

fn no_file(plan: &HttpPlan, field: &str, error: &FileError) -> Failure {
    misplaced(plan, &format!("the field `{field}`: {error}"))
}
