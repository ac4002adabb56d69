//! Which fields of its input an expression reads, told from its syntax.
//!
//! The tree is interpreted over *places*: nodes of a tree of field names that grows as paths are followed. A place
//! whose value is used for anything but stepping into it is read as a whole. Where the analysis does not follow a
//! value (into a function called by value, say), it counts the value as read as a whole first, so that nothing
//! that happens to it later can read more. Variables are told apart by name only, and their places only ever
//! grow, until a round adds nothing: neither scope nor order can hide a read.

use std::collections::{BTreeMap, BTreeSet};

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use crate::Reads;
use crate::reads::FieldTree;
use crate::syntax::{Facts, children};

/// Beyond this many fields, or rounds, the answer is "everything".
const PLACES_MAX: usize = 5_000;
const ROUNDS_MAX: usize = 8;

/// What the expression reads of its root.
pub(crate) fn reads(ast: &AstNode, facts: &Facts) -> Reads {
    let mut analysis =
        Analysis { facts, tree: vec![Place::default()], variables: BTreeMap::new(), grown: true };
    let root = Places::from([ROOT]);
    for _ in 0..ROUNDS_MAX {
        analysis.grown = false;
        let result = analysis.follow(ast, &root);
        analysis.use_whole(&result);
        if !analysis.grown {
            return analysis.reads_of(ROOT);
        }
        if analysis.tree.len() > PLACES_MAX {
            break;
        }
    }
    Reads::Everything
}

const ROOT: usize = 0;

/// The places a value may come from; a value made on the way has none.
type Places = BTreeSet<usize>;

#[derive(Default)]
struct Place {
    whole: bool,
    fields: BTreeMap<String, usize>,
}

struct Analysis<'a> {
    facts: &'a Facts,
    tree: Vec<Place>,
    variables: BTreeMap<String, Places>,
    grown: bool,
}

impl Analysis<'_> {
    fn reads_of(&self, place: usize) -> Reads {
        let Some(Place { whole, fields }) = self.tree.get(place) else { return Reads::Everything };
        if *whole {
            return Reads::Everything;
        }
        let mut tree = FieldTree::default();
        for (name, child) in fields {
            tree.insert(name, self.reads_of(*child));
        }
        Reads::Fields(tree)
    }

    fn use_whole(&mut self, places: &Places) {
        for &place in places {
            if let Some(place) = self.tree.get_mut(place) {
                self.grown |= !place.whole;
                place.whole = true;
            }
        }
    }

    fn field(&mut self, places: &Places, name: &str) -> Places {
        let mut found = Places::new();
        for &place in places {
            let next = self.tree.len();
            let Some(parent) = self.tree.get_mut(place) else { continue };
            if parent.whole {
                continue;
            }
            if let Some(child) = parent.fields.get(name) {
                found.insert(*child);
            } else if next <= PLACES_MAX {
                parent.fields.insert(name.to_owned(), next);
                self.tree.push(Place::default());
                self.grown = true;
                found.insert(next);
            } else {
                parent.whole = true;
                self.grown = true;
            }
        }
        found
    }

    fn bind(&mut self, name: &str, places: &Places) {
        let known = self.variables.entry(name.to_owned()).or_default();
        let before = known.len();
        known.extend(places);
        self.grown |= known.len() > before;
    }

    /// Follows a node and counts its value as used.
    fn consume(&mut self, node: &AstNode, context: &Places) {
        let places = self.follow(node, context);
        self.use_whole(&places);
    }

    fn consume_all<'n>(&mut self, nodes: impl IntoIterator<Item = &'n AstNode>, context: &Places) -> Places {
        for node in nodes {
            self.consume(node, context);
        }
        Places::new()
    }

    fn join<'n>(&mut self, nodes: impl IntoIterator<Item = &'n AstNode>, context: &Places) -> Places {
        let mut joined = Places::new();
        for node in nodes {
            joined.extend(self.follow(node, context));
        }
        joined
    }

    /// The places that the value of `node` may come from, given those of the context `$`.
    fn follow(&mut self, node: &AstNode, context: &Places) -> Places {
        match node {
            AstNode::Name(name) => self.field(context, name),
            AstNode::Variable(name) if name.is_empty() => context.clone(),
            AstNode::Variable(name) if name == "$" => Places::from([ROOT]),
            AstNode::Variable(name) => self.variables.get(name).cloned().unwrap_or_default(),
            AstNode::ParentVariable(name) if name.is_empty() => Places::from([ROOT]),
            AstNode::ParentVariable(_) | AstNode::Parent(_) => {
                self.use_whole(&Places::from([ROOT]));
                Places::new()
            }
            AstNode::Wildcard | AstNode::Descendant => {
                self.use_whole(context);
                Places::new()
            }
            AstNode::Path { steps } => self.path(steps, context),
            AstNode::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs, context),
            AstNode::Function { name, args, is_builtin } => {
                let args: Vec<&AstNode> = args.iter().collect();
                if *is_builtin && self.facts.is_own(name) && !args.contains(&&AstNode::Placeholder) {
                    self.call(name, &args, context)
                } else {
                    self.call_unknown(&args, context)
                }
            }
            AstNode::Call { procedure, args } => {
                self.consume(procedure, context);
                let args: Vec<&AstNode> = args.iter().collect();
                self.call_unknown(&args, context)
            }
            AstNode::Lambda { body, .. } => {
                // Whoever calls it counts the arguments as used, so its parameters bring no places of their own.
                self.consume(body, context);
                Places::new()
            }
            AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. } => Places::new(),
            _ => self.compound(node, context),
        }
    }

    /// As [`Self::follow`], for nodes made of others.
    fn compound(&mut self, node: &AstNode, context: &Places) -> Places {
        match node {
            AstNode::Array(items) | AstNode::ArrayGroup(items) => self.join(items, context),
            AstNode::Block(nodes) => {
                let mut last = Places::new();
                for node in nodes {
                    last = self.follow(node, context);
                }
                last
            }
            AstNode::FunctionApplication(inner) => self.follow(inner, context),
            AstNode::Conditional { condition, then_branch, else_branch } => {
                self.consume(condition, context);
                let branches = std::iter::once(&**then_branch).chain(else_branch.as_deref());
                self.join(branches, context)
            }
            AstNode::ObjectTransform { input, pattern } => {
                let items = self.follow(input, context);
                self.consume_all(pattern.iter().flat_map(|(key, value)| [key, value]), &items)
            }
            AstNode::Sort { input, terms } => {
                let items = self.follow(input, context);
                self.consume_all(terms.iter().map(|(term, _)| term), &items);
                items
            }
            AstNode::Transform { location, update, delete } => {
                // It applies to an argument, which its caller counts as used.
                let parts = [Some(location), Some(update), delete.as_ref()];
                self.consume_all(parts.into_iter().flatten().map(|part| &**part), &Places::new())
            }
            _ => {
                let mut parts = Vec::new();
                children(node, &mut |child| parts.push(child));
                self.consume_all(parts, context)
            }
        }
    }

    fn path(&mut self, steps: &[PathStep], context: &Places) -> Places {
        let mut current = context.clone();
        for step in steps {
            let mut found = match &step.node {
                AstNode::String(name) => self.field(&current, name),
                node => self.follow(node, &current),
            };
            if let Some(focus) = &step.focus {
                self.bind(focus, &found);
                // The context stays where it was; counting both covers every way on.
                found.extend(&current);
            }
            if step.ancestor_label.is_some() {
                self.use_whole(&current);
            }
            for stage in &step.stages {
                if let Stage::Filter(predicate) = stage {
                    self.consume(predicate, &found);
                }
            }
            current = found;
        }
        current
    }

    fn binary(&mut self, op: BinaryOp, lhs: &AstNode, rhs: &AstNode, context: &Places) -> Places {
        match op {
            BinaryOp::ColonEqual => {
                let value = self.follow(rhs, context);
                if let AstNode::Variable(name) = lhs {
                    self.bind(name, &value);
                }
                value
            }
            BinaryOp::Coalesce => self.join([lhs, rhs], context),
            BinaryOp::Default => {
                let value = self.follow(lhs, context);
                self.use_whole(&value);
                self.follow(rhs, context)
            }
            BinaryOp::ChainPipe => match rhs {
                AstNode::Function { name, args, is_builtin: true }
                    if self.facts.is_own(name) && !args.contains(&AstNode::Placeholder) =>
                {
                    let args: Vec<&AstNode> = std::iter::once(lhs).chain(args).collect();
                    self.call(name, &args, context)
                }
                _ => {
                    let sides = [lhs, rhs];
                    self.call_unknown(&sides, context)
                }
            },
            _ => self.consume_all([lhs, rhs], context),
        }
    }

    fn call_unknown(&mut self, args: &[&AstNode], context: &Places) -> Places {
        if self.facts.signatures {
            self.use_whole(context);
        }
        self.consume_all(args.iter().copied(), context)
    }

    /// A call of a built-in or host function by its name.
    fn call(&mut self, name: &str, args: &[&AstNode], context: &Places) -> Places {
        if args.len() < arguments_without_context(name) {
            self.use_whole(context);
        }
        match (name, args) {
            // What these give holds items of what they take, and they look no deeper than whether it is there.
            ("exists" | "count", _) => {
                self.join(args.iter().copied(), context);
                Places::new()
            }
            ("append" | "reverse" | "shuffle" | "default", _) => self.join(args.iter().copied(), context),
            ("lookup", [object, AstNode::String(field)]) => {
                let object = self.follow(object, context);
                self.field(&object, field)
            }
            ("map", [items, AstNode::Lambda { params, body, signature: None, .. }]) => {
                self.bind_items(items, params, &[true, false, true], context);
                self.follow(body, context)
            }
            ("filter" | "single", [items, AstNode::Lambda { params, body, signature: None, .. }]) => {
                let items = self.bind_items(items, params, &[true, false, true], context);
                self.consume(body, context);
                items
            }
            ("sort", [items, AstNode::Lambda { params, body, signature: None, .. }]) => {
                let items = self.bind_items(items, params, &[true, true], context);
                self.consume(body, context);
                items
            }
            ("reduce", [items, AstNode::Lambda { params, body, signature: None, .. }, rest @ ..]) => {
                let values = self.bind_items(items, params, &[rest.is_empty(), true, false, true], context);
                let mut result = self.join(rest.iter().copied(), context);
                if let Some(sum) = params.first() {
                    self.bind(sum, &result);
                    let next = self.follow(body, context);
                    self.bind(sum, &next);
                    result.extend(next);
                } else {
                    self.consume(body, context);
                }
                if rest.is_empty() {
                    result.extend(values);
                }
                result
            }
            _ => self.consume_all(args.iter().copied(), context),
        }
    }

    /// Binds the parameters that receive items, and gives the places of the items.
    fn bind_items(&mut self, items: &AstNode, params: &[String], takes: &[bool], context: &Places) -> Places {
        let places = self.follow(items, context);
        for (param, takes) in params.iter().zip(takes) {
            if *takes {
                self.bind(param, &places);
            }
        }
        places
    }
}

/// With fewer arguments than this the function takes one from the context (`-` in its signature). With as many it
/// still may, but only a text or a number, which are read with the place they stand at.
fn arguments_without_context(name: &str) -> usize {
    match name {
        "string" | "boolean" | "not" | "keys" | "spread" | "length" | "uppercase" | "lowercase" | "trim"
        | "number" | "floor" | "ceil" | "round" | "abs" | "sqrt" | "base64encode" | "base64decode"
        | "encodeUrl" | "encodeUrlComponent" | "decodeUrl" | "decodeUrlComponent" | "formatBase"
        | "fromMillis" | "toMillis" => 1,
        "lookup" | "each" | "sift" | "substring" | "substringBefore" | "substringAfter" | "contains"
        | "split" | "pad" | "match" | "power" | "formatNumber" | "formatInteger" | "parseInteger" => 2,
        "replace" => 3,
        "eval" => usize::MAX,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let ast = jsonata_core::parser::parse(source).unwrap();
        let reads = reads(&ast, &Facts::of(&ast));
        assert_eq!(show(&reads), expected, "{source}");
    }

    fn show(reads: &Reads) -> String {
        match reads {
            Reads::Everything => "*".to_owned(),
            Reads::Fields(tree) => {
                let fields: Vec<String> = tree
                    .iter()
                    .map(|(name, reads)| match reads {
                        Reads::Everything => name.to_owned(),
                        deeper @ Reads::Fields(_) => format!("{name}{}", show(deeper)),
                    })
                    .collect();
                format!("{{{}}}", fields.join(" "))
            }
        }
    }

    #[test]
    fn a_path_reads_its_last_field() {
        check("trigger.contact_id", "{trigger{contact_id}}");
        check("a.b.c & a.b.d", "{a{b{c d}}}");
        check("a & a.b", "{a}");
        check("$.a.b", "{a{b}}");
        check("$$.a.'b c'", "{a{b c}}");
        check("\"text\"", "{}");
        check("1 + 2", "{}");
    }

    #[test]
    fn predicates_read_what_they_test() {
        check("lines[qty > 0].sku", "{lines{qty sku}}");
        check("lines[0].sku", "{lines{sku}}");
        check("lines[sku = $$.wanted].price", "{lines{price sku} wanted}");
        check("lines^(>price).sku", "{lines{price sku}}");
    }

    #[test]
    fn projections_read_what_they_take() {
        check("lines.{'n': sku, 'sum': qty * price}", "{lines{price qty sku}}");
        check("lines{sku: $sum(qty)}", "{lines{qty sku}}");
        check("{'a': x.y, 'b': [z, w.v]}", "{w{v} x{y} z}");
        check("lines.(qty * price)", "{lines{price qty}}");
    }

    #[test]
    fn functions_over_items_are_followed() {
        check("$map(items, function($i) { $i.sku })", "{items{sku}}");
        check("$filter(items, function($i) { $i.ok }).sku", "{items{ok sku}}");
        check("items ~> $map(function($i) { $i.sku })", "{items{sku}}");
        check("$sort(items, function($a, $b) { $a.p > $b.p }).sku", "{items{p sku}}");
        check("$reduce(lines, function($s, $l) { $s + $l.qty * $l.price }, 0)", "{lines{price qty}}");
        check("$count(lines)", "{lines{}}");
        check("$exists(a.b) ? 1 : 2", "{a{b{}}}");
        check("$sum(lines.price)", "{lines{price}}");
        check("$lookup(a, 'b')", "{a{b}}");
    }

    #[test]
    fn variables_carry_their_places() {
        check("($c := trigger.customer; $c.name & $c.email)", "{trigger{customer{email name}}}");
        check("($x := a; $f := function() { $x.p }; $x := b; $f())", "{a{p} b{p}}");
        check("(true ? $x := a : $x := b; $x.c)", "{a{c} b{c}}");
        check("($f := function($o) { $o.name }; $f(a))", "{a}");
    }

    #[test]
    fn what_cannot_be_told_is_everything() {
        check("$", "*");
        check("$$", "*");
        check("*", "*");
        check("**.id", "*");
        check("a.*", "{a}");
        check("$string()", "*");
        check("a.b.$uppercase()", "{a{b}}");
        check("$keys(a)", "{a}");
        check("a.%.b", "*");
    }

    #[test]
    fn a_walk_down_without_an_end_comes_to_an_end() {
        check("$reduce([1..9], function($o, $i) { $o.next }, list)", "{list}");
        check("$count($reduce([1..9], function($o, $i) { $o.next }, list))", "*");
    }

    #[test]
    fn choices_read_every_branch() {
        check("a.ok ? b.x : c.y", "{a{ok} b{x} c{y}}");
        check("(a ?? b).c", "{a{c} b{c}}");
        check("(a ?: b).c", "{a b{c}}");
    }

    #[test]
    fn focus_and_index_bindings_are_followed() {
        check(
            "orders@$o.lines@$l[$o.id = $l.order].sku",
            "{lines{order sku} orders{id lines{order sku} sku} sku}",
        );
    }
}
