//! Deadlines of connections. Instead of a timer each, a connection writes down until when what it waits for has to come; the
//! worker looks a few times a second, and wakes those that are late.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How often the worker looks.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What a connection waits for did not come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Late;

/// Until when what a connection waits for has to come.
pub(crate) struct Guard {
    until: Cell<Option<Instant>>,
    is_late: Cell<bool>,
    /// Nothing is under way: the connection may be closed at any time.
    is_idle: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Guard {
    /// What is waited for next has to come before that; what was late is forgotten.
    pub(crate) fn set(&self, until: Instant) {
        self.until.set(Some(until));
        self.is_late.set(false);
    }

    /// Says whether the connection may be closed.
    pub(crate) fn idle(&self, is_idle: bool) {
        self.is_idle.set(is_idle);
    }

    /// Ready once it is late. Whoever asks is woken then.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Late> {
        if self.is_late.get() {
            return Poll::Ready(Late);
        }
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn end(&self) {
        self.until.set(None);
        self.is_late.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// The guards of a worker's connections.
#[derive(Default)]
pub(crate) struct Guards(RefCell<Vec<Weak<Guard>>>);

impl Guards {
    /// A guard for a new connection.
    pub(crate) fn add(&self, until: Instant) -> Rc<Guard> {
        let guard = Rc::new(Guard {
            until: Cell::new(Some(until)),
            is_late: Cell::new(false),
            is_idle: Cell::new(true),
            waker: RefCell::new(None),
        });
        self.0.borrow_mut().push(Rc::downgrade(&guard));
        guard
    }

    /// Wakes those that are late; gives how many there are.
    pub(crate) fn look(&self, now: Instant) -> usize {
        let mut all = self.0.borrow_mut();
        all.retain(|guard| {
            let Some(guard) = guard.upgrade() else { return false };
            if guard.until.get().is_some_and(|until| until <= now) {
                guard.end();
            }
            true
        });
        all.len()
    }

    /// Ends connections that have nothing under way.
    pub(crate) fn end_idle(&self) {
        let all = self.0.borrow();
        all.iter()
            .filter_map(Weak::upgrade)
            .filter(|guard| guard.is_idle.get())
            .for_each(|guard| guard.end());
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn who_is_late_is_woken_and_who_is_not_is_left_alone() {
        let (guards, now) = (Guards::default(), Instant::now());
        let (soon, later) = (guards.add(now + LOOK_EVERY), guards.add(now + 3 * LOOK_EVERY));
        assert_eq!(guards.look(now), 2);
        let woken = std::pin::pin!(poll_fn(|cx| soon.poll(cx)));
        let looked = async { guards.look(now + 2 * LOOK_EVERY) };
        let (late, all) = tokio::join!(woken, looked);
        assert_eq!((late, all), (Late, 2));
        assert!(!later.is_late.get());
        soon.set(now + 5 * LOOK_EVERY);
        assert!(!soon.is_late.get());
        drop(later);
        assert_eq!(guards.look(now), 1);
    }
}
