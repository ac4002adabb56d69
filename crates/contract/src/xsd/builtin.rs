//! The types of XML Schema, Part 2, by what they are in JSON.

/// A type of the standard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Builtin {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

/// What a type is in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text; white space stays as it is.
    Text,
    /// A text without white space around it, of a format.
    Token(Option<&'static str>),
    Boolean,
    /// A number without a fraction, within bounds.
    Integer(Option<i64>, Option<u64>),
    Decimal,
    /// A number, or `INF`, `-INF`, `NaN`.
    Float,
    Base64,
    Hex,
    /// A name: `{namespace}local`.
    Name,
    /// Several words.
    Words,
}

const fn of_kind(name: &'static str, kind: Kind) -> Builtin {
    Builtin { name, kind }
}

pub(crate) static BUILTINS: &[Builtin] = &[
    of_kind("anySimpleType", Kind::Text),
    of_kind("anyAtomicType", Kind::Text),
    of_kind("string", Kind::Text),
    of_kind("normalizedString", Kind::Text),
    of_kind("token", Kind::Token(None)),
    of_kind("language", Kind::Token(None)),
    of_kind("Name", Kind::Token(None)),
    of_kind("NCName", Kind::Token(None)),
    of_kind("ID", Kind::Token(None)),
    of_kind("IDREF", Kind::Token(None)),
    of_kind("ENTITY", Kind::Token(None)),
    of_kind("NMTOKEN", Kind::Token(None)),
    of_kind("anyURI", Kind::Token(None)),
    of_kind("NOTATION", Kind::Name),
    of_kind("QName", Kind::Name),
    of_kind("NMTOKENS", Kind::Words),
    of_kind("IDREFS", Kind::Words),
    of_kind("ENTITIES", Kind::Words),
    of_kind("boolean", Kind::Boolean),
    of_kind("decimal", Kind::Decimal),
    of_kind("integer", Kind::Integer(None, None)),
    of_kind("nonNegativeInteger", Kind::Integer(Some(0), None)),
    of_kind("positiveInteger", Kind::Integer(Some(1), None)),
    of_kind("nonPositiveInteger", Kind::Integer(None, Some(0))),
    of_kind("negativeInteger", Kind::Integer(None, Some(0))),
    of_kind("long", Kind::Integer(Some(i64::MIN), Some(i64::MAX as u64))),
    of_kind("int", Kind::Integer(Some(-2_147_483_648), Some(2_147_483_647))),
    of_kind("short", Kind::Integer(Some(-32_768), Some(32_767))),
    of_kind("byte", Kind::Integer(Some(-128), Some(127))),
    of_kind("unsignedLong", Kind::Integer(Some(0), Some(u64::MAX))),
    of_kind("unsignedInt", Kind::Integer(Some(0), Some(4_294_967_295))),
    of_kind("unsignedShort", Kind::Integer(Some(0), Some(65_535))),
    of_kind("unsignedByte", Kind::Integer(Some(0), Some(255))),
    of_kind("float", Kind::Float),
    of_kind("double", Kind::Float),
    of_kind("base64Binary", Kind::Base64),
    of_kind("hexBinary", Kind::Hex),
    of_kind("date", Kind::Token(Some("date"))),
    of_kind("time", Kind::Token(Some("time"))),
    of_kind("dateTime", Kind::Token(Some("date-time"))),
    of_kind("dateTimeStamp", Kind::Token(Some("date-time"))),
    of_kind("duration", Kind::Token(Some("duration"))),
    of_kind("dayTimeDuration", Kind::Token(Some("duration"))),
    of_kind("yearMonthDuration", Kind::Token(None)),
    of_kind("gYear", Kind::Token(None)),
    of_kind("gYearMonth", Kind::Token(None)),
    of_kind("gMonth", Kind::Token(None)),
    of_kind("gMonthDay", Kind::Token(None)),
    of_kind("gDay", Kind::Token(None)),
];

/// A type of the standard by its name.
pub(crate) fn of(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}
