use sinew_diag::codes::call as codes;
use sinew_mapping::{Limits, Moment, Scope};
use sinew_model::{Effect, Failure, Probe, Reason};
use sinew_stdx::Json;

use crate::{CallRequest, Caller};

/// What a probe found out about a call whose answer was lost.
#[derive(Clone, Debug)]
pub enum ProbeResult {
    /// It took effect, and would have answered this.
    Found(Json),
    /// It took no effect.
    NotFound,
    /// The operation has no probe.
    NoProbe,
    /// The probe itself failed; it may be tried again (see [`crate::decide`]).
    Failed(Failure),
}

pub(crate) async fn ask(caller: &Caller, lost: &CallRequest) -> ProbeResult {
    let Some(probe) = &lost.operation.probe else { return ProbeResult::NoProbe };
    let moment = Moment { now: caller.now(), seed: 0 };
    let question = match question(lost, probe, moment) {
        Ok(question) => question,
        Err(failure) => return ProbeResult::Failed(failure),
    };
    let answer = match caller.attempt(&question).await.outcome {
        Ok(answer) => answer,
        // Looking for one record by its key, some systems say "not found" by status.
        Err(failure) if *failure.code == *codes::NOT_FOUND.as_str() => return ProbeResult::NotFound,
        Err(failure) => return ProbeResult::Failed(failure),
    };
    match probe.found.evaluate(&Scope::root(&answer), moment, &Limits::default()) {
        Ok(Some(found)) if !found.is_null() => ProbeResult::Found(found),
        Ok(_) => ProbeResult::NotFound,
        Err(error) => ProbeResult::Failed(broken(lost, &format!("`found` failed: {error}"))),
    }
}

/// The call that asks.
fn question(lost: &CallRequest, probe: &Probe, moment: Moment) -> Result<CallRequest, Failure> {
    let operation = lost.connection.connector.operations.get(probe.operation.as_str());
    let operation = operation
        .filter(|operation| operation.effect == Effect::Read)
        .ok_or_else(|| broken(lost, &format!("`{}` is no reading operation", probe.operation)))?;
    let scope = Scope::new().with("input", &lost.input);
    let input = probe
        .with
        .evaluate(&scope, moment, &Limits::default())
        .map_err(|error| broken(lost, &format!("`with` failed: {error}")))?;
    Ok(CallRequest { operation, asks: None, input, idempotency_key: None, ..lost.clone() })
}

fn broken(lost: &CallRequest, what: &str) -> Failure {
    let message = format!("the probe of `{}.{}`: {what}", lost.connection.name, lost.operation.id);
    Failure::new(Reason::Mapping, codes::PROBE_BROKEN, message)
}
