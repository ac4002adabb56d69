//! Pages over several groups at once, each of which is an index range that descends by id.

use std::collections::{BinaryHeap, VecDeque};

use sinew_store::RunId;

/// Ids fetched from a group in one go, beyond the page's fair share.
const AHEAD: usize = 8;

/// The newest of several groups, merged. `fetch` gives a group's ids below a bound (or its newest), descending, at most
/// so many; `pick` makes a line of an id, or passes it by. Reads little more than the page, however large the groups.
pub(crate) fn newest<G, T, E>(
    groups: &[G],
    before: Option<RunId>,
    limit: usize,
    mut fetch: impl FnMut(&G, Option<RunId>, usize) -> Result<Vec<RunId>, E>,
    mut pick: impl FnMut(RunId) -> Result<Option<T>, E>,
) -> Result<Vec<T>, E> {
    let mut page = Vec::new();
    if limit == 0 || groups.is_empty() {
        return Ok(page);
    }
    let chunk = if groups.len() == 1 {
        limit
    } else {
        (2 * limit / groups.len() + 1).min(limit).max(AHEAD.min(limit))
    };
    let mut ahead: Vec<VecDeque<RunId>> = Vec::with_capacity(groups.len());
    let mut tops = BinaryHeap::with_capacity(groups.len());
    for (at, group) in groups.iter().enumerate() {
        let ids: VecDeque<RunId> = fetch(group, before, chunk)?.into();
        tops.extend(ids.front().map(|&id| (id, at)));
        ahead.push(ids);
    }
    while let Some((id, at)) = tops.pop() {
        page.extend(pick(id)?);
        if page.len() == limit {
            break;
        }
        let (ids, group) = (&mut ahead[at], &groups[at]);
        ids.pop_front();
        if ids.is_empty() {
            ids.extend(fetch(group, Some(id), chunk)?);
        }
        tops.extend(ids.front().map(|&next| (next, at)));
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> RunId {
        RunId::from_bytes(n.to_be_bytes())
    }

    #[test]
    fn a_page_is_the_newest_of_all_groups_and_goes_on_where_it_ended() {
        let groups: Vec<Vec<u128>> = vec![(0..100).rev().map(|n| n * 3).collect(), vec![], vec![298, 4, 1]];
        let page = |before: Option<u128>, limit| {
            newest(
                &groups,
                before.map(id),
                limit,
                |group, bound, max| {
                    let below = |n: &&u128| bound.is_none_or(|b| id(**n) < b);
                    Ok::<_, ()>(group.iter().filter(below).take(max).map(|&n| id(n)).collect())
                },
                |found| Ok(Some(u128::from_be_bytes(found.to_bytes())).filter(|n| n % 2 == 0)),
            )
            .unwrap()
        };
        assert_eq!(page(None, 4), [298, 294, 288, 282]);
        assert_eq!(page(Some(282), 2), [276, 270]);
        assert_eq!(page(Some(8), 9), [6, 4, 0]);
        assert!(page(Some(0), 9).is_empty() && page(None, 0).is_empty());
    }
}
