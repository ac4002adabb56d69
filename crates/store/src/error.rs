use std::path::PathBuf;
use std::sync::Arc;

/// Why the store could not do it. Nothing of the refused work is durable.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// No room on the disk.
    #[error("the disk that holds {0} is full")]
    Full(PathBuf),
    /// Another process holds the store.
    #[error("{0} is in use by another process")]
    Locked(PathBuf),
    /// A later Sinew has changed the store's schema.
    #[error("{path} has schema version {found}, this program knows {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest version known here.
        known: u32,
    },
    /// Not a store, or damaged.
    #[error("{path} is not a readable store: {message}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the backend says.
        message: Arc<str>,
    },
    /// Another node has taken over: this one's epoch is past.
    #[error("this node's epoch {0} is past; another has taken over")]
    Fenced(u64),
    /// The run's journal is not where the writer thought: a bug, or two writers.
    #[error("run {run}: entry {given} was written where {expected} was due")]
    OutOfSequence {
        /// The run.
        run: crate::RunId,
        /// The next sequence number in the store.
        expected: u32,
        /// The one given.
        given: u32,
    },
    /// The run is not this node's to write to: it is queued, resting or ended.
    #[error("run {0} is not running here; it has to be claimed before it is written to")]
    NotClaimed(crate::RunId),
    /// There is no such thing.
    #[error("{0} does not exist")]
    Missing(Arc<str>),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// Anything else the backend says.
    #[error("the store failed: {0}")]
    Failed(Arc<str>),
}
