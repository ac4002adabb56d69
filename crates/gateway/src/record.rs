//! What happened: a record of each request.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, SystemTime};

use sinew_gateway_core::http1::Method;

use crate::table::Table;

/// How many bytes of a path are recorded.
pub(crate) const PATH_MAX: usize = 96;
/// How many records a batch holds.
const BATCH: usize = 256;

/// A request, and what became of it.
#[derive(Clone, Debug)]
pub struct AccessRecord {
    /// When it had come.
    pub at: SystemTime,
    /// The route's number in the table; `None` if there was none.
    pub route: Option<u32>,
    /// The consumer's number in the table; `None` for anybody.
    pub consumer: Option<u32>,
    /// The first bytes of the hash of the key that it was known by.
    pub key: Option<[u8; 4]>,
    /// Its method.
    pub method: Method,
    /// The beginning of its path.
    pub path: PathText,
    /// Where it came from.
    pub peer: IpAddr,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// What decided the answer.
    pub verdict: Verdict,
    /// The number of the server that answered, in its pool.
    pub endpoint: Option<u16>,
    /// How often it was sent to a server.
    pub attempts: u8,
    /// From the head's last byte to the answer's last.
    pub took: Duration,
    /// How much of it the upstream took until its answer began.
    pub upstream_took: Option<Duration>,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer, its head included.
    pub bytes_out: u64,
    /// The trace: the correlation id.
    pub trace_id: u128,
}

/// What decided an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What the route leads to.
    Passed,
    /// The gateway, for this reason.
    Refused(sinew_diag::Code),
    /// The caller, who went away.
    Abandoned,
}

/// The beginning of a path.
#[derive(Clone, Copy)]
pub struct PathText {
    bytes: [u8; PATH_MAX],
    length: u8,
}

impl PathText {
    pub(crate) fn new(path: &[u8]) -> Self {
        let length = path.len().min(PATH_MAX);
        let mut bytes = [0; PATH_MAX];
        bytes[..length].copy_from_slice(&path[..length]);
        Self { bytes, length: length as u8 }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl std::fmt::Debug for PathText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Records of one worker under one table.
#[derive(Debug)]
pub struct Batch {
    /// The table whose numbers the records hold.
    pub table: Arc<Table>,
    /// The records, in the order in which the requests ended.
    pub records: Vec<AccessRecord>,
}

/// Whoever keeps records. It is called by a thread of its own.
pub trait AccessSink: Send {
    /// Takes a batch.
    fn take(&mut self, batch: Batch);
}

/// A worker's way to whoever keeps records.
pub(crate) struct Recorder {
    to: SyncSender<Batch>,
    batch: Vec<AccessRecord>,
    lost: Arc<AtomicU64>,
}

impl Recorder {
    pub(crate) fn new(to: SyncSender<Batch>, lost: Arc<AtomicU64>) -> Self {
        Self { to, batch: Vec::with_capacity(BATCH), lost }
    }

    /// Keeps a record; a full batch goes on.
    pub(crate) fn put(&mut self, record: AccessRecord, table: &Arc<Table>) {
        self.batch.push(record);
        if self.batch.len() >= BATCH {
            self.send(table);
        }
    }

    /// Lets what there is go on. If nobody takes it, it is lost, and counted.
    pub(crate) fn send(&mut self, table: &Arc<Table>) {
        if self.batch.is_empty() {
            return;
        }
        let records = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        let sent = self.to.try_send(Batch { table: Arc::clone(table), records });
        if let Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) = sent {
            self.lost.fetch_add(batch.records.len() as u64, Ordering::Relaxed);
        }
    }
}
