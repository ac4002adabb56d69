//! The suite for what a vault keeps.
//!
//! ```text
//! sinew_store::custody_tests!(MyPlace::new());
//! ```

use std::sync::{Arc, Barrier};

use crate::custody::{Change, Custody, Kept, Kind, Revision, Swap};

/// Where a vault's records lie. It may be open any number of times at once, as by several processes.
pub trait CustodyPlace {
    /// Opens the records.
    fn open(&self) -> Box<dyn Custody>;
}

/// One sentence about it, and whether it is true.
pub type CustodyCase = fn(&dyn CustodyPlace);

macro_rules! cases {
    (($d:tt) $($case:ident)*) => {
        /// Every case with its name.
        pub fn all() -> Vec<(&'static str, CustodyCase)> {
            vec![$((stringify!($case), $case as CustodyCase)),*]
        }

        /// Makes a test of every case; the expression makes a fresh
        /// [`CustodyPlace`](crate::conformance::custody::CustodyPlace) for each.
        #[macro_export]
        macro_rules! custody_tests {
            ($d place:expr) => {
                $(#[test]
                fn $case() {
                    $d crate::conformance::custody::$case(&$d place);
                })*
            };
        }
    };
}

cases! {
    ($)
    a_record_is_changed_by_whoever_has_seen_its_latest_revision
    revisions_rise_and_never_repeat
    kinds_and_names_are_apart
    records_are_listed_by_name_in_pages
    what_is_under_an_outdated_keyring_is_not_changed
    what_was_changed_is_there_after_reopening_and_for_others_at_once
    of_many_who_change_at_once_one_succeeds
}

fn change(kind: Kind, name: &str, seen: Option<Revision>, bytes: Option<&str>) -> Change {
    Change { kind, name: name.into(), seen, under: None, bytes: bytes.map(|text| text.as_bytes().to_vec()) }
}

fn swap(custody: &dyn Custody, change: Change) -> Swap {
    custody.change(change).wait().unwrap()
}

fn put(custody: &dyn Custody, kind: Kind, name: &str, seen: Option<Revision>, text: &str) -> Revision {
    match swap(custody, change(kind, name, seen, Some(text))) {
        Swap::Done(revision) => revision,
        other => panic!("{name}: {other:?}"),
    }
}

fn text(custody: &dyn Custody, kind: Kind, name: &str) -> Option<String> {
    custody.kept(kind, name.into()).wait().unwrap().map(|kept| shown(&kept))
}

fn shown(kept: &Kept) -> String {
    String::from_utf8_lossy(&kept.bytes).into_owned()
}

/// And by nobody else; that goes for making and removing it as well.
pub fn a_record_is_changed_by_whoever_has_seen_its_latest_revision(place: &dyn CustodyPlace) {
    let vault = place.open();
    assert_eq!(text(&*vault, Kind::Secret, "a"), None);
    let first = put(&*vault, Kind::Secret, "a", None, "one");
    assert_eq!(swap(&*vault, change(Kind::Secret, "a", None, Some("other"))), Swap::Overtaken);
    let second = put(&*vault, Kind::Secret, "a", Some(first), "two");
    for bytes in [Some("three"), None] {
        assert_eq!(swap(&*vault, change(Kind::Secret, "a", Some(first), bytes)), Swap::Overtaken);
    }
    let kept = vault.kept(Kind::Secret, "a".into()).wait().unwrap().unwrap();
    assert_eq!((kept.revision, shown(&kept)), (second, "two".to_owned()));
    assert!(matches!(swap(&*vault, change(Kind::Secret, "a", Some(second), None)), Swap::Done(_)));
    assert_eq!(text(&*vault, Kind::Secret, "a"), None);
    assert_eq!(swap(&*vault, change(Kind::Secret, "a", Some(second), Some("x"))), Swap::Overtaken);
}

/// A record that is removed and made again is another one.
pub fn revisions_rise_and_never_repeat(place: &dyn CustodyPlace) {
    let mut last = Revision(0);
    for _ in 0..3 {
        let vault = place.open();
        let made = put(&*vault, Kind::Session, "a", None, "x");
        let other = put(&*vault, Kind::Secret, "b", last_of(&*vault), "y");
        assert!(last < made && made < other, "{last:?} {made:?} {other:?}");
        assert!(matches!(swap(&*vault, change(Kind::Session, "a", Some(made), None)), Swap::Done(_)));
        last = other;
    }
}

fn last_of(vault: &dyn Custody) -> Option<Revision> {
    vault.kept(Kind::Secret, "b".into()).wait().unwrap().map(|kept| kept.revision)
}

/// The same name can stand for a secret and a session.
pub fn kinds_and_names_are_apart(place: &dyn CustodyPlace) {
    let vault = place.open();
    for kind in [Kind::Keyring, Kind::Secret, Kind::Session] {
        put(&*vault, kind, "crm", None, &format!("{kind:?}"));
    }
    put(&*vault, Kind::Secret, "CRM", None, "upper");
    assert_eq!(text(&*vault, Kind::Session, "crm").as_deref(), Some("Session"));
    assert_eq!(text(&*vault, Kind::Secret, "crm").as_deref(), Some("Secret"));
}

/// Each is listed once, however short the pages.
pub fn records_are_listed_by_name_in_pages(place: &dyn CustodyPlace) {
    let vault = place.open();
    for name in ["c", "a", "b/x", "b"] {
        put(&*vault, Kind::Secret, name, None, name);
    }
    put(&*vault, Kind::Session, "aa", None, "");
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = vault.kept_list(Kind::Secret, after.clone(), 3).wait().unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Arc::clone(&last.name));
        names.extend(page.iter().map(|kept| kept.name.to_string()));
    }
    assert_eq!(names, ["a", "b", "b/x", "c"]);
}

/// Else a process that has not heard of a new master key would go on with the old one.
pub fn what_is_under_an_outdated_keyring_is_not_changed(place: &dyn CustodyPlace) {
    let (vault, other) = (place.open(), place.open());
    let keyring: Arc<str> = "master".into();
    let first = put(&*vault, Kind::Keyring, "master", None, "old");
    let under = |revision| Change {
        under: Some((Arc::clone(&keyring), revision)),
        ..change(Kind::Secret, "a", None, Some("x"))
    };
    let second = put(&*other, Kind::Keyring, "master", Some(first), "new");
    assert_eq!(swap(&*vault, under(first)), Swap::Outdated);
    assert_eq!(text(&*vault, Kind::Secret, "a"), None);
    assert!(matches!(swap(&*vault, under(second)), Swap::Done(_)));
}

/// Two that are open at once see each other's changes.
pub fn what_was_changed_is_there_after_reopening_and_for_others_at_once(place: &dyn CustodyPlace) {
    let (vault, other) = (place.open(), place.open());
    let first = put(&*vault, Kind::Session, "crm", None, "one");
    assert_eq!(text(&*other, Kind::Session, "crm").as_deref(), Some("one"));
    put(&*other, Kind::Session, "crm", Some(first), "two");
    assert_eq!(text(&*vault, Kind::Session, "crm").as_deref(), Some("two"));
    drop((vault, other));
    assert_eq!(text(&*place.open(), Kind::Session, "crm").as_deref(), Some("two"));
}

/// Nobody is told that a change was done which was not, and nobody waits for ever.
pub fn of_many_who_change_at_once_one_succeeds(place: &dyn CustodyPlace) {
    let (threads, rounds) = (4, 25);
    let vaults: Vec<_> = (0..threads).map(|_| place.open()).collect();
    let start = Barrier::new(threads);
    let done: usize = std::thread::scope(|scope| {
        let racers: Vec<_> = vaults
            .iter()
            .map(|vault| {
                scope.spawn(|| {
                    start.wait();
                    let mut done = 0;
                    while done < rounds {
                        let seen = vault.kept(Kind::Session, "race".into()).wait().unwrap();
                        let count: usize = seen.as_ref().map_or(0, |kept| shown(kept).parse().unwrap());
                        let next = (count + 1).to_string();
                        let seen = seen.map(|kept| kept.revision);
                        let swap = swap(&**vault, change(Kind::Session, "race", seen, Some(&next)));
                        done += usize::from(matches!(swap, Swap::Done(_)));
                    }
                    done
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).sum()
    });
    assert_eq!(text(&*vaults[0], Kind::Session, "race").unwrap(), done.to_string());
    assert_eq!(done, threads * rounds);
}
