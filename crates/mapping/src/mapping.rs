use std::sync::Arc;

use sinew_stdx::Json;

use crate::printer::Printer;
use crate::program::{Evaluation, Leaf, Unit};
use crate::{CompileError, EvaluateError, Limits, Moment, Reads, Scope};

/// What stands under `with:`: expressions where values stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Template {
    /// A text: an expression.
    Expression(String),
    /// A number, boolean or null: itself.
    Literal(Json),
    /// An object, field by field.
    Object(Vec<(String, Template)>),
    /// An array, item by item.
    Array(Vec<Template>),
}

/// One step from the root of a template to one of its leaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PathPart {
    /// A field of an object.
    Field(String),
    /// An item of an array, counted from 0.
    Index(usize),
}

/// A compiled [`Template`]; cloning shares it.
#[derive(Clone, Debug)]
pub struct Mapping {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: Node,
    unit: Unit,
}

/// The shape of the result; expressions by their index in the unit.
#[derive(Debug)]
enum Node {
    Expression(usize),
    Literal(Json),
    Object(Vec<(Name, Node)>),
    Array(Vec<Node>),
}

/// A field's name, and how it is printed before its value.
#[derive(Debug)]
struct Name {
    plain: String,
    printed: String,
}

impl Mapping {
    /// Compiles a template; all errors at once, each with the path of its leaf.
    pub fn compile(template: &Template) -> Result<Self, Vec<(Vec<PathPart>, CompileError)>> {
        let mut compiler = Compiler::default();
        let root = compiler.node(template);
        if compiler.errors.is_empty() {
            return Ok(Self { inner: Arc::new(Inner { root, unit: Unit::new(compiler.leaves) }) });
        }
        Err(compiler.errors)
    }

    /// What its expressions read of their scope.
    pub fn reads(&self) -> &Reads {
        &self.inner.unit.reads
    }

    /// Evaluates it over one reading of the data.
    ///
    /// Fields and items whose expression yields nothing are left out; a mapping that is one expression and yields
    /// nothing gives `null`. An error says which field it is of. Time is counted over all fields; the last one to
    /// start before the limit may take as long once more.
    pub fn evaluate(
        &self,
        scope: &Scope<'_>,
        moment: Moment,
        limits: &Limits,
    ) -> Result<Json, EvaluateError> {
        let evaluation = Evaluation::begin(&self.inner.unit, scope, moment, limits)?;
        let mut printer = Printer::new(limits.output_bytes_max);
        let mut path = Vec::new();
        let given = print(&self.inner.root, &evaluation, &mut printer, &mut path)
            .map_err(|error| if path.is_empty() { error } else { error.in_field(shown(&path)) })?;
        Ok(if given { Json::from_printed(printer.out) } else { Json::null() })
    }
}

#[derive(Default)]
struct Compiler {
    path: Vec<PathPart>,
    leaves: Vec<Leaf>,
    errors: Vec<(Vec<PathPart>, CompileError)>,
}

impl Compiler {
    fn node(&mut self, template: &Template) -> Node {
        match template {
            Template::Expression(source) => {
                match Leaf::compile(source) {
                    Ok(leaf) => self.leaves.push(leaf),
                    Err(error) => self.errors.push((self.path.clone(), error)),
                }
                Node::Expression(self.leaves.len().saturating_sub(1))
            }
            Template::Literal(json) => Node::Literal(json.clone()),
            Template::Object(fields) => Node::Object(
                fields
                    .iter()
                    .map(|(name, field)| {
                        let printed = format!("{}:", Json::string(name));
                        let node = self.under(PathPart::Field(name.clone()), field);
                        (Name { plain: name.clone(), printed }, node)
                    })
                    .collect(),
            ),
            Template::Array(items) => Node::Array(
                items.iter().enumerate().map(|(i, item)| self.under(PathPart::Index(i), item)).collect(),
            ),
        }
    }

    fn under(&mut self, part: PathPart, template: &Template) -> Node {
        self.path.push(part);
        let node = self.node(template);
        self.path.pop();
        node
    }
}

/// A step of the path to the field being printed.
enum At<'a> {
    Field(&'a str),
    Index(usize),
}

/// Prints a node; `false` if it yields nothing. On an error `path` is left at the field it is of.
fn print<'m>(
    node: &'m Node,
    evaluation: &Evaluation<'_>,
    printer: &mut Printer,
    path: &mut Vec<At<'m>>,
) -> Result<bool, EvaluateError> {
    match node {
        Node::Expression(index) => return evaluation.print(*index, printer),
        Node::Literal(json) => printer.raw(json.as_str()).map_err(|error| evaluation.unprintable(&error))?,
        Node::Object(fields) => {
            printer.out.push('{');
            let mut first = true;
            for (name, field) in fields {
                path.push(At::Field(&name.plain));
                let before = printer.out.len();
                if !first {
                    printer.out.push(',');
                }
                printer.out.push_str(&name.printed);
                if print(field, evaluation, printer, path)? {
                    first = false;
                } else {
                    printer.out.truncate(before);
                }
                path.pop();
            }
            printer.out.push('}');
        }
        Node::Array(items) => {
            printer.out.push('[');
            let mut first = true;
            for (index, item) in items.iter().enumerate() {
                path.push(At::Index(index));
                let before = printer.out.len();
                if !first {
                    printer.out.push(',');
                }
                if print(item, evaluation, printer, path)? {
                    first = false;
                } else {
                    printer.out.truncate(before);
                }
                path.pop();
            }
            printer.out.push(']');
        }
    }
    Ok(true)
}

fn shown(path: &[At<'_>]) -> String {
    let mut shown = String::new();
    for part in path {
        match part {
            At::Field(name) if shown.is_empty() => shown.push_str(name),
            At::Field(name) => shown.extend([".", name]),
            At::Index(index) => shown.extend(["[", itoa::Buffer::new().format(*index), "]"]),
        }
    }
    shown
}
