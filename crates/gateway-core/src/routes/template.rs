//! Templates of paths: `/accounts/{id}/items`, `/files/{name}.json`, `/assets/{rest*}`.

use std::fmt;

use thiserror::Error;

use super::{PARAMETERS_MAX, SEGMENTS_MAX, TEMPLATE_BYTES_MAX};

/// The paths that a rule takes.
///
/// `{id}` stands for one segment that is not empty, or for a part of it between text. `{rest*}`, at the end, stands for
/// all segments that are left, also none. Text stands for itself, written as it is in a normalised path.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    source: Box<str>,
    segments: Box<[Segment]>,
}

/// One segment of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Text(Box<str>),
    Parameter { before: Box<str>, name: Box<str>, after: Box<str> },
    Rest { name: Box<str> },
}

/// What is wrong with a template, where, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{mistake} (at byte {at})")]
pub struct TemplateError {
    /// The byte of the template at which it is, counted from 0.
    pub at: usize,
    /// What it is.
    pub mistake: TemplateMistake,
}

/// What can be wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "the words of each say it")]
pub enum TemplateMistake {
    #[error("a path begins with `/`; write it here")]
    NoSlash,
    #[error("nothing stands between these two `/`; leave one out")]
    EmptySegment,
    #[error("`{segment}` never arrives, as paths are normalised first; write the path that is meant")]
    DotSegment { segment: String },
    #[error("`{{` is not closed in its segment; write `}}` after the parameter's name")]
    NotClosed,
    #[error("`}}` closes nothing; write `{{` before the parameter's name, or `%7D` for the character itself")]
    NotOpened,
    #[error("`{name}` is no name; write letters, digits, `_`, `-` or `.`, a letter or `_` first")]
    Name { name: String },
    #[error("`{name}` is the name of a parameter before; give this one another")]
    NameTwice { name: String },
    #[error("a segment has room for one parameter; part the two by `/`")]
    SecondParameter,
    #[error("`{{{name}*}}` takes all that is left; let it be the last segment, with no text beside it")]
    RestNotLast { name: String },
    #[error(
        "`*` stands for nothing by itself; write `{{rest*}}` as the last segment to take all that is left"
    )]
    Star,
    #[error("this is how other systems write a parameter; write `{{{name}}}`")]
    Colon { name: String },
    #[error("the path ends before `{character}`; ask for query parameters by conditions")]
    PathEnds { character: char },
    #[error("`{character}` is escaped in a path; write `{escaped}`")]
    NotEscaped { character: char, escaped: String },
    #[error("`%` begins an escape of two digits such as `%20`; write `%25` for the character itself")]
    Escape,
    #[error("`{escape}` never arrives, as paths are normalised first; write `{normal}`")]
    NotNormal { escape: String, normal: String },
    #[error("a template has at most {TEMPLATE_BYTES_MAX} bytes; this one has {bytes}")]
    TooLong { bytes: usize },
    #[error("a template has at most {SEGMENTS_MAX} segments; take the others by `{{rest*}}`")]
    TooManySegments,
    #[error("a template has at most {PARAMETERS_MAX} parameters; take the others by `{{rest*}}`")]
    TooManyParameters,
}

use TemplateMistake as Mistake;

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let wrong = |at, mistake| Err(TemplateError { at, mistake });
        if text.len() > TEMPLATE_BYTES_MAX {
            return wrong(TEMPLATE_BYTES_MAX, Mistake::TooLong { bytes: text.len() });
        }
        let Some(path) = text.strip_prefix('/') else { return wrong(0, Mistake::NoSlash) };
        let mut segments: Vec<Segment> = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let mut at = 1;
        for part in path.split('/') {
            let last = at + part.len() == text.len();
            if segments.len() == SEGMENTS_MAX {
                return wrong(at, Mistake::TooManySegments);
            }
            if part.is_empty() && !last {
                return wrong(at, Mistake::EmptySegment);
            }
            let Read { segment, name } = read(part, at)?;
            if let Some((name, at)) = name {
                if names.contains(&name) {
                    return wrong(at, Mistake::NameTwice { name: name.to_owned() });
                }
                if names.len() == PARAMETERS_MAX {
                    return wrong(at, Mistake::TooManyParameters);
                }
                names.push(name);
            }
            if let Segment::Rest { name } = &segment
                && !last
            {
                return wrong(at, Mistake::RestNotLast { name: (**name).to_owned() });
            }
            segments.push(segment);
            at += part.len() + 1;
        }
        Ok(Self { source: text.into(), segments: segments.into() })
    }

    /// The names of its parameters, in order, as [`Captures`](super::Captures) has their places.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Text(_) => None,
            Segment::Parameter { name, .. } | Segment::Rest { name } => Some(&**name),
        })
    }

    /// What all its paths begin with: `/accounts/` of `/accounts/{id}`, `/assets` of `/assets/{rest*}`.
    pub fn literal_prefix(&self) -> &str {
        let text = self.source.split('{').next().unwrap_or_default();
        match self.segments.last() {
            // The rest takes its slash with it, but a path has always its first.
            Some(Segment::Rest { .. }) if self.parameters().count() == 1 && self.segments.len() > 1 => {
                text.strip_suffix('/').unwrap_or(text)
            }
            _ => text,
        }
    }

    /// As a key of `paths` in OpenAPI, which knows no rest: it becomes a parameter like others.
    pub fn openapi(&self) -> String {
        self.source.replace("*}", "}")
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.source)
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

/// A segment, and the name of its parameter with the byte at which that is.
struct Read<'a> {
    segment: Segment,
    name: Option<(&'a str, usize)>,
}

/// Reads a segment that begins `at` this byte.
fn read(part: &str, at: usize) -> Result<Read<'_>, TemplateError> {
    let wrong = |offset: usize, mistake| Err(TemplateError { at: at + offset, mistake });
    if part == "." || part == ".." {
        return wrong(0, Mistake::DotSegment { segment: part.to_owned() });
    }
    if let Some(name) = part.strip_prefix(':') {
        return wrong(0, Mistake::Colon { name: name.to_owned() });
    }
    let Some((before, opened)) = part.split_once('{') else {
        check_text(part, at)?;
        return Ok(Read { segment: Segment::Text(part.into()), name: None });
    };
    check_text(before, at)?;
    let Some((name, after)) = opened.split_once('}') else { return wrong(before.len(), Mistake::NotClosed) };
    let name_at = before.len() + 1;
    let after_at = name_at + name.len() + 1;
    if let Some(second) = after.find('{') {
        return wrong(after_at + second, Mistake::SecondParameter);
    }
    check_text(after, at + after_at)?;
    let (name, rest) = name.strip_suffix('*').map_or((name, false), |name| (name, true));
    if !is_name(name) {
        return wrong(name_at, Mistake::Name { name: name.to_owned() });
    }
    if rest && !(before.is_empty() && after.is_empty()) {
        return wrong(0, Mistake::RestNotLast { name: name.to_owned() });
    }
    let segment = if rest {
        Segment::Rest { name: name.into() }
    } else {
        Segment::Parameter { before: before.into(), name: name.into(), after: after.into() }
    };
    Ok(Read { segment, name: Some((name, at + name_at)) })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Text that can be in a normalised path (`pchar` of RFC 3986, 3.3), and that nobody means otherwise.
fn check_text(text: &str, at: usize) -> Result<(), TemplateError> {
    for (offset, character) in text.char_indices() {
        let mistake = match character {
            '}' => Mistake::NotOpened,
            '*' => Mistake::Star,
            '?' | '#' => Mistake::PathEnds { character },
            '%' => match escape(text.get(offset..offset + 3)) {
                Some(mistake) => mistake,
                None => continue,
            },
            _ if character.is_ascii_alphanumeric() || "-._~!$&'()+,;=:@".contains(character) => continue,
            _ => Mistake::NotEscaped { character, escaped: escaped(character) },
        };
        return Err(TemplateError { at: at + offset, mistake });
    }
    Ok(())
}

/// What is wrong with an escape, if it is.
fn escape(escape: Option<&str>) -> Option<Mistake> {
    let byte = escape
        .and_then(|escape| escape.get(1..))
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let (Some(escape), Some(byte)) = (escape, byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()))
    else {
        return Some(Mistake::Escape);
    };
    let unreserved = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let normal = if unreserved { char::from(byte).to_string() } else { escape.to_ascii_uppercase() };
    (normal != escape).then(|| Mistake::NotNormal { escape: escape.to_owned(), normal })
}

fn escaped(character: char) -> String {
    let mut utf8 = [0; 4];
    let escapes: Vec<String> =
        character.encode_utf8(&mut utf8).bytes().map(|byte| format!("%{byte:02X}")).collect();
    escapes.concat()
}
