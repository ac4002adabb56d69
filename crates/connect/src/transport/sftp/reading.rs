//! A file while it is read: some pieces are asked for before the first has come.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;

use super::session::{Session, unread};
use super::wire::{Answer, Ask, Part, Unread, status};
use super::{Chunks, PIECE, attributes, done, other, version};
use crate::transport::sessions::Sessions;
use crate::transport::{Pending, TransportError, TransportErrorKind as Kind};

/// However little a server gives at once.
const PIECE_MIN: u32 = 4096;
/// How many pieces are under way at once.
const AHEAD: usize = 16;

/// The pieces of a file that are asked for, in its order. A server may answer in another.
#[derive(Default)]
struct UnderWay(VecDeque<Asked>);

struct Asked {
    id: u32,
    /// From which byte.
    at: u64,
    /// Once it has come.
    answer: Option<Answer>,
}

impl UnderWay {
    fn add(&mut self, id: u32, at: u64) {
        self.0.push_back(Asked { id, at, answer: None });
    }

    /// False if this was not asked for.
    fn answered(&mut self, id: u32, answer: Answer) -> bool {
        let asked = self.0.iter_mut().find(|asked| asked.id == id && asked.answer.is_none());
        asked.map(|asked| asked.answer = Some(answer)).is_some()
    }

    /// The answer for the first piece, once it has come.
    fn first(&mut self) -> Option<(u64, Answer)> {
        let Asked { at, answer, .. } = self.0.pop_front_if(|asked| asked.answer.is_some())?;
        Some((at, answer?))
    }

    /// How many answers are still to come for what nobody waits for any more.
    fn forget(&mut self) -> usize {
        self.0.drain(..).filter(|asked| asked.answer.is_none()).count()
    }
}

/// A file that is read from a byte on.
pub(super) struct Reading {
    /// Until the end.
    session: Option<Session>,
    sessions: Arc<Sessions<Session>>,
    path: String,
    handle: Vec<u8>,
    version: Arc<str>,
    /// The byte from which nothing is asked for yet.
    next: u64,
    under_way: UnderWay,
    piece: u32,
    wait: Duration,
}

impl Reading {
    /// Reads on from a byte of a file that a session has opened.
    pub(super) fn begin(
        (session, sessions): (Session, Arc<Sessions<Session>>),
        path: String,
        (handle, version): (Vec<u8>, Arc<str>),
        from: u64,
        wait: Duration,
    ) -> Self {
        let (session, under_way) = (Some(session), UnderWay::default());
        Self { session, sessions, path, handle, version, next: from, under_way, piece: PIECE, wait }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(session) = &mut self.session else { return Ok(None) };
        while self.under_way.0.len() < AHEAD {
            let parts = [Part::Text(&self.handle), Part::U64(self.next), Part::U32(self.piece)];
            let id = session.send(Ask::Read, &parts).await?;
            self.under_way.add(id, self.next);
            self.next += u64::from(self.piece);
        }
        let (at, answer) = loop {
            if let Some(first) = self.under_way.first() {
                break first;
            }
            let (id, answer) = session.receive().await?;
            if !self.under_way.answered(id, answer) {
                return Err(unread(Unread::Garbled));
            }
        };
        match answer {
            Answer::Data(bytes) if bytes.is_empty() || bytes.len() > self.piece as usize => {
                Err(unread(Unread::Garbled))
            }
            Answer::Data(bytes) => {
                if bytes.len() < self.piece as usize {
                    // Less than asked for: what comes behind it is asked for anew, in pieces that this server gives.
                    self.forget().await?;
                    self.next = at + bytes.len() as u64;
                    self.piece = (bytes.len() as u32).max(PIECE_MIN);
                }
                Ok(Some(bytes))
            }
            Answer::Status(status::END, _) => {
                self.forget().await?;
                self.end(at).await?;
                Ok(None)
            }
            answer => Err(other(answer, &self.path)),
        }
    }

    /// Reads what was asked for in vain.
    async fn forget(&mut self) -> Result<(), TransportError> {
        let Some(session) = &mut self.session else { return Ok(()) };
        for _ in 0..self.under_way.forget() {
            session.receive().await?;
        }
        Ok(())
    }

    /// Looks whether the file is still what it was, and was read to its end, and leaves it.
    async fn end(&mut self, at: u64) -> Result<(), TransportError> {
        let Some(mut session) = self.session.take() else { return Ok(()) };
        let said = session.ask(Ask::Fstat, &[Part::Text(&self.handle)]).await?;
        let said = attributes(said, &self.path)?;
        let now = version(&said);
        done(session.ask(Ask::Close, &[Part::Text(&self.handle)]).await?, &self.path)?;
        self.sessions.put(session);
        if now == self.version && said.size.is_none_or(|size| at >= size) {
            return Ok(());
        }
        if now == self.version {
            let words = format!("`{}` ends after {at} bytes, though it has more", self.path);
            return Err(TransportError::new(Kind::Unusable, words));
        }
        let words = format!("`{}` was written while it was read", self.path);
        Err(TransportError::new(Kind::Conflict, words))
    }
}

impl Chunks for Reading {
    fn next(&mut self) -> Pending<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async move {
            let wait = self.wait;
            timeout(wait, self.piece()).await.unwrap_or_else(|_| Err(TransportError::deadline(true)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of the pieces that can be taken, after answers to these of the numbers 1, 2 and 3 came.
    fn check(answered: &[u32]) -> (Vec<u64>, usize) {
        let mut under_way = UnderWay::default();
        (1..=3).for_each(|id| under_way.add(id, u64::from(id) * 10));
        for id in answered {
            assert!(under_way.answered(*id, Answer::Data(Bytes::new())), "{id} was asked for");
        }
        let taken = std::iter::from_fn(|| under_way.first()).map(|(at, _)| at).collect();
        (taken, under_way.forget())
    }

    #[test]
    fn pieces_that_come_in_another_order_are_taken_in_that_of_the_file() {
        assert_eq!(check(&[1]), (vec![10], 2));
        assert_eq!(check(&[3, 2]), (vec![], 1));
        assert_eq!(check(&[2, 3, 1]), (vec![10, 20, 30], 0));
        let mut under_way = UnderWay::default();
        assert!(!under_way.answered(1, Answer::Data(Bytes::new())), "nobody asked");
    }
}
