//! Secrets in the vault: versions that are set, staged, promoted and removed.

use std::time::Duration;

use sinew_model::SecretRef;
use sinew_stdx::Timestamp;
use sinew_store::custody::{Kept, Kind, Swap};

use crate::Secret;
use crate::seal::{Context, Purpose};
use crate::vault::{Ring, TRIES_MAX, Vault, VaultError};
use crate::versions::{Version, VersionError, VersionState, Versions};

/// The longest secret.
const SECRET_BYTES_MAX: usize = 64 * 1024;
/// Records read in one go.
const PAGE: u32 = 200;

/// A version of a secret, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionView {
    /// Its number.
    pub number: u64,
    /// What it is for.
    pub state: VersionState,
    /// When it was made.
    pub made_at: Timestamp,
    /// The master key that it is under.
    pub key: String,
}

/// A secret, without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretView {
    /// Its name, without `secret:`.
    pub name: String,
    /// Its versions, oldest first.
    pub versions: Vec<VersionView>,
}

impl Vault {
    /// Makes a value the current one at once; what was current before is accepted for `overlap` more.
    pub async fn set(&self, name: &SecretRef, value: &Secret, overlap: Duration) -> Result<u64, VaultError> {
        fit(value)?;
        self.edit(name, true, |ring, versions, now| {
            stage(ring, name, value, versions, now)?;
            versions.promote(overlap, now).map_err(|error| refused(name, error))
        })
        .await
    }

    /// Keeps a value for later.
    pub async fn stage(&self, name: &SecretRef, value: &Secret) -> Result<u64, VaultError> {
        fit(value)?;
        self.edit(name, true, |ring, versions, now| stage(ring, name, value, versions, now)).await
    }

    /// Makes the staged value the current one; what was current before is accepted for `overlap` more.
    pub async fn promote(&self, name: &SecretRef, overlap: Duration) -> Result<u64, VaultError> {
        self.edit(name, false, |_, versions, now| {
            versions.promote(overlap, now).map_err(|error| refused(name, error))
        })
        .await
    }

    /// Removes a version that is not current.
    pub async fn remove_version(&self, name: &SecretRef, number: u64) -> Result<(), VaultError> {
        self.edit(name, false, |_, versions, _| versions.remove(number).map_err(|error| refused(name, error)))
            .await
    }

    /// Removes a secret with all its versions.
    pub async fn remove(&self, name: &SecretRef) -> Result<(), VaultError> {
        for _ in 0..TRIES_MAX {
            let kept = self.kept(Kind::Secret, name.path()).await?;
            let kept = kept.ok_or_else(|| VaultError::NoSecret(name.path().to_owned()))?;
            let swap = self.swap(&self.ring(), Kind::Secret, name.path(), Some(kept.revision), None).await?;
            if matches!(swap, Swap::Done(_)) {
                return Ok(());
            }
        }
        Err(VaultError::Contended(format!("`{name}`")))
    }

    /// All secrets by name, without their values.
    pub async fn secrets(&self) -> Result<Vec<SecretView>, VaultError> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.custody.kept_list(Kind::Secret, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.name.clone());
            for kept in &page {
                all.push(view(kept)?);
            }
        }
    }

    /// One secret, without its values.
    pub async fn secret(&self, name: &SecretRef) -> Result<Option<SecretView>, VaultError> {
        self.kept(Kind::Secret, name.path()).await?.as_ref().map(view).transpose()
    }

    /// The values to accept, the current one first; none if there is no such secret or none of it is current.
    pub async fn values(&self, name: &SecretRef) -> Result<Vec<Secret>, VaultError> {
        let Some(kept) = self.kept(Kind::Secret, name.path()).await? else { return Ok(Vec::new()) };
        let versions = read(&kept)?;
        let mut values = Vec::new();
        for version in versions.accepted((self.now)()) {
            let context = context(name.path(), version.number);
            let plain = self.unseal(&version.envelope, &context).await?;
            let text = std::str::from_utf8(&plain).map_err(|_| VaultError::Unfit("is not UTF-8 text"))?;
            values.push(Secret::new(text));
        }
        Ok(values)
    }

    async fn edit<T>(
        &self,
        name: &SecretRef,
        may_make: bool,
        change: impl Fn(&Ring, &mut Versions, Timestamp) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        for _ in 0..TRIES_MAX {
            let ring = self.ring();
            let kept = self.kept(Kind::Secret, name.path()).await?;
            let mut versions = match &kept {
                Some(kept) => read(kept)?,
                None if may_make => Versions::new(),
                None => return Err(VaultError::NoSecret(name.path().to_owned())),
            };
            let made = change(&ring, &mut versions, (self.now)())?;
            let seen = kept.map(|kept| kept.revision);
            let bytes = Some(versions.to_bytes());
            if matches!(self.swap(&ring, Kind::Secret, name.path(), seen, bytes).await?, Swap::Done(_)) {
                return Ok(made);
            }
        }
        Err(VaultError::Contended(format!("`{name}`")))
    }
}

fn stage(
    ring: &Ring,
    name: &SecretRef,
    value: &Secret,
    versions: &mut Versions,
    now: Timestamp,
) -> Result<u64, VaultError> {
    let envelope = Vault::seal(ring, &context(name.path(), versions.next), value.expose().as_bytes())?;
    versions.stage(envelope, now).map_err(|error| refused(name, error))
}

fn fit(value: &Secret) -> Result<(), VaultError> {
    match value.expose().len() {
        0 => Err(VaultError::Unfit("is empty")),
        length if length > SECRET_BYTES_MAX => Err(VaultError::Unfit("is longer than 64 KiB")),
        _ => Ok(()),
    }
}

fn refused(name: &SecretRef, error: VersionError) -> VaultError {
    VaultError::Version { name: name.path().to_owned(), error }
}

pub(crate) fn context(name: &str, version: u64) -> Context<'_> {
    Context { purpose: Purpose::Secret, name, version }
}

pub(crate) fn read(kept: &Kept) -> Result<Versions, VaultError> {
    Versions::from_bytes(&kept.bytes)
        .ok_or_else(|| VaultError::Damaged(format!("the secret `{}`", kept.name)))
}

fn view(kept: &Kept) -> Result<SecretView, VaultError> {
    let one = |version: &Version| VersionView {
        number: version.number,
        state: version.state,
        made_at: version.made_at,
        key: version.envelope.key().to_string(),
    };
    Ok(SecretView { name: kept.name.to_string(), versions: read(kept)?.all.iter().map(one).collect() })
}
