//! Senders.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::books::Books;
use crate::{Answer, Submission, World};

/// Senders at work at the same time.
const SENDERS: usize = 8;

/// Sends work from several senders; gives how long the answers took, shortest first.
pub fn send(world: &World, books: &mut Books, work: Vec<Submission>) -> Vec<Duration> {
    let server = world.server();
    let (waiting, done) = (Mutex::new(work), Mutex::new(Vec::new()));
    let next = || waiting.lock().expect("no sender panicked").pop();
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| {
                while let Some(submission) = next() {
                    let began = Instant::now();
                    let answer = submission.send(server);
                    check(&submission, &answer);
                    done.lock().expect("no sender panicked").push((submission, began.elapsed()));
                }
            });
        }
    });
    let done = done.into_inner().expect("no sender panicked");
    let mut took: Vec<_> = done.iter().map(|(_, took)| *took).collect();
    took.sort_unstable();
    books.taken.extend(done.into_iter().map(|(submission, _)| submission));
    took
}

fn check(submission: &Submission, answer: &Answer) {
    assert!(answer.is_ok(), "{} {} was not accepted: {answer:?}", submission.flow, submission.id);
}

/// The value at a share of sorted ones.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let place = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(place).copied().unwrap_or_default()
}
