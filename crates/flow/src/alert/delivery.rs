//! Sending messages: each channel has a queue of its own, so that one that is down holds up no other.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sinew_call::{Clock, Trust};
use sinew_connect::Tls;
use sinew_diag::codes::trigger;
use sinew_model::{AlertChannel, ChannelName};
use sinew_stdx::{Backoff, Random};
use sinew_vault::SecretSource;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::channel::{self, Outside};
use super::message::Message;

/// Messages that wait for one channel.
const QUEUE_MAX: usize = 256;
/// Attempts at one message.
const ATTEMPTS_MAX: u32 = 5;
/// The waits between them.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(30) };

/// The channels' queues.
pub(crate) struct Delivery {
    outside: Arc<Outside>,
    random: Random,
    queues: BTreeMap<ChannelName, Queue>,
}

struct Queue {
    messages: mpsc::Sender<(Arc<AlertChannel>, Message)>,
    worker: JoinHandle<()>,
}

impl Delivery {
    pub(crate) fn new(
        secrets: Arc<dyn SecretSource>,
        clock: Arc<dyn Clock>,
        trust: Trust,
        seed: u64,
    ) -> Self {
        let outside = Arc::new(Outside { secrets, clock, tls: Tls::new(trust) });
        Self { outside, random: Random::seeded(seed), queues: BTreeMap::new() }
    }

    /// Hands a message to channels; to the log, if there are none.
    pub(crate) fn send(&mut self, channels: Vec<Arc<AlertChannel>>, message: &Message) {
        if channels.is_empty() {
            channel::log(message);
        }
        for channel in channels {
            let name = channel.name.clone();
            let (outside, seed) = (&self.outside, self.random.next_u64());
            let queue =
                self.queues.entry(name.clone()).or_insert_with(|| Queue::new(Arc::clone(outside), seed));
            if queue.messages.try_send((channel, message.clone())).is_err() {
                give_up(&name, message, "too many messages wait for this channel");
            }
        }
    }

    /// Sends what waits, for as long as that may take; the rest goes to the log of who reads `sinew alerts`.
    pub(crate) async fn end(self, patience: Duration) {
        let until = Instant::now() + patience;
        for (name, queue) in self.queues {
            drop(queue.messages);
            let abort = queue.worker.abort_handle();
            if tokio::time::timeout_at(until, queue.worker).await.is_err() {
                abort.abort();
                tracing::warn!(channel = %name, code = %trigger::ALERT_UNDELIVERED, "messages were left unsent");
            }
        }
    }
}

impl Queue {
    fn new(outside: Arc<Outside>, seed: u64) -> Self {
        let (messages, mut given) = mpsc::channel::<(Arc<AlertChannel>, Message)>(QUEUE_MAX);
        let mut random = Random::seeded(seed);
        let worker = tokio::spawn(async move {
            while let Some((channel, message)) = given.recv().await {
                deliver(&outside, &channel, &message, &mut random).await;
            }
        });
        Self { messages, worker }
    }
}

/// Sends one message, trying again what may succeed later. One that does not arrive is in the log instead.
async fn deliver(outside: &Outside, channel: &AlertChannel, message: &Message, random: &mut Random) {
    for attempt in 1..=ATTEMPTS_MAX {
        let Err(undelivered) = channel::send(outside, channel, message).await else { return };
        if undelivered.for_good || attempt == ATTEMPTS_MAX {
            return give_up(&channel.name, message, &undelivered.why);
        }
        tokio::time::sleep(BACKOFF.wait(attempt - 1, random)).await;
    }
}

fn give_up(name: &ChannelName, message: &Message, why: &str) {
    let code = trigger::ALERT_UNDELIVERED;
    tracing::error!(channel = %name, %code, why, alert = %message.text, "an alert did not reach its channel");
}
