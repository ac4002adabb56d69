//! Writing more of a run.

use sinew_store::{Phase, RunWrite, StoreError, WaitFor, Written};

use crate::letters;
use crate::memory::Running;
use crate::state::State;
use crate::tx::{Done, ENTRIES_MAX, Tx, place, seq_of};

/// Writes entries and what comes with them, and moves the run on.
pub(crate) fn advance(tx: &mut Tx<'_>, write: &RunWrite) -> Done<Written> {
    let running = check(tx, write)?;
    tx.append(running.n, write.first_seq, &write.entries)?;
    tx.keep_blobs(running.n, &write.blobs)?;
    for (path, data) in &write.checkpoints {
        tx.sql("INSERT INTO checkpoints VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET data = excluded.data")?
            .execute((running.n, path, data))?;
    }
    letters::add(tx, write, running.flow)?;
    for (letter, status) in &write.settles {
        letters::settle(tx, *letter, *status)?;
    }
    match &write.phase {
        Phase::Running => {
            tx.mem.remember(write.run, running);
            Ok(Written::default())
        }
        Phase::Waiting(wait) => rest(tx, write, &running, wait),
        Phase::Ended { .. } => end(tx, write, &running),
    }
}

/// Everything that can be refused is refused here, before anything is written.
fn check(tx: &Tx<'_>, write: &RunWrite) -> Done<Running> {
    let mut running = match tx.mem.running(&write.run) {
        Some(running) => running.clone(),
        None => look_up(tx, write)?,
    };
    let count = write.entries.len();
    if count > 0 && write.first_seq != running.next_seq {
        let (expected, given) = (running.next_seq, write.first_seq);
        return Err(StoreError::OutOfSequence { run: write.run, expected, given }.into());
    }
    let next = u32::try_from(count).ok().and_then(|c| running.next_seq.checked_add(c));
    running.next_seq = next.filter(|&next| next <= ENTRIES_MAX).ok_or_else(|| {
        StoreError::Failed(
            format!("run {} would have more than {ENTRIES_MAX} journal entries", write.run).into(),
        )
    })?;
    if let Phase::Ended { status, .. } = &write.phase
        && State::ended(*status).is_none()
    {
        let message = format!("run {} cannot end as `{}`", write.run, status.as_str());
        return Err(StoreError::Failed(message.into()).into());
    }
    letters::check(tx, write)?;
    Ok(running)
}

fn look_up(tx: &Tx<'_>, write: &RunWrite) -> Done<Running> {
    let Some(stand) = tx.stand(write.run)? else {
        return Err(StoreError::Missing(format!("run {}", write.run).into()).into());
    };
    if stand.state != State::Running {
        return Err(StoreError::NotClaimed(write.run).into());
    }
    let last: Option<i64> = tx
        .sql("SELECT max(place) FROM journal WHERE place >= ?1 AND place < ?2")?
        .query_row((place(stand.n, 0), place(stand.n + 1, 0)), |r| r.get(0))?;
    let next_seq = last.map_or(0, |last| seq_of(last) + 1);
    Ok(Running { n: stand.n, flow: stand.flow, key: stand.key, next_seq })
}

fn rest(tx: &mut Tx<'_>, write: &RunWrite, running: &Running, wait: &WaitFor) -> Done<Written> {
    let id = write.run.to_bytes();
    tx.sql("UPDATE runs SET state = ?2, due = ?3, reason = ?4 WHERE id = ?1")?.execute((
        id,
        State::Waiting,
        wait.due.map(sinew_stdx::Timestamp::as_millis),
        &wait.what,
    ))?;
    for (event, key) in &wait.events {
        tx.sql("INSERT OR IGNORE INTO waits VALUES (?1, ?2, ?3)")?.execute((
            event,
            wait_key(key.as_deref()),
            id,
        ))?;
    }
    tx.mem.count(running.flow, Some(State::Running), Some(State::Waiting));
    tx.mem.forget(&write.run);
    Ok(Written::default())
}

/// How a wait's key is kept: no key is not the same as an empty one.
pub(crate) fn wait_key(key: Option<&str>) -> String {
    key.map_or_else(String::new, |key| format!("={key}"))
}

fn end(tx: &mut Tx<'_>, write: &RunWrite, running: &Running) -> Done<Written> {
    let Phase::Ended { status, holds_key, reason, step } = &write.phase else {
        return Ok(Written::default());
    };
    let Some(state) = State::ended(*status) else { return Ok(Written::default()) };
    let (id, at) = (write.run.to_bytes(), write.at.as_millis());
    if write.dead.is_empty() {
        tx.sql("UPDATE runs SET state = ?2, ended_at = ?3, reason = ?4, step = ?5 WHERE id = ?1")?
            .execute((id, state, at, reason, step))?;
    } else {
        tx.sql("UPDATE runs SET state = ?2, ended_at = ?3, reason = ?4, step = ?5, open_dead = open_dead + ?6 WHERE id = ?1")?
            .execute((id, state, at, reason, step, write.dead.len() as i64))?;
    }
    tx.mem.count(running.flow, Some(State::Running), Some(state));
    tx.mem.forget(&write.run);
    let unblocked = match &running.key {
        Some(key) if !holds_key => tx.key_leave(running.flow, key, running.n)?,
        _ => None,
    };
    Ok(Written { unblocked })
}
