//! Events come in and go.

use sinew_stdx::Timestamp;
use sinew_store::NewEvent;

use super::{BLOCKED, PENDING, number};
use crate::tx::{Done, Tx};

/// Rows that go in one transaction: more would hold up acceptance.
const BATCH_MAX: u32 = 500;

/// Accepts an event with its deliveries.
pub(super) fn accept(tx: &Tx<'_>, event: &NewEvent) -> Done<bool> {
    let at = event.at.as_millis();
    let added = tx
        .sql("INSERT OR IGNORE INTO events (message, event, key, at, payload) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((&event.id, &event.event, &event.key, at, &*event.payload))?;
    if added == 0 {
        return Ok(false);
    }
    let id = tx.conn.last_insert_rowid();
    for (name, ordered) in &event.to {
        if let Some(subscriber) = number(tx.conn, name)? {
            let key = event.key.as_deref().filter(|_| *ordered);
            add(tx, subscriber, id, key, event.at)?;
        }
    }
    Ok(true)
}

/// Adds a delivery: at once, or behind those that are open with its key.
pub(super) fn add(
    tx: &Tx<'_>,
    subscriber: i64,
    event: i64,
    key: Option<&str>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let state = match key {
        Some(key) if is_open(tx, subscriber, key)? => BLOCKED,
        _ => PENDING,
    };
    let due = (state == PENDING).then(|| now.as_millis());
    tx.sql("INSERT OR IGNORE INTO deliveries (subscriber, event, key, state, due, since) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute((subscriber, event, key, state, due, now.as_millis()))?;
    Ok(())
}

/// Whether a delivery with this key is to be made.
pub(super) fn is_open(tx: &Tx<'_>, subscriber: i64, key: &str) -> rusqlite::Result<bool> {
    tx.sql("SELECT EXISTS (SELECT 1 FROM deliveries WHERE subscriber = ?1 AND key = ?2 AND key IS NOT NULL AND state < 2)")?
        .query_row((subscriber, key), |r| r.get(0))
}

/// Takes a subscriber out of sight at once, and one batch of its deliveries away.
pub(super) fn remove(tx: &Tx<'_>, name: &str) -> Done<bool> {
    // Its name is free from now on.
    tx.sql("UPDATE subscribers SET removed = 1, name = name || '/' || id WHERE name = ?1 AND removed = 0")?
        .execute([name])?;
    let gone: Vec<i64> = tx
        .sql(
            "DELETE FROM deliveries WHERE id IN (SELECT d.id FROM deliveries d JOIN subscribers s ON s.id = d.subscriber
             WHERE s.removed = 1 LIMIT ?1) RETURNING id",
        )?
        .query_map([BATCH_MAX], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for delivery in &gone {
        tx.sql("DELETE FROM attempts WHERE delivery = ?1")?.execute([delivery])?;
    }
    let done = gone.len() < BATCH_MAX as usize;
    if done {
        tx.sql("DELETE FROM subscribers WHERE removed = 1")?.execute([])?;
    }
    Ok(done)
}

/// Deletes events that are past.
pub(super) fn prune(tx: &Tx<'_>, before: Timestamp, also_waiting: bool, limit: u32) -> Done<u32> {
    let events: Vec<i64> = tx
        .sql(
            "SELECT e.id FROM events e WHERE e.at < ?1
               AND (?2 OR NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.event = e.id AND d.state < 2))
             ORDER BY e.at, e.id LIMIT ?3",
        )?
        .query_map((before.as_millis(), also_waiting, limit.min(BATCH_MAX)), |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for event in &events {
        let gone: Vec<(i64, i64, Option<String>, i64)> = tx
            .sql("DELETE FROM deliveries WHERE event = ?1 RETURNING id, subscriber, key, state")?
            .query_map([event], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for (delivery, subscriber, key, state) in gone {
            tx.sql("DELETE FROM attempts WHERE delivery = ?1")?.execute([delivery])?;
            if let (Some(key), PENDING) = (key, state) {
                super::due::unblock(tx, subscriber, &key, before)?;
            }
        }
        tx.sql("DELETE FROM events WHERE id = ?1")?.execute([event])?;
    }
    Ok(events.len() as u32)
}
