//! What PostgreSQL's errors mean, by their SQLSTATE (PostgreSQL's manual, appendix A).

use std::error::Error as _;

use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use crate::transport::{TransportError, TransportErrorKind as Kind};

/// What each SQLSTATE means; the first line that begins it counts.
const STATES: &[(&str, Kind)] = &[
    ("08", Kind::Lost),
    ("22", Kind::Refused),
    ("23505", Kind::Conflict),
    ("23P01", Kind::Conflict),
    ("23", Kind::Refused),
    ("25P", Kind::Lost),
    ("25", Kind::Refused),
    ("28", Kind::Login),
    ("3D", Kind::NotThere),
    ("40002", Kind::Refused),
    ("40003", Kind::Lost),
    ("40", Kind::Busy),
    ("42501", Kind::Forbidden),
    ("53", Kind::Busy),
    ("55006", Kind::Busy),
    ("55P03", Kind::Busy),
    ("57014", Kind::Deadline),
    ("57P03", Kind::Busy),
    ("57P", Kind::Lost),
    ("58", Kind::Broken),
    ("XX", Kind::Broken),
];

/// An error of a session that was to begin: nothing was asked yet.
pub(super) fn not_begun(error: &Error) -> TransportError {
    match error.as_db_error() {
        Some(said) => of_server(said),
        None if is_broken(error) => TransportError::new(Kind::Lost, innermost(error)),
        // It asks for a password that is not there, or proves itself wrongly.
        None => TransportError::new(Kind::Login, innermost(error)),
    }
}

/// An error of a statement that was prepared, not executed.
pub(super) fn unprepared(error: &Error) -> TransportError {
    match error.as_db_error() {
        Some(said) => of_server(said),
        None => TransportError::new(Kind::Lost, innermost(error)),
    }
}

/// An error of a statement that was executed. A statement that failed has no effect; only if the session ended, it is
/// not known whether it had done its work before.
pub(super) fn refused(error: &Error) -> TransportError {
    match error.as_db_error() {
        Some(said) => {
            let refused = of_server(said);
            if refused.kind == Kind::Lost { refused.in_doubt() } else { refused }
        }
        None if is_broken(error) => TransportError::new(Kind::Lost, innermost(error)).in_doubt(),
        None => TransportError::new(Kind::Unfit, innermost(error)),
    }
}

fn of_server(said: &DbError) -> TransportError {
    let state = said.code().code();
    let kind = STATES.iter().find(|(begin, _)| state.starts_with(begin));
    let mut words = said.message().to_owned();
    if let Some(detail) = said.detail() {
        words = format!("{words}: {detail}");
    }
    TransportError::new(kind.map_or(Kind::Refused, |(_, kind)| kind.clone()), words).code(state)
}

/// Whether the session ended, and not only the statement.
fn is_broken(error: &Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.is::<std::io::Error>() {
            return true;
        }
        source = inner.source();
    }
    error.is_closed()
}

fn innermost(error: &Error) -> String {
    let (mut words, mut source) = (error.to_string(), error.source());
    while let Some(inner) = source {
        words = inner.to_string();
        source = inner.source();
    }
    words
}
