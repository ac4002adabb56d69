//! Events for subscribers.

use std::sync::Arc;

use super::Place;
use super::desk::{Desk, at};
use crate::{
    ATTEMPTS_KEPT, Attempt, DeliveryCounts, DeliveryFilter, DeliveryId, DeliveryStatus, DueDelivery,
    NewEvent, Replay, Replayed, Settled, SubscriberRow, Then,
};

fn subscribe(desk: &Desk<'_>, name: &str) {
    desk.store().subscriber_save(SubscriberRow { name: name.into(), record: "{}".into() }).wait().unwrap();
}

fn event(n: i64, name: &str, key: Option<&str>, to: &[(&str, bool)]) -> NewEvent {
    NewEvent {
        id: format!("msg_{n}").into(),
        event: name.into(),
        key: key.map(Arc::from),
        at: at(n),
        payload: format!("payload {n}").into_bytes().into(),
        to: to.iter().map(|&(name, ordered)| (name.into(), ordered)).collect(),
    }
}

fn accept(desk: &Desk<'_>, event: NewEvent) -> bool {
    desk.store().event_accept(event).wait().unwrap()
}

fn due(desk: &Desk<'_>, name: &str, now: i64) -> Vec<DueDelivery> {
    desk.store().deliveries_due(name.into(), at(now), 100).wait().unwrap()
}

fn ids(deliveries: &[DueDelivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| &*delivery.id).collect()
}

fn settle(desk: &Desk<'_>, delivery: DeliveryId, now: i64, then: Then) {
    let attempt = Attempt { at: at(now), took_ms: 7, status: Some(500), excerpt: format!("no {now}").into() };
    desk.store().delivery_settle(Settled { delivery, attempt, then }).wait().unwrap();
}

fn counts(desk: &Desk<'_>, name: &str) -> (u64, u64, u64) {
    let DeliveryCounts { waiting, delivered, given_up } =
        desk.store().delivery_counts(name.into()).wait().unwrap();
    (waiting, delivered, given_up)
}

fn replay(name: &str, from: i64, until: i64, now: i64) -> Replay {
    Replay {
        subscriber: name.into(),
        events: vec!["order.*".into()],
        ordered: false,
        from: at(from),
        until: at(until),
        after: 0,
        limit: 100,
        now: at(now),
    }
}

/// What was accepted is there after reopening, once, for each subscriber that is known.
pub fn an_event_is_kept_for_each_of_its_subscribers_once(place: &dyn Place) {
    let mut desk = Desk::at(place);
    subscribe(&desk, "a");
    subscribe(&desk, "b");
    assert!(accept(&desk, event(1, "order.paid", None, &[("a", false), ("b", false), ("nobody", false)])));
    assert!(!accept(&desk, event(1, "order.paid", None, &[("a", false)])), "the same emission again");
    desk.reopen();
    for name in ["a", "b"] {
        let found = due(&desk, name, 1);
        assert_eq!(found.len(), 1);
        let expected = ("msg_1", "order.paid", at(1), &b"payload 1"[..], 0);
        let it = &found[0];
        assert_eq!((&*it.id, &*it.event, it.at, &*it.payload, it.attempts), expected);
    }
    let names: Vec<_> = desk.store().subscribers().wait().unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["a".into(), "b".into()]);
}

/// What is tried again is due then, and what is over is not due.
pub fn a_delivery_is_due_until_it_is_made_or_given_up(place: &dyn Place) {
    let desk = Desk::at(place);
    subscribe(&desk, "a");
    for n in 1..=3 {
        accept(&desk, event(n, "order.paid", None, &[("a", false)]));
    }
    assert!(due(&desk, "a", 0).is_empty());
    let all = due(&desk, "a", 10);
    assert_eq!(ids(&all), ["msg_1", "msg_2", "msg_3"]);
    settle(&desk, all[0].delivery, 10, Then::Delivered);
    settle(&desk, all[1].delivery, 10, Then::Again(at(500)));
    settle(&desk, all[2].delivery, 10, Then::GivenUp);
    assert!(due(&desk, "a", 499).is_empty());
    assert_eq!(desk.store().delivery_next_due("a".into()).wait().unwrap(), Some(at(500)));
    let again = due(&desk, "a", 500);
    assert_eq!((ids(&again), again[0].attempts), (vec!["msg_2"], 1));
    assert_eq!(counts(&desk, "a"), (1, 1, 1));
    settle(&desk, all[0].delivery, 11, Then::Again(at(11)));
    assert_eq!(counts(&desk, "a"), (1, 1, 1), "what is over stays over");
}

/// One at a time of those with a key; those of other keys, of none, and of other subscribers do not wait.
pub fn deliveries_with_one_key_go_one_at_a_time_in_order(place: &dyn Place) {
    let mut desk = Desk::at(place);
    subscribe(&desk, "a");
    subscribe(&desk, "b");
    for (n, key) in [(1, Some("x")), (2, Some("x")), (3, Some("y")), (4, None), (5, Some("x"))] {
        accept(&desk, event(n, "order.paid", key, &[("a", true), ("b", false)]));
    }
    assert_eq!(due(&desk, "b", 9).len(), 5);
    let first = due(&desk, "a", 9);
    assert_eq!(ids(&first), ["msg_1", "msg_3", "msg_4"]);
    settle(&desk, first[0].delivery, 9, Then::Again(at(50)));
    assert_eq!(ids(&due(&desk, "a", 9)), ["msg_3", "msg_4"]);
    settle(&desk, first[0].delivery, 50, Then::GivenUp);
    desk.reopen();
    let second = due(&desk, "a", 60);
    assert_eq!(ids(&second), ["msg_3", "msg_4", "msg_2"]);
    settle(&desk, second[2].delivery, 60, Then::Delivered);
    assert_eq!(ids(&due(&desk, "a", 60)), ["msg_3", "msg_4", "msg_5"]);
}

/// A page at a time, newest first, with the last attempt; of the attempts as many as are kept.
pub fn deliveries_are_listed_with_their_attempts(place: &dyn Place) {
    let desk = Desk::at(place);
    subscribe(&desk, "a");
    for n in 1..=5 {
        accept(&desk, event(n, "order.paid", Some("k"), &[("a", false)]));
    }
    let first = due(&desk, "a", 9)[0].delivery;
    let more = i64::from(ATTEMPTS_KEPT) + 3;
    for n in 0..more {
        settle(&desk, first, 100 + n, Then::Again(at(100 + n)));
    }
    settle(&desk, first, 999, Then::Delivered);
    let filter = DeliveryFilter { subscriber: "a".into(), limit: 2, ..DeliveryFilter::default() };
    let page = desk.store().deliveries(filter.clone()).wait().unwrap();
    assert_eq!(page.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["msg_5", "msg_4"]);
    assert_eq!(
        (page[0].status, page[0].last.clone(), page[0].due),
        (DeliveryStatus::Pending, None, Some(at(5)))
    );
    let before = Some(page[1].delivery);
    let next = desk.store().deliveries(DeliveryFilter { before, ..filter.clone() }).wait().unwrap();
    assert_eq!(next.iter().map(|row| &*row.id).collect::<Vec<_>>(), ["msg_3", "msg_2"]);
    let done = DeliveryFilter { status: Some(DeliveryStatus::Delivered), ..filter };
    let done = desk.store().deliveries(done).wait().unwrap();
    assert_eq!((done.len(), u64::from(done[0].attempts), done[0].due), (1, more as u64 + 1, None));
    assert_eq!(done[0].last.as_ref().map(|last| (last.at, &*last.excerpt)), Some((at(999), "no 999")));
    let attempts = desk.store().delivery_attempts(first).wait().unwrap();
    assert_eq!((attempts.len(), attempts.last().map(|a| a.at)), (ATTEMPTS_KEPT as usize, Some(at(999))));
}

/// Those of a time and a name, also such as the subscriber never had; those that wait are not doubled.
pub fn past_events_are_delivered_again(place: &dyn Place) {
    let desk = Desk::at(place);
    subscribe(&desk, "a");
    subscribe(&desk, "new");
    for n in 1..=6 {
        let name = if n == 4 { "invoice.paid" } else { "order.paid" };
        accept(&desk, event(n, name, None, &[("a", false)]));
    }
    for delivery in &due(&desk, "a", 9)[..5] {
        settle(&desk, delivery.delivery, 9, Then::Delivered);
    }
    let done = desk.store().deliveries_replay(replay("a", 2, 100, 1000)).wait().unwrap();
    assert_eq!(done, Replayed { count: 3, next: None }, "2, 3 and 5; 6 waits anyway");
    let again = due(&desk, "a", 1000);
    assert_eq!(ids(&again), ["msg_6", "msg_2", "msg_3", "msg_5"]);
    assert_eq!((again[1].attempts, again[1].since), (0, at(1000)));
    let first = Replay { limit: 2, ..replay("new", 0, 100, 1000) };
    let one = desk.store().deliveries_replay(first.clone()).wait().unwrap();
    let two = Replay { after: one.next.unwrap(), limit: 100, ..first };
    let two = desk.store().deliveries_replay(two).wait().unwrap();
    assert_eq!((one.count, two), (2, Replayed { count: 3, next: None }));
    assert_eq!(due(&desk, "new", 1000).len(), 5);
}

/// A replay keeps the order of those with one key.
pub fn past_events_with_a_key_are_delivered_again_in_order(place: &dyn Place) {
    let desk = Desk::at(place);
    subscribe(&desk, "a");
    for n in 1..=3 {
        accept(&desk, event(n, "order.paid", Some("k"), &[("a", true)]));
        settle(&desk, due(&desk, "a", 9)[0].delivery, 9, Then::Delivered);
    }
    let ordered = Replay { ordered: true, ..replay("a", 0, 100, 1000) };
    assert_eq!(desk.store().deliveries_replay(ordered).wait().unwrap().count, 3);
    for n in 1..=3 {
        let now = due(&desk, "a", 2000);
        assert_eq!(ids(&now), [format!("msg_{n}")]);
        settle(&desk, now[0].delivery, 2000, Then::Delivered);
    }
}

/// Its name is free at once, and means another subscriber then.
pub fn a_subscriber_goes_with_its_deliveries(place: &dyn Place) {
    let desk = Desk::at(place);
    subscribe(&desk, "a");
    for n in 1..=700 {
        accept(&desk, event(n, "order.paid", None, &[("a", false)]));
    }
    assert!(!desk.store().subscriber_remove("a".into()).wait().unwrap(), "a batch at a time");
    assert!(due(&desk, "a", 9999).is_empty() && desk.store().subscribers().wait().unwrap().is_empty());
    subscribe(&desk, "a");
    assert_eq!(counts(&desk, "a"), (0, 0, 0));
}

/// What waits to be delivered stays, unless it is too old for that as well.
pub fn past_events_are_deleted(place: &dyn Place) {
    let desk = Desk::at(place);
    subscribe(&desk, "a");
    for n in 1..=4 {
        accept(&desk, event(n, "order.paid", Some("k"), &[("a", true)]));
    }
    settle(&desk, due(&desk, "a", 9)[0].delivery, 9, Then::Delivered);
    let prune = |before: i64, waiting| desk.store().events_prune(at(before), waiting, 100).wait().unwrap();
    assert_eq!((prune(1, false), prune(10, false), prune(10, false)), (0, 1, 0));
    assert_eq!((prune(3, true), counts(&desk, "a")), (1, (2, 0, 0)));
    assert_eq!(ids(&due(&desk, "a", 99)), ["msg_3"], "the next with its key goes on");
}
