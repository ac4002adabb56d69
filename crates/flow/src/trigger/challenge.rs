//! Answering a sender that asks whether a receiver is there. It starts no run, and tells no more than was sent.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;
use sinew_diag::codes::trigger;
use sinew_model::{Challenge, ChallengeAnswer, ChallengeMethod, Condition, Proof, SecretRef, SourceAt};
use sinew_stdx::{Json, Timestamp};
use sinew_vault::SecretSource;
use std::sync::Arc;

use super::keys::Keys;
use super::reply::{self, Rejection, Reply};
use super::sent::Sent;
use super::verify::{Verifier, hex};

/// The longest value that is sent back. Senders use up to a few hundred letters.
const VALUE_MAX: usize = 2048;

/// Answers the challenges of one webhook.
pub(crate) struct Challenger {
    challenge: Challenge,
    token: Option<Keys>,
}

impl Challenger {
    pub(crate) fn new(
        challenge: Challenge,
        token: Option<SecretRef>,
        secrets: &Arc<dyn SecretSource>,
    ) -> Self {
        let token = token.map(|name| Keys::new(Arc::clone(secrets), vec![name], Proof::Token));
        Self { challenge, token }
    }

    /// Whether challenges come by this method.
    pub(crate) fn takes(&self, method: &Method) -> bool {
        let own = match self.challenge.method {
            ChallengeMethod::Get => Method::GET,
            ChallengeMethod::Post => Method::POST,
        };
        own == method
    }

    /// Whether challenges are verified as deliveries are.
    pub(crate) fn is_signed(&self) -> bool {
        self.challenge.signed
    }

    /// Whether this is one.
    pub(crate) fn is_meant(&self, sent: &Sent<'_>) -> bool {
        self.takes(&sent.head.method)
            && self.challenge.conditions.iter().all(|condition| holds(condition, sent))
    }

    /// The answer.
    pub(crate) fn answer(
        &self,
        sent: &Sent<'_>,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<Reply, Rejection> {
        self.check_token(sent, now)?;
        let value = match &self.challenge.value {
            Some(source) => sent.text(source, None).unwrap_or_default(),
            None => String::new(),
        };
        let is_fit =
            value.len() <= VALUE_MAX && value.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'<');
        if !is_fit || (value.is_empty() && self.challenge.value.is_some()) {
            return Err(refused(
                "the value to send back is missing, too long, or holds what no challenge has",
            ));
        }
        match &self.challenge.answer {
            ChallengeAnswer::Nothing => Ok(plain(String::new())),
            ChallengeAnswer::Text => Ok(plain(value)),
            ChallengeAnswer::Json(template) => {
                let hmac = if template.as_str().contains("{hmac:") {
                    let tag = verifier.hmac(&value, now)?;
                    tag.ok_or_else(|| {
                        refused("deliveries are not verified by an HMAC, so there is none to answer")
                    })?
                } else {
                    Vec::new()
                };
                let mut answer = template.to_value();
                fill(&mut answer, &value, &hmac);
                Ok(guarded(reply::json(StatusCode::OK, Json::of(&answer).as_str().to_owned())))
            }
        }
    }

    fn check_token(&self, sent: &Sent<'_>, now: Timestamp) -> Result<(), Rejection> {
        let Some(source) = &self.challenge.token else { return Ok(()) };
        let held = self.token.as_ref().and_then(|token| token.get(now)).ok_or_else(|| {
            Rejection::busy(
                trigger::NO_VERIFY_SECRET,
                "the token of challenges cannot be had; send again later",
            )
        })?;
        let given = sent.text(source, None).map(String::into_bytes).unwrap_or_default();
        if held.iter().any(|key| key.fits(std::slice::from_ref(&given), &[]).is_some()) {
            return Ok(());
        }
        Err(refused("its token is not the one agreed on"))
    }
}

fn refused(why: &str) -> Rejection {
    Rejection::new(403, trigger::CHALLENGE_REFUSED, format!("the challenge is not answered: {why}"))
}

fn holds(condition: &Condition, sent: &Sent<'_>) -> bool {
    if condition.empty {
        let SourceAt::Field(path) = &condition.source.at else { return false };
        return sent
            .json()
            .and_then(|json| path.find(json))
            .is_some_and(|found| found == &Value::Array(Vec::new()));
    }
    let Some(text) = sent.text(&condition.source, None) else { return false };
    condition.is.as_deref().is_none_or(|is| is == text)
}

fn fill(answer: &mut Value, value: &str, hmac: &[u8]) {
    match answer {
        Value::String(text) => {
            *text = text
                .replace("{hmac:hex}", &hex(hmac))
                .replace("{hmac:base64}", &BASE64_STANDARD.encode(hmac))
                .replace("{value}", value);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, value, hmac)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, value, hmac)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Plain text that no browser takes for anything else.
fn plain(text: String) -> Reply {
    let mut reply = reply::json(StatusCode::OK, text);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    guarded(reply)
}

fn guarded(mut reply: Reply) -> Reply {
    let headers = reply.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
    reply
}
