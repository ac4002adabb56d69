use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;
use sinew_model::SecretRef;

use super::client::{Client, ServiceError};
use crate::source::admit;
use crate::{Secret, SecretError, SecretSource};

/// How long a secret is used without a lease before it is asked for again.
const FRESH: Duration = Duration::from_mins(5);
/// How long it is known that there is none.
const ABSENT_FRESH: Duration = Duration::from_secs(10);
/// How long a secret is used that cannot be asked for again, because the service does not answer.
const STALE_MAX: Duration = Duration::from_hours(1);
/// How long a service that does not answer is left alone.
const LEFT_ALONE: Duration = Duration::from_secs(15);
/// Secrets held in memory at most.
const HELD_MAX: usize = 1024;

/// Secrets in a KV engine, version 2: `secret:crm/client` is the field `client` of `crm`, or the field `value` of
/// `crm/client`.
pub struct KvSecrets {
    client: Arc<Client>,
    mount: String,
    held: Mutex<HashMap<SecretRef, Held>>,
}

#[derive(Clone)]
struct Held {
    /// `None`: there is none.
    secret: Option<Secret>,
    asked: Instant,
    ask_at: Instant,
}

#[derive(Deserialize)]
struct Read {
    #[serde(default)]
    lease_duration: u64,
    data: Version,
}

#[derive(Deserialize)]
struct Version {
    /// Null if the version was deleted.
    data: Option<serde_json::Map<String, Value>>,
}

impl KvSecrets {
    /// The secrets of the engine mounted here.
    pub fn new(client: Arc<Client>, mount: impl Into<String>) -> Self {
        Self { client, mount: mount.into(), held: Mutex::default() }
    }

    fn ask(&self, name: &SecretRef) -> Result<(Option<Secret>, Duration), SecretError> {
        let path = name.path();
        let by_field = path.rsplit_once('/');
        for (path, field) in by_field.into_iter().chain([(path, "value")]) {
            let read: Read = match self.client.ask("GET", &format!("{}/data/{path}", self.mount), None) {
                Ok(read) => read,
                Err(ServiceError::NotThere) => continue,
                Err(error) => return Err(failed(name, &error)),
            };
            let lease = Duration::from_secs(read.lease_duration);
            let fresh = if lease.is_zero() { FRESH } else { lease.min(FRESH) };
            match read.data.data.as_ref().and_then(|data| data.get(field)) {
                Some(Value::String(text)) => return Ok((Some(admit(name, text)?), fresh)),
                Some(Value::Null) | None => {}
                Some(_) => {
                    return Err(SecretError::Unusable {
                        name: name.clone(),
                        problem: "is no text in HashiCorp Vault",
                    });
                }
            }
        }
        Ok((None, ABSENT_FRESH))
    }

    fn given(&self, name: &SecretRef, secret: Option<Secret>) -> Result<Secret, SecretError> {
        let looked_for = || format!("HashiCorp Vault ({}/{})", self.mount, name.path());
        secret.ok_or_else(|| SecretError::Missing { name: name.clone(), looked_for: looked_for() })
    }
}

fn failed(name: &SecretRef, error: &ServiceError) -> SecretError {
    SecretError::Failed { name: name.clone(), cause: error.to_string() }
}

impl SecretSource for KvSecrets {
    fn resolve(&self, name: &SecretRef) -> Result<Secret, SecretError> {
        let now = Instant::now();
        let all = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all().get(name).cloned();
        if let Some(held) = &known
            && now < held.ask_at
        {
            return self.given(name, held.secret.clone());
        }
        let held = match (self.ask(name), known) {
            (Ok((secret, fresh)), _) => Held { secret, asked: now, ask_at: now + fresh },
            (Err(SecretError::Failed { cause, .. }), Some(held))
                if held.secret.is_some() && now.duration_since(held.asked) < STALE_MAX =>
            {
                tracing::warn!(secret = %name, cause, "a secret cannot be asked for again; the one that is known is used");
                Held { ask_at: now + LEFT_ALONE, ..held }
            }
            (Err(error), _) => return Err(error),
        };
        let secret = held.secret.clone();
        let mut all = all();
        if all.len() >= HELD_MAX {
            all.clear();
        }
        all.insert(name.clone(), held);
        drop(all);
        self.given(name, secret)
    }
}
