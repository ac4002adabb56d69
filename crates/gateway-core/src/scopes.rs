//! Sets of scopes as bits.

use std::collections::HashMap;
use std::sync::Arc;

/// Gives each scope its bit.
#[derive(Debug, Default)]
pub struct ScopeNames(HashMap<Arc<str>, usize>);

/// A set of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<u64>);

impl ScopeNames {
    /// The set of these; scopes that are new get a bit.
    pub fn set(&mut self, scopes: &[Arc<str>]) -> ScopeSet {
        let mut set = ScopeSet::default();
        for scope in scopes {
            let next = self.0.len();
            let bit = *self.0.entry(Arc::clone(scope)).or_insert(next);
            if set.0.len() <= bit / 64 {
                set.0.resize(bit / 64 + 1, 0);
            }
            set.0[bit / 64] |= 1 << (bit % 64);
        }
        set
    }
}

impl ScopeSet {
    /// Whether all of these are in it.
    pub fn covers(&self, needed: &Self) -> bool {
        let has = |at: usize| self.0.get(at).copied().unwrap_or(0);
        needed.0.iter().enumerate().all(|(at, word)| word & !has(at) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_covers_what_is_in_it() {
        let mut names = ScopeNames::default();
        let of = |texts: &[&str]| texts.iter().map(|text| Arc::from(*text)).collect::<Vec<Arc<str>>>();
        let many: Vec<Arc<str>> = (0..100).map(|n| Arc::from(format!("s{n}"))).collect();
        let (all, some) = (names.set(&many), names.set(&of(&["s1", "s99"])));
        let other = names.set(&of(&["other"]));
        assert!(all.covers(&some) && some.covers(&some) && all.covers(&ScopeSet::default()));
        assert!(!some.covers(&all) && !all.covers(&other) && !ScopeSet::default().covers(&some));
    }
}
