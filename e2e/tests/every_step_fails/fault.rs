use serde_json::{Value, json};
use sinew_e2e::Operation;

/// How often a call is tried in a project in a hurry.
pub const ATTEMPTS: usize = 3;

/// What goes wrong, by the stage at which it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Before anything is done: the connection closes.
    Close,
    /// Before anything is done: 503.
    Busy,
    /// After the effect: no answer.
    AnswerLost,
    /// After the effect: 500.
    Broke,
    /// After the effect no answer, and from then on 503.
    LostThenBusy,
    /// On the answer: it is no JSON.
    Malformed,
    /// On the answer: it ends in the middle.
    Truncated,
    /// On the answer: a field has another name.
    Renamed,
    /// Instead of the effect: a refusal.
    Refused,
}

/// For how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// The next attempt succeeds.
    Once,
    /// Every attempt fails.
    Throughout,
}

/// All of them.
pub fn all() -> impl Iterator<Item = (Fault, Lasts)> {
    use Fault::{AnswerLost, Broke, Busy, Close, LostThenBusy, Malformed, Refused, Renamed, Truncated};
    use Lasts::{Once, Throughout};
    let again = [Close, Busy, AnswerLost, Broke, Malformed, Truncated].into_iter();
    again.flat_map(|fault| [(fault, Once), (fault, Throughout)]).chain([
        (LostThenBusy, Throughout),
        (Renamed, Once),
        (Refused, Once),
    ])
}

impl Fault {
    /// As the sandbox is told: for one operation, sparing the first so many requests. `None` if it cannot happen there.
    pub fn arm(self, operation: &Operation, path: &str, spared: usize, lasts: Lasts) -> Option<Value> {
        let count = match lasts {
            Lasts::Once => 1,
            Lasts::Throughout => ATTEMPTS,
        };
        let on = |fault: Value, spared: usize, count: usize| {
            let mut fault = fault;
            fault["path"] = json!(path);
            fault["method"] = json!(operation.method);
            fault["after"] = json!(spared);
            fault["count"] = json!(count);
            fault
        };
        Some(match self {
            Self::Close => on(json!({ "kind": "before_effect_close" }), spared, count),
            Self::Busy => on(json!({ "kind": "status", "status": 503 }), spared, count),
            Self::AnswerLost => on(json!({ "kind": "answer_lost" }), spared, count),
            Self::Broke => {
                on(json!({ "kind": "status", "status": 500, "after_effect": true }), spared, count)
            }
            Self::LostThenBusy => json!([
                on(json!({ "kind": "answer_lost" }), spared, 1),
                // What one fault strikes is not seen by the next.
                on(json!({ "kind": "status", "status": 503 }), spared, ATTEMPTS - 1),
            ]),
            // What has no body cannot be cut.
            Self::Malformed | Self::Truncated if operation.method == "DELETE" => return None,
            Self::Malformed => on(json!({ "kind": "malformed" }), spared, count),
            Self::Truncated => on(json!({ "kind": "truncated" }), spared, count),
            Self::Renamed => {
                let field = operation.required.as_ref()?;
                on(json!({ "kind": "renamed_field", "from": field, "to": "renamed" }), spared, count)
            }
            Self::Refused => on(json!({ "kind": "refuse", "code": "NOT_TODAY" }), spared, count),
        })
    }

    /// Whether the effect took place although the attempt failed.
    pub fn has_effect(self) -> bool {
        !matches!(self, Self::Close | Self::Busy | Self::Refused)
    }
}
