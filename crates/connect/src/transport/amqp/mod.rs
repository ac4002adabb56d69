//! AMQP 0-9-1, as RabbitMQ speaks it: its protocol, queues that are consumed, and messages that exchanges confirm.

mod publish;
mod session;
mod source;
mod wire;

use tokio::net::TcpStream;

use self::publish::Publisher;
use self::session::{Session, UNBEATEN};
use self::source::AmqpSource;
use super::TransportError;
use super::broker::{Protocol, Reach, Who};
use crate::source::{Source, Wanted};

/// A broker that speaks AMQP 0-9-1.
pub(super) struct Amqp;

impl Protocol for Amqp {
    type Publisher = Publisher;

    async fn publisher(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
    ) -> Result<Publisher, TransportError> {
        let line = reach.secured(tcp, false).await?;
        Publisher::begin(Session::begin(line, who, vhost(reach), UNBEATEN).await?).await
    }

    async fn source(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Box<dyn Source>, TransportError> {
        let line = reach.secured(tcp, false).await?;
        let session = Session::begin(line, who, vhost(reach), wanted.heartbeat_s()).await?;
        Ok(Box::new(AmqpSource::open(session, wanted).await?))
    }
}

/// The virtual host of a URL.
fn vhost(reach: &Reach) -> &str {
    if reach.place.path.is_empty() { "/" } else { &reach.place.path }
}
