//! Events for subscribers: the log, the deliveries, and the attempts at them.

mod accept;
mod due;
mod list;
mod replay;

use std::sync::Arc;

use rusqlite::OptionalExtension;
use sinew_stdx::Timestamp;
use sinew_store::{
    Attempt, DeliveryCounts, DeliveryFilter, DeliveryId, DeliveryRow, DueDelivery, NewEvent, Outbox, Pending,
    Replay, Replayed, Settled, SubscriberRow,
};

use crate::store::SqliteStore;
use crate::tx::{Done, Tx};
use crate::writer::Kind;

/// States of a delivery, as they stand in the file: 0 to be made, 1 behind another with its key, 2 made, 3 given up. A
/// replay gives a delivery a new `since` and counts its attempts anew.
pub(crate) const SCHEMA: &str = "
CREATE TABLE subscribers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL, removed INTEGER NOT NULL DEFAULT 0);

CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    key TEXT,
    at INTEGER NOT NULL,
    payload BLOB NOT NULL
);
CREATE INDEX events_at ON events (at, id);

CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber INTEGER NOT NULL,
    event INTEGER NOT NULL,
    key TEXT,
    state INTEGER NOT NULL,
    due INTEGER,
    since INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    UNIQUE (event, subscriber)
);
CREATE INDEX deliveries_due ON deliveries (subscriber, due, id) WHERE state = 0;
CREATE INDEX deliveries_keyed ON deliveries (subscriber, key, id) WHERE key IS NOT NULL AND state < 2;
CREATE INDEX deliveries_by_state ON deliveries (subscriber, state, id);

CREATE TABLE attempts (
    delivery INTEGER NOT NULL,
    n INTEGER NOT NULL,
    at INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    status INTEGER,
    excerpt TEXT NOT NULL,
    PRIMARY KEY (delivery, n)
) WITHOUT ROWID;
";

pub(crate) const PENDING: i64 = 0;
pub(crate) const BLOCKED: i64 = 1;
pub(crate) const DELIVERED: i64 = 2;
pub(crate) const GIVEN_UP: i64 = 3;

/// The number of a subscriber that was not removed.
fn number(conn: &rusqlite::Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM subscribers WHERE name = ?1 AND removed = 0")?
        .query_row([name], |r| r.get(0))
        .optional()
}

/// Keeps a subscriber. One that is just being removed under this name goes on going, under another.
fn save(tx: &Tx<'_>, row: &SubscriberRow) -> Done<()> {
    tx.sql("INSERT INTO subscribers (name, record) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET record = excluded.record")?
        .execute((&row.name, &row.record))?;
    Ok(())
}

impl Outbox for SqliteStore {
    fn subscriber_save(&self, subscriber: SubscriberRow) -> Pending<()> {
        self.carry_on(move |tx| save(tx, &subscriber))
    }

    fn subscriber_remove(&self, name: Arc<str>) -> Pending<bool> {
        self.carry_on(move |tx| accept::remove(tx, &name))
    }

    fn subscribers(&self) -> Pending<Vec<SubscriberRow>> {
        self.read(list::subscribers)
    }

    fn event_accept(&self, event: NewEvent) -> Pending<bool> {
        self.write(Kind::Accepts, event.payload.len(), move |tx| accept::accept(tx, &event))
    }

    fn deliveries_due(&self, subscriber: Arc<str>, now: Timestamp, limit: u32) -> Pending<Vec<DueDelivery>> {
        self.read(move |conn| due::due(conn, &subscriber, now, limit))
    }

    fn delivery_next_due(&self, subscriber: Arc<str>) -> Pending<Option<Timestamp>> {
        self.read(move |conn| due::next(conn, &subscriber))
    }

    fn delivery_settle(&self, settled: Settled) -> Pending<()> {
        self.carry_on(move |tx| due::settle(tx, &settled))
    }

    fn deliveries(&self, filter: DeliveryFilter) -> Pending<Vec<DeliveryRow>> {
        self.read(move |conn| list::deliveries(conn, &filter))
    }

    fn delivery_attempts(&self, delivery: DeliveryId) -> Pending<Vec<Attempt>> {
        self.read(move |conn| list::attempts(conn, delivery))
    }

    fn delivery_counts(&self, subscriber: Arc<str>) -> Pending<DeliveryCounts> {
        self.read(move |conn| list::counts(conn, &subscriber))
    }

    fn deliveries_replay(&self, replay: Replay) -> Pending<Replayed> {
        self.carry_on(move |tx| replay::replay(tx, &replay))
    }

    fn events_prune(&self, before: Timestamp, also_waiting: bool, limit: u32) -> Pending<u32> {
        self.carry_on(move |tx| accept::prune(tx, before, also_waiting, limit))
    }
}
