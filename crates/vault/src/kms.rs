//! Master keys in AWS Key Management Service, which they never leave: its JSON API (`TrentService`), operations `Encrypt`
//! and `Decrypt`.
//!
//! Where an envelope belongs is bound by its content's own sealing; to the service a data key is bytes. They are encrypted
//! under the context `sinew = vault`, which policies can ask for (`kms:EncryptionContext:sinew`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Secret;
use crate::exchange::{Exchange, HttpAsk};
use crate::keys::KeySource;
use crate::seal::{Context, DataKey, KeyError, KeyId, MasterKey};

/// How much of an error is repeated.
const SHOWN_MAX: usize = 200;

/// A master key in the service.
pub struct KmsKey {
    id: KeyId,
    /// Its id, ARN or alias.
    key: String,
    exchange: Box<dyn Exchange>,
}

impl KmsKey {
    /// The key of this id, ARN or alias. The exchange signs what it carries (Signature Version 4, service `kms`).
    pub fn new(exchange: Box<dyn Exchange>, key: &str) -> Result<Self, KeyError> {
        let unusable = || KeyError::Unusable {
            place: format!("`{key}`"),
            problem: "a key of AWS KMS is named by its id, its ARN, or `alias/...`".to_owned(),
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_:/".contains(c);
        let ok = !key.is_empty() && key.chars().all(fits);
        let id = ok.then(|| KeyId::new(&format!("kms:{key}"))).flatten().ok_or_else(unusable)?;
        Ok(Self { id, key: key.to_owned(), exchange })
    }

    fn ask<T: for<'a> Deserialize<'a>>(&self, operation: &str, body: &Value) -> Result<T, KeyError> {
        let ask = HttpAsk {
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type", Secret::new("application/x-amz-json-1.1")),
                ("x-amz-target", Secret::new(format!("TrentService.{operation}"))),
            ],
            body: Some(Zeroizing::new(serde_json::to_vec(body).unwrap_or_default())),
        };
        let service = |problem: String| KeyError::Service(format!("AWS KMS {problem}"));
        let answer =
            self.exchange.exchange(ask).map_err(|why| service(format!("is not available: {why}")))?;
        if (200..300).contains(&answer.status) {
            let odd = |_| service("answered something that its API does not".to_owned());
            return serde_json::from_slice(&answer.body).map_err(odd);
        }
        let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
        match refusal.name() {
            // Somebody changed it, or it is of another key.
            "InvalidCiphertextException" | "IncorrectKeyException" => Err(KeyError::NotOpened),
            _ => Err(service(format!("refused with {}: {}", answer.status, refusal.shown()))),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: String,
}

/// An error: `{"__type": "com.amazonaws.kms#NotFoundException", "message": "..."}`.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    kind: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl Refusal {
    fn name(&self) -> &str {
        self.kind.rsplit('#').next().unwrap_or_default()
    }

    fn shown(&self) -> String {
        let text = format!("{} {}", self.name(), self.message);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() { "it says no more".to_owned() } else { text.chars().take(SHOWN_MAX).collect() }
    }
}

fn context() -> Value {
    json!({ "sinew": "vault" })
}

impl MasterKey for KmsKey {
    fn id(&self) -> &KeyId {
        &self.id
    }

    fn wrap(&self, key: &DataKey, _: &Context<'_>) -> Result<Vec<u8>, KeyError> {
        let body = json!({
            "KeyId": self.key, "Plaintext": STANDARD.encode(key.expose()), "EncryptionContext": context(),
        });
        let answer: Encrypted = self.ask("Encrypt", &body)?;
        STANDARD
            .decode(answer.ciphertext_blob)
            .map_err(|_| KeyError::Service("AWS KMS answered something that its API does not".to_owned()))
    }

    fn unwrap(&self, wrapped: &[u8], _: &Context<'_>) -> Result<DataKey, KeyError> {
        let mut body = json!({ "CiphertextBlob": STANDARD.encode(wrapped), "EncryptionContext": context() });
        // An alias may have been given to another key since; the blob knows which it was.
        if !self.key.contains("alias/") {
            body["KeyId"] = json!(self.key);
        }
        let answer: Decrypted = self.ask("Decrypt", &body)?;
        let plain = Zeroizing::new(answer.plaintext);
        let bytes = Zeroizing::new(STANDARD.decode(&*plain).map_err(|_| KeyError::NotOpened)?);
        DataKey::from_bytes(&bytes).ok_or(KeyError::NotOpened)
    }
}

/// One key of the service, as a source.
pub struct KmsKeys(pub Arc<KmsKey>);

impl KeySource for KmsKeys {
    fn keys(&self) -> Result<Vec<Arc<dyn MasterKey>>, KeyError> {
        Ok(vec![Arc::clone(&self.0) as Arc<dyn MasterKey>])
    }
}
