//! A topic that is read from where its flow is: the position is kept with the runs, so that a record makes one run
//! whatever is killed when. The group at the broker is told for people to see, and for the very first beginning.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::select_all;
use serde::{Deserialize, Serialize};
use sinew_stdx::{Json, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::batch::{Batch, Head, Next, Record};
use super::cluster::{Address, Cluster};
use super::group::Group;
use super::session::{Heard, Session};
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
    group: Group,
    look_at: Instant,
    given: u64,
    /// What was given and is not durable yet.
    under_way: VecDeque<(u64, i32, i64)>,
    durable: BTreeMap<i32, i64>,
    told_at: Instant,
}

/// Transactions of a partition that were given up: what they wrote is passed over.
#[derive(Debug, Default)]
struct GivenUp {
    /// From which offset on, by which producer; the first offset first.
    coming: VecDeque<(i64, i64)>,
    now: HashSet<i64>,
}

impl GivenUp {
    fn told(mut all: Vec<(i64, i64)>) -> Self {
        all.sort_unstable_by_key(|(_, first)| *first);
        Self {
            coming: all.into_iter().map(|(producer, first)| (first, producer)).collect(),
            now: HashSet::new(),
        }
    }

    /// Whether a batch counts.
    fn counts(&mut self, head: &Head) -> bool {
        while self.coming.front().is_some_and(|(first, _)| *first <= head.last) {
            self.now.extend(self.coming.pop_front().map(|(_, producer)| producer));
        }
        if head.is_control() {
            self.now.remove(&head.producer);
            return false;
        }
        !(head.is_transactional() && self.now.contains(&head.producer))
    }
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
            leaders.push(Leader { session, partitions, asked: None });
        }
        let group = Group::new(cluster, wanted, login);
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
        let (earliest, latest) = (self.ends(EARLIEST).await?, self.ends(LATEST).await?);
        for partition in all {
            let end = |ends: &BTreeMap<i32, i64>| {
                let lacks = || TransportError::new(Kind::Unusable, "the broker says nothing of a partition");
                ends.get(&partition).copied().ok_or_else(lacks)
            };
            let (first, last) = (end(&earliest)?, end(&latest)?);
            let next = match known.get(&partition) {
                Some(next) if (first..=last).contains(next) => *next,
                Some(next) => {
                    let topic = &self.topic;
                    tracing::warn!(%topic, partition, next, first, "the broker keeps no more what was to be read next");
                    first
                }
                // Of what a known topic has more now nothing was read.
                None if !known.is_empty() || wanted.all => first,
                None => last,
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
    async fn ends(&mut self, end: i64) -> Result<BTreeMap<i32, i64>, TransportError> {
        let mut offsets = BTreeMap::new();
        for leader in &mut self.leaders {
            let asked = Asked::default().i32(-1).i8(1).i32(1).text(&self.topic);
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
            if Instant::now() >= self.look_at {
                self.look_for_more().await?;
            }
            self.ask_for_records();
            let (place, heard) = self.hear().await?;
            self.leaders[place].asked = None;
            match heard {
                Heard::Answer(_, answer) => self.take_in(answer)?,
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
                Some(Next::TooLarge { bytes }) => {
                    // Which of several it is was in what was passed over: it is counted on from the last.
                    return Ok(Some(self.too_large(partition, from.max(head.first), bytes)));
                }
            }
        }
        Ok(None)
    }

    fn ask_for_records(&mut self) {
        let at_once = (AT_ONCE / self.leaders.len().max(1) as i32).max(AT_ONCE_MIN);
        for leader in self.leaders.iter_mut().filter(|leader| leader.asked.is_none()) {
            let next = &self.position.next;
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

    /// What one of the brokers says. May be given up while it is waited for.
    async fn hear(&mut self) -> Result<(usize, Heard), SourceError> {
        let until = self.leaders.iter().filter_map(|leader| leader.asked.map(|(_, until)| until)).min();
        let until = until.unwrap_or_else(|| Instant::now() + LATE);
        let all = self.leaders.iter_mut().map(|leader| leader.session.hear().boxed());
        let Ok((heard, place, _)) = timeout_at(until, select_all(all)).await else {
            return Err(SourceError::Quiet(WAIT + LATE));
        };
        let heard = heard?;
        let (Heard::Answer(number, _) | Heard::Cut(number, ..)) = &heard;
        if self.leaders[place].asked.map(|(asked, _)| asked) != Some(*number) {
            return Err(SourceError::Protocol("the broker answers something else".to_owned()));
        }
        Ok((place, heard))
    }

    /// Takes in what was fetched.
    fn take_in(&mut self, mut answer: Answer) -> Result<(), SourceError> {
        answer.i32()?;
        wire::check(answer.i16()?, &format!("`{}`", self.topic))?;
        answer.i32()?;
        let fetched = answer.each(|answer| {
            answer.text()?;
            answer.each(fetched)
        })?;
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
            let mut counted = GivenUp::told(given_up);
            while let Some(batch) = Batch::take(&mut records)? {
                if counted.counts(&batch.head) {
                    self.ready.push_back(Opened { partition, batch });
                } else if !self.ready.iter().any(|opened| opened.partition == partition) {
                    let next = self.position.next.entry(partition).or_default();
                    *next = (*next).max(batch.head.last.saturating_add(1));
                }
            }
        }
        Ok(())
    }

    /// A record so large that it was not even read whole.
    fn passed_over(&mut self, mut head: Answer, bytes: usize) -> Result<Delivery, SourceError> {
        let first = cut(&mut head).ok().flatten().filter(|(_, head)| head.first == head.last);
        let Some((partition, head)) = first else {
            let words =
                format!("the broker gives {bytes} bytes at once; let its producers send smaller batches");
            return Err(SourceError::Refused(words));
        };
        Ok(self.too_large(partition, head.last, bytes as u64))
    }

    fn too_large(&mut self, partition: i32, offset: i64, bytes: u64) -> Delivery {
        let record = Record { offset, at: 0, key: None, value: None, headers: Vec::new() };
        let mut delivery = self.delivery(partition, record);
        (delivery.data, delivery.at) = (Data::TooLarge { bytes }, None);
        delivery
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
        self.look_at = Instant::now() + LOOK_EVERY;
        if self.group.partitions().await? > self.position.next.len() {
            return Err(SourceError::Closed(": the topic has more partitions now".to_owned()));
        }
        Ok(())
    }

    /// Tells the group what is durable. It is for people to see: that it fails changes nothing.
    async fn tell(&mut self) {
        self.told_at = Instant::now();
        let durable = std::mem::take(&mut self.durable);
        if durable.is_empty() {
            return;
        }
        if let Err(error) = self.group.tell(&durable).await {
            tracing::warn!(topic = %self.topic, %error, "the group could not be told how far the topic is read");
        }
    }
}

/// What was fetched of a partition.
struct Fetched {
    partition: i32,
    code: i16,
    given_up: Vec<(i64, i64)>,
    records: Bytes,
}

fn fetched(answer: &mut Answer) -> Result<Fetched, TransportError> {
    let (partition, code) = (answer.i32()?, answer.i16()?);
    for _ in 0..3 {
        answer.i64()?;
    }
    let given_up = answer.each(|answer| Ok((answer.i64()?, answer.i64()?)))?;
    Ok(Fetched { partition, code, given_up, records: answer.bytes()? })
}

/// The partition and the head of the first batch of an answer that is too large.
fn cut(answer: &mut Answer) -> Result<Option<(i32, Head)>, TransportError> {
    answer.i32()?;
    answer.i16()?;
    answer.i32()?;
    for _ in 0..answer.i32()?.max(0) {
        answer.text()?;
        for _ in 0..answer.i32()?.max(0) {
            let partition = answer.i32()?;
            answer.i16()?;
            for _ in 0..3 {
                answer.i64()?;
            }
            answer.each(|answer| Ok((answer.i64()?, answer.i64()?)))?;
            if answer.i32()? > 0 {
                return Ok(Head::read(&answer.0).map(|head| (partition, head)));
            }
        }
    }
    Ok(None)
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
        Box::pin(async {
            if self.told_at.elapsed() >= TELL_EVERY {
                self.tell().await;
            }
            Ok(())
        })
    }

    fn end(&mut self) -> Coming<'_, ()> {
        Box::pin(async {
            self.tell().await;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::NewRecord;
    use super::*;

    /// The head of a batch with these attributes, of one record at an offset, by a producer.
    fn head(attributes: i16, offset: i64, producer: i64) -> Head {
        let mut batch = NewRecord { key: None, value: b"", headers: &[], at: 0 }.batch();
        batch[..8].copy_from_slice(&offset.to_be_bytes());
        batch[21..23].copy_from_slice(&attributes.to_be_bytes());
        batch[43..51].copy_from_slice(&producer.to_be_bytes());
        Head::read(&batch).unwrap()
    }

    #[test]
    fn what_a_transaction_wrote_that_was_given_up_is_passed_over() {
        const OF_ONE: i16 = 0x10;
        const ITS_END: i16 = 0x30;
        let mut given_up = GivenUp::told(vec![(7, 3), (8, 0)]);
        let batches = [
            (OF_ONE, 0, 8, false),
            (0, 1, -1, true),
            (OF_ONE, 2, 7, true),
            (ITS_END, 3, 8, false),
            (OF_ONE, 4, 7, false),
            (OF_ONE, 5, 8, true),
            (ITS_END, 6, 7, false),
            (OF_ONE, 7, 7, true),
        ];
        for (attributes, offset, producer, counts) in batches {
            assert_eq!(given_up.counts(&head(attributes, offset, producer)), counts, "{offset}");
        }
    }

    #[test]
    fn the_head_of_what_is_too_large_is_found() {
        let batch = NewRecord { key: None, value: &[b'x'; 2000], headers: &[], at: 0 }.batch();
        let answer = Asked::default().i32(0).i16(0).i32(0).i32(1).text("a").i32(2);
        let answer = answer.i32(0).i16(0).i64(0).i64(0).i64(0).i32(-1).i32(0);
        let answer = answer.i32(1).i16(0).i64(0).i64(0).i64(0).i32(-1).bytes(&batch).into_bytes();
        let found = cut(&mut Answer(Bytes::from(answer[..1024].to_vec()))).unwrap();
        assert_eq!(found.map(|(partition, head)| (partition, head.first, head.last)), Some((1, 0, 0)));
        assert!(cut(&mut Answer(Bytes::from(answer[..20].to_vec()))).is_err());
    }
}
