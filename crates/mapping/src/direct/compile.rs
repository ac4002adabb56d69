//! Which syntax trees are plain expressions.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use sinew_stdx::Json;

use super::{Comparison, Direct, Items, Operator, Scalar};

/// How deep an expression of this kind nests.
pub(super) const DEPTH_MAX: u32 = 32;

pub(super) fn direct(ast: &AstNode, depth: u32) -> Option<Direct> {
    let depth = depth.checked_sub(1)?;
    if let Some(scalar) = scalar(ast, depth) {
        return Some(Direct::Scalar(scalar));
    }
    match ast {
        AstNode::Object(pairs) => {
            let mut fields: Vec<(Box<str>, Direct)> = Vec::with_capacity(pairs.len());
            for (name, value) in pairs {
                let AstNode::String(name) = name else { return None };
                let name = format!("{}:", Json::string(name)).into_boxed_str();
                if fields.iter().any(|(known, _)| *known == name) {
                    return None;
                }
                fields.push((name, direct(value, depth)?));
            }
            Some(Direct::Object(fields))
        }
        AstNode::Path { steps } => items(steps, depth).map(Direct::Items),
        _ => None,
    }
}

fn scalar(ast: &AstNode, depth: u32) -> Option<Scalar> {
    let depth = depth.checked_sub(1)?;
    Some(match ast {
        AstNode::String(text) => Scalar::Text(Box::from(text.as_str())),
        AstNode::Number(number) => Scalar::Number(*number),
        AstNode::Boolean(bool) => Scalar::Bool(*bool),
        AstNode::Name(name) => Scalar::Path(Box::from([Box::from(name.as_str())])),
        AstNode::Path { steps } => {
            let (names, rest) = names(steps);
            if !rest.is_empty() || names.is_empty() {
                return None;
            }
            Scalar::Path(names)
        }
        AstNode::Block(nodes) => match nodes.as_slice() {
            [one] => return scalar(one, depth),
            _ => return None,
        },
        AstNode::Binary { op, lhs, rhs } => {
            let sides = Box::new([scalar(lhs, depth)?, scalar(rhs, depth)?]);
            binary(*op, sides)?
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            let otherwise = else_branch.as_ref().map_or(Some(Scalar::Nothing), |node| scalar(node, depth))?;
            Scalar::Choose(Box::new([scalar(condition, depth)?, scalar(then_branch, depth)?, otherwise]))
        }
        AstNode::Function { name, args, is_builtin: true } => match (name.as_str(), args.as_slice()) {
            ("uppercase", [of]) => Scalar::Uppercase(Box::new(scalar(of, depth)?)),
            ("lowercase", [of]) => Scalar::Lowercase(Box::new(scalar(of, depth)?)),
            ("sum", [AstNode::Path { steps }]) => {
                let items = items(steps, depth).or_else(|| last_of_each(steps));
                Scalar::Sum(Box::new(items.filter(|items| items.then.is_scalar())?))
            }
            _ => return None,
        },
        _ => return None,
    })
}

fn binary(op: BinaryOp, sides: Box<[Scalar; 2]>) -> Option<Scalar> {
    Some(match op {
        BinaryOp::Concatenate => Scalar::Concatenate(sides),
        BinaryOp::Add => Scalar::Calculate(Operator::Add, sides),
        BinaryOp::Subtract => Scalar::Calculate(Operator::Subtract, sides),
        BinaryOp::Multiply => Scalar::Calculate(Operator::Multiply, sides),
        BinaryOp::Divide => Scalar::Calculate(Operator::Divide, sides),
        BinaryOp::LessThan => Scalar::Compare(Comparison::Less, sides),
        BinaryOp::LessThanOrEqual => Scalar::Compare(Comparison::LessOrEqual, sides),
        BinaryOp::GreaterThan => Scalar::Compare(Comparison::Greater, sides),
        BinaryOp::GreaterThanOrEqual => Scalar::Compare(Comparison::GreaterOrEqual, sides),
        BinaryOp::Equal => Scalar::Equal { negated: false, sides },
        BinaryOp::NotEqual => Scalar::Equal { negated: true, sides },
        BinaryOp::And => Scalar::Both { ends_with: false, sides },
        BinaryOp::Or => Scalar::Both { ends_with: true, sides },
        _ => return None,
    })
}

/// `path[filter].then`, of which filter or `then` may be missing.
fn items(steps: &[PathStep], depth: u32) -> Option<Items> {
    let (mut path, mut rest) = names(steps);
    let mut filter = None;
    if let [PathStep { node: AstNode::Name(name), stages, .. }, behind @ ..] = rest
        && let [Stage::Filter(predicate)] = stages.as_slice()
        && is_bare(&rest[0])
    {
        path = path.into_iter().chain([Box::from(name.as_str())]).collect();
        filter = Some(scalar(predicate, depth).filter(Scalar::is_test)?);
        rest = behind;
    }
    let then = match rest {
        [] if filter.is_some() => Direct::Scalar(Scalar::Path(Box::from([]))),
        [step] if is_bare(step) && step.stages.is_empty() => match &step.node {
            // This is what the parser makes of `.(...)`.
            AstNode::FunctionApplication(node) => direct(node, depth)?,
            node => direct(node, depth)?,
        },
        _ => {
            let (names, behind) = names(rest);
            if names.is_empty() || !behind.is_empty() {
                return None;
            }
            Direct::Scalar(Scalar::Path(names))
        }
    };
    if path.is_empty() || matches!(then, Direct::Items(_)) {
        return None;
    }
    Some(Items { path, filter, then: Box::new(then) })
}

/// `lines.price`, with the last name taken of each item.
fn last_of_each(steps: &[PathStep]) -> Option<Items> {
    let (names, rest) = names(steps);
    let (last, path) = names.split_last().filter(|_| rest.is_empty() && names.len() > 1)?;
    let then = Direct::Scalar(Scalar::Path(Box::from([last.clone()])));
    Some(Items { path: Box::from(path), filter: None, then: Box::new(then) })
}

impl Scalar {
    /// Gives true, false or nothing, and so is a condition and no index.
    fn is_test(&self) -> bool {
        matches!(self, Self::Compare(..) | Self::Equal { .. } | Self::Both { .. } | Self::Path(_))
    }
}

/// The plain names that steps start with, and the steps behind them.
fn names(steps: &[PathStep]) -> (Box<[Box<str>]>, &[PathStep]) {
    let mut names = Vec::new();
    for step in steps {
        match &step.node {
            AstNode::Name(name) if is_bare(step) && step.stages.is_empty() => {
                names.push(Box::from(name.as_str()));
            }
            _ => break,
        }
    }
    let rest = steps.get(names.len()..).unwrap_or(&[]);
    (names.into_boxed_slice(), rest)
}

fn is_bare(step: &PathStep) -> bool {
    step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
        && !step.inner_tuple
}
