use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    AlertChannel, ChannelName, Connection, ConnectionName, Connector, ConnectorId, Flow, FlowName, Profile,
    Subscriber, SubscriberName,
};

/// Everything a project says, validated whole. It is never changed, only replaced by another.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Kinds of system.
    pub connectors: BTreeMap<ConnectorId, Arc<Connector>>,
    /// Accounts.
    pub connections: BTreeMap<ConnectionName, Arc<Connection>>,
    /// Integrations.
    pub flows: BTreeMap<FlowName, Arc<Flow>>,
    /// Where alerts go.
    pub channels: BTreeMap<ChannelName, Arc<AlertChannel>>,
    /// Who is told of events.
    pub subscribers: BTreeMap<SubscriberName, Arc<Subscriber>>,
    /// What is known of vendors. A project rarely has any; the catalog has nothing else.
    pub profiles: BTreeMap<ConnectorId, Arc<Profile>>,
}
