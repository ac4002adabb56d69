//! Delivering past events again.

use std::collections::BTreeSet;

use rusqlite::OptionalExtension;
use sinew_store::{Replay, Replayed, event_matches};

use super::{BLOCKED, PENDING, accept, due, number};
use crate::tx::{Done, Tx};

/// Events looked at in one transaction: more would hold up acceptance.
const BATCH_MAX: u32 = 500;

/// Takes up one batch of past events.
pub(super) fn replay(tx: &Tx<'_>, replay: &Replay) -> Done<Replayed> {
    let Some(subscriber) = number(tx.conn, &replay.subscriber)? else {
        return Ok(Replayed { count: 0, next: None });
    };
    let limit = replay.limit.clamp(1, BATCH_MAX);
    let events: Vec<(i64, String, Option<String>)> = tx
        .sql("SELECT id, event, key FROM events WHERE id > ?1 AND at >= ?2 AND at < ?3 ORDER BY id LIMIT ?4")?
        .query_map((replay.after, replay.from.as_millis(), replay.until.as_millis(), limit), |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let next = events.last().map(|(id, ..)| *id).filter(|_| events.len() == limit as usize);
    let (mut count, mut keys) = (0, BTreeSet::new());
    for (event, name, key) in events {
        if !replay.events.iter().any(|pattern| event_matches(pattern, &name)) {
            continue;
        }
        let key = key.filter(|_| replay.ordered);
        let stand: Option<(i64, i64)> = tx
            .sql("SELECT id, state FROM deliveries WHERE event = ?1 AND subscriber = ?2")?
            .query_row((event, subscriber), |r| Ok((r.get(0)?, r.get(1)?)))
            .optional()?;
        match stand {
            // It is to be made anyway.
            Some((_, PENDING | BLOCKED)) => continue,
            Some((id, _)) => take_up(tx, id, key.as_deref(), replay)?,
            None => accept::add(tx, subscriber, event, key.as_deref(), replay.now)?,
        }
        keys.extend(key);
        count += 1;
    }
    for key in keys {
        due::unblock(tx, subscriber, &key, replay.now)?;
    }
    Ok(Replayed { count, next })
}

/// A delivery that was over is to be made again; one with a key when its turn comes.
fn take_up(tx: &Tx<'_>, id: i64, key: Option<&str>, replay: &Replay) -> rusqlite::Result<()> {
    let now = replay.now.as_millis();
    let (state, due) = if key.is_some() { (BLOCKED, None) } else { (PENDING, Some(now)) };
    tx.sql("UPDATE deliveries SET state = ?2, due = ?3, since = ?4, attempts = 0, key = ?5 WHERE id = ?1")?
        .execute((id, state, due, now, key))?;
    Ok(())
}
