use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hasher as _};
use std::time::Duration;

use parking_lot::Mutex;
use sinew_stdx::Timestamp;

use crate::exchange::{Call, Reply};

/// How long a key is remembered, as card processors commonly do.
const REMEMBERED: Duration = Duration::from_hours(24);

/// The answers that a vendor remembers by idempotency key.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyKeys {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    answers: HashMap<u64, Remembered>,
    /// Oldest first, so that forgetting is cheap.
    order: VecDeque<(Timestamp, u64)>,
}

#[derive(Debug)]
struct Remembered {
    at: Timestamp,
    body: u64,
    reply: Reply,
}

/// What became of a request under a key.
pub(crate) enum Once {
    /// Done now (or refused now).
    First(Reply),
    /// Done before: the same answer again.
    Replayed(Reply),
    /// The key was used with another body.
    OtherBody,
}

impl IdempotencyKeys {
    /// Performs a request at most once per key (and method and path). Without a key it just performs it.
    ///
    /// Only 2xx answers are remembered: what was refused may be tried again. The lock is held meanwhile, so two
    /// requests with one key cannot both be first.
    pub(crate) fn once(&self, call: &Call, max: u32, perform: impl FnOnce() -> Reply) -> Once {
        let Some(key) = call.idempotency_key() else {
            return Once::First(perform());
        };
        let scope = digest(&(call.method.as_str(), &call.segments, key));
        let body = digest(&call.body);
        let mut state = self.state.lock();
        state.forget(call.now, max);
        if let Some(known) = state.answers.get(&scope) {
            if known.body != body {
                return Once::OtherBody;
            }
            return Once::Replayed(known.reply.clone().with("idempotent-replayed", "true"));
        }
        let reply = perform();
        if reply.status.is_success() {
            state.answers.insert(scope, Remembered { at: call.now, body, reply: reply.clone() });
            state.order.push_back((call.now, scope));
        }
        Once::First(reply)
    }

    pub(crate) fn reset(&self) {
        *self.state.lock() = State::default();
    }
}

impl State {
    fn forget(&mut self, now: Timestamp, max: u32) {
        while let Some(&(at, scope)) = self.order.front() {
            if self.order.len() < max as usize && now.since(at) < REMEMBERED {
                break;
            }
            self.order.pop_front();
            if self.answers.get(&scope).is_some_and(|known| known.at == at) {
                self.answers.remove(&scope);
            }
        }
    }
}

fn digest(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;

    fn call(key: &'static str, body: &'static str, now_ms: i64) -> Call {
        let mut headers = HeaderMap::new();
        headers.insert("idempotency-key", HeaderValue::from_static(key));
        Call {
            method: Method::POST,
            segments: vec!["invoices".to_owned()],
            query: String::new(),
            headers,
            body: Bytes::from_static(body.as_bytes()),
            now: Timestamp::from_millis(now_ms),
        }
    }

    #[test]
    fn a_key_performs_once_until_it_is_forgotten() {
        let keys = IdempotencyKeys::default();
        let check = |body, now_ms| match keys.once(&call("k", body, now_ms), 10, || Reply::created("{}")) {
            Once::First(_) => "first",
            Once::Replayed(_) => "replayed",
            Once::OtherBody => "other body",
        };
        assert_eq!(check("a", 0), "first");
        assert_eq!(check("a", 1), "replayed");
        assert_eq!(check("b", 2), "other body");
        assert_eq!(check("b", 86_400_000), "first");
    }

    #[test]
    fn no_more_keys_are_kept_than_allowed() {
        let keys = IdempotencyKeys::default();
        for key in ["a", "b", "c", "d"] {
            keys.once(&call(key, "", 0), 2, || Reply::created("{}"));
        }
        assert_eq!(keys.state.lock().answers.len(), 2);
    }
}
