//! What places of files have in common: lists in order, files read whole or record by record.

mod listed;
mod streamed;

use std::future::Future;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sinew_model::{FileBinding, FileForm, FileFormat};
use sinew_stdx::{Json, Timestamp};
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use self::listed::Listed;
use self::streamed::Token;
use super::reading::ReadAhead;
use super::{
    Ask, Client, ClientOptions, Content, FileAsk, Now, Pending, Piece, Reader, Told, TransportError,
    TransportErrorKind as Kind,
};
use crate::Limits;
use crate::auth::Login;

pub(super) use self::listed::Gathering;

/// Files of one connection that are cut into records at once.
const READINGS_MAX: usize = 32;

/// Who asks, and how long it may take.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) login: Option<&'a Login>,
    pub(super) limits: &'a Limits,
}

/// A file of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

/// A file while it is read.
pub(super) struct Opened {
    /// What tells this state of it from any other.
    pub(super) version: Arc<str>,
    pub(super) bytes: Box<dyn Chunks>,
}

/// The bytes of a file as they come.
pub(super) trait Chunks: Send {
    /// The next bytes; `None` at the end.
    fn next(&mut self) -> Pending<'_, Result<Option<Bytes>, TransportError>>;
}

/// From where a file is read.
#[derive(Clone, Debug, Default)]
pub(super) struct Start {
    pub(super) at: u64,
    /// The state of it that was read before; another is refused.
    pub(super) version: Option<Arc<str>>,
}

/// Where files are.
pub(super) trait Store: Send + Sync + 'static {
    /// Adds the files of a folder.
    fn list(
        &self,
        folder: &str,
        into: &mut Gathering<'_>,
        call: Call<'_>,
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// Begins to read a file.
    fn open(
        &self,
        path: &str,
        start: &Start,
        call: Call<'_>,
    ) -> impl Future<Output = Result<Opened, TransportError>> + Send;

    /// Writes a file, whole or not at all; if it has to be `new`, not over another.
    fn write(
        &self,
        path: &str,
        content: &Content,
        new: bool,
        call: Call<'_>,
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// Gives a file another path, in the place of what may be there.
    fn rename(
        &self,
        path: &str,
        to: &str,
        call: Call<'_>,
    ) -> impl Future<Output = Result<(), TransportError>> + Send;

    /// Removes a file; one that is not there is as good as removed.
    fn remove(&self, path: &str, call: Call<'_>) -> impl Future<Output = Result<(), TransportError>> + Send;
}

/// Asks a place of files under one log-in.
pub(super) struct Files<S> {
    store: S,
    answer_max: u64,
    now: Now,
    /// Each cuts records on a thread of its own.
    readings: Arc<Semaphore>,
}

impl<S: Store> Files<S> {
    pub(super) fn new(store: S, options: &ClientOptions) -> Self {
        let readings = Arc::new(Semaphore::new(READINGS_MAX));
        Self { store, answer_max: options.answer_max, now: Arc::clone(&options.now), readings }
    }

    async fn answer(&self, ask: &FileAsk, call: Call<'_>) -> Result<Told, TransportError> {
        let path = &ask.path;
        match (&*ask.file, &ask.content, &ask.to) {
            (FileBinding::List(_) | FileBinding::Read { form: FileForm::Records(..), .. }, ..) => {
                let reader = self.begin(ask, call, None, usize::MAX).await?;
                self.gather(reader, call.limits).await
            }
            (FileBinding::Read { form, .. }, ..) => self.whole(path, form, call).await,
            (FileBinding::Write { new, .. }, Some(content), _) => {
                self.store.write(path, content, *new, call).await?;
                let size = content.bytes.len();
                let fields = [("path", &Json::string(path)), ("size", &Json::of(&size))];
                Ok(Told { value: Json::object(fields), summary: format!("{size} bytes written") })
            }
            (FileBinding::Move { .. }, _, Some(to)) => {
                self.store.rename(path, to, call).await?;
                let value = Json::object([("path", &Json::string(to))]);
                Ok(Told { value, summary: "moved".to_owned() })
            }
            (FileBinding::Delete { .. }, ..) => {
                self.store.remove(path, call).await?;
                Ok(Told { value: Json::null(), summary: "removed".to_owned() })
            }
            _ => Err(TransportError::foreign()),
        }
    }

    /// Begins to read a long answer.
    async fn begin(
        &self,
        ask: &FileAsk,
        call: Call<'_>,
        from: Option<&Json>,
        page: usize,
    ) -> Result<Box<dyn Reader>, TransportError> {
        match &*ask.file {
            FileBinding::List(list) => {
                let mut gathering = Gathering::new(list, &ask.since, (self.now)())?;
                let listing = self.store.list(&ask.path, &mut gathering, call);
                timeout_at(call.limits.until, listing)
                    .await
                    .map_err(|_| TransportError::deadline(true))??;
                let listed = Listed::new(gathering, &ask.path, from, page, self.answer_max)?;
                Ok(Box::new(listed))
            }
            FileBinding::Read { form: FileForm::Records(format, _), .. } => {
                Ok(Box::new(self.records(ask, format, call, from, page).await?))
            }
            _ => Err(TransportError::foreign()),
        }
    }

    async fn records(
        &self,
        ask: &FileAsk,
        format: &FileFormat,
        call: Call<'_>,
        from: Option<&Json>,
        page: usize,
    ) -> Result<ReadAhead, TransportError> {
        let token = from.map(Token::read).transpose()?.unwrap_or_default();
        let late = |_| TransportError::deadline(true);
        let turn = timeout_at(call.limits.until, Arc::clone(&self.readings).acquire_owned()).await;
        let turn = turn.map_err(|_| busy())?.map_err(|_| busy())?;
        let start = token.start();
        let opening = self.store.open(&ask.path, &start, call);
        let opened = timeout_at(call.limits.until, opening).await.map_err(late)??;
        Ok(streamed::begin(opened, &ask.path, format, token, page, self.answer_max, turn))
    }

    /// All pieces as one answer.
    async fn gather(&self, mut reader: Box<dyn Reader>, limits: &Limits) -> Result<Told, TransportError> {
        let (mut items, mut bytes) = (Vec::new(), 0_u64);
        while let Some(Piece { items: more, next }) = reader.next(limits).await? {
            bytes += more.iter().map(|item| item.as_bytes().len() as u64).sum::<u64>();
            if bytes > self.answer_max {
                return Err(too_large(self.answer_max));
            }
            items.extend(more);
            if next.is_none() {
                break;
            }
        }
        let summary = format!("{} item{}", items.len(), if items.len() == 1 { "" } else { "s" });
        Ok(Told { value: Json::array(&items), summary })
    }

    /// A file as one text.
    async fn whole(&self, path: &str, form: &FileForm, call: Call<'_>) -> Result<Told, TransportError> {
        let mut opened = self.store.open(path, &Start::default(), call).await?;
        let mut whole = Vec::new();
        while let Some(bytes) = opened.bytes.next().await? {
            if (whole.len() + bytes.len()) as u64 > self.answer_max {
                return Err(too_large(self.answer_max));
            }
            whole.extend_from_slice(&bytes);
        }
        let summary = format!("{} bytes", whole.len());
        if *form == FileForm::Base64 {
            return Ok(Told { value: Json::string(&STANDARD.encode(&whole)), summary });
        }
        let text = std::str::from_utf8(whole.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&whole));
        let text = text.map_err(|_| {
            TransportError::new(Kind::Departs, format!("`{path}` is no text in UTF-8; read it `as: base64`"))
        })?;
        Ok(Told { value: Json::string(text), summary })
    }
}

/// A file is not what it was.
pub(super) fn changed(path: &str) -> TransportError {
    TransportError::new(Kind::Conflict, format!("`{path}` has changed since a part of it was read"))
}

/// A file is in the way of one that has to be new.
pub(super) fn there_already(path: &str) -> TransportError {
    TransportError::new(Kind::Conflict, format!("there is a file `{path}` already"))
}

fn busy() -> TransportError {
    TransportError::new(
        Kind::NoTurn,
        format!("{READINGS_MAX} files of this connection are being read already"),
    )
}

fn too_large(max: u64) -> TransportError {
    TransportError::new(Kind::TooLarge, format!("the answer is larger than {max} bytes"))
}

impl<S: Store> Client for Files<S> {
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>> {
        let Ask::File(ask) = ask else { return Box::pin(async { Err(TransportError::foreign()) }) };
        Box::pin(async move {
            let answering = self.answer(ask, Call { login, limits });
            timeout_at(limits.until, answering).await.unwrap_or_else(|_| Err(TransportError::deadline(true)))
        })
    }

    fn read<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
        from: Option<&'a Json>,
        page: usize,
    ) -> Pending<'a, Result<Box<dyn Reader>, TransportError>> {
        let Ask::File(ask) = ask else { return Box::pin(async { Err(TransportError::foreign()) }) };
        Box::pin(async move { self.begin(ask, Call { login, limits }, from, page).await })
    }
}
