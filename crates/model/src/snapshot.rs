use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{
    AlertChannel, Api, ApiName, ChannelName, Connection, ConnectionName, Connector, ConnectorId, Consumer,
    ConsumerName, Flow, FlowName, Plan, PlanName, Profile, Subscriber, SubscriberName, Upstream,
    UpstreamName,
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
    /// What the gateway exposes.
    pub apis: BTreeMap<ApiName, Arc<Api>>,
    /// Pools of servers.
    pub upstreams: BTreeMap<UpstreamName, Arc<Upstream>>,
    /// What consumers may call.
    pub plans: BTreeMap<PlanName, Arc<Plan>>,
    /// Who calls the gateway.
    pub consumers: BTreeMap<ConsumerName, Arc<Consumer>>,
    /// What is known of vendors. A project rarely has any; the catalog has nothing else.
    pub profiles: BTreeMap<ConnectorId, Arc<Profile>>,
}
