//! What the functions of one evaluation share: the moment, the chance that flows from it, and the digits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use sinew_stdx::{Random, Timestamp};

use crate::digits::Digits;
use crate::{Limits, Moment};

/// One per thread, begun anew with each evaluation. Evaluations do not nest.
#[derive(Debug)]
pub(crate) struct Session {
    moment: Cell<Moment>,
    text_bytes_max: Cell<usize>,
    chance: RefCell<Random>,
    /// The numbers that doubles stand for.
    pub(crate) digits: RefCell<Digits>,
}

thread_local! {
    static SESSION: Rc<Session> = Rc::new(Session {
        moment: Cell::new(Moment::default()),
        text_bytes_max: Cell::new(0),
        chance: RefCell::new(Random::seeded(0)),
        digits: RefCell::new(Digits::default()),
    });
}

impl Session {
    /// This thread's session, as it stands.
    pub(crate) fn current() -> Rc<Self> {
        SESSION.with(Rc::clone)
    }

    /// This thread's session for a new evaluation.
    pub(crate) fn begin(moment: Moment, limits: &Limits) -> Rc<Self> {
        let session = Self::current();
        session.moment.set(moment);
        session.text_bytes_max.set(limits.output_bytes_max);
        *session.chance.borrow_mut() = Random::seeded(moment.seed);
        session.digits.borrow_mut().clear();
        session
    }

    /// What `$now()` says.
    pub(crate) fn now(&self) -> Timestamp {
        self.moment.get().now
    }

    /// Where chance starts from.
    pub(crate) fn seed(&self) -> u64 {
        self.moment.get().seed
    }

    /// How long a text made on the way may be.
    pub(crate) fn text_bytes_max(&self) -> usize {
        self.text_bytes_max.get()
    }

    /// The next 64 bits of chance.
    pub(crate) fn next_u64(&self) -> u64 {
        self.chance.borrow_mut().next_u64()
    }

    /// The next number in `0.0..1.0`.
    pub(crate) fn fraction(&self) -> f64 {
        self.chance.borrow_mut().fraction()
    }

    /// The next number in `0..bound`.
    pub(crate) fn below(&self, bound: usize) -> usize {
        self.chance.borrow_mut().below(bound as u64) as usize
    }
}
