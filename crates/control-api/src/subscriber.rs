use serde::{Deserialize, Serialize};
use sinew_stdx::Json;
use utoipa::{IntoParams, ToSchema};

use crate::{EventDeliveryStatus, SubscriberState};

/// A subscriber to events, and how it stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Subscriber {
    /// Its name.
    pub name: String,
    /// The team that answers for it.
    pub team: String,
    /// Where events are delivered.
    pub url: String,
    /// Which events.
    pub events: Vec<String>,
    /// Whether events with the same key are delivered one at a time, in order.
    pub ordered: bool,
    /// Whether it stands in the project; else it came by this API.
    pub declared: bool,
    /// How it stands.
    pub state: SubscriberState,
    /// Since when nothing has succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<String>,
    /// Since when nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<String>,
    /// Why nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_because: Option<String>,
    /// When a delivery was last taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// Which of its secrets is in force; absent if it brings its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_version: Option<u32>,
    /// Until when the secret before holds too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_secret_until: Option<String>,
    /// Deliveries to be made.
    pub waiting: u64,
    /// Deliveries made.
    pub delivered: u64,
    /// Deliveries given up.
    pub given_up: u64,
}

/// All subscribers, by name.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubscriberList {
    /// The subscribers.
    pub items: Vec<Subscriber>,
}

/// A subscriber that was made, with what its receiver needs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubscriberMade {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// What deliveries are signed with; absent if it brings its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The token by which its receiver sees its own deliveries.
    pub token: String,
}

/// A secret that deliveries are signed with.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SubscriberSecret {
    /// The secret, as Standard Webhooks write it.
    pub secret: String,
}

/// How to replace a secret.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecretRotation {
    /// How long the secret before holds too: `24h` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<String>,
}

/// A receiver's token.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ReceiverToken {
    /// The token.
    pub token: String,
}

/// Whether a token is to be a new one.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiverTokenAsk {
    /// Make a new one; the one before is good for nothing then.
    pub renew: bool,
}

/// Which events to deliver again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventReplay {
    /// Those that happened at or after this instant.
    pub since: String,
    /// And before this one; now unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What a replay came to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventReplayed {
    /// So many deliveries will be made again.
    pub count: u64,
}

/// A delivery.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventDelivery {
    /// Its id with its subscriber.
    pub id: String,
    /// The message's id, as the receiver sees it.
    pub message: String,
    /// The event.
    pub event: String,
    /// The event's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When the event happened.
    pub at: String,
    /// Where it stands.
    pub status: EventDeliveryStatus,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<String>,
    /// The last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<DeliveryAttempt>,
}

/// One attempt at a delivery.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeliveryAttempt {
    /// When.
    pub at: String,
    /// How long it took.
    pub took_ms: u64,
    /// The status answered, if one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The beginning of what was answered, or why nothing was.
    pub excerpt: String,
}

/// A page of deliveries, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventDeliveryPage {
    /// The deliveries.
    pub items: Vec<EventDelivery>,
    /// What to give as `before` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A delivery in full.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EventDeliveryDetail {
    /// Its line in the list.
    pub delivery: EventDelivery,
    /// The attempts that are kept, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
}

/// Which deliveries.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct EventDeliveryQuery {
    /// Only those that stand so: `pending`, `blocked`, `delivered` or `given_up`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `next` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// At most so many: 50 unless said, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A Subscriber resource as JSON, `kind` left out or not.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = serde_json::Value)]
pub struct SubscriberSpec(
    /// The resource.
    pub Json,
);
