//! What is asked of a Kafka broker and what it answers: each in one version, the last before flexible fields, which every
//! broker since Kafka 2.1 speaks (its protocol guide, "The Messages").

use bytes::{Buf as _, Bytes};

use crate::transport::{TransportError, TransportErrorKind as Kind};

/// A kind of question, by number and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) version: i16,
    pub(super) name: &'static str,
}

const fn api(key: i16, version: i16, name: &'static str) -> Api {
    Api { key, version, name }
}

pub(super) const PRODUCE: Api = api(0, 3, "Produce");
pub(super) const FETCH: Api = api(1, 10, "Fetch");
pub(super) const LIST_OFFSETS: Api = api(2, 2, "ListOffsets");
pub(super) const METADATA: Api = api(3, 4, "Metadata");
pub(super) const OFFSET_COMMIT: Api = api(8, 2, "OffsetCommit");
pub(super) const OFFSET_FETCH: Api = api(9, 1, "OffsetFetch");
pub(super) const FIND_COORDINATOR: Api = api(10, 0, "FindCoordinator");
pub(super) const SASL_HANDSHAKE: Api = api(17, 1, "SaslHandshake");
pub(super) const API_VERSIONS: Api = api(18, 0, "ApiVersions");
pub(super) const SASL_AUTHENTICATE: Api = api(36, 0, "SaslAuthenticate");

/// What a broker has to know to be listened to and published to.
pub(super) const NEEDED: [Api; 7] =
    [PRODUCE, FETCH, LIST_OFFSETS, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR];

/// What is asked, as it is put together.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Vec<u8>);

impl Asked {
    pub(super) fn i8(mut self, value: i8) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn i16(mut self, value: i16) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn i32(mut self, value: i32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn i64(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A text of at most 32,767 bytes; what is longer was refused before.
    pub(super) fn text(self, text: &str) -> Self {
        let length = text.len().min(i16::MAX as usize);
        let mut asked = self.i16(length as i16);
        asked.0.extend_from_slice(&text.as_bytes()[..length]);
        asked
    }

    /// No text.
    pub(super) fn no_text(self) -> Self {
        self.i16(-1)
    }

    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        let mut asked = self.i32(bytes.len() as i32);
        asked.0.extend_from_slice(bytes);
        asked
    }

    /// So many of something, each put together by itself.
    pub(super) fn each<T>(self, all: &[T], put: impl Fn(Self, &T) -> Self) -> Self {
        let counted = self.i32(all.len() as i32);
        all.iter().fold(counted, put)
    }

    /// What was put together.
    #[cfg(test)]
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The whole, with its length and the head by which the answer is known.
    pub(super) fn framed(&self, api: Api, correlation: i32) -> Vec<u8> {
        let head = Self::default().i16(api.key).i16(api.version).i32(correlation).text("sinew");
        let mut framed = Self::default().i32((head.0.len() + self.0.len()) as i32).0;
        framed.extend_from_slice(&head.0);
        framed.extend_from_slice(&self.0);
        framed
    }
}

/// What is left of an answer.
#[derive(Clone, Debug)]
pub(super) struct Answer(pub(super) Bytes);

fn garbled() -> TransportError {
    TransportError::new(Kind::Unusable, "the broker does not answer as Kafka does")
}

impl Answer {
    fn take(&mut self, length: usize) -> Result<Bytes, TransportError> {
        if self.0.remaining() < length {
            return Err(garbled());
        }
        Ok(self.0.split_to(length))
    }

    pub(super) fn i8(&mut self) -> Result<i8, TransportError> {
        Ok(self.take(1)?.get_i8())
    }

    pub(super) fn i16(&mut self) -> Result<i16, TransportError> {
        Ok(self.take(2)?.get_i16())
    }

    pub(super) fn i32(&mut self) -> Result<i32, TransportError> {
        Ok(self.take(4)?.get_i32())
    }

    pub(super) fn i64(&mut self) -> Result<i64, TransportError> {
        Ok(self.take(8)?.get_i64())
    }

    /// A text; nothing if it is absent.
    pub(super) fn text(&mut self) -> Result<String, TransportError> {
        let length = usize::try_from(self.i16()?).unwrap_or(0);
        Ok(String::from_utf8_lossy(&self.take(length)?).into_owned())
    }

    /// Bytes; none if they are absent.
    pub(super) fn bytes(&mut self) -> Result<Bytes, TransportError> {
        let length = usize::try_from(self.i32()?).unwrap_or(0);
        self.take(length)
    }

    /// All of a list, which may be absent.
    pub(super) fn each<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, TransportError>,
    ) -> Result<Vec<T>, TransportError> {
        let mut all = Vec::new();
        for _ in 0..self.i32()?.max(0) {
            // Whatever it is, it has bytes: a count that lies comes to their end.
            all.push(read(self)?);
        }
        Ok(all)
    }
}

/// What the error codes are called and mean that concern a client, and whether what was asked may have been done
/// nevertheless (its protocol guide, "Error Codes").
const ERRORS: &[(i16, &str, Kind, bool)] = &[
    (1, "OFFSET_OUT_OF_RANGE", Kind::Refused, false),
    (2, "CORRUPT_MESSAGE", Kind::Busy, false),
    (3, "UNKNOWN_TOPIC_OR_PARTITION", Kind::NotThere, false),
    (5, "LEADER_NOT_AVAILABLE", Kind::Busy, false),
    (6, "NOT_LEADER_OR_FOLLOWER", Kind::Busy, false),
    (7, "REQUEST_TIMED_OUT", Kind::Deadline, true),
    (8, "BROKER_NOT_AVAILABLE", Kind::Busy, false),
    (9, "REPLICA_NOT_AVAILABLE", Kind::Busy, false),
    (10, "MESSAGE_TOO_LARGE", Kind::Refused, false),
    (13, "NETWORK_EXCEPTION", Kind::Lost, true),
    (14, "COORDINATOR_LOAD_IN_PROGRESS", Kind::Busy, false),
    (15, "COORDINATOR_NOT_AVAILABLE", Kind::Busy, false),
    (16, "NOT_COORDINATOR", Kind::Busy, false),
    (17, "INVALID_TOPIC_EXCEPTION", Kind::Refused, false),
    (18, "RECORD_LIST_TOO_LARGE", Kind::Refused, false),
    (19, "NOT_ENOUGH_REPLICAS", Kind::Busy, false),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", Kind::Busy, true),
    (22, "ILLEGAL_GENERATION", Kind::Conflict, false),
    (25, "UNKNOWN_MEMBER_ID", Kind::Conflict, false),
    (27, "REBALANCE_IN_PROGRESS", Kind::Conflict, false),
    (29, "TOPIC_AUTHORIZATION_FAILED", Kind::Forbidden, false),
    (30, "GROUP_AUTHORIZATION_FAILED", Kind::Forbidden, false),
    (31, "CLUSTER_AUTHORIZATION_FAILED", Kind::Forbidden, false),
    (33, "UNSUPPORTED_SASL_MECHANISM", Kind::Refused, false),
    (34, "ILLEGAL_SASL_STATE", Kind::Refused, false),
    (35, "UNSUPPORTED_VERSION", Kind::Refused, false),
    (44, "POLICY_VIOLATION", Kind::Refused, false),
    (56, "KAFKA_STORAGE_ERROR", Kind::Busy, false),
    (58, "SASL_AUTHENTICATION_FAILED", Kind::Login, false),
    (74, "FENCED_LEADER_EPOCH", Kind::Busy, false),
    (75, "UNKNOWN_LEADER_EPOCH", Kind::Busy, false),
    (76, "UNSUPPORTED_COMPRESSION_TYPE", Kind::Refused, false),
    (78, "OFFSET_NOT_AVAILABLE", Kind::Busy, false),
    (87, "INVALID_RECORD", Kind::Refused, false),
    (89, "THROTTLING_QUOTA_EXCEEDED", Kind::RateLimited, false),
];

/// Nothing was kept at that offset.
pub(super) const OFFSET_OUT_OF_RANGE: i16 = 1;
/// The group has members of its own.
pub(super) const UNKNOWN_MEMBER: i16 = 25;
/// The way to log in is another.
pub(super) const OTHER_MECHANISM: i16 = 33;
/// The leader of the partition is another.
pub(super) const MOVED: [i16; 6] = [3, 5, 6, 9, 74, 75];

/// The failure that a code says, if it says one. `what` it is about is for people.
pub(super) fn check(code: i16, what: &str) -> Result<(), TransportError> {
    if code == 0 {
        return Ok(());
    }
    let known = ERRORS.iter().find(|(known, ..)| *known == code);
    let (name, kind, in_doubt) = known
        .map_or(("an error", Kind::Broken, true), |(_, name, kind, doubt)| (*name, kind.clone(), *doubt));
    let words = if name == "an error" { format!("{what}: error {code}") } else { format!("{what}: {name}") };
    let error = TransportError::new(kind, words).code(code.to_string());
    Err(if in_doubt { error.in_doubt() } else { error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_its_length_and_a_head() {
        let asked = Asked::default().each(&["a", "bc"], |asked, text| asked.text(text)).i8(1);
        let framed = asked.framed(METADATA, 7);
        assert_eq!(framed[..4], (framed.len() as i32 - 4).to_be_bytes());
        assert_eq!(framed[4..12], [0, 3, 0, 4, 0, 0, 0, 7]);
        assert_eq!(framed[12..], *b"\0\x05sinew\0\0\0\x02\0\x01a\0\x02bc\x01");
    }

    #[test]
    fn an_answer_that_ends_early_or_counts_wrong_is_garbled() {
        let check = |bytes: &'static [u8]| Answer(Bytes::from_static(bytes)).each(Answer::text);
        assert_eq!(check(b"\0\0\0\x02\0\x01a\xff\xff").unwrap(), ["a", ""]);
        assert!(check(b"\xff\xff\xff\xff").unwrap().is_empty());
        for bad in [&b""[..], b"\0\0\0\x01", b"\x7f\xff\xff\xff\0\0", b"\0\0\0\x01\0\x05ab"] {
            assert_eq!(check(bad).unwrap_err().kind, Kind::Unusable, "{bad:?}");
        }
    }

    #[test]
    fn a_code_says_what_it_means_and_whether_it_is_in_doubt() {
        assert!(check(0, "`a`").is_ok());
        let said = |code| check(code, "`a`").unwrap_err();
        assert_eq!(
            (said(29).kind, said(29).to_string()),
            (Kind::Forbidden, "`a`: TOPIC_AUTHORIZATION_FAILED (29)".into())
        );
        assert!(said(20).may_have_taken_effect && !said(19).may_have_taken_effect);
        assert!(said(999).may_have_taken_effect, "of what is not known nothing is known");
    }
}
