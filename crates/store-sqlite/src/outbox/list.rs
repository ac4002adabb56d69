//! Looking at subscribers and deliveries.

use std::sync::Arc;

use rusqlite::{Connection, Row};
use sinew_stdx::Timestamp;
use sinew_store::{
    Attempt, DeliveryCounts, DeliveryFilter, DeliveryId, DeliveryRow, DeliveryStatus, SubscriberRow,
};

use super::{BLOCKED, DELIVERED, GIVEN_UP, PENDING, number};
use crate::list::PAGE_MAX;

/// All subscribers.
pub(super) fn subscribers(conn: &Connection) -> rusqlite::Result<Vec<SubscriberRow>> {
    conn.prepare_cached("SELECT name, record FROM subscribers WHERE removed = 0 ORDER BY name")?
        .query_map([], |r| Ok(SubscriberRow { name: r.get(0)?, record: r.get(1)? }))?
        .collect()
}

/// A page of deliveries.
pub(super) fn deliveries(conn: &Connection, filter: &DeliveryFilter) -> rusqlite::Result<Vec<DeliveryRow>> {
    let Some(subscriber) = number(conn, &filter.subscriber)? else { return Ok(Vec::new()) };
    let before = filter.before.map_or(i64::MAX, |before| before.0);
    let state = filter.status.map(|status| match status {
        DeliveryStatus::Pending => PENDING,
        DeliveryStatus::Blocked => BLOCKED,
        DeliveryStatus::Delivered => DELIVERED,
        DeliveryStatus::GivenUp => GIVEN_UP,
    });
    let which = if state.is_some() { "AND d.state = ?4" } else { "AND ?4 IS NULL" };
    conn.prepare_cached(&format!(
        "SELECT d.id, e.message, e.event, e.key, e.at, d.state, d.attempts, d.due, a.at, a.took_ms, a.status, a.excerpt
         FROM deliveries d JOIN events e ON e.id = d.event
         LEFT JOIN attempts a ON a.delivery = d.id AND a.n = d.tries - 1
         WHERE d.subscriber = ?1 AND d.id < ?2 {which} ORDER BY d.id DESC LIMIT ?3"
    ))?
    .query_map((subscriber, before, filter.limit.min(PAGE_MAX), state), delivery)?
    .collect()
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<DeliveryRow> {
    let state: i64 = row.get(5)?;
    let last_at: Option<i64> = row.get(8)?;
    Ok(DeliveryRow {
        delivery: DeliveryId(row.get(0)?),
        id: row.get(1)?,
        event: row.get(2)?,
        key: row.get(3)?,
        at: Timestamp::from_millis(row.get(4)?),
        status: match state {
            PENDING => DeliveryStatus::Pending,
            BLOCKED => DeliveryStatus::Blocked,
            DELIVERED => DeliveryStatus::Delivered,
            _ => DeliveryStatus::GivenUp,
        },
        attempts: row.get(6)?,
        due: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
        last: match last_at {
            Some(_) => Some(attempt(row, 8)?),
            None => None,
        },
    })
}

/// The columns of an attempt, from this one on.
fn attempt(row: &Row<'_>, from: usize) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        at: Timestamp::from_millis(row.get(from)?),
        took_ms: row.get::<_, i64>(from + 1)?.unsigned_abs(),
        status: row.get(from + 2)?,
        excerpt: row.get::<_, Arc<str>>(from + 3)?,
    })
}

/// The attempts at a delivery.
pub(super) fn attempts(conn: &Connection, delivery: DeliveryId) -> rusqlite::Result<Vec<Attempt>> {
    conn.prepare_cached("SELECT at, took_ms, status, excerpt FROM attempts WHERE delivery = ?1 ORDER BY n")?
        .query_map([delivery.0], |r| attempt(r, 0))?
        .collect()
}

/// Deliveries by where they stand.
pub(super) fn counts(conn: &Connection, subscriber: &str) -> rusqlite::Result<DeliveryCounts> {
    let mut counts = DeliveryCounts::default();
    let Some(subscriber) = number(conn, subscriber)? else { return Ok(counts) };
    let mut all =
        conn.prepare_cached("SELECT state, count(*) FROM deliveries WHERE subscriber = ?1 GROUP BY state")?;
    let rows = all.query_map([subscriber], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?)))?;
    for row in rows {
        let (state, n) = row?;
        let n = n.unsigned_abs();
        match state {
            PENDING | BLOCKED => counts.waiting += n,
            DELIVERED => counts.delivered += n,
            _ => counts.given_up += n,
        }
    }
    Ok(counts)
}
