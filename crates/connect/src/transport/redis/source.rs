//! Streams: a consumer group, whose entries are acknowledged one by one.
//!
//! A task of its own reads, over a session of its own, one batch ahead of whoever takes entries: reading an answer must not
//! be given up in the middle. What was given before and not acknowledged comes first, entry by entry, so that one that is
//! too large stops nothing.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sinew_stdx::{Json, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::resp::{Garbled, Reply, read, write};
use super::{Session, refused};
use crate::source::{Coming, Data, Delivery, Source, SourceError, Wanted};
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// Entries that are asked for at once.
const AT_ONCE: u64 = 16;
/// The same as a word.
const COUNT: &[u8] = b"16";
/// How long the server waits for entries before it says that there are none, in milliseconds.
const BLOCK_MS: &[u8] = b"5000";
/// Under which name of the group entries are taken.
const CONSUMER: &[u8] = b"sinew";
/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// What an entry may have beside the values of its fields.
const ENTRY_OVER: u64 = 64 << 10;

/// An entry as it was read.
struct Entry {
    id: String,
    data: Data,
}

/// A consumer of a group.
pub(super) struct RedisSource {
    entries: mpsc::Receiver<Result<Vec<Entry>, SourceError>>,
    task: JoinHandle<()>,
    /// What entries are acknowledged by.
    session: Session,
    key: Arc<str>,
    group: Arc<str>,
    ready: VecDeque<Entry>,
    given: u64,
    ids: HashMap<u64, String>,
}

impl RedisSource {
    /// Makes the group if there is none, and begins to read.
    pub(super) async fn open(
        mut session: Session,
        reading: Session,
        wanted: &Wanted<'_>,
    ) -> Result<Self, TransportError> {
        let begin: &[u8] = if wanted.all { b"0" } else { b"$" };
        let (key, group) = (wanted.from.as_bytes(), wanted.group.as_bytes());
        match ask(&mut session, &[b"XGROUP", b"CREATE", key, group, begin, b"MKSTREAM"], ENTRY_OVER).await {
            Err(Asked::Failed(error)) if error.kind == Kind::Conflict => {}
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        let (sender, entries) = mpsc::channel(1);
        let reader = Reader {
            session: reading,
            key: wanted.from.into(),
            group: wanted.group.into(),
            data_max: wanted.delivery_max.0,
        };
        let (key, group) = (Arc::clone(&reader.key), Arc::clone(&reader.group));
        let task = tokio::spawn(reader.read_all(sender));
        let (ready, ids) = (VecDeque::new(), HashMap::new());
        Ok(Self { entries, task, session, key, group, ready, given: 0, ids })
    }

    async fn entry(&mut self) -> Result<Delivery, SourceError> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(self.delivery(entry));
            }
            match self.entries.recv().await {
                Some(entries) => self.ready.extend(entries?),
                None => return Err(SourceError::Closed(String::new())),
            }
        }
    }

    fn delivery(&mut self, Entry { id, data }: Entry) -> Delivery {
        self.given += 1;
        self.ids.insert(self.given, id.clone());
        let at = id.split_once('-').and_then(|(ms, _)| ms.parse().ok()).map(Timestamp::from_millis);
        Delivery {
            from: Arc::clone(&self.key),
            event: None,
            identity: Some(format!("{}:{id}", self.key).into()),
            id: Some(id.into()),
            at,
            headers: Vec::new(),
            data,
            position: None,
            receipt: self.given,
        }
    }

    async fn acknowledge(&mut self, ids: Vec<String>) -> Result<(), SourceError> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut words: Vec<&[u8]> = vec![b"XACK", self.key.as_bytes(), self.group.as_bytes()];
        words.extend(ids.iter().map(String::as_bytes));
        let acknowledged = ask(&mut self.session, &words, ENTRY_OVER).await;
        acknowledged.map(drop).map_err(|error| TransportError::from(error).into())
    }
}

impl Drop for RedisSource {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads entries.
struct Reader {
    session: Session,
    key: Arc<str>,
    group: Arc<str>,
    data_max: u64,
}

impl Reader {
    async fn read_all(mut self, sender: mpsc::Sender<Result<Vec<Entry>, SourceError>>) {
        let ended = async {
            self.given_before(&sender).await?;
            loop {
                let entries = self.given_now().await?;
                if !entries.is_empty() && sender.send(Ok(entries)).await.is_err() {
                    return Ok::<(), TransportError>(());
                }
            }
        };
        if let Err(error) = ended.await {
            // Nobody is there any more, if this does not go through.
            let _ = sender.send(Err(error.into())).await;
        }
    }

    /// What was given before and not acknowledged, one by one.
    async fn given_before(
        &mut self,
        sender: &mpsc::Sender<Result<Vec<Entry>, SourceError>>,
    ) -> Result<(), TransportError> {
        let (key, group) = (Arc::clone(&self.key), Arc::clone(&self.group));
        let (key, group) = (key.as_bytes(), group.as_bytes());
        let mut from = "-".to_owned();
        loop {
            let list: [&[u8]; 7] = [b"XPENDING", key, group, from.as_bytes(), b"+", COUNT, CONSUMER];
            let ids = pending(ask(&mut self.session, &list, ENTRY_OVER).await?);
            let Some(last) = ids.last() else { return Ok(()) };
            from = format!("({last}");
            for id in ids {
                let id_word = id.as_bytes();
                let max = self.data_max.saturating_add(ENTRY_OVER);
                let (entry, is_over) = match ask(&mut self.session, &[b"XRANGE", key, id_word, id_word], max)
                    .await
                {
                    Ok(Reply::List(none)) if none.is_empty() => (None, false),
                    Ok(reply) => match self.entries(reply).pop() {
                        Some(entry) => (Some(entry), false),
                        None => return Err(TransportError::new(Kind::Unusable, "an entry cannot be read")),
                    },
                    // What of it was not read cannot be passed over: the session ends with it.
                    Err(Asked::TooLarge) => {
                        (Some(Entry { id: id.clone(), data: Data::TooLarge { bytes: max } }), true)
                    }
                    Err(error) => return Err(error.into()),
                };
                let Some(entry) = entry else {
                    // It was deleted meanwhile: there is nothing to be given any more.
                    ask(&mut self.session, &[b"XACK", key, group, id.as_bytes()], ENTRY_OVER).await?;
                    continue;
                };
                if sender.send(Ok(vec![entry])).await.is_err() || is_over {
                    return Err(TransportError::new(Kind::Lost, "an entry is too large to be read"));
                }
            }
        }
    }

    /// What nobody was given yet; nothing if none comes for a while.
    async fn given_now(&mut self) -> Result<Vec<Entry>, TransportError> {
        let (key, group) = (Arc::clone(&self.key), Arc::clone(&self.group));
        let words: [&[u8]; 11] = [
            b"XREADGROUP",
            b"GROUP",
            group.as_bytes(),
            CONSUMER,
            b"COUNT",
            COUNT,
            b"BLOCK",
            BLOCK_MS,
            b"STREAMS",
            key.as_bytes(),
            b">",
        ];
        let max = self.data_max.saturating_add(ENTRY_OVER).saturating_mul(AT_ONCE);
        let streams = match ask(&mut self.session, &words, max).await? {
            Reply::Map(mut streams) => streams.pop().map(|(_, entries)| entries),
            Reply::List(mut streams) => match streams.pop() {
                Some(Reply::List(mut stream)) => stream.pop(),
                _ => None,
            },
            _ => None,
        };
        Ok(streams.map(|entries| self.entries(entries)).unwrap_or_default())
    }

    /// `[[id, [field, value, ..]], ..]`
    fn entries(&self, reply: Reply) -> Vec<Entry> {
        let Reply::List(entries) = reply else { return Vec::new() };
        let entry = |entry: Reply| {
            let Reply::List(mut entry) = entry else { return None };
            let fields = entry.pop()?;
            Some(Entry { id: text(entry.pop()?)?, data: self.data(fields) })
        };
        entries.into_iter().filter_map(entry).collect()
    }

    /// The fields of an entry as an object; each is JSON if it is JSON.
    fn data(&self, fields: Reply) -> Data {
        let fields = match fields {
            Reply::List(fields) => fields,
            Reply::Map(fields) => fields.into_iter().flat_map(|(name, value)| [name, value]).collect(),
            _ => Vec::new(),
        };
        let texts: Vec<Json> = fields.into_iter().map(|field| field.into_json(true)).collect();
        let pairs = texts
            .chunks_exact(2)
            .map(|pair| (pair[0].to::<String>().unwrap_or_else(|_| pair[0].to_string()), &pair[1]));
        let pairs: Vec<(String, &Json)> = pairs.collect();
        let object = Json::object(pairs.iter().map(|(name, value)| (name.as_str(), *value)));
        let bytes = object.as_bytes().len() as u64;
        if bytes > self.data_max {
            return Data::TooLarge { bytes };
        }
        Data::Whole(object.as_bytes().to_vec().into())
    }
}

/// The ids of `[[id, consumer, idle, times], ..]`.
fn pending(reply: Reply) -> Vec<String> {
    let Reply::List(items) = reply else { return Vec::new() };
    let id = |item: Reply| match item {
        Reply::List(parts) => text(parts.into_iter().next()?),
        _ => None,
    };
    items.into_iter().filter_map(id).collect()
}

fn text(reply: Reply) -> Option<String> {
    match reply {
        Reply::Text(bytes) => String::from_utf8(bytes).ok(),
        Reply::Status(text) => Some(text),
        _ => None,
    }
}

/// Why there is no answer.
enum Asked {
    TooLarge,
    Failed(TransportError),
}

impl From<Asked> for TransportError {
    fn from(asked: Asked) -> Self {
        match asked {
            // What was given so is given again, entry by entry.
            Asked::TooLarge => Self::new(Kind::Lost, "entries are too large to be read at once"),
            Asked::Failed(error) => error,
        }
    }
}

fn lost(error: &std::io::Error) -> TransportError {
    TransportError::new(Kind::Lost, format!("the connection broke: {error}"))
}

async fn ask(session: &mut Session, words: &[&[u8]], max: u64) -> Result<Reply, Asked> {
    let asking = async {
        write(&mut session.stream, words).await.map_err(|error| Asked::Failed(lost(&error)))?;
        match read(&mut session.stream, max).await {
            Ok(Reply::Error(words)) => Err(Asked::Failed(refused(&words))),
            Ok(reply) => Ok(reply),
            Err(Garbled::TooLarge) => Err(Asked::TooLarge),
            Err(Garbled::Io(error)) => Err(Asked::Failed(lost(&error))),
            Err(Garbled::Wrong(what)) => Err(Asked::Failed(TransportError::new(Kind::Unusable, what))),
        }
    };
    let late = || Asked::Failed(TransportError::new(Kind::Lost, "the server does not answer"));
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| Err(late()))
}

impl Source for RedisSource {
    fn next(&mut self) -> Coming<'_, Delivery> {
        Box::pin(self.entry())
    }

    fn accepted<'a>(&'a mut self, receipts: &'a [u64]) -> Coming<'a, ()> {
        let ids = receipts.iter().filter_map(|receipt| self.ids.remove(receipt)).collect();
        Box::pin(self.acknowledge(ids))
    }
}
