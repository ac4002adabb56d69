//! What is to be delivered now, and what came of it.

use rusqlite::{Connection, OptionalExtension};
use sinew_stdx::Timestamp;
use sinew_store::{ATTEMPTS_KEPT, DeliveryId, DueDelivery, Settled, Then};

use super::{BLOCKED, DELIVERED, GIVEN_UP, PENDING, number};
use crate::tx::{Done, Tx};

/// Deliveries given out in one go.
const GIVEN_MAX: u32 = 256;

/// Deliveries that are due, with what is to be sent.
pub(super) fn due(
    conn: &Connection,
    subscriber: &str,
    now: Timestamp,
    limit: u32,
) -> rusqlite::Result<Vec<DueDelivery>> {
    let Some(subscriber) = number(conn, subscriber)? else { return Ok(Vec::new()) };
    conn.prepare_cached(
        "SELECT d.id, e.message, e.event, e.at, e.payload, d.attempts, d.since
         FROM deliveries d JOIN events e ON e.id = d.event
         WHERE d.subscriber = ?1 AND d.state = 0 AND d.due <= ?2 ORDER BY d.due, d.id LIMIT ?3",
    )?
    .query_map((subscriber, now.as_millis(), limit.min(GIVEN_MAX)), |r| {
        Ok(DueDelivery {
            delivery: DeliveryId(r.get(0)?),
            id: r.get(1)?,
            event: r.get(2)?,
            at: Timestamp::from_millis(r.get(3)?),
            payload: r.get::<_, Vec<u8>>(4)?.into(),
            attempts: r.get(5)?,
            since: Timestamp::from_millis(r.get(6)?),
        })
    })?
    .collect()
}

/// When the next one is due.
pub(super) fn next(conn: &Connection, subscriber: &str) -> rusqlite::Result<Option<Timestamp>> {
    let Some(subscriber) = number(conn, subscriber)? else { return Ok(None) };
    conn.prepare_cached(
        "SELECT due FROM deliveries WHERE subscriber = ?1 AND state = 0 ORDER BY due, id LIMIT 1",
    )?
    .query_row([subscriber], |r| r.get(0).map(Timestamp::from_millis))
    .optional()
}

/// Notes an attempt and what follows.
pub(super) fn settle(tx: &Tx<'_>, settled: &Settled) -> Done<()> {
    let id = settled.delivery.0;
    let stand: Option<(i64, Option<String>, u32)> = tx
        .sql("SELECT subscriber, key, tries FROM deliveries WHERE id = ?1 AND state = 0")?
        .query_row([id], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let Some((subscriber, key, tries)) = stand else { return Ok(()) };
    let (state, due) = match settled.then {
        Then::Delivered => (DELIVERED, None),
        Then::GivenUp => (GIVEN_UP, None),
        Then::Again(at) => (PENDING, Some(at.as_millis())),
    };
    tx.sql("UPDATE deliveries SET state = ?2, due = ?3, attempts = attempts + 1, tries = tries + 1 WHERE id = ?1")?
        .execute((id, state, due))?;
    let attempt = &settled.attempt;
    let took_ms = i64::try_from(attempt.took_ms).unwrap_or(i64::MAX);
    tx.sql("INSERT OR REPLACE INTO attempts VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
        id,
        tries,
        attempt.at.as_millis(),
        took_ms,
        attempt.status,
        &attempt.excerpt,
    ))?;
    if let Some(oldest) = tries.checked_sub(ATTEMPTS_KEPT) {
        tx.sql("DELETE FROM attempts WHERE delivery = ?1 AND n <= ?2")?.execute((id, oldest))?;
    }
    if let (Some(key), false) = (key, state == PENDING) {
        unblock(tx, subscriber, &key, attempt.at)?;
    }
    Ok(())
}

/// The next delivery with a key is to be made, if none is.
pub(super) fn unblock(tx: &Tx<'_>, subscriber: i64, key: &str, now: Timestamp) -> rusqlite::Result<()> {
    let head: Option<(i64, i64)> = tx
        .sql(
            "SELECT id, state FROM deliveries WHERE subscriber = ?1 AND key = ?2 AND key IS NOT NULL AND state < 2
             ORDER BY id LIMIT 1",
        )?
        .query_row((subscriber, key), |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    if let Some((head, BLOCKED)) = head {
        tx.sql("UPDATE deliveries SET state = 0, due = ?2 WHERE id = ?1")?
            .execute((head, now.as_millis()))?;
    }
    Ok(())
}
