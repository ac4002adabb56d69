//! Work that gave up: adding it, editing it, settling it.

use rusqlite::OptionalExtension;
use sinew_stdx::Json;
use sinew_store::{DeadId, DeadStatus, Phase, RunWrite, StoreError};

use crate::tx::{Done, Tx};

/// A dead letter's status as it is in the file.
pub(crate) const fn status_number(status: DeadStatus) -> i64 {
    match status {
        DeadStatus::Open => 0,
        DeadStatus::Replayed => 1,
        DeadStatus::Discarded => 2,
    }
}

/// The status whose number this is.
pub(crate) const fn status_of(number: i64) -> DeadStatus {
    match number {
        0 => DeadStatus::Open,
        1 => DeadStatus::Replayed,
        _ => DeadStatus::Discarded,
    }
}

/// Refuses letters whose id is taken.
pub(crate) fn check(tx: &Tx<'_>, write: &RunWrite) -> Done<()> {
    for (at, letter) in write.dead.iter().enumerate() {
        let known = tx.sql("SELECT 1 FROM dead WHERE id = ?1")?.exists([letter.id.to_bytes()])?;
        if known || write.dead[..at].iter().any(|other| other.id == letter.id) {
            return Err(StoreError::Failed(format!("dead letter {} exists already", letter.id).into()).into());
        }
    }
    Ok(())
}

/// Adds the letters that come with a write.
pub(crate) fn add(tx: &mut Tx<'_>, write: &RunWrite, flow: i64) -> Done<()> {
    for letter in &write.dead {
        let group = group(tx, flow, &letter.step, &letter.reason, DeadStatus::Open)?;
        tx.sql(
            "INSERT INTO dead (id, grp, run, at, item, code, message, payload, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute((
            letter.id.to_bytes(),
            group,
            write.run.to_bytes(),
            write.at.as_millis(),
            letter.item.map(|item| item as i64),
            &letter.code,
            &letter.message,
            letter.payload.as_str(),
            letter.detail.as_str(),
        ))?;
        tx.note_skew(letter.id, write.at)?;
    }
    if !write.dead.is_empty() && !matches!(write.phase, Phase::Ended { .. }) {
        tx.sql("UPDATE runs SET open_dead = open_dead + ?2 WHERE id = ?1")?
            .execute((write.run.to_bytes(), write.dead.len() as i64))?;
    }
    Ok(())
}

/// The group that a letter belongs to, which has one more from now on. Groups are few: lists and counts go by them.
fn group(tx: &Tx<'_>, flow: i64, step: &str, reason: &str, status: DeadStatus) -> rusqlite::Result<i64> {
    tx.sql(
        "INSERT INTO dead_groups (flow, step, reason, status, n) VALUES (?1, ?2, ?3, ?4, 1)
         ON CONFLICT DO UPDATE SET n = n + 1 RETURNING id",
    )?
    .query_row((flow, step, reason, status_number(status)), |r| r.get(0))
}

/// Replaces the payload of an open letter.
pub(crate) fn edit(tx: &Tx<'_>, id: DeadId, payload: &Json) -> Done<bool> {
    let changed = tx
        .sql(
            "UPDATE dead SET payload = ?2, edited = 1
             WHERE id = ?1 AND (SELECT status FROM dead_groups WHERE dead_groups.id = grp) = 0",
        )?
        .execute((id.to_bytes(), payload.as_str()))?;
    Ok(changed == 1)
}

/// Moves an open letter to another state.
pub(crate) fn settle(tx: &Tx<'_>, id: DeadId, status: DeadStatus) -> Done<bool> {
    let found: Option<(i64, [u8; 16], i64, String, String, i64)> = tx
        .sql(
            "SELECT dead.grp, dead.run, g.flow, g.step, g.reason, g.status
             FROM dead JOIN dead_groups g ON g.id = dead.grp WHERE dead.id = ?1",
        )?
        .query_row([id.to_bytes()], |r| {
            Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?))
        })
        .optional()?;
    let Some((from, run, flow, step, reason, was)) = found else { return Ok(false) };
    if status_of(was) != DeadStatus::Open || status == DeadStatus::Open {
        return Ok(false);
    }
    let to = group(tx, flow, &step, &reason, status)?;
    tx.sql("UPDATE dead_groups SET n = n - 1 WHERE id = ?1")?.execute([from])?;
    tx.sql("UPDATE dead SET grp = ?2 WHERE id = ?1")?.execute((id.to_bytes(), to))?;
    tx.sql("UPDATE runs SET open_dead = open_dead - 1 WHERE id = ?1 AND open_dead > 0")?.execute([run])?;
    Ok(true)
}
