//! What databases have in common: rows become an answer, or pieces of a long one.

use std::future::Future;

use sinew_model::SqlAnswer;
use sinew_stdx::Json;

use super::reading::Shelf;
use super::{Piece, Told, TransportError, TransportErrorKind as Kind};

/// Rows as a database hands them out.
pub(super) trait Rows: Send {
    /// The next row as an object; null, unread, if it is not wanted.
    fn next(&mut self, wanted: bool) -> impl Future<Output = Result<Option<Json>, TransportError>> + Send;
}

/// What all rows were.
pub(super) struct Gathered {
    items: Vec<Json>,
    /// How many there were, those that are not wanted too.
    pub(super) read: u64,
}

/// Reads all rows, and keeps those that the answer is made of.
pub(super) async fn gather(
    rows: &mut impl Rows,
    answer: SqlAnswer,
    answer_max: u64,
) -> Result<Gathered, TransportError> {
    let (mut items, mut bytes, mut read) = (Vec::new(), 0_u64, 0_u64);
    loop {
        let wanted = match answer {
            SqlAnswer::Rows => true,
            SqlAnswer::Row => items.is_empty(),
            SqlAnswer::Changed => false,
        };
        let Some(item) = rows.next(wanted).await? else { return Ok(Gathered { items, read }) };
        read += 1;
        if wanted {
            bytes += item.as_bytes().len() as u64;
            if bytes > answer_max {
                let words = format!("the answer is larger than {answer_max} bytes");
                return Err(TransportError::new(Kind::TooLarge, words));
            }
            items.push(item);
        }
    }
}

impl Gathered {
    /// The answer that is made of them. `id` is the number that the database gave to a new row, if it tells.
    pub(super) fn told(mut self, answer: SqlAnswer, changed: u64, id: Option<u64>) -> Told {
        let counted = |count: u64| format!("{count} row{}", if count == 1 { "" } else { "s" });
        match answer {
            SqlAnswer::Rows => Told { value: Json::array(&self.items), summary: counted(self.read) },
            SqlAnswer::Row => {
                Told { value: self.items.pop().unwrap_or_else(Json::null), summary: counted(self.read) }
            }
            SqlAnswer::Changed => {
                let (changed, id) = (Json::of(&changed), id.map(|id| Json::of(&id)));
                let fields = [("changed", Some(&changed)), ("id", id.as_ref())];
                Told {
                    value: Json::object(fields.into_iter().filter_map(|(name, value)| Some((name, value?)))),
                    summary: format!("{changed} changed"),
                }
            }
        }
    }
}

/// Cuts rows into pieces.
pub(super) struct Slicer {
    /// Rows that were read before.
    pub(super) skipped: u64,
    pub(super) page: usize,
    pub(super) answer_max: u64,
}

impl Slicer {
    /// Rows that come before this token were read. The token is their number.
    pub(super) fn new(from: Option<&Json>, page: usize, answer_max: u64) -> Result<Self, TransportError> {
        let wrong = || TransportError::new(Kind::Token, "the token to resume from is no number of rows");
        let skipped = from.map_or(Ok(0), |from| from.to::<u64>().map_err(|_| wrong()))?;
        Ok(Self { skipped, page, answer_max })
    }

    /// Puts all rows on the shelf. False if they were not read to their end.
    pub(super) async fn put_all(&self, rows: &mut impl Rows, shelf: &Shelf) -> bool {
        let (mut read, mut items, mut bytes) = (0_u64, Vec::new(), 0_u64);
        loop {
            let item = match rows.next(read >= self.skipped).await {
                Ok(None) => break,
                Ok(Some(_)) if read < self.skipped => {
                    read += 1;
                    continue;
                }
                Ok(Some(item)) => item,
                Err(error) => {
                    shelf.put(Err(error)).await;
                    return false;
                }
            };
            let size = item.as_bytes().len() as u64;
            let too_large = size > self.answer_max;
            // Only with a row at hand is it known that a piece is not the last.
            let full = too_large || items.len() >= self.page || bytes + size > self.answer_max;
            if full && !items.is_empty() {
                let piece = Piece { items: std::mem::take(&mut items), next: Some(Json::of(&read)) };
                bytes = 0;
                if !shelf.put(Ok(piece)).await {
                    return false;
                }
            }
            if too_large {
                let words = format!("a row is larger than {} bytes", self.answer_max);
                shelf.put(Err(TransportError::new(Kind::TooLarge, words))).await;
                return false;
            }
            bytes += size;
            items.push(item);
            read += 1;
        }
        shelf.put(Ok(Piece { items, next: None })).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::Reader as _;
    use super::super::reading::ReadAhead;
    use super::*;
    use crate::Limits;
    use std::time::Duration;
    use tokio::time::Instant;

    /// Numbers up to a last one.
    struct Numbers(u64, u64);

    impl Rows for Numbers {
        async fn next(&mut self, wanted: bool) -> Result<Option<Json>, TransportError> {
            self.0 += 1;
            let number = if wanted { Json::of(&self.0) } else { Json::null() };
            Ok((self.0 <= self.1).then_some(number))
        }
    }

    /// The pieces from a token on, each with the token behind it.
    async fn check(last: u64, from: Option<u64>, page: usize, answer_max: u64) -> Vec<String> {
        let slicer = Slicer::new(from.map(|from| Json::of(&from)).as_ref(), page, answer_max).unwrap();
        let mut pieces = ReadAhead::begin(|shelf| async move {
            slicer.put_all(&mut Numbers(0, last), &shelf).await;
        });
        let span = Duration::from_secs(5);
        let limits = Limits { until: Instant::now() + span, connect: span, read: span };
        let mut told = Vec::new();
        loop {
            match pieces.next(&limits).await {
                Ok(Some(Piece { items, next })) => {
                    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
                    told.push(format!("{}>{}", items.join(" "), next.as_ref().map_or("", Json::as_str)));
                    if next.is_none() {
                        return told;
                    }
                }
                Ok(None) => panic!("given up"),
                Err(error) => {
                    told.push(error.to_string());
                    return told;
                }
            }
        }
    }

    #[tokio::test]
    async fn rows_come_in_pieces_with_the_number_of_rows_before() {
        assert_eq!(check(5, None, 2, 100).await, ["1 2>2", "3 4>4", "5>"]);
        assert_eq!(check(4, None, 2, 100).await, ["1 2>2", "3 4>"]);
        assert_eq!(check(0, None, 2, 100).await, [">"]);
        assert_eq!(check(5, Some(4), 2, 100).await, ["5>"]);
        assert_eq!(check(5, Some(9), 2, 100).await, [">"]);
    }

    #[tokio::test]
    async fn pieces_are_bounded_in_bytes_too() {
        assert_eq!(check(12, Some(8), 10, 3).await, ["9 10>10", "11>11", "12>"]);
        assert_eq!(check(10, Some(8), 10, 1).await, ["9>9", "a row is larger than 1 bytes"]);
    }
}
