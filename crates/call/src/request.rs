//! The second stage: form the request from the operation and the input.

mod body;

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use percent_encoding::utf8_percent_encode;
use sinew_connect::auth::{Credential, Moment, Placement};
use sinew_contract::wire::{ENCODED, Fields, Plain};
use sinew_diag::codes::call as codes;
use sinew_model::{Auth, Failure, Operation, Reason, Trace};
use sinew_stdx::Json;
use sinew_vault::Secret;

use crate::CallRequest;
use crate::mask::MASK;
use crate::plan::{HttpPlan, Piece, Place};

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
    plan: &HttpPlan,
    call: &CallRequest,
    span: Trace,
    target: Option<&Uri>,
) -> Result<Formed, Failure> {
    check_contract(&plan.operation, &plan.shown, &call.input)?;
    let fields = if plan.splits_input {
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
    if let Some(cookies) = cookies(plan, &fields)? {
        headers.insert(COOKIE, cookies);
    }
    let (body, media_type) = body::of(plan, call, &fields, span)?;
    if let Some(media_type) = media_type {
        let value = HeaderValue::from_str(&media_type)
            .map_err(|_| misplaced(plan, &format!("`{media_type}` is no media type")))?;
        headers.insert(CONTENT_TYPE, value);
    }
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
    }
    Ok(Formed { uri, headers, body })
}

impl Formed {
    /// The request with its credential, as it goes out, and what of it must not be shown beyond the credential itself.
    pub(crate) fn dressed(
        &self,
        plan: &HttpPlan,
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

/// Holds an input against its contract.
pub(crate) fn check_contract(operation: &Operation, shown: &str, input: &Json) -> Result<(), Failure> {
    let Some(schema) = &operation.input else { return Ok(()) };
    let violations = schema.violations(input);
    if violations.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = violations.iter().take(VIOLATIONS_SHOWN).map(ToString::to_string).collect();
    let message = format!("the input of `{shown}` does not fit its contract: {}", told.join("; "));
    Err(Failure::new(Reason::Mapping, codes::INPUT_INVALID, message))
}

fn url(plan: &HttpPlan, fields: &Fields<'_>) -> Result<Uri, Failure> {
    let mut text = String::with_capacity(128);
    for piece in &plan.path {
        match piece {
            Piece::Literal(literal) => text.push_str(literal),
            Piece::Field(place) => text.push_str(&path_value(plan, place, fields)?),
        }
    }
    let mut query = String::new();
    for place in &plan.query {
        add_pairs(plan, place, fields, "the query", &mut query)?;
    }
    if !query.is_empty() {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.push_str(&query);
    }
    text.parse().map_err(|_| misplaced(plan, "its path and parameters make no URL"))
}

/// Adds `name=value` pairs of a parameter.
fn add_pairs(
    plan: &HttpPlan,
    place: &Place,
    fields: &Fields<'_>,
    into: &str,
    pairs: &mut String,
) -> Result<(), Failure> {
    let Some(value) = fields.get(&place.field).filter(|value| value.get() != "null") else {
        return required(plan, place);
    };
    if let Some(manner) = place.manner {
        manner.query(pairs, &place.name, value);
        return Ok(());
    }
    let values = match Plain::of(value) {
        Plain::Absent => Vec::new(),
        Plain::One(value) => vec![value],
        Plain::Many(values) => values,
        Plain::Structure => return Err(no_structure(plan, &place.field, into)),
    };
    for value in values {
        let joint = if pairs.is_empty() { "" } else { "&" };
        let (name, value) = (utf8_percent_encode(&place.name, ENCODED), utf8_percent_encode(&value, ENCODED));
        // Writing into a String does not fail.
        let _ = write!(pairs, "{joint}{name}={value}");
    }
    Ok(())
}

/// A path parameter as it stands in a URL. Nothing, `.` and `..` would silently make it another path.
fn path_value(plan: &HttpPlan, place: &Place, fields: &Fields<'_>) -> Result<String, Failure> {
    let Some(value) = fields.get(&place.field) else { return Err(missing(plan, &place.field)) };
    let text = match (place.manner, Plain::of(value)) {
        (_, Plain::Absent) => return Err(missing(plan, &place.field)),
        (Some(manner), _) => manner.path(&place.name, value),
        (None, Plain::One(value)) => utf8_percent_encode(&value, ENCODED).to_string(),
        (None, Plain::Many(_) | Plain::Structure) => {
            return Err(no_structure(plan, &place.field, "the path"));
        }
    };
    if text.is_empty() {
        return Err(missing(plan, &place.field));
    }
    if text.split('/').any(|part| part == "." || part == "..") {
        let what = format!("the field `{}` is `{text}`, which would be another path", place.field);
        return Err(misplaced(plan, &what));
    }
    Ok(text)
}

/// The `Cookie` header (RFC 6265, section 4.2.1); parameters that are not given are left out.
fn cookies(plan: &HttpPlan, fields: &Fields<'_>) -> Result<Option<HeaderValue>, Failure> {
    let mut text = String::new();
    for place in &plan.cookies {
        let mut pairs = String::new();
        add_pairs(plan, place, fields, "a cookie", &mut pairs)?;
        for pair in pairs.split('&').filter(|pair| !pair.is_empty()) {
            text.push_str(if text.is_empty() { "" } else { "; " });
            text.push_str(pair);
        }
    }
    if text.is_empty() {
        return Ok(None);
    }
    HeaderValue::from_str(&text).map(Some).map_err(|_| misplaced(plan, "its cookies make no header"))
}

fn header_value(plan: &HttpPlan, place: &Place, fields: &Fields<'_>) -> Result<Option<HeaderValue>, Failure> {
    let Some(value) = fields.get(&place.field).filter(|value| value.get() != "null") else {
        return required(plan, place).map(|()| None);
    };
    let text = match (place.manner, Plain::of(value)) {
        (_, Plain::Absent) => return Ok(None),
        (Some(manner), _) => Cow::Owned(manner.header(value).unwrap_or_default()),
        (None, Plain::One(value)) => value,
        (None, Plain::Many(values)) => Cow::Owned(values.join(", ")),
        (None, Plain::Structure) => return Err(no_structure(plan, &place.field, "a header")),
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

fn required(plan: &HttpPlan, place: &Place) -> Result<(), Failure> {
    if place.required { Err(missing(plan, &place.field)) } else { Ok(()) }
}

pub(super) fn missing(plan: &HttpPlan, field: &str) -> Failure {
    lacks(&plan.shown, field)
}

/// The input lacks a field.
pub(crate) fn lacks(shown: &str, field: &str) -> Failure {
    let message = format!("`{shown}` needs the field `{field}`, which the input does not have");
    Failure::new(Reason::Mapping, codes::INPUT_MISSING, message)
}

pub(super) fn no_structure(plan: &HttpPlan, field: &str, into: &str) -> Failure {
    misplaced(plan, &format!("the field `{field}` is an object or list, which cannot go into {into}"))
}

pub(super) fn misplaced(plan: &HttpPlan, what: &str) -> Failure {
    Failure::new(
        Reason::Mapping,
        codes::INPUT_UNPLACEABLE,
        format!("`{}` cannot be called like this: {what}", plan.shown),
    )
}
