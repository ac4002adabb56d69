//! NATS: its protocol, and JetStream over it, as <https://docs.nats.io/reference/reference-protocols> describes them.

mod publish;
mod session;
mod source;
mod wire;

use std::sync::Arc;

use tokio::net::TcpStream;

use self::session::{Session, hello};
use self::source::JetStreamSource;
use super::broker::{Broker, Protocol, Reach, Who};
use super::{Client, ClientOptions, NotOpened, Place, TransportError};
use crate::source::{Source, Wanted};

/// A server or cluster of NATS.
struct Nats;

/// Speaks to the broker of a URL.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    Ok(Arc::new(Broker::new(Nats, place, options)))
}

impl Protocol for Nats {
    type Publisher = Session;

    async fn publisher(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
    ) -> Result<Session, TransportError> {
        session(reach, tcp, who, 0).await
    }

    async fn source(
        &self,
        reach: &Reach,
        tcp: TcpStream,
        who: Who<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Box<dyn Source>, TransportError> {
        let session = session(reach, tcp, who, wanted.data_max()).await?;
        Ok(Box::new(JetStreamSource::open(session, wanted).await?))
    }
}

/// Logs in. TLS begins behind the server's greeting, and before anything is said to it.
async fn session(
    reach: &Reach,
    mut tcp: TcpStream,
    who: Who<'_>,
    data_max: usize,
) -> Result<Session, TransportError> {
    let info = hello(&mut tcp).await?;
    let line = reach.secured(tcp, info.speaks_tls()).await?;
    Session::begin(line, info, who, data_max).await
}
