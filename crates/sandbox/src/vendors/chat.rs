use std::collections::{BTreeMap, VecDeque};

use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::Vendor;
use crate::document::Document;
use crate::exchange::{Call, Reply, form_value};
use crate::world::World;

const NAME: &str = "chat";
/// Messages kept; the oldest go first.
const MESSAGES_MAX: usize = 10_000;

/// A chat with incoming webhooks as Slack has them.
pub(super) struct Chat {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_number: u64,
    messages: VecDeque<Message>,
}

#[derive(Serialize)]
struct Message {
    channel: String,
    text: String,
    at: String,
    #[serde(skip)]
    external_key: Option<String>,
    payload: Box<RawValue>,
    headers: BTreeMap<String, String>,
}

impl Vendor for Chat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        match (&call.method, call.path().as_slice()) {
            (&Method::POST, ["hooks", channel]) => {
                self.post(channel, call, world).at("POST /hooks/{channel}")
            }
            (&Method::GET, ["messages"]) => self.list(call).at("GET /messages"),
            _ => self.problem(StatusCode::NOT_FOUND, "no_service", "").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, _message: &str) -> Reply {
        Reply::json(status, code.to_ascii_lowercase()).typed("text/plain; charset=utf-8")
    }

    fn reset(&self, _world: &World) {
        *self.state.lock() = State::default();
    }
}

impl Chat {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default() }
    }

    fn post(&self, channel: &str, call: &Call, world: &World) -> Reply {
        if channel.starts_with("missing") {
            return self.problem(StatusCode::NOT_FOUND, "channel_not_found", "");
        }
        let text = std::str::from_utf8(&call.body).unwrap_or_default();
        let payload = form_value(text, "payload").unwrap_or_else(|| text.to_owned());
        let (Ok(message), Ok(raw)) = (Document::parse(payload.as_bytes()), RawValue::from_string(payload))
        else {
            return self.problem(StatusCode::BAD_REQUEST, "invalid_payload", "");
        };
        let Some(text) = message.text("text") else {
            return self.problem(StatusCode::BAD_REQUEST, "no_text", "");
        };
        let reference = message.business_ref();
        let number = self.keep(Message {
            channel: channel.to_owned(),
            text,
            at: call.now.to_string(),
            external_key: reference.clone(),
            payload: raw,
            headers: received(call),
        });
        world.record(call, NAME, "message.posted", reference.as_deref(), &format!("msg_{number}"));
        Reply::ok(&b"ok"[..]).typed("text/plain; charset=utf-8")
    }

    fn keep(&self, message: Message) -> u64 {
        let mut state = self.state.lock();
        if state.messages.len() == MESSAGES_MAX {
            state.messages.pop_front();
        }
        state.messages.push_back(message);
        state.last_number += 1;
        state.last_number
    }

    fn list(&self, call: &Call) -> Reply {
        let channel = call.query("channel");
        let key = call.query("external_key");
        let limit = call.query_limit("limit", 100, MESSAGES_MAX);
        let state = self.state.lock();
        let mut messages: Vec<&Message> = state
            .messages
            .iter()
            .rev()
            .filter(|message| channel.as_ref().is_none_or(|channel| *channel == message.channel))
            .filter(|message| key.is_none() || key == message.external_key)
            .take(limit)
            .collect();
        messages.reverse();
        Reply::of(StatusCode::OK, &json!({ "messages": messages }))
    }
}

fn received(call: &Call) -> BTreeMap<String, String> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    call.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
