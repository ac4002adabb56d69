//! Compiled expressions, and their evaluation on the engine.
//!
//! What the engine makes of a syntax tree is `Rc` and stays on its thread, so each thread keeps its own under the
//! number of the [`Unit`]; the trees themselves are shared.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indexmap::IndexMap;
use jsonata_core::ast::{AstNode, UnaryOp};
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::{JMap, JValue};
use sinew_stdx::Json;

use crate::cost::Cost;
use crate::digits::Number;
use crate::direct::{Direct, Stop};
use crate::functions::{HostFunction, excess, find_any};
use crate::printer::{PrintError, Printer, push_number};
use crate::scope::Source;
use crate::session::Session;
use crate::syntax::Facts;
use crate::tokens::{Kind, tokens};
use crate::{CompileError, EvaluateError, Excess, Limits, Moment, Reads, Scope};
use crate::{analysis, diagnose, digits, guard, reader, vm};

/// What visiting a node takes at most, on a slow machine.
const VISIT_NS: u128 = 200;

/// Expressions that take less than this part of the time run without a watch.
const SHARE: u128 = 4;

/// How many units a thread keeps ready. Beyond that it forgets all and starts again; they are soon rebuilt.
const READY_MAX: usize = 4_096;

/// One expression.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) reads: Reads,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    /// Its JSON, the same for every input.
    Constant(Json),
    Run(Box<Run>),
}

/// What the engine evaluates.
#[derive(Debug)]
struct Run {
    /// A plain expression, which needs no engine as long as the data is plain, too.
    direct: Option<Direct>,
    ast: AstNode,
    /// The same with digits kept, where it makes a difference.
    careful: Option<AstNode>,
    shows_numbers: bool,
    reads_numbers: bool,
    /// Number literals that no double holds.
    literals: Vec<Box<str>>,
    hosts: Vec<&'static HostFunction>,
    /// The engine compiles it to its byte code, and it calls no function of the host.
    on_vm: bool,
    /// How long it takes at most, if that can be told.
    cost: Option<Cost>,
}

impl Leaf {
    /// Compiles a source.
    pub(crate) fn compile(source: &str) -> Result<Self, CompileError> {
        let ast = parser::parse(source).map_err(|error| diagnose::syntax(source, &error))?;
        let facts = Facts::of(&ast);
        if let Some(error) = diagnose::meaning(source, &ast, &facts) {
            return Err(error);
        }
        let reads = analysis::reads(&ast, &facts);
        let (mut ast, literals) = keep_literals(source).unwrap_or((ast, Vec::new()));
        if let Some(constant) = constant(&ast) {
            return Ok(Self { reads, plan: Plan::Constant(constant) });
        }
        let direct = if literals.is_empty() { Direct::compile(&ast) } else { None };
        guard::settle(&mut ast, &facts, &literals);
        let (shows_numbers, reads_numbers) = (guard::shows_numbers(&facts), guard::reads_numbers(&facts));
        let mut careful = (shows_numbers || reads_numbers).then(|| {
            let mut careful = ast.clone();
            guard::keep_digits(&mut careful, &facts);
            careful
        });
        // An expression that may loop can double a text each time round; as functions `&` and `$string` have a limit.
        if facts.may_loop()
            && let Some(guarded) = careful.take()
        {
            ast = guarded;
        }
        let mut hosts = Hosts::default();
        hosts.gather(&ast);
        if let Some(careful) = &careful {
            hosts.gather(careful);
        }
        let on_vm = literals.is_empty() && !hosts.called_by(&ast) && vm::takes(&ast);
        let hosts = hosts.0.into_values().collect();
        let cost = Cost::of(&ast, &facts);
        let run = Run { direct, ast, careful, shows_numbers, reads_numbers, literals, hosts, on_vm, cost };
        Ok(Self { reads, plan: Plan::Run(Box::new(run)) })
    }

    /// The same, always evaluated by the engine.
    #[cfg(test)]
    pub(crate) fn by_engine(mut self) -> Self {
        if let Plan::Run(run) = &mut self.plan {
            run.direct = None;
        }
        self
    }

    fn run(&self) -> Option<&Run> {
        match &self.plan {
            Plan::Constant(_) => None,
            Plan::Run(run) => Some(run),
        }
    }
}

/// The host functions that trees name, by name.
#[derive(Default)]
struct Hosts(std::collections::BTreeMap<String, &'static HostFunction>);

impl Hosts {
    fn gather(&mut self, ast: &AstNode) {
        let facts = Facts::of(ast);
        for name in facts.called.iter().chain(&facts.variables) {
            if let Some(function) = find_any(name) {
                self.0.insert(name.clone(), function);
            }
        }
    }

    fn called_by(&self, ast: &AstNode) -> bool {
        let facts = Facts::of(ast);
        facts.called.iter().chain(&facts.variables).any(|name| self.0.contains_key(name))
    }
}

/// The tree of a source whose number literals include some that no double holds, with calls in their place.
fn keep_literals(source: &str) -> Option<(AstNode, Vec<Box<str>>)> {
    let inexact = |text: &str| digits::read(text) == Number::Inexact;
    let tokens = tokens(source);
    if !tokens.iter().any(|t| t.kind == Kind::Number && inexact(t.text))
        || source.contains(guard::LITERAL_MARK)
    {
        return None;
    }
    let (mut marked, mut literals, mut at) = (String::new(), Vec::new(), 0);
    for token in tokens.iter().filter(|t| t.kind == Kind::Number && inexact(t.text)) {
        marked.push_str(source.get(at..token.start)?);
        marked.extend(["$", guard::LITERAL_MARK, itoa::Buffer::new().format(literals.len()), "()"]);
        literals.push(Box::from(token.text));
        at = token.end();
    }
    marked.push_str(source.get(at..)?);
    parser::parse(&marked).ok().map(|ast| (ast, literals))
}

fn constant(ast: &AstNode) -> Option<Json> {
    match ast {
        AstNode::String(text) => Some(Json::string(text)),
        AstNode::Number(n) => Some(number(*n)),
        AstNode::Unary { op: UnaryOp::Negate, operand } => match **operand {
            AstNode::Number(n) => Some(number(-n)),
            _ => None,
        },
        AstNode::Boolean(b) => Some(Json::of(b)),
        AstNode::Null => Some(Json::null()),
        _ => None,
    }
}

fn number(n: f64) -> Json {
    let mut text = String::new();
    push_number(n, &mut text);
    Json::from_printed(text)
}

/// Expressions that are evaluated together over one reading of the data.
#[derive(Debug)]
pub(crate) struct Unit {
    id: u64,
    pub(crate) leaves: Vec<Leaf>,
    pub(crate) reads: Reads,
}

impl Unit {
    pub(crate) fn new(leaves: Vec<Leaf>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let reads = leaves.iter().fold(Reads::nothing(), |reads, leaf| reads.union(leaf.reads.clone()));
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), leaves, reads }
    }
}

/// What the engine made of a leaf on this thread.
#[derive(Default)]
struct Ready {
    byte_code: OnceCell<jsonata_core::Expression>,
    /// With the limits it was made for, and whether it watches the clock.
    walker: RefCell<Option<(Limits, bool, Evaluator)>>,
}

thread_local! {
    static READY: RefCell<HashMap<u64, Rc<[Ready]>>> = RefCell::new(HashMap::new());
}

fn ready(unit: &Unit) -> Rc<[Ready]> {
    READY.with(|ready| {
        let mut ready = ready.borrow_mut();
        if let Some(known) = ready.get(&unit.id) {
            return Rc::clone(known);
        }
        if ready.len() >= READY_MAX {
            ready.clear();
        }
        let fresh: Rc<[Ready]> = unit.leaves.iter().map(|_| Ready::default()).collect();
        ready.insert(unit.id, Rc::clone(&fresh));
        fresh
    })
}

/// An evaluation of a unit over a scope.
pub(crate) struct Evaluation<'u> {
    unit: &'u Unit,
    ready: Rc<[Ready]>,
    session: Rc<Session>,
    data: JValue,
    /// How many values the data holds.
    values: u64,
    limits: Limits,
    /// When the first expression started that the clock has to watch.
    started: Cell<Option<Instant>>,
}

impl<'u> Evaluation<'u> {
    /// Reads what the unit needs of the scope.
    pub(crate) fn begin(
        unit: &'u Unit,
        scope: &Scope<'_>,
        moment: Moment,
        limits: &Limits,
    ) -> Result<Self, EvaluateError> {
        let session = Session::begin(moment, limits);
        let (data, values) = data(unit, scope, &session).map_err(|reader::TooDeep| {
            EvaluateError::DepthExceeded { limit: reader::DEPTH_MAX, field: None }
        })?;
        let started = Cell::new(None);
        Ok(Self { unit, ready: ready(unit), session, data, values, limits: *limits, started })
    }

    /// Evaluates the leaf at `index` and prints what it gives; `false` if that is nothing.
    pub(crate) fn print(&self, index: usize, printer: &mut Printer) -> Result<bool, EvaluateError> {
        let (Some(leaf), Some(ready)) = (self.unit.leaves.get(index), self.ready.get(index)) else {
            return Ok(false);
        };
        let run = match &leaf.plan {
            Plan::Constant(json) => {
                printer.raw(json.as_str()).map_err(|error| self.unprintable(&error))?;
                return Ok(true);
            }
            Plan::Run(run) => run,
        };
        let careful = self.careful(run);
        if let (Some(direct), None) = (run.direct.as_ref().filter(|direct| self.may_take(direct)), careful) {
            let before = printer.out.len();
            match direct.print(&self.data, &self.session.digits.borrow(), printer) {
                Ok(given) => return Ok(given),
                Err(Stop::Print(error)) => return Err(self.unprintable(&error)),
                Err(Stop::Unusual) => printer.out.truncate(before),
            }
        }
        let value = self.engine(run, ready, careful).map_err(|error| self.failure(&error))?;
        if value.is_undefined() {
            return Ok(false);
        }
        printer.value(&value, &self.session.digits.borrow()).map_err(|error| self.unprintable(&error))?;
        Ok(true)
    }

    /// The tree that keeps digits, if there are any to keep.
    fn careful<'r>(&self, run: &'r Run) -> Option<&'r AstNode> {
        let digits = self.session.digits.borrow();
        run.careful.as_ref().filter(|_| {
            (run.shows_numbers && !digits.is_empty()) || (run.reads_numbers && digits.long_texts())
        })
    }

    /// Direct evaluation walks the data once, in less time than reading it took; only the lengths of lists are to be
    /// limited by the engine.
    fn may_take(&self, direct: &Direct) -> bool {
        direct.is_path() || self.values <= self.limits.sequence_max as u64
    }

    fn engine(&self, run: &Run, ready: &Ready, careful: Option<&AstNode>) -> Result<JValue, EvaluatorError> {
        let watched = !self.is_short(run);
        if let Some(careful) = careful {
            return walker(run, self.options(true)?).evaluate(careful, &self.data);
        }
        if run.on_vm {
            let byte_code =
                ready.byte_code.get_or_init(|| jsonata_core::Expression::from_ast(run.ast.clone()));
            return byte_code.evaluate_with_options(&self.data, self.options(watched)?);
        }
        let mut kept = ready.walker.borrow_mut();
        match kept.as_mut() {
            // A walker keeps its options; its time is then that of one expression, not what is left.
            Some((limits, was_watched, walker)) if *limits == self.limits && *was_watched == watched => {
                if watched {
                    self.options(true)?;
                }
                walker.evaluate(&run.ast, &self.data)
            }
            _ => {
                let options = EvaluatorOptions {
                    timeout_ms: watched.then_some(self.limits.time.as_millis() as u64),
                    ..self.options(watched)?
                };
                kept.insert((self.limits, watched, walker(run, options))).2.evaluate(&run.ast, &self.data)
            }
        }
    }

    /// True if it surely takes but a small part of the time allowed.
    fn is_short(&self, run: &Run) -> bool {
        let Some(cost) = run.cost else { return false };
        let allowed = self.limits.time.as_nanos() / (VISIT_NS * SHARE * self.unit.leaves.len() as u128);
        u128::from(cost.visits(self.values)) < allowed
    }

    /// The engine's limits, with the time that is left if it has to watch it.
    fn options(&self, watched: bool) -> Result<EvaluatorOptions, EvaluatorError> {
        let mut timeout_ms = None;
        if watched {
            let started = self.started.get().unwrap_or_else(Instant::now);
            self.started.set(Some(started));
            let Some(left) = self.limits.time.checked_sub(started.elapsed()) else {
                return Err(EvaluatorError::EvaluationError("D1012: no time left".to_owned()));
            };
            timeout_ms = Some(left.as_millis() as u64);
        }
        Ok(EvaluatorOptions {
            timeout_ms,
            cancel: None,
            max_stack_depth: Some(self.limits.depth_max as usize),
            max_sequence_length: Some(self.limits.sequence_max),
        })
    }

    fn failure(&self, error: &EvaluatorError) -> EvaluateError {
        let (code, message) = diagnose::coded(error.message());
        let field = None;
        if let Some(what) = excess(&code) {
            let limit = if what == Excess::Sequence {
                self.limits.sequence_max
            } else {
                self.limits.output_bytes_max
            };
            return EvaluateError::TooLarge { what, limit, field };
        }
        match code.as_str() {
            "D1012" | "U1003" => EvaluateError::TimeExceeded { limit: self.limits.time, field },
            "D1011" | "U1001" => EvaluateError::DepthExceeded { limit: self.limits.depth_max, field },
            "S0201" => EvaluateError::Failed { code: "D0000".to_owned(), message, field },
            _ => EvaluateError::Failed { code, message, field },
        }
    }

    /// A printing error as one of the evaluation.
    pub(crate) fn unprintable(&self, error: &PrintError) -> EvaluateError {
        let field = None;
        match error {
            PrintError::TooLarge => {
                EvaluateError::TooLarge { what: Excess::Output, limit: self.limits.output_bytes_max, field }
            }
            PrintError::TooDeep => EvaluateError::DepthExceeded { limit: crate::printer::DEPTH_MAX, field },
            PrintError::NotANumber => EvaluateError::Failed {
                code: "D1001".to_owned(),
                message: "the result is a number out of range, as after a division by zero".to_owned(),
                field,
            },
        }
    }
}

fn walker(run: &Run, options: EvaluatorOptions) -> Evaluator {
    let mut evaluator = Evaluator::with_options(Context::new(), options);
    for host in &run.hosts {
        let call = host.call;
        let function = move |args: &[JValue]| {
            call(&Session::current(), args).map_err(super::functions::Fault::into_engine)
        };
        // Only functions that the engine may compile cannot be replaced, and none of ours is named like one.
        let _ = evaluator.register_fn_override(host.doc.name, function);
    }
    evaluator
}

/// Reads the data that a unit reads, and counts its values.
fn data(unit: &Unit, scope: &Scope<'_>, session: &Session) -> Result<(JValue, u64), reader::TooDeep> {
    let mut values = 0;
    if unit.leaves.iter().all(|leaf| matches!(leaf.plan, Plan::Constant(_))) {
        return Ok((JValue::Undefined, 0));
    }
    let mut digits = session.digits.borrow_mut();
    let digits = &mut *digits;
    for literal in unit.leaves.iter().filter_map(Leaf::run).flat_map(|run| &run.literals) {
        digits.queue(literal);
    }
    let mut data = match scope.source() {
        Source::Whole(json) => reader::value(json.as_str(), &unit.reads, digits, &mut values)?,
        Source::Named(bindings) => {
            let mut fields = IndexMap::with_capacity(bindings.len());
            for (name, json) in bindings {
                let reads = match &unit.reads {
                    Reads::Everything => Some(&Reads::Everything),
                    Reads::Fields(tree) => tree.get(name),
                };
                if let Some(reads) = reads {
                    fields.insert(
                        (*name).to_owned(),
                        reader::value(json.as_str(), reads, digits, &mut values)?,
                    );
                }
            }
            JValue::Object(Rc::new(JMap::from(fields)))
        }
    };
    if !digits.is_empty() {
        let lent = digits.lend();
        reader::settle(&mut data, &lent);
    }
    Ok((data, values))
}
