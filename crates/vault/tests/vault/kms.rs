//! Against a small server that answers as the documented JSON API does.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sinew_vault::exchange::{Exchange, HttpAnswer, HttpAsk};
use sinew_vault::kms::{KmsKey, KmsKeys};
use sinew_vault::{ChainedKeys, MasterKey as _, Secret};
use zeroize::Zeroizing;

use crate::desk::{Desk, holds, name, values};

/// The service: one key. Another status than 200 is what it answers to everything.
#[derive(Default)]
struct Service {
    status: AtomicU16,
    asked: Mutex<Vec<Value>>,
}

struct Line(Arc<Service>);

impl Exchange for Line {
    fn exchange(&self, ask: HttpAsk) -> Result<HttpAnswer, String> {
        let header = |name: &str| {
            let found = ask.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.expose().to_owned()).unwrap_or_default()
        };
        assert_eq!((ask.method, &*ask.path), ("POST", "/"));
        assert_eq!(header("content-type"), "application/x-amz-json-1.1");
        let body: Value = serde_json::from_slice(&ask.body.unwrap()).unwrap();
        assert_eq!(body["EncryptionContext"], json!({ "sinew": "vault" }));
        let text = |field: &str| BASE64_STANDARD.decode(body[field].as_str().unwrap()).unwrap();
        let (status, answer) = match (self.0.status.load(Ordering::SeqCst), &*header("x-amz-target")) {
            (0, "TrentService.Encrypt") => {
                let blob = BASE64_STANDARD.encode([b"blob".to_vec(), text("Plaintext")].concat());
                (200, json!({ "CiphertextBlob": blob, "KeyId": "arn" }))
            }
            (0, "TrentService.Decrypt") => match text("CiphertextBlob").strip_prefix(b"blob") {
                Some(plain) => (200, json!({ "Plaintext": BASE64_STANDARD.encode(plain), "KeyId": "arn" })),
                None => (400, json!({ "__type": "com.amazonaws.kms#InvalidCiphertextException" })),
            },
            (403, _) => {
                (400, json!({ "__type": "AccessDeniedException", "Message": "User is not authorized" }))
            }
            (status, _) => (status, json!("gone")),
        };
        self.0.asked.lock().unwrap().push(body);
        Ok(HttpAnswer { status, body: Zeroizing::new(answer.to_string().into_bytes()) })
    }
}

fn key(service: &Arc<Service>, key: &str) -> Arc<KmsKey> {
    Arc::new(KmsKey::new(Box::new(Line(Arc::clone(service))), key).unwrap())
}

#[tokio::test]
async fn the_master_key_may_stay_in_the_service() {
    let (desk, service) = (Desk::new(), Arc::new(Service::default()));
    let kept = || key(&service, "arn:aws:kms:eu-central-1:1234:key/ab-cd");
    let vault = desk.vault().await;
    vault.set(&name("x"), &Secret::new("canary-1"), Duration::ZERO).await.unwrap();
    drop(vault);
    // From the key file to the service: a rotation like any other.
    let both = ChainedKeys(vec![Box::new(desk.key_file()), Box::new(KmsKeys(kept()))]);
    let vault = desk.vault_with(Box::new(both)).await.unwrap();
    assert_eq!(vault.rotate(kept().id().as_str()).await.unwrap().rewrapped, 1);
    drop(vault);
    std::fs::remove_file(desk.key_file().path()).unwrap();
    let vault = desk.vault_with(Box::new(KmsKeys(kept()))).await.unwrap();
    assert_eq!(values(&vault, "x").await, ["canary-1"]);
    assert!(!holds(&desk.bytes(), "canary-1"));
    let asked = service.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|body| body["KeyId"] == "arn:aws:kms:eu-central-1:1234:key/ab-cd"), "{asked:?}");
}

#[tokio::test]
async fn an_alias_may_be_given_to_another_key() {
    let (desk, service) = (Desk::new(), Arc::new(Service::default()));
    let keys = || Box::new(KmsKeys(key(&service, "alias/sinew")));
    let vault = desk.vault_with(keys()).await.unwrap();
    vault.set(&name("x"), &Secret::new("canary-1"), Duration::ZERO).await.unwrap();
    drop(vault);
    let vault = desk.vault_with(keys()).await.unwrap();
    assert_eq!(values(&vault, "x").await, ["canary-1"]);
    let asked = service.asked.lock().unwrap().clone();
    let named =
        |with: &str| asked.iter().filter(|body| body[with].is_string() && body["KeyId"].is_string()).count();
    assert!(named("Plaintext") > 0 && named("CiphertextBlob") == 0, "{asked:?}");
}

#[tokio::test]
async fn what_goes_wrong_says_what_the_service_said() {
    let (desk, service) = (Desk::new(), Arc::new(Service::default()));
    let vault = desk.vault_with(Box::new(KmsKeys(key(&service, "ab-cd")))).await.unwrap();
    for (status, says) in [
        (403, "AWS KMS refused with 400: AccessDeniedException User is not authorized"),
        (500, "AWS KMS refused with 500: it says no more"),
    ] {
        service.status.store(status, Ordering::SeqCst);
        let error = vault.set(&name("x"), &Secret::new("canary-1"), Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    assert!(KmsKey::new(Box::new(Line(service)), "key with spaces").is_err());
}
