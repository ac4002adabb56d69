//! A session: a connection over SSH to a system that is known by its key, and SFTP over that.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{
    AuthResult, Config, Handle, Handler, KeyboardInteractiveAuthResponse, Msg, connect_stream,
};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{ChannelMsg, ChannelStream, MethodKind, MethodSet};
use sinew_vault::Secret;
use tokio::net::TcpStream;
use tokio::runtime::Handle as Runtime;
use tokio::time::Instant;

use super::wire::{Answer, Ask, Part, Unread, Wire};
use crate::auth::Login;
use crate::dial::Dialer;
use crate::stream::Stream;
use crate::transport::{Place, TransportError, TransportErrorKind as Kind};

/// How often a system may ask for something before it lets anybody in.
const ROUNDS_MAX: usize = 5;
/// A connection over which nothing comes is asked whether it is still there.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// Where a system is, and how it is known.
pub(super) struct Line {
    pub(super) place: Place,
    pub(super) dialer: Dialer,
    pub(super) host_keys: Vec<Arc<str>>,
}

/// A session, which does one thing at a time.
pub(super) struct Session {
    /// The connection ends with it.
    handle: Handle<Host>,
    /// Until it is dropped.
    wire: Option<Wire<ChannelStream<Msg>>>,
    /// Where the channel says farewell, also when whoever drops it is elsewhere.
    runtime: Runtime,
    pub(super) user: Arc<str>,
    /// What the server can do beyond the protocol.
    extensions: Vec<Vec<u8>>,
}

/// Looks at the key that the system shows.
struct Host {
    known: Vec<Arc<str>>,
    shown: Arc<OnceLock<String>>,
}

impl Handler for Host {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let print = key.fingerprint(HashAlg::Sha256).to_string();
        let is_known = self.known.iter().any(|known| **known == *print);
        self.shown.get_or_init(|| format!("{print} ({})", key.algorithm()));
        Ok(is_known)
    }
}

impl Line {
    /// Connects, looks at the system's key, and logs in.
    pub(super) async fn begin(
        &self,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Session, TransportError> {
        let agree = async |tcp: TcpStream| self.agree(tcp, login).await;
        self.dialer.reach(&self.place.host, self.place.port, until, agree).await
    }

    async fn agree(&self, tcp: TcpStream, login: Option<&Login>) -> Result<Session, TransportError> {
        // Also a system that says nothing before it knows us is left one day.
        let config = Config {
            keepalive_interval: Some(ALIVE_EVERY),
            inactivity_timeout: Some(4 * ALIVE_EVERY),
            ..Config::default()
        };
        let shown = Arc::new(OnceLock::new());
        let host = Host { known: self.host_keys.clone(), shown: Arc::clone(&shown) };
        let connected = connect_stream(Arc::new(config), Stream::Plain(tcp), host).await;
        let mut handle = connected.map_err(|error| self.unknown(&error, shown.get()))?;
        let user = login.map_or_else(|| Arc::from("anonymous"), |login| Arc::clone(&login.user));
        log_in(&mut handle, &user, login).await?;
        let mut channel = handle.channel_open_session().await.map_err(|e| lost(&e))?;
        channel.request_subsystem(true, "sftp").await.map_err(|e| lost(&e))?;
        loop {
            match channel.wait().await {
                Some(ChannelMsg::Success) => break,
                Some(ChannelMsg::WindowAdjusted { .. }) => {}
                _ => {
                    let words = "the system lets us in, but serves no SFTP";
                    return Err(TransportError::new(Kind::Refused, words));
                }
            }
        }
        let (wire, extensions) = Wire::begin(channel.into_stream()).await.map_err(unread)?;
        Ok(Session { handle, wire: Some(wire), runtime: Runtime::current(), user, extensions })
    }

    /// The connection was not made; perhaps for the key that was shown.
    fn unknown(&self, error: &russh::Error, shown: Option<&String>) -> TransportError {
        let Some(shown) = shown.filter(|_| matches!(error, russh::Error::UnknownKey)) else {
            return lost(error);
        };
        let host = &self.place.host;
        let words = if self.host_keys.is_empty() {
            format!("`{host}` shows the key {shown}, and the connection names none")
        } else {
            format!("`{host}` shows the key {shown}, which is none that the connection names")
        };
        TransportError::new(Kind::HostKey, words)
    }
}

/// Proves who it is.
async fn log_in(handle: &mut Handle<Host>, user: &str, login: Option<&Login>) -> Result<(), TransportError> {
    let tried = match login {
        None => handle.authenticate_none(user).await,
        Some(Login { key: Some(key), password, .. }) => {
            let passphrase = Some(password.expose()).filter(|text| !text.is_empty());
            let key = decode_secret_key(key.expose(), passphrase).map_err(|error| {
                TransportError::new(Kind::Login, format!("the private key cannot be read: {error}"))
            })?;
            // SHA-1 is not what is proved by, whatever the system would take.
            let known = handle.best_supported_rsa_hash().await.map_err(|e| lost(&e))?;
            let hash = key.algorithm().is_rsa().then(|| known.flatten().unwrap_or(HashAlg::Sha256));
            handle.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::new(key), hash)).await
        }
        Some(login) => handle.authenticate_password(user, login.password.expose()).await,
    };
    let left = match tried.map_err(|e| lost(&e))? {
        AuthResult::Success => return Ok(()),
        AuthResult::Failure { remaining_methods, .. } => remaining_methods,
    };
    // Some systems take passwords only as answers to questions.
    if let Some(Login { key: None, password, .. }) = login
        && left.contains(&MethodKind::KeyboardInteractive)
        && answer_questions(handle, user, password).await?
    {
        return Ok(());
    }
    if handle.is_closed() {
        return Err(TransportError::new(Kind::Lost, "the connection ended while we logged in"));
    }
    Err(TransportError::new(Kind::Login, format!("`{user}` is not let in{}", takes(&left))))
}

/// What a system takes instead, for people.
fn takes(methods: &MethodSet) -> String {
    let words: Vec<&str> = methods.iter().map(<&str>::from).collect();
    if words.is_empty() { String::new() } else { format!("; the system takes: {}", words.join(", ")) }
}

/// Gives the password to whoever asks one question whose answer is not shown.
async fn answer_questions(
    handle: &mut Handle<Host>,
    user: &str,
    password: &Secret,
) -> Result<bool, TransportError> {
    let mut said = handle.authenticate_keyboard_interactive_start(user, None).await;
    for _ in 0..ROUNDS_MAX {
        let answers = match said.map_err(|e| lost(&e))? {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => match prompts.as_slice() {
                [] => Vec::new(),
                [prompt] if !prompt.echo => vec![password.expose().to_owned()],
                _ => return Ok(false),
            },
        };
        said = handle.authenticate_keyboard_interactive_respond(answers).await;
    }
    Ok(false)
}

fn lost(error: &russh::Error) -> TransportError {
    TransportError::new(Kind::Lost, error.to_string())
}

/// There is no answer to what was asked.
pub(super) fn unread(why: Unread) -> TransportError {
    match why {
        Unread::Io(error) => TransportError::new(Kind::Lost, error.to_string()),
        Unread::Garbled => TransportError::new(Kind::Unusable, "the system does not keep to SFTP"),
    }
}

impl Session {
    /// Whether the connection still stands.
    pub(super) fn stands(&self) -> bool {
        !self.handle.is_closed()
    }

    /// Whether the server can do something beyond the protocol.
    pub(super) fn can(&self, extension: &str) -> bool {
        self.extensions.iter().any(|own| own == extension.as_bytes())
    }

    fn wire(&mut self) -> Result<&mut Wire<ChannelStream<Msg>>, TransportError> {
        self.wire.as_mut().ok_or_else(|| lost(&russh::Error::Disconnect))
    }

    /// Asks for something, and waits for the answer.
    pub(super) async fn ask(&mut self, ask: Ask, parts: &[Part<'_>]) -> Result<Answer, TransportError> {
        let id = self.send(ask, parts).await?;
        match self.receive().await? {
            (answered, answer) if answered == id => Ok(answer),
            _ => Err(unread(Unread::Garbled)),
        }
    }

    pub(super) async fn send(&mut self, ask: Ask, parts: &[Part<'_>]) -> Result<u32, TransportError> {
        self.wire()?.ask(ask, parts).await.map_err(unread)
    }

    pub(super) async fn receive(&mut self) -> Result<(u32, Answer), TransportError> {
        self.wire()?.answer().await.map_err(unread)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _inside = self.runtime.enter();
        self.wire = None;
    }
}
