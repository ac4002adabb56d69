use std::fmt::Write as _;

use sinew_store::RunId;

/// The idempotency key of a step: the same for every attempt, before and after a crash, so that it needs no record.
///
/// `edits` counts how often the step's input was edited by hand: an edited call is another call.
pub fn idempotency_key(run: RunId, item: Option<(&str, u64)>, step: &str, edits: u32) -> String {
    let mut key = run.to_string();
    if let Some((each, index)) = item {
        let _ = write!(key, ".{each}.{index}");
    }
    key.push('.');
    key.push_str(step);
    if edits > 0 {
        let _ = write!(key, ".edit{edits}");
    }
    key
}

/// A number that depends on a seed and a step's name only.
pub(crate) fn step_seed(seed: u64, step: &str) -> u64 {
    // FNV-1a spreads the name; the generator then mixes it with the seed.
    let spread = step
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
    sinew_stdx::Random::seeded(seed ^ spread).next_u64()
}
