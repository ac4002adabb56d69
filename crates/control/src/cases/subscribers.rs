use std::time::Duration;

use sinew_control_api as api;
use sinew_flow::deliver::{Deliveries, SubscriberDetail};
use sinew_stdx::{Json, parse_duration};
use sinew_store::{Attempt, DeliveryFilter, DeliveryId, DeliveryRow, DeliveryStatus};

use super::words::{instant, maybe_instant, page_lines};
use crate::{Control, Fault};

/// How long the secret before holds unless said.
const OVERLAP: Duration = Duration::from_hours(24);

fn deliveries(control: &Control) -> &Deliveries {
    &control.inner.deliveries
}

/// All subscribers.
pub(crate) async fn subscriber_list(control: &Control) -> Result<api::SubscriberList, Fault> {
    let all = deliveries(control).list().await?;
    Ok(api::SubscriberList { items: all.iter().map(view).collect() })
}

/// One subscriber.
pub(crate) async fn subscriber_show(control: &Control, name: &str) -> Result<api::Subscriber, Fault> {
    Ok(view(&deliveries(control).show(name).await?))
}

/// Takes in a subscriber.
pub(crate) async fn subscriber_create(
    control: &Control,
    spec: &api::SubscriberSpec,
) -> Result<api::SubscriberMade, Fault> {
    let serde_json::Value::Object(mut fields) = spec.0.to_value() else {
        return Err(Fault::bad_request("the body is a Subscriber, a JSON object"));
    };
    fields.insert("kind".to_owned(), "Subscriber".into());
    let deliveries = deliveries(control);
    let name = deliveries.create(&Json::of(&fields)).await?;
    let subscriber = subscriber_show(control, &name).await?;
    let secret = subscriber.secret_version.map(|_| deliveries.secret(&name)).transpose()?;
    Ok(api::SubscriberMade { subscriber, secret, token: deliveries.token(&name, false).await? })
}

/// Forgets a subscriber.
pub(crate) async fn subscriber_remove(control: &Control, name: &str) -> Result<api::Done, Fault> {
    deliveries(control).remove(name).await?;
    Ok(api::Done { id: name.to_owned() })
}

/// Sends again to a subscriber.
pub(crate) async fn subscriber_enable(control: &Control, name: &str) -> Result<api::Subscriber, Fault> {
    deliveries(control).enable(name).await?;
    subscriber_show(control, name).await
}

/// Sends nothing more to a subscriber.
pub(crate) async fn subscriber_disable(
    control: &Control,
    name: &str,
    by: &str,
) -> Result<api::Subscriber, Fault> {
    deliveries(control).disable(name, &format!("{by} disabled it")).await?;
    subscriber_show(control, name).await
}

/// The secret in force.
pub(crate) fn subscriber_secret(control: &Control, name: &str) -> Result<api::SubscriberSecret, Fault> {
    Ok(api::SubscriberSecret { secret: deliveries(control).secret(name)? })
}

/// Replaces the secret.
pub(crate) async fn subscriber_rotate(
    control: &Control,
    name: &str,
    rotation: &api::SecretRotation,
) -> Result<api::SubscriberSecret, Fault> {
    let overlap = match &rotation.overlap {
        Some(said) => parse_duration(said).map_err(|e| Fault::bad_request(format!("`overlap`: {}", e.0)))?,
        None => OVERLAP,
    };
    Ok(api::SubscriberSecret { secret: deliveries(control).rotate(name, overlap).await? })
}

/// The receiver's token.
pub(crate) async fn subscriber_token(
    control: &Control,
    name: &str,
    ask: &api::ReceiverTokenAsk,
) -> Result<api::ReceiverToken, Fault> {
    Ok(api::ReceiverToken { token: deliveries(control).token(name, ask.renew).await? })
}

/// Delivers past events again.
pub(crate) async fn subscriber_replay(
    control: &Control,
    name: &str,
    replay: &api::EventReplay,
) -> Result<api::EventReplayed, Fault> {
    let (since, until) = (instant(&replay.since)?, maybe_instant(replay.until.as_deref())?);
    Ok(api::EventReplayed { count: deliveries(control).replay(name, since, until).await? })
}

/// A page of deliveries.
pub(crate) async fn delivery_list(
    control: &Control,
    name: &str,
    query: &api::EventDeliveryQuery,
) -> Result<api::EventDeliveryPage, Fault> {
    let status = match query.status.as_deref() {
        None => None,
        Some("pending") => Some(DeliveryStatus::Pending),
        Some("blocked") => Some(DeliveryStatus::Blocked),
        Some("delivered") => Some(DeliveryStatus::Delivered),
        Some("given_up") => Some(DeliveryStatus::GivenUp),
        Some(word) => {
            return Err(Fault::bad_request(format!(
                "`{word}` is no state of a delivery; there are pending, blocked, delivered and given_up"
            )));
        }
    };
    let before = query.before.as_deref().map(delivery_id).transpose()?;
    let limit = page_lines(query.limit)?;
    let found = deliveries(control)
        .deliveries(DeliveryFilter { subscriber: name.into(), status, before, limit })
        .await?;
    let next = found.last().filter(|_| found.len() == limit as usize).map(|row| row.delivery.0.to_string());
    Ok(api::EventDeliveryPage { items: found.iter().map(delivery).collect(), next })
}

/// A delivery with its attempts.
pub(crate) async fn delivery_show(
    control: &Control,
    name: &str,
    id: &str,
) -> Result<api::EventDeliveryDetail, Fault> {
    let (row, attempts) = deliveries(control).delivery(name, delivery_id(id)?).await?;
    Ok(api::EventDeliveryDetail {
        delivery: delivery(&row),
        attempts: attempts.iter().map(attempt).collect(),
    })
}

fn delivery_id(text: &str) -> Result<DeliveryId, Fault> {
    text.parse().map(DeliveryId).map_err(|_| Fault::bad_request(format!("`{text}` is no id of a delivery")))
}

fn view(detail: &SubscriberDetail) -> api::Subscriber {
    let subscriber = &detail.subscriber;
    let (disabled_at, disabled_because) = match &detail.disabled {
        Some((at, why)) => (Some(at.to_string()), Some(why.clone())),
        None => (None, None),
    };
    let state = match (&detail.disabled, detail.failing_since) {
        (Some(_), _) => api::SubscriberState::Disabled,
        (None, Some(_)) => api::SubscriberState::Failing,
        (None, None) => api::SubscriberState::Active,
    };
    api::Subscriber {
        name: subscriber.name.to_string(),
        team: subscriber.owner.team.to_string(),
        url: subscriber.url.to_string(),
        events: subscriber.events.iter().map(ToString::to_string).collect(),
        ordered: subscriber.ordered,
        declared: detail.declared,
        state,
        failing_since: detail.failing_since.map(|at| at.to_string()),
        disabled_at,
        disabled_because,
        last_success: detail.last_success.map(|at| at.to_string()),
        secret_version: detail.secret_version,
        previous_secret_until: detail.previous_until.map(|at| at.to_string()),
        waiting: detail.counts.waiting,
        delivered: detail.counts.delivered,
        given_up: detail.counts.given_up,
    }
}

fn delivery(row: &DeliveryRow) -> api::EventDelivery {
    api::EventDelivery {
        id: row.delivery.0.to_string(),
        message: row.id.to_string(),
        event: row.event.to_string(),
        key: row.key.as_ref().map(ToString::to_string),
        at: row.at.to_string(),
        status: match row.status {
            DeliveryStatus::Pending => api::EventDeliveryStatus::Pending,
            DeliveryStatus::Blocked => api::EventDeliveryStatus::Blocked,
            DeliveryStatus::Delivered => api::EventDeliveryStatus::Delivered,
            DeliveryStatus::GivenUp => api::EventDeliveryStatus::GivenUp,
        },
        attempts: row.attempts,
        next_at: row.due.map(|at| at.to_string()),
        last: row.last.as_ref().map(attempt),
    }
}

fn attempt(attempt: &Attempt) -> api::DeliveryAttempt {
    api::DeliveryAttempt {
        at: attempt.at.to_string(),
        took_ms: attempt.took_ms,
        status: attempt.status,
        excerpt: attempt.excerpt.to_string(),
    }
}
