//! MQTT 3.1.1: its protocol, a persistent session that listens, and messages of quality 1.

mod publish;
mod session;
mod source;
mod wire;

use tokio::net::TcpStream;

use self::publish::Publisher;
use self::source::MqttSource;
use super::TransportError;
use super::broker::{Protocol, Reach, Who};
use crate::source::{Source, Wanted};

/// A broker that speaks MQTT 3.1.1.
pub(super) struct Mqtt;

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
