//! Changes to a syntax tree that keep its meaning and bring in what the engine itself does not do: limits on the
//! texts it builds, and the digits of numbers that are turned into text.
//!
//! The functions these changes call have names that no source text can spell.

use jsonata_core::ast::{AstNode, BinaryOp};

use crate::functions;
use crate::syntax::{Facts, children_mut};

/// `&` as a function.
pub(crate) const CONCATENATE: &str = "& concatenate";
/// `$string` with digits.
pub(crate) const STRING: &str = "& string";
/// `$number` with digits.
pub(crate) const NUMBER: &str = "& number";
/// Its first argument, if repeating the second for each byte of it stays within the limit.
pub(crate) const FITS: &str = "& fits";
/// Its argument, if a text may have that many characters.
pub(crate) const AT_MOST: &str = "& at most";
/// A number written in the source that needs its digits kept; its argument is their text.
pub(crate) const LITERAL: &str = "& literal";

/// Starts the name of the calls that stand for number literals while the source is parsed.
pub(crate) const LITERAL_MARK: &str = "sinew__number";

/// Changes that always apply.
pub(crate) fn settle(ast: &mut AstNode, facts: &Facts, literals: &[Box<str>]) {
    if let AstNode::Binary { op: BinaryOp::ChainPipe, lhs, rhs } = ast
        && let AstNode::Function { name, args, is_builtin: true } = &mut **rhs
        && matches!(name.as_str(), "pad" | "replace" | "join" | "string" | "number")
        && facts.is_own(name)
        && !args.contains(&AstNode::Placeholder)
    {
        // `x ~> $f(y)` is `$f(x, y)`; as such it takes the same changes.
        args.insert(0, std::mem::replace(&mut **lhs, AstNode::Undefined));
        let call = std::mem::replace(&mut **rhs, AstNode::Undefined);
        *ast = call;
    }
    if let AstNode::Function { name, args, is_builtin: true } = ast
        && facts.is_own(name)
    {
        settle_call(name, args, literals);
    }
    children_mut(ast, &mut |child| settle(child, facts, literals));
}

fn settle_call(name: &mut String, args: &mut Vec<AstNode>, literals: &[Box<str>]) {
    if let Some(text) = name.strip_prefix(LITERAL_MARK).and_then(|i| literals.get(i.parse::<usize>().ok()?)) {
        LITERAL.clone_into(name);
        *args = vec![AstNode::String(text.to_string())];
        return;
    }
    match (name.as_str(), args.as_mut_slice()) {
        ("now", [_, ..]) => {
            "fromMillis".clone_into(name);
            args.insert(0, call("millis", vec![]));
        }
        ("pad", [_, width, ..]) => bound_width(width),
        ("join", [text, by]) | ("replace", [text, _, by, ..]) => bound_text(text, by),
        (host, []) if functions::find(host).is_some_and(|f| f.takes_context) => {
            args.push(AstNode::Variable(String::new()));
        }
        _ => {}
    }
}

fn bound_width(width: &mut AstNode) {
    if !matches!(width, AstNode::Number(n) if n.abs() < 10_000.0) {
        wrap(width, AT_MOST, None);
    }
}

fn bound_text(text: &mut AstNode, by: &AstNode) {
    if !matches!(by, AstNode::String(_) | AstNode::Lambda { .. }) {
        wrap(text, FITS, Some(by.clone()));
    }
}

fn call(name: &str, args: Vec<AstNode>) -> AstNode {
    AstNode::Function { name: name.to_owned(), args, is_builtin: true }
}

fn wrap(argument: &mut AstNode, name: &str, second: Option<AstNode>) {
    let first = std::mem::replace(argument, AstNode::Undefined);
    *argument = call(name, std::iter::once(first).chain(second).collect());
}

/// Changes that apply where digits matter or texts may grow without bound.
pub(crate) fn keep_digits(ast: &mut AstNode, facts: &Facts) {
    match ast {
        AstNode::Binary { op: BinaryOp::Concatenate, lhs, rhs } => {
            let sides = [lhs, rhs].map(|side| std::mem::replace(&mut **side, AstNode::Undefined));
            *ast = call(CONCATENATE, Vec::from(sides));
        }
        AstNode::Function { name, args, is_builtin: true } if facts.is_own(name) => {
            let replacement = match name.as_str() {
                "string" => Some(STRING),
                "number" => Some(NUMBER),
                _ => None,
            };
            // Without an argument it takes the context, which differs in a callback; there it is left alone.
            if let Some(replacement) = replacement.filter(|_| !args.is_empty()) {
                replacement.clone_into(name);
            }
        }
        AstNode::Path { steps } => {
            for step in steps {
                if let AstNode::FunctionApplication(inner) = &mut step.node
                    && let AstNode::Function { name, args, is_builtin: true } = &mut **inner
                    && matches!(name.as_str(), "string" | "number")
                    && args.is_empty()
                {
                    args.push(AstNode::Variable(String::new()));
                }
            }
        }
        AstNode::Variable(name) if facts.is_own(name) => match name.as_str() {
            "string" => STRING.clone_into(name),
            "number" => NUMBER.clone_into(name),
            _ => {}
        },
        _ => {}
    }
    children_mut(ast, &mut |child| keep_digits(child, facts));
}

/// True if turning numbers into text is in it.
pub(crate) fn shows_numbers(facts: &Facts) -> bool {
    facts.concatenates || names(facts, "string")
}

/// True if turning text into numbers is in it.
pub(crate) fn reads_numbers(facts: &Facts) -> bool {
    names(facts, "number")
}

fn names(facts: &Facts, function: &str) -> bool {
    facts.is_own(function) && (facts.called.contains(function) || facts.variables.contains(function))
}
