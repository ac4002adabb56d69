use std::sync::Arc;
use std::time::Duration;

use sinew_mapping::Expression;
use sinew_stdx::{ByteSize, Json};

use crate::{Call, Challenge, ConnectionName, EventName, SecretRef, Source, Subscribed, Told, Verify};

/// What starts a flow. Expressions in a trigger stand over the payload itself (`deal_id`, not `trigger.deal_id`).
#[derive(Clone, Debug)]
pub enum Trigger {
    /// A request to `/hooks/<path>`.
    Webhook(Box<Webhook>),
    /// A clock.
    Schedule(Schedule),
    /// Asking a system for what is new.
    Poll(Poll),
    /// Listening to what a system sends by itself.
    Stream(Box<Stream>),
    /// An event emitted by a flow.
    Event(EventTrigger),
    /// Only by hand (`sinew run`), by the control API, or as a sub-flow. All flows can be started so.
    Manual,
}

/// A request to `/hooks/<path>`.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// The path below `/hooks/`; the flow's name unless said otherwise.
    pub path: Arc<str>,
    /// How the sender is verified.
    pub verify: Verify,
    /// What with: one secret, or several while one replaces another.
    pub secrets: Vec<SecretRef>,
    /// How the sender finds out whether a receiver is there.
    pub challenge: Option<Challenge>,
    /// What the sender knows when it does so.
    pub token: Option<SecretRef>,
    /// Only events of this name start a run; others are answered 200 and left.
    pub event: Option<EventName>,
    /// Gives the event's name.
    pub event_of: Option<Told>,
    /// Where the delivery's id stands, if no expression over the payload gives it.
    pub delivery_id: Option<Source>,
    /// Only payloads for which this is true start a run.
    pub when: Option<Expression>,
    /// Runs with the same key go one at a time, in order of acceptance.
    pub key: Option<Expression>,
    /// Two deliveries with the same key are one.
    pub dedupe: Option<Dedupe>,
    /// How the sender is told of it, if it can be told.
    pub subscribed: Option<Subscribed>,
    /// What the sender is answered.
    pub answer: Answer,
    /// The largest body accepted.
    pub body_max: ByteSize,
}

/// Two deliveries with the same key within the window are one run.
#[derive(Clone, Debug)]
pub struct Dedupe {
    /// The key.
    pub key: Expression,
    /// How long it is remembered.
    pub window: Duration,
}

/// What a webhook's sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 202 as soon as the run is durable.
    Accepted,
    /// The flow's result, if it ends within this time; else 202 with the run's URL.
    Result(Duration),
}

/// A clock.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Five fields (minute first), or six with seconds first.
    pub cron: Arc<str>,
    /// An IANA time zone; `UTC` unless said otherwise.
    pub timezone: Arc<str>,
    /// What becomes of fires that were missed while Sinew was down.
    pub missed: Missed,
}

/// What becomes of missed fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Nothing.
    Skip,
    /// One run for all of them.
    Once,
    /// One run each, oldest first.
    All,
}

/// Asking a system for what is new.
#[derive(Clone, Debug)]
pub struct Poll {
    /// The read that is asked. Its `with` stands over `cursor` (null at first).
    pub call: Call,
    /// How often.
    pub every: Duration,
    /// The cursor to begin with.
    pub start: Json,
    /// Over one item: its place in the sequence (a time, a number). The cursor becomes the greatest seen.
    pub cursor: Expression,
    /// Over one item: an item seen twice (vendors repeat those at the cursor) is one run.
    pub dedupe: Option<Dedupe>,
    /// Over one item: only those for which this is true start a run.
    pub when: Option<Expression>,
    /// Over one item: runs with the same key go one at a time, in order.
    pub key: Option<Expression>,
    /// One run per page (`trigger.items`) instead of one per item.
    pub batch: bool,
}

/// Listening to what a system sends by itself: a feed, a socket, a broker. Expressions stand over a delivery's envelope.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Where it is listened to.
    pub connection: ConnectionName,
    /// What is listened to: the path of a feed or socket, a subject, a queue, a topic.
    pub from: Arc<str>,
    /// How it is listened to.
    pub listened: Listened,
    /// Only deliveries of this name start a run.
    pub event: Option<Arc<str>>,
    /// Over the envelope: only those for which this is true start a run.
    pub when: Option<Expression>,
    /// Over the envelope: runs with the same key go one at a time, in order.
    pub key: Option<Expression>,
    /// Over the envelope: two deliveries with the same key are one run.
    pub dedupe: Option<Dedupe>,
    /// The largest delivery whose data is taken.
    pub delivery_max: ByteSize,
    /// How long nothing at all may come before the connection is taken for dead and made anew.
    pub quiet: Duration,
}

/// How a stream is listened to.
#[derive(Clone, Debug)]
pub enum Listened {
    /// Over HTTP.
    Http {
        /// How deliveries come.
        protocol: StreamProtocol,
        /// Sent once a socket is open: what the system wants to be told before it sends anything.
        open: Option<Json>,
    },
    /// At a broker.
    Broker {
        /// Under which name the broker keeps what was not acknowledged.
        group: Arc<str>,
        /// With what a listener of this name begins that was not there before.
        begin: Begin,
        /// What becomes of what is sent while nobody listens.
        keeps: Keeps,
    },
}

/// With what a new listener begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With what comes from then on.
    New,
    /// With the oldest that is there.
    All,
}

/// How deliveries come over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamProtocol {
    /// Server-Sent Events over HTTP.
    Sse,
    /// A WebSocket.
    WebSocket,
}

/// What becomes of deliveries that were sent while nobody listened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// The system sends again from a position that is kept here.
    Position,
    /// The system keeps what was not acknowledged, and what is durable here is acknowledged.
    Unacknowledged,
    /// Nothing is known of them.
    Nothing,
}

impl Stream {
    /// What becomes of deliveries that were sent while nobody listened.
    pub fn keeps(&self) -> Keeps {
        match &self.listened {
            Listened::Http { protocol: StreamProtocol::Sse, .. } => Keeps::Position,
            Listened::Http { protocol: StreamProtocol::WebSocket, .. } => Keeps::Nothing,
            Listened::Broker { keeps, .. } => *keeps,
        }
    }
}

/// An event emitted by a flow.
#[derive(Clone, Debug)]
pub struct EventTrigger {
    /// Its name.
    pub event: EventName,
    /// Only payloads for which this is true start a run.
    pub when: Option<Expression>,
    /// Runs with the same key go one at a time, in order.
    pub key: Option<Expression>,
    /// Two events with the same key are one run.
    pub dedupe: Option<Dedupe>,
}

impl Trigger {
    /// The word for it: `webhook`, `schedule`, `poll`, `stream`, `event`, `manual`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Schedule(_) => "schedule",
            Self::Poll(_) => "poll",
            Self::Stream(_) => "stream",
            Self::Event(_) => "event",
            Self::Manual => "manual",
        }
    }

    /// The expression for the ordering key.
    pub fn key(&self) -> Option<&Expression> {
        match self {
            Self::Webhook(webhook) => webhook.key.as_ref(),
            Self::Stream(stream) => stream.key.as_ref(),
            Self::Poll(Poll { key, .. }) | Self::Event(EventTrigger { key, .. }) => key.as_ref(),
            Self::Schedule(_) | Self::Manual => None,
        }
    }

    /// The condition on the payload.
    pub fn when(&self) -> Option<&Expression> {
        match self {
            Self::Webhook(webhook) => webhook.when.as_ref(),
            Self::Stream(stream) => stream.when.as_ref(),
            Self::Poll(Poll { when, .. }) | Self::Event(EventTrigger { when, .. }) => when.as_ref(),
            Self::Schedule(_) | Self::Manual => None,
        }
    }

    /// How repeated deliveries are recognised.
    pub fn dedupe(&self) -> Option<&Dedupe> {
        match self {
            Self::Webhook(webhook) => webhook.dedupe.as_ref(),
            Self::Stream(stream) => stream.dedupe.as_ref(),
            Self::Poll(Poll { dedupe, .. }) | Self::Event(EventTrigger { dedupe, .. }) => dedupe.as_ref(),
            Self::Schedule(_) | Self::Manual => None,
        }
    }
}
