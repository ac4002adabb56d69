//! Records that are kept by all who have to before the leader says so.

use aws_lc_rs::rand;
use sinew_stdx::Json;
use tokio::time::Instant;

use super::batch::NewRecord;
use super::cluster::Cluster;
use super::wire::{self, Answer, Asked, MOVED, PRODUCE};
use crate::Limits;
use crate::auth::Login;
use crate::transport::{Now, PublishAsk, Told, TransportError, TransportErrorKind as Kind};

/// All replicas that are in step.
const ALL: i16 = -1;
/// What a leader says that may have kept the record before: the partition, the leader, or the disk is gone.
const IN_DOUBT: [i16; 3] = [3, 6, 56];
/// By this a consumer recognises a record that comes twice.
const KEY: &str = "message-id";

/// Publishes a record.
pub(super) async fn publish(
    cluster: &Cluster,
    message: &PublishAsk,
    login: Option<&Login>,
    limits: &Limits,
    now: &Now,
) -> Result<Told, TransportError> {
    let name = &*message.to;
    // Nothing was sent before the record is.
    let unsent = |error| TransportError { may_have_taken_effect: false, ..error };
    let topic = cluster.topic(name, login, limits.until).await.map_err(unsent)?;
    let key = message.order.as_deref().map(str::as_bytes);
    let index = match key {
        Some(key) => partition_of(key, topic.partitions.len()),
        None => any(topic.partitions.len())?,
    };
    let leader = topic.partitions[index].as_ref().ok_or_else(|| {
        cluster.forget(name);
        TransportError::new(Kind::Busy, format!("nobody leads partition {index} of `{name}` now"))
    })?;
    let mut headers: Vec<(&str, &str)> =
        message.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    headers.extend(message.key.as_deref().map(|key| (KEY, key)));
    let record = NewRecord { key, value: &message.body, headers: &headers, at: now().as_millis() };
    let wait_ms = limits.until.saturating_duration_since(Instant::now()).as_millis();
    let asked = Asked::default()
        .no_text()
        .i16(ALL)
        .i32(i32::try_from(wait_ms).unwrap_or(i32::MAX))
        .i32(1)
        .text(name)
        .i32(1)
        .i32(index as i32)
        .bytes(&record.batch());
    let answered = cluster.ask(leader, login, limits.until, (PRODUCE, &asked)).await;
    let kept = answered.and_then(|mut answer| kept(&mut answer, name));
    if let Err(error) = &kept
        && (error.code.is_none()
            || MOVED.iter().any(|code| error.code.as_deref() == Some(&*code.to_string())))
    {
        cluster.forget(name);
    }
    let offset = kept?;
    Ok(Told {
        summary: format!("{name} {index} {offset}"),
        value: Json::object([
            ("topic", &Json::string(name)),
            ("partition", &Json::of(&index)),
            ("offset", &Json::of(&offset)),
        ]),
    })
}

/// The offset under which it is kept.
fn kept(answer: &mut Answer, name: &str) -> Result<i64, TransportError> {
    let told = answer.each(|answer| {
        answer.text()?;
        answer.each(|answer| {
            answer.i32()?;
            let told = (answer.i16()?, answer.i64()?);
            answer.i64()?;
            Ok(told)
        })
    })?;
    let told = told.into_iter().flatten().next();
    let (code, offset) = told.ok_or_else(|| {
        TransportError::new(Kind::Unusable, "the broker does not say what became of the record").in_doubt()
    })?;
    // The leader may have kept it before it found out that it leads no more, or could not go on.
    let doubt = |error: TransportError| if IN_DOUBT.contains(&code) { error.in_doubt() } else { error };
    wire::check(code, &format!("`{name}`")).map_err(doubt)?;
    Ok(offset)
}

/// The partition of a key, as Java's client chooses it: what has one key stays in order, whoever publishes.
fn partition_of(key: &[u8], count: usize) -> usize {
    (murmur2(key) & 0x7fff_ffff) as usize % count
}

fn any(count: usize) -> Result<usize, TransportError> {
    let mut bytes = [0; 8];
    let random = rand::fill(&mut bytes);
    random.map_err(|_| TransportError::new(Kind::Broken, "the machine gives no random numbers"))?;
    Ok(usize::from_ne_bytes(bytes) % count)
}

/// Austin Appleby's hash of this name, with the seed that Kafka uses.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const MIX: u32 = 0x5bd1_e995;
    let (words, rest) = bytes.as_chunks::<4>();
    let mut hash = SEED ^ bytes.len() as u32;
    for word in words {
        let word = u32::from_le_bytes(*word).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ (word ^ (word >> 24)).wrapping_mul(MIX);
    }
    if !rest.is_empty() {
        for (place, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn a_key_is_hashed_as_kafkas_own_client_does() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
        assert!((0..100).all(|n: u8| partition_of(&[n], 7) < 7));
    }

    #[test]
    fn the_leader_says_where_a_record_is_kept() {
        let check = |code: i16| {
            let told = Asked::default().i32(1).text("a").i32(1).i32(0).i16(code).i64(42).i64(-1).i32(0);
            kept(&mut Answer(Bytes::from(told.into_bytes())), "a")
                .map_err(|error| (error.kind, error.may_have_taken_effect))
        };
        assert_eq!(check(0), Ok(42));
        assert_eq!(check(6), Err((Kind::Busy, true)), "it may have been kept before");
        assert_eq!(check(19), Err((Kind::Busy, false)));
        assert_eq!(check(7), Err((Kind::Deadline, true)));
        let nothing = Asked::default().i32(0).i32(0);
        let nothing = kept(&mut Answer(Bytes::from(nothing.into_bytes())), "a").unwrap_err();
        assert!(nothing.may_have_taken_effect);
    }
}
