use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Vendor;
use crate::exchange::{Call, Reply};
use crate::live::{Happened, Listener, Live, Log};
use crate::world::World;

const NAME: &str = "feed";
const KEY: &str = "feed-key";
/// Events that are published at once.
const PUBLISHED_MAX: u64 = 100_000;

/// Events as they happen: Server-Sent Events with ids, and a socket without.
pub(super) struct Feed {
    log: Arc<Log>,
}

/// Events to be published.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Publish {
    /// How many; each gets the number of its order.
    #[serde(default = "one")]
    count: u64,
    #[serde(default = "order_paid")]
    event: String,
    /// What they say, instead of an order.
    data: Option<Value>,
}

fn one() -> u64 {
    1
}

fn order_paid() -> String {
    "order.paid".to_owned()
}

impl Vendor for Feed {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, _world: &World) -> Reply {
        if call.bearer() != Some(KEY) {
            return self.problem(StatusCode::UNAUTHORIZED, "unauthorized", "the key is missing or wrong");
        }
        match (&call.method, call.path().as_slice()) {
            (&Method::GET, ["orders"]) => self.orders(call).at("GET /orders"),
            (&Method::GET, ["socket"]) => self.socket(call).at("GET /socket"),
            _ => self.problem(StatusCode::NOT_FOUND, "not_found", "there is no such feed").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        Reply::of(status, &json!({ "code": code, "message": message }))
    }

    /// `publish`, `habits`, and what there is.
    fn control(&self, call: &Call, _world: &World) -> Option<Reply> {
        let wrong = |error: serde_json::Error| {
            Reply::of(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() }))
        };
        Some(match (&call.method, call.path().as_slice()) {
            (&Method::POST, [_, "publish"]) => match serde_json::from_slice(&call.body) {
                Ok(wanted) => Reply::of(StatusCode::OK, &json!({ "last": self.publish(&wanted) })),
                Err(error) => wrong(error),
            },
            (&Method::POST, [_, "habits"]) => match serde_json::from_slice(&call.body) {
                Ok(habits) => {
                    *self.log.habits.lock() = habits;
                    Reply::no_content()
                }
                Err(error) => wrong(error),
            },
            (&Method::GET, [_]) => {
                let (last, listeners) = (self.log.count(), self.log.listeners());
                let habits = *self.log.habits.lock();
                Reply::of(StatusCode::OK, &json!({ "last": last, "listeners": listeners, "habits": habits }))
            }
            _ => return None,
        })
    }

    fn reset(&self, _world: &World) {
        self.log.reset();
    }
}

impl Feed {
    pub(super) fn new() -> Self {
        Self { log: Log::new() }
    }

    fn publish(&self, wanted: &Publish) -> u64 {
        let first = self.log.count() + 1;
        let count = wanted.count.min(PUBLISHED_MAX);
        self.log.add((first..first + count).map(|number| {
            let order = || json!({ "order": format!("ord_{number}"), "total": number });
            let data = wanted.data.clone().unwrap_or_else(order);
            // Data in several lines is one text for whoever reads it.
            let data = match data {
                Value::String(text) => text,
                data => format!("{data:#}"),
            };
            Happened { name: wanted.event.clone(), data: Bytes::from(data) }
        }))
    }

    /// On behind `Last-Event-ID`, else behind `?since=`, else what happens from now on.
    fn orders(&self, call: &Call) -> Reply {
        let habits = *self.log.habits.lock();
        if habits.over {
            return Reply::no_content();
        }
        let last = call.header("last-event-id").and_then(|id| id.parse::<u64>().ok());
        let since = call.query("since").and_then(|since| since.parse().ok());
        let after = match last {
            Some(last) => last.saturating_sub(habits.repeat),
            None => since.unwrap_or_else(|| self.log.count()),
        };
        let listener = Listener { log: Arc::clone(&self.log), after: after.min(self.log.count()) };
        Reply::ok("").typed("text/event-stream").with("cache-control", "no-cache").live(Live::Feed(listener))
    }

    /// What happens from now on.
    fn socket(&self, call: &Call) -> Reply {
        let Some(key) = call.header("sec-websocket-key") else {
            return self.problem(StatusCode::UPGRADE_REQUIRED, "upgrade", "this is a WebSocket");
        };
        let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
        hash.update(key.as_bytes());
        hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        let accept = BASE64_STANDARD.encode(hash.finish());
        let listener = Listener { log: Arc::clone(&self.log), after: self.log.count() };
        Reply::json(StatusCode::SWITCHING_PROTOCOLS, "")
            .with("connection", "upgrade")
            .with("upgrade", "websocket")
            .with("sec-websocket-accept", accept)
            .live(Live::Socket(listener))
    }
}
