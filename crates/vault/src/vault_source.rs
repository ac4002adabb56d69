use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sinew_model::SecretRef;

use crate::blocking::wait;
use crate::{Secret, SecretError, SecretSource, Vault};

/// How long what was read is used before it is read again.
const FRESH: Duration = Duration::from_secs(2);
/// Secrets held in memory at most.
const HELD_MAX: usize = 1024;

/// Secrets in the vault: `secret:crm/client` is what `sinew secret set crm/client` put there.
pub struct VaultSecrets {
    vault: Arc<Vault>,
    held: Mutex<HashMap<SecretRef, (Instant, Vec<Secret>)>>,
}

impl VaultSecrets {
    /// The secrets of this vault.
    pub fn new(vault: Arc<Vault>) -> Self {
        Self { vault, held: Mutex::default() }
    }
}

impl SecretSource for VaultSecrets {
    fn resolve(&self, name: &SecretRef) -> Result<Secret, SecretError> {
        let first = self.accepted(name)?.into_iter().next();
        first.ok_or_else(|| missing(name))
    }

    fn accepted(&self, name: &SecretRef) -> Result<Vec<Secret>, SecretError> {
        let now = Instant::now();
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, values)) = held().get(name)
            && now.duration_since(*at) < FRESH
        {
            return if values.is_empty() { Err(missing(name)) } else { Ok(values.clone()) };
        }
        let values = wait(self.vault.values(name))
            .map_err(|e| SecretError::Failed { name: name.clone(), cause: e.to_string() })?;
        let mut held = held();
        if held.len() >= HELD_MAX {
            held.clear();
        }
        held.insert(name.clone(), (now, values.clone()));
        if values.is_empty() { Err(missing(name)) } else { Ok(values) }
    }
}

fn missing(name: &SecretRef) -> SecretError {
    SecretError::Missing {
        name: name.clone(),
        looked_for: format!("the vault (`sinew secret set {}`)", name.path()),
    }
}
