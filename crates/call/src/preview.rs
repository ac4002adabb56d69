use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use sinew_model::{Connection, Failure, Operation, Principal, PrincipalKind, Priority, SeenMessage, Trace};
use sinew_stdx::Json;

use crate::mask::Masker;
use crate::plan::Plan;
use crate::{CallRequest, ask, request, seen};

/// What goes out, without its credential.
#[derive(Debug)]
pub enum Preview {
    /// A request.
    Http(Box<Request<Bytes>>),
    /// What another transport is asked.
    Ask(SeenMessage),
}

/// What an operation makes of an input. Nothing is sent.
pub fn preview(
    connection: &Arc<Connection>,
    operation: &Arc<Operation>,
    input: &Json,
) -> Result<Preview, Failure> {
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
    let plan = match plan {
        Plan::Http(plan) => plan,
        Plan::Ask(plan) => {
            let formed = ask::form(&plan, &call, call.trace)?;
            return Ok(Preview::Ask(seen::ask(&formed, &Masker::default(), true)));
        }
    };
    let formed = request::form(&plan, &call, call.trace, None)?;
    let mut made = Request::new(formed.body);
    *made.method_mut() = plan.method;
    *made.uri_mut() = formed.uri;
    *made.headers_mut() = formed.headers;
    Ok(Preview::Http(Box::new(made)))
}
