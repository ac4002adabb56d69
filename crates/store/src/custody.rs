//! What a vault keeps: a few small records that several processes share.

use std::sync::Arc;

use crate::Pending;

/// What a record of the vault is about. Names are apart by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Which master key is in use.
    Keyring,
    /// A secret with its versions.
    Secret,
    /// The session of a connection.
    Session,
}

/// How often something has been changed, counted over the whole store: a later change has a higher revision, also of
/// another record, and also of one that was removed and made again. What is conditional on a revision is fenced by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its name.
    pub name: Arc<str>,
    /// The change that made it what it is.
    pub revision: Revision,
    /// What it holds.
    pub bytes: Arc<[u8]>,
}

/// A change of one record.
#[derive(Clone, Debug)]
pub struct Change {
    /// The record's kind.
    pub kind: Kind,
    /// The record's name.
    pub name: Arc<str>,
    /// The revision on which the change builds; `None` if there is to be no such record yet.
    pub seen: Option<Revision>,
    /// A record of kind [`Kind::Keyring`] that must still have this revision.
    pub under: Option<(Arc<str>, Revision)>,
    /// What the record holds from now on; `None` removes it.
    pub bytes: Option<Vec<u8>>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It is done and durable, as this revision.
    Done(Revision),
    /// The record is not as it was seen: somebody was first. Nothing was changed.
    Overtaken,
    /// The record that it was to be `under` has moved on. Nothing was changed.
    Outdated,
}

/// What a vault keeps: a few small records that several processes share.
///
/// Knows neither secrets nor sessions: what it keeps is bytes, changed one record at a time by compare-and-swap.
pub trait Custody: Send + Sync {
    /// One record.
    fn kept(&self, kind: Kind, name: Arc<str>) -> Pending<Option<Kept>>;

    /// Up to `limit` records by name, those that come `after` one.
    fn kept_list(&self, kind: Kind, after: Option<Arc<str>>, limit: u32) -> Pending<Vec<Kept>>;

    /// Changes a record, if it is as it was seen.
    fn change(&self, change: Change) -> Pending<Swap>;
}
