use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sinew_stdx::Random;

use crate::exchange::Call;

/// Longest wait that a fault may ask for.
const WAIT_MS_MAX: u64 = 3_600_000;
/// Largest padded body.
const PADDING_MAX: u64 = 1 << 40;

/// A fault as control takes it: one document for all kinds, of which each uses the fields that it needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct FaultDocument {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms_min: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms_max: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_as_date: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after_effect: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<bool>,
}

/// What takes the place of the vendor's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// An error in the vendor's shape.
    Status { status: StatusCode, retry_after: Option<RetryAfter> },
    /// A page of the proxy in front of the vendor.
    Html { status: StatusCode },
    /// A business refusal in the vendor's shape.
    Refuse { status: StatusCode, code: String, message: String },
    /// Credentials are no longer good.
    RevokedToken,
    /// The connection ends; by RST if `reset`.
    Close { reset: bool },
}

/// How a `Retry-After` is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryAfter {
    pub(crate) seconds: u32,
    pub(crate) as_date: bool,
}

/// What becomes of the vendor's answer on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spoil {
    Malformed,
    Truncated,
    Renamed { from: String, to: String },
    Removed { field: String },
    Slow { over: Duration },
    Oversized { bytes: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Latency { ms_min: u64, ms_max: u64 },
    Before(Instead),
    After(Instead),
    Spoil(Spoil),
}

#[derive(Debug)]
struct Fault {
    document: FaultDocument,
    kind: Kind,
    random: Random,
    seen: u64,
    applied: u64,
}

/// What the faults of a vendor do to one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) wait: Duration,
    /// No effect, and this for an answer.
    pub(crate) before: Option<Instead>,
    /// The effect, and this for an answer.
    pub(crate) after: Option<Instead>,
    pub(crate) spoils: Vec<Spoil>,
}

/// The faults of one vendor.
#[derive(Debug, Default)]
pub(crate) struct FaultBoard {
    /// Lets a mended vendor's requests pass without a lock.
    active: AtomicBool,
    state: Mutex<Board>,
}

#[derive(Debug, Default)]
struct Board {
    faults: Vec<Fault>,
    /// Applied since the start or reset, by kind.
    applied: BTreeMap<String, u64>,
}

impl FaultBoard {
    /// Replaces the faults by those of a document: one fault, an array, or `{"seed", "faults"}`.
    pub(crate) fn set(&self, body: &[u8], default_seed: u64) -> Result<(), String> {
        let (seed, documents) = parse(body, default_seed)?;
        let faults = (0_u64..)
            .zip(documents)
            .map(|(n, document)| {
                let kind = document.kind().map_err(|e| format!("fault {n}: {e}"))?;
                let random = Random::seeded(seed ^ n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                Ok(Fault { document, kind, random, seen: 0, applied: 0 })
            })
            .collect::<Result<Vec<_>, String>>()?;
        let mut board = self.state.lock();
        self.active.store(!faults.is_empty(), Ordering::Relaxed);
        board.faults = faults;
        Ok(())
    }

    /// Takes all faults away.
    pub(crate) fn mend(&self) {
        self.active.store(false, Ordering::Relaxed);
        self.state.lock().faults.clear();
    }

    pub(crate) fn reset(&self) {
        self.active.store(false, Ordering::Relaxed);
        *self.state.lock() = Board::default();
    }

    pub(crate) fn show(&self) -> Value {
        let board = self.state.lock();
        let faults: Vec<Value> = board
            .faults
            .iter()
            .map(|fault| {
                let mut shown = json!(fault.document);
                shown["seen"] = fault.seen.into();
                shown["applied"] = fault.applied.into();
                shown
            })
            .collect();
        json!({ "faults": faults })
    }

    pub(crate) fn applied(&self) -> BTreeMap<String, u64> {
        self.state.lock().applied.clone()
    }

    /// What happens to this request. Counts it.
    pub(crate) fn judge(&self, call: &Call) -> Option<Verdict> {
        if !self.active.load(Ordering::Relaxed) {
            return None;
        }
        let mut verdict = Verdict::default();
        let mut board = self.state.lock();
        let Board { faults, applied } = &mut *board;
        for fault in faults {
            let replaced = verdict.before.is_some() || verdict.after.is_some();
            if replaced && matches!(fault.kind, Kind::Before(_) | Kind::After(_)) || !fault.strikes(call) {
                continue;
            }
            *applied.entry(fault.document.kind.clone()).or_default() += 1;
            match &fault.kind {
                Kind::Latency { ms_min, ms_max } => {
                    let ms = ms_min + fault.random.below(ms_max - ms_min + 1);
                    verdict.wait += Duration::from_millis(ms);
                }
                Kind::Before(instead) => verdict.before = Some(instead.clone()),
                Kind::After(instead) => verdict.after = Some(instead.clone()),
                Kind::Spoil(spoil) => verdict.spoils.push(spoil.clone()),
            }
        }
        (verdict != Verdict::default()).then_some(verdict)
    }
}

impl Fault {
    fn strikes(&mut self, call: &Call) -> bool {
        // A token endpoint needs no token: striking it would use up the count to no effect.
        let spends_nothing = self.kind == Kind::Before(Instead::RevokedToken)
            && call.segments.first().is_some_and(|segment| segment == "oauth");
        if spends_nothing || !self.document.matches(call) {
            return false;
        }
        self.seen += 1;
        let spent = self.document.count.is_some_and(|count| self.applied >= count);
        let spared = self.seen <= self.document.after.unwrap_or(0);
        if spent || spared || !self.random.chance(self.document.rate.unwrap_or(1.0)) {
            return false;
        }
        self.applied += 1;
        true
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seeded {
    seed: Option<u64>,
    faults: Vec<FaultDocument>,
}

fn parse(body: &[u8], default_seed: u64) -> Result<(u64, Vec<FaultDocument>), String> {
    let wrong = |e: serde_json::Error| format!("not a fault document: {e}");
    let value: Value = serde_json::from_slice(body).map_err(wrong)?;
    if value.is_array() {
        return Ok((default_seed, serde_json::from_value(value).map_err(wrong)?));
    }
    if value.get("kind").is_some() {
        return Ok((default_seed, vec![serde_json::from_value(value).map_err(wrong)?]));
    }
    let seeded: Seeded = serde_json::from_value(value).map_err(wrong)?;
    Ok((seeded.seed.unwrap_or(default_seed), seeded.faults))
}

impl FaultDocument {
    fn matches(&self, call: &Call) -> bool {
        let path = self.path.as_deref().map(|path| path.trim_start_matches('/'));
        path.is_none_or(|path| call.segments.join("/").starts_with(path))
            && self.method.as_deref().is_none_or(|method| method.eq_ignore_ascii_case(call.method.as_str()))
            && self.body_contains.as_deref().is_none_or(|text| contains(&call.body, text.as_bytes()))
    }

    fn kind(&self) -> Result<Kind, String> {
        if self.rate.is_some_and(|rate| !(0.0..=1.0).contains(&rate)) {
            return Err("`rate` is a share between 0 and 1".to_owned());
        }
        let late = self.after_effect.unwrap_or(false);
        let replaced = |instead| if late { Kind::After(instead) } else { Kind::Before(instead) };
        Ok(match self.kind.as_str() {
            "latency" => self.latency()?,
            "status" => replaced(Instead::Status {
                status: status(self.status.ok_or("`status` is missing")?)?,
                retry_after: self.retry_after.map(|seconds| RetryAfter {
                    seconds,
                    as_date: self.retry_after_as_date.unwrap_or(false),
                }),
            }),
            "html" => replaced(Instead::Html { status: status(self.status.unwrap_or(502))? }),
            "refuse" => Kind::Before(Instead::Refuse {
                status: status(self.status.unwrap_or(409))?,
                code: self.code.clone().unwrap_or_else(|| "REFUSED".to_owned()),
                message: self.message.clone().unwrap_or_else(|| "the request was refused".to_owned()),
            }),
            "revoked_token" => Kind::Before(Instead::RevokedToken),
            "before_effect_close" => Kind::Before(Instead::Close { reset: false }),
            "answer_lost" => Kind::After(Instead::Close { reset: false }),
            "stop" => Kind::Before(Instead::Close { reset: self.reset.unwrap_or(false) }),
            _ => Kind::Spoil(self.spoil()?),
        })
    }

    fn latency(&self) -> Result<Kind, String> {
        let ms_min = self.ms_min.ok_or("`ms_min` is missing")?;
        let ms_max = self.ms_max.unwrap_or(ms_min);
        if ms_min > ms_max || ms_max > WAIT_MS_MAX {
            return Err(format!("`ms_min` <= `ms_max` <= {WAIT_MS_MAX} must hold"));
        }
        Ok(Kind::Latency { ms_min, ms_max })
    }

    fn spoil(&self) -> Result<Spoil, String> {
        Ok(match self.kind.as_str() {
            "malformed" => Spoil::Malformed,
            "truncated" => Spoil::Truncated,
            "renamed_field" => Spoil::Renamed {
                from: self.from.clone().ok_or("`from` is missing")?,
                to: self.to.clone().ok_or("`to` is missing")?,
            },
            "removed_field" => Spoil::Removed { field: self.field.clone().ok_or("`field` is missing")? },
            "slow_body" => {
                let ms = self.ms.ok_or("`ms` is missing")?.min(WAIT_MS_MAX);
                Spoil::Slow { over: Duration::from_millis(ms) }
            }
            "oversized_body" => {
                Spoil::Oversized { bytes: self.bytes.ok_or("`bytes` is missing")?.min(PADDING_MAX) }
            }
            other => {
                return Err(format!(
                    "unknown kind `{other}`; there are latency, status, html, refuse, revoked_token, before_effect_close, \
                     answer_lost, stop, malformed, truncated, renamed_field, removed_field, slow_body and oversized_body"
                ));
            }
        })
    }
}

fn status(code: u16) -> Result<StatusCode, String> {
    match StatusCode::from_u16(code) {
        Ok(status) if (300..600).contains(&code) => Ok(status),
        _ => Err(format!("`status` {code} is none that an error has; use 300 to 599")),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use sinew_stdx::Timestamp;

    use super::*;

    fn call(method: Method, path: &str, body: &'static str) -> Call {
        Call {
            method,
            segments: path.split('/').map(str::to_owned).collect(),
            query: String::new(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
            now: Timestamp::from_millis(0),
        }
    }

    fn struck(board: &FaultBoard, times: usize) -> Vec<usize> {
        (0..times).filter(|_| board.judge(&call(Method::GET, "contacts/1", "")).is_some()).collect()
    }

    #[test]
    fn a_fault_spares_the_first_and_stops_at_its_count() {
        let board = FaultBoard::default();
        board.set(br#"{"kind":"status","status":503,"after":2,"count":3}"#, 1).unwrap();
        assert_eq!(struck(&board, 10), [2, 3, 4]);
        assert_eq!(board.applied()["status"], 3);
        board.mend();
        assert!(struck(&board, 10).is_empty());
    }

    #[test]
    fn the_same_seed_strikes_the_same_requests() {
        let strikes = |seed: u64| {
            let board = FaultBoard::default();
            let document = json!({ "seed": seed, "faults": [{ "kind": "answer_lost", "rate": 0.3 }] });
            board.set(document.to_string().as_bytes(), 0).unwrap();
            struck(&board, 1000)
        };
        assert_eq!(strikes(5), strikes(5));
        assert_ne!(strikes(5), strikes(6));
        assert!((230..370).contains(&strikes(5).len()));
    }

    #[test]
    fn filters_choose_what_is_struck() {
        let board = FaultBoard::default();
        board
            .set(br#"[{"kind":"answer_lost","method":"post","path":"/notes","body_contains":"d7"}]"#, 1)
            .unwrap();
        let check = |method, path, body| board.judge(&call(method, path, body)).is_some();
        assert!(check(Method::POST, "notes", "{\"deal\":\"d7\"}"));
        assert!(!check(Method::POST, "notes", "{\"deal\":\"d8\"}"));
        assert!(!check(Method::GET, "notes", "d7"));
        assert!(!check(Method::POST, "deals", "d7"));
    }

    #[test]
    fn the_first_replacement_wins_and_changes_add_up() {
        let board = FaultBoard::default();
        let document = br#"[{"kind":"latency","ms_min":5},{"kind":"stop","count":1},{"kind":"status","status":500,"count":1},
                            {"kind":"malformed"},{"kind":"slow_body","ms":9}]"#;
        board.set(document, 1).unwrap();
        let first = board.judge(&call(Method::GET, "x", "")).unwrap();
        assert_eq!(first.before, Some(Instead::Close { reset: false }));
        assert_eq!((first.wait, first.spoils.len()), (Duration::from_millis(5), 2));
        let second = board.judge(&call(Method::GET, "x", "")).unwrap();
        assert!(matches!(second.before, Some(Instead::Status { .. })));
    }

    #[test]
    fn wrong_documents_say_what_is_wrong() {
        let check = |body: &str| FaultBoard::default().set(body.as_bytes(), 1).unwrap_err();
        assert!(check("{").contains("not a fault document"));
        assert!(check(r#"{"kind":"explode"}"#).contains("there are latency"));
        assert!(check(r#"{"kind":"status"}"#).contains("`status` is missing"));
        assert!(check(r#"{"kind":"status","status":200}"#).contains("300 to 599"));
        assert!(check(r#"{"kind":"malformed","rat":1}"#).contains("rat"));
        assert!(check(r#"{"kind":"malformed","rate":2}"#).contains("between 0 and 1"));
        assert!(check(r#"[{"kind":"latency","ms_min":9,"ms_max":1}]"#).contains("fault 0"));
    }
}
