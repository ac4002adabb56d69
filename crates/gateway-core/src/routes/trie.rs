//! The trie that is searched: flat, compact, and laid out in the order of the search.
//!
//! Each place knows how many segments there must be below it, so a path that is too short or too long for a branch does
//! not enter it. Text is found by hash where there is much to choose from; its hash is compared before its bytes, which
//! lie in the place that is entered next, so that a step costs two lines of cache.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::Range;

use super::captures::Captures;
use super::hash::{digest, same};
use super::method::MethodSet;
use super::rank::Shape;
use super::segments::Segments;
use super::sprout::Sprout;

/// A rule at the end of its template.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) rule: u32,
    /// How many values its conditions may be compared with; none if it has no conditions.
    pub(super) comparisons: u32,
    /// What it takes, [any](MethodSet::or_any) if it names none.
    pub(super) methods: MethodSet,
}

impl Entry {
    /// What it costs to look at it.
    pub(super) fn steps(&self) -> u64 {
        1 + u64::from(self.comparisons)
    }
}

/// What a search does with what it finds.
pub(super) trait Visit {
    /// Whether one of these takes the request, and the search is over.
    fn leaf(&mut self, entries: &[Entry]) -> bool;

    /// A place was entered, or a shape tried. Only tests count.
    fn step(&mut self) {}
}

#[derive(Default)]
pub(super) struct Trie {
    places: Vec<Place>,
    slots: Vec<Slot>,
    shapes: Vec<Alike>,
    entries: Vec<Entry>,
    texts: Vec<u8>,
}

/// The most bytes of text that a place holds itself: what makes it as large as a line of cache.
const INLINE_BYTES: usize = 16;

/// One place, in one line of cache.
#[repr(align(64))]
struct Place {
    /// The text of the segment by which one comes here, or where it is in `texts` if it is long.
    inline: [u8; INLINE_BYTES],
    text_at: u32,
    text_bytes: u16,
    reach: Reach,
    texts: Ways,
    /// By text around a parameter, the most text first.
    shapes: Span,
    /// By a parameter that has the segment for itself.
    parameter: Option<NonZeroU32>,
    ends: Span,
    rests: Span,
}

/// The fewest and the most segments that lead from a place to an entry.
#[derive(Clone, Copy, Default)]
struct Reach {
    least: u8,
    most: u8,
}

impl Reach {
    const NONE: Self = Self { least: u8::MAX, most: 0 };
    const END: Self = Self { least: 0, most: 0 };
    /// The most of all stands for any number: templates have no more than [`SEGMENTS_MAX`](super::SEGMENTS_MAX).
    const REST: Self = Self { least: 0, most: u8::MAX };

    fn or(self, other: Self) -> Self {
        Self { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// From the place before.
    fn before(self) -> Self {
        Self { least: self.least.saturating_add(1), most: self.most.saturating_add(1) }
    }

    fn has(self, segments: usize) -> bool {
        segments >= self.least as usize && (segments <= self.most as usize || self.most == Self::REST.most)
    }
}

/// Some of a list.
#[derive(Clone, Copy, Default)]
struct Span {
    start: u32,
    count: u32,
}

impl Span {
    fn of<T>(self, all: &[T]) -> &[T] {
        all.get(self.start as usize..(self.start + self.count) as usize).unwrap_or_default()
    }

    fn append<T>(all: &mut Vec<T>, some: impl IntoIterator<Item = T>) -> Self {
        let start = all.len();
        all.extend(some);
        Self { start: start as u32, count: (all.len() - start) as u32 }
    }
}

/// A way to a place: part of the hash of its text, and which it is.
#[derive(Clone, Copy, Default)]
struct Slot {
    tag: u32,
    /// None in a slot that is free. The first place of all is where a host begins, and no way leads there.
    place: Option<NonZeroU32>,
}

/// The most slots that are looked at one after the other. More are a hash table, at most half full.
const ROW_SLOTS_MAX: usize = 8;

/// Parameters with as much text before and after them.
struct Alike {
    shape: Shape,
    ways: Ways,
}

/// Where texts lead.
#[derive(Clone, Copy)]
enum Ways {
    /// To one place, or to none.
    One(Option<NonZeroU32>),
    /// To one for each slot.
    Each(Span),
}

impl Trie {
    /// Takes over what has grown; gives back where it begins.
    pub(super) fn plant(&mut self, sprout: &Sprout, text: &str) -> u32 {
        let at = self.places.len();
        let bare = self.bare(sprout, text.as_bytes());
        self.places.push(bare);
        let mut reach = if sprout.ends.is_empty() { Reach::NONE } else { Reach::END };
        if !sprout.rests.is_empty() {
            reach = reach.or(Reach::REST);
        }
        let (texts, below) = self.ways(&sprout.texts, usize::MAX);
        reach = reach.or(below);
        let (mut shapes, mut parameter) = (Vec::new(), None);
        for (shape, alike) in &sprout.shapes {
            let (ways, below) = self.ways(alike, shape.before as usize);
            reach = reach.or(below);
            match ways {
                Ways::One(place) if *shape == Shape::BARE => parameter = place,
                ways => shapes.push(Alike { shape: *shape, ways }),
            }
        }
        let shapes = Span::append(&mut self.shapes, shapes);
        if let Some(place) = self.places.get_mut(at) {
            *place = Place { reach, texts, shapes, parameter, ..*place };
        }
        at as u32
    }

    /// A place that leads nowhere yet.
    fn bare(&mut self, sprout: &Sprout, text: &[u8]) -> Place {
        let mut inline = [0; INLINE_BYTES];
        let text_at = self.texts.len() as u32;
        match inline.get_mut(..text.len()) {
            Some(inline) => inline.copy_from_slice(text),
            None => self.texts.extend(text),
        }
        Place {
            inline,
            text_at,
            text_bytes: text.len() as u16,
            reach: Reach::NONE,
            texts: Ways::One(None),
            shapes: Span::default(),
            parameter: None,
            ends: Span::append(&mut self.entries, sprout.ends.iter().copied()),
            rests: Span::append(&mut self.entries, sprout.rests.iter().copied()),
        }
    }

    /// Plants what is below a place, by texts of which so many bytes are before a parameter.
    fn ways(&mut self, below: &BTreeMap<Box<str>, Sprout>, before: usize) -> (Ways, Reach) {
        let (mut slots, mut reach) = (Vec::new(), Reach::NONE);
        for (text, sprout) in below {
            let at = self.plant(sprout, text);
            reach = self.places.get(at as usize).map_or(reach, |place| reach.or(place.reach.before()));
            let (before, after) = text.split_at_checked(before).unwrap_or((text, ""));
            slots.push(Slot { tag: tag(before.as_bytes(), after.as_bytes()), place: NonZeroU32::new(at) });
        }
        let ways = match slots.as_slice() {
            [] => Ways::One(None),
            [only] => Ways::One(only.place),
            row if row.len() <= ROW_SLOTS_MAX => Ways::Each(Span::append(&mut self.slots, slots)),
            _ => Ways::Each(Span::append(&mut self.slots, hash_table(&slots))),
        };
        (ways, reach)
    }

    /// The place that a text leads to.
    fn follow(&self, ways: Ways, before: &[u8], after: &[u8]) -> Option<NonZeroU32> {
        let slots = match ways {
            Ways::One(place) => return place.filter(|place| self.has(*place, before, after)),
            Ways::Each(slots) => slots.of(&self.slots),
        };
        let tag = tag(before, after);
        let wanted =
            |slot: &Slot| slot.place.filter(|place| slot.tag == tag && self.has(*place, before, after));
        if slots.len() <= ROW_SLOTS_MAX {
            return slots.iter().find_map(wanted);
        }
        let taken =
            probes(tag, slots.len()).map_while(|at| slots.get(at).filter(|slot| slot.place.is_some()));
        taken.into_iter().find_map(wanted)
    }

    /// Whether one comes to a place by this text.
    fn has(&self, place: NonZeroU32, before: &[u8], after: &[u8]) -> bool {
        let Some(place) = self.places.get(place.get() as usize) else { return false };
        let (start, bytes) = (place.text_at as usize, place.text_bytes as usize);
        let text =
            place.inline.get(..bytes).or_else(|| self.texts.get(start..start + bytes)).unwrap_or_default();
        text.split_at_checked(before.len())
            .is_some_and(|(own_before, own_after)| same(own_before, before) && same(own_after, after))
    }
}

fn hash_table(slots: &[Slot]) -> Vec<Slot> {
    let mut table = vec![Slot::default(); (slots.len() * 2).next_power_of_two()];
    for slot in slots {
        let free =
            probes(slot.tag, table.len()).find(|at| table.get(*at).is_some_and(|at| at.place.is_none()));
        if let Some(free) = free.and_then(|at| table.get_mut(at)) {
            *free = *slot;
        }
    }
    table
}

/// Where to look in a table of this size, which is a power of two, one after the other.
fn probes(tag: u32, slots: usize) -> impl Iterator<Item = usize> {
    let start = tag as usize;
    (0..slots).map(move |step| (start + step) & (slots - 1))
}

/// What stands for a text where many are.
pub(super) fn tag(before: &[u8], after: &[u8]) -> u32 {
    let hash = digest(0, before);
    let hash = if after.is_empty() { hash } else { digest(hash, after) };
    (hash >> 32) as u32
}

/// A search under way.
pub(super) struct Walk<'a, V> {
    pub(super) trie: &'a Trie,
    pub(super) segments: &'a Segments<'a>,
    pub(super) captures: &'a mut Captures,
    pub(super) visit: &'a mut V,
}

impl<'a, V: Visit> Walk<'a, V> {
    /// Searches from a place on, at which this many segments have been taken. Recursive, and no deeper than a template.
    pub(super) fn enter(&mut self, at: u32, taken: usize) -> bool {
        let trie = self.trie;
        let Some(place) = trie.places.get(at as usize) else { return false };
        self.visit.step();
        if !place.reach.has(self.segments.count() - taken) {
            return false;
        }
        let found = match self.segments.span(taken) {
            Some(span) => self.take(place, taken, span),
            None => self.visit.leaf(place.ends.of(&trie.entries)),
        };
        found || place.rests.count > 0 && self.take_rest(place, taken)
    }

    /// Goes on by the next segment, which is here.
    fn take(&mut self, place: &'a Place, taken: usize, span: Range<usize>) -> bool {
        let trie = self.trie;
        let Some(segment) = self.segments.get(span.clone()) else { return false };
        if let Some(next) = trie.follow(place.texts, segment, b"")
            && self.enter(next.get(), taken + 1)
        {
            return true;
        }
        for Alike { shape, ways } in place.shapes.of(&trie.shapes) {
            self.visit.step();
            let (before, after) = (shape.before as usize, shape.after as usize);
            if segment.len() <= before + after {
                continue;
            }
            let (left, right) = (segment.get(..before), segment.get(segment.len() - after..));
            let next = left.zip(right).and_then(|(left, right)| trie.follow(*ways, left, right));
            if let Some(next) = next
                && self.take_parameter(next, taken, span.start + before..span.end - after)
            {
                return true;
            }
        }
        place.parameter.is_some_and(|next| !segment.is_empty() && self.take_parameter(next, taken, span))
    }

    fn take_parameter(&mut self, next: NonZeroU32, taken: usize, span: Range<usize>) -> bool {
        self.captures.push(span);
        let found = self.enter(next.get(), taken + 1);
        if !found {
            self.captures.pop();
        }
        found
    }

    fn take_rest(&mut self, place: &'a Place, taken: usize) -> bool {
        self.captures.push(self.segments.rest(taken));
        let found = self.visit.leaf(place.rests.of(&self.trie.entries));
        if !found {
            self.captures.pop();
        }
        found
    }
}
