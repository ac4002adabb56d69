//! Walking syntax trees of the engine, and the facts about one that need no more than a walk.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// Calls `visit` with each node directly under `node`.
pub(crate) fn children<'a>(node: &'a AstNode, visit: &mut dyn FnMut(&'a AstNode)) {
    match node {
        AstNode::Path { steps } => {
            for step in steps {
                visit(&step.node);
                for stage in &step.stages {
                    if let Stage::Filter(predicate) = stage {
                        visit(predicate);
                    }
                }
            }
        }
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand: inner, .. }
        | AstNode::Lambda { body: inner, .. }
        | AstNode::FunctionApplication(inner) => visit(inner),
        AstNode::Function { args: nodes, .. }
        | AstNode::Array(nodes)
        | AstNode::ArrayGroup(nodes)
        | AstNode::Block(nodes) => nodes.iter().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter().for_each(visit);
        }
        AstNode::Object(pairs) => pairs.iter().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            for (key, value) in pattern {
                visit(key);
                visit(value);
            }
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            visit(condition);
            visit(then_branch);
            if let Some(branch) = else_branch {
                visit(branch);
            }
        }
        AstNode::Sort { input, terms } => {
            visit(input);
            for (term, _) in terms {
                visit(term);
            }
        }
        AstNode::Transform { location, update, delete } => {
            visit(location);
            visit(update);
            if let Some(delete) = delete {
                visit(delete);
            }
        }
        _ => {}
    }
}

/// As [`children`], to change them. Steps get a new identity, since the engine remembers steps by it.
pub(crate) fn children_mut(node: &mut AstNode, visit: &mut dyn FnMut(&mut AstNode)) {
    match node {
        AstNode::Path { steps } => {
            for step in steps {
                visit(&mut step.node);
                step.id = jsonata_core::ast::StepId::default();
                for stage in &mut step.stages {
                    if let Stage::Filter(predicate) = stage {
                        visit(predicate);
                    }
                }
            }
        }
        AstNode::Binary { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        AstNode::Unary { operand: inner, .. }
        | AstNode::Lambda { body: inner, .. }
        | AstNode::FunctionApplication(inner) => visit(inner),
        AstNode::Function { args: nodes, .. }
        | AstNode::Array(nodes)
        | AstNode::ArrayGroup(nodes)
        | AstNode::Block(nodes) => nodes.iter_mut().for_each(visit),
        AstNode::Call { procedure, args } => {
            visit(procedure);
            args.iter_mut().for_each(visit);
        }
        AstNode::Object(pairs) => pairs.iter_mut().for_each(|(key, value)| {
            visit(key);
            visit(value);
        }),
        AstNode::ObjectTransform { input, pattern } => {
            visit(input);
            for (key, value) in pattern {
                visit(key);
                visit(value);
            }
        }
        AstNode::Conditional { condition, then_branch, else_branch } => {
            visit(condition);
            visit(then_branch);
            if let Some(branch) = else_branch {
                visit(branch);
            }
        }
        AstNode::Sort { input, terms } => {
            visit(input);
            for (term, _) in terms {
                visit(term);
            }
        }
        AstNode::Transform { location, update, delete } => {
            visit(location);
            visit(update);
            if let Some(delete) = delete {
                visit(delete);
            }
        }
        _ => {}
    }
}

/// What a walk over a tree tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Variables that something in the expression binds: `:=`, parameters, `@` and `#`.
    pub(crate) bound: BTreeSet<String>,
    /// Names that stand where a function is called with `$`.
    pub(crate) called: BTreeSet<String>,
    /// Variables that are read.
    pub(crate) variables: BTreeSet<String>,
    /// Regular expressions, with their flags.
    pub(crate) regexes: BTreeSet<(String, String)>,
    /// `&` occurs.
    pub(crate) concatenates: bool,
    /// A function is called that is not named in full: `(function(){...})()`, `$f()(x)`.
    pub(crate) calls_values: bool,
    /// A lambda has a signature, which may take missing arguments from the context.
    pub(crate) signatures: bool,
    /// `:=` occurs.
    pub(crate) assigns: bool,
}

impl Facts {
    /// Gathers them.
    pub(crate) fn of(node: &AstNode) -> Self {
        let mut facts = Self::default();
        facts.gather(node);
        facts
    }

    fn gather(&mut self, node: &AstNode) {
        match node {
            AstNode::Binary { op: BinaryOp::ColonEqual, lhs, rhs } => {
                self.assigns = true;
                if let AstNode::Variable(name) = &**lhs {
                    self.bound.insert(name.clone());
                } else {
                    self.gather(lhs);
                }
                self.gather(rhs);
                return;
            }
            AstNode::Binary { op: BinaryOp::Concatenate, .. } => self.concatenates = true,
            AstNode::Lambda { params, signature, .. } => {
                self.bound.extend(params.iter().cloned());
                self.signatures |= signature.is_some();
            }
            AstNode::Path { steps } => {
                for PathStep { focus, index_var, stages, .. } in steps {
                    self.bound.extend(focus.iter().chain(index_var).cloned());
                    for stage in stages {
                        if let Stage::Index(name) = stage {
                            self.bound.insert(name.clone());
                        }
                    }
                }
            }
            AstNode::Function { name, is_builtin: true, .. } => {
                self.called.insert(name.clone());
            }
            AstNode::Function { .. } | AstNode::Call { .. } => self.calls_values = true,
            AstNode::Variable(name) if !name.is_empty() && name != "$" => {
                self.variables.insert(name.clone());
            }
            AstNode::Regex { pattern, flags } => {
                self.regexes.insert((pattern.clone(), flags.clone()));
            }
            _ => {}
        }
        children(node, &mut |child| self.gather(child));
    }

    /// True if `name` means the built-in or host function of that name wherever it occurs.
    pub(crate) fn is_own(&self, name: &str) -> bool {
        !self.bound.contains(name)
    }

    /// True if a function of the expression's own may be called, so that it may loop or recurse.
    pub(crate) fn may_loop(&self) -> bool {
        self.calls_values
            || self.assigns
            || self.called.contains("reduce")
            || self.called.iter().any(|f| self.bound.contains(f))
    }
}
