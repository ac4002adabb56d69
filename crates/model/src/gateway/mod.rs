//! What the gateway exposes, to whom, and how much of it.

mod api;
mod consumer;
mod upstream;

pub use api::{Admission, Api, FieldMatch, FieldTest, Route, RouteMethods, RouteTarget};
pub use consumer::{Consumer, Plan};
pub use upstream::{Balance, Endpoint, Outliers, Retries, Upstream, UpstreamTimeouts};
