//! The alerts that are open: opened once, counted after, told again at growing intervals, closed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sinew_model::AlertKind;
use sinew_stdx::Timestamp;
use sinew_store::{AlertRecord, AlertState};

/// How long after a message the next one about the same alert is sent, if it happened again; the last one holds on.
const DIGEST_AFTER: [Duration; 4] =
    [Duration::from_mins(15), Duration::from_hours(1), Duration::from_hours(4), Duration::from_hours(24)];

/// What an alert is about. Repetitions have the same topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Topic {
    pub(crate) kind: AlertKind,
    pub(crate) subject: Arc<str>,
}

impl Topic {
    pub(crate) fn new(kind: AlertKind, subject: &str) -> Self {
        Self { kind, subject: subject.into() }
    }

    /// The key in the store: `dead_letter:lead-intake`.
    pub(crate) fn key(&self) -> Arc<str> {
        format!("{}:{}", self.kind, self.subject).into()
    }
}

/// An alert that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenAlert {
    pub(crate) message: Arc<str>,
    pub(crate) opened_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) count: u64,
    told_at: Timestamp,
    told_count: u64,
    digests: usize,
    unsaved: bool,
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) topic: Topic,
    pub(crate) change: Change,
    pub(crate) message: Arc<str>,
    pub(crate) opened_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) at: Timestamp,
    pub(crate) count: u64,
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is new.
    Opened,
    /// It happened so often since the last message.
    Repeated(u64),
    /// It is over.
    Recovered,
}

/// What is open.
#[derive(Debug, Default)]
pub(crate) struct Book {
    open: BTreeMap<Topic, OpenAlert>,
}

impl Book {
    /// Takes over what an earlier life left open. It was told then, and is not told again.
    pub(crate) fn restore(&mut self, records: Vec<AlertRecord>, now: Timestamp) {
        for record in records {
            let Some(kind) = AlertKind::of(&record.kind).filter(|_| record.state == AlertState::Open) else {
                continue;
            };
            let age = now.since(record.opened_at);
            let digests = DIGEST_AFTER.iter().take_while(|after| **after <= age).count();
            let alert = OpenAlert {
                message: record.message,
                opened_at: record.opened_at,
                last_at: record.last_at,
                count: record.count,
                told_at: now,
                told_count: record.count,
                digests,
                unsaved: false,
            };
            self.open.insert(Topic { kind, subject: record.subject }, alert);
        }
    }

    /// Something is wrong: opens an alert, or counts it into the one that is open.
    pub(crate) fn raise(
        &mut self,
        topic: &Topic,
        message: impl Into<Arc<str>>,
        at: Timestamp,
    ) -> Option<Notice> {
        if let Some(alert) = self.open.get_mut(topic) {
            alert.message = message.into();
            alert.count += 1;
            alert.last_at = alert.last_at.max(at);
            alert.unsaved = true;
            return None;
        }
        let alert = OpenAlert {
            message: message.into(),
            opened_at: at,
            last_at: at,
            count: 1,
            told_at: at,
            told_count: 1,
            digests: 0,
            unsaved: true,
        };
        let notice = alert.notice(topic, Change::Opened, at);
        self.open.insert(topic.clone(), alert);
        Some(notice)
    }

    /// It is over. Gives what to tell and what to keep, if it was open.
    pub(crate) fn close(&mut self, topic: &Topic, why: &str, at: Timestamp) -> Option<(Notice, AlertRecord)> {
        let alert = self.open.remove(topic)?;
        let record = alert.record(topic, Some(at));
        let mut notice = alert.notice(topic, Change::Recovered, at);
        notice.message = why.into();
        Some((notice, record))
    }

    /// Alerts that have happened again and were last told of long enough ago.
    pub(crate) fn digests(&mut self, now: Timestamp) -> Vec<Notice> {
        let mut due = Vec::new();
        for (topic, alert) in &mut self.open {
            let after = DIGEST_AFTER[alert.digests.min(DIGEST_AFTER.len() - 1)];
            if alert.count > alert.told_count && now.since(alert.told_at) >= after {
                due.push(alert.notice(topic, Change::Repeated(alert.count - alert.told_count), now));
                (alert.told_at, alert.told_count) = (now, alert.count);
                alert.digests += 1;
            }
        }
        due
    }

    /// Alerts that are not in the store as they are now.
    pub(crate) fn unsaved(&mut self) -> Vec<(Topic, AlertRecord)> {
        let unsaved = self.open.iter_mut().filter_map(|(topic, alert)| {
            std::mem::take(&mut alert.unsaved).then(|| (topic.clone(), alert.record(topic, None)))
        });
        unsaved.collect()
    }

    /// The store did not take it: it is tried again.
    pub(crate) fn save_again(&mut self, topic: &Topic) {
        if let Some(alert) = self.open.get_mut(topic) {
            alert.unsaved = true;
        }
    }

    pub(crate) fn find(&self, topic: &Topic) -> Option<&OpenAlert> {
        self.open.get(topic)
    }

    /// The open alerts of a kind.
    pub(crate) fn of_kind(&self, kind: AlertKind) -> Vec<(Topic, OpenAlert)> {
        let open = self.open.iter().filter(|(topic, _)| topic.kind == kind);
        open.map(|(topic, alert)| (topic.clone(), alert.clone())).collect()
    }
}

impl OpenAlert {
    fn notice(&self, topic: &Topic, change: Change, at: Timestamp) -> Notice {
        Notice {
            topic: topic.clone(),
            change,
            message: Arc::clone(&self.message),
            opened_at: self.opened_at,
            last_at: self.last_at,
            at,
            count: self.count,
        }
    }

    fn record(&self, topic: &Topic, closed_at: Option<Timestamp>) -> AlertRecord {
        AlertRecord {
            key: topic.key(),
            kind: topic.kind.as_str().into(),
            subject: Arc::clone(&topic.subject),
            message: Arc::clone(&self.message),
            state: if closed_at.is_some() { AlertState::Closed } else { AlertState::Open },
            opened_at: self.opened_at,
            last_at: self.last_at,
            count: self.count,
            closed_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * MINUTE)
    }

    fn topic() -> Topic {
        Topic::new(AlertKind::DeadLetter, "lead-intake")
    }

    /// One event a minute for so long; the minutes at which something is told, and of how many events.
    fn check(book: &mut Book, from: i64, until: i64) -> Vec<(i64, u64)> {
        let mut told = Vec::new();
        for minute in from..until {
            let opened = book.raise(&topic(), "it gave up", at(minute));
            let notices = opened.into_iter().chain(book.digests(at(minute)));
            told.extend(notices.map(|notice| (minute, notice.count)));
        }
        told
    }

    #[test]
    fn an_alert_is_told_at_once_and_then_at_growing_intervals() {
        let told = check(&mut Book::default(), 0, 3000);
        assert_eq!(told, [(0, 1), (15, 16), (75, 76), (315, 316), (1755, 1756)]);
    }

    #[test]
    fn what_does_not_happen_again_is_not_told_again() {
        let mut book = Book::default();
        assert_eq!(book.raise(&topic(), "m", at(0)).unwrap().change, Change::Opened);
        assert!((1..5000).all(|minute| book.digests(at(minute)).is_empty()));
    }

    #[test]
    fn an_alert_that_is_over_is_told_once_and_may_open_anew() {
        let mut book = Book::default();
        check(&mut book, 0, 3);
        let (notice, record) = book.close(&topic(), "all settled", at(9)).unwrap();
        assert_eq!((notice.change, notice.count, &*notice.message), (Change::Recovered, 3, "all settled"));
        assert_eq!((record.state, record.closed_at, record.count), (AlertState::Closed, Some(at(9)), 3));
        assert!(book.close(&topic(), "again", at(9)).is_none());
        assert!(book.raise(&topic(), "m", at(10)).is_some());
    }

    #[test]
    fn a_restart_neither_forgets_nor_repeats() {
        let mut before = Book::default();
        check(&mut before, 0, 3);
        let records = before.unsaved().into_iter().map(|(_, record)| record).collect();
        let mut after = Book::default();
        after.restore(records, at(20));
        assert_eq!(check(&mut after, 21, 200), [(80, 63)], "an hour after the restart, as the alert is old");
        assert_eq!(after.close(&topic(), "over", at(300)).unwrap().1.opened_at, at(0));
    }

    #[test]
    fn only_what_changed_is_saved() {
        let mut book = Book::default();
        book.raise(&topic(), "m", at(0));
        let saved = book.unsaved();
        assert_eq!((saved.len(), &*saved[0].1.key), (1, "dead_letter:lead-intake"));
        assert!(book.unsaved().is_empty());
        book.save_again(&topic());
        assert_eq!(book.unsaved().len(), 1);
    }
}
