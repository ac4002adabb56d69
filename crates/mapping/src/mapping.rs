use std::fmt;
use std::sync::Arc;

use sinew_stdx::Json;

use crate::{CompileError, EvaluateError, Expression, Limits, Moment, Reads, Scope};

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
    reads: Reads,
}

#[derive(Debug)]
enum Node {
    Expression(Expression),
    Literal(Json),
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
}

impl Mapping {
    /// Compiles a template; all errors at once, each with the path of its leaf.
    pub fn compile(template: &Template) -> Result<Self, Vec<(Vec<PathPart>, CompileError)>> {
        let mut errors = Vec::new();
        let mut reads = Reads::nothing();
        let root = compile(template, &mut Vec::new(), &mut reads, &mut errors);
        match root {
            Some(root) if errors.is_empty() => Ok(Self { inner: Arc::new(Inner { root, reads }) }),
            _ => Err(errors),
        }
    }

    /// What its expressions read of their scope.
    pub fn reads(&self) -> &Reads {
        &self.inner.reads
    }

    /// Evaluates it. Fields whose expression yields nothing are left out, items become nothing's absence too; a
    /// mapping that is itself one expression yielding nothing gives `null`.
    pub fn evaluate(
        &self,
        scope: &Scope<'_>,
        moment: Moment,
        limits: &Limits,
    ) -> Result<Json, EvaluateError> {
        let value = evaluate(&self.inner.root, &mut Vec::new(), scope, moment, limits)?;
        Ok(value.unwrap_or_else(Json::null))
    }
}

fn compile(
    template: &Template,
    path: &mut Vec<PathPart>,
    reads: &mut Reads,
    errors: &mut Vec<(Vec<PathPart>, CompileError)>,
) -> Option<Node> {
    match template {
        Template::Expression(source) => match Expression::compile(source) {
            Ok(expression) => {
                *reads = std::mem::replace(reads, Reads::nothing()).union(expression.reads().clone());
                Some(Node::Expression(expression))
            }
            Err(error) => {
                errors.push((path.clone(), error));
                None
            }
        },
        Template::Literal(json) => Some(Node::Literal(json.clone())),
        Template::Object(fields) => {
            let mut nodes = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                path.push(PathPart::Field(name.clone()));
                let node = compile(field, path, reads, errors);
                path.pop();
                nodes.extend(node.map(|node| (name.clone(), node)));
            }
            Some(Node::Object(nodes))
        }
        Template::Array(items) => {
            let mut nodes = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                path.push(PathPart::Index(index));
                nodes.extend(compile(item, path, reads, errors));
                path.pop();
            }
            Some(Node::Array(nodes))
        }
    }
}

fn evaluate(
    node: &Node,
    path: &mut Vec<PathPart>,
    scope: &Scope<'_>,
    moment: Moment,
    limits: &Limits,
) -> Result<Option<Json>, EvaluateError> {
    match node {
        Node::Expression(expression) => expression
            .evaluate(scope, moment, limits)
            .map_err(|e| if path.is_empty() { e } else { e.in_field(ShownPath(path).to_string()) }),
        Node::Literal(json) => Ok(Some(json.clone())),
        Node::Object(fields) => {
            let mut values = Vec::with_capacity(fields.len());
            for (name, field) in fields {
                path.push(PathPart::Field(name.clone()));
                let value = evaluate(field, path, scope, moment, limits)?;
                path.pop();
                values.extend(value.map(|value| (name.as_str(), value)));
            }
            Ok(Some(Json::object(values.iter().map(|(name, value)| (*name, value)))))
        }
        Node::Array(items) => {
            let mut values = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                path.push(PathPart::Index(index));
                values.extend(evaluate(item, path, scope, moment, limits)?);
                path.pop();
            }
            Ok(Some(Json::array(&values)))
        }
    }
}

struct ShownPath<'a>(&'a [PathPart]);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            match part {
                PathPart::Field(name) if index == 0 => f.write_str(name)?,
                PathPart::Field(name) => write!(f, ".{name}")?,
                PathPart::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
