use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};

/// Words remembered at most; beyond that they are looked up again.
const REMEMBERED_MAX: usize = 10_000;

/// Flows and versions as numbers, so that rows stay small.
#[derive(Default)]
pub(crate) struct Words {
    known: HashMap<Arc<str>, i64>,
}

impl Words {
    /// The number of a word, which it gets if it has none.
    pub(crate) fn number(&mut self, conn: &Connection, word: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(&number) = self.known.get(word) {
            return Ok(number);
        }
        let number = match find(conn, word)? {
            Some(number) => number,
            None => conn
                .prepare_cached("INSERT INTO words (word) VALUES (?1) RETURNING id")?
                .query_row([word], |r| r.get(0))?,
        };
        if self.known.len() >= REMEMBERED_MAX {
            self.known.clear();
        }
        self.known.insert(Arc::clone(word), number);
        Ok(number)
    }

    /// Forgets what may have been rolled back.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }
}

/// The word that has a number.
pub(crate) fn text(conn: &Connection, number: i64) -> rusqlite::Result<Arc<str>> {
    conn.prepare_cached("SELECT word FROM words WHERE id = ?1")?.query_row([number], |r| r.get(0))
}

/// The number of a word, if it has one.
pub(crate) fn find(conn: &Connection, word: &str) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM words WHERE word = ?1")?.query_row([word], |r| r.get(0)).optional()
}
