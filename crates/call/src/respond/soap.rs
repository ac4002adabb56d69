//! Answers of SOAP services. A fault is one whatever the status says, so a message is read before its status is judged.

use http::StatusCode;
use http::header::CONTENT_TYPE;
use sinew_contract::soap::{Answer as Answered, Blame, Codec, Fault, SoapError};
use sinew_model::{Connector, Failure};
use sinew_stdx::{Json, Timestamp};

use super::{Answer, Told, holds, no_body, refusal, taken, unusable};
use crate::CallRequest;
use crate::mask::Masker;
use crate::plan::HttpPlan;
use crate::recover::{Meaning, classify};
use crate::send::Reply;

/// How much of a fault is kept as data: beyond, it goes without its detail.
const DATA_MAX: usize = 16 * 1024;

/// Faults by which services say that a log-in is missing or wrong (SOAP Message Security 1.0, section 12).
const LOGIN_FAULTS: [&str; 7] = [
    "FailedAuthentication",
    "FailedCheck",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "MessageExpired",
    "SecurityTokenUnavailable",
    "UnsupportedSecurityToken",
];

/// What the reply means.
pub(super) fn read(
    codec: &Codec,
    plan: &HttpPlan,
    call: &CallRequest,
    connector: &Connector,
    reply: &Reply,
    now: Timestamp,
    masker: impl FnOnce() -> Masker,
) -> Result<Answer, Failure> {
    let body = match &reply.body {
        Ok(body) => body,
        Err(error) if reply.status.is_success() => return Err(no_body(plan, reply.status, error)),
        Err(_) => return Err(refusal(plan, call, connector, reply, &Told::default(), now, &masker())),
    };
    let content_type = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match codec.answer(content_type, body) {
        Ok(Answered::Fault(fault)) => {
            let told = Told { body: Some(whole(&fault)), fault: Some(&fault) };
            Err(refusal(plan, call, connector, reply, &told, now, &masker()))
        }
        // Whatever comes with an error's status is no answer.
        _ if !reply.status.is_success() => {
            Err(refusal(plan, call, connector, reply, &Told::default(), now, &masker()))
        }
        Ok(Answered::Output(value)) => {
            if connector.errors.when.as_ref().is_some_and(|when| holds(when, &value, now)) {
                let told = Told { body: Some(value), fault: None };
                return Err(refusal(plan, call, connector, reply, &told, now, &masker()));
            }
            taken(plan, call, connector, reply, value)
        }
        Err(error) => Err(unusable(plan, reply.status, &unread(&error, body))),
    }
}

/// Why an answer is no message, in words that follow "but".
fn unread(error: &SoapError, body: &[u8]) -> String {
    let begin: Vec<u8> = body.trim_ascii_start().iter().take(14).map(u8::to_ascii_lowercase).collect();
    if begin.starts_with(b"<!doctype html") || begin.starts_with(b"<html") {
        return "its body is a page for people (HTML), no SOAP message".to_owned();
    }
    if body.trim_ascii().is_empty() {
        return "its body is empty".to_owned();
    }
    error.to_string()
}

/// Whom a fault tells to do something. One that the description declares is an answer like any other: the service looked
/// at the call and said no. (Many say `Server` of these, since their programs throw them.)
pub(super) fn meaning(fault: &Fault, status: StatusCode) -> Meaning {
    let by_status = classify(status.as_u16());
    let local = fault.code.rsplit('.').next().unwrap_or_default();
    match by_status {
        Meaning::WhoAreYou | Meaning::MayNot | Meaning::Busy | Meaning::TooOften => by_status,
        _ if LOGIN_FAULTS.contains(&local) => Meaning::WhoAreYou,
        _ if fault.name.is_none() && fault.blame == Blame::Receiver => Meaning::ServiceFault,
        _ => Meaning::CallFault,
    }
}

/// What a fault is called, behind the status.
pub(super) fn named(fault: &Fault) -> String {
    match &fault.name {
        Some(name) => format!(" with the fault `{name}` (`{}`)", fault.code),
        None => format!(" with the fault `{}`", fault.code),
    }
}

/// What a fault says to people.
pub(super) fn words(fault: &Fault) -> Option<String> {
    Some(fault.reason.clone()).filter(|reason| !reason.is_empty())
}

/// What comes with a fault, as it is shown.
pub(super) fn detail(fault: &Fault) -> Option<String> {
    fault.detail.as_ref().map(|detail| detail.as_str().to_owned())
}

/// A fault as data, for steps that look at it.
pub(super) fn data(fault: &Fault) -> Json {
    let data = as_json(fault, fault.detail.as_ref());
    if data.as_str().len() > DATA_MAX { as_json(fault, None) } else { data }
}

/// What a connector's expressions over errors are held against.
fn whole(fault: &Fault) -> Json {
    Json::object([("fault", &as_json(fault, fault.detail.as_ref()))])
}

fn as_json(fault: &Fault, detail: Option<&Json>) -> Json {
    let text = |text: &str| Json::string(text);
    let (code, reason) = (text(&fault.code), text(&fault.reason));
    let name = fault.name.as_deref().map(text);
    let fields =
        [("name", name.as_ref()), ("code", Some(&code)), ("reason", Some(&reason)), ("detail", detail)];
    Json::object(fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, blame: Blame, code: &str, name: Option<&str>) -> Meaning {
        let name = name.map(str::to_owned);
        let fault = Fault { code: code.to_owned(), blame, reason: String::new(), name, detail: None };
        meaning(&fault, StatusCode::from_u16(status).unwrap())
    }

    #[test]
    fn a_fault_means_what_its_code_says_unless_the_status_knows_better() {
        for (status, blame, code, name, wanted) in [
            (500, Blame::Sender, "Client", None, Meaning::CallFault),
            (500, Blame::Receiver, "Server", None, Meaning::ServiceFault),
            (200, Blame::Receiver, "Server", None, Meaning::ServiceFault),
            (500, Blame::Receiver, "Server", Some("CreditExceeded"), Meaning::CallFault),
            (500, Blame::Unsaid, "INVALID_FIELD", None, Meaning::CallFault),
            (500, Blame::Unsaid, "FailedAuthentication", None, Meaning::WhoAreYou),
            (500, Blame::Sender, "Client.FailedAuthentication", None, Meaning::WhoAreYou),
            (401, Blame::Sender, "Client", None, Meaning::WhoAreYou),
            (503, Blame::Sender, "Client", None, Meaning::Busy),
        ] {
            assert_eq!(check(status, blame, code, name), wanted, "{status} {code}");
        }
    }
}
