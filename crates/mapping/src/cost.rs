//! How long an expression may take at most, told from its syntax.
//!
//! Asking the clock at every node costs an eighth of a typical evaluation. An expression that neither loops nor
//! makes ranges visits at most (values in the data)^power nodes; where that is little, the clock is not asked.

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use crate::syntax::{Facts, children};

/// The bound of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    /// How often items are walked within the walk over items.
    power: u32,
    /// Nodes of the tree.
    nodes: u64,
}

impl Cost {
    /// The bound; `None` where there is none.
    pub(crate) fn of(ast: &AstNode, facts: &Facts) -> Option<Self> {
        if facts.may_loop() {
            return None;
        }
        Some(Self { power: power(ast)?, nodes: count(ast) })
    }

    /// How many nodes are visited at most over data of so many values.
    pub(crate) fn visits(self, values: u64) -> u64 {
        self.nodes.saturating_mul(values.saturating_add(1).saturating_pow(self.power))
    }
}

fn count(node: &AstNode) -> u64 {
    let mut nodes = 1;
    children(node, &mut |child| nodes += count(child));
    nodes
}

fn power(node: &AstNode) -> Option<u32> {
    match node {
        AstNode::Name(_) | AstNode::Wildcard | AstNode::Variable(_) | AstNode::ParentVariable(_) => Some(1),
        AstNode::Descendant => Some(2),
        AstNode::Path { steps } => path(steps),
        AstNode::Binary { op: BinaryOp::Range | BinaryOp::ColonEqual | BinaryOp::ChainPipe, .. }
        | AstNode::Call { .. }
        | AstNode::Transform { .. }
        | AstNode::Lambda { .. }
        | AstNode::Parent(_) => None,
        AstNode::ObjectTransform { input, pattern } => {
            let mut most = 0;
            for (key, value) in pattern {
                most = most.max(power(key)?).max(power(value)?);
            }
            Some(power(input)? + most)
        }
        AstNode::Sort { input, terms } => {
            let mut most = 0;
            for (term, _) in terms {
                most = most.max(power(term)?);
            }
            // One more for the comparisons.
            Some(power(input)? + most + 1)
        }
        AstNode::Function { name, args, .. } => match (name.as_str(), args.as_slice()) {
            ("map" | "filter" | "single" | "sort", [items, AstNode::Lambda { body, .. }]) => {
                // Only of items of the data is it known that they are no larger than the data.
                is_data(items).then_some(())?;
                Some(power(items)? + power(body)? + 1)
            }
            // They build texts or compare each item with each.
            ("distinct" | "sort" | "zip" | "replace" | "join" | "pad", args) => Some(most(args)? + 1),
            (_, args) if args.iter().any(|arg| matches!(arg, AstNode::Lambda { .. })) => None,
            (_, args) => most(args),
        },
        AstNode::FunctionApplication(inner) => power(inner),
        other => {
            let (mut highest, mut bounded) = (0, true);
            children(other, &mut |child| match power(child) {
                Some(power) => highest = highest.max(power),
                None => bounded = false,
            });
            bounded.then_some(highest)
        }
    }
}

fn most(nodes: &[AstNode]) -> Option<u32> {
    nodes.iter().try_fold(0, |most, node| power(node).map(|power| most.max(power)))
}

/// True for a path of names, filtered or not.
fn is_data(node: &AstNode) -> bool {
    match node {
        AstNode::Name(_) => true,
        AstNode::Path { steps } => steps.iter().all(|step| matches!(step.node, AstNode::Name(_))),
        _ => false,
    }
}

/// Names in a row walk down disjoint parts of the data, so together they are one walk.
fn path(steps: &[PathStep]) -> Option<u32> {
    let (mut total, mut highest, mut walking) = (0, 0, false);
    for step in steps {
        match &step.node {
            AstNode::Name(_) | AstNode::String(_) if walking => {}
            AstNode::Name(_) | AstNode::String(_) => {
                total += 1;
                walking = true;
            }
            other => {
                total += power(other)?;
                walking = matches!(other, AstNode::Variable(_) | AstNode::ParentVariable(_));
            }
        }
        if step.focus.is_some() {
            total += 1;
        }
        for stage in &step.stages {
            if let Stage::Filter(predicate) = stage {
                highest = highest.max(total + power(predicate)?);
            }
        }
    }
    Some(total.max(highest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, power: Option<u32>) {
        let ast = jsonata_core::parser::parse(source).unwrap();
        assert_eq!(Cost::of(&ast, &Facts::of(&ast)).map(|c| c.power), power, "{source}");
    }

    #[test]
    fn walks_within_walks_multiply() {
        check("1", Some(0));
        check("a.b.c", Some(1));
        check("lines[qty > 0].sku", Some(2));
        check("$sum(lines.(qty * price))", Some(2));
        check("lines[$$.other[x = 1].y = 2]", Some(3));
        check("lines.($$.lines.($$.lines))", Some(3));
        check("$map(a, function($x) { $x.b })", Some(3));
    }

    #[test]
    fn loops_and_ranges_have_no_bound() {
        for source in [
            "[1..10]",
            "$reduce(a, function($x, $y) { $x })",
            "($f := function() { 1 }; $f())",
            "($x := 1; $x)",
            "a ~> $sum()",
            "(function($x) { $x })(1)",
            "$each(a, function($x) { $x })",
            "$map(a.{'k': b}, function($x) { $x })",
            "a.b.%.c",
        ] {
            check(source, None);
        }
    }

    #[test]
    fn the_bound_saturates() {
        assert_eq!(Cost { power: 40, nodes: 3 }.visits(1_000), u64::MAX);
        assert_eq!(Cost { power: 2, nodes: 3 }.visits(9), 300);
    }
}
