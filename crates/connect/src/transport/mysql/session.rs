use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sinew_model::{SqlBinding, TlsMode};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::login::{self, Greeting};
use super::refusal::{garbled, lost, unprepared, unread};
use super::row::Column;
use super::wire::{Bytes, PACKET_MAX, Packets};
use crate::auth::Login;
use crate::dial::Dialer;
use crate::stream::Stream;
use crate::transport::sessions::Sessions;
use crate::transport::{ClientOptions, Place, TransportError, TransportErrorKind as Kind};

/// What a session begins with: every statement for itself; values that do not fit are refused, not cut; times are in UTC.
const BEGIN: &str =
    "set session autocommit = 1, time_zone = '+00:00', sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES')";
/// The server itself refuses what changes something.
const READING: &str = "set session transaction read only";
/// How long a statement that is called off may take to end.
pub(super) const CALLED_OFF_PATIENCE: Duration = Duration::from_secs(2);
/// How many prepared statements a session keeps.
const PREPARED_MAX: usize = 100;
/// The most columns of an answer, which is what both databases have.
const COLUMNS_MAX: u64 = 4096;
/// The most bytes of what the server says besides rows.
const SAID_MAX: usize = 64 * 1024;

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
    answer_max: u64,
}

/// A session, which performs a statement at a time.
pub(super) struct Session {
    packets: Packets<BufReader<Stream>>,
    /// Its number at the server.
    number: u32,
    line: Arc<Line>,
    login: Option<Login>,
    /// A statement is under way, which has to be called off if nobody wants its answer any more.
    busy: AtomicBool,
    /// A statement began a transaction and did not end it.
    in_transaction: bool,
    reads: bool,
    prepared: HashMap<Arc<str>, Prepared>,
}

/// A statement that the server knows.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) number: u32,
    pub(super) columns: Arc<[Column]>,
    /// How many it takes.
    pub(super) values: usize,
}

impl Server {
    pub(super) fn new(place: Place, options: &ClientOptions) -> Self {
        let dialer = Dialer::new(options.egress.clone(), options.connect, options.tls.clone());
        Self {
            line: Arc::new(Line { place, dialer, mode: options.mode, answer_max: options.answer_max }),
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
        let fits =
            |session: &Session| session.reads == reads && session.login.as_ref().map(|own| &own.user) == user;
        while let Some(mut session) = self.sessions.take(fits) {
            if session.is_there() {
                return Ok(session);
            }
        }
        self.line.session(reads, login, until).await
    }

    /// Keeps a session for the next statement, if it is whole.
    pub(super) fn give_back(&self, mut session: Session, error: Option<&TransportError>) {
        let is_over = |error: &TransportError| {
            // What was not read to its end would be read by whoever comes next.
            matches!(error.kind, Kind::Lost | Kind::Deadline | Kind::TooLarge | Kind::Unusable)
        };
        let lost = error.is_some_and(|error| error.kind == Kind::Lost);
        if lost || !error.is_some_and(is_over) {
            *session.busy.get_mut() = false;
        }
        if !error.is_some_and(is_over) && !session.in_transaction {
            self.sessions.put(session);
        }
    }
}

impl Line {
    async fn session(
        self: &Arc<Self>,
        reads: bool,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Session, TransportError> {
        let begin = async |tcp| {
            let mut session = self.begin(tcp, reads, login).await?;
            session.say(BEGIN).await?;
            if reads {
                session.say(READING).await?;
            }
            Ok(session)
        };
        self.dialer.reach(&self.place.host, self.place.port, until, begin).await
    }

    async fn begin(
        self: &Arc<Self>,
        tcp: TcpStream,
        reads: bool,
        login: Option<&Login>,
    ) -> Result<Session, TransportError> {
        let host = &self.place.host;
        let mut packets = Packets::new(tcp, 0, SAID_MAX);
        let greeting = Greeting::read(&packets.read().await.map_err(unread)?)?;
        let secure = self.mode == TlsMode::Required;
        if secure && !greeting.offers_tls() {
            return Err(TransportError::new(Kind::NoTls, format!("`{host}` does not offer TLS")));
        }
        let head = login::head(secure);
        if secure {
            packets.write(&head).await.map_err(|e| lost(&e))?;
        }
        let (tcp, sequence) = packets.into_parts();
        let stream = if secure { self.dialer.secure(host, tcp).await? } else { Dialer::in_clear(host, tcp)? };
        let mut packets = Packets::new(BufReader::new(stream), sequence, SAID_MAX);
        login::log_in(&mut packets, &greeting, head, login, &self.place.path, secure).await?;
        Ok(Session {
            packets,
            number: greeting.number,
            line: Arc::clone(self),
            login: login.cloned(),
            busy: AtomicBool::new(false),
            in_transaction: false,
            reads,
            prepared: HashMap::new(),
        })
    }

    /// Calls the statement of a session off, by another one.
    async fn call_off(self: &Arc<Self>, number: u32, login: Option<&Login>) {
        let until = Instant::now() + CALLED_OFF_PATIENCE;
        let called_off = async {
            let mut other = self.session(false, login, until).await?;
            other.say(&format!("kill query {number}")).await
        };
        if let Err(error) = called_off.await {
            tracing::debug!(%error, "a statement cannot be called off");
        }
    }
}

impl Session {
    /// Whether the server has neither ended the session nor said something that nobody asked for.
    fn is_there(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        let io = std::pin::Pin::new(&mut self.packets.io);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        tokio::io::AsyncRead::poll_read(io, &mut context, &mut buffer).is_pending()
    }

    /// Reads what the server says besides rows.
    async fn hear(&mut self) -> Result<Vec<u8>, TransportError> {
        self.packets.max = SAID_MAX;
        self.packets.read().await.map_err(unread)
    }

    /// Reads a row, or what comes instead of one.
    pub(super) async fn row(&mut self) -> Result<Vec<u8>, TransportError> {
        let max = usize::try_from(self.line.answer_max).unwrap_or(PACKET_MAX);
        self.packets.max = max.clamp(SAID_MAX, PACKET_MAX - 1);
        self.packets.read().await.map_err(unread)
    }

    /// Performs a statement that answers nothing.
    async fn say(&mut self, statement: &str) -> Result<(), TransportError> {
        let command = [&[0x03], statement.as_bytes()].concat();
        self.packets.command(&command).await.map_err(|e| lost(&e))?;
        let packet = self.hear().await?;
        match packet.first() {
            Some(0x00) => Ok(()),
            Some(0xff) => Err(unprepared(&packet)),
            _ => Err(garbled()),
        }
    }

    /// The statement as the server knows it, from the last time if it was prepared before.
    pub(super) async fn prepare(&mut self, binding: &SqlBinding) -> Result<Prepared, TransportError> {
        if let Some(known) = self.prepared.get(&binding.written) {
            return Ok(known.clone());
        }
        let text = binding.with(|_| "?".to_owned());
        let command = [&[0x16], text.as_bytes()].concat();
        if command.len() >= PACKET_MAX {
            return Err(TransportError::new(Kind::Unfit, "a statement of more than 16 MiB"));
        }
        self.packets.command(&command).await.map_err(|e| lost(&e))?;
        let packet = self.hear().await?;
        match packet.first() {
            Some(0x00) => {}
            Some(0xff) => return Err(unprepared(&packet)),
            _ => return Err(garbled()),
        }
        let mut bytes = Bytes::new(packet.get(1..).unwrap_or_default());
        let (number, columns, values) = (bytes.u32(), bytes.u16(), bytes.u16());
        if bytes.is_short() {
            return Err(garbled());
        }
        // Of values the server tells no more than that they are there.
        self.columns(u64::from(values), u64::from(u16::MAX)).await?;
        let columns = self.columns(u64::from(columns), COLUMNS_MAX).await?.into();
        let prepared = Prepared { number, columns, values: usize::from(values) };
        if self.prepared.len() >= PREPARED_MAX {
            for (_, old) in std::mem::take(&mut self.prepared) {
                let close = [&[0x19], &old.number.to_le_bytes()[..]].concat();
                self.packets.command(&close).await.map_err(|e| lost(&e))?;
            }
        }
        self.prepared.insert(Arc::clone(&binding.written), prepared.clone());
        Ok(prepared)
    }

    /// The columns of the answer that begins here.
    pub(super) async fn columns_of_rows(&mut self, count: u64) -> Result<Vec<Column>, TransportError> {
        self.columns(count, COLUMNS_MAX).await
    }

    /// So many columns, and the packet that ends them.
    async fn columns(&mut self, count: u64, max: u64) -> Result<Vec<Column>, TransportError> {
        if count > max {
            return Err(garbled());
        }
        let mut columns = Vec::new();
        for _ in 0..count {
            columns.push(Column::read(&self.hear().await?).ok_or_else(garbled)?);
        }
        if count > 0 && self.hear().await?.first() != Some(&0xfe) {
            return Err(garbled());
        }
        Ok(columns)
    }

    /// Sends a statement that was prepared; gives what the server says first.
    pub(super) async fn execute(&mut self, command: &[u8]) -> Result<Vec<u8>, TransportError> {
        if command.len() >= PACKET_MAX {
            return Err(TransportError::new(Kind::Unfit, "a statement and values of more than 16 MiB"));
        }
        self.busy.store(true, Ordering::Relaxed);
        self.packets.command(command).await.map_err(|e| lost(&e).in_doubt())?;
        self.hear().await.map_err(TransportError::in_doubt)
    }

    /// What the server says of the session once a statement is done.
    pub(super) fn note(&mut self, status: u16) {
        /// A transaction is open, which nobody would end.
        const IN_TRANSACTION: u16 = 1;
        self.in_transaction = status & IN_TRANSACTION != 0;
    }

    /// What calls the statement under way off.
    pub(super) fn call_off(&self) -> impl Future<Output = ()> + Send + 'static {
        let (line, number, login) = (Arc::clone(&self.line), self.number, self.login.clone());
        async move { line.call_off(number, login.as_ref()).await }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if *self.busy.get_mut()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(self.call_off());
        }
    }
}
