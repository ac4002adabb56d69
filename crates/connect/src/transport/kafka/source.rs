//! A topic that is read from where its flow is: the position is kept with the runs, so that a record makes one run
//! whatever is killed when. The group at the broker is told for people to see, and for the very first beginning.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::select_all;
use serde::{Deserialize, Serialize};
use sinew_stdx::{Json, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::batch::{Batch, Head, Next, Record};
use super::cluster::{Address, Cluster};
use super::fetched::{Fetched, GivenUp, cut, fetched};
use super::group::Group;
use super::session::{ANSWER_MAX, Heard, Session};
use super::wire::{self, Answer, Asked, FETCH, LIST_OFFSETS, MOVED, OFFSET_OUT_OF_RANGE};
use crate::Limits;
use crate::auth::Login;
use crate::source::{Coming, Data, Delivery, Source, SourceError, Wanted};
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// How long a broker waits for records before it says that there are none.
const WAIT: Duration = Duration::from_secs(1);
/// How long after that it says so at the latest.
const LATE: Duration = Duration::from_secs(10);
/// What brokers give at once, all together.
const AT_ONCE: i32 = 4 << 20;
/// What a broker gives at once at least, and at most of one partition.
const AT_ONCE_MIN: i32 = 256 << 10;
const PARTITION_AT_ONCE: i32 = 1 << 20;
/// How often it is looked whether the topic has more partitions.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// How often the group is told.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The header that names what a record is (CloudEvents over Kafka, section 3.2.3).
const EVENT: &str = "ce_type";
/// How long the end waits for the group to be told.
const FAREWELL: Duration = Duration::from_secs(1);
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// How far the partitions were read: the offset of what is next in each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// Under another name it is begun anew.
    group: Arc<str>,
    next: BTreeMap<i32, i64>,
}

/// A broker that leads partitions.
struct Leader {
    session: Session,
    partitions: Vec<i32>,
    /// The number of the question that is under way, and when it has to be answered.
    asked: Option<(i32, Instant)>,
    /// It had nothing, and said so at once: it is not asked before.
    rests_until: Instant,
}

/// A batch of which records are left.
struct Opened {
    partition: i32,
    batch: Batch,
}

/// A topic that is read.
pub(super) struct KafkaSource {
    topic: Arc<str>,
    leaders: Vec<Leader>,
    position: Position,
    ready: VecDeque<Opened>,
    value_max: usize,
    group: Arc<Group>,
    look_at: Instant,
    given: u64,
    /// What was given and is not durable yet.
    under_way: VecDeque<(u64, i32, i64)>,
    durable: BTreeMap<i32, i64>,
    told_at: Instant,
    telling: Option<JoinHandle<()>>,
    /// Why nothing more can be read, when what came before is given.
    broken: Option<TransportError>,
}

impl KafkaSource {
    /// Finds out where reading goes on, and who is to be asked.
    pub(super) async fn open(
        cluster: &Arc<Cluster>,
        wanted: &Wanted<'_>,
        login: Option<&Login>,
        limits: &Limits,
    ) -> Result<Self, TransportError> {
        cluster.forget(wanted.from);
        let topic = cluster.topic(wanted.from, login, limits.until).await?;
        let mut by_leader: BTreeMap<(String, u16), Vec<i32>> = BTreeMap::new();
        for (index, leader) in topic.partitions.iter().enumerate() {
            let leader = leader.as_ref().ok_or_else(|| {
                let words = format!("nobody leads partition {index} of `{}` now", wanted.from);
                TransportError::new(Kind::Busy, words)
            })?;
            by_leader.entry((leader.host.clone(), leader.port)).or_default().push(index as i32);
        }
        let mut leaders = Vec::new();
        for ((host, port), partitions) in by_leader {
            let session = cluster.fresh(&Address { host, port }, login, limits.until).await?;
            leaders.push(Leader { session, partitions, asked: None, rests_until: Instant::now() });
        }
        let group = Arc::new(Group::new(cluster, wanted, login));
        let now = Instant::now();
        let mut source = Self {
            topic: wanted.from.into(),
            leaders,
            position: Position { group: wanted.group.into(), next: BTreeMap::new() },
            ready: VecDeque::new(),
            value_max: wanted.data_max(),
            group,
            look_at: now + LOOK_EVERY,
            given: 0,
            under_way: VecDeque::new(),
            durable: BTreeMap::new(),
            told_at: now,
            telling: None,
            broken: None,
        };
        source.begin(wanted, topic.partitions.len() as i32).await?;
        Ok(source)
    }

    /// Where each partition begins: where the store says, else where the group says, else as is wished.
    async fn begin(&mut self, wanted: &Wanted<'_>, partitions: i32) -> Result<(), TransportError> {
        let kept = wanted.position.map(serde_json::from_str::<Position>).transpose();
        let kept = kept.map_err(|_| {
            TransportError::new(Kind::Unfit, "the position to go on from is none in a topic of Kafka")
        })?;
        let kept = kept.filter(|kept| *kept.group == *wanted.group).map(|kept| kept.next).unwrap_or_default();
        let all: Vec<i32> = (0..partitions).collect();
        let is_new = kept.is_empty();
        let known = if is_new { self.group.told(&all).await? } else { kept };
        // Where the log ends, and where that ends which is done.
        let (earliest, latest) = (self.ends(EARLIEST, 0).await?, self.ends(LATEST, 0).await?);
        let done = self.ends(LATEST, 1).await?;
        for partition in all {
            let end = |ends: &BTreeMap<i32, i64>| {
                let lacks = || TransportError::new(Kind::Unusable, "the broker says nothing of a partition");
                ends.get(&partition).copied().ok_or_else(lacks)
            };
            let (first, last) = (end(&earliest)?, end(&latest)?);
            let next = match known.get(&partition) {
                Some(next) if (first..=last).contains(next) => *next,
                // A new leader may lag behind for a while; a topic that was made anew does not grow in this way.
                Some(next) if *next > last => {
                    let words = format!(
                        "partition {partition} of `{}` ends at {last}, and was read up to {next}; if the topic was made \
                         anew, choose another `group`",
                        self.topic
                    );
                    return Err(TransportError::new(Kind::Conflict, words));
                }
                Some(next) => {
                    let topic = &self.topic;
                    tracing::warn!(%topic, partition, next, first, "the broker keeps no more what was to be read next");
                    first
                }
                // Of what a known topic has more now nothing was read.
                None if !known.is_empty() || wanted.all => first,
                None => end(&done)?,
            };
            self.position.next.insert(partition, next);
        }
        if is_new {
            // Otherwise a listener that is killed before the first record came would begin again with what is new then.
            self.group.tell(&self.position.next).await?;
        }
        Ok(())
    }

    /// The offsets at one end of all partitions.
    async fn ends(&mut self, end: i64, isolation: i8) -> Result<BTreeMap<i32, i64>, TransportError> {
        let mut offsets = BTreeMap::new();
        for leader in &mut self.leaders {
            let asked = Asked::default().i32(-1).i8(isolation).i32(1).text(&self.topic);
            let asked = asked.each(&leader.partitions, |asked, partition| asked.i32(*partition).i64(end));
            let mut answer = leader.session.ask_within(LATE, LIST_OFFSETS, &asked).await?;
            answer.i32()?;
            let told = answer.each(|answer| {
                answer.text()?;
                answer.each(|answer| {
                    let told = (answer.i32()?, answer.i16()?);
                    answer.i64()?;
                    Ok((told, answer.i64()?))
                })
            })?;
            for ((partition, code), offset) in told.into_iter().flatten() {
                wire::check(code, &format!("partition {partition} of `{}`", self.topic))?;
                offsets.insert(partition, offset.max(0));
            }
        }
        Ok(offsets)
    }

    async fn record(&mut self) -> Result<Delivery, SourceError> {
        loop {
            if let Some(delivery) = self.next_ready()? {
                return Ok(delivery);
            }
            if let Some(error) = self.broken.take() {
                return Err(error.into());
            }
            if Instant::now() >= self.look_at {
                self.look_for_more().await?;
            }
            self.ask_for_records();
            let Some((place, heard)) = self.hear().await? else { continue };
            let asked = self.leaders[place].asked.take();
            match heard {
                Heard::Answer(_, answer) => {
                    let was_early = asked.is_some_and(|(_, until)| until - LATE > Instant::now() + WAIT / 2);
                    if !self.take_in(answer)? && was_early {
                        self.leaders[place].rests_until = Instant::now() + WAIT / 4;
                    }
                }
                Heard::Cut(_, head, bytes) => return self.passed_over(head, bytes),
            }
        }
    }

    /// The next of those that came.
    fn next_ready(&mut self) -> Result<Option<Delivery>, SourceError> {
        while let Some(Opened { partition, batch }) = self.ready.front_mut() {
            let (partition, head) = (*partition, batch.head);
            let from = self.position.next.get(&partition).copied().unwrap_or(0);
            match batch.next(self.value_max)? {
                None => {
                    self.ready.pop_front();
                    // Also what was there once, and is forgotten.
                    self.position.next.insert(partition, from.max(head.last.saturating_add(1)));
                }
                Some(Next::Record(record)) if record.offset < from => {}
                Some(Next::Record(record)) => return Ok(Some(self.delivery(partition, record))),
                Some(Next::TooLarge { offset, .. }) if offset < from => {}
                Some(Next::TooLarge { offset, at, bytes }) => {
                    return Ok(Some(self.too_large(partition, (offset, at), bytes)));
                }
            }
        }
        Ok(None)
    }

    fn ask_for_records(&mut self) {
        let at_once = (AT_ONCE / self.leaders.len().max(1) as i32).max(AT_ONCE_MIN);
        let now = Instant::now();
        for leader in &mut self.leaders {
            if leader.asked.is_some() || leader.rests_until > now {
                continue;
            }
            let next = &self.position.next;
            // Those that are asked for first get what there is room for: each is once.
            leader.partitions.rotate_left(1);
            let partitions: Vec<(i32, i64)> =
                leader.partitions.iter().filter_map(|of| Some((*of, *next.get(of)?))).collect();
            // No session of fetching; what belongs to transactions only when they are done.
            let asked = Asked::default().i32(-1).i32(WAIT.as_millis() as i32).i32(1).i32(at_once).i8(1);
            let asked = asked.i32(0).i32(-1).i32(1).text(&self.topic);
            let asked = asked.each(&partitions, |asked, (partition, offset)| {
                asked.i32(*partition).i32(-1).i64(*offset).i64(-1).i32(PARTITION_AT_ONCE)
            });
            let number = leader.session.send(FETCH, &asked.i32(0));
            leader.asked = Some((number, Instant::now() + WAIT + LATE));
        }
    }

    /// What one of the brokers says; nothing if one has rested. May be given up while it is waited for.
    async fn hear(&mut self) -> Result<Option<(usize, Heard)>, SourceError> {
        let until = |leader: &Leader| leader.asked.map_or(leader.rests_until, |(_, until)| until);
        let until = self.leaders.iter().map(until).min().unwrap_or_else(Instant::now);
        let all = self.leaders.iter_mut().map(|leader| leader.session.hear().boxed());
        let Ok((heard, place, _)) = timeout_at(until, select_all(all)).await else {
            let now = Instant::now();
            let is_late =
                self.leaders.iter().any(|leader| leader.asked.is_some_and(|(_, until)| until <= now));
            return if is_late { Err(SourceError::Quiet(WAIT + LATE)) } else { Ok(None) };
        };
        let heard = heard?;
        let (Heard::Answer(number, _) | Heard::Cut(number, ..)) = &heard;
        if self.leaders[place].asked.map(|(asked, _)| asked) != Some(*number) {
            return Err(SourceError::Protocol("the broker answers something else".to_owned()));
        }
        Ok(Some((place, heard)))
    }

    /// Takes in what was fetched; false if that was nothing.
    fn take_in(&mut self, mut answer: Answer) -> Result<bool, SourceError> {
        answer.i32()?;
        wire::check(answer.i16()?, &format!("`{}`", self.topic))?;
        answer.i32()?;
        let fetched = answer.each(|answer| {
            answer.text()?;
            answer.each(fetched)
        })?;
        let mut came = false;
        for Fetched { partition, code, given_up, mut records } in fetched.into_iter().flatten() {
            match code {
                // Whoever begins anew looks where.
                OFFSET_OUT_OF_RANGE => {
                    let words =
                        format!("partition {partition} of `{}` keeps no more what is next", self.topic);
                    return Err(SourceError::Closed(format!(": {words}")));
                }
                code if MOVED.contains(&code) => {
                    let words = format!("partition {partition} of `{}` moves to another broker", self.topic);
                    return Err(SourceError::Closed(format!(": {words}")));
                }
                code => wire::check(code, &format!("partition {partition} of `{}`", self.topic))?,
            }
            let (mut counted, whole) = (GivenUp::told(given_up), records.len());
            came |= whole > 0;
            loop {
                let batch = match Batch::take(&mut records) {
                    Ok(Some(batch)) => batch,
                    // The first is always given whole.
                    Ok(None) if whole > 0 && records.len() == whole => {
                        let words =
                            format!("partition {partition} of `{}` holds what is no batch", self.topic);
                        self.broken.get_or_insert(TransportError::new(Kind::Unusable, words));
                        break;
                    }
                    Ok(None) => break,
                    Err(error) => {
                        // What came of other partitions is given first.
                        self.broken.get_or_insert(error);
                        break;
                    }
                };
                if counted.counts(&batch.head) {
                    self.ready.push_back(Opened { partition, batch });
                } else if !self.ready.iter().any(|opened| opened.partition == partition) {
                    let next = self.position.next.entry(partition).or_default();
                    *next = (*next).max(batch.head.last.saturating_add(1));
                }
            }
        }
        Ok(came)
    }

    /// A record so large that it was not even read whole.
    fn passed_over(&mut self, mut head: Answer, bytes: usize) -> Result<Delivery, SourceError> {
        let is_it = |head: &Head| head.first == head.last && head.length > ANSWER_MAX / 2;
        let first = cut(&mut head).ok().flatten().filter(|(_, head)| is_it(head));
        let Some((partition, head)) = first else {
            let words =
                format!("the broker gives {bytes} bytes at once; let its producers send smaller batches");
            return Err(SourceError::Refused(words));
        };
        Ok(self.too_large(partition, (head.last, head.begun_at), bytes as u64))
    }

    fn too_large(&mut self, partition: i32, (offset, at): (i64, i64), bytes: u64) -> Delivery {
        let record = Record { offset, at, key: None, value: None, headers: Vec::new() };
        Delivery { data: Data::TooLarge { bytes }, ..self.delivery(partition, record) }
    }

    fn delivery(&mut self, partition: i32, record: Record) -> Delivery {
        let Record { offset, at, key, value, headers } = record;
        self.given += 1;
        self.position.next.insert(partition, offset.saturating_add(1));
        self.under_way.push_back((self.given, partition, offset.saturating_add(1)));
        let text = |bytes: &Bytes| Arc::<str>::from(String::from_utf8_lossy(bytes));
        let event = headers.iter().find(|(name, _)| name == EVENT).map(|(_, value)| text(value));
        let mut told: Vec<(Arc<str>, Arc<str>)> =
            headers.iter().map(|(name, value)| (name.as_str().into(), text(value))).collect();
        told.extend(key.as_ref().map(|key| (Arc::from("key"), text(key))));
        told.push((Arc::from("partition"), partition.to_string().into()));
        told.push((Arc::from("offset"), offset.to_string().into()));
        Delivery {
            from: Arc::clone(&self.topic),
            event,
            id: Some(format!("{partition}/{offset}").into()),
            at: Some(Timestamp::from_millis(at)),
            headers: told,
            data: Data::Whole(value.unwrap_or_else(|| Bytes::from_static(b"null"))).within(self.value_max),
            // A topic that was made anew counts anew; its records have other times.
            identity: Some(format!("{}:{partition}:{offset}:{at}", self.topic).into()),
            position: Some(Json::of(&self.position).as_str().into()),
            receipt: self.given,
        }
    }

    /// Ends the session if the topic has more partitions now.
    async fn look_for_more(&mut self) -> Result<(), SourceError> {
        let partitions = self.group.partitions().await?;
        self.look_at = Instant::now() + LOOK_EVERY;
        if partitions > self.position.next.len() {
            return Err(SourceError::Closed(": the topic has more partitions now".to_owned()));
        }
        Ok(())
    }

    /// Tells the group what is durable, beside all else. It is for people to see: that it fails changes nothing.
    fn tell(&mut self) {
        self.told_at = Instant::now();
        if self.durable.is_empty() || self.telling.as_ref().is_some_and(|telling| !telling.is_finished()) {
            return;
        }
        let (group, durable, topic) =
            (Arc::clone(&self.group), self.durable.clone(), Arc::clone(&self.topic));
        self.telling = Some(tokio::spawn(async move {
            if let Err(error) = group.tell(&durable).await {
                tracing::warn!(%topic, %error, "the group could not be told how far the topic is read");
            }
        }));
    }
}

impl Source for KafkaSource {
    fn next(&mut self) -> Coming<'_, Delivery> {
        Box::pin(self.record())
    }

    fn accepted<'a>(&'a mut self, receipts: &'a [u64]) -> Coming<'a, ()> {
        let last = receipts.iter().copied().max().unwrap_or_default();
        while let Some((_, partition, next)) = self.under_way.pop_front_if(|(receipt, ..)| *receipt <= last) {
            self.durable.insert(partition, next);
        }
        if self.told_at.elapsed() >= TELL_EVERY {
            self.tell();
        }
        Box::pin(async { Ok(()) })
    }

    fn end(&mut self) -> Coming<'_, ()> {
        self.tell();
        Box::pin(async {
            if let Some(telling) = self.telling.take() {
                // Whether it was told in time or not.
                let _ = timeout(FAREWELL, telling).await;
            }
            Ok(())
        })
    }
}
