use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::webhooks::WebhookTarget;

/// How a sandbox starts.
#[derive(Clone, Debug)]
pub struct SandboxOptions {
    /// Where it listens; port 0 takes a free one. Default `127.0.0.1:7480`.
    pub listen: SocketAddr,
    /// Seed of generated data, faults and slow answers.
    pub seed: u64,
    /// Where the CRM sends webhooks from the start on; control can add more.
    pub webhook_targets: Vec<WebhookTarget>,
    /// A file that effects are appended to as NDJSON.
    pub truth_log: Option<PathBuf>,
    /// What control can also change while it runs.
    pub tuning: Tuning,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7480)),
            seed: 7,
            webhook_targets: Vec::new(),
            truth_log: None,
            tuning: Tuning::default(),
        }
    }
}

impl SandboxOptions {
    /// The same options on a free port of the loopback address.
    #[must_use]
    pub fn on_free_port(mut self) -> Self {
        self.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        self
    }
}

/// How much of each effect the truth log keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TruthDetail {
    /// Whole entries (the last million).
    #[default]
    Entries,
    /// Counts and hashes of references only: enough to find doubled effects, at 16 bytes each.
    Count,
}

/// What `POST /_control/options` changes while the sandbox runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tuning {
    /// How much of each effect is kept.
    pub truth: TruthDetail,
    /// Whether contacts and deals that were never created are generated from their id.
    pub autogenerate: bool,
    /// Life of a CRM access token, in seconds.
    pub token_seconds: u32,
    /// Requests a second that the enrichment vendor accepts; 0 for no limit.
    pub enrich_rate_per_s: u32,
    /// How many requests its token bucket holds.
    pub enrich_burst: u32,
    /// Share of enrichment requests that are slow, 0 to 1.
    pub enrich_slow_rate: f64,
    /// Shortest wait of a slow one.
    pub enrich_slow_ms_min: u32,
    /// Longest wait of a slow one.
    pub enrich_slow_ms_max: u32,
    /// Requests a second that billing accepts; 0 for no limit and no headers.
    pub billing_rate_per_s: u32,
    /// Points that the market gives at once.
    pub market_points: u32,
    /// Points that come back to it each second.
    pub market_points_per_s: u32,
    /// Objects kept per collection, and idempotency keys per vendor; the oldest go first.
    pub max_records: u32,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            truth: TruthDetail::Entries,
            autogenerate: true,
            token_seconds: 60,
            enrich_rate_per_s: 1000,
            enrich_burst: 100,
            enrich_slow_rate: 0.01,
            enrich_slow_ms_min: 200,
            enrich_slow_ms_max: 800,
            billing_rate_per_s: 100_000,
            market_points: 1000,
            market_points_per_s: 50,
            max_records: 100_000,
        }
    }
}

impl Tuning {
    /// These options with what `changes` (a JSON object) names changed; the error says what is wrong.
    pub(crate) fn changed_by(self, changes: &[u8]) -> Result<Self, String> {
        let changes: serde_json::Map<String, serde_json::Value> =
            serde_json::from_slice(changes).map_err(|e| format!("options are a JSON object: {e}"))?;
        let Ok(serde_json::Value::Object(mut all)) = serde_json::to_value(self) else {
            return Err("the options cannot be shown".to_owned());
        };
        all.extend(changes);
        let next: Self = serde_json::from_value(all.into()).map_err(|e| e.to_string())?;
        if !(0.0..=1.0).contains(&next.enrich_slow_rate) {
            return Err("enrich_slow_rate is a share between 0 and 1".to_owned());
        }
        if next.enrich_slow_ms_min > next.enrich_slow_ms_max {
            return Err("enrich_slow_ms_min is above enrich_slow_ms_max".to_owned());
        }
        if [next.max_records, next.enrich_burst, next.market_points, next.market_points_per_s].contains(&0) {
            let message = "max_records, enrich_burst, market_points and market_points_per_s are at least 1";
            return Err(message.to_owned());
        }
        Ok(next)
    }
}
