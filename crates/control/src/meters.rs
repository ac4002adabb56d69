use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sinew_call::{CallRecord, CallRecorder};
use sinew_flow::Observer;
use sinew_model::{Failure, Flow, Reason};
use sinew_stdx::Timestamp;
use sinew_store::{DeadId, RunId, RunStatus};

/// Upper bounds of the histograms, in seconds.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

/// Counts what runs and calls do since the start. Labels are names of the project's resources and closed sets of words,
/// so there are as many series as the project is large.
#[derive(Debug, Default)]
pub struct Meters {
    flows: Mutex<BTreeMap<Arc<str>, FlowMeter>>,
    connections: Mutex<BTreeMap<Arc<str>, ConnectionMeter>>,
}

#[derive(Debug, Default)]
struct FlowMeter {
    accepted: u64,
    ended: BTreeMap<&'static str, u64>,
    took: Histogram,
    dead: BTreeMap<Reason, u64>,
}

#[derive(Debug, Default)]
struct ConnectionMeter {
    calls: BTreeMap<&'static str, u64>,
    took: Histogram,
    waited: Duration,
    drifted: u64,
    tokens: BTreeMap<&'static str, u64>,
    breaker_opened: u64,
    breaker_open: bool,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Histogram {
    fn add(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        for (bucket, bound) in self.buckets.iter_mut().zip(BOUNDS) {
            *bucket += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum += took;
    }
}

impl Meters {
    /// Nothing counted yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// Runs accepted, runs ended, attempts at calls.
    pub(crate) fn totals(&self) -> (u64, u64, u64) {
        let flows = self.flows.lock();
        let accepted = flows.values().map(|flow| flow.accepted).sum();
        let ended = flows.values().flat_map(|flow| flow.ended.values()).sum();
        drop(flows);
        let calls = self.connections.lock().values().flat_map(|c| c.calls.values()).sum();
        (accepted, ended, calls)
    }

    /// Writes the series.
    pub(crate) fn write(&self, out: &mut Exposition) {
        let flows = self.flows.lock();
        let name = "sinew_runs_accepted_total";
        out.begin(name, "counter", "Runs accepted.");
        for (flow, meter) in &*flows {
            out.sample(name, &[("flow", flow)], meter.accepted as f64);
        }
        let name = "sinew_runs_ended_total";
        out.begin(name, "counter", "Runs that came to a final state.");
        for (flow, meter) in &*flows {
            for (status, count) in &meter.ended {
                out.sample(name, &[("flow", flow), ("status", status)], *count as f64);
            }
        }
        let name = "sinew_dead_letters_total";
        out.begin(name, "counter", "Work that gave up.");
        for (flow, meter) in &*flows {
            for (reason, count) in &meter.dead {
                out.sample(name, &[("flow", flow), ("reason", reason.as_str())], *count as f64);
            }
        }
        let name = "sinew_run_seconds";
        out.begin(name, "histogram", "From a run's acceptance to its final state.");
        for (flow, meter) in &*flows {
            out.histogram(name, ("flow", flow), &meter.took);
        }
        drop(flows);
        self.write_connections(out);
    }

    fn write_connections(&self, out: &mut Exposition) {
        let connections = self.connections.lock();
        let name = "sinew_calls_total";
        out.begin(name, "counter", "Attempts at calls.");
        for (connection, meter) in &*connections {
            for (outcome, count) in &meter.calls {
                out.sample(name, &[("connection", connection), ("outcome", outcome)], *count as f64);
            }
        }
        let name = "sinew_call_seconds";
        out.begin(name, "histogram", "How long attempts took.");
        for (connection, meter) in &*connections {
            out.histogram(name, ("connection", connection), &meter.took);
        }
        let name = "sinew_call_waited_seconds_total";
        out.begin(name, "counter", "How long attempts waited for budget.");
        for (connection, meter) in &*connections {
            out.sample(name, &[("connection", connection)], meter.waited.as_secs_f64());
        }
        let name = "sinew_answers_drifted_total";
        out.begin(name, "counter", "Answers that departed from their contract, and were used nevertheless.");
        for (connection, meter) in &*connections {
            out.sample(name, &[("connection", connection)], meter.drifted as f64);
        }
        let name = "sinew_token_requests_total";
        out.begin(name, "counter", "Requests for access tokens.");
        for (connection, meter) in &*connections {
            for (outcome, count) in &meter.tokens {
                out.sample(name, &[("connection", connection), ("outcome", outcome)], *count as f64);
            }
        }
        let name = "sinew_breaker_opened_total";
        out.begin(name, "counter", "How often a circuit breaker opened.");
        for (connection, meter) in &*connections {
            out.sample(name, &[("connection", connection)], meter.breaker_opened as f64);
        }
        let name = "sinew_breaker_open";
        out.begin(name, "gauge", "Whether the circuit breaker is open.");
        for (connection, meter) in &*connections {
            out.sample(name, &[("connection", connection)], f64::from(u8::from(meter.breaker_open)));
        }
    }
}

impl Observer for Meters {
    fn accepted(&self, flow: &Flow, _run: RunId, _at: Timestamp) {
        self.flows.lock().entry(flow.name.shared()).or_default().accepted += 1;
    }

    fn ended(&self, flow: &Flow, _run: RunId, status: RunStatus, took: Duration, _at: Timestamp) {
        let mut flows = self.flows.lock();
        let meter = flows.entry(flow.name.shared()).or_default();
        *meter.ended.entry(status.as_str()).or_default() += 1;
        meter.took.add(took);
    }

    fn dead_letter(
        &self,
        flow: &Flow,
        _run: RunId,
        _letter: DeadId,
        _step: &str,
        failure: &Failure,
        _at: Timestamp,
    ) {
        let mut flows = self.flows.lock();
        *flows.entry(flow.name.shared()).or_default().dead.entry(failure.reason).or_default() += 1;
    }
}

impl CallRecorder for Meters {
    fn record(&self, record: CallRecord) {
        let outcome = |failure: &Option<Failure>| failure.as_ref().map_or("ok", |f| f.reason.as_str());
        let mut connections = self.connections.lock();
        match record {
            CallRecord::Attempted(attempt) => {
                let meter = connections.entry(attempt.connection.shared()).or_default();
                *meter.calls.entry(outcome(&attempt.failure)).or_default() += 1;
                meter.took.add(attempt.took.saturating_sub(attempt.waited));
                meter.waited += attempt.waited;
                meter.drifted += u64::from(attempt.drift.is_some());
            }
            CallRecord::TokenAsked(token) => {
                let meter = connections.entry(token.connection.shared()).or_default();
                *meter.tokens.entry(outcome(&token.failure)).or_default() += 1;
            }
            CallRecord::BreakerOpened { connection, .. } => {
                let meter = connections.entry(connection.shared()).or_default();
                meter.breaker_opened += 1;
                meter.breaker_open = true;
            }
            CallRecord::BreakerClosed { connection, .. } => {
                connections.entry(connection.shared()).or_default().breaker_open = false;
            }
            CallRecord::CredentialFailed { .. } | CallRecord::CredentialRecovered { .. } => {}
        }
    }
}

/// Figures in Prometheus' text format 0.0.4.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

impl Exposition {
    pub(crate) fn begin(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    pub(crate) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.text.push_str(name);
        for (i, (label, of)) in labels.iter().enumerate() {
            self.text.push(if i == 0 { '{' } else { ',' });
            let of = of.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.text, "{label}=\"{of}\"");
        }
        let _ = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A figure with its heading.
    pub(crate) fn single(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.begin(name, kind, help);
        self.sample(name, &[], value);
    }

    fn histogram(&mut self, name: &str, label: (&str, &str), of: &Histogram) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in BOUNDS.iter().zip(of.buckets) {
            self.sample(&bucket, &[label, ("le", &bound.to_string())], count as f64);
        }
        self.sample(&bucket, &[label, ("le", "+Inf")], of.count as f64);
        self.sample(&format!("{name}_sum"), &[label], of.sum.as_secs_f64());
        self.sample(&format!("{name}_count"), &[label], of.count as f64);
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let mut out = Exposition::default();
        out.single("a_total", "counter", "So many.", 3.0);
        out.sample("b", &[("flow", "x\"y"), ("status", "dead")], 0.5);
        assert_eq!(
            out.into_text(),
            "# HELP a_total So many.\n# TYPE a_total counter\na_total 3\nb{flow=\"x\\\"y\",status=\"dead\"} 0.5\n"
        );
    }

    #[test]
    fn a_histogram_counts_what_is_below_each_bound() {
        let mut took = Histogram::default();
        took.add(Duration::from_millis(7));
        took.add(Duration::from_secs(2));
        let mut out = Exposition::default();
        out.histogram("t", ("flow", "a"), &took);
        let text = out.into_text();
        for line in
            ["le=\"0.005\"} 0", "le=\"0.01\"} 1", "le=\"2.5\"} 2", "le=\"+Inf\"} 2", "t_count{flow=\"a\"} 2"]
        {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
