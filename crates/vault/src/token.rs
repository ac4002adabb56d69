use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::Secret;

/// A token is renewed this long before its end at most, and in the last tenth of its life.
const RENEW_AHEAD_MAX: Duration = Duration::from_secs(30);

/// An access token as it was issued.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token.
    pub secret: Secret,
    /// How long it lives, counted from when it was asked for.
    pub lives: Duration,
}

/// The one token of a connection: fetched once however many ask for it, renewed before it ends, replaced when refused.
///
/// Failures are shared too: whoever waited for a fetch that failed gets its error, instead of asking again in a row.
pub struct TokenCache<E> {
    held: Mutex<Held<E>>,
    fetching: tokio::sync::Mutex<()>,
}

struct Held<E> {
    token: Option<Kept>,
    /// Counts fetches that ended, so that a waiter knows whether one ended while it waited.
    fetches: u64,
    last_error: Option<E>,
}

#[derive(Clone)]
struct Kept {
    secret: Secret,
    renew_at: Instant,
    ends_at: Instant,
    /// The fetch it came from; tells tokens apart without comparing secrets.
    fetch: u64,
}

/// A token lent to one attempt; hand it back with [`TokenCache::refused`] if the system did not take it.
#[derive(Clone, Debug)]
pub struct Lent {
    /// The token.
    pub secret: Secret,
    fetch: u64,
}

impl Lent {
    /// Whether both are the same token.
    pub fn is(&self, other: &Self) -> bool {
        self.fetch == other.fetch
    }
}

enum Look {
    Fresh(Lent),
    Due(Lent, u64),
    Absent(u64),
}

impl<E: Clone> Default for TokenCache<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Clone> TokenCache<E> {
    /// A cache that holds nothing.
    pub fn new() -> Self {
        let held = Held { token: None, fetches: 0, last_error: None };
        Self { held: Mutex::new(held), fetching: tokio::sync::Mutex::new(()) }
    }

    /// The token; fetched with `fetch` if there is none or it has ended.
    ///
    /// A token that is due but still good is renewed by one caller while the others go on with it; should that renewal
    /// fail, it serves until its end.
    pub async fn get<F>(&self, fetch: impl FnOnce() -> F) -> Result<Lent, E>
    where
        F: Future<Output = Result<Token, E>>,
    {
        match self.look() {
            Look::Fresh(lent) => Ok(lent),
            Look::Due(lent, seen) => match self.fetching.try_lock() {
                Ok(_turn) if self.fetches() == seen => Ok(self.fetch(fetch).await.unwrap_or(lent)),
                _ => Ok(lent),
            },
            Look::Absent(seen) => {
                let _turn = self.fetching.lock().await;
                match self.look() {
                    Look::Fresh(lent) | Look::Due(lent, _) => Ok(lent),
                    Look::Absent(now) => match self.last_error().filter(|_| now != seen) {
                        Some(error) => Err(error),
                        None => self.fetch(fetch).await,
                    },
                }
            }
        }
    }

    /// The system refused this token: it is dropped, unless another has taken its place already. True if it was.
    pub fn refused(&self, lent: &Lent) -> bool {
        let mut held = self.lock();
        let is_held = held.token.as_ref().is_some_and(|kept| kept.fetch == lent.fetch);
        if is_held {
            held.token = None;
            held.last_error = None;
        }
        is_held
    }

    /// Drops whatever is held: there is something newer.
    pub fn clear(&self) {
        let mut held = self.lock();
        held.token = None;
        held.last_error = None;
    }

    async fn fetch<F>(&self, fetch: impl FnOnce() -> F) -> Result<Lent, E>
    where
        F: Future<Output = Result<Token, E>>,
    {
        let asked_at = Instant::now();
        let outcome = fetch().await;
        let mut held = self.lock();
        held.fetches += 1;
        match outcome {
            Ok(token) => {
                let ahead = (token.lives / 10).min(RENEW_AHEAD_MAX);
                let ends_at = asked_at + token.lives;
                let kept =
                    Kept { secret: token.secret, renew_at: ends_at - ahead, ends_at, fetch: held.fetches };
                held.last_error = None;
                Ok(held.token.insert(kept).lend())
            }
            Err(error) => {
                held.last_error = Some(error.clone());
                Err(error)
            }
        }
    }

    fn look(&self) -> Look {
        let held = self.lock();
        let now = Instant::now();
        match &held.token {
            Some(kept) if now < kept.renew_at => Look::Fresh(kept.lend()),
            Some(kept) if now < kept.ends_at => Look::Due(kept.lend(), held.fetches),
            _ => Look::Absent(held.fetches),
        }
    }

    fn fetches(&self) -> u64 {
        self.lock().fetches
    }

    fn last_error(&self) -> Option<E> {
        self.lock().last_error.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held<E>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn lend(&self) -> Lent {
        Lent { secret: self.secret.clone(), fetch: self.fetch }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A token endpoint that counts, takes a second, and fails while told to.
    #[derive(Clone, Default)]
    struct Issuer {
        asked: Arc<AtomicU32>,
        failing: bool,
    }

    impl Issuer {
        async fn issue(self) -> Result<Token, String> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if self.failing {
                return Err(format!("refusal {number}"));
            }
            Ok(Token { secret: Secret::new(format!("token-{number}")), lives: Duration::from_mins(1) })
        }

        fn asked(&self) -> u32 {
            self.asked.load(Ordering::SeqCst)
        }
    }

    async fn get(cache: &TokenCache<String>, issuer: &Issuer) -> Result<String, String> {
        let lent = cache.get(|| issuer.clone().issue()).await?;
        Ok(lent.secret.expose().to_owned())
    }

    async fn get_at_once(
        count: usize,
        cache: &Arc<TokenCache<String>>,
        issuer: &Issuer,
    ) -> Vec<Result<String, String>> {
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (cache, issuer) = (Arc::clone(cache), issuer.clone());
                tokio::spawn(async move { get(&cache, &issuer).await })
            })
            .collect();
        let mut got = Vec::new();
        for task in tasks {
            got.push(task.await.unwrap());
        }
        got
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_at_once_cause_one_request() {
        let (cache, issuer) = (Arc::new(TokenCache::new()), Issuer::default());
        let got = get_at_once(100, &cache, &issuer).await;
        assert!(got.iter().all(|token| token.as_deref() == Ok("token-1")), "{got:?}");
        assert_eq!(issuer.asked(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_for_it_and_forgotten_after() {
        let (cache, issuer) = (Arc::new(TokenCache::new()), Issuer { failing: true, ..Issuer::default() });
        let got = get_at_once(100, &cache, &issuer).await;
        assert!(got.iter().all(|token| token.as_ref().unwrap_err() == "refusal 1"), "{got:?}");
        assert_eq!(issuer.asked(), 1);
        assert_eq!(get(&cache, &issuer).await.unwrap_err(), "refusal 2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_in_the_last_tenth_of_its_life_by_one_while_others_go_on() {
        let (cache, issuer) = (Arc::new(TokenCache::new()), Issuer::default());
        get(&cache, &issuer).await.unwrap();
        tokio::time::advance(Duration::from_secs(52)).await;
        assert_eq!(get(&cache, &issuer).await.unwrap(), "token-1");
        tokio::time::advance(Duration::from_secs(2)).await;
        let got = get_at_once(10, &cache, &issuer).await;
        assert_eq!(got.iter().filter(|token| token.as_deref() == Ok("token-1")).count(), 9, "{got:?}");
        assert_eq!(get(&cache, &issuer).await.unwrap(), "token-2");
        assert_eq!(issuer.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_leaves_the_token_until_its_end() {
        let (cache, issuer) = (TokenCache::new(), Issuer::default());
        get(&cache, &issuer).await.unwrap();
        tokio::time::advance(Duration::from_secs(55)).await;
        let failing = Issuer { failing: true, ..Issuer::default() };
        assert_eq!(get(&cache, &failing).await.unwrap(), "token-1");
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(get(&cache, &failing).await.unwrap_err(), "refusal 2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_token_is_replaced_once_however_many_report_it() {
        let (cache, issuer) = (TokenCache::new(), Issuer::default());
        let old = cache.get(|| issuer.clone().issue()).await.unwrap();
        cache.refused(&old);
        assert_eq!(get(&cache, &issuer).await.unwrap(), "token-2");
        cache.refused(&old);
        assert_eq!(get(&cache, &issuer).await.unwrap(), "token-2");
        assert_eq!(issuer.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_goes_away_while_fetching_leaves_the_turn_to_the_next() {
        let (cache, issuer) = (TokenCache::new(), Issuer::default());
        let given_up = tokio::time::timeout(Duration::from_millis(10), get(&cache, &issuer)).await;
        assert!(given_up.is_err());
        assert_eq!(get(&cache, &issuer).await.unwrap(), "token-2");
    }
}
