//! One round: work comes in, the server is killed in the middle of it and started again.

use std::collections::VecDeque;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use sinew_stdx::Random;

use super::books::Books;
use super::office;
use crate::{Server, Submission, World, until};

/// Senders at work at the same time.
const SENDERS: usize = 4;
/// How long until the first submission of a round is acknowledged.
const PATIENCE: Duration = Duration::from_mins(1);
/// Contacts in a file.
const CONTACTS: usize = 30;

/// Vendors take their time, so that a kill finds work under way; one of them, another each time, misbehaves besides.
pub fn upset(world: &World, random: &mut Random) {
    let vendors = ["crm", "billing", "enrich", "shop", "warehouse", "chat", "hr"];
    let chosen = vendors[below(random, vendors.len())];
    for vendor in vendors {
        // Before the effect and after it.
        let mut faults = vec![
            json!({ "kind": "latency", "ms_min": 1, "ms_max": 100, "rate": 0.6 }),
            json!({ "kind": "slow_body", "ms": 60, "rate": 0.4 }),
        ];
        if vendor == chosen {
            faults.push(json!({ "kind": "answer_lost", "rate": 0.08 }));
            faults.push(json!({ "kind": "status", "status": 503, "rate": 0.05 }));
            faults.push(json!({ "kind": "status", "status": 500, "after_effect": true, "rate": 0.03 }));
        }
        world.fault(vendor, &json!(faults));
    }
}

/// What comes in during one round, besides what was not acknowledged before.
fn fresh(world: &World, books: &mut Books, random: &mut Random) -> Vec<Submission> {
    books.rounds += 1;
    let round = books.rounds;
    let mut work = Vec::new();
    for n in 0..2 {
        work.push(Submission::lead(&format!("r{round}n{n}")));
        work.push(Submission::deal(&format!("d{round}n{n}")));
    }
    if round.is_multiple_of(2) {
        work.push(Submission::hire(&format!("e{round}")));
    }
    if round.is_multiple_of(8) {
        work.push(Submission::report(&format!("n{round}")));
    }
    if round.is_multiple_of(6) {
        work.push(bulk(world, round));
    }
    // Somebody presses the button twice.
    let twice = work[below(random, work.len().min(4))].clone();
    work.push(twice);
    let start = 1 + books.orders.len();
    books.orders.extend(world.orders(2, start));
    work
}

fn bulk(world: &World, round: u32) -> Submission {
    let ids = || (0..CONTACTS).map(move |n| format!("b{round}n{n}"));
    let lines = ids().map(|id| format!("{id},Ada,Byron,ada.{id}@copper-freight.example,,,,,GB\n"));
    let header = "id,first_name,last_name,email,phone,company,domain,title,country\n";
    let file = format!("job-{round}.csv");
    let text = header.to_owned() + &lines.collect::<String>();
    fs::write(world.project("bulk-enrich").join(&file), text).expect("a file of contacts is written");
    Submission::bulk(&format!("j{round}"), &file, ids())
}

/// Work comes in, and at a random moment after the first was acknowledged the server is killed, and started again.
pub fn round(world: &mut World, books: &mut Books, random: &mut Random) {
    let mut work: VecDeque<_> = std::mem::take(&mut books.outbox).into();
    books.sent_again += work.len();
    work.extend(fresh(world, books, random));
    let moment = Duration::from_millis(5 + below(random, 396) as u64);
    let post = Post::new(work);
    let server = world.server.take().expect("the server is running");
    std::thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| post.send_all(&server));
        }
        scope.spawn(|| office::look_after(&server, &post.killed));
        until("work to go on", PATIENCE, || (post.taken.load(Ordering::Relaxed) > 0).then_some(()));
        pause(moment);
        post.killed.store(true, Ordering::Relaxed);
        // Now and then as its owner would stop it: that must lose no more than a kill does.
        if below(random, 10) == 0 { server.ask_to_stop() } else { server.kill_now() }
    });
    server.ended();
    books.take_in(post);
    if below(random, 8) == 0 {
        // And once more while it takes over what was left.
        let moment = Duration::from_millis(1 + below(random, 150) as u64);
        let early = Server::spawn(&world.options);
        pause(moment);
        early.kill();
        books.early_kills += 1;
    }
    world.serve();
}

/// Sends what is left until all of it is acknowledged.
pub fn send_the_rest(world: &World, books: &mut Books) {
    until("everything to be acknowledged", PATIENCE, || {
        let work: VecDeque<_> = std::mem::take(&mut books.outbox).into();
        books.sent_again += work.len();
        let post = Post::new(work);
        post.send_all(world.server());
        books.take_in(post);
        books.outbox.is_empty().then_some(())
    });
}

/// What senders have in their hands.
pub struct Post {
    work: Mutex<VecDeque<Submission>>,
    /// Acknowledged ones, each with its run, if the answer says.
    pub done: Mutex<Vec<(Submission, Option<String>)>>,
    /// Ones that nobody acknowledged.
    pub back: Mutex<Vec<Submission>>,
    /// Answers that no sender should get.
    pub refused: Mutex<Vec<String>>,
    taken: AtomicUsize,
    killed: AtomicBool,
}

impl Post {
    fn new(work: VecDeque<Submission>) -> Self {
        Self {
            work: Mutex::new(work),
            done: Mutex::default(),
            back: Mutex::default(),
            refused: Mutex::default(),
            taken: AtomicUsize::new(0),
            killed: AtomicBool::new(false),
        }
    }

    fn send_all(&self, server: &Server) {
        while let Some(submission) = self.next() {
            let answer = submission.send(server);
            if answer.is_ok() {
                let run = answer.run();
                self.done.lock().expect("no sender panicked").push((submission, run));
            } else {
                // No answer and "come again" are both no acknowledgement.
                if !matches!(answer.status, 0 | 429 | 503) {
                    let refusal = format!("{} {}: {answer:?}", submission.flow, submission.id);
                    self.refused.lock().expect("no sender panicked").push(refusal);
                }
                self.back.lock().expect("no sender panicked").push(submission);
            }
            self.taken.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn next(&self) -> Option<Submission> {
        self.work.lock().expect("no sender panicked").pop_front()
    }
}

/// A number below a bound.
pub fn below(random: &mut Random, bound: usize) -> usize {
    (random.next_u64() % bound.max(1) as u64) as usize
}

/// Lets a random time pass: the moment of a kill is what is being tried, nothing is waited for.
fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the moment of a kill is random; nothing is waited for")]
    std::thread::sleep(time);
}
