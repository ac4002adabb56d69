use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sinew_stdx::Timestamp;
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::document::Document;
use crate::emission::{Emission, Emit, Event, Generated, Outcome};

const EMISSIONS_KEPT: usize = 1000;
const TARGETS_MAX: usize = 100;
/// Deliveries of automatic events under way; beyond that events are dropped and counted.
const AUTOMATIC_MAX: usize = 1024;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_BODY_MAX: usize = 64 * 1024;
const BACKOFF_FIRST: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// How deliveries are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookScheme {
    /// `X-Crm-Signature: sha256=<hex>` over the body.
    #[default]
    Hmac,
    /// Standard Webhooks: `webhook-signature: v1,<base64>` over id, timestamp and body.
    Standard,
}

/// Where the CRM sends webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookTarget {
    /// An `http://` URL.
    pub url: String,
    /// The shared secret; under [`WebhookScheme::Standard`] `whsec_<base64>` is decoded first.
    pub secret: String,
    /// How deliveries are signed.
    #[serde(default)]
    pub scheme: WebhookScheme,
    /// Events that are also sent by themselves when the CRM's state changes.
    #[serde(default)]
    pub automatic: Vec<String>,
}

/// A target whose URL and secret were read.
struct Target {
    id: String,
    declared: WebhookTarget,
    uri: Uri,
    key: hmac::Key,
}

/// The CRM's webhooks: who gets them, and the sending.
pub(crate) struct Webhooks {
    from_start: Vec<WebhookTarget>,
    /// Tells event ids of this process from those of another: receivers remember ids.
    boot: i64,
    targets: Mutex<Vec<Arc<Target>>>,
    next_target: AtomicU64,
    next_event: AtomicU64,
    emissions: Mutex<BTreeMap<u64, Arc<Emission>>>,
    automatic_slots: Arc<Semaphore>,
    automatic_dropped: AtomicU64,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Webhooks {
    pub(crate) fn new(from_start: Vec<WebhookTarget>, clock: &Clock) -> Result<Self, String> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(ANSWER_TIMEOUT));
        let webhooks = Self {
            from_start: Vec::new(),
            boot: clock.now().as_millis(),
            targets: Mutex::default(),
            next_target: AtomicU64::new(1),
            next_event: AtomicU64::new(1),
            emissions: Mutex::default(),
            automatic_slots: Arc::new(Semaphore::new(AUTOMATIC_MAX)),
            automatic_dropped: AtomicU64::new(0),
            client: Client::builder(TokioExecutor::new()).build(connector),
        };
        for target in &from_start {
            webhooks.register(target.clone())?;
        }
        Ok(Self { from_start, ..webhooks })
    }

    /// Adds a target and returns its id.
    pub(crate) fn register(&self, declared: WebhookTarget) -> Result<String, String> {
        let uri: Uri = declared.url.parse().map_err(|e| format!("`{}` is not a URL: {e}", declared.url))?;
        if uri.scheme_str() != Some("http") || uri.host().is_none() {
            return Err(format!("`{}` is not an http:// URL", declared.url));
        }
        let key = match (declared.scheme, declared.secret.strip_prefix("whsec_")) {
            (WebhookScheme::Standard, Some(encoded)) => BASE64_STANDARD
                .decode(encoded)
                .map_err(|e| format!("the secret after `whsec_` is not base64: {e}"))?,
            _ => declared.secret.clone().into_bytes(),
        };
        let mut targets = self.targets.lock();
        if targets.len() >= TARGETS_MAX {
            return Err(format!("there are {TARGETS_MAX} targets already"));
        }
        let id = format!("wh_{}", self.next_target.fetch_add(1, Ordering::Relaxed));
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        targets.push(Arc::new(Target { id: id.clone(), declared, uri, key }));
        Ok(id)
    }

    /// The targets without their secrets.
    pub(crate) fn list(&self) -> serde_json::Value {
        let targets: Vec<_> = self.targets.lock().iter().map(|target| target.show()).collect();
        let dropped = self.automatic_dropped.load(Ordering::Relaxed);
        serde_json::json!({ "data": targets, "automatic_dropped": dropped })
    }

    pub(crate) fn remove_all(&self) {
        self.targets.lock().clear();
    }

    /// Targets as at the start. Event ids go on: receivers remember them.
    pub(crate) fn reset(&self) {
        self.remove_all();
        self.emissions.lock().clear();
        for target in &self.from_start {
            // It was accepted at the start.
            let _ = self.register(target.clone());
        }
    }

    pub(crate) fn emission(&self, id: &str) -> Option<Arc<Emission>> {
        let number = id.strip_prefix("em_")?.parse().ok()?;
        self.emissions.lock().get(&number).cloned()
    }

    /// Plans an emission; [`Webhooks::run`] sends it.
    pub(crate) fn plan(
        &self,
        request: Emit,
        seed: u64,
        generated: Generated,
    ) -> Result<Arc<Emission>, String> {
        request.validate()?;
        if self.targets.lock().is_empty() {
            return Err("no target: register one with POST /_control/crm/webhooks first".to_owned());
        }
        let first_event = self.next_event.fetch_add(request.count, Ordering::Relaxed);
        let emission = Arc::new(Emission::new(request, seed, first_event, generated));
        let mut emissions = self.emissions.lock();
        emissions.insert(first_event, Arc::clone(&emission));
        while emissions.len() > EMISSIONS_KEPT {
            emissions.pop_first();
        }
        Ok(emission)
    }

    /// Sends an emission to the end.
    pub(crate) async fn run(self: Arc<Self>, emission: Arc<Emission>, now: Timestamp) {
        let targets: Arc<[Arc<Target>]> = self.targets.lock().clone().into();
        let workers: Vec<_> = (0..emission.concurrency())
            .map(|_| {
                let (webhooks, emission, targets) =
                    (Arc::clone(&self), Arc::clone(&emission), Arc::clone(&targets));
                tokio::spawn(async move { webhooks.work(&emission, &targets, now).await })
            })
            .collect();
        for worker in workers {
            // A worker that ended early leaves its share undelivered, which the counts show.
            let _ = worker.await;
        }
        emission.finish();
    }

    async fn work(&self, emission: &Emission, targets: &[Arc<Target>], began: Timestamp) {
        while let Some((planned, due)) = emission.take_next() {
            tokio::time::sleep_until(due).await;
            let event = emission.event(self.boot, planned, began);
            let mut worst = Outcome::Delivered;
            for target in targets {
                let attempts_max = emission.attempts_max(planned);
                let (outcome, attempts) = self.deliver(target, &event, attempts_max, planned.tampered).await;
                emission.attempted(attempts);
                worst = if worst == Outcome::Delivered { outcome } else { worst };
            }
            emission.settle(planned, event.id, worst);
        }
    }

    /// Sends an event of its own accord to the targets that asked for it.
    pub(crate) fn changed(self: &Arc<Self>, event: &str, object: Document, now: Timestamp) {
        let wanted = |target: &&Arc<Target>| target.declared.automatic.iter().any(|name| name == event);
        let targets: Vec<Arc<Target>> = self.targets.lock().iter().filter(wanted).cloned().collect();
        if targets.is_empty() {
            return;
        }
        let Ok(slot) = Arc::clone(&self.automatic_slots).try_acquire_owned() else {
            self.automatic_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let number = self.next_event.fetch_add(1, Ordering::Relaxed);
        let event = Event::new(self.boot, number, event, object, now);
        let webhooks = Arc::clone(self);
        tokio::spawn(async move {
            for target in &targets {
                webhooks.deliver(target, &event, Emit::default().attempts, false).await;
            }
            drop(slot);
        });
    }

    /// Tries until 2xx; says how it ended and how often it was tried.
    async fn deliver(&self, target: &Target, event: &Event, attempts: u32, tampered: bool) -> (Outcome, u32) {
        let mut backoff = BACKOFF_FIRST;
        for attempt in 1..=attempts {
            match self.attempt(target, event, tampered).await {
                Some(status) if status.is_success() => return (Outcome::Delivered, attempt),
                Some(status)
                    if status.is_client_error()
                        && status != StatusCode::REQUEST_TIMEOUT
                        && status != StatusCode::TOO_MANY_REQUESTS =>
                {
                    return (Outcome::Refused, attempt);
                }
                Some(_) | None => {}
            }
            if attempt < attempts {
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        }
        (Outcome::GaveUp, attempts)
    }

    /// One attempt; `None` if no answer came.
    async fn attempt(&self, target: &Target, event: &Event, tampered: bool) -> Option<StatusCode> {
        let request = target.signed(event, tampered)?;
        let answer = async {
            let response = self.client.request(request).await.ok()?;
            let status = response.status();
            // Read to the end, so that the connection can be used again.
            let _ = Limited::new(response.into_body(), ANSWER_BODY_MAX).collect().await;
            Some(status)
        };
        tokio::time::timeout(ANSWER_TIMEOUT, answer).await.ok().flatten()
    }
}

impl Target {
    fn show(&self) -> serde_json::Value {
        serde_json::json!({
            "id": self.id,
            "url": self.declared.url,
            "scheme": self.declared.scheme,
            "automatic": self.declared.automatic,
        })
    }

    /// The request for an event. A tampered one has a signature of another body.
    fn signed(&self, event: &Event, tampered: bool) -> Option<Request<Full<Bytes>>> {
        let timestamp_s = event.at.as_millis() / 1000;
        let request = Request::post(self.uri.clone())
            .header("content-type", "application/json")
            .header("user-agent", "sandbox-crm-webhooks/1");
        let salt: &[u8] = if tampered { b"tampered" } else { b"" };
        let request = match self.declared.scheme {
            WebhookScheme::Hmac => {
                let tag = self.tag(&[event.body.as_ref(), salt]);
                request
                    .header("x-crm-signature", format!("sha256={}", hex(&tag)))
                    .header("x-crm-event-id", &event.id)
                    .header("x-crm-event", &event.name)
                    .header("x-crm-timestamp", timestamp_s)
            }
            WebhookScheme::Standard => {
                let head = format!("{}.{timestamp_s}.", event.id);
                let tag = self.tag(&[head.as_bytes(), event.body.as_ref(), salt]);
                request
                    .header("webhook-id", &event.id)
                    .header("webhook-timestamp", timestamp_s)
                    .header("webhook-signature", format!("v1,{}", BASE64_STANDARD.encode(tag)))
            }
        };
        request.body(Full::new(event.body.clone())).ok()
    }

    fn tag(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
