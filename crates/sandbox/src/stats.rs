use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use serde_json::{Value, json};

/// What stands for a status where no answer was sent.
const CLOSED: u16 = 0;

/// Counts of requests by vendor, route and status.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: Mutex<HashMap<(&'static str, &'static str, u16), u64>>,
    pub(crate) connections_open: AtomicU64,
    pub(crate) connections_accepted: AtomicU64,
}

impl Stats {
    /// Counts a request; `status` is `None` if it was not answered.
    pub(crate) fn count(&self, vendor: &'static str, route: &'static str, status: Option<u16>) {
        *self.requests.lock().entry((vendor, route, status.unwrap_or(CLOSED))).or_default() += 1;
    }

    pub(crate) fn reset(&self) {
        self.requests.lock().clear();
    }

    pub(crate) fn show(&self, faults_applied: &Value) -> Value {
        let mut requests: BTreeMap<&str, BTreeMap<&str, BTreeMap<String, u64>>> = BTreeMap::new();
        let (mut by_vendor, mut rate_limited) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
        for (&(vendor, route, status), &count) in self.requests.lock().iter() {
            let status_name = if status == CLOSED { "closed".to_owned() } else { status.to_string() };
            requests.entry(vendor).or_default().entry(route).or_default().insert(status_name, count);
            *by_vendor.entry(vendor).or_default() += count;
            *rate_limited.entry(vendor).or_default() += if status == 429 { count } else { 0 };
        }
        json!({
            "requests": requests,
            "by_vendor": by_vendor,
            "rate_limited": rate_limited,
            "faults_applied": faults_applied,
            "connections": {
                "open": self.connections_open.load(Ordering::Relaxed),
                "accepted": self.connections_accepted.load(Ordering::Relaxed),
            },
        })
    }
}
