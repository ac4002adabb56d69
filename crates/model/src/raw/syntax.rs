use serde_saphyr::granit_parser::{ErrorKind, ScanError};
use sinew_diag::{Diagnostic, Place, codes::config};

use super::limits;

/// Words what the parser refused, with what would be right.
pub(crate) fn diagnose(error: &ScanError, place: Place) -> Diagnostic {
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        let message = format!("lists and maps nest deeper than {} levels", limits::DEPTH_MAX);
        return Diagnostic::error(config::TOO_LARGE, message).at(place);
    }
    if let Some((message, help)) = unread(error.kind()) {
        return Diagnostic::error(config::YAML_FEATURE, message).at(place).help(help);
    }
    let (message, help) = if is_unclosed_quote(error) {
        (
            "a quote is opened here and never closed, or its text goes on without indentation".to_owned(),
            "close it; in single quotes, double a quote that belongs to the text",
        )
    } else {
        brackets(error.kind()).unwrap_or_else(|| lines(error.kind()))
    };
    Diagnostic::error(config::YAML_SYNTAX, message).at(place).help(help)
}

/// YAML that is right, but that Sinew does not read.
fn unread(kind: &ErrorKind) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        ErrorKind::DirectiveDisallowed => {
            ("directives such as `%YAML` are not read", "remove the line; every document is YAML 1.2")
        }
        ErrorKind::UndeclaredTagHandle => {
            ("a tag that nothing declares", "remove it; quote the text if it begins with `!`")
        }
        ErrorKind::UnknownAnchor => (
            "an alias (`*name`) without its anchor (`&name`)",
            "define the anchor earlier in the same document, or quote a text that begins with `*`",
        ),
        _ => return None,
    })
}

/// What is wrong between `{ }` and `[ ]`.
fn brackets(kind: &ErrorKind) -> Option<(String, &'static str)> {
    use ErrorKind as E;
    Some(match kind {
        E::UnclosedFlowCollection { open } => {
            (format!("`{open}` is opened and never closed"), "close it with the matching bracket")
        }
        E::UnexpectedEofFlowSequence
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofImplicitFlowMapping
        | E::ExpectedFlowMappingSeparator
        | E::ExpectedFlowSequenceSeparator => (
            "inside `{ }` or `[ ]` a comma or the closing bracket is missing".into(),
            "separate entries with `, ` and quote texts that hold `,`, `{`, `}`, `[` or `]`",
        ),
        E::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), "close each bracket with its own kind")
        }
        E::MisplacedFlowCollectionEnd => {
            ("a closing bracket without an opening one".into(), "remove it or quote the text")
        }
        _ => return None,
    })
}

/// What is wrong with lines and texts.
fn lines(kind: &ErrorKind) -> (String, &'static str) {
    use ErrorKind as E;
    match kind {
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabInPlainScalar
        | E::TabAtBlockScalarStart => {
            ("a tab where spaces must stand".into(), "indent with spaces; most editors can convert tabs")
        }
        E::InvalidIndentation
        | E::ExpectedBlockMappingKey
        | E::ExpectedBlockSequenceEntry
        | E::InvalidFlowScalarIndent
        | E::InvalidBlockScalarIndent => (
            "the indentation fits no line above".into(),
            "give the fields of one map, and the items of one list, the same indentation",
        ),
        E::MappingValueNotAllowed | E::MappingKeyNotAllowed | E::InvalidColonPlacement => (
            "a `:` where no field may begin".into(),
            "give the fields of one map the same indentation, and quote texts that hold `: `",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => {
            ("a field without its `:`".into(), "write `name: value`, the name on one line")
        }
        E::UnexpectedCharacter { character } => {
            (format!("`{}` cannot begin a text", character.escape_default()), "put the text in quotes")
        }
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => (
            "text after a closing quote".into(),
            "put the whole text in quotes, and double a quote that belongs to it",
        ),
        E::UnknownQuotedScalarEscape
        | E::InvalidQuotedScalarHexEscape
        | E::InvalidUnicodeEscape
        | E::InvalidLowSurrogate
        | E::MissingLowSurrogate
        | E::UnpairedLowSurrogate
        | E::InvalidLowSurrogateHexEscape => (
            "an escape that YAML does not know".into(),
            "use single quotes, in which a backslash is only a backslash",
        ),
        E::BlockSequenceEntryNotAllowed | E::BlockEntryInFlowCollection => (
            "a `-` where no list item may begin".into(),
            "begin the list on a line of its own, below its field",
        ),
        other => (format!("not YAML: {other}"), "see the YAML 1.2 specification, or quote the text"),
    }
}

/// Whether the parser lost its way in a quoted text. It notices only where the text ends, not where it begins.
pub(crate) fn is_unclosed_quote(error: &ScanError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnclosedQuotedScalar
            | ErrorKind::DocumentIndicatorInQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
    )
}
