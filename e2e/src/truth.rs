use std::collections::BTreeMap;

use serde_json::Value;

use crate::Http;

/// What the vendors really did, by their own log.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// Effects, each with the vendor's words for it.
    pub effects: Vec<Value>,
}

impl Truth {
    /// Reads the sandbox's truth log.
    pub fn read(sandbox: &Http) -> Self {
        let text = sandbox.get("/_control/truth").text;
        let effects = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { effects }
    }

    /// Effects of one kind, such as `invoice.created`.
    pub fn of<'a>(&'a self, effect: &'a str) -> impl Iterator<Item = &'a Value> + 'a {
        self.effects.iter().filter(move |entry| entry["effect"] == effect)
    }

    /// How often each business reference appears among the effects of a kind.
    pub fn by_reference(&self, effect: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.of(effect) {
            if let Some(reference) = entry["ref"].as_str() {
                *counts.entry(reference.to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// References that appear more than once among the effects of a kind.
    pub fn doubled(&self, effect: &str) -> Vec<String> {
        self.by_reference(effect)
            .into_iter()
            .filter(|(_, count)| *count > 1)
            .map(|(reference, _)| reference)
            .collect()
    }
}
