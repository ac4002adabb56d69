use std::collections::VecDeque;

use parking_lot::{Condvar, Mutex};

/// Work that waits for a thread: bounded, first in first out. Whoever adds to a full queue waits at the door.
pub(crate) struct Queue<T> {
    inner: Mutex<Inner<T>>,
    filled: Condvar,
    emptied: Condvar,
    max: usize,
}

struct Inner<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Queue<T> {
    pub(crate) const fn new(max: usize) -> Self {
        let inner = Inner { waiting: VecDeque::new(), closed: false };
        Self { inner: Mutex::new(inner), filled: Condvar::new(), emptied: Condvar::new(), max }
    }

    /// Adds work. What comes back was refused because the queue is closed.
    pub(crate) fn push(&self, work: T) -> Option<T> {
        let mut inner = self.inner.lock();
        while inner.waiting.len() >= self.max && !inner.closed {
            self.emptied.wait(&mut inner);
        }
        if inner.closed {
            return Some(work);
        }
        inner.waiting.push_back(work);
        drop(inner);
        self.filled.notify_one();
        None
    }

    /// Waits for work, then takes pieces while `wanted` says so, at least one. Empty: closed, and nothing is left.
    pub(crate) fn take(&self, mut wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut inner = self.inner.lock();
        while inner.waiting.is_empty() && !inner.closed {
            self.filled.wait(&mut inner);
        }
        let mut taken = Vec::new();
        while let Some(next) = inner.waiting.front() {
            if !wanted(next) && !taken.is_empty() {
                break;
            }
            taken.extend(inner.waiting.pop_front());
        }
        drop(inner);
        self.emptied.notify_all();
        taken
    }

    /// Takes one piece; `None` when it is closed and empty.
    pub(crate) fn take_one(&self) -> Option<T> {
        self.take(|_| false).pop()
    }

    /// Lets nothing in any more; what waits is still given out.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    /// Closes it and drops what waits, so that whoever waits for an answer learns of it.
    pub(crate) fn abandon(&self) {
        self.close();
        let left = std::mem::take(&mut self.inner.lock().waiting);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_leaves_in_the_order_it_came_and_in_batches_of_the_takers_size() {
        let queue = Queue::new(10);
        for n in 0..5 {
            assert_eq!(queue.push(n), None);
        }
        let mut room = 3;
        let batch = queue.take(|_| {
            room -= 1;
            room >= 0
        });
        assert_eq!((batch, queue.take_one()), (vec![0, 1, 2], Some(3)));
        queue.close();
        assert_eq!((queue.push(9), queue.take_one(), queue.take_one()), (Some(9), Some(4), None));
    }

    #[test]
    fn whoever_waits_at_a_full_door_is_let_in_or_sent_away() {
        let queue = Queue::new(1);
        assert_eq!(queue.push(1), None);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| queue.push(2));
            assert_eq!(queue.take_one(), Some(1));
            assert_eq!(second.join().unwrap(), None);
            let third = scope.spawn(|| queue.push(3));
            queue.abandon();
            assert_eq!(third.join().unwrap(), Some(3));
        });
        assert_eq!(queue.take_one(), None);
    }
}
