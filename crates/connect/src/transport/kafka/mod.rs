//! Kafka: its protocol, topics that are read from a position, and records that are kept by all who have to.

mod batch;
mod cluster;
mod fetched;
mod group;
mod publish;
mod scram;
mod session;
mod source;
mod wire;

use std::sync::Arc;

use self::cluster::Cluster;
use self::source::KafkaSource;
use super::broker::Reach;
use super::{Ask, Client, ClientOptions, NotOpened, Now, Pending, Place, Told, TransportError};
use crate::Limits;
use crate::auth::Login;
use crate::source::{Source, Wanted};

/// Speaks to one cluster under one log-in.
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    let cluster = Cluster::new(Reach::new(place, options), options.idle_max);
    Ok(Arc::new(Kafka { cluster: Arc::new(cluster), now: Arc::clone(&options.now) }))
}

struct Kafka {
    cluster: Arc<Cluster>,
    now: Now,
}

impl Client for Kafka {
    fn perform<'a>(
        &'a self,
        ask: &'a Ask,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Told, TransportError>> {
        Box::pin(async move {
            match ask {
                Ask::Publish(message) => {
                    publish::publish(&self.cluster, message, login, limits, &self.now).await
                }
                _ => Err(TransportError::foreign()),
            }
        })
    }

    fn listen<'a>(
        &'a self,
        wanted: &'a Wanted<'a>,
        login: Option<&'a Login>,
        limits: &'a Limits,
    ) -> Pending<'a, Result<Box<dyn Source>, TransportError>> {
        Box::pin(async move {
            let source = KafkaSource::open(&self.cluster, wanted, login, limits).await?;
            Ok(Box::new(source) as Box<dyn Source>)
        })
    }
}
