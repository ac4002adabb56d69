//! A worker: one thread with its own listener, pools and buffers. Nothing of it is shared but what has to be.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sinew_gateway_core::http1::{HeadLimits, RequestHead, ResponseHead};
use sinew_stdx::Random;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::client;
use crate::guard::{Guards, LOOK_EVERY};
use crate::heads::Date;
use crate::pool::LocalPool;
use crate::record::Recorder;
use crate::stream::{Buffer, Stream};
use crate::table::Table;

/// How many kits are kept.
const KITS_MAX: usize = 256;
/// Bytes that a kit's buffers begin with.
const INPUT: usize = 16 * 1024;
const OUTPUT: usize = 16 * 1024;
const UPSTREAM: usize = 64 * 1024;
/// Buffers that have grown beyond that are not kept.
const KEPT_MAX: usize = 128 * 1024;
/// How often idle connections to servers are looked at, in looks of the guards.
const LOOKS_A_SECOND: u32 = 50;
/// How long a worker waits after it could not accept a connection: usually there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What workers are told, the last word only.
#[derive(Clone)]
pub(crate) struct Orders {
    /// What to go by.
    pub(crate) table: Arc<Table>,
    /// No more connections; those that are there end after the request that they are at.
    pub(crate) close: bool,
}

/// A table, with the worker's own pools of it.
pub(crate) struct View {
    pub(crate) table: Arc<Table>,
    pub(crate) pools: Vec<Rc<LocalPool>>,
}

/// What a request needs while it is under way, lent by the worker.
pub(crate) struct Kit {
    pub(crate) input: Buffer,
    pub(crate) out: Vec<u8>,
    pub(crate) upstream: Buffer,
    /// A path in its normal form, where that is another.
    pub(crate) normal: Vec<u8>,
    /// The target as it goes on.
    pub(crate) target: Vec<u8>,
    pub(crate) request: RequestHead,
    pub(crate) response: ResponseHead,
}

impl Kit {
    fn new() -> Self {
        Self {
            input: Buffer::new(Vec::with_capacity(INPUT)),
            out: Vec::with_capacity(OUTPUT),
            upstream: Buffer::new(Vec::with_capacity(UPSTREAM)),
            normal: Vec::new(),
            target: Vec::new(),
            request: RequestHead::default(),
            response: ResponseHead::default(),
        }
    }

    fn is_modest(&self) -> bool {
        self.input.capacity() <= KEPT_MAX
            && self.out.capacity() <= KEPT_MAX
            && self.upstream.capacity() <= KEPT_MAX
    }

    fn clean(&mut self) {
        self.input.clear();
        self.upstream.clear();
        self.out.clear();
        self.request.clear();
        self.response.clear();
    }
}

/// One worker.
pub(crate) struct Worker {
    view: RefCell<Rc<View>>,
    #[expect(clippy::vec_box, reason = "kits are lent, and a box moves more easily than what is in it")]
    kits: RefCell<Vec<Box<Kit>>>,
    pub(crate) guards: Guards,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) random: RefCell<Random>,
    pub(crate) date: RefCell<Date>,
    pub(crate) limits: HeadLimits,
    /// When the process's time began.
    pub(crate) begun: Instant,
    pub(crate) is_closing: Cell<bool>,
    pub(crate) connections: Cell<usize>,
}

impl Worker {
    pub(crate) fn new(table: Arc<Table>, recorder: Recorder, begun: Instant, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            view: RefCell::new(Rc::new(View::new(table, None))),
            kits: RefCell::default(),
            guards: Guards::default(),
            recorder: RefCell::new(recorder),
            random: RefCell::new(Random::seeded(seed)),
            date: RefCell::default(),
            limits: HeadLimits::default(),
            begun,
            is_closing: Cell::new(false),
            connections: Cell::new(0),
        })
    }

    /// What is there at this moment.
    pub(crate) fn view(&self) -> Rc<View> {
        Rc::clone(&self.view.borrow())
    }

    pub(crate) fn lend(&self) -> Box<Kit> {
        self.kits.borrow_mut().pop().unwrap_or_else(|| Box::new(Kit::new()))
    }

    pub(crate) fn take_back(&self, mut kit: Box<Kit>) {
        let mut kits = self.kits.borrow_mut();
        if kits.len() < KITS_MAX && kit.is_modest() {
            kit.clean();
            kits.push(kit);
        }
    }

    pub(crate) fn chance(&self) -> u64 {
        self.random.borrow_mut().next_u64()
    }

    pub(crate) fn ms(&self, now: Instant) -> u64 {
        now.duration_since(self.begun).as_millis() as u64
    }

    fn go(&self, table: Arc<Table>) {
        if Arc::ptr_eq(&table, &self.view.borrow().table) {
            return;
        }
        let mut recorder = self.recorder.borrow_mut();
        let mut view = self.view.borrow_mut();
        recorder.send(&view.table);
        *view = Rc::new(View::new(table, Some(&view)));
    }
}

impl View {
    /// Pools that are still the same are kept, with their connections.
    fn new(table: Arc<Table>, earlier: Option<&Self>) -> Self {
        let pools = table.pools.iter().map(|entry| {
            let same =
                earlier.and_then(|view| view.pools.iter().find(|pool| Arc::ptr_eq(&pool.entry, entry)));
            same.map_or_else(|| Rc::new(LocalPool::new(Arc::clone(entry))), Rc::clone)
        });
        Self { pools: pools.collect(), table }
    }
}

/// Works until it is told to close, and everything under way has ended or `grace` is over.
pub(crate) async fn work(
    worker: Rc<Worker>,
    listener: TcpListener,
    mut orders: watch::Receiver<Orders>,
    grace: Duration,
) {
    let local = LocalSet::new();
    let working = async {
        spawn_local(look(Rc::clone(&worker)));
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((tcp, peer)) => {
                        if tcp.set_nodelay(true).is_ok() {
                            spawn_local(client::serve(Rc::clone(&worker), Stream::Plain(tcp), peer));
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                told = orders.changed() => {
                    let Orders { table, close } = orders.borrow_and_update().clone();
                    worker.go(table);
                    if close || told.is_err() {
                        break;
                    }
                }
            }
        }
        drop(listener);
        worker.is_closing.set(true);
        worker.guards.end_idle();
        let until = Instant::now() + grace;
        while worker.connections.get() > 0 && Instant::now() < until {
            sleep(LOOK_EVERY).await;
        }
        worker.recorder.borrow_mut().send(&worker.view().table);
    };
    local.run_until(working).await;
}

/// Looks after what is late, unused or waits to be recorded.
async fn look(worker: Rc<Worker>) {
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = 0_u32;
    loop {
        ticks.tick().await;
        let now = Instant::now();
        worker.guards.look(now);
        looks = looks.wrapping_add(1);
        if looks.is_multiple_of(LOOKS_A_SECOND / 5) {
            worker.recorder.borrow_mut().send(&worker.view().table);
        }
        if looks.is_multiple_of(LOOKS_A_SECOND) {
            worker.view().pools.iter().for_each(|pool| pool.close_idle(now));
        }
    }
}
