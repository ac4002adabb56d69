use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use sinew_stdx::Timestamp;
use sinew_store::StoreError;
use sinew_store::custody::{Change, Custody, Kept, Kind, Revision, Swap};
use zeroize::Zeroizing;

use crate::keys::KeySource;
use crate::seal::{Context, Envelope, KeyError, KeyId, MasterKey};
use crate::versions::VersionError;

/// The one record of its kind.
pub(crate) const KEYRING: &str = "master";
/// How often a change is begun again because somebody was first.
pub(crate) const TRIES_MAX: u32 = 50;

/// Why the vault does not do it. Never holds any part of a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VaultError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key is missing or does not fit.
    #[error("{what}: {error}")]
    Key {
        /// What was to be sealed or opened.
        what: String,
        /// Why it was not.
        error: KeyError,
    },
    /// There is no such secret.
    #[error("the vault holds no secret `{0}`")]
    NoSecret(String),
    /// The versions of a secret do not allow it.
    #[error("`{name}`: {error}")]
    Version {
        /// The secret.
        name: String,
        /// Why not.
        error: VersionError,
    },
    /// A record that cannot be read.
    #[error("the vault's record of {0} cannot be read: it is damaged, or a later version has written it")]
    Damaged(String),
    /// A secret that is none.
    #[error("the secret {0}")]
    Unfit(&'static str),
    /// Others change it again and again.
    #[error("{0} is being changed by others all the time; try again")]
    Contended(String),
}

/// The present time, as the vault dates things.
pub type Now = dyn Fn() -> Timestamp + Send + Sync;

/// Seals and opens what a [`Custody`] keeps. Any number of processes may have one over the same custody.
pub struct Vault {
    pub(crate) custody: Arc<dyn Custody>,
    source: Box<dyn KeySource>,
    ring: RwLock<Arc<Ring>>,
    pub(crate) now: Arc<Now>,
}

/// The master keys that are known, and which of them is in use.
pub(crate) struct Ring {
    pub(crate) revision: Revision,
    pub(crate) record: KeyringRecord,
    keys: BTreeMap<KeyId, Arc<dyn MasterKey>>,
    newest: KeyId,
}

/// What is kept of the master keys: their names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyringRecord {
    /// What everything is sealed under from now on.
    pub(crate) current: String,
    /// Those under which something may still be sealed.
    #[serde(default)]
    pub(crate) retiring: Vec<String>,
    /// Since when the current one is in use.
    pub(crate) since: Timestamp,
}

impl Ring {
    pub(crate) fn key(&self, id: &str) -> Option<&Arc<dyn MasterKey>> {
        KeyId::new(id).and_then(|id| self.keys.get(&id))
    }

    /// The names of those that were given.
    pub(crate) fn given(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }

    /// The one that was given last.
    pub(crate) fn newest(&self) -> &KeyId {
        &self.newest
    }
}

impl Vault {
    /// A vault over these records with these master keys. One that was never used takes the newest key into use.
    pub async fn open(
        custody: Arc<dyn Custody>,
        source: Box<dyn KeySource>,
        now: Arc<Now>,
    ) -> Result<Self, VaultError> {
        let ring = Arc::new(read_ring(&*custody, &*source, &*now).await?);
        Ok(Self { custody, source, ring: RwLock::new(ring), now })
    }

    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks again which keys there are and which is in use.
    pub(crate) async fn reread(&self) -> Result<Arc<Ring>, VaultError> {
        let ring = Arc::new(read_ring(&*self.custody, &*self.source, &*self.now).await?);
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&ring);
        Ok(ring)
    }

    /// Opens an envelope. A key that is not known is looked for once more: it may be new.
    pub(crate) async fn unseal(
        &self,
        envelope: &Envelope,
        context: &Context<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let id = envelope.key();
        let mut ring = self.ring();
        if ring.key(id.as_str()).is_none() {
            ring = self.reread().await?;
        }
        let opened = match ring.key(id.as_str()) {
            Some(key) => envelope.open(&**key, context),
            None => Err(KeyError::Unknown(id.clone())),
        };
        opened.map_err(|error| VaultError::Key { what: shown(context), error })
    }

    pub(crate) fn seal(ring: &Ring, context: &Context<'_>, plain: &[u8]) -> Result<Envelope, VaultError> {
        let wrong = |error| VaultError::Key { what: shown(context), error };
        let key = ring.key(&ring.record.current).ok_or_else(|| wrong(unknown(&ring.record.current)))?;
        Envelope::seal(&**key, context, plain).map_err(wrong)
    }

    pub(crate) async fn kept(&self, kind: Kind, name: &str) -> Result<Option<Kept>, VaultError> {
        Ok(self.custody.kept(kind, name.into()).await?)
    }

    /// Swaps a record under a keyring as it was read.
    pub(crate) async fn swap(
        &self,
        ring: &Ring,
        kind: Kind,
        name: &str,
        seen: Option<Revision>,
        bytes: Option<Vec<u8>>,
    ) -> Result<Swap, VaultError> {
        let under = Some((Arc::from(KEYRING), ring.revision));
        let change = Change { kind, name: name.into(), seen, under, bytes };
        let swap = self.custody.change(change).await?;
        if swap == Swap::Outdated {
            self.reread().await?;
        }
        Ok(swap)
    }
}

pub(crate) fn shown(context: &Context<'_>) -> String {
    match context.purpose {
        crate::seal::Purpose::Secret => {
            format!("version {} of the secret `{}`", context.version, context.name)
        }
        crate::seal::Purpose::Session => format!("the session of `{}`", context.name),
    }
}

fn unknown(id: &str) -> KeyError {
    KeyId::new(id).map_or(KeyError::None, KeyError::Unknown)
}

pub(crate) fn keyring_bytes(record: &KeyringRecord) -> Vec<u8> {
    serde_json::to_vec(record).unwrap_or_default()
}

async fn read_ring(custody: &dyn Custody, source: &dyn KeySource, now: &Now) -> Result<Ring, VaultError> {
    let wrong = |error| VaultError::Key { what: "the vault".to_owned(), error };
    let given = source.keys().map_err(wrong)?;
    let newest = given.last().map(|key| key.id().clone()).ok_or_else(|| wrong(KeyError::None))?;
    let keys: BTreeMap<_, _> = given.into_iter().map(|key| (key.id().clone(), key)).collect();
    for _ in 0..TRIES_MAX {
        let kept = custody.kept(Kind::Keyring, KEYRING.into()).await?;
        let Some(kept) = kept else {
            let record = KeyringRecord { current: newest.to_string(), retiring: Vec::new(), since: now() };
            let bytes = Some(keyring_bytes(&record));
            let change = Change { kind: Kind::Keyring, name: KEYRING.into(), seen: None, under: None, bytes };
            custody.change(change).await?;
            continue;
        };
        let record: KeyringRecord = serde_json::from_slice(&kept.bytes)
            .map_err(|_| VaultError::Damaged("its master keys".to_owned()))?;
        // Without the key in use the vault is of no use: better said at the start than by the first call.
        if KeyId::new(&record.current).is_none_or(|id| !keys.contains_key(&id)) {
            return Err(wrong(unknown(&record.current)));
        }
        return Ok(Ring { revision: kept.revision, record, keys, newest });
    }
    Err(VaultError::Contended("the vault".to_owned()))
}
