//! The records of a file, read as it comes. Bytes are fetched by a task, and cut into records by a thread, each a little
//! ahead of whoever takes them; so memory is bounded however long the file is.

use std::io::{self, Read};
use std::sync::{Arc, OnceLock};

use bytes::{Buf as _, Bytes};
use serde::{Deserialize, Serialize};
use sinew_model::FileFormat;
use sinew_records::{Mark, Marked, Place, RecordError, records_from};
use sinew_stdx::Json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::{Chunks, Opened, Start};
use crate::transport::reading::{Flow, ReadAhead};
use crate::transport::{Piece, TransportError, TransportErrorKind as Kind};

/// How many pieces of bytes are fetched ahead.
const CHUNKS_AHEAD: usize = 4;

/// From where a file is read on.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Token {
    /// Records that were read.
    number: u64,
    /// The byte at which the next begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<Vec<String>>,
    /// The state of the file that was read.
    version: Option<Arc<str>>,
}

impl Token {
    pub(super) fn read(from: &Json) -> Result<Self, TransportError> {
        let wrong = || TransportError::new(Kind::Token, "the token to resume from is no place in a file");
        from.to().map_err(|_| wrong())
    }

    pub(super) fn start(&self) -> Start {
        Start { at: self.at.unwrap_or(0), version: self.version.clone() }
    }
}

/// What a fetched piece of bytes is: `None` at the file's end.
type Fetched = Result<Option<Bytes>, TransportError>;

/// Reads the records of a file from a token on.
pub(super) fn begin(
    opened: Opened,
    path: &str,
    format: &FileFormat,
    token: Token,
    page: usize,
    answer_max: u64,
    turn: OwnedSemaphorePermit,
) -> ReadAhead {
    let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
    let (cut, mut pieces) = mpsc::channel(1);
    let failed = Arc::new(OnceLock::new());
    let mark = Mark { number: token.number, at: token.at, names: token.names };
    let (path, format) = (path.to_owned(), format.clone());
    let cutter =
        Cutter { path, version: opened.version, pieces: cut, failed: Arc::clone(&failed), page, answer_max };
    ReadAhead::begin(move |shelf| async move {
        let incoming = Incoming { chunks, rest: Bytes::new(), is_over: false, failed, flow: shelf.flow() };
        tokio::task::spawn_blocking(move || {
            cutter.cut(&format, &mark, incoming);
            drop(turn);
        });
        let putting = async {
            while let Some(piece) = pieces.recv().await {
                if !shelf.put(piece).await {
                    return;
                }
            }
        };
        let fetching = async {
            fetch(opened.bytes, sender).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = putting => {}
            () = fetching => {}
        }
    })
}

async fn fetch(mut bytes: Box<dyn Chunks>, to: mpsc::Sender<Fetched>) {
    loop {
        let fetched = bytes.next().await;
        let goes_on = matches!(fetched, Ok(Some(_)));
        if to.send(fetched).await.is_err() || !goes_on {
            return;
        }
    }
}

/// Fetched bytes for a thread that waits for them.
struct Incoming {
    chunks: mpsc::Receiver<Fetched>,
    rest: Bytes,
    is_over: bool,
    /// Why there are no more, if that is not the end.
    failed: Arc<OnceLock<TransportError>>,
    /// What was read of them.
    flow: Flow,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() && !self.is_over {
            match self.chunks.blocking_recv() {
                Some(Ok(Some(bytes))) => self.rest = bytes,
                Some(Ok(None)) => self.is_over = true,
                Some(Err(error)) => {
                    let words = error.to_string();
                    self.failed.get_or_init(|| error);
                    return Err(io::Error::other(words));
                }
                None => return Err(io::Error::other("nobody reads on")),
            }
        }
        let read = buffer.len().min(self.rest.len());
        buffer[..read].copy_from_slice(&self.rest[..read]);
        self.rest.advance(read);
        self.flow.add(read);
        Ok(read)
    }
}

/// Cuts bytes into records, and records into pieces.
struct Cutter {
    path: String,
    version: Arc<str>,
    pieces: mpsc::Sender<Result<Piece, TransportError>>,
    failed: Arc<OnceLock<TransportError>>,
    page: usize,
    answer_max: u64,
}

impl Cutter {
    /// Until the end, or until nobody takes pieces any more.
    fn cut(&self, format: &FileFormat, mark: &Mark, incoming: Incoming) {
        let ended = match records_from(format, mark, incoming) {
            Ok(mut records) => self.cut_all(&mut records),
            Err(error) => Err(self.wrong(&RecordError::Unread(error.to_string().into()))),
        };
        if let Err(error) = ended {
            // Whoever is gone needs to know nothing.
            let _ = self.pieces.blocking_send(Err(error));
        }
    }

    fn cut_all(&self, records: &mut Marked) -> Result<(), TransportError> {
        let (mut items, mut bytes) = (Vec::new(), 0_u64);
        loop {
            let place = records.place();
            let record = records.next();
            let size = match &record {
                Some(Ok(item)) => item.as_bytes().len() as u64,
                _ => 0,
            };
            let too_large = size > self.answer_max;
            let is_full = items.len() >= self.page || bytes + size > self.answer_max;
            // Only with a record at hand is it known that a piece is not the last.
            let ends = record.as_ref().is_some_and(|record| record.is_err() || too_large || is_full);
            if ends && !items.is_empty() {
                let next = Some(self.token(records, place));
                if !self.put(Piece { items: std::mem::take(&mut items), next }) {
                    return Ok(());
                }
                bytes = 0;
            }
            match record {
                None => break,
                Some(Err(error)) => return Err(self.wrong(&error)),
                Some(Ok(_)) if too_large => {
                    let words =
                        format!("a record of `{}` is larger than {} bytes", self.path, self.answer_max);
                    return Err(TransportError::new(Kind::TooLarge, words));
                }
                Some(Ok(item)) => items.push(item),
            }
            bytes += size;
        }
        self.put(Piece { items, next: None });
        Ok(())
    }

    /// False if nobody takes pieces any more.
    fn put(&self, piece: Piece) -> bool {
        self.pieces.blocking_send(Ok(piece)).is_ok()
    }

    fn token(&self, records: &Marked, place: Place) -> Json {
        let Mark { number, at, names } = records.mark(place);
        Json::of(&Token { number, at, names, version: Some(Arc::clone(&self.version)) })
    }

    fn wrong(&self, error: &RecordError) -> TransportError {
        let kind = match (self.failed.get(), error) {
            (Some(failed), _) => return failed.clone(),
            (None, RecordError::TooLong { .. }) => Kind::TooLarge,
            (None, RecordError::Wrong { .. } | RecordError::Unread(_)) => Kind::Departs,
        };
        TransportError::new(kind, format!("`{}`: {error}", self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use sinew_model::FileFormat;
    use sinew_records::CsvFormat;
    use tokio::sync::Semaphore;
    use tokio::time::Instant;

    use super::*;
    use crate::Limits;
    use crate::transport::{Pending, Reader as _};

    struct Given(VecDeque<Fetched>);

    impl Chunks for Given {
        fn next(&mut self) -> Pending<'_, Fetched> {
            let next = self.0.pop_front().unwrap_or(Ok(None));
            Box::pin(async move { next })
        }
    }

    /// What comes of a file that is fetched in these pieces: its items, and the token behind them.
    async fn check(chunks: Vec<Fetched>, from: Option<&Json>, answer_max: u64) -> Vec<String> {
        let opened = Opened { version: "v1".into(), bytes: Box::new(Given(chunks.into())) };
        let token = from.map(Token::read).transpose().unwrap().unwrap_or_default();
        let turn = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let format = FileFormat::Csv(CsvFormat::default());
        let mut reading = begin(opened, "a.csv", &format, token, 2, answer_max, turn);
        let span = Duration::from_secs(5);
        let limits = Limits { until: Instant::now() + span, connect: span, read: span };
        let mut told = Vec::new();
        loop {
            match reading.next(&limits).await {
                Ok(Some(Piece { items, next })) => {
                    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                    told.push(format!("{}>{}", items.join(" "), next.as_ref().map_or("", Json::as_str)));
                    if next.is_none() {
                        return told;
                    }
                }
                Ok(None) => return told,
                Err(error) => {
                    told.push(format!("! {:?} {error}", error.kind));
                    return told;
                }
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands beside what may be wrong")]
    fn bytes(text: &str) -> Fetched {
        Ok(Some(Bytes::copy_from_slice(text.as_bytes())))
    }

    #[tokio::test]
    async fn records_come_in_pieces_with_the_place_behind_them() {
        let chunks = || vec![bytes("id\n1"), bytes("\n2\n3"), bytes("\n"), Ok(None)];
        let told = check(chunks(), None, 1000).await;
        let token = r#"{"number":2,"at":7,"names":["id"],"version":"v1"}"#;
        assert_eq!(told, [format!(r#"{{"id":"1"}} {{"id":"2"}}>{token}"#), r#"{"id":"3"}>"#.to_owned()]);
        let token = Json::parse(token.as_bytes()).unwrap();
        assert_eq!(check(vec![bytes("3\n"), Ok(None)], Some(&token), 1000).await, [r#"{"id":"3"}>"#]);
    }

    #[tokio::test]
    async fn what_was_read_before_something_went_wrong_is_given_first() {
        let lost = || Err(TransportError::new(Kind::Lost, "gone"));
        let told = check(vec![bytes("id\n1\n2"), lost()], None, 1000).await;
        assert!(told[0].starts_with(r#"{"id":"1"}>{"number":1"#), "{told:?}");
        assert_eq!(told[1], "! Lost gone");
        let told = check(vec![bytes("id\n1\n2,3\n"), Ok(None)], None, 1000).await;
        assert!(told[1].starts_with("! Departs `a.csv`: line 3: there are 2 fields"), "{told:?}");
        let told = check(vec![bytes("id\nlong and longer\n"), Ok(None)], None, 10).await;
        assert!(told[0].starts_with("! TooLarge a record of `a.csv`"), "{told:?}");
    }
}
