//! Whether the engine compiles a tree to its byte code.
//!
//! The engine does not tell; where this errs, the result is the same and only the way to it slower.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// True if it does.
pub(crate) fn takes(node: &AstNode) -> bool {
    takes_with(node, &[])
}

fn takes_with(node: &AstNode, parameters: &[String]) -> bool {
    let all = |nodes: &[AstNode]| nodes.iter().all(|node| takes_with(node, parameters));
    match node {
        AstNode::String(_) | AstNode::Number(_) | AstNode::Boolean(_) | AstNode::Null | AstNode::Name(_) => {
            true
        }
        AstNode::Variable(name) => name.is_empty() || parameters.contains(name),
        AstNode::Path { steps } => path(steps, parameters),
        AstNode::Binary { op, lhs, rhs } => {
            !matches!(
                op,
                BinaryOp::Range
                    | BinaryOp::In
                    | BinaryOp::ColonEqual
                    | BinaryOp::FocusBind
                    | BinaryOp::IndexBind
                    | BinaryOp::Default
                    | BinaryOp::ChainPipe
            ) && takes_with(lhs, parameters)
                && takes_with(rhs, parameters)
        }
        AstNode::Unary { operand, .. } => takes_with(operand, parameters),
        AstNode::Conditional { condition, then_branch, else_branch } => {
            takes_with(condition, parameters)
                && takes_with(then_branch, parameters)
                && else_branch.as_ref().is_none_or(|branch| takes_with(branch, parameters))
        }
        AstNode::Object(pairs) => pairs
            .iter()
            .all(|(key, value)| matches!(key, AstNode::String(_)) && takes_with(value, parameters)),
        AstNode::Array(items) => all(items),
        AstNode::Block(nodes) => !nodes.is_empty() && all(nodes),
        AstNode::Function { name, args, is_builtin: true } => match (name.as_str(), args.as_slice()) {
            (
                "map" | "filter" | "reduce",
                [items, AstNode::Lambda { params, body, signature: None, thunk: false }, rest @ ..],
            ) => takes_with(items, parameters) && all(rest) && takes_with(body, params),
            (name, args) => COMPILED.contains(&name) && all(args),
        },
        _ => false,
    }
}

fn path(steps: &[PathStep], parameters: &[String]) -> bool {
    steps.iter().enumerate().all(|(index, step)| {
        let node = match &step.node {
            AstNode::Name(_) => true,
            AstNode::Variable(name) => index == 0 && name.is_empty() && step.stages.is_empty(),
            _ => false,
        };
        let stages = match step.stages.as_slice() {
            [] => true,
            [Stage::Filter(predicate)] => {
                !matches!(&**predicate, AstNode::Number(_) | AstNode::Unary { .. })
                    && takes_with(predicate, parameters)
            }
            _ => false,
        };
        node && stages
            && step.focus.is_none()
            && step.index_var.is_none()
            && step.ancestor_label.is_none()
            && !step.is_tuple
    })
}

const COMPILED: [&str; 29] = [
    "string",
    "length",
    "substring",
    "substringBefore",
    "substringAfter",
    "uppercase",
    "lowercase",
    "trim",
    "contains",
    "split",
    "join",
    "number",
    "floor",
    "ceil",
    "round",
    "abs",
    "sqrt",
    "sum",
    "max",
    "min",
    "average",
    "count",
    "boolean",
    "not",
    "keys",
    "append",
    "reverse",
    "distinct",
    "merge",
];
