use serde_saphyr::granit_parser::{ErrorKind, ScanError};
use sinew_diag::{Diagnostic, Place, codes::config};

use super::limits;

/// Words what the parser refused, with what would be right.
pub(crate) fn diagnose(error: &ScanError, place: Place) -> Diagnostic {
    use ErrorKind as E;
    let (message, help): (String, &str) = match error.kind() {
        E::RecursionLimitExceeded => {
            return Diagnostic::error(
                config::TOO_LARGE,
                format!("lists and maps nest deeper than {} levels", limits::DEPTH_MAX),
            )
            .at(place);
        }
        E::DirectiveDisallowed => {
            return Diagnostic::error(config::YAML_FEATURE, "directives such as `%YAML` are not read")
                .at(place)
                .help("remove the line; every document is YAML 1.2");
        }
        E::UndeclaredTagHandle => {
            return Diagnostic::error(config::YAML_FEATURE, "a tag that nothing declares")
                .at(place)
                .help("remove it; quote the text if it begins with `!`");
        }
        E::UnknownAnchor => {
            return Diagnostic::error(
                config::YAML_FEATURE,
                "an alias (`*name`) without its anchor (`&name`)",
            )
            .at(place)
            .help("define the anchor earlier in the same document, or quote a text that begins with `*`");
        }
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabInPlainScalar
        | E::TabAtBlockScalarStart => {
            ("a tab where spaces must stand".into(), "indent with spaces; most editors can convert tabs")
        }
        E::UnclosedQuotedScalar | E::DocumentIndicatorInQuotedScalar => (
            "a quote is opened and never closed".into(),
            "close it, or double a quote that belongs to the text",
        ),
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
        E::InvalidIndentation
        | E::ExpectedBlockMappingKey
        | E::ExpectedBlockSequenceEntry
        | E::InvalidFlowScalarIndent
        | E::InvalidBlockScalarIndent
        | E::InvalidQuotedScalarIndent => (
            "the indentation fits no line above".into(),
            "give the fields of one map, and the items of one list, the same indentation",
        ),
        E::MappingValueNotAllowed | E::MappingKeyNotAllowed | E::InvalidColonPlacement => (
            "a `:` where no field may begin".into(),
            "quote texts that hold `: `; begin a field on a line of its own",
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
    };
    Diagnostic::error(config::YAML_SYNTAX, message).at(place).help(help)
}
