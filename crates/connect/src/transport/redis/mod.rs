//! Redis and what speaks like it (Valkey, KeyDB), by RESP3, or RESP2 where that is not known.

mod resp;
mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sinew_model::SchemeTls;
use sinew_stdx::Json;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use self::resp::{Garbled, Reply, read, write};
use self::source::RedisSource;
use super::sessions::Sessions;
use super::{
    Ask, Client, ClientOptions, CommandAsk, NotOpened, Pending, Place, Told, TransportError,
    TransportErrorKind as Kind,
};
use crate::Limits;
use crate::auth::Login;
use crate::dial::Dialer;
use crate::source::{Source, Wanted};
use crate::stream::Stream;

/// What the first word of an error means; what is not here was refused.
const ERRORS: &[(&str, Kind)] = &[
    ("WRONGPASS", Kind::Login),
    ("NOAUTH", Kind::Login),
    ("DENIED", Kind::Login),
    ("NOPERM", Kind::Forbidden),
    ("NOSCRIPT", Kind::NotThere),
    ("NOGROUP", Kind::NotThere),
    ("BUSYGROUP", Kind::Conflict),
    ("BUSYKEY", Kind::Conflict),
    ("BUSY", Kind::Busy),
    ("LOADING", Kind::Busy),
    ("MASTERDOWN", Kind::Busy),
    ("CLUSTERDOWN", Kind::Busy),
    ("TRYAGAIN", Kind::Busy),
    ("READONLY", Kind::Busy),
    ("NOREPLICAS", Kind::Busy),
    ("MISCONF", Kind::Busy),
    ("OOM", Kind::Busy),
];
/// The same for what has no word of its own.
const WORDLESS: &[(&str, Kind)] = &[
    ("ERR max number of clients", Kind::Busy),
    ("ERR AUTH", Kind::Login),
    ("ERR invalid password", Kind::Login),
];
/// Commands that may fail in the middle of what they do.
const SCRIPTS: &[&str] = &["EVAL", "EVALSHA", "FCALL"];

/// Speaks to one database under one log-in.
struct Redis {
    place: Place,
    dialer: Dialer,
    answer_max: u64,
    sessions: Sessions<Session>,
    /// The server knows no RESP3.
    is_old: AtomicBool,
}

struct Session {
    stream: BufReader<Stream>,
    user: Option<Arc<str>>,
}

/// Speaks to the system of a URL.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    Ok(Arc::new(Redis::new(place, options)))
}

impl Redis {
    fn new(place: Place, options: &ClientOptions) -> Self {
        Self {
            place,
            dialer: Dialer::new(options.egress.clone(), options.connect, options.tls.clone()),
            answer_max: options.answer_max,
            sessions: Sessions::new(options.idle_max),
            is_old: AtomicBool::new(false),
        }
    }

    async fn session(&self, login: Option<&Login>, until: Instant) -> Result<Session, TransportError> {
        let user = login.map(|login| &login.user);
        while let Some(mut session) = self.sessions.take(|session| session.user.as_ref() == user) {
            if session.is_there() {
                return Ok(session);
            }
        }
        let Place { host, port, scheme, .. } = &self.place;
        let begin = async |tcp: TcpStream| {
            let stream = match scheme.tls {
                SchemeTls::Always => self.dialer.secure(host, tcp).await?,
                _ => Dialer::in_clear(host, tcp)?,
            };
            let mut session = Session { stream: BufReader::new(stream), user: user.cloned() };
            self.greet(&mut session, login).await?;
            Ok(session)
        };
        self.dialer.reach(host, *port, until, begin).await
    }

    /// Logs in, and chooses protocol and database.
    async fn greet(&self, session: &mut Session, login: Option<&Login>) -> Result<(), TransportError> {
        let secret = login.map(|login| [login.user.as_bytes(), login.password.expose().as_bytes()]);
        if !self.is_old.load(Ordering::Relaxed) {
            let mut hello = vec![&b"HELLO"[..], b"3"];
            if let Some([user, password]) = secret {
                hello.extend([b"AUTH", user, password]);
            }
            match self.say(session, &hello).await {
                Err(error) if error.kind == Kind::Refused => self.is_old.store(true, Ordering::Relaxed),
                said => {
                    said?;
                    return self.choose(session).await;
                }
            }
        }
        match secret {
            // What knows no RESP3 may know no names either.
            Some([b"default", password]) => self.say(session, &[b"AUTH", password]).await?,
            Some([user, password]) => self.say(session, &[b"AUTH", user, password]).await?,
            None => {}
        }
        self.choose(session).await
    }

    async fn choose(&self, session: &mut Session) -> Result<(), TransportError> {
        if self.place.path.is_empty() {
            return Ok(());
        }
        let chosen = self.say(session, &[b"SELECT", self.place.path.as_bytes()]).await;
        chosen.map_err(|error| match error.kind {
            Kind::Refused => {
                let words = format!("the database `{}`: {}", self.place.path, error.words);
                TransportError { kind: Kind::NotThere, words, ..error }
            }
            _ => error,
        })
    }

    async fn say(&self, session: &mut Session, words: &[&[u8]]) -> Result<(), TransportError> {
        // What the server tells of itself is short.
        self.ask(session, words)
            .await
            .map(drop)
            .map_err(|e| TransportError { may_have_taken_effect: false, ..e })
    }

    async fn ask(&self, session: &mut Session, words: &[&[u8]]) -> Result<Reply, TransportError> {
        let lost = |error: std::io::Error| TransportError::new(Kind::Lost, error.to_string()).in_doubt();
        write(&mut session.stream, words).await.map_err(lost)?;
        match read(&mut session.stream, self.answer_max).await {
            Ok(Reply::Error(words)) => Err(refused(&words)),
            Ok(reply) => Ok(reply),
            Err(Garbled::Io(error)) => Err(lost(error)),
            Err(Garbled::TooLarge) => {
                let words = format!("the answer is larger than {} bytes", self.answer_max);
                Err(TransportError::new(Kind::TooLarge, words).in_doubt())
            }
            Err(Garbled::Wrong(what)) => Err(TransportError::new(Kind::Unusable, what).in_doubt()),
        }
    }

    async fn perform(
        &self,
        ask: &CommandAsk,
        login: Option<&Login>,
        limits: &Limits,
    ) -> Result<Told, TransportError> {
        let mut session = self.session(login, limits.until).await?;
        let words: Vec<&[u8]> = ask.words.iter().map(String::as_bytes).collect();
        let asked = timeout_at(limits.until, self.ask(&mut session, &words)).await;
        let asked = asked.unwrap_or_else(|_| Err(TransportError::deadline(true)));
        // What was not read to its end would be read by whoever comes next.
        if asked.as_ref().err().is_none_or(|error| error.code.is_some() && error.kind != Kind::Login) {
            self.sessions.put(session);
        }
        let is_script = SCRIPTS.contains(&&*ask.command.name);
        let asked = asked.map_err(|error| match error.kind {
            Kind::Refused if is_script && is_within_script(&error.words) => error.in_doubt(),
            _ => error,
        });
        let reply = asked?;
        let summary = reply.summary();
        Ok(Told { value: reply.into_json(ask.command.json), summary })
    }
}

impl Session {
    /// Whether the server has neither ended the session nor said something that nobody asked for.
    fn is_there(&mut self) -> bool {
        let mut byte = [0; 1];
        let mut buffer = tokio::io::ReadBuf::new(&mut byte);
        let io = std::pin::Pin::new(&mut self.stream);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        tokio::io::AsyncRead::poll_read(io, &mut context, &mut buffer).is_pending()
    }
}

impl Client for Redis {
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>> {
        Box::pin(async move {
            match ask {
                Ask::Command(ask) => Self::perform(self, ask, login, limits).await,
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
            let session = self.session(login, limits.until).await?;
            let reading = self.session(login, limits.until).await?;
            Ok(Box::new(RedisSource::open(session, reading, wanted).await?) as Box<dyn Source>)
        })
    }
}

/// The error that the server answered; its first word is its code. A command that is refused has no effect.
fn refused(words: &str) -> TransportError {
    let code = words.split_whitespace().next().unwrap_or("ERR");
    let kind = ERRORS.iter().find(|(word, _)| *word == code);
    let kind = kind.or_else(|| WORDLESS.iter().find(|(begin, _)| words.starts_with(begin)));
    TransportError::new(kind.map_or(Kind::Refused, |(_, kind)| kind.clone()), words).code(code)
}

/// Whether a script had begun when it failed: then what it had done before stays done.
fn is_within_script(words: &str) -> bool {
    words.contains("script:") || words.contains("@user_")
}

impl Reply {
    fn summary(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::List(items) => format!("{} item{}", items.len(), if items.len() == 1 { "" } else { "s" }),
            Self::Map(fields) => {
                format!("{} field{}", fields.len(), if fields.len() == 1 { "" } else { "s" })
            }
            Self::Status(word) => word.clone(),
            _ => "a value".to_owned(),
        }
    }

    /// The answer as JSON; texts that hold JSON are read if `parsed`.
    fn into_json(self, parsed: bool) -> Json {
        match self {
            Self::Nothing => Json::null(),
            // One of several answers within one.
            Self::Error(words) => Json::object([("error", &Json::string(&words))]),
            Self::Whole(digits) => Json::from_printed(digits),
            Self::Double(text) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => Json::of(&number),
                _ => Json::string(&text),
            },
            Self::Boolean(value) => Json::of(&value),
            Self::Status(word) => Json::string(&word),
            Self::Text(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) if parsed => Json::parse(text.as_bytes()).unwrap_or_else(|_| Json::string(text)),
                Ok(text) => Json::string(text),
                Err(_) => super::base64(&bytes),
            },
            Self::List(items) => {
                let items: Vec<_> = items.into_iter().map(|item| item.into_json(parsed)).collect();
                Json::array(&items)
            }
            Self::Map(fields) => {
                let named = |(name, value): (Self, Self)| {
                    let name = name.into_json(false);
                    let name = name.to::<String>().unwrap_or_else(|_| name.to_string());
                    (name, value.into_json(parsed))
                };
                let fields: Vec<_> = fields.into_iter().map(named).collect();
                Json::object(fields.iter().map(|(name, value)| (name.as_str(), value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_its_kind_by_its_first_word() {
        for (words, kind) in [
            ("WRONGTYPE Operation against a key", Kind::Refused),
            ("BUSY Redis is busy running a script", Kind::Busy),
            ("BUSYGROUP Consumer Group name already exists", Kind::Conflict),
            ("NOPERM this user has no permissions", Kind::Forbidden),
            ("ERR max number of clients reached", Kind::Busy),
            ("ERR unknown command", Kind::Refused),
            ("", Kind::Refused),
        ] {
            assert_eq!(refused(words).kind, kind, "{words}");
        }
    }

    #[test]
    fn an_answer_becomes_json() {
        for (reply, parsed, json) in [
            (Reply::Text(b"{\"n\":0.10}".to_vec()), true, "{\"n\":0.10}"),
            (Reply::Text(b"{\"n\":0.10}".to_vec()), false, r#""{\"n\":0.10}""#),
            (Reply::Text(vec![0, 255]), true, "\"AP8=\""),
            (Reply::Double("inf".to_owned()), false, "\"inf\""),
            (
                Reply::List(vec![Reply::Nothing, Reply::Error("ERR x".to_owned())]),
                false,
                r#"[null,{"error":"ERR x"}]"#,
            ),
            (Reply::Map(vec![(Reply::Whole("1".to_owned()), Reply::Boolean(true))]), false, r#"{"1":true}"#),
        ] {
            assert_eq!(reply.into_json(parsed).as_str(), json);
        }
    }
}
