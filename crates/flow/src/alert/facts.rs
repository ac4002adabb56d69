//! What messages say of a subject besides what happened: owner, runbook, how to look, and where messages go.

use std::sync::Arc;

use sinew_model::{AlertChannel, AlertKind, ConnectionName, FlowName, Owner, Snapshot, SubscriberName};

use super::book::Topic;

/// What is known of the subject of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `flow lead-intake`, `connection crm`.
    pub(crate) place: String,
    /// Who answers for it; nobody, if it is not in the project any more.
    pub(crate) owner: Option<Owner>,
    /// What to type to see more.
    pub(crate) look: String,
}

/// The flow or connection that a topic is about. A drift names an operation (`crm.getDeal`), a poll's silence its flow.
fn base(topic: &Topic) -> &str {
    let subject: &str = &topic.subject;
    subject.split(['.', '/']).next().unwrap_or(subject)
}

/// Whether what a topic is about is in the project.
pub(crate) fn exists(topic: &Topic, snapshot: &Snapshot) -> bool {
    if topic.kind == AlertKind::Delivery {
        // Some stand in the store only.
        true
    } else if topic.kind.is_of_flow() {
        snapshot.flows.contains_key(base(topic))
    } else {
        snapshot.connections.contains_key(base(topic))
    }
}

/// What is known of the subject.
pub(crate) fn of(topic: &Topic, snapshot: &Snapshot) -> Facts {
    let name = base(topic);
    let (owner, place) = if topic.kind.is_of_flow() {
        let flow = FlowName::new(name).ok().and_then(|name| snapshot.flows.get(&name));
        (flow.map(|flow| flow.owner.clone()), format!("flow `{name}`"))
    } else if topic.kind == AlertKind::Delivery {
        let subscriber = SubscriberName::new(name).ok().and_then(|name| snapshot.subscribers.get(&name));
        (subscriber.map(|subscriber| subscriber.owner.clone()), format!("subscriber `{name}`"))
    } else {
        let connection = ConnectionName::new(name).ok().and_then(|name| snapshot.connections.get(&name));
        let place = match topic.kind {
            AlertKind::Drift => format!("operation `{}`", topic.subject),
            _ => format!("connection `{name}`"),
        };
        (connection.map(|connection| connection.owner.clone()), place)
    };
    let look = match topic.kind {
        AlertKind::DeadLetter => format!("sinew dead list --flow {name}"),
        AlertKind::ErrorRate | AlertKind::TimeBudget => format!("sinew runs list --flow {name}"),
        AlertKind::Silence => format!("sinew runs list --flow {name} --limit 5"),
        AlertKind::Delivery => format!("sinew subscribers show {name}"),
        AlertKind::Credential | AlertKind::BreakerOpen | AlertKind::Drift | AlertKind::Subscription => {
            "sinew alerts".to_owned()
        }
    };
    Facts { place, owner, look }
}

/// The channels that hear of it: those its flow names, else all; and of these those that want its kind.
pub(crate) fn channels(topic: &Topic, snapshot: &Snapshot) -> Vec<Arc<AlertChannel>> {
    let flow = if topic.kind.is_of_flow() { snapshot.flows.get(base(topic)) } else { None };
    let named = flow.map(|flow| flow.alerts.as_slice()).unwrap_or_default();
    let heard =
        snapshot.channels.values().filter(|channel| named.is_empty() || named.contains(&channel.name));
    heard.filter(|channel| channel.on.is_empty() || channel.on.contains(&topic.kind)).cloned().collect()
}
