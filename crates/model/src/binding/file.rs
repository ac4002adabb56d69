use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::{TextPiece, pieces};
use crate::FileFormat;

/// The longest path, in bytes.
const PATH_MAX: usize = 1024;

/// What is done with a file, or with those of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileBinding {
    /// Tells which files are in a folder.
    List(FileList),
    /// Reads one.
    Read {
        /// Which.
        path: FilePath,
        /// As what.
        form: FileForm,
    },
    /// Writes one, whole or not at all.
    Write {
        /// Which.
        path: FilePath,
        /// The input field that holds what is in it.
        content: Arc<str>,
        /// Whether one that is there already is left alone, and the call refused.
        new: bool,
    },
    /// Gives one another path.
    Move {
        /// Where it is.
        path: FilePath,
        /// Where it will be.
        to: FilePath,
    },
    /// Removes one.
    Delete {
        /// Which.
        path: FilePath,
    },
}

/// Which files of a folder are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileList {
    /// The folder.
    pub folder: FilePath,
    /// What their names look like.
    pub names: Option<NamePattern>,
    /// The input field that says since when they have changed.
    pub since: Option<Arc<str>>,
    /// How long they have been left alone.
    pub settled: Duration,
    /// The most of a page.
    pub page: NonZeroU32,
}

/// As what a file is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileForm {
    /// Its records, so many at a time.
    Records(FileFormat, NonZeroU32),
    /// Its text, which is UTF-8.
    Text,
    /// Its bytes, in Base64.
    Base64,
}

/// A path made of input: `done/{day}/{name}.csv`. Each `{field}` stays within its folder; `{+field}` may hold folders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePath(Vec<TextPiece>);

/// Why a path cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The input has no such field.
    #[error("`{0}` is not given")]
    Missing(Arc<str>),
    /// What the field holds would mean something else in a path.
    #[error("`{field}` cannot be part of a path: {why}")]
    Unfit {
        /// The field.
        field: Arc<str>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// What comes of it all.
    #[error("`{path}` is no path: {why}")]
    Wrong {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl FilePath {
    /// Reads `done/{name}`; fails if that can be no path whatever its fields hold.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let pieces = pieces(text).ok_or("a brace stands alone: a field is written `{name}`, a brace `{{`")?;
        for piece in &pieces {
            if let TextPiece::Literal(text) = piece {
                check_characters(text)?;
            }
        }
        // Each field stands for something that is no folder of its own.
        let shown = |piece: &TextPiece| match piece {
            TextPiece::Literal(text) => text.to_string(),
            TextPiece::Field(_) => "x".to_owned(),
        };
        let shown: String = pieces.iter().map(shown).collect();
        check_segments(&shown)?;
        Ok(Self(pieces))
    }

    /// Whether this can be the name of a file that is named by a path.
    pub fn check_name(name: &str) -> Result<(), &'static str> {
        check_value(name, false)?;
        check_segments(name)?;
        if name.len() > PATH_MAX { Err("it is longer than 1024 bytes") } else { Ok(()) }
    }

    /// The input fields that it is made of.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            TextPiece::Field(field) => Some(named(field).0),
            TextPiece::Literal(_) => None,
        })
    }

    /// The path for these values.
    pub fn fill(&self, mut value: impl FnMut(&str) -> Option<String>) -> Result<String, PathError> {
        let mut path = String::new();
        for piece in &self.0 {
            let field = match piece {
                TextPiece::Literal(text) => {
                    path.push_str(text);
                    continue;
                }
                TextPiece::Field(field) => field,
            };
            let (name, whole) = named(field);
            let value = value(name).ok_or_else(|| PathError::Missing(Arc::from(name)))?;
            check_value(&value, whole).map_err(|why| PathError::Unfit { field: Arc::from(name), why })?;
            path.push_str(&value);
        }
        match check_segments(&path) {
            Err(why) => Err(PathError::Wrong { path, why }),
            Ok(()) if path.len() > PATH_MAX => {
                path.truncate(path.floor_char_boundary(80));
                Err(PathError::Wrong { path, why: "it is longer than 1024 bytes" })
            }
            Ok(()) => Ok(path),
        }
    }
}

/// The name of a field, and whether it may hold folders.
fn named(field: &str) -> (&str, bool) {
    match field.strip_prefix('+') {
        Some(name) => (name, true),
        None => (field, false),
    }
}

fn check_value(value: &str, whole: bool) -> Result<(), &'static str> {
    check_characters(value)?;
    if value.is_empty() {
        return Err("it is empty");
    }
    if !whole && value.contains('/') {
        return Err("it holds a slash; `{+...}` takes folders too");
    }
    if value.split('/').any(|part| part == "..") {
        return Err("it holds `..`");
    }
    Ok(())
}

fn check_characters(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_control) {
        return Err("it holds a control character");
    }
    if text.contains('\\') {
        return Err("it holds a backslash, which parts folders elsewhere");
    }
    Ok(())
}

/// Checks what stands between slashes. Nothing at all is the folder that everything is in.
fn check_segments(path: &str) -> Result<(), &'static str> {
    if path.is_empty() {
        return Ok(());
    }
    for part in path.split('/') {
        match part {
            "" => return Err("it begins or ends with a slash, or has two in a row"),
            "." | ".." => return Err("it leads elsewhere by `.` or `..`"),
            _ => {}
        }
    }
    Ok(())
}

/// What a name looks like: `*` stands for anything, `?` for one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePattern(Arc<str>);

impl NamePattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// Whether a name looks like it.
    pub fn fits(&self, name: &str) -> bool {
        let (pattern, name): (Vec<char>, Vec<char>) = (self.0.chars().collect(), name.chars().collect());
        let (mut at, mut of) = (0, 0);
        // Where the last `*` stands, and how much of the name it takes so far.
        let mut star: Option<(usize, usize)> = None;
        while of < name.len() {
            match pattern.get(at) {
                Some('*') => {
                    star = Some((at, of));
                    at += 1;
                }
                Some(c) if *c == '?' || *c == name[of] => (at, of) = (at + 1, of + 1),
                _ => match &mut star {
                    None => return false,
                    Some((begin, taken)) => {
                        *taken += 1;
                        (at, of) = (*begin + 1, *taken);
                    }
                },
            }
        }
        pattern[at..].iter().all(|c| *c == '*')
    }
}

impl FileBinding {
    /// The input fields that paths are made of.
    pub fn path_fields(&self) -> impl Iterator<Item = &str> {
        let (first, second) = match self {
            Self::List(list) => (&list.folder, None),
            Self::Move { path, to } => (path, Some(to)),
            Self::Read { path, .. } | Self::Write { path, .. } | Self::Delete { path } => (path, None),
        };
        first.fields().chain(second.into_iter().flat_map(FilePath::fields))
    }

    /// The input field that holds what is written.
    pub fn content(&self) -> Option<&str> {
        match self {
            Self::Write { content, .. } => Some(content),
            _ => None,
        }
    }

    /// The input field that says since when files have changed.
    pub fn since(&self) -> Option<&str> {
        match self {
            Self::List(list) => list.since.as_deref(),
            _ => None,
        }
    }

    /// The input fields that it is made of.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.path_fields().chain(self.content()).chain(self.since())
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            TextPiece::Literal(text) => f.write_str(text),
            TextPiece::Field(field) => write!(f, "{{{field}}}"),
        })
    }
}

/// `move in/{name} to done/{name}`
impl fmt::Display for FileBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(list) => write!(f, "list {}/", list.folder),
            Self::Read { path, .. } => write!(f, "read {path}"),
            Self::Write { path, .. } => write!(f, "write {path}"),
            Self::Move { path, to } => write!(f, "move {path} to {to}"),
            Self::Delete { path } => write!(f, "delete {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(template: &str, value: &str) -> String {
        match FilePath::read(template) {
            Err(why) => format!("template: {why}"),
            Ok(path) => path.fill(|_| Some(value.to_owned())).unwrap_or_else(|error| error.to_string()),
        }
    }

    #[test]
    fn values_become_parts_of_paths_and_nothing_else() {
        for (template, value, path) in [
            ("in/{name}.csv", "a b", "in/a b.csv"),
            ("in/{name}", "größe..csv", "in/größe..csv"),
            ("{+path}", "in/2026/a.csv", "in/2026/a.csv"),
            ("", "x", ""),
            (
                "in/{name}",
                "a/b",
                "`name` cannot be part of a path: it holds a slash; `{+...}` takes folders too",
            ),
            ("in/{name}", "..", "`name` cannot be part of a path: it holds `..`"),
            ("in/{name}", "", "`name` cannot be part of a path: it is empty"),
            ("in/{name}", "a\nb", "`name` cannot be part of a path: it holds a control character"),
            (
                "in/{name}",
                "..\\x",
                "`name` cannot be part of a path: it holds a backslash, which parts folders elsewhere",
            ),
            ("{+path}", "a/../b", "`path` cannot be part of a path: it holds `..`"),
            ("in/.{name}", ".", "`in/..` is no path: it leads elsewhere by `.` or `..`"),
            ("{+path}", "/etc", "`/etc` is no path: it begins or ends with a slash, or has two in a row"),
            (
                "in/{+path}",
                "a//b",
                "`in/a//b` is no path: it begins or ends with a slash, or has two in a row",
            ),
            ("/in/{name}", "a", "template: it begins or ends with a slash, or has two in a row"),
            ("in/../{name}", "a", "template: it leads elsewhere by `.` or `..`"),
            ("in/{name", "a", "template: a brace stands alone: a field is written `{name}`, a brace `{{`"),
        ] {
            assert_eq!(check(template, value), path, "{template} with {value:?}");
        }
        assert!(check("{name}", &"x".repeat(2000)).contains("1024 bytes"));
    }

    #[test]
    fn names_look_like_patterns() {
        for (pattern, name, fits) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.part", false),
            ("in-????.*", "in-2026.xml", true),
            ("in-????.*", "in-26.xml", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xaxbx", false),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(NamePattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
        let slow = NamePattern::new(&"*a".repeat(500));
        assert!(!slow.fits(&"a".repeat(499)));
    }
}
