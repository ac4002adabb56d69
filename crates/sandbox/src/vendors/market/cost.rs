//! What a query costs, before it is executed: a point for each object, ten for each change.

use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Field, Operation, Selection, SelectionSet, Value};
use apollo_compiler::response::JsonMap;
use parking_lot::Mutex;
use sinew_stdx::Timestamp;

/// Items of a page whose size is not said.
const PAGE: u64 = 10;
/// What a change costs.
const CHANGE: u64 = 10;

/// The points that a query asks for.
pub(super) fn of(operation: &Operation, document: &ExecutableDocument, variables: &JsonMap) -> u64 {
    let changes = if operation.is_mutation() { CHANGE } else { 0 };
    changes + of_set(&operation.selection_set, document, variables)
}

fn of_set(set: &SelectionSet, document: &ExecutableDocument, variables: &JsonMap) -> u64 {
    let mut points = 0_u64;
    for selection in &set.selections {
        points = points.saturating_add(match selection {
            Selection::Field(field) => of_field(field, document, variables),
            Selection::InlineFragment(fragment) => of_set(&fragment.selection_set, document, variables),
            Selection::FragmentSpread(spread) => {
                let fragment = document.fragments.get(&spread.fragment_name);
                fragment.map_or(0, |fragment| of_set(&fragment.selection_set, document, variables))
            }
        });
    }
    points
}

fn of_field(field: &Field, document: &ExecutableDocument, variables: &JsonMap) -> u64 {
    let is_plain = field.selection_set.selections.is_empty() || field.name.starts_with("__");
    if is_plain || &*field.name == "pageInfo" {
        return 0;
    }
    let inside = of_set(&field.selection_set, document, variables);
    if !field.ty().inner_named_type().ends_with("Connection") {
        return inside.saturating_add(1);
    }
    let said = |name: &str| {
        let argument = field.arguments.iter().find(|argument| argument.name == name)?;
        match &*argument.value {
            Value::Int(number) => number.try_to_i32().ok().and_then(|n| u64::try_from(n).ok()),
            Value::Variable(name) => variables.get(name.as_str())?.as_u64(),
            _ => None,
        }
    };
    let size = said("first").or_else(|| said("last")).unwrap_or(PAGE);
    // The lists of a page are its items by two names.
    inside.saturating_mul(size).saturating_add(1)
}

/// A bucket of points over the sandbox's clock.
#[derive(Default)]
pub(super) struct Points(Mutex<Option<(f64, Timestamp)>>);

/// What the bucket said to one query.
pub(super) struct Level {
    pub(super) granted: bool,
    /// Whole points left.
    pub(super) left: u64,
}

impl Points {
    /// Takes the points if they are there. The bucket starts full.
    pub(super) fn take(&self, now: Timestamp, points: u64, rate_per_s: u32, capacity: u32) -> Level {
        let (rate, capacity) = (f64::from(rate_per_s), f64::from(capacity));
        let mut state = self.0.lock();
        let (before, at) = state.unwrap_or((capacity, now));
        let mut there = (before + now.since(at).as_secs_f64() * rate).min(capacity);
        let granted = there >= points as f64;
        if granted {
            there -= points as f64;
        }
        *state = Some((there, now.max(at)));
        Level { granted, left: there as u64 }
    }

    pub(super) fn reset(&self) {
        *self.0.lock() = None;
    }
}
