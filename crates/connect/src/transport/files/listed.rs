//! The files of a folder, in an order that does not depend on the system, in pieces.

use sinew_model::{FileList, FilePath};
use sinew_stdx::{Json, Timestamp};

use super::{Entry, too_large};
use crate::Limits;
use crate::transport::{Pending, Piece, Reader, TransportError, TransportErrorKind as Kind};

/// The most files of a folder. All have to be seen before the first is known.
const ENTRIES_MAX: usize = 100_000;

/// The files of a folder that are asked for, as they are found.
pub(in crate::transport) struct Gathering<'a> {
    list: &'a FileList,
    /// Who changed before this is not asked for.
    since: Option<Timestamp>,
    /// Who changed later than this is not settled yet.
    settled_at: Timestamp,
    entries: Vec<Entry>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(list: &'a FileList, since: &str, now: Timestamp) -> Result<Self, TransportError> {
        let since =
            Some(since).filter(|since| !since.is_empty()).map(str::parse::<jiff::Timestamp>).transpose();
        let since = since.map_err(|error| {
            TransportError::new(Kind::Unfit, format!("since when files have changed is no time: {error}"))
        })?;
        let since = since.map(|since| Timestamp::from_millis(since.as_millisecond()));
        Ok(Self { list, since, settled_at: now.minus(list.settled), entries: Vec::new() })
    }

    /// Takes a file if it is asked for.
    pub(in crate::transport) fn add(&mut self, entry: Entry) -> Result<(), TransportError> {
        let is_settled = self.list.settled.is_zero() || entry.modified <= self.settled_at;
        // Others could not be read by their path.
        if FilePath::check_name(&entry.name).is_err() {
            return Ok(());
        }
        let fits = self.list.names.as_ref().is_none_or(|names| names.fits(&entry.name));
        let is_late = self.since.is_none_or(|since| entry.modified >= since);
        if !is_settled || !is_late || !fits {
            return Ok(());
        }
        if self.entries.len() >= ENTRIES_MAX {
            let words = format!("the folder has more than {ENTRIES_MAX} files; move away what is done");
            return Err(TransportError::new(Kind::TooLarge, words));
        }
        self.entries.push(entry);
        Ok(())
    }
}

/// What is still to be told of a folder.
pub(super) struct Listed {
    entries: std::iter::Peekable<std::vec::IntoIter<Entry>>,
    folder: String,
    page: usize,
    answer_max: u64,
}

impl Listed {
    /// The files behind a token, the one that changed first at the beginning.
    pub(super) fn new(
        gathering: Gathering<'_>,
        folder: &str,
        from: Option<&Json>,
        page: usize,
        answer_max: u64,
    ) -> Result<Self, TransportError> {
        let mut entries = gathering.entries;
        entries.sort_by(|a, b| key(a).cmp(&key(b)));
        if let Some(from) = from {
            let wrong = || TransportError::new(Kind::Token, "the token to resume from names no file");
            let (at, name): (i64, String) = from.to().map_err(|_| wrong())?;
            entries.retain(|entry| key(entry) > (at, name.as_str()));
        }
        Ok(Self { entries: entries.into_iter().peekable(), folder: folder.to_owned(), page, answer_max })
    }

    fn piece(&mut self) -> Result<Piece, TransportError> {
        let (mut items, mut bytes, mut last) = (Vec::new(), 0, None);
        while items.len() < self.page
            && let Some(entry) = self.entries.peek()
        {
            let item = item(&self.folder, entry);
            bytes += item.as_bytes().len() as u64;
            if bytes > self.answer_max && items.is_empty() {
                return Err(too_large(self.answer_max));
            }
            if bytes > self.answer_max {
                break;
            }
            items.push(item);
            last = self.entries.next();
        }
        let next = last.filter(|_| self.entries.peek().is_some());
        Ok(Piece { items, next: next.map(|entry| Json::of(&key(&entry))) })
    }
}

fn item(folder: &str, entry: &Entry) -> Json {
    let name = &entry.name;
    let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
    Json::object([
        ("path", &Json::string(&path)),
        ("name", &Json::string(name)),
        ("size", &Json::of(&entry.size)),
        ("modified", &Json::string(&entry.modified.to_string())),
    ])
}

fn key(entry: &Entry) -> (i64, &str) {
    (entry.modified.as_millis(), &entry.name)
}

impl Reader for Listed {
    fn next<'a>(&'a mut self, _: &'a Limits) -> Pending<'a, Result<Option<Piece>, TransportError>> {
        Box::pin(async move { self.piece().map(Some) })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    /// What is told of files (name, second of change) at second 100, page by page.
    fn check(files: &[(&str, i64)], settled: u64, from: Option<&Json>) -> Vec<(Vec<String>, Option<Json>)> {
        let list = FileList {
            folder: FilePath::default(),
            names: None,
            since: None,
            settled: Duration::from_secs(settled),
            page: NonZeroU32::MIN,
        };
        let mut gathering = Gathering::new(&list, "", Timestamp::from_millis(100_000)).unwrap();
        for (name, second) in files {
            let modified = Timestamp::from_millis(second * 1000);
            gathering.add(Entry { name: (*name).to_owned(), size: 1, modified }).unwrap();
        }
        let mut listed = Listed::new(gathering, "in", from, 2, 10_000).unwrap();
        let mut pieces = Vec::new();
        loop {
            let piece = listed.piece().unwrap();
            let names = piece.items.iter().map(|item| item.to_value()["path"].as_str().unwrap().to_owned());
            pieces.push((names.collect(), piece.next.clone()));
            if piece.next.is_none() {
                return pieces;
            }
        }
    }

    #[test]
    fn files_are_told_in_the_order_in_which_they_changed() {
        let files = [("c", 1), ("a", 3), ("b", 3), ("d", 95)];
        let pieces = check(&files, 0, None);
        assert_eq!(pieces[0].0, ["in/c", "in/a"]);
        assert_eq!(pieces[1], (vec!["in/b".to_owned(), "in/d".to_owned()], None));
        // What went meanwhile does not shift what comes.
        let rest = check(&[("b", 3), ("d", 95)], 0, pieces[0].1.as_ref());
        assert_eq!(rest, pieces[1..]);
        assert_eq!(check(&files, 10, None)[1].0, ["in/b"], "`d` may still be written");
        assert_eq!(check(&[], 0, None), [(Vec::new(), None)]);
    }
}
