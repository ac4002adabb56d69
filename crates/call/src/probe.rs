use sinew_model::Failure;
use sinew_stdx::Json;

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
