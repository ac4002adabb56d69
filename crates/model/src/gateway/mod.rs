//! What the gateway exposes, to whom, and how much of it.

mod api;
mod consumer;
mod upstream;

pub use api::{Admission, Api, FieldMatch, FieldTest, Route, RouteMethods, RouteTarget};
pub use consumer::{Consumer, Plan, PlanPriority};
pub use upstream::{Balance, Endpoint, HealthCheck, Outliers, Retries, Upstream, UpstreamTimeouts};
