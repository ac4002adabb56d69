use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sinew_diag::{Diagnostic, Diagnostics, Place, codes::config};
use sinew_mapping::{CompileError, Expression, Mapping, PathPart, Reads, Template};
use sinew_stdx::Json;

use crate::raw::{Literal, Node, Scalar, Value};
use crate::shape::{closest, did_you_mean};
use crate::{Connection, ConnectionName, Connector, ConnectorId, Description, Snapshot};

/// An expression is not longer than this many bytes.
const EXPRESSION_BYTES_MAX: usize = 32 * 1024;
/// So many unknown names of one expression are reported.
const UNKNOWN_NAMES_MAX: usize = 10;

/// What the project's resources may refer to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) connectors: BTreeMap<ConnectorId, Arc<Connector>>,
    /// What vendors publish, by the connector that names it.
    pub(crate) descriptions: BTreeMap<ConnectorId, Arc<Description>>,
    /// Connectors whose description is of no use: what they can do is not known.
    pub(crate) undescribed: BTreeSet<ConnectorId>,
    pub(crate) connections: BTreeMap<ConnectionName, Arc<Connection>>,
    /// Everything that is declared, also what was refused: referring to it is no further error.
    pub(crate) declared: Declared,
}

/// The names of everything declared.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    pub(crate) connectors: BTreeSet<String>,
    pub(crate) connections: BTreeSet<String>,
    pub(crate) flows: BTreeSet<String>,
    pub(crate) channels: BTreeSet<String>,
    pub(crate) apis: BTreeSet<String>,
    pub(crate) upstreams: BTreeSet<String>,
    pub(crate) plans: BTreeSet<String>,
    /// Operations by connector id.
    pub(crate) operations: BTreeMap<String, BTreeSet<String>>,
}

impl Known {
    /// What a snapshot holds.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let operations = snapshot.connectors.values().map(|connector| {
            let ids = connector.operations.ids().iter().map(ToString::to_string).collect();
            (connector.id.to_string(), ids)
        });
        Self {
            connectors: snapshot.connectors.clone(),
            descriptions: BTreeMap::new(),
            undescribed: BTreeSet::new(),
            connections: snapshot.connections.clone(),
            declared: Declared {
                connectors: snapshot.connectors.keys().map(ToString::to_string).collect(),
                connections: snapshot.connections.keys().map(ToString::to_string).collect(),
                flows: snapshot.flows.keys().map(ToString::to_string).collect(),
                channels: snapshot.channels.keys().map(ToString::to_string).collect(),
                apis: snapshot.apis.keys().map(ToString::to_string).collect(),
                upstreams: snapshot.upstreams.keys().map(ToString::to_string).collect(),
                plans: snapshot.plans.keys().map(ToString::to_string).collect(),
                operations: operations.collect(),
            },
        }
    }
}

/// The names that an expression may read.
#[derive(Clone, Copy)]
pub(crate) enum Names<'a> {
    /// A payload, whose fields are not known.
    Any,
    /// These.
    These(&'a [String]),
}

/// A name that an expression reads and that is not there.
struct Unknown {
    name: String,
    place: Place,
    likely: Option<String>,
    known: Vec<String>,
}

/// Turns checked trees into the types of the snapshot, and collects what is wrong.
pub(crate) struct Reader<'a> {
    pub(crate) known: &'a Known,
    pub(crate) out: Diagnostics,
    unknown: Vec<Unknown>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(known: &'a Known) -> Self {
        Self { known, out: Diagnostics::new(), unknown: Vec::new() }
    }

    pub(crate) fn error(&mut self, code: sinew_diag::Code, message: impl Into<String>, place: Place) {
        self.out.push(Diagnostic::error(code, message).at(place));
    }

    /// Says that something is not there, with what may have been meant.
    pub(crate) fn unknown<'n>(
        &mut self,
        code: sinew_diag::Code,
        message: String,
        place: Place,
        wrong: &str,
        candidates: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        let diagnostic = Diagnostic::error(code, message).at(place);
        self.out.push(match did_you_mean(wrong, candidates) {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    }

    /// Compiles an expression and checks the names that it reads.
    pub(crate) fn expression(&mut self, node: &Node, names: Names<'_>) -> Option<Expression> {
        let scalar = node.scalar()?;
        let text = node.text()?;
        if self.too_long(scalar) {
            return None;
        }
        match Expression::compile(text) {
            Ok(expression) => {
                self.check_names(node, expression.reads(), names);
                Some(expression)
            }
            Err(error) => {
                self.compile_error(scalar, error);
                None
            }
        }
    }

    /// Compiles the values under a field such as `with`; an absent one is an empty object.
    pub(crate) fn mapping(&mut self, node: Option<&Node>, names: Names<'_>) -> Option<Mapping> {
        let template = node.map_or_else(|| Some(Template::Object(Vec::new())), |node| self.template(node))?;
        match Mapping::compile(&template) {
            Ok(mapping) => {
                if let Some(node) = node {
                    self.check_names(node, mapping.reads(), names);
                }
                Some(mapping)
            }
            Err(errors) => {
                for (path, error) in errors {
                    match node.and_then(|node| leaf(node, &path)) {
                        Some(scalar) => self.compile_error(scalar, error),
                        None => self.error(config::EXPRESSION, error.message, node?.place.clone()),
                    }
                }
                None
            }
        }
    }

    fn template(&mut self, node: &Node) -> Option<Template> {
        Some(match &node.value {
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| self.template(item)).collect();
                Template::Array(items.into_iter().collect::<Option<_>>()?)
            }
            Value::Map(entries) => {
                let fields: Vec<_> = entries
                    .iter()
                    .map(|entry| self.template(&entry.value).map(|value| (entry.name.clone(), value)))
                    .collect();
                Template::Object(fields.into_iter().collect::<Option<_>>()?)
            }
            Value::Scalar(scalar) if scalar.unset || self.too_long(scalar) => return None,
            Value::Scalar(scalar) => match scalar.literal() {
                Literal::Text => Template::Expression(scalar.text.clone()),
                Literal::Odd(_) => return None,
                Literal::Null => Template::Literal(Json::null()),
                Literal::Boolean(_) | Literal::Number(_) => Template::Literal(node.to_json()),
            },
        })
    }

    fn too_long(&mut self, scalar: &Scalar) -> bool {
        let too_long = scalar.text.len() > EXPRESSION_BYTES_MAX;
        if too_long {
            let message = format!("an expression of more than {EXPRESSION_BYTES_MAX} bytes");
            self.error(config::TOO_LARGE, message, scalar.place.clone());
        }
        too_long
    }

    fn compile_error(&mut self, scalar: &Scalar, error: CompileError) {
        let place = error.offset.map_or_else(|| scalar.place.clone(), |offset| scalar.place_at(offset, 1));
        let diagnostic = Diagnostic::error(config::EXPRESSION, error.message).at(place);
        self.out.push(match error.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic.help(format!("the expression engine calls it {}", error.code)),
        });
    }

    fn check_names(&mut self, node: &Node, reads: &Reads, names: Names<'_>) {
        let Names::These(known) = names else { return };
        let Some(read) = reads.root_names() else {
            // One leaf may read everything; the others still say which names they read.
            if !matches!(node.value, Value::Scalar(_)) {
                each_scalar(node, &mut |leaf| {
                    if let Some(Ok(expression)) = leaf.text().map(Expression::compile)
                        && let Some(read) = expression.reads().root_names()
                    {
                        self.note_unknown(leaf, &read, known);
                    }
                });
            }
            return;
        };
        self.note_unknown(node, &read, known);
    }

    fn note_unknown(&mut self, node: &Node, read: &[&str], known: &[String]) {
        let missing = read.iter().filter(|name| !known.iter().any(|k| k == *name)).take(UNKNOWN_NAMES_MAX);
        for &name in missing {
            let mut places = Vec::new();
            each_scalar(node, &mut |leaf| {
                if let Some(scalar) = leaf.scalar().filter(|s| s.literal() == Literal::Text)
                    && let Some(offset) = word_offset(&scalar.text, name)
                {
                    places.push(scalar.place_at(offset, name.chars().count()));
                }
            });
            if places.is_empty() {
                places.push(node.place.clone());
            }
            let likely = closest(name, known.iter().map(String::as_str)).map(str::to_owned);
            self.unknown.extend(places.into_iter().map(|place| Unknown {
                name: name.to_owned(),
                place,
                likely: likely.clone(),
                known: known.to_vec(),
            }));
        }
    }

    /// Reports the names that were not there; `elsewhere` are those of steps that stand later or in other blocks.
    pub(crate) fn report_unknown(&mut self, elsewhere: &BTreeMap<String, Place>) {
        for Unknown { name, place, likely, known } in std::mem::take(&mut self.unknown) {
            let (message, help) = match (elsewhere.get(&name), likely) {
                (Some(step), _) => (
                    format!("`{name}` is not known here: the step stands later or inside another block"),
                    Some(format!(
                        "the step is on line {}; a block's value is that of its last step",
                        step.line
                    )),
                ),
                (None, Some(likely)) => {
                    (format!("unknown name `{name}`"), Some(format!("did you mean `{likely}`?")))
                }
                (None, None) => (
                    format!("unknown name `{name}`"),
                    did_you_mean(&name, known.iter().map(String::as_str))
                        .map(|help| format!("{help}; a text needs quotes of its own: '\"{name}\"'")),
                ),
            };
            let diagnostic = Diagnostic::error(config::UNKNOWN_NAME, message).at(place);
            self.out.push(match help {
                Some(help) => diagnostic.help(help),
                None => diagnostic,
            });
        }
    }
}

fn each_scalar<'n>(node: &'n Node, visit: &mut impl FnMut(&'n Node)) {
    match &node.value {
        Value::Scalar(_) => visit(node),
        Value::List(items) => items.iter().for_each(|item| each_scalar(item, visit)),
        Value::Map(entries) => entries.iter().for_each(|entry| each_scalar(&entry.value, visit)),
    }
}

fn leaf<'n>(node: &'n Node, path: &[PathPart]) -> Option<&'n Scalar> {
    let mut at = node;
    for part in path {
        at = match part {
            PathPart::Field(name) => at.get(name)?,
            PathPart::Index(index) => at.items().get(*index)?,
        };
    }
    at.scalar()
}

/// Where a name stands in an expression, in characters: as a word of its own, not a field, variable or text.
fn word_offset(text: &str, name: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let chars: Vec<char> = text.chars().collect();
    let wanted: Vec<char> = name.chars().collect();
    let mut quote = None;
    let mut fallback = None;
    for at in 0..chars.len() {
        let c = chars[at];
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) if c != '`' && quote != Some('`') => continue,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            _ => {}
        }
        let found = chars[at..].starts_with(&wanted)
            && !chars.get(at + wanted.len()).copied().is_some_and(is_word)
            && !at.checked_sub(1).is_some_and(|before| is_word(chars[before]) || chars[before] == '$');
        if found {
            let before = chars[..at].iter().rev().find(|c| !c.is_whitespace());
            if before != Some(&'.') {
                return Some(at);
            }
            fallback = fallback.or(Some(at));
        }
    }
    fallback
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_as_a_word_of_its_own() {
        assert_eq!(word_offset("a.customer + customer", "customer"), Some(13));
        assert_eq!(word_offset("\"customer \" & customer", "customer"), Some(14));
        assert_eq!(word_offset("$customer + customers", "customer"), None);
        assert_eq!(word_offset("é & customer", "customer"), Some(4));
    }
}
