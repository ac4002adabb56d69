use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use sinew_model::{SqlBinding, TlsMode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::{CancelToken, Client, Config, NoTls, Statement};

use super::refusal::not_begun;
use crate::auth::Login;
use crate::dial::{DialError, Dialer};
use crate::stream::Stream;
use crate::transport::sessions::Sessions;
use crate::transport::{ClientOptions, Place, TransportError, TransportErrorKind as Kind};

/// Asks the server whether it speaks TLS (PostgreSQL's protocol, `SSLRequest`): length and code.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
/// What a session begins with. Timestamps without an offset are read in UTC.
const BEGIN: &str = "set time zone 'UTC'";
/// The same for statements that read: the server itself refuses what changes something.
const BEGIN_READING: &str = "set time zone 'UTC'; set session characteristics as transaction read only";
/// How long a statement that is called off may take to end.
const CALLED_OFF_PATIENCE: Duration = Duration::from_secs(2);
/// How many prepared statements a session keeps.
const PREPARED_MAX: usize = 100;

/// A database and the sessions that are open there.
pub(super) struct Server {
    line: Arc<Line>,
    pub(super) answer_max: u64,
    sessions: Sessions<Session>,
}

/// How a database is reached.
struct Line {
    place: Place,
    dialer: Dialer,
    mode: TlsMode,
}

/// A session, which performs a statement at a time.
pub(super) struct Session {
    client: Client,
    /// Moves its bytes.
    driver: JoinHandle<()>,
    cancel: CancelToken,
    line: Arc<Line>,
    /// A statement is under way, which has to be called off if nobody wants its answer any more.
    busy: AtomicBool,
    reads: bool,
    user: Option<Arc<str>>,
    prepared: Mutex<HashMap<Arc<str>, Statement>>,
}

impl Server {
    pub(super) fn new(place: Place, options: &ClientOptions) -> Self {
        let dialer = Dialer::new(options.egress.clone(), options.connect, options.tls.clone());
        Self {
            line: Arc::new(Line { place, dialer, mode: options.mode }),
            answer_max: options.answer_max,
            sessions: Sessions::new(options.idle_max),
        }
    }

    /// A session that is open, or a new one.
    pub(super) async fn session(
        &self,
        reads: bool,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Session, TransportError> {
        let user = login.map(|login| &login.user);
        let fits = |session: &Session| session.reads == reads && session.user.as_ref() == user;
        while let Some(session) = self.sessions.take(fits) {
            if !session.client.is_closed() {
                return Ok(session);
            }
        }
        let begin = async |tcp| self.line.begin(tcp, reads, login).await;
        self.line.reach(until, begin).await
    }

    /// Keeps a session for the next statement, if it is whole.
    pub(super) fn give_back(&self, session: Session, error: Option<&TransportError>) {
        let whole = |error: &TransportError| {
            // What was not read to its end would be read by whoever comes next.
            !matches!(error.kind, Kind::Lost | Kind::Deadline | Kind::TooLarge | Kind::Unusable)
        };
        if error.is_none_or(whole) && !session.client.is_closed() {
            session.busy.store(false, Ordering::Relaxed);
            self.sessions.put(session);
        }
    }
}

impl Line {
    async fn reach<T>(
        &self,
        until: Instant,
        agree: impl AsyncFnOnce(TcpStream) -> Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        self.dialer.reach(&self.place.host, self.place.port, until, agree).await
    }

    /// Calls the statement of a session off.
    async fn call_off(&self, cancel: &CancelToken, until: Instant) {
        let cancel = async |tcp: TcpStream| {
            let stream = self.agree(tcp).await?;
            cancel.cancel_query_raw(stream, NoTls).await.map_err(|e| not_begun(&e))
        };
        if let Err(error) = self.reach(until, cancel).await {
            tracing::debug!(%error, "a statement cannot be called off");
        }
    }

    async fn begin(
        self: &Arc<Self>,
        tcp: TcpStream,
        reads: bool,
        login: Option<&Login>,
    ) -> Result<Session, TransportError> {
        let stream = self.agree(tcp).await?;
        let mut config = Config::new();
        // TLS is there already, or not wanted.
        config.ssl_mode(SslMode::Disable).channel_binding(ChannelBinding::Disable);
        config.application_name("sinew").dbname(&self.place.path);
        if let Some(login) = login {
            config.user(&*login.user).password(login.password.expose());
        } else {
            config.user("sinew");
        }
        let (client, connection) = config.connect_raw(stream, NoTls).await.map_err(|e| not_begun(&e))?;
        let driver = tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a session with PostgreSQL ended");
            }
        });
        let session = Session {
            cancel: client.cancel_token(),
            client,
            driver,
            line: Arc::clone(self),
            busy: AtomicBool::new(false),
            reads,
            user: login.map(|login| Arc::clone(&login.user)),
            prepared: Mutex::default(),
        };
        let begin = if reads { BEGIN_READING } else { BEGIN };
        session.client.batch_execute(begin).await.map_err(|e| not_begun(&e))?;
        Ok(session)
    }

    /// TLS, or none if the connection says so.
    async fn agree(&self, mut tcp: TcpStream) -> Result<Stream, TransportError> {
        let host = &self.place.host;
        if self.mode == TlsMode::None {
            return Ok(Dialer::in_clear(host, tcp)?);
        }
        let lost =
            |error: std::io::Error| DialError::Connect { host: host.clone(), cause: error.to_string() };
        tcp.write_all(&TLS_REQUEST).await.map_err(lost)?;
        match tcp.read_u8().await.map_err(lost)? {
            b'S' => Ok(self.dialer.secure(host, tcp).await?),
            _ => Err(TransportError::new(Kind::NoTls, format!("`{host}` does not offer TLS"))),
        }
    }
}

impl Session {
    /// The client, to send a statement by.
    pub(super) fn busy(&self) -> &Client {
        self.busy.store(true, Ordering::Relaxed);
        &self.client
    }

    /// The statement as the server knows it, from the last time if it was prepared before.
    pub(super) async fn prepare(&self, binding: &SqlBinding) -> Result<Statement, tokio_postgres::Error> {
        if let Some(known) = self.prepared.lock().get(&binding.written) {
            return Ok(known.clone());
        }
        let text = binding.with(|index| format!("${}", index + 1));
        let statement = self.client.prepare(&text).await?;
        let mut prepared = self.prepared.lock();
        if prepared.len() >= PREPARED_MAX {
            prepared.clear();
        }
        prepared.insert(Arc::clone(&binding.written), statement.clone());
        Ok(statement)
    }

    /// Calls the statement under way off, and waits a moment for what becomes of it.
    pub(super) async fn call_off<T>(&self, under_way: impl Future<Output = T> + Unpin) -> Option<T> {
        let until = Instant::now() + CALLED_OFF_PATIENCE;
        self.line.call_off(&self.cancel, until).await;
        timeout_at(until, under_way).await.ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
        if *self.busy.get_mut()
            && let Ok(runtime) = Handle::try_current()
        {
            let (line, cancel) = (Arc::clone(&self.line), self.cancel.clone());
            runtime.spawn(async move {
                line.call_off(&cancel, Instant::now() + CALLED_OFF_PATIENCE).await;
            });
        }
    }
}
