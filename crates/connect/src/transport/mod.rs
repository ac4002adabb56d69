//! Transports beside HTTP: one module each, behind a cargo feature each.
//!
//! A transport performs one ask and says of a failure what has to be known: whether it may have taken effect, what kind
//! of failure it is, and the system's own words. It does not retry. Its sessions are its own; every address that it
//! connects to is checked before by the connection's egress policy.
//!
//! A new transport is a module with a [`Client`], a cargo feature, and its line below [`NotOpened`].

#![allow(clippy::unnecessary_wraps, reason = "all are opened alike, and some cannot be")]
// What they have in common is of no use to a build that has none of them.
#![cfg_attr(
    not(all(
        feature = "postgres",
        feature = "mysql",
        feature = "redis",
        feature = "kafka",
        feature = "s3",
        feature = "sftp",
        feature = "smtp",
        feature = "amqp",
        feature = "mqtt",
        feature = "nats"
    )),
    allow(dead_code, unused)
)]

#[cfg(feature = "amqp")]
mod amqp;
mod broker;
mod error;
#[cfg(any(feature = "s3", feature = "sftp"))]
mod files;
#[cfg(feature = "kafka")]
mod kafka;
mod line;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "postgres")]
mod postgres;
mod reading;
#[cfg(feature = "redis")]
mod redis;
mod rows;
#[cfg(feature = "s3")]
mod s3;
mod sessions;
#[cfg(feature = "sftp")]
mod sftp;
#[cfg(feature = "smtp")]
mod smtp;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sinew_model::{
    CommandBinding, Egress, FileBinding, MailBinding, PublishBinding, SqlBinding, TlsMode, Transport,
};
use sinew_stdx::{Json, Timestamp};

use crate::auth::Login;
use crate::source::{Source, Wanted};
use crate::{Limits, Tls};

pub use error::{TransportError, TransportErrorKind};

/// What a client is made of.
#[derive(Clone)]
pub struct ClientOptions {
    /// The connection's URL.
    pub url: Arc<str>,
    /// Which addresses it may reach.
    pub egress: Egress,
    /// How long connecting may take, TLS and log-in included.
    pub connect: Duration,
    /// How many unused sessions are kept.
    pub idle_max: usize,
    /// TLS settings.
    pub tls: Tls,
    /// Whether TLS is used where both sides agree on it.
    pub mode: TlsMode,
    /// The fingerprints of the keys by which the system is known over SSH.
    pub host_keys: Vec<Arc<str>>,
    /// The most bytes of an answer, or of a page of it.
    pub answer_max: u64,
    /// Tells the time.
    pub now: Now,
}

/// Tells the time.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What is asked of a system, ready to go out.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A letter.
    Mail(MailAsk),
    /// A statement.
    Sql(SqlAsk),
    /// A command.
    Command(CommandAsk),
    /// A file, or those of a folder.
    File(FileAsk),
    /// A message to be published.
    Publish(PublishAsk),
}

/// A letter with what it says.
#[derive(Clone, Debug)]
pub struct MailAsk {
    /// What is fixed of it.
    pub binding: Arc<MailBinding>,
    /// What is said by its caller.
    pub input: Json,
    /// By what it is recognised if it comes again.
    pub key: Option<Arc<str>>,
}

/// A statement with its values.
#[derive(Clone, Debug)]
pub struct SqlAsk {
    /// The statement.
    pub statement: Arc<SqlBinding>,
    /// A value for each of its parameters.
    pub values: Vec<Json>,
    /// It changes nothing, and the database sees to that.
    pub reads: bool,
}

/// A command with its arguments.
#[derive(Clone, Debug)]
pub struct CommandAsk {
    /// What it was made of.
    pub command: Arc<CommandBinding>,
    /// The command, and every argument.
    pub words: Vec<String>,
}

/// What is to be done with which file.
#[derive(Clone, Debug)]
pub struct FileAsk {
    /// What it was made of.
    pub file: Arc<FileBinding>,
    /// The file, or the folder.
    pub path: String,
    /// Since when files have changed that are told; any, if it is empty.
    pub since: String,
    /// Where it will be, if it is moved.
    pub to: Option<String>,
    /// What will be in it, if it is written.
    pub content: Option<Content>,
}

/// What will be in a file.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its bytes.
    pub bytes: Bytes,
    /// What they are.
    pub media_type: &'static str,
}

/// `move in/a.csv to done/a.csv`
impl fmt::Display for FileAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match (&*self.file, &self.to, &self.content) {
            (FileBinding::List(_), ..) => write!(f, "list {path}/"),
            (FileBinding::Read { .. }, ..) => write!(f, "read {path}"),
            (FileBinding::Delete { .. }, ..) => write!(f, "remove {path}"),
            (_, Some(to), _) => write!(f, "move {path} to {to}"),
            (_, _, Some(content)) => write!(f, "write {path} ({} bytes)", content.bytes.len()),
            _ => write!(f, "{path}"),
        }
    }
}

/// A message for a broker.
#[derive(Clone, Debug)]
pub struct PublishAsk {
    /// What it was made by.
    pub binding: Arc<PublishBinding>,
    /// Its subject, routing key or topic.
    pub to: String,
    /// What it says.
    pub body: Bytes,
    /// What that is: `application/json`, or text.
    pub media_type: &'static str,
    /// What is said beside it; neither names nor values hold line breaks.
    pub headers: Vec<(Arc<str>, String)>,
    /// By what it is kept in order with others of the same.
    pub order: Option<String>,
    /// What it is recognised by if it comes twice.
    pub key: Option<Arc<str>>,
}

/// What a system answered.
#[derive(Clone, Debug)]
pub struct Told {
    /// The answer.
    pub value: Json,
    /// What came back, in a few words: `3 rows`.
    pub summary: String,
}

/// A piece of a long answer.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its items.
    pub items: Vec<Json>,
    /// From where reading goes on behind it; `None` if it is the last.
    pub next: Option<Json>,
}

/// Something that will be there later.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Speaks to one system under one log-in.
pub trait Client: Send + Sync {
    /// Performs one ask.
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>>;

    /// Begins to read a long answer, from the beginning or from where a piece of it ended. Pieces have at most `page`
    /// items.
    fn read<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
        from: Option<&'a Json>,
        page: usize,
    ) -> Pending<'a, Result<Box<dyn Reader>, TransportError>> {
        let _ = (ask, login, limits, from, page);
        Box::pin(async { Err(TransportError::foreign()) })
    }

    /// Begins to listen to what the system sends by itself.
    fn listen<'a>(
        &'a self,
        _wanted: &'a Wanted<'a>,
        _login: Option<&'a Login>,
        _limits: &'a Limits,
    ) -> Pending<'a, Result<Box<dyn Source>, TransportError>> {
        Box::pin(async { Err(TransportError::foreign()) })
    }
}

/// Bytes as an answer holds them: Base64.
fn base64(bytes: &[u8]) -> Json {
    use base64::Engine as _;
    Json::string(&base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// A long answer while it is read. What it holds at the system ends when it is dropped, or not used for a while.
pub trait Reader: Send {
    /// The next piece; `None` if reading was given up meanwhile and has to begin anew from where the last piece ended.
    fn next<'a>(&'a mut self, limits: &'a Limits) -> Pending<'a, Result<Option<Piece>, TransportError>>;
}

/// Why there is no client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// HTTP has a client of its own.
    #[error("it is called by HTTP")]
    Http,
    /// The transport is not part of this build.
    #[error("this build of Sinew speaks no {0}")]
    NotBuilt(&'static str),
    /// The URL names no host, or is one of another transport.
    #[error("its `base_url` is no URL of its transport")]
    Url,
}

/// What opens each transport: its feature and its module, and what it is called.
macro_rules! opened_by {
    ($($transport:ident: $feature:literal $module:ident $name:literal;)*) => {
        /// A client of a transport. HTTP has its own ([`crate::HttpClient`]).
        pub fn open(transport: Transport, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
            match transport {
                Transport::Http => Err(NotOpened::Http),
                $(
                    #[cfg(feature = $feature)]
                    Transport::$transport => $module::open(Place::of(transport, options)?, options),
                    #[cfg(not(feature = $feature))]
                    Transport::$transport => Err(NotOpened::NotBuilt($name)),
                )*
            }
        }
    };
}

opened_by! {
    Postgres: "postgres" postgres "PostgreSQL";
    Mysql: "mysql" mysql "MySQL";
    Redis: "redis" redis "Redis";
    S3: "s3" s3 "S3";
    Sftp: "sftp" sftp "SFTP";
    Smtp: "smtp" smtp "SMTP";
    Nats: "nats" nats "NATS";
    Amqp: "amqp" amqp "AMQP";
    Mqtt: "mqtt" mqtt "MQTT";
    Kafka: "kafka" kafka "Kafka";
}

/// A word that nobody else uses.
fn unique() -> Result<String, TransportError> {
    let mut bytes = [0; 12];
    let random = aws_lc_rs::rand::fill(&mut bytes);
    random.map_err(|_| {
        TransportError::new(TransportErrorKind::Broken, "the machine gives no random numbers")
    })?;
    Ok(bytes.iter().fold(String::new(), |word, byte| format!("{word}{byte:02x}")))
}

/// Where a system is, cut from its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) scheme: &'static sinew_model::Scheme,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What stands behind the host, decoded, without the slash.
    pub(crate) path: String,
}

impl Place {
    /// Cuts a URL of this transport.
    pub(crate) fn of(transport: Transport, options: &ClientOptions) -> Result<Self, NotOpened> {
        let (scheme, rest) = options.url.split_once("://").ok_or(NotOpened::Url)?;
        let scheme = transport.scheme(scheme).ok_or(NotOpened::Url)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority: http::uri::Authority = authority.parse().map_err(|_| NotOpened::Url)?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || authority.as_str().contains('@') {
            return Err(NotOpened::Url);
        }
        let path = percent_encoding::percent_decode_str(path).decode_utf8().map_err(|_| NotOpened::Url)?;
        Ok(Self { scheme, host, port: authority.port_u16().unwrap_or(scheme.port), path: path.into_owned() })
    }
}
