//! Taking runs: from the backlog, when their time has come, for an event, or one by its id.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use sinew_stdx::Timestamp;
use sinew_store::RunId;

use crate::advance::wait_key;
use crate::state::State;
use crate::tx::{Done, Stand, Tx};
use crate::words;

/// What a run is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be run further.
    GoOn,
    /// To be ended.
    Cancel,
}

/// Takes runs from the backlog, lane by lane; tells the flow of each.
pub(crate) fn queued(tx: &mut Tx<'_>, limit: u32, room: &[(Arc<str>, u32)]) -> Done<Vec<(RunId, Arc<str>)>> {
    let mut names: BTreeMap<i64, Arc<str>> = BTreeMap::new();
    let mut claim = Claim { left: u64::from(limit), rooms: BTreeMap::new(), taken: Vec::new() };
    for (name, most) in room {
        let Some(flow) = words::find(tx.conn, name)? else { continue };
        let room = claim.rooms.entry(flow).or_insert(u64::MAX);
        *room = (*room).min(u64::from(*most));
        names.insert(flow, Arc::clone(name));
    }
    for (turn, lane) in State::LANES.into_iter().enumerate() {
        if claim.left > 0 {
            claim.take_from_lane(tx, lane, turn)?;
        }
    }
    let mut told = Vec::with_capacity(claim.taken.len());
    for (run, flow) in claim.taken {
        let name = match names.entry(flow) {
            Entry::Occupied(known) => Arc::clone(known.get()),
            Entry::Vacant(unknown) => Arc::clone(unknown.insert(words::text(tx.conn, flow)?)),
        };
        told.push((run, name));
    }
    Ok(told)
}

/// A claim of queued runs on its way through the lanes.
struct Claim {
    /// How many more may be taken.
    left: u64,
    /// How many more of each flow that is bounded.
    rooms: BTreeMap<i64, u64>,
    taken: Vec<(RunId, i64)>,
}

impl Claim {
    /// Flows take turns, starting behind the one that was served last; in each the oldest goes first.
    fn take_from_lane(&mut self, tx: &mut Tx<'_>, lane: State, turn: usize) -> Done<()> {
        let room_of = |flow: i64| self.rooms.get(&flow).copied().unwrap_or(u64::MAX);
        let mut flows: Vec<(i64, u64)> = tx
            .mem
            .tallies
            .iter()
            .map(|(&flow, tally)| (flow, tally.of(lane).min(room_of(flow))))
            .filter(|(_, waiting)| *waiting > 0)
            .collect();
        let last = tx.mem.turns[turn];
        let start = flows.partition_point(|&(flow, _)| flow <= last);
        flows.rotate_left(start);

        let mut shares: Vec<std::vec::IntoIter<RunId>> = Vec::with_capacity(flows.len());
        for (flow, share) in shares_of(&flows, self.left) {
            shares.push(oldest(tx, flow, lane, share)?.into_iter());
        }
        while self.left > 0 {
            let before = self.left;
            for (share, &(flow, _)) in shares.iter_mut().zip(&flows) {
                if self.left == 0 {
                    break;
                }
                let Some(run) = share.next() else { continue };
                tx.take(run, flow, lane)?;
                tx.mem.turns[turn] = flow;
                self.taken.push((run, flow));
                self.left -= 1;
                if let Some(room) = self.rooms.get_mut(&flow) {
                    *room = room.saturating_sub(1);
                }
            }
            if self.left == before {
                break;
            }
        }
        Ok(())
    }
}

/// How many each flow gives when they take turns, for `room` in all.
fn shares_of(flows: &[(i64, u64)], room: u64) -> Vec<(i64, u64)> {
    let mut shares: Vec<(i64, u64)> = flows.iter().map(|&(flow, _)| (flow, 0)).collect();
    let mut left = room;
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

/// Takes resting runs that wait for an event, with this key or with any, and come after one. The oldest go first.
pub(crate) fn event(
    tx: &mut Tx<'_>,
    event: &str,
    key: Option<&str>,
    after: Option<RunId>,
    limit: u32,
) -> Done<Vec<RunId>> {
    let mut keys = vec![wait_key(None)];
    keys.extend(key.map(|key| wait_key(Some(key))));
    // Every id comes after the empty one.
    let after = after.map_or_else(Vec::new, |run| run.to_bytes().to_vec());
    let mut found: Vec<(RunId, i64)> = Vec::new();
    for key in keys {
        let mut select = tx.sql(
            "SELECT w.run, r.flow FROM waits w JOIN runs r ON r.id = w.run
             WHERE w.event = ?1 AND w.key = ?2 AND w.run > ?3 ORDER BY w.run LIMIT ?4",
        )?;
        let rows = select
            .query_map((event, key, &after, limit), |r| Ok((RunId::from_bytes(r.get(0)?), r.get(1)?)))?;
        for row in rows {
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

/// Takes one run by its id, if it may be taken for that purpose.
pub(crate) fn one(tx: &mut Tx<'_>, run: RunId, purpose: Purpose) -> Done<bool> {
    let Some(stand) = tx.stand(run)? else { return Ok(false) };
    match stand.state {
        State::Waiting => {}
        State::Returned | State::Ready | State::ReturnedBatch | State::ReadyBatch | State::Blocked => {
            if purpose == Purpose::GoOn {
                return Ok(false);
            }
        }
        State::Dead => {
            if purpose == Purpose::GoOn && another_is_under_way(tx, run, &stand)? {
                return Ok(false);
            }
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

/// Whether another run with the same key has begun and not ended.
fn another_is_under_way(tx: &Tx<'_>, run: RunId, stand: &Stand) -> Done<bool> {
    const UNDER_WAY: [State; 4] = [State::Running, State::Waiting, State::Returned, State::ReturnedBatch];
    let Some(key) = &stand.key else { return Ok(false) };
    let mut other =
        tx.sql("SELECT 1 FROM runs WHERE key = ?1 AND flow = ?2 AND state = ?3 AND id <> ?4 LIMIT 1")?;
    for state in UNDER_WAY {
        if other.exists((key, stand.flow, state, run.to_bytes()))? {
            return Ok(true);
        }
    }
    Ok(false)
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
