use std::path::PathBuf;

/// How to open a store.
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// The folder that holds the store's files; made if it is not there.
    pub dir: PathBuf,
    /// Threads that read beside the writer.
    pub readers: u32,
    /// Operations that may wait for the writer; whoever hands in more waits at the door.
    pub queue_max: usize,
    /// Operations in one transaction.
    pub batch_max: usize,
    /// Room kept aside on the disk, given up when it is full so that what was accepted can still be finished. It has to
    /// take in what the write-ahead log holds, usually 4 MB.
    pub reserve_bytes: u64,
    /// What the store's file may grow to; `None` for as long as the disk has room.
    pub bytes_max: Option<u64>,
}

impl SqliteOptions {
    /// The usual limits, for the store in this folder.
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            readers: 3,
            queue_max: 16_384,
            batch_max: 2048,
            reserve_bytes: 16 << 20,
            bytes_max: None,
        }
    }
}
