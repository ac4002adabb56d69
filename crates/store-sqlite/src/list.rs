//! Looking at runs: pages, one line, counts by flow.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row};
use sinew_stdx::Timestamp;
use sinew_store::{FlowCounts, RunFilter, RunId, RunProgress, RunStatus, RunSummary};

use crate::letters::status_number;
use crate::merge::newest;
use crate::state::State;
use crate::tx::{place, seq_of};
use crate::words;

/// Lines in a page, whatever is asked for.
pub(crate) const PAGE_MAX: u32 = 1000;

/// The ids of what happened in a span of time, as bounds: at or after, and before.
pub(crate) struct IdSpan {
    pub(crate) from: [u8; 16],
    pub(crate) before: [u8; 16],
}

impl IdSpan {
    /// Ids tell their time, give or take the skew that the store has ever seen.
    pub(crate) fn of(
        conn: &Connection,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        before: Option<RunId>,
    ) -> rusqlite::Result<Self> {
        let skew: i64 = conn.prepare_cached("SELECT skew_ms FROM node")?.query_row([], |r| r.get(0))?;
        let lowest = |ms: i64| (u128::from(ms.clamp(0, (1 << 48) - 1).unsigned_abs()) << 80).to_be_bytes();
        let from = since.map_or([0; 16], |at| lowest(at.as_millis().saturating_sub(skew)));
        let until =
            until.map_or([0xFF; 16], |at| lowest(at.as_millis().saturating_add(skew).saturating_add(1)));
        let before = before.map_or([0xFF; 16], RunId::to_bytes);
        Ok(Self { from, before: until.min(before) })
    }
}

const LINE: &str = "SELECT r.id, f.word, v.word, r.state, r.accepted_at, r.ended_at, r.key, r.reason, r.step, r.due, r.parent, r.trace
     FROM runs r JOIN words f ON f.id = r.flow JOIN words v ON v.id = r.version";

fn line(row: &Row<'_>) -> rusqlite::Result<RunSummary> {
    let at = |column| row.get::<_, Option<i64>>(column).map(|ms| ms.map(Timestamp::from_millis));
    Ok(RunSummary {
        run: RunId::from_bytes(row.get(0)?),
        flow: row.get(1)?,
        version: row.get(2)?,
        status: row.get::<_, State>(3)?.status(),
        accepted_at: Timestamp::from_millis(row.get(4)?),
        ended_at: at(5)?,
        ordering_key: row.get(6)?,
        reason: row.get(7)?,
        step: row.get(8)?,
        due: at(9)?,
        parent: row.get::<_, Option<[u8; 16]>>(10)?.map(RunId::from_bytes),
        trace_id: u128::from_be_bytes(row.get(11)?),
    })
}

/// One run's line.
pub(crate) fn run(conn: &Connection, run: RunId) -> rusqlite::Result<Option<RunSummary>> {
    conn.prepare_cached(&format!("{LINE} WHERE r.id = ?1"))?.query_row([run.to_bytes()], line).optional()
}

/// How far one run has come: its last entry is found without reading any.
pub(crate) fn progress(conn: &Connection, run: RunId) -> rusqlite::Result<Option<RunProgress>> {
    let found = conn
        .prepare_cached("SELECT n, state FROM runs WHERE id = ?1")?
        .query_row([run.to_bytes()], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, State>(1)?)))
        .optional()?;
    let Some((n, state)) = found else { return Ok(None) };
    let last: Option<i64> = conn
        .prepare_cached("SELECT max(place) FROM journal WHERE place >= ?1 AND place < ?2")?
        .query_row((place(n, 0), place(n + 1, 0)), |r| r.get(0))?;
    Ok(Some(RunProgress { status: state.status(), entries: last.map_or(0, |last| seq_of(last) + 1) }))
}

/// The line of the run that holds the ordering key for which this one waits.
pub(crate) fn run_ahead(conn: &Connection, run: RunId) -> rusqlite::Result<Option<RunSummary>> {
    let ahead = conn
        .prepare_cached(
            "SELECT (SELECT k.run FROM keyed k WHERE k.flow = r.flow AND k.key = r.key ORDER BY k.n LIMIT 1)
             FROM runs r WHERE r.id = ?1 AND r.state = ?2",
        )?
        .query_row((run.to_bytes(), State::Blocked), |r| r.get::<_, Option<[u8; 16]>>(0))
        .optional()?;
    match ahead.flatten().map(RunId::from_bytes) {
        Some(ahead) if ahead != run => self::run(conn, ahead),
        _ => Ok(None),
    }
}

/// A page of runs, newest first.
pub(crate) fn runs(conn: &Connection, filter: &RunFilter) -> rusqlite::Result<Vec<RunSummary>> {
    let limit = filter.limit.min(PAGE_MAX) as usize;
    let span = IdSpan::of(conn, filter.since, filter.until, filter.before)?;
    let accepted_within = |line: &RunSummary| {
        filter.since.is_none_or(|at| line.accepted_at >= at)
            && filter.until.is_none_or(|at| line.accepted_at < at)
    };
    let pick = |id| Ok(run(conn, id)?.filter(accepted_within));
    let below = |bound: Option<RunId>| bound.map_or(span.before, |b| b.to_bytes().min(span.before));
    if filter.flow.is_none() && filter.statuses.is_empty() && filter.ordering_key.is_none() {
        let fetch = |(): &(), bound, max: usize| {
            conn.prepare_cached("SELECT id FROM runs WHERE id >= ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3")?
                .query_map((span.from, below(bound), max as i64), id_of)?
                .collect()
        };
        return newest(&[()], None, limit, fetch, pick);
    }
    let groups = groups(conn, filter)?;
    let fetch = |&(flow, state): &(i64, State), bound, max: usize| {
        match &filter.ordering_key {
        None => conn
            .prepare_cached(
                "SELECT id FROM runs WHERE flow = ?1 AND state = ?2 AND id >= ?3 AND id < ?4 ORDER BY id DESC LIMIT ?5",
            )?
            .query_map((flow, state, span.from, below(bound), max as i64), id_of)?
            .collect(),
        Some(key) => conn
            .prepare_cached(
                "SELECT id FROM runs WHERE key = ?6 AND flow = ?1 AND state = ?2 AND id >= ?3 AND id < ?4
                 ORDER BY id DESC LIMIT ?5",
            )?
            .query_map((flow, state, span.from, below(bound), max as i64, key), id_of)?
            .collect(),
    }
    };
    newest(&groups, None, limit, fetch, pick)
}

pub(crate) fn id_of(row: &Row<'_>) -> rusqlite::Result<RunId> {
    row.get(0).map(RunId::from_bytes)
}

/// The flows and states that have runs and match.
fn groups(conn: &Connection, filter: &RunFilter) -> rusqlite::Result<Vec<(i64, State)>> {
    let flow = match &filter.flow {
        None => None,
        Some(name) => match words::find(conn, name)? {
            Some(flow) => Some(flow),
            None => return Ok(Vec::new()),
        },
    };
    let mut select =
        conn.prepare_cached("SELECT flow, state FROM run_counts WHERE n > 0 AND (?1 IS NULL OR flow = ?1)")?;
    let rows = select.query_map([flow], |r| Ok((r.get(0)?, r.get::<_, State>(1)?)))?;
    rows.filter(|row| {
        row.as_ref().map_or(true, |(_, state)| {
            filter.statuses.is_empty() || filter.statuses.contains(&state.status())
        })
    })
    .collect()
}

/// Counts by flow, in the order of their names.
pub(crate) fn flow_counts(conn: &Connection) -> rusqlite::Result<Vec<FlowCounts>> {
    let mut flows: BTreeMap<i64, FlowCounts> = BTreeMap::new();
    let mut select = conn.prepare_cached(
        "SELECT f.flow, w.word, f.last_accepted_at FROM flows f JOIN words w ON w.id = f.flow",
    )?;
    for row in select.query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))? {
        let (number, flow, last): (i64, Arc<str>, i64) = row?;
        let last_accepted_at = Some(Timestamp::from_millis(last));
        flows.insert(number, FlowCounts { flow, last_accepted_at, ..FlowCounts::default() });
    }
    let mut select =
        conn.prepare_cached("SELECT flow, state, n FROM run_counts WHERE n > 0 AND state <= ?1")?;
    for row in select.query_map([State::Waiting], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))? {
        let (number, state, n): (i64, State, i64) = row?;
        let Some(counts) = flows.get_mut(&number) else { continue };
        match state.status() {
            RunStatus::Queued => counts.queued += n.unsigned_abs(),
            RunStatus::Running => counts.running += n.unsigned_abs(),
            RunStatus::Waiting => counts.waiting += n.unsigned_abs(),
            _ => {}
        }
    }
    let mut select =
        conn.prepare_cached("SELECT flow, sum(n) FROM dead_groups WHERE status = ?1 GROUP BY flow")?;
    for row in
        select.query_map([status_number(sinew_store::DeadStatus::Open)], |r| Ok((r.get(0)?, r.get(1)?)))?
    {
        let (number, n): (i64, i64) = row?;
        if let Some(counts) = flows.get_mut(&number) {
            counts.dead = n.unsigned_abs();
        }
    }
    let mut counts: Vec<FlowCounts> = flows.into_values().collect();
    counts.sort_unstable_by(|a, b| a.flow.cmp(&b.flow));
    Ok(counts)
}
