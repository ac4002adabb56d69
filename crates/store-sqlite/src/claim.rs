//! Taking runs: from the backlog, when their time has come, for an event, or one by its id.

use std::sync::Arc;

use sinew_stdx::Timestamp;
use sinew_store::RunId;

use crate::advance::wait_key;
use crate::state::State;
use crate::tx::{Done, Stand, Tx};
use crate::words;

/// Takes runs from the backlog, lane by lane.
pub(crate) fn queued(tx: &mut Tx<'_>, limit: u32, full: &[Arc<str>]) -> Done<Vec<RunId>> {
    let mut shut = Vec::with_capacity(full.len());
    for flow in full {
        shut.extend(words::find(tx.conn, flow)?);
    }
    let mut claimed = Vec::new();
    for (turn, lane) in State::LANES.into_iter().enumerate() {
        let room = (limit as usize).saturating_sub(claimed.len());
        if room > 0 {
            from_lane(tx, lane, turn, room, &shut, &mut claimed)?;
        }
    }
    Ok(claimed)
}

/// Flows take turns, starting behind the one that was served last; in each the oldest goes first.
fn from_lane(
    tx: &mut Tx<'_>,
    lane: State,
    turn: usize,
    room: usize,
    shut: &[i64],
    claimed: &mut Vec<RunId>,
) -> Done<()> {
    let mut flows: Vec<(i64, u64)> = tx
        .mem
        .tallies
        .iter()
        .map(|(&flow, tally)| (flow, tally.of(lane)))
        .filter(|(flow, waiting)| *waiting > 0 && !shut.contains(flow))
        .collect();
    let last = tx.mem.turns[turn];
    let start = flows.partition_point(|&(flow, _)| flow <= last);
    flows.rotate_left(start);

    let mut shares: Vec<std::vec::IntoIter<RunId>> = Vec::with_capacity(flows.len());
    for (flow, share) in shares_of(&flows, room) {
        shares.push(oldest(tx, flow, lane, share)?.into_iter());
    }
    let mut left = room;
    while left > 0 {
        let mut given = 0;
        for (share, &(flow, _)) in shares.iter_mut().zip(&flows) {
            if given == left {
                break;
            }
            let Some(run) = share.next() else { continue };
            tx.take(run, flow, lane)?;
            claimed.push(run);
            tx.mem.turns[turn] = flow;
            given += 1;
        }
        if given == 0 {
            break;
        }
        left -= given;
    }
    Ok(())
}

/// How many each flow gives when they take turns, for `room` in all.
fn shares_of(flows: &[(i64, u64)], room: usize) -> Vec<(i64, u64)> {
    let mut shares: Vec<(i64, u64)> = flows.iter().map(|&(flow, _)| (flow, 0)).collect();
    let mut left = room as u64;
    while left > 0 {
        let open: Vec<usize> = (0..flows.len()).filter(|&i| shares[i].1 < flows[i].1).collect();
        let Some(least) = open.iter().map(|&i| flows[i].1 - shares[i].1).min() else { break };
        let rounds = least.min(left / open.len() as u64);
        if rounds == 0 {
            for &i in open.iter().take(left as usize) {
                shares[i].1 += 1;
            }
            break;
        }
        for &i in &open {
            shares[i].1 += rounds;
        }
        left -= rounds * open.len() as u64;
    }
    shares
}

fn oldest(tx: &Tx<'_>, flow: i64, lane: State, share: u64) -> rusqlite::Result<Vec<RunId>> {
    if share == 0 {
        return Ok(Vec::new());
    }
    tx.sql("SELECT id FROM runs WHERE flow = ?1 AND state = ?2 ORDER BY id LIMIT ?3")?
        .query_map((flow, lane, share as i64), |r| r.get(0).map(RunId::from_bytes))?
        .collect()
}

/// Takes resting runs that are due.
pub(crate) fn due(tx: &mut Tx<'_>, now: Timestamp, limit: u32) -> Done<Vec<RunId>> {
    let found: Vec<(RunId, i64)> = tx
        .sql("SELECT id, flow FROM runs WHERE due IS NOT NULL AND due <= ?1 ORDER BY due, id LIMIT ?2")?
        .query_map((now.as_millis(), limit), |r| Ok((RunId::from_bytes(r.get(0)?), r.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    take_resting(tx, &found)
}

/// Takes resting runs that wait for an event: with this key, or with any. The oldest go first.
pub(crate) fn event(tx: &mut Tx<'_>, event: &str, key: Option<&str>, limit: u32) -> Done<Vec<RunId>> {
    let mut keys = vec![wait_key(None)];
    keys.extend(key.map(|key| wait_key(Some(key))));
    let mut found: Vec<(RunId, i64)> = Vec::new();
    for key in keys {
        let mut select = tx.sql(
            "SELECT w.run, r.flow FROM waits w JOIN runs r ON r.id = w.run
             WHERE w.event = ?1 AND w.key = ?2 ORDER BY w.run LIMIT ?3",
        )?;
        for row in select.query_map((event, key, limit), |r| Ok((RunId::from_bytes(r.get(0)?), r.get(1)?)))? {
            found.push(row?);
        }
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(limit as usize);
    take_resting(tx, &found)
}

fn take_resting(tx: &mut Tx<'_>, found: &[(RunId, i64)]) -> Done<Vec<RunId>> {
    for &(run, flow) in found {
        tx.take(run, flow, State::Waiting)?;
    }
    Ok(found.iter().map(|&(run, _)| run).collect())
}

/// Takes one run that is resting, queued or dead.
pub(crate) fn one(tx: &mut Tx<'_>, run: RunId) -> Done<bool> {
    let Some(stand) = tx.stand(run)? else { return Ok(false) };
    match stand.state {
        State::Returned
        | State::Ready
        | State::ReturnedBatch
        | State::ReadyBatch
        | State::Blocked
        | State::Waiting => {}
        State::Dead => {
            tx.sql("UPDATE runs SET ended_at = NULL, reason = NULL, step = NULL WHERE id = ?1")?
                .execute([run.to_bytes()])?;
            if let Some(key) = &stand.key {
                rejoin(tx, run, &stand, key)?;
            }
        }
        State::Running | State::Finished | State::Undone | State::Cancelled | State::Discarded => {
            return Ok(false);
        }
    }
    tx.take(run, stand.flow, stand.state)?;
    Ok(true)
}

/// A dead run may have let others pass. When it goes on, whoever has not begun by then waits for it again.
fn rejoin(tx: &mut Tx<'_>, run: RunId, stand: &Stand, key: &str) -> Done<()> {
    let head = tx.key_head(stand.flow, key)?;
    tx.key_join(stand.flow, key, stand.n, run)?;
    let Some(head) = head.filter(|&head| head != run) else { return Ok(()) };
    let Some(behind) = tx.stand(head)? else { return Ok(()) };
    if behind.n > stand.n && State::LANES.contains(&behind.state) {
        tx.sql("UPDATE runs SET state = ?2 WHERE id = ?1")?.execute((head.to_bytes(), State::Blocked))?;
        tx.mem.count(stand.flow, Some(behind.state), Some(State::Blocked));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_what_taking_turns_gives() {
        let shares = |counts: &[u64], room| -> Vec<u64> {
            let flows: Vec<_> = counts.iter().enumerate().map(|(flow, &n)| (flow as i64, n)).collect();
            shares_of(&flows, room).into_iter().map(|(_, share)| share).collect()
        };
        assert_eq!(shares(&[1_000_000, 2, 5], 10), [4, 2, 4]);
        assert_eq!(shares(&[1_000_000, 2, 5], 9), [4, 2, 3]);
        assert_eq!(shares(&[3, 3], 100), [3, 3]);
        assert_eq!(shares(&[3, 3, 3], 2), [1, 1, 0]);
        assert_eq!(shares(&[], 5), [] as [u64; 0]);
    }
}
