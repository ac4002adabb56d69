//! What is fetched: batches of each partition, and which of them count.

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;

use super::batch::Head;
use super::wire::Answer;
use crate::transport::TransportError;

/// What was fetched of a partition.
pub(super) struct Fetched {
    pub(super) partition: i32,
    pub(super) code: i16,
    pub(super) given_up: Vec<(i64, i64)>,
    pub(super) records: Bytes,
}

pub(super) fn fetched(answer: &mut Answer) -> Result<Fetched, TransportError> {
    let (partition, code) = (answer.i32()?, answer.i16()?);
    for _ in 0..3 {
        answer.i64()?;
    }
    let given_up = answer.each(|answer| Ok((answer.i64()?, answer.i64()?)))?;
    Ok(Fetched { partition, code, given_up, records: answer.bytes()? })
}

/// The partition and the head of the first batch of an answer that is too large.
pub(super) fn cut(answer: &mut Answer) -> Result<Option<(i32, Head)>, TransportError> {
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

/// Transactions of a partition that were given up: what they wrote is passed over.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    /// From which offset on, by which producer; the first offset first.
    coming: VecDeque<(i64, i64)>,
    now: HashSet<i64>,
}

impl GivenUp {
    pub(super) fn told(mut all: Vec<(i64, i64)>) -> Self {
        all.sort_unstable_by_key(|(_, first)| *first);
        Self {
            coming: all.into_iter().map(|(producer, first)| (first, producer)).collect(),
            now: HashSet::new(),
        }
    }

    /// Whether a batch counts.
    pub(super) fn counts(&mut self, head: &Head) -> bool {
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

#[cfg(test)]
mod tests {
    use super::super::batch::NewRecord;
    use super::super::wire::Asked;
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
