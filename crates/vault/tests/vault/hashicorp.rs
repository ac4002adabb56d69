//! Against a small server that answers as the documented HTTP API does.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use sinew_vault::exchange::{Exchange, HttpAnswer, HttpAsk};
use sinew_vault::hashicorp::{Client, ClientOptions, KvSecrets, Login, TransitKey, TransitKeys};
use sinew_vault::{ChainedKeys, MasterKey as _, Secret, SecretError, SecretSource as _};
use zeroize::Zeroizing;

use crate::desk::{Desk, holds, name, values};

/// The service: AppRole, KV v2 at `secret`, transit key `sinew`.
#[derive(Default)]
struct Service {
    asked: AtomicU32,
    logins: AtomicU32,
    down: AtomicBool,
    paths: Mutex<Vec<String>>,
}

struct Line(Arc<Service>);

impl Service {
    fn token(&self) -> String {
        format!("hvs.token-{}", self.logins.load(Ordering::SeqCst))
    }

    fn answer(&self, ask: &HttpAsk) -> (u16, Value) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.paths.lock().unwrap().push(ask.path.clone());
        let body: Value = ask.body.as_ref().map_or(Value::Null, |b| serde_json::from_slice(b).unwrap());
        if (ask.method, &*ask.path) == ("POST", "/v1/auth/approle/login") {
            if body["secret_id"] != "role-secret" {
                return (400, json!({ "errors": ["invalid role or secret ID"] }));
            }
            self.logins.fetch_add(1, Ordering::SeqCst);
            return (200, json!({ "auth": { "client_token": self.token(), "lease_duration": 3600 } }));
        }
        let header = |name: &str| {
            let found = ask.headers.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.expose().to_owned())
        };
        if header("x-vault-token") != Some(self.token()) || header("x-vault-request").is_none() {
            return (403, json!({ "errors": ["permission denied"] }));
        }
        match (ask.method, &*ask.path) {
            ("GET", "/v1/secret/data/crm") => (
                200,
                json!({ "lease_duration": 0, "data": { "data": { "client": "s3cret", "n": 5 }, "metadata": {} } }),
            ),
            ("GET", "/v1/secret/data/erp/password") => {
                (200, json!({ "lease_duration": 0, "data": { "data": { "value": "pass" } } }))
            }
            ("GET", "/v1/secret/data/gone") => (404, json!({ "data": { "data": null } })),
            ("POST", "/v1/transit/encrypt/sinew") => {
                let text = body["plaintext"].as_str().unwrap();
                (200, json!({ "data": { "ciphertext": format!("vault:v1:{}", backwards(text)) } }))
            }
            ("POST", "/v1/transit/decrypt/sinew") => {
                match body["ciphertext"].as_str().unwrap().strip_prefix("vault:v1:") {
                    Some(text) => (200, json!({ "data": { "plaintext": backwards(text) } })),
                    None => (400, json!({ "errors": ["invalid ciphertext: no prefix"] })),
                }
            }
            _ => (404, json!({ "errors": [] })),
        }
    }
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

impl Exchange for Line {
    fn exchange(&self, ask: HttpAsk) -> Result<HttpAnswer, String> {
        if self.0.down.load(Ordering::SeqCst) {
            return Err("connection refused".to_owned());
        }
        let (status, body) = self.0.answer(&ask);
        Ok(HttpAnswer { status, body: Zeroizing::new(body.to_string().into_bytes()) })
    }
}

fn client(service: &Arc<Service>, secret_id: &str) -> Arc<Client> {
    let login = Login::AppRole {
        role_id: "role".to_owned(),
        secret_id: Secret::new(secret_id),
        mount: "approle".to_owned(),
    };
    Arc::new(Client::new(Box::new(Line(Arc::clone(service))), ClientOptions { login, namespace: None }))
}

#[test]
fn a_reference_is_a_field_of_a_path_or_the_value_of_its_own() {
    let service = Arc::new(Service::default());
    let kv = KvSecrets::new(client(&service, "role-secret"), "secret");
    assert_eq!(kv.resolve(&name("crm/client")).unwrap().expose(), "s3cret");
    assert_eq!(kv.resolve(&name("erp/password")).unwrap().expose(), "pass");
    assert!(matches!(kv.resolve(&name("crm/n")), Err(SecretError::Unusable { .. })));
    for absent in ["crm/other", "gone", "nowhere/at/all"] {
        let error = kv.resolve(&name(absent)).unwrap_err();
        assert!(matches!(&error, SecretError::Missing { .. }), "{error}");
    }
    let asked = service.asked.load(Ordering::SeqCst);
    assert!(kv.resolve(&name("crm/client")).is_ok() && kv.resolve(&name("gone")).is_err());
    assert_eq!(service.asked.load(Ordering::SeqCst), asked, "what is known is not asked again");
    assert_eq!(service.logins.load(Ordering::SeqCst), 1);
}

#[test]
fn a_token_that_was_taken_back_is_replaced() {
    let service = Arc::new(Service::default());
    let kv = KvSecrets::new(client(&service, "role-secret"), "secret");
    assert!(kv.resolve(&name("crm/client")).is_ok());
    service.logins.fetch_add(7, Ordering::SeqCst);
    assert_eq!(kv.resolve(&name("erp/password")).unwrap().expose(), "pass");
}

#[test]
fn what_goes_wrong_is_said_without_secrets() {
    let service = Arc::new(Service::default());
    let kv = KvSecrets::new(client(&service, "wrong-secret"), "secret");
    let message = kv.resolve(&name("crm/client")).unwrap_err().to_string();
    assert!(message.contains("invalid role or secret ID") && !message.contains("wrong-secret"), "{message}");
    service.down.store(true, Ordering::SeqCst);
    let message = kv.resolve(&name("crm/client")).unwrap_err().to_string();
    assert!(message.contains("connection refused"), "{message}");
}

#[tokio::test]
async fn the_master_key_may_stay_in_the_service() {
    let (desk, service) = (Desk::new(), Arc::new(Service::default()));
    let transit = || Arc::new(TransitKey::new(client(&service, "role-secret"), "transit", "sinew").unwrap());
    let vault = desk.vault().await;
    vault.set(&name("x"), &Secret::new("canary-1"), Duration::ZERO).await.unwrap();
    drop(vault);
    // From the key file to the service: a rotation like any other.
    let both = ChainedKeys(vec![Box::new(desk.key_file()), Box::new(TransitKeys(transit()))]);
    let vault = desk.vault_with(Box::new(both)).await.unwrap();
    assert_eq!(vault.rotate(transit().id().as_str()).await.unwrap().rewrapped, 1);
    drop(vault);
    std::fs::remove_file(desk.key_file().path()).unwrap();
    let vault = desk.vault_with(Box::new(TransitKeys(transit()))).await.unwrap();
    assert_eq!(values(&vault, "x").await, ["canary-1"]);
    assert!(!holds(&desk.bytes(), "canary-1"));
    service.down.store(true, Ordering::SeqCst);
    let message = vault.values(&name("x")).await.unwrap_err().to_string();
    assert!(message.contains("not available: connection refused"), "{message}");
    assert!(TransitKey::new(client(&service, "x"), "transit", "../sys").is_err());
}
