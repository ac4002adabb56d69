use std::time::Duration;

use sinew_stdx::Timestamp;

/// The instant and the seed an evaluation takes its time and chance from: `$now()`, `$millis()`, `$random()`,
/// `$shuffle()` and `$uuid()` give the same values for the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// What `$now()` and `$millis()` say.
    pub now: Timestamp,
    /// Where `$random()`, `$shuffle()` and `$uuid()` start from.
    pub seed: u64,
}

/// What one evaluation may use at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall time. Checked between evaluation steps, so a single built-in call may overrun it slightly.
    pub time: Duration,
    /// Nested evaluation levels; a call of a function written in JSONata takes about three.
    pub depth_max: u32,
    /// Items in any one sequence that is built on the way.
    pub sequence_max: usize,
    /// Bytes of the printed result, and of any one text that is built on the way.
    pub output_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(1),
            depth_max: 500,
            sequence_max: 1_000_000,
            output_bytes_max: 16 * 1024 * 1024,
        }
    }
}
