use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sinew_stdx::Json;

/// How far an `each` has come: everything below the watermark is done, and above it what the bitmap says.
///
/// It is written every few hundred milliseconds instead of a row per item. After a crash, items that it does not hold
/// run again under their own idempotency keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EachProgress {
    /// Where the source is read from again: the page or record that holds the watermark. Null is the beginning.
    pub source: Json,
    /// The number of the first item at `source`.
    pub source_index: u64,
    /// All items below are done.
    pub watermark: u64,
    /// Bit `i` of word `w`: item `watermark + 64 w + i` is done. The first bit is never set.
    above: Vec<u64>,
    /// Items that succeeded.
    pub ok: u64,
    /// Items that failed; each is a dead letter.
    pub failed: u64,
    /// Of these, those that a person has seen when they replayed the step.
    #[serde(default)]
    pub forgiven: u64,
    /// What `reduce` made of the items so far.
    pub reduced: Option<Json>,
    /// Values by item number, if they are collected.
    pub results: Vec<(u64, Json)>,
    /// Items' steps that may have been sent to a destination that would act twice, and are not settled.
    intents: Vec<(u64, Arc<str>)>,
}

impl EachProgress {
    /// Nothing done yet.
    pub fn begin(reduced: Option<Json>) -> Self {
        Self {
            source: Json::null(),
            source_index: 0,
            watermark: 0,
            above: Vec::new(),
            ok: 0,
            failed: 0,
            forgiven: 0,
            reduced,
            results: Vec::new(),
            intents: Vec::new(),
        }
    }

    /// Notes that an item's step is about to be sent.
    pub fn intend(&mut self, index: u64, step: Arc<str>) {
        self.intents.push((index, step));
    }

    /// The steps of an item that may have been sent.
    pub fn intents_of(&self, index: u64) -> Vec<Arc<str>> {
        self.intents.iter().filter(|(of, _)| *of == index).map(|(_, step)| Arc::clone(step)).collect()
    }

    /// Whether an item is done.
    pub fn is_done(&self, index: u64) -> bool {
        let Some(above) = index.checked_sub(self.watermark) else { return true };
        let word = self.above.get((above / 64) as usize).copied().unwrap_or(0);
        word >> (above % 64) & 1 == 1
    }

    /// Marks an item as done and moves the watermark over all that are done from it on.
    pub fn done(&mut self, index: u64) {
        self.intents.retain(|(of, _)| *of != index);
        let Some(above) = index.checked_sub(self.watermark) else { return };
        let word = (above / 64) as usize;
        if self.above.len() <= word {
            self.above.resize(word + 1, 0);
        }
        self.above[word] |= 1 << (above % 64);
        let mut ones: u64 = 0;
        for word in &self.above {
            let run = u64::from(word.trailing_ones());
            ones += run;
            if run < 64 {
                break;
            }
        }
        self.advance(ones);
    }

    /// Drops the lowest `by` bits, which are all set.
    fn advance(&mut self, by: u64) {
        self.watermark += by;
        self.above.drain(..((by / 64) as usize).min(self.above.len()));
        let bits = (by % 64) as u32;
        if bits > 0 {
            for i in 0..self.above.len() {
                let next = self.above.get(i + 1).copied().unwrap_or(0);
                self.above[i] = (self.above[i] >> bits) | (next << (64 - bits));
            }
        }
        while self.above.last() == Some(&0) {
            self.above.pop();
        }
    }

    /// How far above the watermark items may be started, so that the bitmap stays small.
    pub const WINDOW_MAX: u64 = 16 * 1024;

    /// As it is stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// As it was stored.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sinew_stdx::Random;

    use super::*;

    #[test]
    fn it_agrees_with_a_set_whatever_the_order() {
        for seed in 0..50 {
            let mut random = Random::seeded(seed);
            let (mut progress, mut model) = (EachProgress::begin(None), BTreeSet::new());
            for _ in 0..2000 {
                let index = progress.watermark + random.below(200);
                progress.done(index);
                model.insert(index);
                let probe = random.below(progress.watermark + 300);
                assert_eq!(progress.is_done(probe), model.contains(&probe), "seed {seed}, item {probe}");
                let first_open = (0..=2000 * 201).find(|i| !model.contains(i)).unwrap_or_default();
                assert_eq!(progress.watermark, first_open, "seed {seed}");
            }
            assert_eq!(EachProgress::from_bytes(&progress.to_bytes()).unwrap(), progress);
        }
    }
}
