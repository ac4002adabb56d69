//! Rules that get in each other's way.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::condition::imply;
use super::host::Host;
use super::method::MethodSet;
use super::table::Rule;
use super::trie::Entry;
use super::{STEPS_MAX, Template};

/// Why no table can be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Conflict {
    /// Two rules that no request can tell apart: host, shape of the template, methods and conditions are alike.
    #[error("`{labels}` take the same requests: {what}; let one ask for another method, path or condition",
        labels = labels.join("` and `"), what = what(*methods, host, template))]
    Same {
        /// The one that is declared first.
        first: u32,
        /// The other.
        second: u32,
        /// Their labels.
        labels: [String; 2],
        /// A host that both take.
        host: Host,
        /// The template of the first.
        template: Template,
        /// The methods that both take; none if it is any.
        methods: MethodSet,
    },
    /// So many rules match one path in part that a request could keep the gateway busy.
    #[error(
        "so many rules at `{host}` are alike that a request could take {steps} steps to find its own, and at most \
             {STEPS_MAX} are taken; let them differ by text earlier in the path, or part them by host"
    )]
    TooManyWays {
        /// The host.
        host: Host,
        /// The most steps that a request may take there.
        steps: u64,
    },
}

/// A rule that no request reaches, because another goes before it wherever it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadowed {
    /// The rule.
    pub rule: u32,
    /// One that hides it.
    pub by: u32,
}

/// What has been found of rules that get in each other's way, host by host and template by template.
#[derive(Default)]
pub(super) struct Findings {
    pairs: BTreeSet<(u32, u32)>,
    pub(super) conflicts: Vec<Conflict>,
    /// Of each rule in how many places it stands, in how many of them it is hidden, and by whom.
    hidden: BTreeMap<u32, (usize, usize, u32)>,
}

impl Findings {
    /// Looks at those that share host and template, the best first.
    pub(super) fn inspect(&mut self, host: &Host, leaf: &[Entry], rules: &[Rule]) {
        // Refused below anyway, and each would be compared with each.
        if leaf.len() as u64 > STEPS_MAX {
            return;
        }
        for (at, entry) in leaf.iter().enumerate() {
            let Some(own) = rules.get(entry.rule as usize) else { continue };
            let better = leaf.iter().take(at).filter(|better| better.methods.overlaps(entry.methods));
            let mut hidden_by = None;
            for entry_before in better {
                let Some(before) = rules.get(entry_before.rule as usize) else { continue };
                if !asks_no_more(before, own) {
                    continue;
                }
                if alike(before, own) {
                    self.conflict(host, rules, entry_before, entry);
                    break;
                }
                if entry_before.methods.covers(entry.methods) {
                    hidden_by.get_or_insert(entry_before.rule);
                }
            }
            let (stands, hides, by) = self.hidden.entry(entry.rule).or_default();
            *stands += 1;
            if let Some(rule) = hidden_by {
                *hides += 1;
                *by = rule;
            }
        }
    }

    fn conflict(&mut self, host: &Host, rules: &[Rule], one: &Entry, other: &Entry) {
        let (first, second) = (one.rule.min(other.rule), one.rule.max(other.rule));
        let (Some(a), Some(b)) = (rules.get(first as usize), rules.get(second as usize)) else { return };
        if self.pairs.insert((first, second)) {
            self.conflicts.push(Conflict::Same {
                first,
                second,
                labels: [a.label.clone(), b.label.clone()],
                host: host.clone(),
                template: a.template.clone(),
                methods: a.methods.both(b.methods),
            });
        }
    }

    /// Rules that are hidden wherever they stand.
    pub(super) fn shadowed(&self) -> Vec<Shadowed> {
        let hidden = self.hidden.iter().filter(|(_, (stands, hides, _))| stands == hides);
        hidden.map(|(rule, (.., by))| Shadowed { rule: *rule, by: *by }).collect()
    }
}

/// Whether all that satisfies the second rule's conditions satisfies the first's.
fn asks_no_more(first: &Rule, second: &Rule) -> bool {
    imply(&second.headers, &first.headers) && imply(&second.query, &first.query)
}

/// Whether two rules, of which the first asks no more, ask for the same.
fn alike(first: &Rule, second: &Rule) -> bool {
    first.headers.len() == second.headers.len()
        && first.query.len() == second.query.len()
        && asks_no_more(second, first)
}

fn what(methods: MethodSet, host: &Host, template: &Template) -> String {
    let methods = if methods.is_empty() { "any method".to_owned() } else { methods.to_string() };
    match host {
        Host::Any => format!("{methods} at {template}"),
        host => format!("{methods} at {host}{template}"),
    }
}
