use std::sync::Arc;
use std::time::Duration;

use sinew_flow_core::{Outcome, Record};
use sinew_stdx::Json;

use super::Performer;
use crate::drive::Performed;
use crate::submit::Emission;
use crate::{Admission, Refusal};

/// How long to wait before an emission that could not be taken is tried again.
const AFTER_REFUSAL: Duration = Duration::from_secs(1);

/// Emits an event. It settles when everything that the event starts or wakes is durable.
pub(crate) async fn emit(
    performer: Performer,
    step: Arc<str>,
    event: Arc<str>,
    key: Option<Arc<str>>,
    payload: Json,
    dedupe: Arc<str>,
) -> Performed {
    loop {
        let emission = Emission {
            event: Arc::clone(&event),
            key: key.clone(),
            payload: payload.clone(),
            dedupe: Some(Arc::clone(&dedupe)),
            principal: performer.principal.clone(),
            trace: performer.trace,
        };
        let outcome = match performer.core.emit(emission).await {
            Ok(admissions) if !admissions.contains(&Admission::BacklogFull) => Outcome::Ok(Json::null()),
            Err(Refusal::Unacceptable(message)) => Outcome::Failed(sinew_model::Failure::new(
                sinew_model::Reason::Mapping,
                sinew_diag::codes::trigger::UNACCEPTABLE_PAYLOAD,
                message,
            )),
            Err(Refusal::Stopping) => return Vec::new(),
            _ if performer.is_over() => return Vec::new(),
            refused => {
                let refusal = refused.err().unwrap_or(Refusal::BacklogFull(event.to_string()));
                tracing::warn!(run = %performer.run, %step, %refusal, "an event could not be emitted yet");
                if !performer.pause(AFTER_REFUSAL).await {
                    return Vec::new();
                }
                continue;
            }
        };
        return vec![Record::Settled { step, outcome, attempts: Vec::new() }];
    }
}
