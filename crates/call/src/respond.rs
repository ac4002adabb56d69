//! The fourth stage: read the answer and hold it against the contract.

mod soap;

use std::borrow::Cow;

use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderMap, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use sinew_connect::{BodyError, follow};
use sinew_contract::Schema;
use sinew_contract::soap::Fault;
use sinew_contract::wire::File;
use sinew_diag::codes::call as codes;
use sinew_mapping::{Expression, Limits, Moment, Scope};
use sinew_model::{
    BodyKind, Connector, DriftPolicy, Effect, ErrorShape, Failure, GraphQlBody, NextCursor, Pagination,
    Reason,
};
use sinew_stdx::{Json, Timestamp};

use crate::CallRequest;
use crate::graphql::{self, Said};
use crate::mask::Masker;
use crate::plan::HttpPlan;
use crate::recover::{Meaning, classify, reason_of};
use crate::send::Reply;
use crate::{challenge, limits};

/// How much of a system's own words is repeated.
pub(crate) const WORDS_SHOWN: usize = 300;
/// How many contract violations a message names.
const VIOLATIONS_SHOWN: usize = 5;

/// An answer that can be used.
pub(crate) struct Answer {
    pub(crate) value: Json,
    /// Its items, where a transport hands them out bit by bit, and from where it goes on.
    pub(crate) items: Vec<Json>,
    pub(crate) rest: Option<Json>,
    /// The URL of the next page, from `Link` (RFC 8288).
    pub(crate) next: Option<Uri>,
    /// How it departs from its contract, if it is used nevertheless.
    pub(crate) drift: Option<String>,
    /// The cursor of the next page, if it stands in a header.
    pub(crate) cursor: Option<Json>,
    /// The URL that answered, if one did.
    pub(crate) from: Option<Uri>,
}

/// What the reply means: the answer, or the failure that its status, its body or its contract makes of it.
pub(crate) fn read(
    plan: &HttpPlan,
    call: &CallRequest,
    connector: &Connector,
    reply: &Reply,
    now: Timestamp,
    masker: impl FnOnce() -> Masker,
) -> Result<Answer, Failure> {
    if let BodyKind::Soap(codec) = &plan.http.body {
        return soap::read(codec, plan, call, connector, reply, now, masker);
    }
    if !reply.status.is_success() {
        return Err(refusal(plan, call, connector, reply, &Told::by(reply), now, &masker()));
    }
    let body = reply.body.as_ref().map_err(|error| no_body(plan, reply.status, error))?;
    let value = if let Some(asked) = call.graphql() {
        said(plan, asked, reply.status, body, masker)?
    } else {
        let value =
            decode(reply.status, &reply.headers, body).map_err(|what| unusable(plan, reply.status, &what))?;
        if connector.errors.when.as_ref().is_some_and(|when| holds(when, &value, now)) {
            let told = Told { body: Some(value), fault: None };
            return Err(refusal(plan, call, connector, reply, &told, now, &masker()));
        }
        value
    };
    taken(plan, call, connector, reply, value)
}

/// A value that came with a success, held against the contract.
fn taken(
    plan: &HttpPlan,
    call: &CallRequest,
    connector: &Connector,
    reply: &Reply,
    value: Json,
) -> Result<Answer, Failure> {
    let drift = held_to_contract(call.output(), &plan.shown, connector.drift, &value);
    let drift = drift.map_err(|failure| failure.status(reply.status.as_u16()))?;
    Ok(Answer {
        value,
        items: Vec::new(),
        rest: None,
        next: next_link(&reply.from, &reply.headers),
        drift,
        cursor: header_cursor(plan, &reply.headers),
        from: Some(reply.from.clone()),
    })
}

/// How an answer departs from its contract, if it is used nevertheless.
pub(crate) fn held_to_contract(
    output: Option<&Schema>,
    shown: &str,
    policy: DriftPolicy,
    value: &Json,
) -> Result<Option<String>, Failure> {
    match departs(output, shown, value) {
        Some(message) if policy == DriftPolicy::Refuse => {
            Err(Failure::new(Reason::Drift, codes::DRIFT, message))
        }
        drift => Ok(drift),
    }
}

/// How an answer departs from its contract.
fn departs(output: Option<&Schema>, shown: &str, value: &Json) -> Option<String> {
    let violations = output?.violations(value);
    if violations.is_empty() {
        return None;
    }
    let told: Vec<_> = violations.iter().take(VIOLATIONS_SHOWN).map(ToString::to_string).collect();
    Some(format!("the answer of `{shown}` departs from its contract: {}", told.join("; ")))
}

/// The value in an answer of GraphQL, or the failure that it tells although its status is a success.
fn said(
    plan: &HttpPlan,
    asked: &GraphQlBody,
    status: StatusCode,
    body: &[u8],
    masker: impl FnOnce() -> Masker,
) -> Result<Json, Failure> {
    let writes = plan.operation.effect != Effect::Read;
    match graphql::read(asked, body, writes) {
        Said::Value { value, beside: None } => Ok(value),
        Said::Value { value, beside: Some(words) } => {
            let words = bounded(&masker().text(&words));
            tracing::warn!(operation = %plan.shown, %words, "the write is done, and errors stand beside its answer");
            Ok(value)
        }
        Said::Failed { meaning, words, wait } => {
            let (reason, code) = reason_of(meaning, writes);
            let words = bounded(&masker().text(&words));
            let message = format!("`{}` answered {status} with errors: {words}", plan.shown);
            let failure = Failure::new(reason, code, message).status(status.as_u16());
            Err(Failure { retry_after: wait.filter(|_| reason == Reason::RateLimited), ..failure })
        }
        Said::Nothing(what) => Err(unusable(plan, status, &what)),
    }
}

/// A system's words on one line, as far as they are repeated.
fn bounded(words: &str) -> String {
    let line = words.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(WORDS_SHOWN).collect()
}

/// What a system tells of its error.
#[derive(Default)]
struct Told<'a> {
    /// What expressions are held against.
    body: Option<Json>,
    /// A fault that a SOAP service put into its message.
    fault: Option<&'a Fault>,
}

impl Told<'_> {
    /// By the body of an answer, if that is JSON.
    fn by(reply: &Reply) -> Self {
        Self { body: reply.body.as_ref().ok().and_then(|body| Json::parse(body).ok()), fault: None }
    }
}

/// An error, by its status or by what its body says, in the system's own words as far as it has any.
fn refusal(
    plan: &HttpPlan,
    call: &CallRequest,
    connector: &Connector,
    reply: &Reply,
    told: &Told<'_>,
    now: Timestamp,
    masker: &Masker,
) -> Failure {
    let (status, Connector { errors, limits, .. }) = (reply.status, connector);
    let (body, fault) = (told.body.as_ref(), told.fault);
    let bytes = reply.body.as_ref().ok();
    let listed = bytes.filter(|_| call.graphql().is_some()).and_then(|body| graphql::refusal(body));
    let spent = limits::spent_for(limits, &reply.headers, now);
    let asked = limits::asked(limits, &reply.headers, body, now);
    let login = || errors.login.as_ref().zip(body).is_some_and(|(login, body)| holds(login, body, now));
    let meaning = if let Some(meaning) = listed.as_ref().and_then(|listed| listed.meaning) {
        // A code says more than a status.
        meaning
    } else if limits::too_often(limits, status, body, spent, now) {
        Meaning::TooOften
    } else if login() {
        Meaning::WhoAreYou
    } else {
        fault.map_or_else(|| classify(status.as_u16()), |fault| soap::meaning(fault, status))
    };
    let (reason, code) = reason_of(meaning, plan.operation.effect != Effect::Read);
    let wait = listed.as_ref().and_then(|listed| listed.wait);
    let in_body = || body.and_then(|body| words(errors, &reply.headers, body, now));
    let words = listed.map(|listed| listed.words).or_else(in_body).or_else(|| fault.and_then(soap::words));
    let mut message =
        format!("`{}` answered {status}{}", plan.shown, fault.map(soap::named).unwrap_or_default());
    for (before, words) in [(": ", words), ("; its detail: ", fault.and_then(soap::detail))] {
        if let Some(words) = words {
            message.push_str(before);
            message.push_str(&bounded(&masker.text(&words)));
        }
    }
    let mut failure = Failure::new(reason, code, message).status(status.as_u16());
    if reason == Reason::Credential {
        failure = challenge::explained(failure, &reply.headers, now);
    }
    failure.fault = fault.map(soap::data);
    failure.retry_after =
        asked.or_else(|| wait.or(spent).or(limits.pause).filter(|_| reason == Reason::RateLimited));
    failure
}

/// What an expression over a body gives; nothing if it fails.
pub(crate) fn evaluate(expression: &Expression, body: &Json, now: Timestamp) -> Option<Json> {
    let found = expression.evaluate(&Scope::root(body), Moment { now, seed: 0 }, &Limits::default());
    found.ok().flatten().filter(|found| !found.is_null())
}

/// Whether an expression over a body counts as true: nothing, null, false, 0 and what is empty do not.
pub(crate) fn holds(expression: &Expression, body: &Json, now: Timestamp) -> bool {
    let found = evaluate(expression, body, now);
    found.is_some_and(|found| !matches!(found.as_str(), "false" | "0" | "\"\"" | "[]" | "{}"))
}

/// The vendor's code and message, by the connector's expressions or by RFC 9457.
fn words(errors: &ErrorShape, headers: &HeaderMap, body: &Json, now: Timestamp) -> Option<String> {
    let evaluate = |expression: &Expression| {
        let found = evaluate(expression, body, now)?;
        Some(found.to::<String>().unwrap_or_else(|_| found.as_str().to_owned()))
    };
    let mut parts: Vec<String> =
        [&errors.code, &errors.message].into_iter().filter_map(|e| e.as_ref().and_then(evaluate)).collect();
    if parts.is_empty() && essence(headers).is_some_and(|kind| kind == "application/problem+json") {
        let problem = body.to_value();
        let text = |name: &str| problem.get(name).and_then(|v| v.as_str()).map(str::to_owned);
        parts.extend(["title", "detail"].into_iter().filter_map(text));
    }
    (!parts.is_empty()).then(|| parts.join(": "))
}

fn no_body(plan: &HttpPlan, status: StatusCode, error: &BodyError) -> Failure {
    match error {
        // Sending it again would give as much again; only for a write does it matter what it was.
        BodyError::TooLarge { .. } if plan.operation.effect == Effect::Read => {
            let message = format!("`{}`: {error}", plan.shown);
            Failure::new(Reason::Refused, codes::ANSWER_TOO_LARGE, message).status(status.as_u16())
        }
        BodyError::TooLarge { .. } => lost(plan, status, codes::ANSWER_TOO_LARGE, &error.to_string()),
        BodyError::Deadline => lost(plan, status, codes::ANSWER_DEADLINE, &error.to_string()),
        BodyError::CutOff(_) | BodyError::Coding(_) => unusable(plan, status, &error.to_string()),
    }
}

fn unusable(plan: &HttpPlan, status: StatusCode, what: &str) -> Failure {
    lost(plan, status, codes::ANSWER_UNUSABLE, what)
}

/// A success whose answer is lost: a read is simply read again; of a write the effect is likely, its result unknown.
fn lost(plan: &HttpPlan, status: StatusCode, code: sinew_diag::Code, what: &str) -> Failure {
    let message = format!("`{}` answered {status}, but {what}", plan.shown);
    let reason = if plan.operation.effect == Effect::Read { Reason::Unavailable } else { Reason::Unknown };
    Failure::new(reason, code, message).status(status.as_u16())
}

/// The body as JSON: JSON as it stands, text as a string, a form as an object, nothing as null.
fn decode(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<Json, String> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.is_empty() || matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT) {
        return Ok(Json::null());
    }
    let json = || Json::parse(body).map_err(|e| format!("its body is not JSON: {e}"));
    match essence(headers).as_deref() {
        Some(kind) if kind == "application/json" || kind == "text/json" || kind.ends_with("+json") => {
            if body.iter().all(u8::is_ascii_whitespace) { Ok(Json::null()) } else { json() }
        }
        Some("application/x-www-form-urlencoded") => text(headers, body).map(|text| form(&text)),
        None => json().or_else(|_| text(headers, body).map(|text| Json::string(&text))),
        // What is no text is a file, which can be sent on as it is.
        Some(kind) => Ok(match text(headers, body) {
            Ok(text) => Json::string(&text),
            Err(_) => File::to_json(body, Some(kind)),
        }),
    }
}

/// The media type without its parameters, in lower case.
fn essence(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn text<'a>(headers: &HeaderMap, body: &'a [u8]) -> Result<Cow<'a, str>, String> {
    let charset =
        headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    if charset.contains("iso-8859-1") || charset.contains("latin1") {
        return Ok(body.iter().map(|byte| char::from(*byte)).collect::<String>().into());
    }
    std::str::from_utf8(body)
        .map(Cow::Borrowed)
        .map_err(|_| "its body is neither JSON nor text in UTF-8".to_owned())
}

/// A form as an object of strings; a name that comes twice has a list.
fn form(text: &str) -> Json {
    let plain = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut object = serde_json::Map::new();
    for pair in text.trim().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (plain(name), serde_json::Value::String(plain(value)));
        match object.get_mut(&name) {
            None => {
                object.insert(name, value);
            }
            Some(serde_json::Value::Array(values)) => values.push(value),
            Some(first) => *first = serde_json::Value::Array(vec![first.take(), value]),
        }
    }
    Json::of(&object)
}

/// The cursor of the next page, if the operation's stands in a header.
fn header_cursor(plan: &HttpPlan, headers: &HeaderMap) -> Option<Json> {
    match &plan.operation.pagination {
        Some(Pagination::Cursor { next: NextCursor::Header(name), .. }) => {
            Some(Json::string(headers.get(&**name)?.to_str().ok()?.trim()))
        }
        _ => None,
    }
}

/// The target of `Link: <url>; rel="next"`.
fn next_link(from: &Uri, headers: &HeaderMap) -> Option<Uri> {
    for value in headers.get_all(LINK) {
        let mut rest = value.to_str().ok()?;
        // Commas and semicolons may stand inside <..>, so links are cut at `<`, not at commas.
        while let Some((_, after)) = rest.split_once('<') {
            let (target, tail) = after.split_once('>')?;
            let parameters = tail.split('<').next().unwrap_or_default();
            let is_next =
                parameters.split([';', ',']).filter_map(|p| p.trim().split_once('=')).any(|(name, value)| {
                    let relations = value.trim().trim_matches('"');
                    name.trim().eq_ignore_ascii_case("rel")
                        && relations.split_ascii_whitespace().any(|r| r.eq_ignore_ascii_case("next"))
                });
            if is_next {
                return follow(from, target).ok();
            }
            rest = tail;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn check(content_type: Option<&'static str>, body: &[u8]) -> Result<String, String> {
        let headers =
            headers(&content_type.map(|kind| ("content-type", kind)).into_iter().collect::<Vec<_>>());
        decode(StatusCode::OK, &headers, body).map(|json| json.to_string())
    }

    #[test]
    fn a_body_becomes_json_by_its_media_type() {
        for (kind, body, json) in [
            (
                Some("application/json"),
                &b"\xef\xbb\xbf{\"id\":9007199254740993}"[..],
                r#"{"id":9007199254740993}"#,
            ),
            (Some("Application/Problem+JSON; charset=utf-8"), b"[1]", "[1]"),
            (Some("application/json"), b" \n", "null"),
            (Some("application/json"), b"", "null"),
            (Some("text/plain"), b"1", "\"1\""),
            (Some("text/csv; charset=ISO-8859-1"), b"caf\xe9", "\"caf\u{e9}\""),
            (Some("application/x-www-form-urlencoded"), b"a=1&b=x+y%21&a=2", r#"{"a":["1","2"],"b":"x y!"}"#),
            (None, b"{}", "{}"),
            (None, b"ok", "\"ok\""),
            (Some("image/png"), b"\x89PNG", r#"{"base64":"iVBORw==","media_type":"image/png"}"#),
        ] {
            assert_eq!(check(kind, body).as_deref(), Ok(json), "{kind:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(check(Some("application/json"), b"{\"a\":").unwrap_err().contains("not JSON"));
        assert!(check(Some("application/json"), "[".repeat(1000).as_bytes()).unwrap_err().contains("nested"));
        assert!(check(None, b"\x89PNG").unwrap_err().contains("neither JSON nor text"));
    }

    #[test]
    fn the_next_page_is_found_among_links() {
        let from = Uri::from_static("https://api.example.com/items?page=1");
        for (link, next) in [
            (
                r#"<https://api.example.com/items?page=2>; rel="next""#,
                Some("https://api.example.com/items?page=2"),
            ),
            (
                r#"</first,a;b>; rel="first", </items?page=3>; title="x"; rel="last next""#,
                Some("https://api.example.com/items?page=3"),
            ),
            ("<?page=4>; REL=next", Some("https://api.example.com/items?page=4")),
            (r#"<https://api.example.com/>; rel="prev""#, None),
            ("nonsense", None),
        ] {
            let found = next_link(&from, &headers(&[("link", link)])).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), next, "{link}");
        }
    }
}
