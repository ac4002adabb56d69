//! Where a path's parameters are.

use std::ops::Range;

use super::PARAMETERS_MAX;

/// The places of a template's parameters in the path, in the template's order. As they were sent: not decoded.
///
/// Made once and used for one request after the other, without allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    spans: [(u32, u32); PARAMETERS_MAX],
    count: usize,
}

impl Captures {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are: as many as the template has parameters, or none if no route was found.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of the path that parameter number `index` of the template stands for, counted from 0.
    pub fn get(&self, index: usize) -> Option<Range<usize>> {
        self.spans().get(index).map(|(start, end)| *start as usize..*end as usize)
    }

    /// All of them, as `(start, end)`.
    pub fn spans(&self) -> &[(u32, u32)] {
        self.spans.get(..self.count).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// There is room: templates with more parameters are refused.
    pub(super) fn push(&mut self, span: Range<usize>) {
        if let Some(free) = self.spans.get_mut(self.count) {
            *free = (span.start as u32, span.end as u32);
            self.count += 1;
        }
    }

    pub(super) fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
    }
}
