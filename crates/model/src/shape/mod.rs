//! What each resource looks like, as data: one table a resource, which checks documents, prints the JSON Schema and
//! writes the reference. Knows no resource itself.

mod check;
mod json_schema;
mod reference;
mod suggest;

pub(crate) use check::{check_record_node, check_resource, variant_of};
pub(crate) use json_schema::{resource_schema, schema};
pub(crate) use reference::reference;
pub use suggest::{closest, did_you_mean};

use crate::name::{self, ConnectorId, InvalidName};
use crate::{FieldPath, Part};

/// A kind of resource.
pub(crate) struct Resource {
    /// The word after `kind:`.
    pub(crate) kind: &'static str,
    /// Its fields, `kind` left out.
    pub(crate) record: &'static Record,
    /// A document that validates.
    pub(crate) example: &'static str,
}

/// A map with known fields.
pub(crate) struct Record {
    /// Its name in the schema and the reference.
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) doc: &'static str,
    /// Its fields, in groups that records may share.
    pub(crate) fields: &'static [&'static [Field]],
}

impl Record {
    /// All fields, in order.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().copied().flatten()
    }

    /// The field of this name.
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields().find(|field| field.name == name)
    }

    /// The fields of which exactly one is given.
    pub(crate) fn alternatives(&self) -> impl Iterator<Item = &'static Field> {
        self.fields().filter(|field| matches!(field.need, Need::OneOf))
    }
}

/// A field of a record.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) need: Need,
    pub(crate) doc: &'static str,
    pub(crate) example: Option<&'static str>,
}

/// Whether a field must be given.
#[derive(Clone, Copy)]
pub(crate) enum Need {
    Required,
    Optional,
    /// May be left out; then it is as if this were written.
    Default(&'static str),
    /// Exactly one of the record's fields of this need is given.
    OneOf,
}

/// What a value looks like.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// Any text.
    Text,
    /// A name of this kind.
    Name(&'static NameShape),
    /// An `http` or `https` URL.
    Url,
    /// A URL of a system, of whatever transport.
    SystemUrl,
    /// `secret:path/name`.
    Secret,
    /// A URL, or `secret:path/name`.
    UrlOrSecret,
    /// A JSONata expression.
    Expression,
    /// Values at whose leaves texts are expressions.
    Template,
    /// Any value, as it stands.
    Literal,
    /// A JSON Schema.
    JsonSchema,
    /// `10s`
    Duration,
    /// `10MB`
    Size,
    /// `100/10s`
    Rate,
    /// A whole number between these.
    Count(u64, u64),
    /// `true` or `false`
    Boolean,
    /// One of these words.
    Word(&'static [Word]),
    /// A list.
    List(&'static Shape),
    /// A value, or a list of such values.
    OneOrList(&'static Shape),
    /// A map from names to values.
    Table(&'static NameShape, &'static Shape),
    /// A map with known fields.
    Record(&'static Record),
    /// One of these records; the first field of each tells which.
    Variants(&'static Variants),
    /// A list of maps of one field each: the name and the value.
    Named(&'static NameShape, &'static Shape),
    /// One of these words, or a value of the shape.
    WordOr(&'static [Word], &'static Shape),
    /// A short form for the record's first field, or the record.
    ShortOr(&'static Shape, &'static Record),
}

/// A word that a field may say.
#[derive(Clone, Copy)]
pub(crate) struct Word {
    pub(crate) word: &'static str,
    pub(crate) doc: &'static str,
}

/// What is said by one of several words: each word, what it tells people and what it means stand in one line of
/// [`words!`].
pub(crate) trait Words: Copy + 'static {
    /// Its words, in the order in which people read them.
    const WORDS: &'static [Word];
    /// Their meanings, in the same order.
    const ALL: &'static [Self];
    /// The word that means this.
    fn word(self) -> &'static str;
}

/// Gives an enum its words. Each variant has one, or the match does not compile.
macro_rules! words {
    ($type:ident { $($meaning:ident = $word:literal, $doc:literal;)+ }) => {
        impl $crate::shape::Words for $type {
            const WORDS: &'static [$crate::shape::Word] = &[$($crate::shape::word($word, $doc)),+];
            const ALL: &'static [Self] = &[$(Self::$meaning),+];
            fn word(self) -> &'static str {
                match self {
                    $(Self::$meaning => $word,)+
                }
            }
        }
    };
}
pub(crate) use words;

/// Records told apart by their first field.
pub(crate) struct Variants {
    pub(crate) name: &'static str,
    /// What the first field says: "what the step does".
    pub(crate) says: &'static str,
    pub(crate) records: &'static [&'static Record],
}

/// A kind of name.
pub(crate) struct NameShape {
    /// What it names.
    pub(crate) what: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) check: fn(&str) -> Result<(), InvalidName>,
}

const RESOURCE_PATTERN: &str = "^[a-z][a-z0-9-]{0,62}$";
const WORD_PATTERN: &str = "^[A-Za-z][A-Za-z0-9_]{0,62}$";
const DOTTED_PATTERN: &str = "^[A-Za-z][A-Za-z0-9._/:-]{0,62}$";

macro_rules! name_shapes {
    ($($name:ident = $what:literal, $pattern:expr, $check:expr;)*) => {
        $(pub(crate) static $name: NameShape = NameShape { what: $what, pattern: $pattern, check: $check };)*
    };
}

name_shapes! {
    FLOW_NAME = "the name of a flow", RESOURCE_PATTERN, name::resource;
    CONNECTION_NAME = "the name of a connection", RESOURCE_PATTERN, name::resource;
    CONNECTOR_NAME = "the name of a connector", RESOURCE_PATTERN, name::resource;
    CHANNEL_NAME = "the name of an alert channel", RESOURCE_PATTERN, name::resource;
    SUBSCRIBER_NAME = "the name of a subscriber", RESOURCE_PATTERN, name::resource;
    API_NAME = "the name of an API", RESOURCE_PATTERN, name::resource;
    UPSTREAM_NAME = "the name of an upstream", RESOURCE_PATTERN, name::resource;
    PLAN_NAME = "the name of a plan", RESOURCE_PATTERN, name::resource;
    CONSUMER_NAME = "the name of a consumer", RESOURCE_PATTERN, name::resource;
    EVENT_PATTERN = "the name of an event, or its beginning with `*` behind", "^([A-Za-z][A-Za-z0-9._-]{0,62})?\\*?$", event_pattern;
    STEP_NAME = "the name of a step", WORD_PATTERN, name::word;
    OPERATION_ID = "the id of an operation", WORD_PATTERN, name::word;
    EVENT_NAME = "the name of an event", DOTTED_PATTERN, name::dotted;
    CONNECTOR_ID = "a connector in one version", "^[a-z][a-z0-9-]{0,62}@[A-Za-z0-9._-]{1,63}$", connector_id;
    LOGIN_NAME = "the name of a way to log in", "^[a-z][a-z0-9_-]{0,62}$", login_name;
    VARIABLE = "a variable", "^[A-Z][A-Z0-9_]{0,62}$", variable;
    VERSION = "a version", "^[A-Za-z0-9._-]{1,63}$", version;
    CALLED = "a connection and one of its operations", "^[a-z][a-z0-9-]{0,62}\\.[A-Za-z][A-Za-z0-9_]{0,62}$", called;
    HEADER = "the name of a header", "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", header;
    SEPARATOR = "one ASCII character", "^[\\x01-\\x7F]$", separator;
    COLUMN_PLACES = "the first and last character of a column, like `1-10`", "^[1-9][0-9]{0,6}-[1-9][0-9]{0,6}$", column_places;
    XML_PATH = "the name of an element, or the end of the path to it", "^[^/:\\s]+(/[^/:\\s]+)*$", xml_path;
    FIELD = "the name of a field", "^.+$", field;
    BODY_FIELD = "a field of a body, like `data.id`", "^[^.]+(\\.[^.]+)*$", body_field;
    SIGNED = "what is signed, like `{timestamp}.{body}`", "^.+$", signed;
    OPERATION_PATH = "a path", "^/.*$", operation_path;
    HOOK_PATH = "a path below `/hooks/`", "^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$", hook_path;
}

fn connector_id(text: &str) -> Result<(), InvalidName> {
    ConnectorId::new(text).map(|_| ())
}

fn version(text: &str) -> Result<(), InvalidName> {
    let ok = (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    if ok { Ok(()) } else { invalid(text, "use 1 to 63 letters, digits, `.`, `-` and `_`") }
}

fn login_name(text: &str) -> Result<(), InvalidName> {
    let ok = (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c));
    if ok { Ok(()) } else { invalid(text, "use small letters, digits, `-` and `_`, a letter first") }
}

fn variable(text: &str) -> Result<(), InvalidName> {
    let ok = (1..=63).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if ok { Ok(()) } else { invalid(text, "use capitals, digits and `_`, a letter first") }
}

fn called(text: &str) -> Result<(), InvalidName> {
    let ok = text.split_once('.').is_some_and(|(c, o)| name::resource(c).is_ok() && name::word(o).is_ok());
    if ok { Ok(()) } else { invalid(text, "a call is written `connection.operation`, like `crm.getContact`") }
}

/// RFC 9110, section 5.6.2: a token.
fn header(text: &str) -> Result<(), InvalidName> {
    let ok =
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c));
    if ok { Ok(()) } else { invalid(text, "a header's name holds letters, digits and `-`") }
}

fn field(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() { invalid(text, "it is empty") } else { Ok(()) }
}

fn separator(text: &str) -> Result<(), InvalidName> {
    let ok = text.len() == 1 && text.is_ascii() && text != "\0";
    if ok { Ok(()) } else { invalid(text, "use one ASCII character, like `;` or `\\t`") }
}

fn column_places(text: &str) -> Result<(), InvalidName> {
    let place = |text: &str| text.parse::<u32>().ok().filter(|place| (1..10_000_000).contains(place));
    let places = text.split_once('-').and_then(|(first, last)| Some((place(first)?, place(last)?)));
    match places {
        Some((first, last)) if first <= last => Ok(()),
        Some(_) => invalid(text, "the first character comes before the last"),
        None => invalid(text, "write the first and the last character, counted from 1, like `1-10`"),
    }
}

fn xml_path(text: &str) -> Result<(), InvalidName> {
    let name = |name: &str| !name.is_empty() && !name.contains([':', ' ', '\t', '\n']);
    let ok = text.split('/').all(name);
    if ok { Ok(()) } else { invalid(text, "names stand without prefixes, like `order` or `orders/order`") }
}

fn event_pattern(text: &str) -> Result<(), InvalidName> {
    match text.strip_suffix('*') {
        Some("") => Ok(()),
        Some(beginning) => name::dotted(beginning),
        None => name::dotted(text),
    }
}

fn body_field(text: &str) -> Result<(), InvalidName> {
    let ok = FieldPath::new(text).is_some();
    if ok { Ok(()) } else { invalid(text, "parts are separated by single dots, like `data.items.0.id`") }
}

fn signed(text: &str) -> Result<(), InvalidName> {
    match Part::template(text) {
        Ok(_) => Ok(()),
        Err(_) => invalid(
            text,
            "in braces stand method, url, path, query, body, timestamp, form, header:Name or field:a.b",
        ),
    }
}

fn operation_path(text: &str) -> Result<(), InvalidName> {
    let clean = !text.contains(['?', '#', ' ']) && !text.chars().any(char::is_control);
    if !text.starts_with('/') || !clean {
        return invalid(
            text,
            "a path begins with `/` and holds no `?`, `#` or white space; parameters go under `query:`",
        );
    }
    let mut rest = text;
    while let Some(open) = rest.find(['{', '}']) {
        let closed = rest[open..].strip_prefix('{').and_then(|body| body.split_once('}'));
        match closed {
            Some((name, after)) if !name.is_empty() && !name.contains('{') => rest = after,
            _ => return invalid(text, "parameters are written `{name}`"),
        }
    }
    Ok(())
}

fn hook_path(text: &str) -> Result<(), InvalidName> {
    let part_ok = |p: &str| {
        !p.is_empty()
            && p != "."
            && p != ".."
            && p.chars().all(|c| c.is_ascii_alphanumeric() || "._~-".contains(c))
    };
    let ok = text.len() <= 255 && text.split('/').all(part_ok);
    if ok {
        Ok(())
    } else {
        invalid(
            text,
            "use letters, digits, `-`, `_`, `.`, parts separated by single `/`, none at the start or end",
        )
    }
}

fn invalid(text: &str, why: &'static str) -> Result<(), InvalidName> {
    Err(InvalidName(text.to_owned(), why))
}

/// A word and what it means.
pub(crate) const fn word(word: &'static str, doc: &'static str) -> Word {
    Word { word, doc }
}

/// A field that must be given.
pub(crate) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, shape, need: Need::Required, doc, example: None }
}

/// A field that may be given.
pub(crate) const fn optional(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, shape, need: Need::Optional, doc, example: None }
}

/// A field that means `value` when it is not given.
pub(crate) const fn default(
    name: &'static str,
    shape: Shape,
    value: &'static str,
    doc: &'static str,
) -> Field {
    Field { name, shape, need: Need::Default(value), doc, example: None }
}

/// A field of which exactly one of its like is given.
pub(crate) const fn one_of(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, shape, need: Need::OneOf, doc, example: None }
}

impl Field {
    /// The same, with an example.
    pub(crate) const fn like(mut self, example: &'static str) -> Self {
        self.example = Some(example);
        self
    }
}
