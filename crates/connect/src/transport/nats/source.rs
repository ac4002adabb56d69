//! JetStream: a durable consumer, from which messages are pulled and acknowledged one by one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use serde::Deserialize;
use serde_json::{Value, json};
use sinew_stdx::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::publish::Wrong;
use super::session::Session;
use super::wire::Message;
use crate::source::{Coming, Data, Delivery, Source, SourceError, Wanted};
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// Messages that are pulled at once; more are asked for when half of them have come.
const PULL: usize = 64;
/// How long the server waits for messages before it says that there are none.
const PULL_FOR: Duration = Duration::from_secs(20);
/// How long after that it says so at the latest.
const PULL_LATE: Duration = Duration::from_secs(5);
/// How long a message may be unacknowledged before the server gives it again: after a crash this is waited for.
const ACK_WAIT: Duration = Duration::from_secs(5);
/// Messages that the server gives without an acknowledgement.
const UNACKNOWLEDGED_MAX: usize = 256;
/// What is held at once of messages that nobody asked for yet.
const HELD_MAX: usize = 4 << 20;
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to leave a server alone that refuses to give messages now.
const PAUSE: Duration = Duration::from_secs(1);

/// A durable consumer of a stream.
pub(super) struct JetStreamSource {
    session: Session,
    /// Where messages are asked for.
    next: String,
    /// Where they come to.
    inbox: String,
    /// Messages that were asked for and have not come.
    outstanding: usize,
    pulled: Instant,
    data_max: usize,
    quiet: Duration,
    heard: Instant,
    asked: bool,
    given: u64,
    /// Came while none were asked for.
    ready: VecDeque<Message>,
    /// Where each message that was given is acknowledged.
    replies: HashMap<u64, String>,
}

#[derive(Deserialize)]
struct Answer {
    error: Option<Wrong>,
    #[serde(default)]
    streams: Option<Vec<String>>,
    #[serde(default)]
    config: Option<Consumer>,
}

/// What decides whether a consumer that is there can be used.
#[derive(Deserialize)]
#[serde(default)]
struct Consumer {
    ack_policy: String,
    deliver_subject: Option<String>,
    filter_subject: Option<String>,
    filter_subjects: Option<Vec<String>>,
    max_deliver: i64,
}

impl Default for Consumer {
    fn default() -> Self {
        Self {
            ack_policy: "none".to_owned(),
            deliver_subject: None,
            filter_subject: None,
            filter_subjects: None,
            max_deliver: -1,
        }
    }
}

impl Consumer {
    /// Why it cannot be used for this subject.
    fn unfit(&self, subject: &str) -> Option<&'static str> {
        if self.deliver_subject.is_some() {
            Some("it is pushed to, not pulled from")
        } else if self.ack_policy != "explicit" {
            Some("its messages are not acknowledged one by one")
        } else if self.max_deliver > 0 {
            Some("it gives messages up after so many times (`max_deliver`)")
        } else if self.filter_subjects.as_ref().is_some_and(|filters| !filters.is_empty()) {
            Some("it is of several subjects")
        } else if self.filter_subject.as_deref().is_some_and(|filter| !filter.is_empty() && filter != subject)
        {
            Some("it is of another subject")
        } else {
            None
        }
    }
}

impl JetStreamSource {
    /// Finds the stream of a subject, and the durable consumer in it, or makes it.
    pub(super) async fn open(mut session: Session, wanted: &Wanted<'_>) -> Result<Self, TransportError> {
        let (subject, group) = (wanted.from, wanted.group);
        let answer = ask(&mut session, "$JS.API.STREAM.NAMES", &json!({ "subject": subject })).await?;
        let stream = match answer.streams.as_deref() {
            Some([stream]) if is_name(stream) => stream.clone(),
            Some([_, _, ..]) => {
                let words = format!("several streams hold `{subject}`; a narrower subject belongs to one");
                return Err(TransportError::new(Kind::Refused, words));
            }
            _ => {
                let words = format!("no JetStream stream holds `{subject}`, so that nothing of it is kept");
                return Err(TransportError::new(Kind::NotThere, words));
            }
        };
        // One that is there stays as it is: where it began was decided when it was made.
        let known = ask(&mut session, &format!("$JS.API.CONSUMER.INFO.{stream}.{group}"), &json!({})).await;
        match known {
            Ok(known) => {
                if let Some(why) = known.config.unwrap_or_default().unfit(subject) {
                    let words = format!("the consumer `{group}` of `{stream}` cannot be used: {why}");
                    return Err(TransportError::new(Kind::Conflict, words));
                }
            }
            Err(error) if error.kind == Kind::NotThere => {
                let consumer = json!({
                    "stream_name": stream,
                    "config": {
                        "durable_name": group,
                        "ack_policy": "explicit",
                        "deliver_policy": if wanted.all { "all" } else { "new" },
                        "filter_subject": subject,
                        "ack_wait": nanoseconds(ACK_WAIT),
                        "max_ack_pending": UNACKNOWLEDGED_MAX,
                    },
                });
                ask(&mut session, &format!("$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{group}"), &consumer)
                    .await?;
            }
            Err(error) => return Err(error),
        }
        let now = Instant::now();
        Ok(Self {
            next: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{group}"),
            inbox: format!("{}.pulled", session.inbox),
            session,
            outstanding: 0,
            pulled: now,
            data_max: wanted.data_max(),
            quiet: wanted.quiet,
            heard: now,
            asked: false,
            given: 0,
            ready: VecDeque::new(),
            replies: HashMap::new(),
        })
    }

    async fn message(&mut self) -> Result<Delivery, SourceError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(self.delivery(message));
            }
            self.pull();
            let silent_at = self.heard + if self.asked { self.quiet } else { self.quiet / 2 };
            let is_paused = self.outstanding == 0 && self.pulled > Instant::now();
            let again_at = self.pulled + if is_paused { Duration::ZERO } else { PULL_FOR + PULL_LATE };
            match timeout_at(silent_at.min(again_at), self.session.message()).await {
                Ok(came) => {
                    (self.heard, self.asked) = (Instant::now(), false);
                    if let Some(message) = came? {
                        self.take_in(message)?;
                    }
                }
                // Whoever was to give messages is not there any more, as when a cluster has another leader.
                Err(_) if Instant::now() >= again_at => self.outstanding = 0,
                Err(_) if std::mem::replace(&mut self.asked, true) => {
                    return Err(SourceError::Quiet(self.quiet));
                }
                Err(_) => self.session.ping(),
            }
        }
    }

    /// Asks for more messages, if few are to come.
    fn pull(&mut self) {
        if self.outstanding > PULL / 2 || self.pulled > Instant::now() {
            return;
        }
        let batch = PULL - self.outstanding;
        let pull = json!({ "batch": batch, "expires": nanoseconds(PULL_FOR) }).to_string();
        self.session.publish(&self.next, Some(&self.inbox), &[], pull.as_bytes());
        (self.outstanding, self.pulled) = (PULL, Instant::now());
    }

    fn take_in(&mut self, message: Message) -> Result<(), TransportError> {
        match message.status() {
            None if message.reply.as_deref().is_some_and(|reply| Place::of(reply).is_some()) => {
                self.outstanding = self.outstanding.saturating_sub(1);
                self.ready.push_back(message);
                Ok(())
            }
            // A sign of life, or what somebody says who is no stream.
            None | Some(100) => Ok(()),
            // There is nothing; or what was asked for has come.
            Some(404 | 408) => {
                self.outstanding = 0;
                Ok(())
            }
            Some(409) if !message.status_words().to_ascii_lowercase().contains("deleted") => {
                (self.outstanding, self.pulled) = (0, Instant::now() + PAUSE);
                Ok(())
            }
            Some(409) => Err(TransportError::new(Kind::NotThere, "the consumer was deleted")),
            Some(503) => Err(TransportError::new(Kind::Busy, "JetStream does not answer")),
            Some(status) => {
                let words = format!("{} ({status})", message.status_words());
                Err(TransportError::new(Kind::Refused, words))
            }
        }
    }

    fn delivery(&mut self, message: Message) -> Delivery {
        self.given += 1;
        let receipt = self.given;
        let headers = message.headers();
        let event = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("ce-type"));
        let event = event.map(|(_, value)| Arc::clone(value));
        let place = message.reply.as_deref().and_then(Place::of);
        let id = place.as_ref().map(|place| format!("{}:{}", place.stream, place.sequence).into());
        let at = place.as_ref().map(|place| Timestamp::from_millis(place.nanoseconds / 1_000_000));
        // A stream that is made anew counts anew.
        let identity = place.map(|place| -> Arc<str> {
            format!("{}:{}:{}", place.stream, place.sequence, place.nanoseconds).into()
        });
        self.replies.extend(message.reply.map(|reply| (receipt, reply)));
        Delivery {
            from: message.subject.into(),
            event,
            id,
            at,
            headers,
            data: message.data.within(self.data_max),
            identity,
            position: None,
            receipt,
        }
    }

    /// Says something of messages by where they are acknowledged.
    async fn answer(&mut self, replies: Vec<String>, what: &[u8]) -> Result<(), SourceError> {
        for reply in replies {
            self.session.publish(&reply, None, &[], what);
        }
        Ok(self.session.line.write(PATIENCE).await?)
    }

    /// Everything that was given by the server and not acknowledged, as far as it is known here.
    fn unacknowledged(&self) -> Vec<String> {
        let ready = self.ready.iter().filter_map(|message| message.reply.clone());
        self.replies.values().cloned().chain(ready).collect()
    }

    /// Takes in what has come already, so that the server hears of it, too.
    fn drain(&mut self) -> Result<(), TransportError> {
        let held = |ready: &VecDeque<Message>| ready.iter().map(|message| message.data.held()).sum::<usize>();
        while self.ready.len() < PULL && held(&self.ready) < HELD_MAX {
            match self.session.message().now_or_never() {
                None => break,
                Some(came) => {
                    if let Some(message) = came? {
                        self.take_in(message)?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn kept_waiting(&mut self) -> Result<(), SourceError> {
        (self.heard, self.asked) = (Instant::now(), false);
        self.drain()?;
        let waiting = self.unacknowledged();
        self.answer(waiting, b"+WPI").await
    }
}

/// Where a message stands, by the subject on which it is acknowledged.
struct Place<'a> {
    stream: &'a str,
    sequence: &'a str,
    nanoseconds: i64,
}

impl<'a> Place<'a> {
    /// `$JS.ACK.stream.consumer.delivered.sequence.sequence.time.pending`; newer servers put domain and account before
    /// the stream, and a token behind.
    fn of(reply: &'a str) -> Option<Self> {
        let words: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.split('.').collect();
        let words = match words.len() {
            7 => &words[..],
            9.. => &words[2..],
            _ => return None,
        };
        Some(Self { stream: words[0], sequence: words[3], nanoseconds: words[5].parse().ok()? })
    }
}

async fn ask(session: &mut Session, subject: &str, what: &Value) -> Result<Answer, TransportError> {
    let what = what.to_string();
    let answer = timeout_at(Instant::now() + PATIENCE, session.ask(subject, &[], what.as_bytes())).await;
    // Whoever may not ask is not answered, but told.
    let answer = answer.map_err(|_| TransportError::deadline(true))??;
    if answer.status() == Some(503) {
        let words = "JetStream is not there, or not enabled for this account";
        return Err(TransportError::new(Kind::Busy, words));
    }
    let Data::Whole(bytes) = &answer.data else {
        return Err(TransportError::new(Kind::Unusable, "JetStream's answer is too large"));
    };
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|_| TransportError::new(Kind::Unusable, "JetStream's answer is no JSON"))?;
    match answer.error {
        Some(wrong) => Err(wrong.into_error()),
        None => Ok(answer),
    }
}

/// Names of streams become parts of subjects.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| ".*>".contains(c) || c.is_whitespace() || c.is_control())
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl Source for JetStreamSource {
    fn next(&mut self) -> Coming<'_, Delivery> {
        Box::pin(self.message())
    }

    fn accepted<'a>(&'a mut self, receipts: &'a [u64]) -> Coming<'a, ()> {
        let replies = receipts.iter().filter_map(|receipt| self.replies.remove(receipt)).collect();
        Box::pin(self.answer(replies, b"+ACK"))
    }

    fn hold(&mut self) -> Coming<'_, ()> {
        Box::pin(self.kept_waiting())
    }

    fn end(&mut self) -> Coming<'_, ()> {
        let replies = self.unacknowledged();
        Box::pin(self.answer(replies, b"-NAK"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_message_stands_in_its_acknowledgement() {
        for reply in
            ["$JS.ACK.S.c.1.42.7.1700000000000000000.0", "$JS.ACK._.h.S.c.1.42.7.1700000000000000000.0.t"]
        {
            let place = Place::of(reply).unwrap();
            assert_eq!((place.stream, place.sequence), ("S", "42"));
            assert_eq!(place.nanoseconds, 1_700_000_000_000_000_000);
        }
        assert!(Place::of("_INBOX.x").is_none() && Place::of("$JS.ACK.S").is_none());
    }

    #[test]
    fn a_consumer_of_somebody_else_is_used_if_nothing_is_lost_by_it() {
        let unfit =
            |config: Value| serde_json::from_value::<Consumer>(config).unwrap().unfit("a.b").is_some();
        assert!(!unfit(json!({ "ack_policy": "explicit", "filter_subject": "a.b" })));
        assert!(!unfit(json!({ "ack_policy": "explicit" })));
        assert!(unfit(json!({ "ack_policy": "none" })));
        assert!(unfit(json!({ "ack_policy": "explicit", "deliver_subject": "x" })));
        assert!(unfit(json!({ "ack_policy": "explicit", "filter_subject": "a.c" })));
        assert!(unfit(json!({ "ack_policy": "explicit", "filter_subjects": ["a.b", "a.c"] })));
        assert!(unfit(json!({ "ack_policy": "explicit", "max_deliver": 5 })), "it gives messages up");
    }
}
