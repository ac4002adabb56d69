//! Whether a delivery comes from who it should. How senders sign is data of the model; here it is carried out.

mod content;
mod proof;
#[cfg(test)]
mod vectors;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use sinew_diag::codes::trigger;
use sinew_model::{FieldPath, Proof, Signature, Source, TimeUnit, Verify, Webhook};
use sinew_stdx::{Timestamp, show_duration};
use sinew_vault::SecretSource;

pub(crate) use proof::{Key, hex, unhex};

use super::keys::Keys;
use super::reply::Rejection;
use super::sent::Sent;

/// Signatures looked at in one delivery.
const SIGNATURES_MAX: usize = 16;
/// Elements of one delivery that are signed by themselves.
const ITEMS_MAX: usize = 1000;
/// The longest delivery id.
const ID_MAX: usize = 256;
/// How long a delivery's id is remembered at least: senders try again for hours.
const ID_WINDOW: Duration = Duration::from_hours(24);

/// By what a delivery that comes again is recognised if its flow says nothing about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) key: Arc<str>,
    pub(crate) window: Duration,
    /// How long its signature can hold at most: its timestamp may lie as far ahead as it may lie back.
    pub(crate) valid_for: Duration,
}

/// Why a delivery is not believed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unproven {
    /// What the scheme needs is not there, or not readable.
    Missing(String),
    /// No signature fits.
    Signature,
    /// Authentic, but its timestamp is further from now than the tolerance.
    Stale { age_s: i64, tolerance: Duration },
    /// The URL is signed, and nobody said what it is.
    NoUrl,
}

/// Verifies the deliveries of one webhook.
pub(crate) struct Verifier {
    signature: Option<Arc<Signature>>,
    keys: Option<Keys>,
    delivery_id: Option<Source>,
}

impl Verifier {
    pub(crate) fn new(webhook: &Webhook, secrets: &Arc<dyn SecretSource>) -> Self {
        let signature = match &webhook.verify {
            Verify::None => None,
            Verify::Signed(signature) => Some(Arc::clone(signature)),
        };
        let keys = signature
            .as_ref()
            .filter(|_| !webhook.secrets.is_empty())
            .map(|signature| Keys::new(Arc::clone(secrets), webhook.secrets.clone(), signature.proof));
        Self { signature, keys, delivery_id: webhook.delivery_id.clone() }
    }

    /// Checks a delivery; gives by what it is recognised when it comes again.
    pub(crate) fn verify(&self, sent: &Sent<'_>, now: Timestamp) -> Result<Option<Repeat>, Rejection> {
        let Some(signature) = &self.signature else { return Ok(self.repeat_by_id(sent)) };
        let (keys, held) = self.keys(now)?;
        let mut checked = check(signature, &held, sent, now);
        if checked == Err(Unproven::Signature) {
            // The secret may have been replaced just now.
            let fresh = keys.get_again(now).ok_or_else(no_secret)?;
            if !Arc::ptr_eq(&fresh, &held) {
                checked = check(signature, &fresh, sent, now);
            }
        }
        Ok(checked.map_err(Rejection::from)?.or_else(|| self.repeat_by_id(sent)))
    }

    /// The HMAC of a text under the first secret.
    pub(crate) fn hmac(&self, text: &str, now: Timestamp) -> Result<Option<Vec<u8>>, Rejection> {
        let (_, held) = self.keys(now)?;
        Ok(held.first().and_then(|key| key.hmac(text.as_bytes())))
    }

    fn keys(&self, now: Timestamp) -> Result<(&Keys, Arc<[Key]>), Rejection> {
        let keys = self.keys.as_ref().ok_or_else(no_secret)?;
        Ok((keys, keys.get(now).ok_or_else(no_secret)?))
    }

    fn repeat_by_id(&self, sent: &Sent<'_>) -> Option<Repeat> {
        let id = sent.text(self.delivery_id.as_ref()?, None)?;
        by_id(&id, Duration::ZERO)
    }
}

fn no_secret() -> Rejection {
    let detail = "the secret that deliveries are verified with cannot be had; send again later";
    Rejection::busy(trigger::NO_VERIFY_SECRET, detail)
}

impl From<Unproven> for Rejection {
    fn from(unproven: Unproven) -> Self {
        match unproven {
            Unproven::Missing(what) => {
                let detail = format!("{what} is missing or not as it should be");
                Self::new(401, trigger::WRONG_SIGNATURE, detail)
            }
            Unproven::Signature => {
                Self::new(401, trigger::WRONG_SIGNATURE, "no signature fits the body and the secret")
            }
            Unproven::Stale { age_s, tolerance } => {
                let tolerance = show_duration(tolerance);
                let detail = if age_s >= 0 {
                    format!("the delivery was signed {age_s} s ago; at most {tolerance} are accepted")
                } else {
                    format!(
                        "the delivery was signed {} s ahead of our clock; at most {tolerance} are accepted",
                        -age_s
                    )
                };
                Self::new(401, trigger::STALE_DELIVERY, detail)
            }
            Unproven::NoUrl => {
                let detail =
                    "the URL is signed, and the server does not know how it is called; send again later";
                Self::busy(trigger::NO_PUBLIC_URL, detail)
            }
        }
    }
}

/// Checks a delivery by its scheme.
pub(crate) fn check(
    signature: &Signature,
    keys: &[Key],
    sent: &Sent<'_>,
    now: Timestamp,
) -> Result<Option<Repeat>, Unproven> {
    let Some(each) = &signature.each else { return check_one(signature, keys, sent, None, now) };
    for item in items(each, sent)? {
        check_one(signature, keys, sent, Some(item), now)?;
    }
    // What tells the elements apart is the flow's to say.
    Ok(None)
}

fn items<'a>(each: &FieldPath, sent: &'a Sent<'_>) -> Result<&'a [Value], Unproven> {
    let list = sent.json().and_then(|json| each.find(json)).and_then(Value::as_array);
    let fits = |list: &&Vec<Value>| (1..=ITEMS_MAX).contains(&list.len());
    list.filter(fits).map(Vec::as_slice).ok_or_else(|| Unproven::Missing(format!("the list `{each}`")))
}

fn check_one(
    signature: &Signature,
    keys: &[Key],
    sent: &Sent<'_>,
    item: Option<&Value>,
    now: Timestamp,
) -> Result<Option<Repeat>, Unproven> {
    let given: Vec<Vec<u8>> = sent
        .texts(&signature.source, item)
        .iter()
        .take(SIGNATURES_MAX)
        .filter_map(|text| proof::decode(signature.encoding, text))
        .collect();
    if given.is_empty() {
        return Err(Unproven::Missing(signature.source.at.to_string()));
    }
    let missing = |source: &Source| Unproven::Missing(source.at.to_string());
    let timestamp = match &signature.timestamp {
        Some(time) => Some(sent.text(&time.source, item).ok_or_else(|| missing(&time.source))?),
        None => None,
    };
    let content = content::content(signature, sent, timestamp.as_deref(), item)?;
    let tag = keys.iter().find_map(|key| key.fits(&given, &content)).ok_or(Unproven::Signature)?;
    let mut valid_for = Duration::ZERO;
    if let (Some(time), Some(text)) = (&signature.timestamp, &timestamp) {
        let signed_s = seconds(time.unit, text).ok_or_else(|| missing(&time.source))?;
        is_recent(signed_s, time.tolerance, now)?;
        // Its timestamp may lie ahead, and it may come again until that is too old.
        valid_for = time.tolerance.saturating_mul(2);
    }
    if let Some(id) = &signature.id {
        return match sent.text(id, item) {
            Some(text) if !text.is_empty() && text.len() <= ID_MAX => Ok(by_id(&text, valid_for)),
            // Where nothing else tells deliveries apart one without an id is only not recognised.
            _ if signature.timestamp.is_none() => Ok(None),
            _ => Err(missing(id)),
        };
    }
    // Without an id the signature itself tells a delivery from others.
    let by_tag = signature.timestamp.is_some() && signature.proof != Proof::Token;
    Ok(by_tag.then(|| Repeat { key: hex(&tag).into(), window: valid_for, valid_for }))
}

/// The Unix time of a timestamp, in seconds.
fn seconds(unit: TimeUnit, text: &str) -> Option<i64> {
    match unit {
        TimeUnit::Seconds => text.parse().ok(),
        TimeUnit::Milliseconds => text.parse::<i64>().ok().map(|ms| ms.div_euclid(1000)),
        TimeUnit::Timestamp => text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second),
    }
}

fn by_id(id: &str, valid_for: Duration) -> Option<Repeat> {
    let fits = !id.is_empty() && id.len() <= ID_MAX;
    fits.then(|| Repeat { key: id.into(), window: ID_WINDOW.max(valid_for), valid_for })
}

fn is_recent(signed_s: i64, tolerance: Duration, now: Timestamp) -> Result<(), Unproven> {
    let age_s = now.as_millis().div_euclid(1000).saturating_sub(signed_s);
    if age_s.unsigned_abs() > tolerance.as_secs() {
        return Err(Unproven::Stale { age_s, tolerance });
    }
    Ok(())
}
