//! Retiring a master key: everything is wrapped again under another, while everybody goes on.

use sinew_stdx::Timestamp;
use sinew_store::custody::{Change, Kept, Kind, Swap};

use crate::seal::{KeyError, KeyId};
use crate::session::SessionRecord;
use crate::vault::{KEYRING, KeyringRecord, Ring, TRIES_MAX, Vault, VaultError, keyring_bytes};
use crate::{secrets, session};

/// Records read in one go.
const PAGE: u32 = 200;

/// The master keys and what is sealed under them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultStatus {
    /// What everything is sealed under from now on.
    pub current: String,
    /// Since when.
    pub since: Timestamp,
    /// Those under which something may still be sealed: a rotation is under way.
    pub retiring: Vec<String>,
    /// The master keys that this process was given.
    pub given: Vec<String>,
    /// The one that was given last.
    pub newest: String,
    /// Secrets.
    pub secrets: usize,
    /// Sessions.
    pub sessions: usize,
    /// Data keys under another master key than the current one.
    pub outdated: usize,
}

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Data keys that were wrapped again.
    pub rewrapped: usize,
}

impl Vault {
    /// The vault at a glance.
    pub async fn status(&self) -> Result<VaultStatus, VaultError> {
        let ring = self.reread().await?;
        let (mut counts, mut outdated) = ([0, 0], 0);
        for (n, kind) in [Kind::Secret, Kind::Session].into_iter().enumerate() {
            let mut after = None;
            loop {
                let page = self.custody.kept_list(kind, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                counts[n] += page.len();
                for kept in &page {
                    let foreign =
                        keys_of(kind, kept)?.into_iter().filter(|id| id.as_str() != ring.record.current);
                    outdated += foreign.count();
                }
            }
        }
        Ok(VaultStatus {
            current: ring.record.current.clone(),
            since: ring.record.since,
            retiring: ring.record.retiring.clone(),
            given: ring.given().map(ToString::to_string).collect(),
            newest: ring.newest().to_string(),
            secrets: counts[0],
            sessions: counts[1],
            outdated,
        })
    }

    /// Makes `to` the key in use and wraps everything under it. What was interrupted is gone on with by the same call.
    pub async fn rotate(&self, to: &str) -> Result<Rotated, VaultError> {
        self.take_into_use(to).await?;
        let mut rotated = Rotated::default();
        for kind in [Kind::Secret, Kind::Session] {
            let mut after = None;
            loop {
                let page = self.custody.kept_list(kind, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.name.clone());
                for kept in page {
                    rotated.rewrapped += self.rewrap(kind, kept).await?;
                }
            }
        }
        // Nobody has written under an old key since: every write is conditional on the keyring that names the new one.
        self.change_keyring(|record| record.retiring.clear()).await?;
        Ok(rotated)
    }

    async fn take_into_use(&self, to: &str) -> Result<(), VaultError> {
        let ring = self.reread().await?;
        if ring.key(to).is_none() {
            let error = KeyId::new(to).map_or(KeyError::None, KeyError::Unknown);
            return Err(VaultError::Key { what: "the vault".to_owned(), error });
        }
        let now = (self.now)();
        self.change_keyring(|record| {
            if record.current == to {
                return;
            }
            let before = std::mem::replace(&mut record.current, to.to_owned());
            record.retiring.retain(|id| id != to);
            record.retiring.push(before);
            record.since = now;
        })
        .await
    }

    async fn change_keyring(&self, change: impl Fn(&mut KeyringRecord)) -> Result<(), VaultError> {
        for _ in 0..TRIES_MAX {
            let ring = self.reread().await?;
            let mut record = ring.record.clone();
            change(&mut record);
            if record == ring.record {
                return Ok(());
            }
            let (seen, bytes) = (Some(ring.revision), Some(keyring_bytes(&record)));
            let wish = Change { kind: Kind::Keyring, name: KEYRING.into(), seen, under: None, bytes };
            if matches!(self.custody.change(wish).await?, Swap::Done(_)) {
                self.reread().await?;
                return Ok(());
            }
        }
        Err(VaultError::Contended("the vault".to_owned()))
    }

    /// Wraps one record's data keys again; answers how many.
    async fn rewrap(&self, kind: Kind, mut kept: Kept) -> Result<usize, VaultError> {
        let name = kept.name.clone();
        for _ in 0..TRIES_MAX {
            let ring = self.ring();
            let (bytes, count) = rewrapped(&ring, kind, &kept)?;
            if count == 0 {
                return Ok(0);
            }
            if matches!(self.swap(&ring, kind, &name, Some(kept.revision), Some(bytes)).await?, Swap::Done(_))
            {
                return Ok(count);
            }
            match self.kept(kind, &name).await? {
                Some(now) => kept = now,
                None => return Ok(0),
            }
        }
        Err(VaultError::Contended(format!("`{name}`")))
    }
}

fn keys_of(kind: Kind, kept: &Kept) -> Result<Vec<KeyId>, VaultError> {
    Ok(match kind {
        Kind::Session => vec![session::read(kept)?.sealed.key().clone()],
        _ => secrets::read(kept)?.all.iter().map(|version| version.envelope.key().clone()).collect(),
    })
}

fn rewrapped(ring: &Ring, kind: Kind, kept: &Kept) -> Result<(Vec<u8>, usize), VaultError> {
    let mut count = 0;
    let mut again = |envelope: &mut crate::Envelope, context: crate::Context<'_>| {
        if envelope.key().as_str() == ring.record.current {
            return Ok(());
        }
        let wrong = |error| VaultError::Key { what: crate::vault::shown(&context), error };
        let from = ring.key(envelope.key().as_str());
        let from = from.ok_or_else(|| wrong(KeyError::Unknown(envelope.key().clone())))?;
        let to = ring.key(&ring.record.current).ok_or_else(|| wrong(KeyError::None))?;
        *envelope = envelope.rewrap(&**from, &**to, &context).map_err(wrong)?;
        count += 1;
        Ok::<_, VaultError>(())
    };
    let bytes = if kind == Kind::Session {
        let mut record: SessionRecord = session::read(kept)?;
        let place = session::context(&kept.name, record.generation);
        again(&mut record.sealed, place)?;
        record.to_bytes()
    } else {
        let mut versions = secrets::read(kept)?;
        for version in &mut versions.all {
            again(&mut version.envelope, secrets::context(&kept.name, version.number))?;
        }
        versions.to_bytes()
    };
    Ok((bytes, count))
}
