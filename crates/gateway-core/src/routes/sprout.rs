//! A trie while it grows: easy to add to, and then planted into the flat form that is searched.

use std::collections::BTreeMap;

use super::rank::Shape;
use super::template::{Segment, Template};
use super::trie::Entry;

/// One place of a growing trie, and all below it.
#[derive(Default)]
pub(super) struct Sprout {
    pub(super) texts: BTreeMap<Box<str>, Self>,
    /// Parameters by the text around them, those with the most text first; the text as before and after in one.
    pub(super) shapes: BTreeMap<Shape, BTreeMap<Box<str>, Self>>,
    /// Who takes paths that end here.
    pub(super) ends: Vec<Entry>,
    /// Who takes all that is left from here on.
    pub(super) rests: Vec<Entry>,
}

impl Sprout {
    pub(super) fn add(&mut self, template: &Template, entry: Entry) {
        let mut place = self;
        for segment in template.segments() {
            place = match segment {
                Segment::Text(text) => place.texts.entry(text.clone()).or_default(),
                Segment::Parameter { before, after, .. } => {
                    let alike = place.shapes.entry(Shape::of(before, after)).or_default();
                    alike.entry(format!("{before}{after}").into()).or_default()
                }
                Segment::Rest { .. } => return place.rests.push(entry),
            };
        }
        place.ends.push(entry);
    }

    /// The lists of those whose hosts and templates are alike.
    pub(super) fn leaves(&mut self, visit: &mut impl FnMut(&mut Vec<Entry>)) {
        for leaf in [&mut self.ends, &mut self.rests] {
            if !leaf.is_empty() {
                visit(leaf);
            }
        }
        for below in self.texts.values_mut().chain(self.shapes.values_mut().flat_map(BTreeMap::values_mut)) {
            below.leaves(visit);
        }
    }

    /// The most steps that a search from here can take, whatever the path.
    ///
    /// Each place of a trie is at one depth, and has one way to it, so a search passes it at most once. What can grow
    /// is the number of places: of the texts only one is like the segment, but each shape may have one that is.
    pub(super) fn steps_max(&self) -> u64 {
        let cost = |leaf: &[Entry]| leaf.iter().map(Entry::steps).fold(0, u64::saturating_add);
        let most = |below: &BTreeMap<_, Self>| below.values().map(Self::steps_max).max().unwrap_or(0);
        let tried = |shape: &Shape| u64::from(*shape != Shape::BARE);
        let shapes = self.shapes.iter().map(|(shape, alike)| most(alike).saturating_add(tried(shape)));
        let below = shapes.fold(most(&self.texts), u64::saturating_add);
        below.max(cost(&self.ends)).saturating_add(cost(&self.rests)).saturating_add(1)
    }
}
