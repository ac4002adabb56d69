//! The brokers of a cluster: which of them leads which partition, and sessions with them.
//!
//! Only here is heeded what a broker says of other addresses; the egress policy holds for them, too.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use super::session::{Begun, Mechanism, Session};
use super::wire::{self, Answer, Asked, FIND_COORDINATOR, METADATA};
use crate::auth::Login;
use crate::transport::broker::{Reach, Who};
use crate::transport::sessions::Sessions;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// How long what is known of a topic is used without asking again.
const KNOWN_FOR: Duration = Duration::from_mins(1);
/// Topics of which something is known.
const TOPICS_MAX: usize = 1000;
/// The most partitions of a topic.
const PARTITIONS_MAX: usize = 10_000;

/// Where a broker is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

/// What is known of a topic.
#[derive(Debug)]
pub(super) struct Topic {
    /// Who leads each partition; nobody, at times.
    pub(super) partitions: Vec<Option<Address>>,
    since: Instant,
}

/// Who has an open session, and where.
type Key = (Option<Arc<str>>, Address);

/// A cluster that is reached by one of its brokers.
pub(super) struct Cluster {
    reach: Reach,
    sessions: Sessions<(Key, Session)>,
    topics: Mutex<HashMap<String, Arc<Topic>>>,
    mechanism: Mutex<Option<Mechanism>>,
}

impl Cluster {
    pub(super) fn new(reach: Reach, idle_max: usize) -> Self {
        // Each broker of a cluster has sessions of its own.
        let sessions = Sessions::new(idle_max.saturating_mul(4));
        Self { reach, sessions, topics: Mutex::default(), mechanism: Mutex::default() }
    }

    /// The broker that the connection names.
    pub(super) fn named(&self) -> Address {
        Address { host: self.reach.place.host.clone(), port: self.reach.place.port }
    }

    /// A session that stands, or a new one.
    pub(super) async fn session(
        &self,
        at: &Address,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Session, TransportError> {
        let key = key(at, login);
        while let Some((_, mut session)) = self.sessions.take(|(of, _)| *of == key) {
            if session.line.stands() {
                return Ok(session);
            }
        }
        self.fresh(at, login, until).await
    }

    /// A new session.
    pub(super) async fn fresh(
        &self,
        at: &Address,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Session, TransportError> {
        let (who, reach) = (Who::of(login), self.reach.to(&at.host, at.port));
        let first = (*self.mechanism.lock()).unwrap_or_else(|| Mechanism::first(who.proof));
        let mut mechanism = first;
        // A broker names what it takes once; then it takes it.
        for _ in 0..2 {
            let begin = async |line| Session::begin(line, who, mechanism).await;
            match reach.line(until, begin).await? {
                Begun::Whole(session) => {
                    *self.mechanism.lock() = Some(mechanism);
                    return Ok(session);
                }
                // What proved itself without the password is not told it afterwards.
                Begun::Otherwise(Mechanism::Plain)
                    if self.mechanism.lock().is_some_and(Mechanism::is_scram) =>
                {
                    let words = "the broker let us in by SCRAM before, and wants the password itself now";
                    return Err(TransportError::new(Kind::Login, words));
                }
                Begun::Otherwise(other) => mechanism = other,
            }
        }
        Err(TransportError::new(Kind::Login, "the broker takes no way to log in twice"))
    }

    /// Keeps a session of which nothing is under way.
    pub(super) fn keep(&self, at: &Address, login: Option<&Login>, session: Session) {
        self.sessions.put((key(at, login), session));
    }

    /// Asks a broker for one thing.
    pub(super) async fn ask(
        &self,
        at: &Address,
        login: Option<&Login>,
        until: Instant,
        (api, asked): (wire::Api, &Asked),
    ) -> Result<Answer, TransportError> {
        let unsent = |error| TransportError { may_have_taken_effect: false, ..error };
        let mut session = self.session(at, login, until).await.map_err(unsent)?;
        let answer = match timeout_at(until, session.ask(api, asked)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                let sent = session.line.is_written();
                return Err(TransportError { may_have_taken_effect: sent, ..error });
            }
            Err(_) => return Err(TransportError::deadline(session.line.is_written())),
        };
        self.keep(at, login, session);
        Ok(answer)
    }

    /// Who leads the partitions of a topic.
    pub(super) async fn topic(
        &self,
        name: &str,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Arc<Topic>, TransportError> {
        let known = self.topics.lock().get(name).filter(|topic| topic.since.elapsed() < KNOWN_FOR).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        // A topic that is not there is not made.
        let asked = Asked::default().each(&[name], |asked, name| asked.text(name)).i8(0);
        let told = self.ask(&self.named(), login, until, (METADATA, &asked)).await;
        let mut answer = told.map_err(|error| TransportError { may_have_taken_effect: false, ..error })?;
        let topic = Arc::new(topic(&mut answer, name)?);
        let mut topics = self.topics.lock();
        if topics.len() >= TOPICS_MAX {
            topics.clear();
        }
        topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }

    /// What was known of a topic holds no more.
    pub(super) fn forget(&self, name: &str) {
        self.topics.lock().remove(name);
    }

    /// Who keeps what a group has done.
    pub(super) async fn coordinator(
        &self,
        group: &str,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Address, TransportError> {
        let asked = Asked::default().text(group);
        let mut answer = self.ask(&self.named(), login, until, (FIND_COORDINATOR, &asked)).await?;
        wire::check(answer.i16()?, &format!("the group `{group}`"))?;
        answer.i32()?;
        address(&mut answer)
    }
}

fn key(at: &Address, login: Option<&Login>) -> Key {
    (login.map(|login| Arc::clone(&login.user)), at.clone())
}

fn address(answer: &mut Answer) -> Result<Address, TransportError> {
    let (host, port) = (answer.text()?, answer.i32()?);
    let port = u16::try_from(port).map_err(|_| {
        TransportError::new(Kind::Unusable, format!("the broker names a port that there is not: {port}"))
    })?;
    Ok(Address { host, port })
}

/// What an answer tells of a topic.
fn topic(answer: &mut Answer, name: &str) -> Result<Topic, TransportError> {
    answer.i32()?;
    let brokers = answer.each(|answer| {
        let node = answer.i32()?;
        let at = address(answer)?;
        answer.text()?;
        Ok((node, at))
    })?;
    let brokers: HashMap<i32, Address> = brokers.into_iter().collect();
    answer.text()?;
    answer.i32()?;
    let topics = answer.each(|answer| {
        let (code, name) = (answer.i16()?, answer.text()?);
        answer.i8()?;
        let partitions = answer.each(|answer| {
            answer.i16()?;
            let (index, leader) = (answer.i32()?, answer.i32()?);
            answer.each(Answer::i32)?;
            answer.each(Answer::i32)?;
            Ok((index, leader))
        })?;
        Ok((code, name, partitions))
    })?;
    let lacks = || TransportError::new(Kind::NotThere, format!("there is no topic `{name}`"));
    let (code, _, told) = topics.into_iter().find(|(_, of, _)| of == name).ok_or_else(lacks)?;
    wire::check(code, &format!("the topic `{name}`"))?;
    if told.is_empty() {
        return Err(lacks());
    }
    if told.len() > PARTITIONS_MAX {
        let words = format!("the topic `{name}` has more than {PARTITIONS_MAX} partitions");
        return Err(TransportError::new(Kind::Refused, words));
    }
    let mut partitions = vec![None; told.len()];
    for (index, leader) in told {
        let place = usize::try_from(index).ok().and_then(|index| partitions.get_mut(index));
        let place = place.ok_or_else(|| {
            TransportError::new(
                Kind::Unusable,
                format!("the partitions of `{name}` are not numbered in a row"),
            )
        })?;
        *place = brokers.get(&leader).cloned();
    }
    Ok(Topic { partitions, since: Instant::now() })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// What is told of the topic `a`, with these codes, partitions and leaders.
    fn check(code: i16, partitions: &[(i32, i32)]) -> Result<Vec<Option<u16>>, Kind> {
        let told = Asked::default()
            .i32(0)
            .each(&[(1, 9092), (2, 9093)], |told, (node, port)| {
                told.i32(*node).text("b").i32(*port).no_text()
            })
            .no_text()
            .i32(1)
            .each(&[()], |told, ()| {
                told.i16(code).text("a").i8(0).each(partitions, |told, (index, leader)| {
                    told.i16(0).i32(*index).i32(*leader).each(&[1], |told, id| told.i32(*id)).i32(0)
                })
            });
        let topic = topic(&mut Answer(Bytes::from(told.into_bytes())), "a").map_err(|error| error.kind)?;
        Ok(topic.partitions.iter().map(|leader| leader.as_ref().map(|at| at.port)).collect())
    }

    #[test]
    fn each_partition_has_its_leader() {
        assert_eq!(check(0, &[(1, 1), (0, 2), (2, -1)]), Ok(vec![Some(9093), Some(9092), None]));
        assert_eq!(check(3, &[]), Err(Kind::NotThere));
        assert_eq!(check(0, &[]), Err(Kind::NotThere));
        assert_eq!(check(29, &[]), Err(Kind::Forbidden));
        for strange in [(-1, 1), (5, 1)] {
            assert_eq!(check(0, &[strange]), Err(Kind::Unusable), "{strange:?}");
        }
    }
}
