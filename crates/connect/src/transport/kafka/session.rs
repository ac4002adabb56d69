//! A connection to one broker: it is asked one thing after the other, and answers in that order.

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::scram::{Hash, Scram};
use super::wire::{self, API_VERSIONS, Answer, Api, Asked, NEEDED, SASL_AUTHENTICATE, SASL_HANDSHAKE};
use crate::auth::Proof;
use crate::transport::broker::Who;
use crate::transport::line::Line;
use crate::transport::unique;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// The largest answer that is read whole.
pub(super) const ANSWER_MAX: usize = 16 << 20;
/// What is kept of a larger one: so many partitions as are told before what is large.
const HEAD: usize = 64 << 10;

/// How one logs in, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mechanism {
    Scram512,
    Scram256,
    Plain,
    Bearer,
}

impl Mechanism {
    const ALL: [Self; 4] = [Self::Scram512, Self::Scram256, Self::Plain, Self::Bearer];

    fn word(self) -> &'static str {
        match self {
            Self::Scram512 => "SCRAM-SHA-512",
            Self::Scram256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
            Self::Bearer => "OAUTHBEARER",
        }
    }

    pub(super) fn is_scram(self) -> bool {
        matches!(self, Self::Scram512 | Self::Scram256)
    }

    fn takes(self, proof: Proof) -> bool {
        (self == Self::Bearer) == (proof == Proof::Token)
    }

    /// The first to be tried.
    pub(super) fn first(proof: Proof) -> Self {
        if proof == Proof::Token { Self::Bearer } else { Self::Scram512 }
    }
}

/// How beginning went.
pub(super) enum Begun {
    Whole(Session),
    /// The broker wants another way to log in, and ends the connection.
    Otherwise(Mechanism),
}

/// What was heard.
pub(super) enum Heard {
    /// The answer to what was asked under this number.
    Answer(i32, Answer),
    /// The same, but it is too large: the first bytes of it, and how many there were.
    Cut(i32, Answer, usize),
}

/// A connection that knows us.
pub(super) struct Session {
    pub(super) line: Line,
    asked: i32,
    /// What is left of an answer that is too large, and what was kept of it.
    passing: Option<(usize, Bytes, usize)>,
}

impl Session {
    /// Looks whether the broker speaks as is needed, and logs in.
    pub(super) async fn begin(
        line: Line,
        who: Who<'_>,
        mechanism: Mechanism,
    ) -> Result<Begun, TransportError> {
        let mut session = Self { line, asked: 0, passing: None };
        session.check_versions().await?;
        let Some(secret) = who.password else { return Ok(Begun::Whole(session)) };
        let mut answer = session.ask(SASL_HANDSHAKE, &Asked::default().text(mechanism.word())).await?;
        let (code, known) = (answer.i16()?, answer.each(Answer::text)?);
        if code == wire::OTHER_MECHANISM {
            let can = |mechanism: &Mechanism| {
                mechanism.takes(who.proof) && known.iter().any(|word| word == mechanism.word())
            };
            return Mechanism::ALL.into_iter().find(can).map(Begun::Otherwise).ok_or_else(|| {
                let words = format!("the broker lets nobody in like this; it takes: {}", known.join(", "));
                TransportError::new(Kind::Login, words)
            });
        }
        wire::check(code, "logging in")?;
        let user = who.user.unwrap_or_default();
        match mechanism {
            Mechanism::Scram512 => session.prove(Hash::Sha512, user, secret.expose()).await?,
            Mechanism::Scram256 => session.prove(Hash::Sha256, user, secret.expose()).await?,
            Mechanism::Plain => {
                let word = Zeroizing::new(format!("\0{user}\0{}", secret.expose()));
                session.log_in(word.as_bytes()).await?;
            }
            Mechanism::Bearer => {
                // RFC 7628, section 3.1.
                let word = Zeroizing::new(format!("n,,\x01auth=Bearer {}\x01\x01", secret.expose()));
                let said = session.log_in(word.as_bytes()).await?;
                if !said.is_empty() {
                    return Err(TransportError::new(Kind::Login, "the broker does not take the token"));
                }
            }
        }
        Ok(Begun::Whole(session))
    }

    async fn check_versions(&mut self) -> Result<(), TransportError> {
        let mut answer = self.ask(API_VERSIONS, &Asked::default()).await?;
        wire::check(answer.i16()?, "its versions")?;
        let spoken = answer.each(|answer| Ok((answer.i16()?, answer.i16()?, answer.i16()?)))?;
        let speaks = |api: &&Api| {
            spoken.iter().any(|(key, min, max)| *key == api.key && (*min..=*max).contains(&api.version))
        };
        match NEEDED.iter().find(|api| !speaks(api)) {
            None => Ok(()),
            Some(Api { version, name, .. }) => {
                let words =
                    format!("the broker does not speak {name} in version {version}; Kafka 2.1 and later do");
                Err(TransportError::new(Kind::Refused, words))
            }
        }
    }

    async fn prove(&mut self, hash: Hash, user: &str, password: &str) -> Result<(), TransportError> {
        let broken = |why: super::scram::Broken| {
            TransportError::new(Kind::Login, format!("the broker does not log in as SCRAM does: {}", why.0))
        };
        let mut scram = Scram::begin(hash, user, unique()?);
        let asked = self.log_in(scram.first().as_bytes()).await?;
        let proof = scram.proof(&String::from_utf8_lossy(&asked), password).map_err(broken)?;
        let said = self.log_in(proof.as_bytes()).await?;
        scram.check(&String::from_utf8_lossy(&said)).map_err(broken)
    }

    async fn log_in(&mut self, word: &[u8]) -> Result<Bytes, TransportError> {
        let mut answer = self.ask(SASL_AUTHENTICATE, &Asked::default().bytes(word)).await?;
        let (code, words) = (answer.i16()?, answer.text()?);
        match wire::check(code, "logging in") {
            Ok(()) => answer.bytes(),
            Err(error) if words.is_empty() => Err(error),
            Err(error) => Err(TransportError { words, ..error }),
        }
    }

    /// Puts a question where it will be written from; gives the number under which it is answered.
    pub(super) fn send(&mut self, api: Api, asked: &Asked) -> i32 {
        self.asked = self.asked.wrapping_add(1);
        self.line.output.extend_from_slice(&asked.framed(api, self.asked));
        self.line.asked();
        self.asked
    }

    /// What is heard next. May be given up while it is waited for.
    pub(super) async fn hear(&mut self) -> Result<Heard, TransportError> {
        loop {
            if let Some(heard) = self.take()? {
                return Ok(heard);
            }
            self.line.read().await?;
        }
    }

    fn take(&mut self) -> Result<Option<Heard>, TransportError> {
        let input = &mut self.line.input;
        if let Some((left, head, length)) = &mut self.passing {
            let passed = input.len().min(*left);
            input.advance(passed);
            *left -= passed;
            if *left > 0 {
                return Ok(None);
            }
            let (head, length) = (std::mem::take(head), *length);
            self.passing = None;
            let mut answer = Answer(head);
            return Ok(Some(Heard::Cut(answer.i32()?, answer, length)));
        }
        let Some(length) = input.get(..4) else { return Ok(None) };
        let length = length.try_into().map_or(-1, i32::from_be_bytes);
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length >= 4)
            .ok_or_else(|| TransportError::new(Kind::Unusable, "the broker does not answer as Kafka does"))?;
        if length > ANSWER_MAX {
            if input.len() < 4 + HEAD {
                return Ok(None);
            }
            input.advance(4);
            let head = input.split_to(HEAD).freeze();
            self.passing = Some((length - HEAD, head, length));
            return self.take();
        }
        if input.len() < 4 + length {
            return Ok(None);
        }
        input.advance(4);
        let mut answer = Answer(input.split_to(length).freeze());
        Ok(Some(Heard::Answer(answer.i32()?, answer)))
    }

    /// Asks, and waits for the answer. Nothing else may be under way.
    pub(super) async fn ask(&mut self, api: Api, asked: &Asked) -> Result<Answer, TransportError> {
        let number = self.send(api, asked);
        match self.hear().await? {
            Heard::Answer(answered, answer) if answered == number => Ok(answer),
            Heard::Answer(..) => {
                Err(TransportError::new(Kind::Unusable, "the broker answers something else"))
            }
            Heard::Cut(_, _, length) => {
                let words = format!("the broker answers {} with {length} bytes", api.name);
                Err(TransportError::new(Kind::TooLarge, words))
            }
        }
    }

    /// The same, within a time.
    pub(super) async fn ask_within(
        &mut self,
        patience: Duration,
        api: Api,
        asked: &Asked,
    ) -> Result<Answer, TransportError> {
        let late = || TransportError::new(Kind::Lost, format!("the broker does not answer for {patience:?}"));
        timeout(patience, self.ask(api, asked)).await.unwrap_or_else(|_| Err(late()))
    }
}
