//! AMQP 0-9-1, as RabbitMQ speaks it: its protocol, queues that are consumed, and messages that exchanges confirm.

mod publish;
mod session;
mod source;
mod wire;

use std::sync::Arc;

use tokio::net::TcpStream;

use self::publish::Publisher;
use self::session::{Session, UNBEATEN};
use self::source::AmqpSource;
use super::broker::{Broker, Protocol, Reach, Who};
use super::{Client, ClientOptions, NotOpened, Place, TransportError};
use crate::source::{Source, Wanted};

/// A broker that speaks AMQP 0-9-1.
struct Amqp;

/// Speaks to the broker of a URL.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    Ok(Arc::new(Broker::new(Amqp, place, options)))
}

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
