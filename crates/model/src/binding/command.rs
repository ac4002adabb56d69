use std::fmt;
use std::sync::Arc;

/// A command and its arguments. What comes of input is always an argument of its own or within one, never a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandBinding {
    /// The command, in capitals, as `SET`.
    pub name: Arc<str>,
    /// What stands behind it.
    pub arguments: Vec<Argument>,
    /// Whether the answer is text that holds JSON.
    pub json: bool,
}

/// An argument of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Texts and input fields, one behind the other: `order:{id}`.
    Text(Vec<TextPiece>),
    /// `{field*}` by itself: a list becomes so many arguments, an object its names and values in turn.
    Spread(Arc<str>),
}

/// A piece of a text that input fields are put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextPiece {
    /// As it stands.
    Literal(Arc<str>),
    /// The value of this input field.
    Field(Arc<str>),
}

/// Cuts a text at `{field}`; `{{` and `}}` stand for braces. `None` if a brace stands alone.
pub(crate) fn pieces(text: &str) -> Option<Vec<TextPiece>> {
    let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(behind) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = behind;
            continue;
        }
        let (name, behind) = after.split_once('}').filter(|(name, _)| brace == "{" && !name.is_empty())?;
        if name.contains('{') {
            return None;
        }
        if !literal.is_empty() {
            pieces.push(TextPiece::Literal(Arc::from(std::mem::take(&mut literal))));
        }
        pieces.push(TextPiece::Field(Arc::from(name)));
        rest = behind;
    }
    literal.push_str(rest);
    if !literal.is_empty() || pieces.is_empty() {
        pieces.push(TextPiece::Literal(Arc::from(literal)));
    }
    Some(pieces)
}

impl Argument {
    /// Reads `order:{id}`; `None` if a brace stands alone, or a star does not stand for the whole argument.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let pieces = pieces(text)?;
        let spread = |field: &str| field.strip_suffix('*').map(Arc::from);
        if let [TextPiece::Field(field)] = pieces.as_slice()
            && let Some(field) = spread(field)
        {
            return Some(Self::Spread(field));
        }
        let is_spread = |piece: &TextPiece| matches!(piece, TextPiece::Field(field) if field.ends_with('*'));
        (!pieces.iter().any(is_spread)).then_some(Self::Text(pieces))
    }

    /// The input fields that it is made of.
    pub fn fields(&self) -> impl Iterator<Item = &Arc<str>> {
        let (whole, pieces) = match self {
            Self::Spread(field) => (Some(field), &[][..]),
            Self::Text(pieces) => (None, pieces.as_slice()),
        };
        whole.into_iter().chain(pieces.iter().filter_map(|piece| match piece {
            TextPiece::Field(field) => Some(field),
            TextPiece::Literal(_) => None,
        }))
    }
}

impl CommandBinding {
    /// The input fields that it is made of.
    pub fn fields(&self) -> impl Iterator<Item = &Arc<str>> {
        self.arguments.iter().flat_map(Argument::fields)
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spread(field) => write!(f, "{{{field}*}}"),
            Self::Text(pieces) => pieces.iter().try_for_each(|piece| match piece {
                TextPiece::Literal(text) => f.write_str(text),
                TextPiece::Field(field) => write!(f, "{{{field}}}"),
            }),
        }
    }
}

/// `SET order:{id} {value}`
impl fmt::Display for CommandBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {argument}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_its_fields() {
        for (text, cut) in [
            ("order:{id}:lines", Some("order:|<id>|:lines")),
            ("{key}", Some("<key>")),
            ("{{a}}", Some("{a}")),
            ("", Some("")),
            ("{", None),
            ("a}b", None),
            ("{}", None),
            ("{a{b}}", None),
        ] {
            let shown = pieces(text).map(|pieces| {
                let piece = |piece: &TextPiece| match piece {
                    TextPiece::Literal(text) => text.to_string(),
                    TextPiece::Field(field) => format!("<{field}>"),
                };
                pieces.iter().map(piece).collect::<Vec<_>>().join("|")
            });
            assert_eq!(shown.as_deref(), cut, "{text}");
        }
    }

    #[test]
    fn a_star_spreads_a_list_over_arguments() {
        assert_eq!(Argument::read("{keys*}"), Some(Argument::Spread("keys".into())));
        assert!(matches!(Argument::read("{key}"), Some(Argument::Text(_))));
        assert_eq!(Argument::read("a{keys*}"), None);
    }
}
