use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::files::{Files, limit_size};
use crate::options::SqliteOptions;

/// How often it is tried whether there is room again.
const TRY_EVERY: Duration = Duration::from_millis(250);
/// The reserve is written in pieces of this size.
const PIECE: usize = 256 << 10;

/// Whether the disk has room. When it is full, the reserve is given up and nothing new is accepted: what was accepted
/// can still be finished. When the reserve can be set aside again, the store accepts again.
pub(crate) struct Space {
    files: Files,
    reserve_bytes: u64,
    bytes_max: Option<u64>,
    tight: bool,
    tried: Option<Instant>,
}

impl Space {
    pub(crate) fn new(files: &Files, options: &SqliteOptions) -> Self {
        let mut space = Self {
            files: files.clone(),
            reserve_bytes: options.reserve_bytes,
            bytes_max: options.bytes_max,
            tight: false,
            tried: None,
        };
        space.tight = !space.set_aside();
        space
    }

    /// Whether nothing new is to be accepted.
    pub(crate) const fn is_tight(&self) -> bool {
        self.tight
    }

    /// Gives up the reserve.
    pub(crate) fn give_up_reserve(&mut self, conn: &Connection) {
        if !self.tight {
            tracing::error!(file = %self.files.db.display(), "the disk is full: nothing new is accepted until there is room");
        }
        self.tight = true;
        self.tried = Some(Instant::now());
        if let Err(error) = std::fs::remove_file(&self.files.reserve)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "the reserve could not be given up");
        }
        self.limit(conn, self.bytes_max.map(|max| max.saturating_add(self.reserve_bytes)));
    }

    /// Tries, every now and then, whether there is room again.
    pub(crate) fn try_recover(&mut self, conn: &Connection) {
        if !self.tight || self.tried.is_some_and(|at| at.elapsed() < TRY_EVERY) {
            return;
        }
        self.tried = Some(Instant::now());
        if self.fits_limit(conn).unwrap_or(false) && self.set_aside() {
            self.limit(conn, self.bytes_max);
            self.tight = false;
            tracing::info!(file = %self.files.db.display(), "there is room on the disk again");
        }
    }

    fn limit(&self, conn: &Connection, bytes_max: Option<u64>) {
        if let Err(error) = limit_size(conn, bytes_max) {
            tracing::warn!(%error, file = %self.files.db.display(), "the limit of the file's size could not be changed");
        }
    }

    /// Whether a sixteenth of the permitted size is unused.
    fn fits_limit(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let Some(max) = self.bytes_max else { return Ok(true) };
        let number = |name: &str| conn.pragma_query_value(None, name, |r| r.get::<_, i64>(0));
        let used = (number("page_count")? - number("freelist_count")?) * number("page_size")?;
        Ok(used.unsigned_abs() <= max - max / 16)
    }

    /// Writes the reserve, so that the room is really taken. False if there is none.
    fn set_aside(&self) -> bool {
        if std::fs::metadata(&self.files.reserve).is_ok_and(|file| file.len() == self.reserve_bytes) {
            return true;
        }
        let written = self.write_reserve();
        if written.is_err() {
            let _ = std::fs::remove_file(&self.files.reserve);
        }
        written.is_ok()
    }

    fn write_reserve(&self) -> std::io::Result<()> {
        let mut file = File::create(&self.files.reserve)?;
        // Not zeros: a file system that compresses would take no room for them.
        let mut random = sinew_stdx::Random::seeded(self.reserve_bytes);
        let mut piece: Vec<u8> =
            std::iter::repeat_with(|| random.next_u64().to_le_bytes()).take(PIECE / 8).flatten().collect();
        let mut left = self.reserve_bytes;
        while left > 0 {
            piece.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            file.write_all(&piece)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }
}
