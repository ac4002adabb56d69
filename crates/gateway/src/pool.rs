//! A worker's connections to the servers of a pool.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sinew_model::Balance;
use tokio::net::TcpStream;

use crate::guard::Guard;
use crate::stream::Stream;
use crate::table::{PoolEntry, ServerEntry};

/// How long a server's addresses are believed.
const ADDRESSES_FRESH: Duration = Duration::from_secs(30);
/// The longest that a server is left alone at once.
const ABSENCE_MAX_MS: u64 = 300_000;

/// A pool, as one worker has it.
pub(crate) struct LocalPool {
    pub(crate) entry: Arc<PoolEntry>,
    servers: Vec<LocalServer>,
    turn: Cell<usize>,
}

#[derive(Default)]
struct LocalServer {
    /// Unused connections, the one used last at the end.
    idle: RefCell<Vec<(Stream, Instant)>>,
    open: Cell<u32>,
    busy: Cell<u32>,
}

impl LocalServer {
    /// The connection that was used last, of those that the server has not closed meanwhile, as far as one knows.
    fn unused(&self) -> Option<Stream> {
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let (mut stream, _) = self.idle.borrow_mut().pop()?;
            // Nothing is to be read of a server that was asked for nothing, but the end.
            if stream.poll_readable(&mut cx).is_pending() {
                return Some(stream);
            }
            self.open.set(self.open.get() - 1);
        }
    }
}

/// A connection to a server, while a request has it.
pub(crate) struct Lent {
    pub(crate) stream: Stream,
    /// Others had it before: the server may have closed it meanwhile.
    pub(crate) reused: bool,
    pub(crate) server: usize,
    pool: Rc<LocalPool>,
}

impl LocalPool {
    pub(crate) fn new(entry: Arc<PoolEntry>) -> Self {
        let servers = entry.servers.iter().map(|_| LocalServer::default()).collect();
        Self { entry, servers, turn: Cell::new(0) }
    }

    /// Which server takes a request. `tried` are those that failed at it.
    pub(crate) fn pick(
        &self,
        tried: &[usize],
        hash: impl FnOnce() -> u64,
        chance: u64,
        now_ms: u64,
    ) -> Option<usize> {
        let fits = |server: &usize| {
            !tried.contains(server)
                && self.entry.servers[*server].wellness.absent_until_ms.load(Ordering::Relaxed) <= now_ms
                && (self.servers[*server].open.get() < self.entry.upstream.connections_max.get()
                    || !self.servers[*server].idle.borrow().is_empty())
        };
        let turns = &self.entry.turns;
        let from =
            |start: usize| (0..turns.len()).map(move |step| usize::from(turns[(start + step) % turns.len()]));
        match &self.entry.upstream.balance {
            _ if turns.is_empty() => None,
            Balance::RoundRobin => {
                let turn = self.turn.get();
                self.turn.set((turn + 1) % turns.len());
                from(turn).find(fits)
            }
            Balance::LeastRequest => {
                let (one, two) = (chance as usize % turns.len(), (chance >> 32) as usize % turns.len());
                let busy = |server: &usize| self.servers[*server].busy.get();
                let pair = [from(one).find(fits), from(two).find(fits)];
                pair.into_iter().flatten().min_by_key(busy)
            }
            // The server with the highest weight for this value (rendezvous hashing): when one goes, only its share moves.
            Balance::Hash(_) => {
                let value = hash();
                let weight = |server: &usize| mix(value ^ mix(*server as u64 + 1));
                (0..self.servers.len()).filter(fits).max_by_key(weight)
            }
        }
    }

    /// A connection to this server: one that is unused, or a new one.
    pub(crate) async fn lend(self: &Rc<Self>, server: usize, guard: &Guard) -> io::Result<Lent> {
        let local = &self.servers[server];
        let unused = local.unused();
        let lent = |stream, reused| {
            local.busy.set(local.busy.get() + 1);
            Lent { stream, reused, server, pool: Rc::clone(self) }
        };
        if let Some(stream) = unused {
            return Ok(lent(stream, true));
        }
        local.open.set(local.open.get() + 1);
        match connect(&self.entry.servers[server], guard).await {
            Ok(stream) => Ok(lent(stream, false)),
            Err(error) => {
                local.open.set(local.open.get() - 1);
                Err(error)
            }
        }
    }

    /// Closes connections that were not used for long.
    pub(crate) fn close_idle(&self, now: Instant) {
        for local in &self.servers {
            let mut idle = local.idle.borrow_mut();
            let before = idle.len();
            idle.retain(|(_, since)| now.duration_since(*since) < self.entry.upstream.idle);
            local.open.set(local.open.get() - (before - idle.len()) as u32);
        }
    }

    /// Notes how a server did, and leaves it alone for a while if that was bad too often.
    pub(crate) fn note(&self, server: usize, well: bool, now_ms: u64) {
        let wellness = &self.entry.servers[server].wellness;
        if well {
            if wellness.failures.load(Ordering::Relaxed) != 0 {
                wellness.failures.store(0, Ordering::Relaxed);
                wellness.absences.store(0, Ordering::Relaxed);
            }
            return;
        }
        let rules = self.entry.upstream.outliers;
        let failures = wellness.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if failures < rules.after.get() {
            return;
        }
        let all = &self.entry.servers;
        let absent = |entry: &&ServerEntry| entry.wellness.absent_until_ms.load(Ordering::Relaxed) > now_ms;
        if (all.iter().filter(absent).count() + 1) * 100 > all.len() * rules.share_max_percent as usize {
            return;
        }
        let times = u64::from(wellness.absences.fetch_add(1, Ordering::Relaxed) + 1);
        let span_ms = (rules.for_span.as_millis() as u64).saturating_mul(times).min(ABSENCE_MAX_MS);
        wellness.absent_until_ms.store(now_ms + span_ms, Ordering::Relaxed);
        wellness.failures.store(0, Ordering::Relaxed);
        let (upstream, authority) = (&self.entry.upstream.name, &all[server].authority);
        tracing::warn!(%upstream, server = %authority, span_ms, "a server fails and is left alone for a while");
    }
}

impl Lent {
    /// Puts it back: its last answer was read to its end.
    pub(crate) fn keep(self) {
        let Self { stream, server, pool, .. } = self;
        let local = &pool.servers[server];
        local.busy.set(local.busy.get() - 1);
        local.idle.borrow_mut().push((stream, Instant::now()));
    }

    /// Closes it.
    pub(crate) fn close(self) {
        let local = &self.pool.servers[self.server];
        local.busy.set(local.busy.get() - 1);
        local.open.set(local.open.get() - 1);
    }
}

async fn connect(server: &ServerEntry, guard: &Guard) -> io::Result<Stream> {
    let mut dialling = std::pin::pin!(dial(server));
    poll_fn(|cx| match guard.poll(cx) {
        Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        Poll::Pending => dialling.as_mut().poll(cx),
    })
    .await
}

async fn dial(server: &ServerEntry) -> io::Result<Stream> {
    let addresses = addresses(server).await?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    for address in addresses.iter() {
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(Stream::Plain(tcp));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Where a server is. Names are looked up again from time to time; if that fails, what was known is believed on.
async fn addresses(server: &ServerEntry) -> io::Result<Arc<[SocketAddr]>> {
    if let Ok(address) = server.host.parse::<IpAddr>() {
        return Ok(Arc::from([SocketAddr::new(address, server.port)]));
    }
    let known = {
        let known = server.addresses.lock();
        if known.since.is_some_and(|since| since.elapsed() < ADDRESSES_FRESH) {
            return Ok(Arc::clone(&known.all));
        }
        Arc::clone(&known.all)
    };
    match tokio::net::lookup_host((&*server.host, server.port)).await {
        Ok(found) => {
            let all: Arc<[SocketAddr]> = found.collect();
            let mut known = server.addresses.lock();
            (known.all, known.since) = (Arc::clone(&all), Some(Instant::now()));
            Ok(all)
        }
        Err(_) if !known.is_empty() => Ok(known),
        Err(error) => Err(error),
    }
}

/// SplitMix64's finish (Steele et al. 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
