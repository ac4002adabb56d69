//! What GraphQL says inside an answer: errors and costs, whatever the status (GraphQL, section 7).

use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use sinew_model::GraphQlBody;
use sinew_stdx::Json;

use crate::recover::Meaning;

/// How much of an answer's errors is shown to flows.
const ERRORS_MAX: usize = 100;

/// What stands in an answer beside its data.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow, deserialize_with = "there")]
    data: Option<&'a RawValue>,
    errors: Option<Vec<Told>>,
    extensions: Option<Extensions>,
}

/// `null` is something else than nothing: with it the request was begun.
fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// An error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    message: Option<String>,
    path: Option<serde_json::Value>,
    /// Where some vendors say what others say in `extensions`.
    r#type: Option<String>,
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Extensions {
    cost: Option<Cost>,
}

/// What a call cost, and what is left (a habit that began with Shopify's Admin API).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Cost {
    requested_query_cost: Option<f64>,
    throttle_status: Option<Throttle>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Throttle {
    currently_available: Option<f64>,
    restore_rate: Option<f64>,
}

/// What an answer with status 200 comes to.
#[derive(Debug, PartialEq)]
pub(crate) enum Said {
    /// The value of the operation's field.
    Value {
        value: Json,
        /// What went wrong below it, though nobody asked for it to be told.
        beside: Option<String>,
    },
    /// It failed.
    Failed {
        meaning: Meaning,
        /// The vendor's code and words.
        words: String,
        /// How long to stay away.
        wait: Option<Duration>,
    },
    /// The body is no answer of GraphQL.
    Nothing(String),
}

/// What vendors' codes mean. Others are judged by whether the request was begun.
const CODES: &[(Meaning, &[&str])] = &[
    (
        Meaning::TooOften,
        &[
            "THROTTLED",
            "RATE_LIMITED",
            "RATELIMITED",
            "RATE_LIMIT",
            "RATE_LIMIT_EXCEEDED",
            "TOO_MANY_REQUESTS",
        ],
    ),
    (
        Meaning::WhoAreYou,
        &[
            "UNAUTHENTICATED",
            "UNAUTHORIZED",
            "AUTHENTICATION_ERROR",
            "AUTHENTICATION_REQUIRED",
            "INVALID_TOKEN",
        ],
    ),
    (Meaning::MayNot, &["FORBIDDEN", "ACCESS_DENIED", "PERMISSION_DENIED", "INSUFFICIENT_SCOPES"]),
    (Meaning::NotThere, &["NOT_FOUND", "ENTITY_NOT_FOUND", "RESOURCE_NOT_FOUND"]),
    (Meaning::Conflict, &["CONFLICT", "ALREADY_EXISTS"]),
    (
        Meaning::Refused,
        &[
            "GRAPHQL_VALIDATION_FAILED",
            "GRAPHQL_PARSE_FAILED",
            "OPERATION_RESOLUTION_FAILURE",
            "BAD_USER_INPUT",
            "BAD_REQUEST",
            "INVALID_INPUT",
            "VALIDATION_ERROR",
            "MAX_COST_EXCEEDED",
            "UNPROCESSABLE",
            "IDEMPOTENCY_KEY_REUSED",
        ],
    ),
    (Meaning::Busy, &["SERVICE_UNAVAILABLE", "UNAVAILABLE", "MAINTENANCE"]),
    (
        Meaning::Broke,
        &[
            "INTERNAL_SERVER_ERROR",
            "INTERNAL_ERROR",
            "DOWNSTREAM_SERVICE_ERROR",
            "TIMEOUT",
            "GATEWAY_TIMEOUT",
        ],
    ),
];

impl Told {
    fn code(&self) -> Option<&str> {
        let extension = |name: &str| self.extensions.as_ref()?.get(name)?.as_str();
        extension("code").or(self.r#type.as_deref()).or_else(|| extension("type"))
    }

    fn meaning(&self) -> Option<Meaning> {
        let code: String =
            self.code()?.chars().map(|c| if c == ' ' { '_' } else { c.to_ascii_uppercase() }).collect();
        CODES.iter().find(|(_, codes)| codes.contains(&code.as_str())).map(|(meaning, _)| *meaning)
    }

    /// As flows see it: message, path and code.
    fn shown(&self) -> serde_json::Value {
        serde_json::json!({ "message": self.message, "path": self.path, "code": self.code() })
    }
}

impl Answer<'_> {
    fn errors(&self) -> &[Told] {
        self.errors.as_deref().unwrap_or_default()
    }

    /// The first error that has a known code says what kind of failure it is.
    fn meaning(&self) -> Option<Meaning> {
        self.errors().iter().find_map(Told::meaning)
    }

    fn words(&self) -> String {
        let mut words = String::new();
        for told in self.errors().iter().take(3) {
            let joint = if words.is_empty() { "" } else { "; " };
            let code = told.code().map(|code| format!("{code}: ")).unwrap_or_default();
            // Writing into a String does not fail.
            let _ =
                write!(words, "{joint}{code}{}", told.message.as_deref().unwrap_or("an error without words"));
        }
        words
    }

    /// How long until there is enough again for a call like this one; `None` if there is now, or nothing is told.
    fn wait(&self) -> Option<Duration> {
        let cost = self.extensions.as_ref()?.cost.as_ref()?;
        let throttle = cost.throttle_status.as_ref()?;
        let lacking = cost.requested_query_cost? - throttle.currently_available?;
        let rate = throttle.restore_rate.filter(|rate| *rate > 0.0)?;
        (lacking > 0.0).then(|| Duration::try_from_secs_f64(lacking / rate).ok()).flatten()
    }
}

fn parse(body: &[u8]) -> Result<Answer<'_>, String> {
    serde_json::from_slice(body).map_err(|error| format!("its body is no answer of GraphQL: {error}"))
}

/// What the body of a success says.
pub(crate) fn read(body: &GraphQlBody, answer: &[u8], writes: bool) -> Said {
    let answer = match parse(answer) {
        Ok(answer) => answer,
        Err(what) => return Said::Nothing(what),
    };
    let errors = answer.errors();
    let failed = |meaning| Said::Failed { meaning, words: answer.words(), wait: answer.wait() };
    let Some(data) = answer.data else {
        if errors.is_empty() {
            return Said::Nothing("its body has neither `data` nor `errors`".to_owned());
        }
        // Without data it was not begun.
        return failed(answer.meaning().unwrap_or(Meaning::Refused));
    };
    let value = field(data.get(), &body.field);
    if errors.is_empty() {
        let Some(value) = value else {
            return Said::Nothing(format!("its data has no `{}`", body.field));
        };
        return Said::Value { value: shown(body, value, errors), beside: None };
    }
    let is_there = value.is_some_and(|value| value != "null");
    match value {
        Some(value) if is_there && body.partial => {
            Said::Value { value: shown(body, value, errors), beside: None }
        }
        // What was changed is changed; to fail now would have it done again.
        Some(value) if is_there && writes => {
            Said::Value { value: shown(body, value, errors), beside: Some(answer.words()) }
        }
        _ => failed(answer.meaning().unwrap_or(Meaning::Broke)),
    }
}

/// The value as flows see it.
fn shown(body: &GraphQlBody, value: &str, errors: &[Told]) -> Json {
    let value = match &body.restore {
        Some(restore) => Json::from_printed(restore.apply(value)),
        None => Json::from_printed(value),
    };
    if !body.partial {
        return value;
    }
    let errors: Vec<_> = errors.iter().take(ERRORS_MAX).map(Told::shown).collect();
    Json::object([("data", &value), ("errors", &Json::of(&errors))])
}

/// A field of an object, as it stands.
fn field<'t>(object: &'t str, name: &str) -> Option<&'t str> {
    let fields: std::collections::HashMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    fields.get(name).map(|value| value.get())
}

/// What a refusal says.
pub(crate) struct Refusal {
    /// What its code means, if that is known.
    pub(crate) meaning: Option<Meaning>,
    /// The vendor's code and words.
    pub(crate) words: String,
    /// How long to stay away.
    pub(crate) wait: Option<Duration>,
}

/// What the body of an answer without success says: some vendors give errors of GraphQL a status of their own.
pub(crate) fn refusal(answer: &[u8]) -> Option<Refusal> {
    let answer = parse(answer).ok().filter(|answer| !answer.errors().is_empty())?;
    Some(Refusal { meaning: answer.meaning(), words: answer.words(), wait: answer.wait() })
}

/// Whether an answer says that the caller is not known.
pub(crate) fn knows_nobody(answer: &[u8]) -> bool {
    has(answer, b"\"errors\"")
        && parse(answer).is_ok_and(|answer| answer.meaning() == Some(Meaning::WhoAreYou))
}

/// How long a connection should pause, since there are too few points left for another call like this one.
pub(crate) fn spent_for(answer: &[u8]) -> Option<Duration> {
    has(answer, b"\"throttleStatus\"").then(|| parse(answer).ok()?.wait()).flatten()
}

/// Most answers need not be looked into.
fn has(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(partial: bool) -> GraphQlBody {
        GraphQlBody { partial, ..GraphQlBody::of("query q {order {id}}", "q", "order") }
    }

    #[track_caller]
    fn check(partial: bool, writes: bool, answer: &str, wanted: &str) {
        let said = match read(&body(partial), answer.as_bytes(), writes) {
            Said::Value { value, beside: None } => value.to_string(),
            Said::Value { value, beside: Some(words) } => format!("{value} beside {words}"),
            Said::Failed { meaning, words, wait: None } => format!("{meaning:?}: {words}"),
            Said::Failed { meaning, words, wait: Some(wait) } => format!("{meaning:?} for {wait:?}: {words}"),
            Said::Nothing(what) => format!("nothing: {what}"),
        };
        assert_eq!(said, wanted, "{answer}");
    }

    #[test]
    fn the_value_of_the_field_is_the_answer_digit_for_digit() {
        check(
            false,
            false,
            r#"{"data":{"order":{"id":12345678901234567890.10}}}"#,
            r#"{"id":12345678901234567890.10}"#,
        );
        check(false, false, r#"{"data":{"order":null}}"#, "null");
        check(true, false, r#"{"data":{"order":1},"errors":[]}"#, r#"{"data":1,"errors":[]}"#);
        check(false, false, r#"{"data":{}}"#, "nothing: its data has no `order`");
        check(false, false, "{}", "nothing: its body has neither `data` nor `errors`");
        assert!(matches!(read(&body(false), b"<html>", false), Said::Nothing(_)));
    }

    #[test]
    fn errors_mean_what_their_codes_say() {
        let error =
            |code: &str| format!(r#"{{"errors":[{{"message":"no","extensions":{{"code":"{code}"}}}}]}}"#);
        for (code, wanted) in [
            ("THROTTLED", "TooOften: THROTTLED: no"),
            ("RATELIMITED", "TooOften: RATELIMITED: no"),
            ("UNAUTHENTICATED", "WhoAreYou: UNAUTHENTICATED: no"),
            ("authentication error", "WhoAreYou: authentication error: no"),
            ("FORBIDDEN", "MayNot: FORBIDDEN: no"),
            ("BAD_USER_INPUT", "Refused: BAD_USER_INPUT: no"),
            ("INTERNAL_SERVER_ERROR", "Broke: INTERNAL_SERVER_ERROR: no"),
            ("WHATEVER", "Refused: WHATEVER: no"),
        ] {
            check(false, true, &error(code), wanted);
        }
        check(
            false,
            false,
            r#"{"data":null,"errors":[{"type":"NOT_FOUND","message":"no"}]}"#,
            "NotThere: NOT_FOUND: no",
        );
    }

    #[test]
    fn what_was_begun_and_failed_without_a_known_code_broke() {
        check(false, true, r#"{"data":null,"errors":[{"message":"no"}]}"#, "Broke: no");
        check(
            false,
            true,
            r#"{"data":{"order":null},"errors":[{"message":"no"},{}]}"#,
            "Broke: no; an error without words",
        );
        check(false, true, r#"{"errors":[{"message":"no"}]}"#, "Refused: no");
    }

    #[test]
    fn partial_data_is_refused_to_reads_and_kept_of_writes() {
        let answer = r#"{"data":{"order":{"id":1}},"errors":[{"message":"no","path":["order","tax"],"extensions":{"code":"TIMEOUT"}}]}"#;
        check(false, false, answer, "Broke: TIMEOUT: no");
        check(false, true, answer, r#"{"id":1} beside TIMEOUT: no"#);
        let shown =
            r#"{"data":{"id":1},"errors":[{"message":"no","path":["order","tax"],"code":"TIMEOUT"}]}"#;
        check(true, false, answer, shown);
        check(true, true, answer, shown);
        check(true, true, r#"{"data":{"order":null},"errors":[{"message":"no"}]}"#, "Broke: no");
    }

    #[test]
    fn costs_tell_how_long_to_wait() {
        let answer = |available: u32| {
            format!(
                r#"{{"errors":[{{"message":"Throttled","extensions":{{"code":"THROTTLED"}}}}],"extensions":{{"cost":{{"requestedQueryCost":202,"throttleStatus":{{"maximumAvailable":1000.0,"currentlyAvailable":{available},"restoreRate":50.0}}}}}}}}"#
            )
        };
        check(false, true, &answer(102), "TooOften for 2s: THROTTLED: Throttled");
        check(false, true, &answer(900), "TooOften: THROTTLED: Throttled");
        assert_eq!(spent_for(answer(102).as_bytes()), Some(Duration::from_secs(2)));
        assert_eq!(spent_for(answer(202).as_bytes()), None);
    }
}
