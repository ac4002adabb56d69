//! The account: what was sent against what really happened.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::Truth;

/// What a destination does for those who send twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Honours {
    /// It knows repetitions by their key.
    Keys,
    /// It can be asked.
    Probe,
    /// Neither; nothing is sent again that may have arrived.
    Neither,
    /// Neither, and the author said that twice is better than never.
    AtLeastOnce,
}

impl Honours {
    fn word(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Probe => "probe",
            Self::Neither => "neither",
            Self::AtLeastOnce => "at least once",
        }
    }
}

/// What is known of one kind of effect.
#[derive(Clone, Debug)]
pub struct Line {
    /// The effect, such as `invoice.created`.
    pub effect: &'static str,
    /// What its destination honours.
    pub honours: Honours,
    /// The references for which it must have happened.
    pub sent: BTreeSet<String>,
    /// Those of them that are reported as unknown: a dead letter says that nobody knows.
    pub unknown: BTreeSet<String>,
    /// How often it happened, by reference.
    pub arrived: BTreeMap<String, usize>,
}

impl Line {
    /// References for which it happened more than once.
    pub fn doubled(&self) -> Vec<&str> {
        self.arrived
            .iter()
            .filter(|(_, count)| **count > 1)
            .map(|(reference, _)| reference.as_str())
            .collect()
    }

    /// References for which it never happened, and nobody said so.
    pub fn lost(&self) -> Vec<&str> {
        let missing = |reference: &&String| {
            !self.arrived.contains_key(*reference) && !self.unknown.contains(*reference)
        };
        self.sent.iter().filter(missing).map(String::as_str).collect()
    }

    /// Whether nothing is lost, and nothing doubled that must not be.
    pub fn adds_up(&self) -> bool {
        self.lost().is_empty() && (self.honours == Honours::AtLeastOnce || self.doubled().is_empty())
    }
}

/// All lines.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// By effect, in the order in which they were added.
    pub lines: Vec<Line>,
}

impl Account {
    /// Adds a kind of effect.
    pub fn expect(
        &mut self,
        truth: &Truth,
        effect: &'static str,
        honours: Honours,
        wanted: impl IntoIterator<Item = String>,
    ) -> &mut Line {
        let (sent, unknown, arrived) =
            (wanted.into_iter().collect(), BTreeSet::new(), truth.by_reference(effect));
        let line = self.lines.len();
        self.lines.push(Line { effect, honours, sent, unknown, arrived });
        &mut self.lines[line]
    }

    /// Whether every line adds up.
    pub fn adds_up(&self) -> bool {
        self.lines.iter().all(Line::adds_up)
    }

    /// Doubled effects where none may be, and lost ones: `doubled 0, lost 0`.
    pub fn verdict(&self) -> String {
        let strict = self.lines.iter().filter(|line| line.honours != Honours::AtLeastOnce);
        let doubled: usize = strict.map(|line| line.doubled().len()).sum();
        let lost: usize = self.lines.iter().map(|line| line.lost().len()).sum();
        format!("doubled {doubled}, lost {lost}")
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (effect, honours) = ("effect", "honours");
        writeln!(
            f,
            "{effect:<20} {honours:<14} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "sent", "arrived", "doubled", "unknown", "lost"
        )?;
        for line in &self.lines {
            writeln!(
                f,
                "{:<20} {:<14} {:>8} {:>8} {:>8} {:>8} {:>8}",
                line.effect,
                line.honours.word(),
                line.sent.len(),
                line.sent.iter().filter(|reference| line.arrived.contains_key(*reference)).count(),
                line.doubled().len(),
                line.unknown.len(),
                line.lost().len(),
            )?;
        }
        let wrong = self.lines.iter().filter(|line| !line.adds_up());
        for line in wrong {
            writeln!(f, "{}: doubled {:?}, lost {:?}", line.effect, line.doubled(), line.lost())?;
        }
        Ok(())
    }
}
