//! Looking at dead letters.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{DeadFilter, DeadId, DeadLetter, DeadStatus, NewDeadLetter, RunId};

use crate::letters::{status_number, status_of};
use crate::list::{IdSpan, PAGE_MAX, id_of};
use crate::merge::newest;
use crate::words;

/// One letter.
pub(crate) fn show(conn: &Connection, id: DeadId) -> rusqlite::Result<Option<DeadLetter>> {
    conn.prepare_cached(
        "SELECT d.run, w.word, d.at, g.status, d.edited, g.step, d.item, g.reason, d.code, d.message, d.payload, d.detail
         FROM dead d JOIN dead_groups g ON g.id = d.grp JOIN words w ON w.id = g.flow WHERE d.id = ?1",
    )?
    .query_row([id.to_bytes()], |r| {
        Ok(DeadLetter {
            run: RunId::from_bytes(r.get(0)?),
            flow: r.get(1)?,
            at: Timestamp::from_millis(r.get(2)?),
            status: status_of(r.get(3)?),
            edited: r.get(4)?,
            letter: NewDeadLetter {
                id,
                step: r.get(5)?,
                item: r.get::<_, Option<i64>>(6)?.map(|item| item as u64),
                reason: r.get(7)?,
                code: r.get(8)?,
                message: r.get(9)?,
                payload: Json::from_printed(r.get::<_, Arc<str>>(10)?),
                detail: Json::from_printed(r.get::<_, Arc<str>>(11)?),
            },
        })
    })
    .optional()
}

/// A page of letters, newest first.
pub(crate) fn list(conn: &Connection, filter: &DeadFilter) -> rusqlite::Result<Vec<DeadLetter>> {
    let groups = groups(conn, filter)?;
    let span = IdSpan::of(conn, filter.since, filter.until, filter.before)?;
    let below = |bound: Option<RunId>| bound.map_or(span.before, |b| b.to_bytes().min(span.before));
    let fetch = |group: &i64, bound, max: usize| match filter.run {
        None => conn
            .prepare_cached(
                "SELECT id FROM dead WHERE grp = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
            )?
            .query_map((group, span.from, below(bound), max as i64), id_of)?
            .collect(),
        Some(run) => conn
            .prepare_cached(
                "SELECT id FROM dead INDEXED BY dead_by_run
                 WHERE run = ?5 AND grp = ?1 AND id >= ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
            )?
            .query_map((group, span.from, below(bound), max as i64, run.to_bytes()), id_of)?
            .collect(),
    };
    let pick = |id| {
        Ok(show(conn, id)?.filter(|letter| {
            filter.since.is_none_or(|at| letter.at >= at) && filter.until.is_none_or(|at| letter.at < at)
        }))
    };
    newest(&groups, None, filter.limit.min(PAGE_MAX) as usize, fetch, pick)
}

/// How many letters match; a page's bounds do not count.
pub(crate) fn count(conn: &Connection, filter: &DeadFilter) -> rusqlite::Result<u64> {
    let groups = groups(conn, filter)?;
    let whole = filter.run.is_none() && filter.since.is_none() && filter.until.is_none();
    let since = filter.since.map_or(i64::MIN, Timestamp::as_millis);
    let until = filter.until.map_or(i64::MAX, Timestamp::as_millis);
    let span = IdSpan::of(conn, filter.since, filter.until, None)?;
    let mut total: i64 = 0;
    for group in groups {
        let n: i64 = if whole {
            conn.prepare_cached("SELECT n FROM dead_groups WHERE id = ?1")?
                .query_row([group], |r| r.get(0))?
        } else if let Some(run) = filter.run {
            conn.prepare_cached(
                "SELECT count(*) FROM dead INDEXED BY dead_by_run WHERE run = ?1 AND grp = ?2 AND at >= ?3 AND at < ?4",
            )?
            .query_row((run.to_bytes(), group, since, until), |r| r.get(0))?
        } else {
            conn.prepare_cached(
                "SELECT count(*) FROM dead INDEXED BY dead_by_group
                 WHERE grp = ?1 AND id >= ?2 AND id < ?3 AND at >= ?4 AND at < ?5",
            )?
            .query_row((group, span.from, span.before, since, until), |r| r.get(0))?
        };
        total += n;
    }
    Ok(total.unsigned_abs())
}

/// The groups that have letters and match.
fn groups(conn: &Connection, filter: &DeadFilter) -> rusqlite::Result<Vec<i64>> {
    let flow = match &filter.flow {
        None => None,
        Some(name) => match words::find(conn, name)? {
            Some(flow) => Some(flow),
            None => return Ok(Vec::new()),
        },
    };
    let status: Option<i64> = filter.status.map(|status: DeadStatus| status_number(status));
    conn.prepare_cached(
        "SELECT id FROM dead_groups WHERE n > 0 AND (?1 IS NULL OR flow = ?1) AND (?2 IS NULL OR step = ?2)
         AND (?3 IS NULL OR reason = ?3) AND (?4 IS NULL OR status = ?4)",
    )?
    .query_map((flow, &filter.step, &filter.reason, status), |r| r.get(0))?
    .collect()
}
