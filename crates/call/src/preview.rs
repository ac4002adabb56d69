use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use sinew_model::{Connection, Failure, Operation, Principal, PrincipalKind, Priority, Trace};
use sinew_stdx::Json;

use crate::plan::Plan;
use crate::{CallRequest, request};

/// The request that an operation makes of an input, without its credential. Nothing is sent.
pub fn preview(
    connection: &Arc<Connection>,
    operation: &Arc<Operation>,
    input: &Json,
) -> Result<Request<Bytes>, Failure> {
    let plan = Plan::new(connection, operation)?;
    let call = CallRequest {
        connection: Arc::clone(connection),
        operation: Arc::clone(operation),
        asks: None,
        input: input.clone(),
        principal: Principal::new(PrincipalKind::User, "preview"),
        trace: Trace { trace_id: 1, span_id: 1, sampled: false },
        idempotency_key: Some("preview".into()),
        priority: Priority::Batch,
        deadline: None,
        purpose: "preview".into(),
    };
    let formed = request::form(&plan, &call, call.trace, None)?;
    let mut made = Request::new(formed.body);
    *made.method_mut() = plan.method;
    *made.uri_mut() = formed.uri;
    *made.headers_mut() = formed.headers;
    Ok(made)
}
