use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sinew_stdx::{Random, Timestamp};
use tokio::time::Instant;

use crate::document::Document;

const EVENTS_MAX: u64 = 1_000_000;
const CONCURRENCY_MAX: usize = 256;
const ATTEMPTS_MAX: u32 = 1000;
const IDS_SHOWN_MAX: usize = 10_000;

/// What control asks to be sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Emit {
    event: String,
    data: Option<Box<RawValue>>,
    /// First number that `{n}` stands for.
    pub(crate) count: u64,
    start: u64,
    duplicate: f64,
    out_of_order: f64,
    tampered: f64,
    per_second: Option<f64>,
    concurrency: usize,
    pub(crate) attempts: u32,
    seed: Option<u64>,
    pub(crate) wait: bool,
}

impl Default for Emit {
    fn default() -> Self {
        Self {
            event: String::new(),
            data: None,
            count: 1,
            start: 1,
            duplicate: 0.0,
            out_of_order: 0.0,
            tampered: 0.0,
            per_second: None,
            concurrency: 1,
            attempts: 30,
            seed: None,
            wait: true,
        }
    }
}

/// Makes the data of event `n` where control gave none.
pub(crate) type Generated = fn(seed: u64, event: &str, n: u64) -> Bytes;

/// One delivery of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    n: u64,
    duplicate: bool,
    pub(crate) tampered: bool,
}

/// An emission under way or done.
pub(crate) struct Emission {
    id: String,
    request: Emit,
    generated: Generated,
    seed: u64,
    first_event: u64,
    plan: Vec<Planned>,
    next: AtomicUsize,
    began: Instant,
    progress: Mutex<Progress>,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Progress {
    id: String,
    done: bool,
    events: u64,
    delivered: u64,
    failed: u64,
    refused: u64,
    duplicates: u64,
    reordered: u64,
    tampered: u64,
    attempts: u64,
    delivered_ids: Vec<String>,
    failed_ids: Vec<String>,
}

/// How one delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    /// The receiver does not want it: trying again changes nothing.
    Refused,
    GaveUp,
}

/// An event, ready to be signed.
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) at: Timestamp,
    pub(crate) body: Bytes,
}

impl Event {
    pub(crate) fn new(boot: i64, number: u64, name: &str, mut data: Document, at: Timestamp) -> Self {
        let id = format!("evt_{boot:x}_{number}");
        data.set("event_id", &id);
        data.set("event", name);
        data.set("occurred_at", at.to_string());
        Self { id, name: name.to_owned(), at, body: data.to_bytes() }
    }
}

impl Emission {
    /// Plans an emission whose events are numbered from `first_event` on.
    pub(crate) fn new(request: Emit, seed: u64, first_event: u64, generated: Generated) -> Self {
        let seed = request.seed.unwrap_or(seed);
        let (plan, reordered) = request.plan(&mut Random::seeded(seed));
        let id = format!("em_{first_event}");
        let progress = Progress {
            id: id.clone(),
            events: request.count,
            duplicates: plan.iter().filter(|planned| planned.duplicate).count() as u64,
            tampered: plan.iter().filter(|planned| planned.tampered).count() as u64,
            reordered,
            ..Progress::default()
        };
        Self {
            id,
            request,
            generated,
            seed,
            first_event,
            plan,
            next: AtomicUsize::new(0),
            began: Instant::now(),
            progress: Mutex::new(progress),
        }
    }

    /// The next delivery, and when it is due.
    pub(crate) fn take_next(&self) -> Option<(Planned, Instant)> {
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        let planned = *self.plan.get(position)?;
        let after = self.request.per_second.map_or(0.0, |per_second| position as f64 / per_second);
        Some((planned, self.began + Duration::from_secs_f64(after)))
    }

    pub(crate) fn concurrency(&self) -> usize {
        self.request.concurrency
    }

    /// How often this delivery is tried.
    pub(crate) fn attempts_max(&self, planned: Planned) -> u32 {
        if planned.tampered { 1 } else { self.request.attempts }
    }

    pub(crate) fn attempted(&self, times: u32) {
        self.progress.lock().attempts += u64::from(times);
    }

    pub(crate) fn finish(&self) {
        self.progress.lock().done = true;
    }

    pub(crate) fn show(&self) -> Vec<u8> {
        serde_json::to_vec(&*self.progress.lock()).unwrap_or_default()
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The event of a delivery in an emission that began at `began`.
    pub(crate) fn event(&self, boot: i64, planned: Planned, began: Timestamp) -> Event {
        let (n, at) = (planned.n, began.plus(self.began.elapsed()));
        let data = match &self.request.data {
            Some(template) => Bytes::from(template.get().replace("{n}", &n.to_string())),
            None => (self.generated)(self.seed, &self.request.event, n),
        };
        let number = self.first_event + (n - self.request.start);
        // The template was checked to be an object; replacing inside strings keeps it one.
        let data = Document::parse(&data).unwrap_or_default();
        Event::new(boot, number, &self.request.event, data, at)
    }

    pub(crate) fn settle(&self, planned: Planned, id: String, outcome: Outcome) {
        let mut progress = self.progress.lock();
        if outcome == Outcome::Refused {
            progress.refused += 1;
        }
        if planned.duplicate || planned.tampered {
            return;
        }
        let progress = &mut *progress;
        let (count, ids) = if outcome == Outcome::Delivered {
            (&mut progress.delivered, &mut progress.delivered_ids)
        } else {
            (&mut progress.failed, &mut progress.failed_ids)
        };
        *count += 1;
        if ids.len() < IDS_SHOWN_MAX {
            ids.push(id);
        }
    }
}

impl Emit {
    pub(crate) fn validate(&self) -> Result<(), String> {
        let share = |name: &str, value: f64| {
            if (0.0..=1.0).contains(&value) {
                Ok(())
            } else {
                Err(format!("`{name}` is a share between 0 and 1"))
            }
        };
        share("duplicate", self.duplicate)?;
        share("out_of_order", self.out_of_order)?;
        share("tampered", self.tampered)?;
        if self.event.is_empty() || !self.event.bytes().all(|b| b.is_ascii_graphic()) {
            return Err("`event` is missing, such as \"deal.updated\"".to_owned());
        }
        if self.data.as_ref().is_some_and(|data| !data.get().starts_with('{')) {
            return Err("`data` is an object".to_owned());
        }
        if !(1..=EVENTS_MAX).contains(&self.count) || self.start.checked_add(self.count).is_none() {
            return Err(format!("`count` is 1 to {EVENTS_MAX}"));
        }
        if !(1..=CONCURRENCY_MAX).contains(&self.concurrency) {
            return Err(format!("`concurrency` is 1 to {CONCURRENCY_MAX}"));
        }
        if !(1..=ATTEMPTS_MAX).contains(&self.attempts) {
            return Err(format!("`attempts` is 1 to {ATTEMPTS_MAX}"));
        }
        if self.per_second.is_some_and(|rate| !(0.001..=1_000_000.0).contains(&rate)) {
            return Err("`per_second` is 0.001 to 1000000".to_owned());
        }
        Ok(())
    }

    /// The deliveries in their order, and how many events come later than they should.
    fn plan(&self, random: &mut Random) -> (Vec<Planned>, u64) {
        // Sorting by a position that some events are pushed back from keeps all others in order.
        let mut plan: Vec<(u64, Planned)> = Vec::with_capacity(self.count as usize);
        let mut reordered = 0;
        for n in self.start..self.start + self.count {
            let position = (n - self.start) * 2;
            let late = random.chance(self.out_of_order);
            let pushed = if late { 2 * (1 + random.below(5)) + 1 } else { 0 };
            reordered += u64::from(late);
            plan.push((position + pushed, Planned { n, duplicate: false, tampered: false }));
            if random.chance(self.duplicate) {
                let later = position + pushed + 2 * random.below(6) + 1;
                plan.push((later, Planned { n, duplicate: true, tampered: false }));
            }
            if random.chance(self.tampered) {
                plan.push((position + pushed, Planned { n, duplicate: false, tampered: true }));
            }
        }
        plan.sort_by_key(|(position, _)| *position);
        (plan.into_iter().map(|(_, planned)| planned).collect(), reordered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(emit: &Emit) -> Vec<u64> {
        emit.plan(&mut Random::seeded(3)).0.iter().map(|planned| planned.n).collect()
    }

    #[test]
    fn a_plain_plan_is_in_order() {
        assert_eq!(planned(&Emit { count: 5, start: 10, ..Emit::default() }), [10, 11, 12, 13, 14]);
    }

    #[test]
    fn duplicates_and_late_events_are_seeded() {
        let emit = Emit { count: 200, duplicate: 0.2, out_of_order: 0.3, ..Emit::default() };
        let plan = planned(&emit);
        assert_eq!(plan, planned(&emit));
        assert!((215..265).contains(&plan.len()));
        assert!(!plan.is_sorted());
        let mut events = plan;
        events.sort_unstable();
        events.dedup();
        assert_eq!(events.len(), 200);
    }
}
