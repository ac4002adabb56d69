use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::client::{Client, ServiceError};
use crate::keys::KeySource;
use crate::seal::{Context, DataKey, KeyError, KeyId, MasterKey};

/// A master key that never leaves the transit engine: data keys go there to be wrapped and unwrapped.
///
/// Where an envelope belongs is bound by its content's own sealing; to the engine a data key is bytes, so that any type of
/// key will do.
pub struct TransitKey {
    id: KeyId,
    client: Arc<Client>,
    mount: String,
    key: String,
}

impl TransitKey {
    /// The key of this name in the engine mounted here.
    pub fn new(client: Arc<Client>, mount: &str, key: &str) -> Result<Self, KeyError> {
        let unusable = || KeyError::Unusable {
            place: format!("`{key}`"),
            problem: "the names of transit keys have letters, digits, `-`, `_` and `.`".to_owned(),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let ok = !key.is_empty() && key.chars().all(fits);
        let id = ok.then(|| KeyId::new(&format!("transit:{mount}/{key}"))).flatten().ok_or_else(unusable)?;
        Ok(Self { id, client, mount: mount.to_owned(), key: key.to_owned() })
    }
}

#[derive(Deserialize)]
struct Encrypted {
    data: Ciphertext,
}

#[derive(Deserialize)]
struct Ciphertext {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    data: Plaintext,
}

#[derive(Deserialize)]
struct Plaintext {
    plaintext: String,
}

fn service(error: ServiceError) -> KeyError {
    match error {
        ServiceError::NotThere => KeyError::Service("HashiCorp Vault has no such transit key".to_owned()),
        error => KeyError::Service(error.to_string()),
    }
}

impl MasterKey for TransitKey {
    fn id(&self) -> &KeyId {
        &self.id
    }

    fn wrap(&self, key: &DataKey, _: &Context<'_>) -> Result<Vec<u8>, KeyError> {
        let body = json!({ "plaintext": STANDARD.encode(key.expose()) });
        let path = format!("{}/encrypt/{}", self.mount, self.key);
        let answer: Encrypted = self.client.ask("POST", &path, Some(&body)).map_err(service)?;
        Ok(answer.data.ciphertext.into_bytes())
    }

    fn unwrap(&self, wrapped: &[u8], _: &Context<'_>) -> Result<DataKey, KeyError> {
        let ciphertext = std::str::from_utf8(wrapped).map_err(|_| KeyError::NotOpened)?;
        let path = format!("{}/decrypt/{}", self.mount, self.key);
        let answer: Decrypted =
            match self.client.ask("POST", &path, Some(&json!({ "ciphertext": ciphertext }))) {
                Err(ServiceError::Refused { status: 400, .. }) => return Err(KeyError::NotOpened),
                other => other.map_err(service)?,
            };
        let bytes = Zeroizing::new(
            STANDARD.decode(&*Zeroizing::new(answer.data.plaintext)).map_err(|_| KeyError::NotOpened)?,
        );
        DataKey::from_bytes(&bytes).ok_or(KeyError::NotOpened)
    }
}

/// One transit key, as a source.
pub struct TransitKeys(pub Arc<TransitKey>);

impl KeySource for TransitKeys {
    fn keys(&self) -> Result<Vec<Arc<dyn MasterKey>>, KeyError> {
        Ok(vec![Arc::clone(&self.0) as Arc<dyn MasterKey>])
    }
}
