//! What brokers have in common: how they are reached, sessions by which messages are published one at a time, and
//! sessions that are listened to.
//!
//! What a broker says of other addresses is not heeded.

use std::future::Future;
use std::sync::Arc;

use sinew_model::{SchemeTls, TlsMode};
use sinew_vault::Secret;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::line::Line;
use super::sessions::Sessions;
use super::{
    Ask, Client, ClientOptions, Pending, Place, PublishAsk, Told, TransportError, TransportErrorKind as Kind,
};
use crate::Limits;
use crate::auth::{Login, Proof};
use crate::dial::Dialer;
use crate::source::{Source, Wanted};

/// How brokers of a kind are spoken to, once a connection to them was made.
pub(super) trait Protocol: Send + Sync + 'static {
    /// By what messages are published.
    type Publisher: Publishing + 'static;

    /// Logs in to publish.
    fn publisher(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
    ) -> impl Future<Output = Result<Self::Publisher, TransportError>> + Send;

    /// Logs in to listen.
    fn source(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
        wanted: &Wanted<'_>,
    ) -> impl Future<Output = Result<Box<dyn Source>, TransportError>> + Send;
}

/// A session by which messages are published, one at a time.
pub(super) trait Publishing: Send + Sized {
    /// Publishes, and waits until the broker has it. What the broker refuses is not in doubt unless that leaves it so; of a
    /// connection that broke it is known elsewhere what was written.
    fn publish(&mut self, message: &PublishAsk) -> impl Future<Output = Result<Told, TransportError>> + Send;

    /// Its bytes.
    fn line(&mut self) -> &mut Line;
}

/// Who logs in.
#[derive(Clone, Copy)]
pub(super) struct Who<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a Secret>,
    /// What the password is.
    pub(super) proof: Proof,
}

impl<'a> Who<'a> {
    pub(super) fn of(login: Option<&'a Login>) -> Self {
        Self {
            user: login.map(|login| &*login.user),
            password: login.map(|login| &login.password),
            proof: login.map_or(Proof::Password, |login| login.proof),
        }
    }
}

/// How a broker is reached.
pub(super) struct Reach {
    pub(super) place: Place,
    dialer: Dialer,
    mode: TlsMode,
}

impl Reach {
    pub(super) fn new(place: Place, options: &ClientOptions) -> Self {
        let dialer = Dialer::new(options.egress.clone(), options.connect, options.tls.clone());
        Self { place, dialer, mode: options.mode }
    }

    /// Another system that is reached in the same way.
    pub(super) fn to(&self, host: &str, port: u16) -> Self {
        let place = Place { host: host.to_owned(), port, ..self.place.clone() };
        Self { place, dialer: self.dialer.clone(), mode: self.mode }
    }

    /// Connects, and lets `agree` make of the line what the protocol needs, all in time.
    pub(super) async fn line<T>(
        &self,
        until: Instant,
        agree: impl AsyncFnOnce(Line) -> Result<T, TransportError>,
    ) -> Result<T, TransportError> {
        let agree = async |tcp| agree(self.secured(tcp, false).await?).await;
        self.dialer.reach(&self.place.host, self.place.port, until, agree).await
    }

    /// The connection as its URL wants it: under TLS, or in clear to what is near. `offered` tells whether the other side
    /// would agree on TLS, where that is agreed on.
    pub(super) async fn secured(&self, tcp: TcpStream, offered: bool) -> Result<Line, TransportError> {
        let host = &self.place.host;
        let secure = match self.place.scheme.tls {
            SchemeTls::Always => true,
            SchemeTls::Agreed => self.mode != TlsMode::None,
            SchemeTls::Never | SchemeTls::Ssh => false,
        };
        if secure && self.place.scheme.tls == SchemeTls::Agreed && !offered {
            return Err(TransportError::new(Kind::NoTls, format!("`{host}` does not offer TLS")));
        }
        let stream = if secure { self.dialer.secure(host, tcp).await? } else { Dialer::in_clear(host, tcp)? };
        Ok(Line::new(stream))
    }
}

/// Speaks to one broker under one log-in.
pub(super) struct Broker<P: Protocol> {
    protocol: P,
    reach: Reach,
    /// Open, and of which user.
    sessions: Sessions<(Option<Arc<str>>, P::Publisher)>,
}

impl<P: Protocol> Broker<P> {
    pub(super) fn new(protocol: P, place: Place, options: &ClientOptions) -> Self {
        let reach = Reach::new(place, options);
        Self { protocol, reach, sessions: Sessions::new(options.idle_max) }
    }

    /// A session that stands, or a new one.
    async fn session(&self, login: Option<&Login>, limits: &Limits) -> Result<P::Publisher, TransportError> {
        let user = login.map(|login| &login.user);
        while let Some((_, mut session)) = self.sessions.take(|(of, _)| of.as_ref() == user) {
            if session.line().stands() {
                return Ok(session);
            }
        }
        let (protocol, reach) = (&self.protocol, &self.reach);
        let log_in = async |tcp| protocol.publisher(reach, tcp, Who::of(login)).await;
        reach.dialer.reach(&reach.place.host, reach.place.port, limits.until, log_in).await
    }

    async fn publish(
        &self,
        message: &PublishAsk,
        login: Option<&Login>,
        limits: &Limits,
    ) -> Result<Told, TransportError> {
        let mut session = self.session(login, limits).await?;
        session.line().ask();
        let told = match timeout_at(limits.until, session.publish(message)).await {
            Ok(Err(error)) if matches!(error.kind, Kind::Lost | Kind::Unusable | Kind::Broken) => {
                // A message of which not all was written is none.
                Err(TransportError { may_have_taken_effect: session.line().is_written(), ..error })
            }
            Ok(told) => told,
            Err(_) => Err(TransportError::deadline(session.line().is_written())),
        };
        // An answer that is still to come would be taken for that to the next message.
        if told.as_ref().err().is_none_or(|error| error.kind == Kind::Unfit) {
            self.sessions.put((login.map(|login| Arc::clone(&login.user)), session));
        }
        told
    }
}

impl<P: Protocol> Client for Broker<P> {
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>> {
        Box::pin(async move {
            match ask {
                Ask::Publish(message) => self.publish(message, login, limits).await,
                _ => Err(TransportError::foreign()),
            }
        })
    }

    fn listen<'a>(
        &'a self,
        wanted: &'a Wanted<'a>,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Box<dyn Source>, TransportError>> {
        Box::pin(async move {
            let (protocol, reach) = (&self.protocol, &self.reach);
            let log_in = async |tcp| protocol.source(reach, tcp, Who::of(login), wanted).await;
            reach.dialer.reach(&reach.place.host, reach.place.port, limits.until, log_in).await
        })
    }
}
