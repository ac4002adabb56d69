//! The second stage: form the request from the operation and the input.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;
use sinew_connect::auth::{Credential, Moment, Placement};
use sinew_diag::codes::call as codes;
use sinew_model::{Auth, BodyKind, Failure, Reason, Trace};
use sinew_stdx::Json;
use sinew_vault::Secret;

use crate::CallRequest;
use crate::input::{Fields, Plain, push_field};
use crate::mask::MASK;
use crate::plan::{Piece, Place, Plan};

/// Everything but the characters that URLs never need encoded (RFC 3986, section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// How many contract violations a message names.
const VIOLATIONS_SHOWN: usize = 5;

/// A request that still lacks its credential.
pub(crate) struct Formed {
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Forms a request. `target` replaces the URL where an earlier answer named it (`Link` pagination).
pub(crate) fn form(
    plan: &Plan,
    call: &CallRequest,
    span: Trace,
    target: Option<&Uri>,
) -> Result<Formed, Failure> {
    check_contract(plan, &call.input)?;
    let fields = if plan.splits_input || plan.operation.http.body != BodyKind::Json {
        Fields::of(&call.input)
            .ok_or_else(|| misplaced(plan, "the input is not an object, and the operation has parameters"))?
    } else {
        Fields::none()
    };
    let uri = match (target, &plan.fixed) {
        (Some(target), _) => target.clone(),
        (None, Some(fixed)) => fixed.clone(),
        (None, None) => url(plan, &fields)?,
    };
    let mut headers = plan.sent_always.clone();
    for (place, name) in &plan.headers {
        if let Some(value) = header_value(plan, place, &fields)? {
            headers.insert(name, value);
        }
    }
    let key = plan.key_header.as_ref().zip(call.idempotency_key.as_ref());
    if let Some((name, key)) = key {
        let value = HeaderValue::from_str(key)
            .map_err(|_| misplaced(plan, "the idempotency key holds characters that no header may hold"))?;
        headers.insert(name, value);
    }
    if let Ok(value) = HeaderValue::from_str(&span.to_string()) {
        headers.insert(TRACEPARENT, value);
    }
    let body = body(plan, &call.input, &fields)?;
    if body.is_empty() {
        headers.remove(http::header::CONTENT_TYPE);
    }
    Ok(Formed { uri, headers, body })
}

impl Formed {
    /// The request with its credential, as it goes out, and what of it must not be shown beyond the credential itself.
    pub(crate) fn dressed(
        &self,
        plan: &Plan,
        method: &Method,
        credential: &Credential,
        moment: &Moment,
    ) -> Result<(Request<Full<Bytes>>, Vec<Secret>), Failure> {
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = method.clone();
        *request.headers_mut() = self.headers.clone();
        *request.uri_mut() = self.uri.clone();
        let masks = credential
            .apply(&mut request, moment)
            .map_err(|e| misplaced(plan, &format!("its credential does not fit: {e}")))?;
        Ok((request.map(Full::new), masks))
    }
}

/// JSON text as the owner of a body, so that it goes out without being copied.
struct Text(Json);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The URL as it is shown: with masks where keys go.
pub(crate) fn shown_url(uri: &Uri, credential: Option<&Credential>) -> String {
    let mut shown = uri.to_string();
    let mut joint = if uri.query().is_some() { '&' } else { '?' };
    for placement in credential.map_or(&[][..], |credential| &credential.placements) {
        if let Placement::Query(pair) = placement {
            let name = pair.expose().split('=').next().unwrap_or_default();
            // Writing into a String does not fail.
            let _ = write!(shown, "{joint}{name}={MASK}");
            joint = '&';
        }
    }
    shown
}

/// A URL that the system named, without the keys that it may have repeated in it: they are added anew to every
/// request, and must not be kept with whoever remembers the URL.
pub(crate) fn without_keys(uri: Uri, auth: &Auth) -> Uri {
    let names = auth.query_parameters();
    let (Some(query), false) = (uri.query(), names.is_empty()) else { return uri };
    let is_key = |pair: &str| {
        let found = pair.split('=').next().unwrap_or_default();
        names.iter().any(|name| found == *name || utf8_percent_encode(name, ENCODED).to_string() == found)
    };
    let kept: Vec<_> = query.split('&').filter(|pair| !is_key(pair)).collect();
    let text = uri.to_string();
    let stem = text.split('?').next().unwrap_or_default();
    let joint = if kept.is_empty() { "" } else { "?" };
    format!("{stem}{joint}{}", kept.join("&")).parse().unwrap_or(uri)
}

fn check_contract(plan: &Plan, input: &Json) -> Result<(), Failure> {
    let Some(schema) = &plan.operation.input else { return Ok(()) };
    let violations = schema.violations(input);
    if violations.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = violations.iter().take(VIOLATIONS_SHOWN).map(ToString::to_string).collect();
    let message = format!("the input of `{}` does not fit its contract: {}", plan.shown, shown.join("; "));
    Err(Failure::new(Reason::Mapping, codes::INPUT_INVALID, message))
}

fn url(plan: &Plan, fields: &Fields<'_>) -> Result<Uri, Failure> {
    let mut text = String::with_capacity(128);
    for piece in &plan.path {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Field(place) => {
                let value = path_value(plan, place, fields)?;
                text.extend(utf8_percent_encode(&value, ENCODED));
            }
        }
    }
    let mut joint = if text.contains('?') { '&' } else { '?' };
    for place in &plan.query {
        let values = match fields.get(&place.field).map(Plain::of) {
            None | Some(Plain::Absent) => {
                required(plan, place)?;
                continue;
            }
            Some(Plain::One(value)) => vec![value],
            Some(Plain::Many(values)) => values,
            Some(Plain::Structure) => return Err(no_structure(plan, place, "the query")),
        };
        for value in values {
            let (name, value) =
                (utf8_percent_encode(&place.name, ENCODED), utf8_percent_encode(&value, ENCODED));
            // Writing into a String does not fail.
            let _ = write!(text, "{joint}{name}={value}");
            joint = '&';
        }
    }
    text.parse().map_err(|_| misplaced(plan, "its path and parameters make no URL"))
}

/// A path parameter's text. Nothing, `.` and `..` would silently make it another path.
fn path_value<'a>(plan: &Plan, place: &Place, fields: &Fields<'a>) -> Result<Cow<'a, str>, Failure> {
    match fields.get(&place.field).map(Plain::of) {
        Some(Plain::One(value)) if value.is_empty() => Err(missing(plan, place)),
        Some(Plain::One(value)) if value == "." || value == ".." => Err(misplaced(
            plan,
            &format!("the field `{}` is `{value}`, which would be another path", place.field),
        )),
        Some(Plain::One(value)) => Ok(value),
        None | Some(Plain::Absent) => Err(missing(plan, place)),
        Some(Plain::Many(_) | Plain::Structure) => Err(no_structure(plan, place, "the path")),
    }
}

fn header_value(plan: &Plan, place: &Place, fields: &Fields<'_>) -> Result<Option<HeaderValue>, Failure> {
    let text = match fields.get(&place.field).map(Plain::of) {
        None | Some(Plain::Absent) => {
            required(plan, place)?;
            return Ok(None);
        }
        Some(Plain::One(value)) => value,
        Some(Plain::Many(values)) => Cow::Owned(values.join(", ")),
        Some(Plain::Structure) => return Err(no_structure(plan, place, "a header")),
    };
    let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        misplaced(
            plan,
            &format!(
                "the field `{}` holds a line break or control character, which no header may",
                place.field
            ),
        )
    })?;
    Ok(Some(value))
}

fn body(plan: &Plan, input: &Json, fields: &Fields<'_>) -> Result<Bytes, Failure> {
    match &plan.operation.http.body {
        BodyKind::Json if !plan.splits_input && input.is_null() => Ok(Bytes::from_static(b"{}")),
        BodyKind::Json if !plan.splits_input => Ok(Bytes::from_owner(Text(input.clone()))),
        BodyKind::Json => {
            let mut text = String::with_capacity(input.as_str().len());
            for (name, value) in body_fields(plan, fields) {
                push_field(&mut text, name, value.get());
            }
            text.push_str(if text.is_empty() { "{}" } else { "}" });
            Ok(Bytes::from(text))
        }
        BodyKind::Form => form_body(plan, fields),
        BodyKind::Text { field, .. } => {
            no_leftovers(plan, fields, Some(field))?;
            let place = Place { field: field.clone(), name: field.clone(), required: true };
            match fields.get(field).map(Plain::of) {
                None | Some(Plain::Absent) => Err(missing(plan, &place)),
                Some(Plain::One(text)) => Ok(Bytes::from(text.into_owned())),
                Some(_) => Err(no_structure(plan, &place, "a text")),
            }
        }
        BodyKind::None => no_leftovers(plan, fields, None).map(|()| Bytes::new()),
    }
}

fn form_body(plan: &Plan, fields: &Fields<'_>) -> Result<Bytes, Failure> {
    let mut text = String::new();
    for (name, value) in body_fields(plan, fields) {
        let values = match Plain::of(value) {
            Plain::Absent => continue,
            Plain::One(value) => vec![value],
            Plain::Many(values) => values,
            Plain::Structure => {
                let place = Place { field: name.into(), name: name.into(), required: false };
                return Err(no_structure(plan, &place, "a form"));
            }
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

/// The input fields that no parameter takes.
fn body_fields<'f>(plan: &'f Plan, fields: &'f Fields<'_>) -> impl Iterator<Item = (&'f str, &'f RawValue)> {
    fields.iter().filter(|(name, _)| !is_parameter(plan, name))
}

fn is_parameter(plan: &Plan, name: &str) -> bool {
    let in_path = |piece: &Piece| matches!(piece, Piece::Field(place) if &*place.field == name);
    plan.query.iter().any(|place| &*place.field == name)
        || plan.headers.iter().any(|(place, _)| &*place.field == name)
        || plan.path.iter().any(in_path)
}

/// A field that goes nowhere is a mistake: it would be lost without a word.
fn no_leftovers(plan: &Plan, fields: &Fields<'_>, taken: Option<&str>) -> Result<(), Failure> {
    match body_fields(plan, fields).find(|(name, value)| Some(*name) != taken && value.get() != "null") {
        Some((name, _)) => Err(misplaced(plan, &format!("it has no place for the field `{name}`"))),
        None => Ok(()),
    }
}

fn required(plan: &Plan, place: &Place) -> Result<(), Failure> {
    if place.required { Err(missing(plan, place)) } else { Ok(()) }
}

fn missing(plan: &Plan, place: &Place) -> Failure {
    let message =
        format!("`{}` needs the field `{}`, which the input does not have", plan.shown, place.field);
    Failure::new(Reason::Mapping, codes::INPUT_MISSING, message)
}

fn no_structure(plan: &Plan, place: &Place, into: &str) -> Failure {
    misplaced(plan, &format!("the field `{}` is an object or list, which cannot go into {into}", place.field))
}

fn misplaced(plan: &Plan, what: &str) -> Failure {
    Failure::new(
        Reason::Mapping,
        codes::INPUT_UNPLACEABLE,
        format!("`{}` cannot be called like this: {what}", plan.shown),
    )
}
