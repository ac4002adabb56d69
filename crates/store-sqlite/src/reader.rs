use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use rusqlite::Connection;
use sinew_store::{Reply, StoreError};

use crate::fault::store_error;
use crate::files::open_reader;
use crate::queue::Queue;

/// A question to the store, with where its answer goes.
pub(crate) type Question = Box<dyn FnOnce(&Connection, &Path) + Send>;

/// The queue to the readers.
pub(crate) type Questions = Queue<Question>;

/// A question from what it reads. All of it is read as of one instant.
pub(crate) fn question<T: Send + 'static>(
    reply: Reply<T>,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Question {
    Box::new(move |conn, db| {
        let answer = conn.unchecked_transaction().and_then(|tx| {
            let answer = read(&tx)?;
            tx.commit()?;
            Ok(answer)
        });
        reply.give(answer.map_err(|e| store_error(&e, db)));
    })
}

/// A thread that reads until the queue is closed and empty. A question that panics is not answered; the next one is.
pub(crate) fn run(db: &Path, questions: &Questions) -> Result<(), StoreError> {
    let mut conn = open_reader(db)?;
    while let Some(question) = questions.take_one() {
        if catch_unwind(AssertUnwindSafe(|| question(&conn, db))).is_err() {
            tracing::error!("a question to the store panicked");
            conn = open_reader(db)?;
        }
    }
    Ok(())
}
