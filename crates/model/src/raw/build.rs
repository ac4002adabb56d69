use std::collections::HashMap;
use std::sync::Arc;

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, Span, options};
use sinew_diag::{Diagnostic, Diagnostics, Place, codes::config};

use super::{Entry, Node, Scalar, Value, Variables, limits, syntax};

/// Builds the tree of one document that begins on `line` of its file; `None` if it is empty or refused.
pub(crate) fn build(
    file: &Arc<str>,
    line: u32,
    text: &str,
    budget: &mut usize,
    variables: &mut Variables<'_>,
    out: &mut Diagnostics,
) -> Option<Node> {
    let mut options = options! {
        disallow_directives: true,
        flow_nesting_limit: limits::DEPTH_MAX,
        block_nesting_limit: limits::DEPTH_MAX,
    };
    options.set_emit_comments(false);
    let mut builder = Builder {
        file,
        line,
        text: Arc::from(text),
        budget,
        copies: limits::COPIES_MAX,
        variables,
        out,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        documents: 0,
    };
    let mut passed = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let taken = match event {
            Ok((event, span)) => {
                passed = span.end.byte_offset().unwrap_or(passed);
                builder.take(event, &span)
            }
            Err(error) => {
                let opened = syntax::is_unclosed_quote(&error).then(|| builder.quote_after(passed)).flatten();
                let place = opened.unwrap_or_else(|| builder.place(error.marker(), 0));
                builder.out.push(syntax::diagnose(&error, place));
                Err(Refused)
            }
        };
        if taken.is_err() {
            return None;
        }
    }
    builder.root
}

/// The document was refused; why has been said.
struct Refused;

struct Builder<'a, 'v> {
    file: &'a Arc<str>,
    line: u32,
    text: Arc<str>,
    budget: &'a mut usize,
    /// What anchors and aliases may still copy.
    copies: usize,
    variables: &'a mut Variables<'v>,
    out: &'a mut Diagnostics,
    open: Vec<Open>,
    /// Anchored nodes; `None` while they are still being read.
    anchors: HashMap<usize, Option<(Node, usize)>>,
    root: Option<Node>,
    documents: usize,
}

/// A list or map that is being read.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<Entry>, seen: HashMap<String, u32>, key: Option<(String, Place)> },
}

impl Builder<'_, '_> {
    fn place(&self, marker: &Marker, length: usize) -> Place {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: self.file.clone(),
            line: number(marker.line()).saturating_add(self.line).saturating_sub(1),
            column: number(marker.col()).saturating_add(1),
            length: number(length),
        }
    }

    /// Where the first quote after what has been read begins.
    fn quote_after(&self, passed: usize) -> Option<Place> {
        let rest = self.text.get(passed..)?;
        let at = passed + rest.find(['"', '\''])?;
        let before = self.text.get(..at)?;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        Some(self.place(&Marker::new(at, before.matches('\n').count() + 1, column), 1))
    }

    fn refuse(&mut self, diagnostic: Diagnostic) -> Result<(), Refused> {
        self.out.push(diagnostic);
        Err(Refused)
    }

    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), Refused> {
        if let Some(tag) = event.tag()
            && tag.is_custom()
        {
            let shown = tag.original();
            let marker = span.tag_start.unwrap_or(span.start);
            let place = self.place(&marker, shown.chars().count());
            return self.refuse(
                Diagnostic::error(config::YAML_FEATURE, format!("the tag `{shown}` means nothing here"))
                    .at(place)
                    .help("remove it; secrets are written `secret:path/name`, variables `${NAME}`"),
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let place = self.place(&span.start, 0);
                    return self.refuse(
                        Diagnostic::error(config::YAML_SYNTAX, "a document follows without `---`")
                            .at(place)
                            .help("put `---` on a line of its own between documents"),
                    );
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = tag.is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                self.scalar(&text, style == ScalarStyle::Plain && !text_tag, anchor, span)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(anchor, span, Content::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                let content = Content::Map { entries: Vec::new(), seen: HashMap::new(), key: None };
                self.begin(anchor, span, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn spend(&mut self, nodes: usize, place: &Place) -> Result<(), Refused> {
        if let Some(left) = self.budget.checked_sub(nodes) {
            *self.budget = left;
            return Ok(());
        }
        *self.budget = 0;
        let message = format!("the file holds more than {} values", limits::NODES_MAX);
        self.refuse(Diagnostic::error(config::TOO_LARGE, message).at(place.clone()).help("split it"))
    }

    fn scalar(&mut self, text: &str, plain: bool, anchor: usize, span: &Span) -> Result<(), Refused> {
        let bytes = span.start.byte_offset().unwrap_or(0)..span.end.byte_offset().unwrap_or(0);
        let written = self.text.get(bytes.clone()).unwrap_or_default();
        let length = written.lines().next().unwrap_or_default().trim_end().chars().count();
        let place = self.place(&span.start, length);
        let absent = written.is_empty() && plain;
        self.spend(1, &place)?;
        let mut scalar = Scalar {
            text: if absent { String::new() } else { text.to_owned() },
            plain,
            place: place.clone(),
            document: self.text.clone(),
            bytes,
            substitutions: Vec::new(),
            unset: false,
        };
        if !self.expects_key() {
            self.variables.substitute(&mut scalar, self.out);
        }
        let node = Node { place, value: Value::Scalar(scalar) };
        self.keep_anchored(anchor, &node)?;
        self.put(node)
    }

    /// Keeps a copy of an anchored node, charged like an alias so that neither can grow without bound.
    fn keep_anchored(&mut self, anchor: usize, node: &Node) -> Result<(), Refused> {
        if anchor == 0 {
            return Ok(());
        }
        let weight = weight(node);
        self.copy_allowed(weight, &node.place)?;
        self.anchors.insert(anchor, Some((node.clone(), weight)));
        Ok(())
    }

    fn copy_allowed(&mut self, weight: usize, place: &Place) -> Result<(), Refused> {
        match self.copies.checked_sub(weight) {
            Some(left) => {
                self.copies = left;
                Ok(())
            }
            None => self.refuse(
                Diagnostic::error(config::TOO_LARGE, "anchors and aliases stand for too much")
                    .at(place.clone())
                    .help(format!("at most {} values come from them in one document", limits::COPIES_MAX)),
            ),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: Content::Map { key: None, .. }, .. }))
    }

    fn begin(&mut self, anchor: usize, span: &Span, content: Content) -> Result<(), Refused> {
        let place = self.place(&span.start, 0);
        if self.open.len() >= limits::DEPTH_MAX {
            let message = format!("lists and maps nest deeper than {} levels", limits::DEPTH_MAX);
            return self.refuse(Diagnostic::error(config::TOO_LARGE, message).at(place));
        }
        if self.expects_key() {
            return self.refuse(
                Diagnostic::error(config::YAML_FEATURE, "a list or map cannot be the name of a field")
                    .at(place)
                    .help("quote the name; `{` and `[` at the start of an expression need quotes too"),
            );
        }
        self.spend(1, &place)?;
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
        self.open.push(Open { place, anchor, content });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refused> {
        let Some(Open { place, anchor, content }) = self.open.pop() else { return Ok(()) };
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { entries, .. } => Value::Map(entries),
        };
        let node = Node { place, value };
        self.keep_anchored(anchor, &node)?;
        self.put(node)
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<(), Refused> {
        let place = self.place(&span.start, span.end.index().saturating_sub(span.start.index()));
        if self.expects_key() {
            return self.refuse(
                Diagnostic::error(config::YAML_FEATURE, "an alias cannot be the name of a field").at(place),
            );
        }
        let Some(Some((node, weight))) = self.anchors.get(&anchor) else {
            return self.refuse(
                Diagnostic::error(config::YAML_FEATURE, "an alias inside what it stands for").at(place),
            );
        };
        let (node, weight) = (node.clone(), *weight);
        self.copy_allowed(weight, &place)?;
        if depth(&node) + self.open.len() > limits::DEPTH_MAX {
            let message = format!("lists and maps nest deeper than {} levels", limits::DEPTH_MAX);
            return self.refuse(Diagnostic::error(config::TOO_LARGE, message).at(place));
        }
        self.spend(weight, &place)?;
        self.put(node)
    }

    fn put(&mut self, node: Node) -> Result<(), Refused> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, seen, key } => {
                if let Some((name, name_place)) = key.take() {
                    entries.push(Entry { name, name_place, value: node });
                } else if let Value::Scalar(scalar) = node.value {
                    let repeated = seen.insert(scalar.text.clone(), node.place.line);
                    *key = Some((scalar.text.clone(), node.place.clone()));
                    return self.check_key(&scalar.text, node.place, repeated);
                }
            }
        }
        Ok(())
    }

    fn check_key(&mut self, name: &str, place: Place, repeated: Option<u32>) -> Result<(), Refused> {
        if let Some(first) = repeated {
            self.out.push(
                Diagnostic::error(
                    config::DUPLICATE_KEY,
                    format!("`{name}` is given twice, first on line {first}"),
                )
                .at(place.clone())
                .help("keep one of them"),
            );
        }
        if name == "<<" {
            return self.refuse(
                Diagnostic::error(config::YAML_FEATURE, "merging with `<<` is not read")
                    .at(place)
                    .help("write the fields out; an alias may stand for a whole value"),
            );
        }
        Ok(())
    }
}

/// The values a node holds, long texts counted as several.
fn weight(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar(scalar) => scalar.text.len() / 64,
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Map(entries) => entries.iter().map(|e| weight(&e.value) + e.name.len() / 64).sum(),
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Scalar(_) => 0,
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|e| depth(&e.value)).max().unwrap_or(0),
    }
}
