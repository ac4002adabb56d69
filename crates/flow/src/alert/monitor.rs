//! The handle: what runs and calls tell, without ever waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sinew_call::{CallRecord, CallRecorder, Clock, Trust};
use sinew_model::{Failure, Flow, Reason};
use sinew_stdx::{Timestamp, show_duration};
use sinew_store::{DeadId, RunId, RunStatus, Store};
use sinew_vault::SecretSource;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::delivery::Delivery;
use super::desk::Desk;
use super::pulse::Pulses;
use super::signal::Signal;
use crate::{Engine, Observer};

/// Signals that wait for the desk; more are dropped, and counted.
const SIGNALS_MAX: usize = 8192;
/// Orders that wait for the desk.
const ORDERS_MAX: usize = 8;
/// Signals taken before what has changed is kept.
const BATCH_MAX: usize = 512;
/// How often the desk judges what was counted.
const TICK: Duration = Duration::from_secs(1);
/// How long messages that wait are sent at the end.
const LAST_MESSAGES: Duration = Duration::from_secs(5);

/// What a monitor is made of.
pub struct MonitorOptions {
    /// Where alerts are kept, so that a restart neither forgets nor repeats them.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Where the secrets of channels are.
    pub secrets: Arc<dyn SecretSource>,
    /// Which certificate authorities channels may have theirs from.
    pub trust: Trust,
    /// What jitter starts from.
    pub seed: u64,
}

/// Watches runs and calls, and tells people what needs them.
pub struct Monitor {
    clock: Arc<dyn Clock>,
    pulses: Arc<Pulses>,
    signals: mpsc::Sender<Signal>,
    dropped: Arc<AtomicU64>,
    orders: mpsc::Sender<Order>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What the owner of the monitor asks for.
enum Order {
    Attach(Box<Engine>),
    Follow,
    Stop(oneshot::Sender<()>),
}

impl Monitor {
    /// Starts to watch. It has to be there before the caller and the engine, which take it as recorder and observer;
    /// [`Monitor::attach`] then tells it of the engine. Has to be called inside an async runtime.
    pub fn start(options: MonitorOptions) -> Arc<Self> {
        let (signals, queue) = mpsc::channel(SIGNALS_MAX);
        let (orders, given) = mpsc::channel(ORDERS_MAX);
        let (pulses, dropped) = (Arc::<Pulses>::default(), Arc::<AtomicU64>::default());
        let clock = Arc::clone(&options.clock);
        let work = Work { queue, orders: given, dropped: Arc::clone(&dropped), clock: Arc::clone(&clock) };
        let task = tokio::spawn(work.run(options, Arc::clone(&pulses)));
        Arc::new(Self { clock, pulses, signals, dropped, orders, task: Mutex::new(Some(task)) })
    }

    /// Watches the flows of this engine too, whether or not anything happens in them.
    pub fn attach(&self, engine: Engine) {
        if self.orders.try_send(Order::Attach(Box::new(engine))).is_err() {
            tracing::error!(
                "the monitor has ended, or has not got to its first orders: no alerts come from this engine"
            );
        }
    }

    /// Follows the snapshot that the engine has now.
    pub fn reload(&self) {
        // When as many orders wait, one of them is to follow, and it follows what is in force by then.
        let _ = self.orders.try_send(Order::Follow);
    }

    /// Ends, after what is open was kept and what waits was sent.
    pub async fn stop(&self) {
        let (sender, ended) = oneshot::channel();
        let _ = self.orders.send(Order::Stop(sender)).await;
        let _ = ended.await;
        let task = self.task.lock().take();
        if let Some(Err(error)) = match task {
            Some(task) => Some(task.await),
            None => None,
        } {
            tracing::error!(%error, "the monitor did not end by itself");
        }
    }

    /// A poll or a stream has failed several times in a row.
    pub(crate) fn intake_failed(&self, flow: &Flow, failure: &Failure, at: Timestamp) {
        let (flow, by) = (flow.name.shared(), flow.trigger.kind());
        self.signal(Signal::IntakeFailed { flow, by, failure: failure.clone(), at });
    }

    /// One that failed succeeds again.
    pub(crate) fn intake_recovered(&self, flow: &Flow, at: Timestamp) {
        self.signal(Signal::IntakeRecovered { flow: flow.name.shared(), by: flow.trigger.kind(), at });
    }

    /// A system cannot be told of a flow's webhook.
    pub(crate) fn subscription_failed(&self, flow: &str, failure: &Failure, at: Timestamp) {
        self.signal(Signal::SubscriptionFailed { flow: flow.into(), failure: failure.clone(), at });
    }

    /// A system knows of a flow's webhook again.
    pub(crate) fn subscription_recovered(&self, flow: &str, at: Timestamp) {
        self.signal(Signal::SubscriptionRecovered { flow: flow.into(), at });
    }

    /// Deliveries to a subscriber fail, or were given up.
    pub(crate) fn delivery_failed(&self, subscriber: &str, message: &str, at: Timestamp) {
        self.signal(Signal::DeliveryFailed { subscriber: subscriber.into(), message: message.into(), at });
    }

    /// A subscriber takes deliveries again, or is asked to.
    pub(crate) fn delivery_recovered(&self, subscriber: &str, at: Timestamp) {
        self.signal(Signal::DeliveryRecovered { subscriber: subscriber.into(), at });
    }

    fn signal(&self, signal: Signal) {
        if self.signals.try_send(signal).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Observer for Monitor {
    fn accepted(&self, flow: &Flow, run: RunId, at: Timestamp) {
        let pulse = self.pulses.of(flow.name.as_str());
        pulse.accepted(at);
        if flow.limits.time_budget.is_some() {
            pulse.watch(run, at);
        }
    }

    fn ended(&self, flow: &Flow, run: RunId, status: RunStatus, took: Duration, at: Timestamp) {
        let pulse = self.pulses.of(flow.name.as_str());
        pulse.ended(matches!(status, RunStatus::Dead | RunStatus::Undone));
        let Some(budget) = flow.limits.time_budget else { return };
        if pulse.leave(run) && took > budget {
            let message = format!(
                "run {run} took {}; it should take {} at most",
                show_duration(took),
                show_duration(budget)
            );
            self.signal(Signal::OverBudget { flow: flow.name.shared(), message: message.into(), at });
        }
    }

    fn dead_letter(
        &self,
        flow: &Flow,
        _run: RunId,
        _letter: DeadId,
        step: &str,
        failure: &Failure,
        at: Timestamp,
    ) {
        let flow = flow.name.shared();
        self.signal(Signal::DeadLetter { flow, step: step.into(), failure: failure.clone(), at });
    }

    fn letter_settled(&self, flow: &str, _letter: DeadId, _at: Timestamp) {
        self.signal(Signal::LetterSettled { flow: flow.into() });
    }
}

impl CallRecorder for Monitor {
    fn record(&self, record: CallRecord) {
        match record {
            CallRecord::Attempted(attempt) => {
                if let Some(failure) = attempt.failure.filter(|failure| failure.reason == Reason::Drift) {
                    let operation = format!("{}.{}", attempt.connection, attempt.operation).into();
                    self.signal(Signal::Drifted { operation, failure, at: self.clock.now() });
                }
            }
            CallRecord::TokenAsked(_) => {}
            CallRecord::BreakerOpened { connection, at, failure, .. } => {
                self.signal(Signal::BreakerOpened { connection, failure, at });
            }
            CallRecord::BreakerClosed { connection, at } => {
                self.signal(Signal::BreakerClosed { connection, at });
            }
            CallRecord::CredentialFailed { connection, at, failure } => {
                self.signal(Signal::CredentialFailed { connection, failure, at });
            }
            CallRecord::CredentialRecovered { connection, at } => {
                self.signal(Signal::CredentialRecovered { connection, at });
            }
        }
    }
}

/// The monitor's task.
struct Work {
    queue: mpsc::Receiver<Signal>,
    orders: mpsc::Receiver<Order>,
    dropped: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

impl Work {
    async fn run(mut self, options: MonitorOptions, pulses: Arc<Pulses>) {
        let MonitorOptions { store, clock, secrets, trust, seed } = options;
        let delivery = Delivery::new(secrets, Arc::clone(&clock), trust, seed);
        let mut desk = Desk::open(store, pulses, delivery, clock.now()).await;
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                // Orders first: what happens after `attach` is judged by the project that was attached.
                biased;
                order = self.orders.recv() => match order {
                    Some(Order::Attach(engine)) => desk.attach(*engine, self.clock.now()).await,
                    Some(Order::Follow) => desk.follow(self.clock.now()),
                    Some(Order::Stop(ended)) => {
                        self.take_rest(&mut desk);
                        desk.end(LAST_MESSAGES).await;
                        let _ = ended.send(());
                        return;
                    }
                    None => return desk.end(LAST_MESSAGES).await,
                },
                _ = ticks.tick(), if desk.is_attached() => {
                    let dropped = self.dropped.swap(0, Ordering::Relaxed);
                    if dropped > 0 {
                        tracing::warn!(dropped, "more happened than alerts could take note of");
                    }
                    desk.tick(self.clock.now()).await;
                }
                // Until the project is known nobody knows whom to tell: what happens waits.
                _ = self.queue.recv_many(&mut batch, BATCH_MAX), if desk.is_attached() && !self.queue.is_closed() => {
                    batch.drain(..).for_each(|signal| desk.take(signal));
                    desk.save().await;
                }
            }
        }
    }

    fn take_rest(&mut self, desk: &mut Desk) {
        while let Ok(signal) = self.queue.try_recv() {
            desk.take(signal);
        }
    }
}
