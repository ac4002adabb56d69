//! MQTT 3.1.1: its protocol, a persistent session that listens, and messages of quality 1.

mod publish;
mod session;
mod source;
mod wire;

use std::sync::Arc;

use tokio::net::TcpStream;

use self::publish::Publisher;
use self::source::MqttSource;
use super::broker::{Broker, Protocol, Reach, Who};
use super::{Client, ClientOptions, NotOpened, Place, TransportError};
use crate::source::{Source, Wanted};

/// A broker that speaks MQTT 3.1.1.
struct Mqtt;

/// Speaks to the broker of a URL.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    Ok(Arc::new(Broker::new(Mqtt, place, options)))
}

impl Protocol for Mqtt {
    type Publisher = Publisher;

    async fn publisher(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
    ) -> Result<Publisher, TransportError> {
        Publisher::begin(reach.secured(tcp, false).await?, who).await
    }

    async fn source(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Box<dyn Source>, TransportError> {
        Ok(Box::new(MqttSource::open(reach.secured(tcp, false).await?, who, wanted).await?))
    }
}
