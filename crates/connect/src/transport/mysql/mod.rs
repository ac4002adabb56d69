//! MySQL and MariaDB, by their client/server protocol in version 10.
//!
//! Statements are prepared, and their values go out by what they are: whole numbers as such, decimals in digits, texts as
//! texts. Rows are read from the connection as somebody wants them.

mod login;
mod refusal;
mod row;
mod session;
mod wire;

use std::sync::Arc;

use sinew_model::SqlPiece;
use sinew_stdx::Json;
use tokio::time::{Instant, timeout_at};

use self::refusal::{garbled, refused};
use self::row::Column;
use self::session::{CALLED_OFF_PATIENCE, Prepared, Server, Session};
use self::wire::Bytes;
use super::reading::ReadAhead;
use super::rows::{Rows, Slicer, gather};
use super::{
    Ask, Client, ClientOptions, NotOpened, Pending, Place, Reader, SqlAsk, Told, TransportError,
    TransportErrorKind as Kind,
};
use crate::Limits;
use crate::auth::Login;

/// Speaks to one database under one log-in.
struct Mysql {
    server: Arc<Server>,
}

/// Speaks to the system of a URL.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    Ok(Arc::new(Mysql::new(place, options)))
}

impl Mysql {
    fn new(place: Place, options: &ClientOptions) -> Self {
        Self { server: Arc::new(Server::new(place, options)) }
    }
}

impl Client for Mysql {
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>> {
        let Ask::Sql(ask) = ask else { return Box::pin(async { Err(TransportError::foreign()) }) };
        Box::pin(async move {
            let mut session = self.server.session(ask.reads, login, limits.until).await?;
            let prepared = prepare(&mut session, ask, limits).await?;
            let calling_off = session.call_off();
            let (told, called_off) = {
                let answering = answer(&mut session, &prepared, ask, self.server.answer_max);
                tokio::pin!(answering);
                if let Ok(told) = timeout_at(limits.until, &mut answering).await {
                    (told, false)
                } else {
                    // Called off, the statement says what became of it: done before that, or canceled.
                    calling_off.await;
                    let until = Instant::now() + CALLED_OFF_PATIENCE;
                    let told = timeout_at(until, &mut answering).await;
                    (told.unwrap_or_else(|_| Err(TransportError::deadline(true))), true)
                }
            };
            // What calls off might come late, and end what the session does next.
            if called_off {
                return told;
            }
            self.server.give_back(session, told.as_ref().err());
            told
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
        let Ask::Sql(ask) = ask else { return Box::pin(async { Err(TransportError::foreign()) }) };
        Box::pin(async move {
            let slicer = Slicer::new(from, page, self.server.answer_max)?;
            let mut session = self.server.session(ask.reads, login, limits.until).await?;
            let prepared = prepare(&mut session, ask, limits).await?;
            let begun = timeout_at(limits.until, begin(&mut session, &prepared, ask)).await;
            let begun = begun.map_err(|_| TransportError::deadline(true))??;
            let server = Arc::clone(&self.server);
            let reader = ReadAhead::begin(|shelf| async move {
                let columns = begun.columns;
                let mut rows = Answering { session: &mut session, columns: columns.as_deref() };
                if slicer.put_all(&mut rows, &shelf).await {
                    server.give_back(session, None);
                }
            });
            Ok(Box::new(reader) as Box<dyn Reader>)
        })
    }
}

/// The statement as the server knows it. What fails here was not executed.
async fn prepare(session: &mut Session, ask: &SqlAsk, limits: &Limits) -> Result<Prepared, TransportError> {
    let until = limits.until.min(Instant::now() + limits.connect + limits.read);
    let prepared = timeout_at(until, session.prepare(&ask.statement)).await;
    let prepared = prepared.map_err(|_| TransportError::deadline(false))??;
    row::check(&prepared.columns)?;
    if prepared.values != values_of(ask).count() {
        let words = "a `?` in it takes a value that nobody gives; write `:name`";
        return Err(TransportError::new(Kind::Refused, words));
    }
    Ok(prepared)
}

/// The values of a statement, each as often as it stands in it.
fn values_of(ask: &SqlAsk) -> impl Iterator<Item = &Json> {
    ask.statement.pieces.iter().filter_map(|piece| match piece {
        SqlPiece::Value(index) => ask.values.get(*index),
        SqlPiece::Text(_) => None,
    })
}

/// What a statement begins to answer with.
struct Begun {
    /// Of its rows, if it gives any.
    columns: Option<Vec<Column>>,
    changed: u64,
    /// The number of a new row.
    id: u64,
}

/// Sends the statement with its values.
async fn begin(session: &mut Session, prepared: &Prepared, ask: &SqlAsk) -> Result<Begun, TransportError> {
    let values: Vec<_> = values_of(ask).collect();
    let packet = session.execute(&row::execute(prepared.number, &values)).await?;
    let mut bytes = Bytes::new(&packet);
    match packet.first() {
        Some(0xff) => Err(refused(&packet)),
        Some(0x00) => {
            bytes.u8();
            let begun = Begun { columns: None, changed: bytes.number(), id: bytes.number() };
            session.note(bytes.u16());
            Ok(begun)
        }
        // It asks for a file of ours, or says nothing.
        Some(0xfb) | None => Err(garbled().in_doubt()),
        Some(_) => {
            let columns = session.columns_of_rows(bytes.number()).await.map_err(TransportError::in_doubt)?;
            // They may have become others since the statement was prepared.
            row::check(&columns).map_err(|e| TransportError { kind: Kind::Unusable, ..e.in_doubt() })?;
            Ok(Begun { columns: Some(columns), changed: 0, id: 0 })
        }
    }
}

/// Sends the statement and reads all of its answer.
async fn answer(
    session: &mut Session,
    prepared: &Prepared,
    ask: &SqlAsk,
    answer_max: u64,
) -> Result<Told, TransportError> {
    let begun = begin(session, prepared, ask).await?;
    let mut rows = Answering { session, columns: begun.columns.as_deref() };
    let answer = ask.statement.answer;
    let gathered = gather(&mut rows, answer, answer_max).await;
    let gathered = gathered.map_err(|e| if e.kind == Kind::TooLarge { e.in_doubt() } else { e })?;
    let changed = if begun.columns.is_some() { gathered.read } else { begun.changed };
    Ok(gathered.told(answer, changed, (begun.id > 0).then_some(begun.id)))
}

/// The rows of a statement.
struct Answering<'a> {
    session: &'a mut Session,
    columns: Option<&'a [Column]>,
}

impl Rows for Answering<'_> {
    async fn next(&mut self, wanted: bool) -> Result<Option<Json>, TransportError> {
        let Some(columns) = self.columns else { return Ok(None) };
        let packet = self.session.row().await.map_err(TransportError::in_doubt)?;
        match packet.first() {
            Some(0x00) if wanted => row::row(columns, &packet).map(Some).ok_or_else(|| garbled().in_doubt()),
            Some(0x00) => Ok(Some(Json::null())),
            Some(0xfe) if packet.len() < 9 => {
                let mut bytes = Bytes::new(&packet[1..]);
                bytes.u16();
                self.session.note(bytes.u16());
                self.columns = None;
                Ok(None)
            }
            Some(0xff) => Err(refused(&packet)),
            _ => Err(garbled().in_doubt()),
        }
    }
}
