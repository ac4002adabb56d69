//! A persistent session, whose messages of quality 1 are acknowledged one by one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::session::Session;
use super::wire::{self, Message, Packet};
use crate::source::{Coming, Delivery, Source, SourceError, Wanted};
use crate::transport::broker::Who;
use crate::transport::line::Line;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The code of what may not be listened to (section 3.9.3).
const NOT_GRANTED: u8 = 0x80;
/// Messages that may come before the broker has answered our subscription.
const EARLY_MAX: usize = 1024;
/// The same in bytes.
const EARLY_BYTES_MAX: usize = 4 << 20;

/// A subscription.
pub(super) struct MqttSource {
    session: Session,
    filter: Arc<str>,
    /// How often each side is heard of.
    beat: Duration,
    heard: Instant,
    told: Instant,
    given: u64,
    numbers: HashMap<u64, u16>,
    /// Messages that came before the broker answered our subscription.
    early: VecDeque<Message>,
}

impl MqttSource {
    /// Logs in under the name of the group, and subscribes.
    pub(super) async fn open(line: Line, who: Who<'_>, wanted: &Wanted<'_>) -> Result<Self, TransportError> {
        let beat_s = wanted.heartbeat_s();
        let session = Session::begin(line, who, wanted.group, false, beat_s * 2, wanted.data_max()).await?;
        let now = Instant::now();
        let mut source = Self {
            session,
            filter: wanted.from.into(),
            beat: Duration::from_secs(u64::from(beat_s)),
            heard: now,
            told: now,
            given: 0,
            numbers: HashMap::new(),
            early: VecDeque::new(),
        };
        source.subscribe().await?;
        Ok(source)
    }

    async fn subscribe(&mut self) -> Result<(), TransportError> {
        let filter = &self.filter;
        wire::subscribe(&mut self.session.line.output, 1, filter);
        let mut early = 0;
        loop {
            match self.session.packet().await? {
                Packet::SubAck { code: 1 | 2 } => return Ok(()),
                Packet::SubAck { code: NOT_GRANTED } => {
                    let words = format!("the broker does not let us listen to `{filter}`");
                    return Err(TransportError::new(Kind::Forbidden, words));
                }
                Packet::SubAck { .. } => {
                    let words =
                        "the broker would not wait for acknowledgements, so that messages could be lost";
                    return Err(TransportError::new(Kind::Refused, words));
                }
                // A session that was kept goes on at once.
                Packet::Publish(message) if self.early.len() < EARLY_MAX && early < EARLY_BYTES_MAX => {
                    early += message.data.held();
                    self.early.push_back(message);
                }
                Packet::Publish(_) => {
                    return Err(TransportError::new(
                        Kind::Unusable,
                        "the broker does not answer a subscription",
                    ));
                }
                _ => {}
            }
        }
    }

    async fn message(&mut self) -> Result<Delivery, SourceError> {
        loop {
            if let Some(message) = self.early.pop_front() {
                match self.wanted(message) {
                    Some(message) => return Ok(self.delivery(message)),
                    None => continue,
                }
            }
            let (beat_at, silent_at) = (self.told + self.beat, self.heard + self.beat * 2);
            let Ok(came) = timeout_at(beat_at.min(silent_at), self.session.packet()).await else {
                if Instant::now() >= silent_at {
                    return Err(SourceError::Quiet(self.beat * 2));
                }
                self.ping();
                continue;
            };
            let packet = came?;
            self.heard = Instant::now();
            if let Packet::Publish(message) = packet {
                self.early.push_back(message);
            }
        }
    }

    /// The message, if it is one of those that are listened to now: a session remembers what was listened to before.
    fn wanted(&mut self, message: Message) -> Option<Message> {
        if matches(&self.filter, &message.topic) {
            return Some(message);
        }
        if let Some(number) = message.number {
            wire::acknowledge(&mut self.session.line.output, number);
        }
        None
    }

    fn ping(&mut self) {
        wire::ping(&mut self.session.line.output);
        self.told = Instant::now();
    }

    fn delivery(&mut self, message: Message) -> Delivery {
        self.given += 1;
        self.numbers.extend(message.number.map(|number| (self.given, number)));
        let flags = [("retained", message.retained), ("redelivered", message.again)];
        Delivery {
            from: message.topic,
            event: None,
            id: None,
            at: None,
            headers: flags.map(|(name, is_so)| (name.into(), is_so.to_string().into())).into(),
            data: message.data,
            identity: None,
            position: None,
            receipt: self.given,
        }
    }

    async fn write(&mut self) -> Result<(), SourceError> {
        Ok(self.session.line.write(PATIENCE).await?)
    }
}

/// Whether a topic is one of those that a filter means (section 4.7).
fn matches(filter: &str, topic: &str) -> bool {
    // Whoever shares a subscription gets the topics of what stands behind the name.
    let filter = match filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/')) {
        Some((_, shared)) => shared,
        None => filter,
    };
    if topic.starts_with('$') != filter.starts_with('$') {
        return false;
    }
    let (mut filters, mut levels) = (filter.split('/'), topic.split('/'));
    loop {
        match (filters.next(), levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

impl Source for MqttSource {
    fn next(&mut self) -> Coming<'_, Delivery> {
        Box::pin(self.message())
    }

    fn accepted<'a>(&'a mut self, receipts: &'a [u64]) -> Coming<'a, ()> {
        for number in receipts.iter().filter_map(|receipt| self.numbers.remove(receipt)) {
            wire::acknowledge(&mut self.session.line.output, number);
        }
        Box::pin(self.write())
    }

    fn hold(&mut self) -> Coming<'_, ()> {
        self.heard = Instant::now();
        self.ping();
        Box::pin(self.write())
    }

    fn end(&mut self) -> Coming<'_, ()> {
        wire::leave(&mut self.session.line.output);
        Box::pin(self.write())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_topics_as_the_standard_says() {
        for (filter, topic) in [
            ("a/b", "a/b"),
            ("a/+", "a/b"),
            ("a/+/c", "a//c"),
            ("#", "a/b"),
            ("a/#", "a"),
            ("a/#", "a/b/c"),
            ("+/+", "/a"),
            ("$share/group/a/+", "a/b"),
            ("$SYS/#", "$SYS/broker"),
        ] {
            assert!(matches(filter, topic), "{filter} {topic}");
        }
        for (filter, topic) in [("a/+", "a/b/c"), ("a/b", "a"), ("+", "a/b"), ("#", "$SYS/x"), ("a", "b")] {
            assert!(!matches(filter, topic), "{filter} {topic}");
        }
    }
}
