//! Where emitted events leave the engine: who wants which, and keeping them before the emission settles.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use sinew_model::{Snapshot, SourceFile, Subscriber};
use sinew_stdx::{Json, Timestamp};
use sinew_store::{NewEvent, Store, SubscriberRow, event_matches};
use tokio::sync::Notify;

use super::endpoint::nonce;
use super::record::Record;
use crate::Refusal;
use crate::submit::Emission;

/// The largest body of a delivery.
const BODY_MAX: usize = 1 << 20;

/// A subscriber, as the project or the store has it.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) subscriber: Arc<Subscriber>,
    /// Told when there is something new for it.
    pub(crate) arrived: Arc<Notify>,
}

/// Who is told of events.
#[derive(Default)]
pub(crate) struct Outlet {
    known: RwLock<Arc<BTreeMap<Arc<str>, Known>>>,
    following: tokio::sync::Mutex<()>,
}

impl Outlet {
    pub(crate) fn known(&self) -> Arc<BTreeMap<Arc<str>, Known>> {
        Arc::clone(&self.known.read())
    }

    /// Takes over the subscribers of a project, beside those that came by the control API. Those that the project has no
    /// more are forgotten.
    pub(crate) async fn follow(
        &self,
        store: &Arc<dyn Store>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let _following = self.following.lock().await;
        let before = self.known();
        let mut known = BTreeMap::new();
        let mut kept: BTreeMap<Arc<str>, Record> = BTreeMap::new();
        for row in store.subscribers().await? {
            match serde_json::from_str(&row.record) {
                Ok(record) => drop(kept.insert(row.name, record)),
                Err(error) => {
                    tracing::error!(subscriber = %row.name, %error, "what is kept of it cannot be read");
                }
            }
        }
        for subscriber in snapshot.subscribers.values() {
            let name = subscriber.name.shared();
            if kept.get(&name).is_none_or(|record| record.spec.is_some()) {
                let record = Record::new(&nonce()?, None, now.as_millis());
                save(&**store, &name, &record).await?;
            }
            kept.remove(&name);
            known.insert(name, Arc::clone(subscriber));
        }
        for (name, record) in kept {
            match record.spec.as_deref().map(read) {
                Some(Ok(subscriber)) => drop(known.insert(name, Arc::new(subscriber))),
                Some(Err(why)) => tracing::error!(subscriber = %name, %why, "a subscriber cannot be read"),
                None => remove(store, &name).await?,
            }
        }
        let known = known.into_iter().map(|(name, subscriber)| {
            let arrived = before.get(&name).map(|known| Arc::clone(&known.arrived)).unwrap_or_default();
            (name, Known { subscriber, arrived })
        });
        *self.known.write() = Arc::new(known.collect());
        Ok(())
    }

    /// Keeps an event for everybody who wants it; accepting it again is nothing.
    pub(crate) async fn accept(
        &self,
        store: &dyn Store,
        emission: &Emission,
        id: &str,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let known = self.known();
        let wants =
            |known: &&Known| known.subscriber.events.iter().any(|p| event_matches(p, &emission.event));
        let wanted: Vec<&Known> = known.values().filter(wants).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let body = Json::object([
            ("type", &Json::string(&emission.event)),
            ("timestamp", &Json::string(&now.to_string())),
            ("data", &emission.payload),
        ]);
        if body.as_bytes().len() > BODY_MAX {
            return Err(Refusal::Unacceptable(format!(
                "the event `{}` is larger than {BODY_MAX} bytes, the most that subscribers are sent; emit less, such as a reference",
                emission.event
            )));
        }
        let event = NewEvent {
            id: message_id(id),
            event: Arc::clone(&emission.event),
            key: emission.key.clone(),
            at: now,
            payload: body.as_bytes().into(),
            to: wanted
                .iter()
                .map(|known| (known.subscriber.name.shared(), known.subscriber.ordered))
                .collect(),
        };
        store.event_accept(event).await?;
        for known in wanted {
            known.arrived.notify_one();
        }
        Ok(())
    }
}

pub(super) async fn save(store: &dyn Store, name: &Arc<str>, record: &Record) -> Result<(), Refusal> {
    let row = SubscriberRow { name: Arc::clone(name), record: Json::of(record).as_str().into() };
    Ok(store.subscriber_save(row).await?)
}

/// Removes a subscriber and, a little at a time, its deliveries. Only when all is gone may another have its name: what is
/// removed is known by nothing else.
pub(super) async fn remove(store: &Arc<dyn Store>, name: &Arc<str>) -> Result<(), Refusal> {
    while !store.subscriber_remove(Arc::clone(name)).await? {}
    Ok(())
}

/// Reads a subscriber's resource from its JSON, as the project's are read.
pub(super) fn read(spec: &str) -> Result<Subscriber, String> {
    let files = [SourceFile::new("subscriber.yaml", spec.as_bytes().to_vec())];
    let (snapshot, findings) = sinew_model::load(&files, &BTreeMap::new());
    let subscriber = snapshot.and_then(|snapshot| snapshot.subscribers.into_values().next());
    subscriber.map(Arc::unwrap_or_clone).ok_or_else(|| {
        let said: Vec<String> = findings.iter().map(ToString::to_string).collect();
        if said.is_empty() { "it is no Subscriber".to_owned() } else { said.join("; ") }
    })
}

/// The id of a message: the same for the same emission, and without what separates the parts of what is signed.
fn message_id(emission: &str) -> Arc<str> {
    let hash = blake3::hash(emission.as_bytes()).to_hex();
    format!("msg_{}", &hash[..32]).into()
}
