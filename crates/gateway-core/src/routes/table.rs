//! Rules, and the table that finds the best one for a request.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::STEPS_MAX;
use super::captures::Captures;
use super::condition::{Condition, Lookup};
use super::conflict::{Conflict, Findings, Shadowed};
use super::host::{Host, Hosts};
use super::method::{MethodSet, Ways};
use super::segments::Segments;
use super::sprout::Sprout;
use super::template::Template;
use super::trie::{Entry, Trie, Visit, Walk};

/// Which requests a route takes. What is empty asks for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What people call it.
    pub label: String,
    /// The hosts that it takes requests for; none: any.
    pub hosts: Vec<Host>,
    /// The paths.
    pub template: Template,
    /// The methods; none: any.
    pub methods: MethodSet,
    /// What it asks of headers: all must hold.
    pub headers: Vec<Condition>,
    /// What it asks of query parameters: all must hold.
    pub query: Vec<Condition>,
}

/// A request, as far as routes look at it.
#[derive(Clone, Copy)]
pub struct Query<'a> {
    /// `Host` or `:authority`, also with a port and in any case; empty if there is none.
    pub host: &'a [u8],
    /// The path, normalised, without the query.
    pub path: &'a [u8],
    /// The method, as it came.
    pub method: &'a [u8],
    /// Asked only if a rule that matches by host and path has conditions.
    pub headers: &'a dyn Lookup,
    /// What follows the `?`, as it came; empty if there is none.
    pub query: &'a [u8],
}

/// What a request finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The rule of this number, counted from 0, takes it.
    Route(u32),
    /// There are rules, but not for its method. They have these, `HEAD` wherever there is `GET`.
    MethodNotAllowed(MethodSet),
    /// No rule takes it, whatever the method.
    NotFound,
}

/// All rules, ready to be searched. How long a search takes depends on the segments of the path, not on how many rules
/// there are.
pub struct Table {
    rules: Vec<Rule>,
    trie: Trie,
    hosts: Hosts,
    shadowed: Vec<Shadowed>,
    steps_max: u64,
}

impl Table {
    /// Builds the table, or says of all rules that are in conflict why.
    pub fn build(mut rules: Vec<Rule>) -> Result<Self, Vec<Conflict>> {
        for condition in rules.iter_mut().flat_map(|rule| &mut rule.headers) {
            condition.name = condition.name.to_ascii_lowercase().into();
        }
        let mut sprouts = grow(&rules);
        let mut findings = Findings::default();
        for (host, sprout) in &mut sprouts {
            sprout.leaves(&mut |leaf| {
                leaf.sort_by_key(|entry| rules.get(entry.rule as usize).map(|rule| order(rule, entry.rule)));
                findings.inspect(host, leaf, &rules);
            });
        }
        let steps: BTreeMap<&Host, u64> =
            sprouts.iter().map(|(host, sprout)| (host, sprout.steps_max())).collect();
        let mut steps_max = 0;
        for host in steps.keys() {
            let steps = covering(host)
                .filter_map(|host| steps.get(&host))
                .fold(0, |sum: u64, steps| sum.saturating_add(*steps));
            steps_max = steps_max.max(steps);
            if steps > STEPS_MAX {
                findings.conflicts.push(Conflict::TooManyWays { host: (*host).clone(), steps });
            }
        }
        if !findings.conflicts.is_empty() {
            return Err(findings.conflicts);
        }
        let (mut trie, mut hosts) = (Trie::default(), Hosts::default());
        for (host, sprout) in &sprouts {
            hosts.put(host, trie.plant(sprout, ""));
        }
        Ok(Self { trie, hosts, shadowed: findings.shadowed(), steps_max, rules })
    }

    /// Finds the rule that takes a request, and where the parameters of its template are.
    pub fn find(&self, query: &Query<'_>, captures: &mut Captures) -> Found {
        let mut choice = Choice::new(self, query);
        self.search(query, captures, &mut choice);
        choice.found()
    }

    /// A rule by its number.
    pub fn rule(&self, number: u32) -> Option<&Rule> {
        self.rules.get(number as usize)
    }

    /// All rules, in the order in which they were declared.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Rules that no request reaches. Worth a warning: their author meant something else.
    pub fn shadowed(&self) -> &[Shadowed] {
        &self.shadowed
    }

    /// The most steps that a request can take through this table, whatever its host and path: places entered,
    /// parameters tried, rules looked at, values of their conditions compared.
    pub fn steps_max(&self) -> u64 {
        self.steps_max
    }

    pub(super) fn search(&self, query: &Query<'_>, captures: &mut Captures, visit: &mut impl Visit) {
        captures.clear();
        let Some(segments) = Segments::of(query.path) else { return };
        let mut walk = Walk { trie: &self.trie, segments: &segments, captures, visit };
        self.hosts.any(query.host, |root| walk.enter(root, 0));
    }
}

/// One trie a host.
fn grow(rules: &[Rule]) -> BTreeMap<Host, Sprout> {
    let mut sprouts: BTreeMap<Host, Sprout> = BTreeMap::new();
    for (number, rule) in rules.iter().enumerate() {
        let conditions = rule.headers.iter().chain(&rule.query);
        let comparisons = conditions.map(Condition::comparisons).sum::<usize>() as u32;
        let entry = Entry { rule: number as u32, comparisons, methods: rule.methods.or_any() };
        let mut hosts: Vec<&Host> = rule.hosts.iter().collect();
        hosts.sort_unstable();
        hosts.dedup();
        if hosts.is_empty() {
            hosts.push(&Host::Any);
        }
        for host in hosts {
            if !sprouts.contains_key(host) {
                sprouts.insert(host.clone(), Sprout::default());
            }
            if let Some(sprout) = sprouts.get_mut(host) {
                sprout.add(&rule.template, entry);
            }
        }
    }
    sprouts
}

/// The order of rules at the same template.
fn order(rule: &Rule, number: u32) -> impl Ord + use<> {
    (rule.methods.is_empty(), Reverse(rule.headers.len()), Reverse(rule.query.len()), number)
}

/// All hosts whose rules a request may be tried with, if this is the best that it finds.
fn covering(host: &Host) -> impl Iterator<Item = Host> {
    let name = match host {
        Host::Exact(name) | Host::Wildcard(name) => &**name,
        Host::Any => "",
    };
    let wildcards = name
        .match_indices('.')
        .filter_map(|(dot, _)| name.get(dot + 1..))
        .map(|name| Host::Wildcard(name.into()));
    let own = (*host != Host::Any).then(|| host.clone());
    own.into_iter().chain(wildcards).chain([Host::Any])
}

/// The choice among rules at the end of their template.
pub(super) struct Choice<'a> {
    table: &'a Table,
    query: &'a Query<'a>,
    ways: Ways,
    route: Option<u32>,
    /// What rules take that fail only by their method.
    allowed: MethodSet,
}

impl<'a> Choice<'a> {
    pub(super) fn new(table: &'a Table, query: &'a Query<'a>) -> Self {
        let ways = Ways::of(query.method);
        Self { table, query, ways, route: None, allowed: MethodSet::default() }
    }

    pub(super) fn found(&self) -> Found {
        match self.route {
            Some(rule) => Found::Route(rule),
            None if self.allowed.is_empty() => Found::NotFound,
            None => Found::MethodNotAllowed(self.allowed.with_head()),
        }
    }

    fn holds(&self, entry: &Entry) -> bool {
        entry.comparisons == 0
            || self.table.rule(entry.rule).is_some_and(|rule| {
                rule.headers.iter().all(|condition| condition.holds_of_headers(self.query.headers))
                    && rule.query.iter().all(|condition| condition.holds_of_query(self.query.query))
            })
    }
}

impl Visit for Choice<'_> {
    fn leaf(&mut self, entries: &[Entry]) -> bool {
        for way in self.ways.iter() {
            let taken = entries.iter().find(|entry| entry.methods.overlaps(way) && self.holds(entry));
            if let Some(entry) = taken {
                self.route = Some(entry.rule);
                return true;
            }
        }
        for entry in entries {
            if self.ways.taken_by(entry.methods).is_none() && self.holds(entry) {
                self.allowed.add(entry.methods);
            }
        }
        false
    }
}
