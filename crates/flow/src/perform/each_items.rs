//! The items of an `each` as a stream: from an array, a paginated read, or a file. Never all in memory as values.

use std::fs::File;
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::value::RawValue;
use sinew_call::{Decision, Pages, decide};
use sinew_diag::codes::engine as code;
use sinew_flow_core::{EachInput, EachProgress};
use sinew_model::{Attempt, Failure, FileFormat, Operation, Reason, Retry};
use sinew_stdx::{Json, Random};
use tokio::sync::mpsc;

use super::{Performer, target};

/// Records read ahead from a file.
const READ_AHEAD: usize = 256;

/// A stream of numbered items that begins where progress says.
pub(crate) struct Items {
    performer: Performer,
    source: Source,
    /// The number of the next item.
    next: u64,
    /// Where the source can be read from again, and the number of the first item there.
    pub(crate) token: Json,
    pub(crate) token_index: u64,
}

enum Source {
    Array { text: Json, at: usize },
    Pages(Box<Paged>),
    File { records: mpsc::Receiver<Result<Json, Failure>> },
}

/// A paginated read, page by page, each tried as often as the step says.
struct Paged {
    pages: Pages,
    page: std::vec::IntoIter<Json>,
    next: Option<Json>,
    operation: Arc<Operation>,
    retry: Retry,
    random: Random,
}

impl Paged {
    /// Reads the next page; `None` after the last.
    async fn read(&mut self, performer: &Performer) -> Option<Result<(), Halt>> {
        let mut attempts = Vec::new();
        while !performer.is_over() {
            let failure = match self.pages.next().await? {
                Ok(page) => {
                    self.page = page.items.into_iter();
                    self.next = page.next;
                    return Some(Ok(()));
                }
                Err((failure, attempt)) => {
                    attempts.push(attempt);
                    failure
                }
            };
            let made = attempts.len() as u32;
            match decide(&failure, &self.operation, &self.retry, made, false, &mut self.random) {
                Decision::Retry { after } => drop(performer.pause(after).await),
                Decision::GiveUp | Decision::Probe => return Some(Err(Halt::Failed { failure, attempts })),
            }
        }
        Some(Err(Halt::Interrupted))
    }
}

/// Why there is no next item, although there may be one.
pub(crate) enum Halt {
    /// It cannot be had, after these attempts.
    Failed {
        /// Why.
        failure: Failure,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// Nothing more is to be sent: what was being read is read after the restart, if there is one.
    Interrupted,
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed { failure, attempts: Vec::new() }
    }
}

/// The source, and what was read from it: an item and its number, or the end.
pub(crate) type ReadItem = (Items, Result<Option<(u64, Json)>, Halt>);

/// An item on its way.
pub(crate) type Reading = BoxFuture<'static, ReadItem>;

fn not_items(message: impl Into<Arc<str>>) -> Failure {
    Failure::new(Reason::Mapping, code::NOT_ITEMS, message)
}

impl Items {
    /// Opens the source.
    pub(crate) fn open(
        performer: &Performer,
        input: EachInput,
        progress: &EachProgress,
    ) -> Result<Self, Failure> {
        let mut items = Self {
            performer: performer.clone(),
            source: Source::Array { text: Json::null(), at: 0 },
            next: 0,
            token: Json::null(),
            token_index: 0,
        };
        items.source = match input {
            EachInput::Array(json) => {
                let text = if json.as_str().starts_with('[') { json } else { Json::array([&json]) };
                Source::Array { text, at: 1 }
            }
            EachInput::Pages(call) => {
                let (connection, operation) = target(&performer.core.snapshot(), &call)?;
                let request = performer.request(&call, connection, Arc::clone(&operation));
                let mut pages = performer.core.caller.pages(request);
                if !progress.source.is_null() {
                    pages = pages.resume(progress.source.clone());
                    items.next = progress.source_index;
                    (items.token, items.token_index) = (progress.source.clone(), progress.source_index);
                }
                let random = Random::seeded(performer.core.chance());
                let (page, next, retry) = (Vec::new().into_iter(), None, call.retry);
                Source::Pages(Box::new(Paged { pages, page, next, operation, retry, random }))
            }
            EachInput::File { path, format } => {
                Source::File { records: open_file(&performer.core.files, &path, format)? }
            }
        };
        Ok(items)
    }

    /// The number that the next item has.
    pub(crate) fn next_index(&self) -> u64 {
        self.next
    }

    /// The next item and its number, or the next so many as one. It gives the source back.
    pub(crate) async fn read(mut self, batch: Option<NonZeroU32>) -> ReadItem {
        let next = match batch {
            None => self.next().await.transpose(),
            Some(batch) => self.batch(batch).await,
        };
        (self, next)
    }

    async fn batch(&mut self, batch: NonZeroU32) -> Result<Option<(u64, Json)>, Halt> {
        let (mut number, mut items) = (None, Vec::new());
        while items.len() < batch.get() as usize {
            let Some((index, item)) = self.next().await.transpose()? else { break };
            number.get_or_insert(index / u64::from(batch.get()));
            items.push(item);
        }
        Ok(number.map(|number| (number, Json::array(&items))))
    }

    async fn next(&mut self) -> Option<Result<(u64, Json), Halt>> {
        let item = match &mut self.source {
            Source::Array { text, at } => next_of_array(text, at)?,
            Source::File { records } => records.recv().await?,
            Source::Pages(paged) => loop {
                if let Some(item) = paged.page.next() {
                    break Ok(item);
                }
                if let Some(token) = paged.next.take() {
                    (self.token, self.token_index) = (token, self.next);
                }
                if let Err(halt) = paged.read(&self.performer).await? {
                    return Some(Err(halt));
                }
            },
        };
        let number = self.next;
        self.next += 1;
        Some(item.map(|item| (number, item)).map_err(Halt::from))
    }
}

/// Reads one value of an array's text, which begins after its bracket.
fn next_of_array(text: &Json, at: &mut usize) -> Option<Result<Json, Failure>> {
    let rest = text.as_str().get(*at..)?;
    let trimmed = rest.trim_start_matches([' ', '\n', '\r', '\t', ',']);
    if trimmed.starts_with(']') || trimmed.is_empty() {
        return None;
    }
    let begin = *at + (rest.len() - trimmed.len());
    let mut values = serde_json::Deserializer::from_str(trimmed).into_iter::<&RawValue>();
    match values.next()? {
        Ok(raw) => {
            *at = begin + values.byte_offset();
            Some(Ok(Json::from_printed(raw.get())))
        }
        Err(error) => Some(Err(not_items(format!("the items are not a JSON array: {error}")))),
    }
}

/// A file inside the folder that `each` may read from.
fn inside(folder: &Path, path: &str) -> Result<PathBuf, Failure> {
    let relative = Path::new(path);
    let relative = relative.strip_prefix(folder).unwrap_or(relative);
    let plain = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let refuse = || {
        not_items(format!("`{path}` is not inside the project's folder"))
            .help("put the file into the project's folder and name it relative to that")
    };
    if !plain {
        return Err(refuse());
    }
    let full = folder.join(relative);
    let real = full.canonicalize().map_err(|e| not_items(format!("`{path}` cannot be read: {e}")))?;
    let home =
        folder.canonicalize().map_err(|e| not_items(format!("the project's folder cannot be read: {e}")))?;
    if real.starts_with(home) { Ok(real) } else { Err(refuse()) }
}

/// A file inside one of the project's folders; the first that has it.
fn inside_any(folders: &[PathBuf], path: &str) -> Result<PathBuf, Failure> {
    let mut refused = not_items(format!("`{path}` cannot be read: the project has no folder"));
    for folder in folders {
        match inside(folder, path) {
            Ok(real) => return Ok(real),
            Err(failure) => refused = failure,
        }
    }
    Err(refused)
}

fn open_file(
    folders: &[PathBuf],
    path: &str,
    format: FileFormat,
) -> Result<mpsc::Receiver<Result<Json, Failure>>, Failure> {
    let real = inside_any(folders, path)?;
    let file = File::open(&real).map_err(|e| not_items(format!("`{path}` cannot be read: {e}")))?;
    let (sender, records) = mpsc::channel(READ_AHEAD);
    let name = path.to_owned();
    tokio::task::spawn_blocking(move || {
        for record in sinew_records::records(&format, file) {
            let item = record.map_err(|error| not_items(format!("`{name}`: {error}")));
            if sender.blocking_send(item).is_err() {
                return;
            }
        }
    });
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(text: &str) -> Vec<String> {
        let (text, mut at) = (Json::parse(text.as_bytes()).unwrap(), 1);
        std::iter::from_fn(|| next_of_array(&text, &mut at)).map(|item| item.unwrap().to_string()).collect()
    }

    #[test]
    fn an_array_is_read_item_by_item() {
        assert_eq!(array(r#"[1, {"a":[2,"],"]} ,"x",null ]"#), ["1", r#"{"a":[2,"],"]}"#, "\"x\"", "null"]);
        assert!(array("[]").is_empty() && array("[ ]").is_empty());
    }

    #[test]
    fn files_outside_the_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("in.csv"), "a\n1\n").unwrap();
        assert!(inside(folder.path(), "in.csv").is_ok());
        assert!(inside(folder.path(), folder.path().join("in.csv").to_str().unwrap()).is_ok());
        for path in ["../x", "/etc/passwd", "a/../../x", "missing.csv"] {
            assert_eq!(&*inside(folder.path(), path).unwrap_err().code, "SNW-3012", "{path}");
        }
    }
}
