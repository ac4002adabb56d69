use std::fmt;
use std::time::Duration;

/// Why a text is not an expression, in words for the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What is wrong.
    pub message: String,
    /// The JSONata error code, such as `S0201`; `U` codes are Sinew's own.
    pub code: String,
    /// Where it shows, in characters from the start of the source.
    pub offset: Option<usize>,
    /// How to mend it.
    pub help: Option<String>,
}

/// What grew beyond its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// A sequence built on the way, in items.
    Sequence,
    /// A text built on the way, in bytes.
    Text,
    /// The printed result, in bytes.
    Output,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequence => "a sequence with more items than",
            Self::Text => "a text of more bytes than",
            Self::Output => "a result of more bytes than",
        })
    }
}

/// Why an evaluation gave no value. `field` is the path of the mapping's field whose expression failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluateError {
    /// The expression does not fit the data it met.
    #[error("{}{message}", Within(field.as_deref()))]
    Failed {
        /// The JSONata error code, such as `T2001`.
        code: String,
        /// What happened.
        message: String,
        /// The field of the mapping, if it was one.
        field: Option<String>,
    },
    /// It ran for longer than it may.
    #[error("{}did not finish within {limit:?}; look for an endless loop", Within(field.as_deref()))]
    TimeExceeded {
        /// The time it had.
        limit: Duration,
        /// The field of the mapping, if it was one.
        field: Option<String>,
    },
    /// Calls nested deeper than they may.
    #[error("{}nested deeper than {limit} levels; look for a recursion without an end", Within(field.as_deref()))]
    DepthExceeded {
        /// The levels it had.
        limit: u32,
        /// The field of the mapping, if it was one.
        field: Option<String>,
    },
    /// Something grew larger than it may.
    #[error("{}made {what} the {limit} allowed", Within(field.as_deref()))]
    TooLarge {
        /// What grew.
        what: Excess,
        /// The most it may be.
        limit: usize,
        /// The field of the mapping, if it was one.
        field: Option<String>,
    },
}

struct Within<'a>(Option<&'a str>);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(field) => write!(f, "field `{field}`: "),
            None => Ok(()),
        }
    }
}

impl EvaluateError {
    /// The JSONata error code: `D1012` for time, `D1011` for depth, `D2015` for size.
    pub fn code(&self) -> &str {
        match self {
            Self::Failed { code, .. } => code,
            Self::TimeExceeded { .. } => "D1012",
            Self::DepthExceeded { .. } => "D1011",
            Self::TooLarge { .. } => "D2015",
        }
    }

    /// The field of the mapping whose expression failed, as a path such as `lines[0].sku`.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Failed { field, .. }
            | Self::TimeExceeded { field, .. }
            | Self::DepthExceeded { field, .. }
            | Self::TooLarge { field, .. } => field.as_deref(),
        }
    }

    /// The same error, said of a field of a mapping.
    #[must_use]
    pub(crate) fn in_field(mut self, path: String) -> Self {
        let (Self::Failed { field, .. }
        | Self::TimeExceeded { field, .. }
        | Self::DepthExceeded { field, .. }
        | Self::TooLarge { field, .. }) = &mut self;
        *field = Some(path);
        self
    }
}
