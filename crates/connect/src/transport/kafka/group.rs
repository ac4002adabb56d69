//! What a group has read, kept by its coordinator. Nobody is a member: the offsets are told, and asked for once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cluster::Cluster;
use super::wire::{self, Answer, Asked, OFFSET_COMMIT, OFFSET_FETCH, UNKNOWN_MEMBER};
use crate::auth::Login;
use crate::source::Wanted;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A group without members.
pub(super) struct Group {
    cluster: Arc<Cluster>,
    login: Option<Login>,
    name: Arc<str>,
    topic: Arc<str>,
}

impl Group {
    pub(super) fn new(cluster: &Arc<Cluster>, wanted: &Wanted<'_>, login: Option<&Login>) -> Self {
        let (name, topic) = (wanted.group.into(), wanted.from.into());
        Self { cluster: Arc::clone(cluster), login: login.cloned(), name, topic }
    }

    async fn ask(&self, api: wire::Api, asked: &Asked) -> Result<Answer, TransportError> {
        let (until, login) = (Instant::now() + PATIENCE, self.login.as_ref());
        let at = self.cluster.coordinator(&self.name, login, until).await?;
        self.cluster.ask(&at, login, until, (api, asked)).await
    }

    /// The offsets that it has, of these partitions.
    pub(super) async fn told(&self, partitions: &[i32]) -> Result<BTreeMap<i32, i64>, TransportError> {
        let asked = Asked::default().text(&self.name).i32(1).text(&self.topic);
        let asked = asked.each(partitions, |asked, partition| asked.i32(*partition));
        let mut answer = self.ask(OFFSET_FETCH, &asked).await?;
        let told = answer.each(|answer| {
            answer.text()?;
            answer.each(|answer| {
                let (partition, offset) = (answer.i32()?, answer.i64()?);
                answer.text()?;
                Ok((partition, offset, answer.i16()?))
            })
        })?;
        let mut offsets = BTreeMap::new();
        for (partition, offset, code) in told.into_iter().flatten() {
            self.check(code)?;
            if offset >= 0 {
                offsets.insert(partition, offset);
            }
        }
        Ok(offsets)
    }

    /// Tells it the offsets of what is next.
    pub(super) async fn tell(&self, next: &BTreeMap<i32, i64>) -> Result<(), TransportError> {
        let all: Vec<(i32, i64)> = next.iter().map(|(partition, offset)| (*partition, *offset)).collect();
        let asked = Asked::default().text(&self.name).i32(-1).text("").i64(-1).i32(1).text(&self.topic);
        let asked =
            asked.each(&all, |asked, (partition, offset)| asked.i32(*partition).i64(*offset).text(""));
        let mut answer = self.ask(OFFSET_COMMIT, &asked).await?;
        let told = answer.each(|answer| {
            answer.text()?;
            answer.each(|answer| {
                answer.i32()?;
                answer.i16()
            })
        })?;
        told.into_iter().flatten().try_for_each(|code| self.check(code))
    }

    fn check(&self, code: i16) -> Result<(), TransportError> {
        if code == UNKNOWN_MEMBER {
            let words =
                format!("the group `{}` has members that are not Sinew; choose another `group`", self.name);
            return Err(TransportError::new(Kind::Conflict, words).code(code.to_string()));
        }
        wire::check(code, &format!("the group `{}`", self.name))
    }

    /// How many partitions the topic has now.
    pub(super) async fn partitions(&self) -> Result<usize, TransportError> {
        self.cluster.forget(&self.topic);
        let until = Instant::now() + PATIENCE;
        Ok(self.cluster.topic(&self.topic, self.login.as_ref(), until).await?.partitions.len())
    }
}
