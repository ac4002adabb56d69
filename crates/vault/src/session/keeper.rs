//! Renewing sessions: the lease first, then the vendor, then the new tokens, each durable before the next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use sinew_model::Failure;
use sinew_stdx::Timestamp;
use sinew_store::custody::{Kind, Revision, Swap};
use tokio::time::Instant;

use super::next::{Next, next};
use super::record::{Lease, SessionRecord, SessionState, SessionView, Tokens, Why, context, read};
use crate::Secret;
use crate::vault::{TRIES_MAX, Vault, VaultError};

pub use super::next::Want;

/// How much longer a lease lasts than the exchange that it is for: as long again, within these bounds.
const LEASE_MARGIN_MIN: Duration = Duration::from_secs(2);
const LEASE_MARGIN_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether another process has renewed.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// For how long tokens that were issued are tried to be kept when the store refuses.
const KEEP_TRYING: Duration = Duration::from_mins(2);
/// Records read in one go.
const PAGE: u32 = 200;

/// What a vendor issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The access token.
    pub access: Secret,
    /// How long it lives, from when it was asked for.
    pub lives: Duration,
    /// The refresh token, if there is a new one.
    pub refresh: Option<Secret>,
    /// What was granted, if the vendor says so.
    pub granted: Option<Vec<String>>,
}

/// Why a vendor renewed nothing.
#[derive(Clone, Debug)]
pub enum RefreshFailure {
    /// The refresh token is not taken, and will not be.
    Refused(Failure),
    /// It was not done, and can be tried again: the vendor says that it is busy, or was not reached.
    NotDone(Failure),
    /// It was asked, and its answer did not arrive whole.
    AnswerLost(Failure),
}

/// The asking, under way.
pub type Refreshing = Pin<Box<dyn Future<Output = Result<Issued, RefreshFailure>> + Send>>;

/// How to ask a vendor to renew.
pub trait RefreshGrant: Send + Sync {
    /// Asks once with this refresh token.
    fn refresh(&self, token: Secret) -> Refreshing;
}

/// What has to be known of a connection to keep its session.
#[derive(Clone, Debug)]
pub struct SessionProfile {
    /// The connection.
    pub connection: Arc<str>,
    /// Which account of which vendor it logs in to.
    pub account: Arc<str>,
    /// Whether the vendor gives a new refresh token at each renewal; `None`: not known, so it may.
    pub rotates: Option<bool>,
    /// How long asking takes at most.
    pub ask_max: Duration,
}

/// Tokens to use.
#[derive(Clone, Debug)]
pub struct Obtained {
    /// The access token.
    pub access: Secret,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Which it is.
    pub generation: u64,
}

/// Why there are none.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SessionError {
    /// Nobody has logged in yet, or for another client.
    #[error("nobody has logged in for it yet")]
    NotConnected,
    /// Somebody has to log in again.
    #[error("it needs reconnecting: {0}")]
    NeedsReconnecting(Why),
    /// The vendor was asked in vain; it can be tried again.
    #[error("{}", .0.message)]
    NotRenewed(Failure),
    /// The vault does not do it.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Keeps sessions alive. A handle: clones are the same process.
#[derive(Clone)]
pub struct SessionKeeper {
    vault: Arc<Vault>,
    me: Arc<str>,
    /// Chooses this process's moments, between 0 and 1.
    spread: f64,
}

/// A session with the revision under which it was read.
struct Seen {
    revision: Revision,
    record: SessionRecord,
}

impl SessionKeeper {
    /// A keeper in this process, which others will know as `me`. `spread` (0 to 1) chooses when within the last tenth of a
    /// token's life it is renewed here.
    pub fn new(vault: Arc<Vault>, me: impl Into<Arc<str>>, spread: f64) -> Self {
        Self { vault, me: me.into(), spread }
    }

    fn now(&self) -> Timestamp {
        (self.vault.now)()
    }

    /// Tokens to use now: those that are there, or new ones. Whoever renews, in whichever process, does it for all.
    ///
    /// The asking goes on if the caller goes away: its answer must not be lost.
    pub async fn obtain(
        &self,
        profile: &SessionProfile,
        want: Want,
        grant: &Arc<dyn RefreshGrant>,
    ) -> Result<Obtained, SessionError> {
        loop {
            let seen = self.read(&profile.connection).await?.ok_or(SessionError::NotConnected)?;
            if seen.record.account != *profile.account {
                return Err(SessionError::NotConnected);
            }
            let record = &seen.record;
            let harmless = profile.rotates.or(record.rotates) == Some(false);
            match next(record, want, self.now(), self.spread, harmless) {
                Next::Use => return self.opened(&profile.connection, record).await,
                Next::Lost => return Err(lost(record)),
                // The caller's deadline ends the waiting, or the lease does.
                Next::Wait(_) => tokio::time::sleep(LOOK_EVERY).await,
                Next::Declare(why) => self.declare(&profile.connection, seen, why).await?,
                Next::Renew => {
                    let Some((leased, tokens)) = self.lease(profile, seen).await? else { continue };
                    let Some(refresh) = tokens.refresh else { continue };
                    let (keeper, profile, grant) = (self.clone(), profile.clone(), Arc::clone(grant));
                    let asking =
                        tokio::spawn(async move { keeper.renew(&profile, leased, refresh, &*grant).await });
                    // It fails to be joined only when the process ends.
                    asking.await.unwrap_or(Err(SessionError::NotConnected))?;
                }
            }
        }
    }

    /// Keeps what somebody has just logged in for, in place of what was there.
    pub async fn connect(&self, profile: &SessionProfile, issued: &Issued) -> Result<(), VaultError> {
        let name = &profile.connection;
        for _ in 0..TRIES_MAX {
            let ring = self.vault.ring();
            let seen = self.read(name).await?;
            let generation = seen.as_ref().map_or(0, |seen| seen.record.generation) + 1;
            let record = self.made(&ring, profile, generation, issued, issued.refresh.clone())?;
            let revision = seen.map(|seen| seen.revision);
            let bytes = Some(record.to_bytes());
            if matches!(self.vault.swap(&ring, Kind::Session, name, revision, bytes).await?, Swap::Done(_)) {
                return Ok(());
            }
        }
        Err(VaultError::Contended(format!("the session of `{name}`")))
    }

    /// Begins a session from what was obtained elsewhere, unless there is one for this account already.
    pub async fn begin(&self, profile: &SessionProfile, issued: &Issued) -> Result<(), VaultError> {
        let name = &profile.connection;
        for _ in 0..TRIES_MAX {
            let ring = self.vault.ring();
            let seen = self.read(name).await?;
            if seen.as_ref().is_some_and(|seen| seen.record.account == *profile.account) {
                return Ok(());
            }
            let generation = seen.as_ref().map_or(0, |seen| seen.record.generation) + 1;
            let record = self.made(&ring, profile, generation, issued, issued.refresh.clone())?;
            let revision = seen.map(|seen| seen.revision);
            let bytes = Some(record.to_bytes());
            self.vault.swap(&ring, Kind::Session, name, revision, bytes).await?;
        }
        Err(VaultError::Contended(format!("the session of `{name}`")))
    }

    /// Forgets a session. False if there was none. Its tokens stay valid at the vendor until they end there.
    pub async fn disconnect(&self, connection: &str) -> Result<bool, VaultError> {
        for _ in 0..TRIES_MAX {
            let ring = self.vault.ring();
            let Some(kept) = self.vault.kept(Kind::Session, connection).await? else { return Ok(false) };
            let swap = self.vault.swap(&ring, Kind::Session, connection, Some(kept.revision), None).await?;
            if matches!(swap, Swap::Done(_)) {
                return Ok(true);
            }
        }
        Err(VaultError::Contended(format!("the session of `{connection}`")))
    }

    /// One session, without its tokens.
    pub async fn session(&self, connection: &str) -> Result<Option<SessionRecord>, VaultError> {
        Ok(self.read(connection).await?.map(|seen| seen.record))
    }

    /// All sessions, without their tokens.
    pub async fn sessions(&self) -> Result<Vec<SessionView>, VaultError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.vault.custody.kept_list(Kind::Session, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.name.clone());
            for kept in &page {
                all.push(SessionView { connection: kept.name.to_string(), record: read(kept)? });
            }
        }
    }

    async fn read(&self, connection: &str) -> Result<Option<Seen>, VaultError> {
        let kept = self.vault.kept(Kind::Session, connection).await?;
        kept.map(|kept| Ok(Seen { revision: kept.revision, record: read(&kept)? })).transpose()
    }

    async fn tokens(&self, connection: &str, record: &SessionRecord) -> Result<Tokens, VaultError> {
        let plain = self.vault.unseal(&record.sealed, &context(connection, record.generation)).await?;
        Tokens::from_bytes(&plain).ok_or_else(|| VaultError::Damaged(format!("the tokens of `{connection}`")))
    }

    async fn opened(&self, connection: &str, record: &SessionRecord) -> Result<Obtained, SessionError> {
        let tokens = self.tokens(connection, record).await?;
        Ok(Obtained { access: tokens.access, expires_at: record.expires_at, generation: record.generation })
    }

    /// Takes the lease, durably. `None` if somebody else was first. The tokens are opened before, so that whoever cannot
    /// open them takes nothing.
    async fn lease(
        &self,
        profile: &SessionProfile,
        seen: Seen,
    ) -> Result<Option<(Seen, Tokens)>, SessionError> {
        let name = &profile.connection;
        let tokens = self.tokens(name, &seen.record).await?;
        let (now, ring) = (self.now(), self.vault.ring());
        let margin = profile.ask_max.clamp(LEASE_MARGIN_MIN, LEASE_MARGIN_MAX);
        let until = now.plus(profile.ask_max.saturating_add(margin));
        let lease = Lease { by: self.me.to_string(), since: now, until };
        let record = SessionRecord { lease: Some(lease), ..seen.record };
        let bytes = Some(record.to_bytes());
        let swap = self.vault.swap(&ring, Kind::Session, name, Some(seen.revision), bytes).await?;
        Ok(match swap {
            Swap::Done(revision) => Some((Seen { revision, record }, tokens)),
            Swap::Overtaken | Swap::Outdated => None,
        })
    }

    /// Asks the vendor under a lease, and keeps what comes of it.
    async fn renew(
        &self,
        profile: &SessionProfile,
        leased: Seen,
        refresh: Secret,
        grant: &dyn RefreshGrant,
    ) -> Result<(), SessionError> {
        let asked = tokio::time::timeout(profile.ask_max, grant.refresh(refresh.clone())).await;
        let late = || {
            let message = format!("the token endpoint gave no answer within {:?}", profile.ask_max);
            let code = sinew_diag::codes::call::TOKEN_UNAVAILABLE;
            RefreshFailure::AnswerLost(Failure::new(sinew_model::Reason::Unavailable, code, message))
        };
        let harmless = profile.rotates.or(leased.record.rotates) == Some(false);
        match asked.unwrap_or_else(|_| Err(late())) {
            Ok(issued) => self.keep(profile, leased, &issued, refresh).await,
            Err(RefreshFailure::NotDone(failure)) => self.give_back(profile, leased, failure).await,
            Err(RefreshFailure::AnswerLost(failure)) if harmless => {
                self.give_back(profile, leased, failure).await
            }
            Err(RefreshFailure::AnswerLost(failure)) => {
                let why = Why::AnswerLost { said: failure.message.to_string() };
                Ok(self.declare(&profile.connection, leased, why).await?)
            }
            Err(RefreshFailure::Refused(failure)) => {
                let why = Why::Refused { said: failure.message.to_string() };
                Ok(self.declare(&profile.connection, leased, why).await?)
            }
        }
    }

    /// Keeps new tokens, and does not give up easily: there are no others.
    async fn keep(
        &self,
        profile: &SessionProfile,
        leased: Seen,
        issued: &Issued,
        used: Secret,
    ) -> Result<(), SessionError> {
        let name = &profile.connection;
        let rotated = issued.refresh.as_ref().is_some_and(|new| new.expose() != used.expose());
        let refresh = issued.refresh.clone().unwrap_or(used);
        let mut seen = leased.revision;
        let given_up = Instant::now() + KEEP_TRYING;
        loop {
            let ring = self.vault.ring();
            let mut record =
                self.made(&ring, profile, leased.record.generation + 1, issued, Some(refresh.clone()))?;
            record.rotates = Some(rotated || leased.record.rotates == Some(true));
            if record.granted.is_none() {
                record.granted.clone_from(&leased.record.granted);
            }
            let bytes = Some(record.to_bytes());
            match self.vault.swap(&ring, Kind::Session, name, Some(seen), bytes).await {
                Ok(Swap::Done(_)) => return Ok(()),
                Ok(Swap::Outdated) => {}
                Ok(Swap::Overtaken) => match self.read(name).await? {
                    // We were given up for lost, and nobody has asked the vendor since: these are the tokens.
                    Some(now)
                        if now.record.generation == leased.record.generation
                            && now.record.lease == leased.record.lease =>
                    {
                        seen = now.revision;
                    }
                    // Somebody has logged in again, or logged out, or renewed it: these tokens are of no use.
                    _ => return Ok(()),
                },
                Err(error) if Instant::now() >= given_up => return Err(error.into()),
                Err(_) => tokio::time::sleep(LOOK_EVERY * 10).await,
            }
        }
    }

    fn made(
        &self,
        ring: &crate::vault::Ring,
        profile: &SessionProfile,
        generation: u64,
        issued: &Issued,
        refresh: Option<Secret>,
    ) -> Result<SessionRecord, VaultError> {
        let now = self.now();
        let renewable = refresh.is_some();
        let tokens = Tokens { access: issued.access.clone(), refresh };
        let sealed = Vault::seal(ring, &context(&profile.connection, generation), &tokens.to_bytes())?;
        Ok(SessionRecord {
            generation,
            state: SessionState::Connected,
            why: None,
            since: now,
            account: profile.account.to_string(),
            expires_at: now.plus(issued.lives),
            issued_at: now,
            granted: issued.granted.clone(),
            renewable,
            rotates: None,
            lease: None,
            sealed,
        })
    }

    /// Gives a lease back after asking in vain. Whoever waited for it hears the failure from the next who tries.
    async fn give_back(
        &self,
        profile: &SessionProfile,
        leased: Seen,
        failure: Failure,
    ) -> Result<(), SessionError> {
        self.put(&profile.connection, leased, |record| record.lease = None).await?;
        Err(SessionError::NotRenewed(failure))
    }

    /// Declares a session lost. Who was first with something else is right.
    async fn declare(&self, connection: &str, seen: Seen, why: Why) -> Result<(), VaultError> {
        tracing::warn!(connection, %why, "the connection needs reconnecting");
        let now = self.now();
        self.put(connection, seen, |record| {
            // Only a holder that was given up for lost may answer.
            if !matches!(why, Why::HolderLost { .. }) {
                record.lease = None;
            }
            record.state = SessionState::NeedsReconnecting;
            record.why = Some(why.clone());
            record.since = now;
        })
        .await
    }

    /// Changes a record unless somebody else has. That its tokens were sealed again is no change.
    async fn put(
        &self,
        connection: &str,
        mut seen: Seen,
        change: impl Fn(&mut SessionRecord),
    ) -> Result<(), VaultError> {
        for _ in 0..TRIES_MAX {
            let ring = self.vault.ring();
            let mut record = seen.record.clone();
            change(&mut record);
            let bytes = Some(record.to_bytes());
            match self.vault.swap(&ring, Kind::Session, connection, Some(seen.revision), bytes).await? {
                Swap::Done(_) => return Ok(()),
                Swap::Outdated => {}
                Swap::Overtaken => match self.read(connection).await? {
                    Some(now)
                        if (SessionRecord { sealed: seen.record.sealed.clone(), ..now.record.clone() })
                            == seen.record =>
                    {
                        seen = now;
                    }
                    _ => return Ok(()),
                },
            }
        }
        Err(VaultError::Contended(format!("the session of `{connection}`")))
    }
}

fn lost(record: &SessionRecord) -> SessionError {
    SessionError::NeedsReconnecting(record.why.clone().unwrap_or(Why::Ended))
}
