use std::collections::BTreeMap;

use sinew_diag::{Diagnostic, Place, codes::config};
use sinew_mapping::{Expression, FieldTree, Mapping, Reads};

use crate::raw::{Entry, Node};
use crate::shape::variant_of;
use crate::{
    Approve, Arm, Block, Branch, Call, Catch, Each, EachSource, Effect, Emit, EventName, FlowName, OnFailure,
    Parallel, Reason, Reduce, Step, StepKind, StepName, SubFlow, Wait,
};

use super::call::{self, Found};
use super::fields::Fields;
use super::reader::{Names, Reader};
use super::step_shape::{ARM, OnReject, STEP};

/// Names that expressions are given, which no step may take.
const RESERVED: &[&str] = &["trigger", "error", "acc", "result"];

/// Reads the steps of one flow, keeping track of what its expressions may see and do read.
pub(crate) struct StepReader<'r, 'k> {
    pub(crate) reader: &'r mut Reader<'k>,
    /// The names that an expression sees here.
    scope: Vec<String>,
    /// Every step of the flow.
    steps: BTreeMap<String, Place>,
    /// What expressions read; one more for each `each` around.
    reads: Vec<Reads>,
    in_each: bool,
    /// What the flow does when a step fails for good.
    on_failure: OnFailure,
    /// The flows started by steps.
    pub(crate) sub_flows: Vec<(FlowName, Place)>,
}

impl<'r, 'k> StepReader<'r, 'k> {
    pub(crate) fn new(reader: &'r mut Reader<'k>, on_failure: OnFailure) -> Self {
        Self {
            reader,
            scope: vec!["trigger".to_owned()],
            steps: BTreeMap::new(),
            reads: vec![Reads::nothing()],
            in_each: false,
            on_failure,
            sub_flows: Vec::new(),
        }
    }

    /// Reports the unknown names, now that all steps are known, and gives what was read in all.
    pub(crate) fn finish(self) -> (Reads, Vec<(FlowName, Place)>) {
        self.reader.report_unknown(&self.steps);
        (self.reads.into_iter().fold(Reads::nothing(), Reads::union), self.sub_flows)
    }

    pub(crate) fn expression(&mut self, node: &Node) -> Option<Expression> {
        let expression = self.reader.expression(node, Names::These(&self.scope))?;
        self.absorb(expression.reads());
        Some(expression)
    }

    pub(crate) fn mapping(&mut self, node: Option<&Node>) -> Option<Mapping> {
        let mapping = self.reader.mapping(node, Names::These(&self.scope))?;
        self.absorb(mapping.reads());
        Some(mapping)
    }

    fn absorb(&mut self, reads: &Reads) {
        if let Some(innermost) = self.reads.last_mut() {
            *innermost = std::mem::replace(innermost, Reads::nothing()).union(reads.clone());
        }
    }

    /// An optional expression: nothing if it is not given, or if it is wrong and has been reported.
    fn optional(&mut self, node: Option<&Node>) -> Option<Expression> {
        node.and_then(|node| self.expression(node))
    }

    /// Reads steps whose names stay visible after them.
    pub(crate) fn steps(&mut self, node: Option<&Node>) -> Block {
        let mut steps = Vec::new();
        for item in node.map_or(&[][..], Node::items) {
            if let [entry] = item.entries() {
                let step = self.step(entry);
                self.scope.push(entry.name.clone());
                steps.extend(step);
            }
        }
        Block { steps }
    }

    /// Reads a block, whose steps are visible in it only.
    fn block(&mut self, node: Option<&Node>) -> Block {
        let outside = self.scope.len();
        let block = self.steps(node);
        self.scope.truncate(outside);
        block
    }

    fn take_name(&mut self, entry: &Entry) {
        if RESERVED.contains(&entry.name.as_str()) {
            let message = format!("`{}` means something else in expressions", entry.name);
            self.reader.error(config::DUPLICATE_STEP, message, entry.name_place.clone());
        } else if self.scope.contains(&entry.name) && !self.steps.contains_key(&entry.name) {
            let message = format!("`{}` is the item's name here", entry.name);
            self.reader.error(config::DUPLICATE_STEP, message, entry.name_place.clone());
        }
        if let Some(first) = self.steps.get(&entry.name) {
            self.reader.out.push(
                Diagnostic::error(
                    config::DUPLICATE_STEP,
                    format!("a second step is called `{}`", entry.name),
                )
                .at(entry.name_place.clone())
                .help(format!("the first is on line {}; names are unique in a flow", first.line)),
            );
        } else {
            self.steps.insert(entry.name.clone(), entry.name_place.clone());
        }
    }

    fn step(&mut self, entry: &Entry) -> Option<Step> {
        self.take_name(entry);
        let fields = Fields::of(&entry.value, variant_of(&entry.value, &STEP)?);
        let when = self.optional(fields.node("when"));
        let (kind, effect) = self.kind(fields);
        let catch = fields.record("catch").map(|catch| self.catch(catch));
        let undo = if fields.knows("undo") {
            fields.record("undo").and_then(|undo| self.undo(fields, undo, entry, effect))
        } else {
            None
        };
        Some(Step {
            name: StepName::new(&entry.name).ok()?,
            place: entry.name_place.clone(),
            kind: kind?,
            when,
            catch,
            undo,
            keep: Reads::nothing(),
        })
    }

    /// What a step does, and the effect of its operation if it calls one.
    fn kind(&mut self, fields: Fields<'_>) -> (Option<StepKind>, Option<Effect>) {
        if fields.knows("call") {
            let (call, found) = self.call(fields);
            return (call.map(StepKind::Call), found.map(|found| found.operation.effect));
        }
        let kind = if fields.knows("map") {
            self.mapping(fields.node("map")).map(StepKind::Map)
        } else if fields.knows("branch") {
            Some(self.branch(fields))
        } else if fields.knows("parallel") {
            Some(self.parallel(fields))
        } else if fields.knows("each") {
            self.each(fields)
        } else if fields.knows("approve") {
            self.approve(fields)
        } else if fields.knows("emit") {
            self.emit(fields)
        } else if fields.knows("flow") {
            self.sub_flow(fields)
        } else {
            self.wait(fields)
        };
        (kind, None)
    }

    fn call(&mut self, fields: Fields<'_>) -> (Option<Call>, Option<Found>) {
        let with = self.mapping(fields.node("with"));
        let found = self.reader.find_call(fields);
        let call = with.zip(found.as_ref()).and_then(|(with, found)| call::read(fields, found, with));
        (call, found)
    }

    fn undo(
        &mut self,
        step: Fields<'_>,
        fields: Fields<'_>,
        entry: &Entry,
        effect: Option<Effect>,
    ) -> Option<Call> {
        if self.in_each {
            self.not_in_each(step, "undo", "`undo`");
        } else if self.on_failure != OnFailure::Undo {
            self.reader.out.push(
                Diagnostic::error(
                    config::UNDO_NEVER,
                    format!("`{}` says how it is taken back, but its flow takes nothing back", entry.name),
                )
                .at(step.place("undo"))
                .help("say `on_failure: undo` in the flow, or remove `undo`"),
            );
        }
        if effect == Some(Effect::Read) {
            self.reader.out.push(
                Diagnostic::error(
                    config::UNDO_OF_READ,
                    format!("`{}` reads, so there is nothing to undo", entry.name),
                )
                .at(fields.all().place.clone())
                .help("remove `undo`, or give it to the step that writes"),
            );
        }
        self.scope.push(entry.name.clone());
        let (call, _) = self.call(fields);
        self.scope.pop();
        call
    }

    fn catch(&mut self, fields: Fields<'_>) -> Catch {
        for node in fields.items("on") {
            let Some(text) = node.text() else { continue };
            let code = text.starts_with("SNW-") && sinew_diag::Code::find(text).is_some();
            if !code && !Reason::ALL.iter().any(|reason| reason.as_str() == text) {
                let message = format!("`{text}` is no reason and no code of a failure");
                let words = Reason::ALL.iter().map(|reason| reason.as_str());
                self.reader.unknown(config::UNKNOWN_WORD, message, node.place.clone(), text, words);
            }
        }
        self.scope.push("error".to_owned());
        let block = self.block(fields.node("steps"));
        self.scope.pop();
        Catch { on: fields.texts("on"), block }
    }

    fn branch(&mut self, fields: Fields<'_>) -> StepKind {
        let mut arms = Vec::new();
        let items = fields.items("branch");
        for (index, item) in items.iter().enumerate() {
            let Some(record) = variant_of(item, &ARM) else { continue };
            let arm = Fields::of(item, record);
            if arm.knows("when") {
                let when = arm.node("when").and_then(|node| self.expression(node));
                let block = self.block(arm.node("steps"));
                arms.extend(when.map(|when| Arm { when: Some(when), block }));
            } else {
                if index + 1 < items.len() {
                    let message = "`else` stands before other arms, which are never taken";
                    self.reader.error(config::ONE_OF, message, arm.place("else"));
                }
                arms.push(Arm { when: None, block: self.block(arm.node("else")) });
            }
        }
        StepKind::Branch(Branch { arms })
    }

    fn parallel(&mut self, fields: Fields<'_>) -> StepKind {
        let entries = fields.node("parallel").map(Node::entries).unwrap_or_default();
        let arms = entries.iter().filter_map(|entry| {
            let block = self.block(Some(&entry.value));
            Some((StepName::new(&entry.name).ok()?, block))
        });
        StepKind::Parallel(Parallel { arms: arms.collect() })
    }

    /// Refuses what cannot stand inside `each`, whose items leave no trace of their own to come back to.
    fn not_in_each(&mut self, fields: Fields<'_>, field: &str, what: &str) {
        if self.in_each {
            self.reader.out.push(
                Diagnostic::error(config::NOT_IN_EACH, format!("{what} cannot stand inside `each`"))
                    .at(fields.place(field))
                    .help("start a flow for every item: `flow: name` with `wait: false`, and do it there"),
            );
        }
    }

    fn each(&mut self, step: Fields<'_>) -> Option<StepKind> {
        self.not_in_each(step, "each", "a further `each`");
        let fields = step.record("each")?;
        let source = self.each_source(fields);
        let item = fields.said("as").and_then(|name| StepName::new(name).ok());
        let item_text = fields.said("as").unwrap_or_default().to_owned();
        if RESERVED.contains(&item_text.as_str()) || self.scope.contains(&item_text) {
            let message = format!("`{item_text}` means something else here; give the item another name");
            self.reader.error(config::DUPLICATE_STEP, message, fields.place("as"));
        }
        let outside = self.scope.clone();
        let was_in_each = std::mem::replace(&mut self.in_each, true);
        self.reads.push(Reads::nothing());
        self.scope.push(item_text.clone());
        let block = self.block(fields.node("steps"));
        self.scope.pop();
        self.in_each = was_in_each;
        let reads = self.reads.pop().unwrap_or_else(Reads::nothing);
        self.absorb(&reads);
        let reduce = fields.record("reduce").map(|reduce| self.reduce(reduce, item_text));
        Some(StepKind::Each(Box::new(Each {
            source: source?,
            item: item?,
            concurrency: fields.positive("concurrency")?,
            batch: fields.positive("batch"),
            block,
            reduce: match reduce {
                Some(reduce) => Some(reduce?),
                None => None,
            },
            collect: fields.boolean("collect"),
            failures_max: fields.count("failures_max"),
            reads: only(&reads, &outside),
        })))
    }

    fn each_source(&mut self, fields: Fields<'_>) -> Option<EachSource> {
        match fields.alternative()? {
            ("items", node) => self.expression(node).map(EachSource::Items),
            ("pages", _) => {
                let pages = fields.record("pages")?;
                let (call, found) = self.call(pages);
                if let Some(found) = found {
                    if found.operation.pagination.is_none() {
                        self.reader.not_paginated(&found.operation, found.place.clone());
                    }
                    if found.operation.effect != Effect::Read {
                        let message =
                            format!("`pages` needs a `read`, which `{}` is not", found.operation.id);
                        self.reader.error(config::NOT_A_READ, message, found.place);
                    }
                }
                call.map(EachSource::Pages)
            }
            _ => {
                let file = fields.record("file")?;
                let path = file.node("path").and_then(|node| self.expression(node));
                let format = super::file::read(file, self.reader);
                Some(EachSource::File { path: path?, format: format? })
            }
        }
    }

    fn reduce(&mut self, fields: Fields<'_>, item: String) -> Option<Reduce> {
        let names = ["acc".to_owned(), "result".to_owned(), item];
        let with = self.reader.mapping(fields.node("with"), Names::These(&names));
        Some(Reduce { start: fields.node("start")?.to_json(), with: with? })
    }

    fn wait(&mut self, step: Fields<'_>) -> Option<StepKind> {
        self.not_in_each(step, "wait", "`wait`");
        let fields = step.record("wait")?;
        let key = self.optional(fields.node("key"));
        let (what, node) = fields.alternative()?;
        if what != "event" {
            for name in ["key", "timeout"].into_iter().filter(|name| fields.node(name).is_some()) {
                let message = format!("`{name}` goes with `event`, not with `{what}`");
                self.reader.error(config::ONE_OF, message, fields.place(name));
            }
        }
        Some(StepKind::Wait(match what {
            "for" => Wait::For(fields.duration("for")?),
            "until" => Wait::Until(self.expression(node)?),
            _ => Wait::Event {
                event: EventName::new(node.text()?).ok()?,
                key,
                timeout: fields.duration("timeout"),
            },
        }))
    }

    fn approve(&mut self, step: Fields<'_>) -> Option<StepKind> {
        self.not_in_each(step, "approve", "`approve`");
        let fields = step.record("approve")?;
        let message = fields.node("message").and_then(|node| self.expression(node));
        Some(StepKind::Approve(Approve {
            message: message?,
            by: fields.texts("by"),
            timeout: fields.duration("timeout"),
            continue_rejected: fields.word::<OnReject>("on_reject")? == OnReject::Continue,
        }))
    }

    fn emit(&mut self, step: Fields<'_>) -> Option<StepKind> {
        let fields = step.record("emit")?;
        let with = self.mapping(fields.node("with"));
        let key = self.optional(fields.node("key"));
        Some(StepKind::Emit(Emit { event: EventName::new(fields.said("event")?).ok()?, with: with?, key }))
    }

    fn sub_flow(&mut self, fields: Fields<'_>) -> Option<StepKind> {
        let wait = fields.boolean("wait");
        if wait {
            self.not_in_each(fields, "flow", "a `flow` that is waited for");
        }
        let with = self.mapping(fields.node("with"));
        let node = fields.node("flow")?;
        let name = node.text()?;
        let declared = &self.reader.known.declared.flows;
        if !declared.contains(name) {
            let names = declared.iter().map(String::as_str);
            let message = format!("unknown flow `{name}`");
            self.reader.unknown(config::UNKNOWN_FLOW, message, node.place.clone(), name, names);
            return None;
        }
        let flow = FlowName::new(name).ok()?;
        self.sub_flows.push((flow.clone(), node.place.clone()));
        Some(StepKind::SubFlow(SubFlow { flow, with: with?, wait }))
    }
}

/// What is read of these names.
fn only(reads: &Reads, names: &[String]) -> Reads {
    match reads {
        Reads::Everything => Reads::Everything,
        Reads::Fields(tree) => {
            let mut kept = FieldTree::default();
            for (name, reads) in tree.iter().filter(|(name, _)| names.iter().any(|n| n == name)) {
                kept.insert(name, reads.clone());
            }
            Reads::Fields(kept)
        }
    }
}
