//! Mail by SMTP submission (RFC 5321, RFC 6409).
//!
//! A letter goes to everybody or to nobody: if one receiver is refused, it is not sent. Until the server has the last
//! line of it, nothing has happened; from there until it answers, nobody knows.

mod letter;
mod log_in;
mod reply;
mod session;

use std::sync::Arc;

use sinew_stdx::Json;
use tokio::time::Instant;

use self::letter::Letter;
use self::session::{Server, Session};
use super::sessions::Sessions;
use super::{Ask, Client, ClientOptions, MailAsk, NotOpened, Pending, Place, Told, TransportError};
use crate::Limits;
use crate::auth::{Login, Proof};

/// Speaks to one server under one log-in.
struct Smtp {
    server: Server,
    sessions: Sessions<Session>,
}

/// Speaks to the system of a URL.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    Ok(Arc::new(Smtp::new(place, options)))
}

impl Smtp {
    fn new(place: Place, options: &ClientOptions) -> Self {
        Self { server: Server::new(place, options), sessions: Sessions::new(options.idle_max) }
    }

    async fn send(
        &self,
        ask: &MailAsk,
        login: Option<&Login>,
        limits: &Limits,
    ) -> Result<Told, TransportError> {
        let letter = Letter::write(ask)?;
        // A token is of a mailbox, and servers want to know which: the sender's.
        let user: Option<Arc<str>> = login.map(|login| match login.proof {
            Proof::Password => Arc::clone(&login.user),
            Proof::Token => letter.from.as_str().into(),
        });
        let mut session = self.session(user, login, limits).await?;
        let reply = session.send(&letter, limits).await?;
        self.sessions.put(session);
        let words = reply.line();
        let value = Json::object([
            ("message_id", &Json::string(&letter.message_id)),
            ("reply", &Json::string(&words)),
        ]);
        Ok(Told { value, summary: words })
    }

    /// A session that is open and answers, or a new one.
    async fn session(
        &self,
        user: Option<Arc<str>>,
        login: Option<&Login>,
        limits: &Limits,
    ) -> Result<Session, TransportError> {
        while let Some(mut session) = self.sessions.take(|session| session.user == user) {
            if session.begin_anew(limits).await.is_ok() {
                return Ok(session);
            }
        }
        self.server.session(user, login, limits.until).await
    }
}

impl Client for Smtp {
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>> {
        Box::pin(async move {
            let Ask::Mail(ask) = ask else { return Err(TransportError::foreign()) };
            self.send(ask, login, limits).await
        })
    }
}

/// The end of whatever comes first: the call, or the time for one answer.
fn soon(limits: &Limits) -> Instant {
    limits.until.min(Instant::now() + limits.read)
}
