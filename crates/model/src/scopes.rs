//! Which scopes a connection needs for what is called over it, against those that it was granted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{
    Block, Call, Connection, EachSource, Flow, Operation, OperationId, Snapshot, Step, StepKind, Trigger,
};

/// Scopes by which a provider is asked for more than access to its API: who the person is, and tokens that last.
const OF_PROTOCOL: &[&str] = &["openid", "profile", "email", "offline_access", "offline", "refresh_token"];

/// An operation that something of the project calls.
#[derive(Clone, Debug)]
pub struct Use {
    /// Who calls it: `flow lead-intake, step enrich`.
    pub by: Arc<str>,
    /// What is called.
    pub operation: OperationId,
    /// Any one of these sets of scopes allows it; empty if nobody says.
    pub scopes: Vec<Vec<Arc<str>>>,
}

impl Use {
    fn new(by: String, operation: &Operation) -> Self {
        Self { by: by.into(), operation: operation.id.clone(), scopes: operation.scopes.clone() }
    }
}

/// A use that what was granted does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lacking {
    /// The operation.
    pub operation: Arc<str>,
    /// Who calls it.
    pub by: Arc<str>,
    /// Any one of these sets of scopes would do.
    pub any_of: Vec<Vec<Arc<str>>>,
}

/// What was granted against what is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeAdvice {
    /// The scopes that uses need, each with who needs it.
    pub needed: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Granted, and needed by no use that is known.
    pub spare: Vec<Arc<str>>,
    /// Uses that what was granted does not allow.
    pub lacking: Vec<Lacking>,
    /// Operations that are used, and of which nobody says what scopes they need.
    pub silent: Vec<Arc<str>>,
    /// What to ask for instead: what is needed, and what belongs to the protocol.
    pub proposal: Vec<Arc<str>>,
}

impl ScopeAdvice {
    /// Compares. What providers hold to be included in other scopes is not known, unless operations name alternatives.
    pub fn of(uses: &[Use], granted: &BTreeSet<Arc<str>>) -> Self {
        let mut advice = Self::default();
        let (mut open, mut silent) = (Vec::new(), BTreeSet::new());
        for one in uses {
            match one.scopes.as_slice() {
                [] => {
                    silent.insert(Arc::from(one.operation.as_str()));
                }
                sets => open.push((one, sets)),
            }
        }
        // What leaves no choice comes first, so that a choice can fall on what is needed anyway.
        open.sort_by_key(|(_, sets)| sets.len());
        for (one, sets) in open {
            if !sets.iter().any(|set| set.iter().all(|scope| granted.contains(scope))) {
                let operation = Arc::from(one.operation.as_str());
                advice.lacking.push(Lacking { operation, by: one.by.clone(), any_of: sets.to_vec() });
            }
            let dearness = |set: &&Vec<Arc<str>>| {
                let lacking = set.iter().filter(|scope| !granted.contains(*scope)).count();
                let unneeded = set.iter().filter(|scope| !advice.needed.contains_key(*scope)).count();
                // To widen what is there by one scope is less than to ask for another.
                let there = if lacking > 0 { set.len() - lacking } else { 0 };
                (lacking, Reverse(there), unneeded, set.len())
            };
            let Some(set) = sets.iter().min_by_key(dearness).cloned() else { continue };
            for scope in set {
                advice.needed.entry(scope).or_default().push(one.by.clone());
            }
        }
        let kept = |scope: &&Arc<str>| OF_PROTOCOL.contains(&&***scope);
        let unneeded = granted.iter().filter(|scope| !advice.needed.contains_key(*scope));
        let (protocol, spare): (Vec<_>, Vec<_>) = unneeded.partition(kept);
        advice.proposal = advice.needed.keys().chain(protocol).cloned().collect();
        advice.spare = spare.into_iter().cloned().collect();
        advice.silent = silent.into_iter().collect();
        advice
    }
}

impl Snapshot {
    /// Everything of the project that calls an operation over this connection, in the order of the flows.
    pub fn uses(&self, connection: &Connection) -> Vec<Use> {
        let mut uses = Uses { connection, found: Vec::new() };
        self.flows.values().for_each(|flow| uses.of_flow(flow));
        uses.found
    }
}

struct Uses<'a> {
    connection: &'a Connection,
    found: Vec<Use>,
}

impl Uses<'_> {
    fn of_flow(&mut self, flow: &Flow) {
        match &flow.trigger {
            Trigger::Poll(poll) => self.of_call(&poll.call, &format!("flow {}, poll", flow.name)),
            Trigger::Webhook(webhook) => {
                if let Some(told) =
                    webhook.subscribed.as_ref().filter(|s| s.connection == self.connection.name)
                {
                    let how = &told.how;
                    let rest = [&how.renew, &how.unsubscribe, &how.find].into_iter().flatten();
                    for registration in std::iter::once(&how.subscribe).chain(rest) {
                        self.add(registration.operation.as_str(), &format!("flow {}, webhook", flow.name));
                    }
                }
            }
            _ => {}
        }
        self.of_block(&flow.block, flow);
    }

    fn of_block(&mut self, block: &Block, flow: &Flow) {
        block.steps.iter().for_each(|step| self.of_step(step, flow));
    }

    fn of_step(&mut self, step: &Step, flow: &Flow) {
        let by = format!("flow {}, step {}", flow.name, step.name);
        match &step.kind {
            StepKind::Call(call) => self.of_call(call, &by),
            StepKind::Each(each) => {
                if let EachSource::Pages(call) = &each.source {
                    self.of_call(call, &by);
                }
                self.of_block(&each.block, flow);
            }
            StepKind::Branch(branch) => branch.arms.iter().for_each(|arm| self.of_block(&arm.block, flow)),
            StepKind::Parallel(parallel) => {
                parallel.arms.iter().for_each(|(_, block)| self.of_block(block, flow));
            }
            StepKind::Map(_)
            | StepKind::Wait(_)
            | StepKind::Approve(_)
            | StepKind::Emit(_)
            | StepKind::SubFlow(_) => {}
        }
        if let Some(undo) = &step.undo {
            self.of_call(undo, &format!("{by}, undo"));
        }
        if let Some(catch) = &step.catch {
            self.of_block(&catch.block, flow);
        }
    }

    fn of_call(&mut self, call: &Call, by: &str) {
        if call.connection == self.connection.name {
            self.add(call.operation.as_str(), by);
        }
    }

    /// Adds an operation, and what finds out whether it took effect.
    fn add(&mut self, operation: &str, by: &str) {
        let operations = &self.connection.connector.operations;
        let Some(operation) = operations.get(operation) else { return };
        if let Some(probe) = operation.probe.as_ref().and_then(|p| operations.get(p.operation.as_str())) {
            self.found.push(Use::new(format!("{by}, probe"), &probe));
        }
        self.found.push(Use::new(by.to_owned(), &operation));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(of: &[(&str, &[&[&str]])]) -> Vec<Use> {
        of.iter()
            .map(|(operation, sets)| Use {
                by: Arc::from("flow f, step s"),
                operation: OperationId::new(operation).unwrap(),
                scopes: sets.iter().map(|set| set.iter().map(|scope| Arc::from(*scope)).collect()).collect(),
            })
            .collect()
    }

    fn check(of: &[(&str, &[&[&str]])], granted: &[&str]) -> String {
        let granted = granted.iter().map(|scope| Arc::from(*scope)).collect();
        let advice = ScopeAdvice::of(&uses(of), &granted);
        let lacking: Vec<_> = advice.lacking.iter().map(|one| &*one.operation).collect();
        format!(
            "spare {}; lacking {}; silent {}; ask for {}",
            advice.spare.join(" "),
            lacking.join(" "),
            advice.silent.join(" "),
            advice.proposal.join(" ")
        )
    }

    #[test]
    fn what_no_use_needs_is_spare_but_for_what_belongs_to_the_protocol() {
        let said = check(&[("list", &[&["read"]])], &["admin", "offline_access", "read"]);
        assert_eq!(said, "spare admin; lacking ; silent ; ask for read offline_access");
    }

    #[test]
    fn a_choice_falls_on_what_is_needed_anyway() {
        let said = check(&[("get", &[&["items"], &["write"]]), ("put", &[&["write"]])], &["items", "write"]);
        assert_eq!(said, "spare items; lacking ; silent ; ask for write");
    }

    #[test]
    fn a_choice_falls_on_what_was_granted() {
        let said = check(&[("get", &[&["everything"], &["read"]])], &["read"]);
        assert_eq!(said, "spare ; lacking ; silent ; ask for read");
    }

    #[test]
    fn what_is_lacking_is_proposed() {
        let said = check(&[("put", &[&["read", "write"], &["admin"]])], &["read"]);
        assert_eq!(said, "spare ; lacking put; silent ; ask for read write");
    }

    #[test]
    fn operations_that_say_nothing_of_scopes_are_named() {
        let said = check(&[("get", &[])], &["read"]);
        assert_eq!(said, "spare read; lacking ; silent get; ask for ");
    }
}
