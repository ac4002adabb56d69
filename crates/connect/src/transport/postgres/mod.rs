//! PostgreSQL, by its frontend/backend protocol in version 3.
//!
//! Statements are prepared, and their values go out in text format, so that the server reads them as it reads its own
//! literals: no digit of a number is lost, and every type it has can be given.

mod cell;
mod refusal;
mod session;
mod value;

use std::pin::Pin;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use sinew_stdx::Json;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{RowStream, Statement};

use self::cell::Row;
use self::refusal::{refused, unprepared};
use self::session::{Server, Session};
use self::value::Value;
use super::reading::ReadAhead;
use super::rows::{Rows, Slicer, gather};
use super::{
    Ask, Client, ClientOptions, NotOpened, Pending, Place, Reader, SqlAsk, Told, TransportError,
    TransportErrorKind as Kind,
};
use crate::Limits;
use crate::auth::Login;

/// Speaks to one database under one log-in.
struct Postgres {
    server: Arc<Server>,
}

/// Speaks to the system of a URL.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    Ok(Arc::new(Postgres::new(place, options)))
}

impl Postgres {
    fn new(place: Place, options: &ClientOptions) -> Self {
        Self { server: Arc::new(Server::new(place, options)) }
    }
}

impl Client for Postgres {
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>> {
        Box::pin(async move {
            let Ask::Sql(ask) = ask else { return Err(TransportError::foreign()) };
            let session = self.server.session(ask.reads, login, limits.until).await?;
            let prepared = prepare(&session, ask, limits).await?;
            let answer_max = self.server.answer_max;
            let told = {
                let answering = answer(&session, &prepared, ask, answer_max);
                tokio::pin!(answering);
                match timeout_at(limits.until, &mut answering).await {
                    Ok(told) => told,
                    // Called off, the statement says what became of it: done before that, or canceled.
                    Err(_) => match session.call_off(&mut answering).await {
                        Some(told) => told,
                        None => return Err(TransportError::deadline(true)),
                    },
                }
            };
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
        Box::pin(async move {
            let Ask::Sql(ask) = ask else { return Err(TransportError::foreign()) };
            let slicer = Slicer::new(from, page, self.server.answer_max)?;
            let session = self.server.session(ask.reads, login, limits.until).await?;
            let prepared = prepare(&session, ask, limits).await?;
            let begun = timeout_at(limits.until, begin(&session, &prepared, ask)).await;
            let mut rows = begun.map_err(|_| TransportError::deadline(true))??;
            let server = Arc::clone(&self.server);
            let reader = ReadAhead::begin(|shelf| async move {
                if slicer.put_all(&mut rows, &shelf).await {
                    drop(rows);
                    server.give_back(session, None);
                }
            });
            Ok(Box::new(reader) as Box<dyn Reader>)
        })
    }
}

/// The statement as the server knows it. What fails here was not executed.
async fn prepare(session: &Session, ask: &SqlAsk, limits: &Limits) -> Result<Statement, TransportError> {
    let until = limits.until.min(Instant::now() + limits.connect + limits.read);
    let prepared = timeout_at(until, session.prepare(&ask.statement)).await;
    let prepared = prepared.map_err(|_| TransportError::deadline(false))?.map_err(|e| unprepared(&e))?;
    cell::check(prepared.columns())?;
    Ok(prepared)
}

/// Sends the statement with its values.
async fn begin(session: &Session, prepared: &Statement, ask: &SqlAsk) -> Result<Answering, TransportError> {
    let fields = ask.statement.parameters.iter().map(|parameter| &*parameter.field);
    let values = prepared.params().iter().zip(fields.zip(&ask.values));
    let values: Result<Vec<_>, _> =
        values.map(|(kind, (field, value))| Value::of(field, value, kind)).collect();
    let rows = session.busy().query_raw(prepared, values?).await.map_err(|e| refused(&e))?;
    Ok(Answering(Box::pin(rows)))
}

/// Sends the statement and reads all of its answer.
async fn answer(
    session: &Session,
    prepared: &Statement,
    ask: &SqlAsk,
    answer_max: u64,
) -> Result<Told, TransportError> {
    let mut rows = begin(session, prepared, ask).await?;
    let answer = ask.statement.answer;
    let gathered = gather(&mut rows, answer, answer_max).await;
    let gathered = gathered.map_err(|e| if e.kind == Kind::TooLarge { e.in_doubt() } else { e })?;
    let changed = rows.0.rows_affected().unwrap_or(gathered.read);
    Ok(gathered.told(answer, changed, None))
}

/// The rows of a statement.
struct Answering(Pin<Box<RowStream>>);

impl Rows for Answering {
    async fn next(&mut self, wanted: bool) -> Result<Option<Json>, TransportError> {
        let row = self.0.try_next().await.map_err(|e| refused(&e))?;
        row.map(|row| if wanted { Row(&row).to_json() } else { Ok(Json::null()) }).transpose()
    }
}
