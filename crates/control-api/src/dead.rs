use serde::{Deserialize, Serialize};
use sinew_stdx::Json;
use utoipa::{IntoParams, ToSchema};

use crate::{Attempt, DeadStatus, Failure, Reason};

/// A line of the list of dead letters.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// Its id.
    pub id: String,
    /// Its run.
    pub run: String,
    /// Its flow.
    pub flow: String,
    /// The step that failed.
    pub step: String,
    /// The item's number, if it is an item of an `each`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u64>,
    /// Why, in a word.
    pub reason: Reason,
    /// The stable code.
    pub code: String,
    /// What happened, in one sentence.
    pub message: String,
    /// When it gave up.
    pub at: String,
    /// What became of it.
    pub status: DeadStatus,
    /// Whether somebody edited the payload.
    pub edited: bool,
}

/// Which dead letters, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct DeadQuery {
    /// Of this flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// Of this run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// At this step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// For this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// In this state: `open` unless said, `any` for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Given up at or after this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Given up before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// `next` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// At most so many: 50 unless said, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of dead letters.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadPage {
    /// The letters, newest first.
    pub items: Vec<DeadLetter>,
    /// What to give as `before` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// How many dead letters match.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadCount {
    /// So many.
    pub count: u64,
}

/// A dead letter in full.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadDetail {
    /// Its line in the list.
    pub letter: DeadLetter,
    /// What would be worked on again.
    #[schema(value_type = serde_json::Value)]
    pub payload: Json,
    /// Whether the payload is the step's input; else it is the trigger's payload, or the item.
    pub payload_is_input: bool,
    /// What to do about it.
    pub suggestion: String,
    /// The failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Every attempt.
    pub attempts: Vec<Attempt>,
    /// The correlation id (trace id) that its calls carried.
    pub correlation_id: String,
}

/// How to replay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeadReplay {
    /// Go on with the flow as it is now instead of the version that the run started with.
    pub current_flow: bool,
}

/// A dead letter that was sent on its way.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadReplayed {
    /// The run that does the work.
    pub run: String,
}

/// Another payload for a dead letter.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadEdit {
    /// The payload.
    #[schema(value_type = serde_json::Value)]
    pub payload: Json,
}

/// What became of an edit.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadEdited {
    /// The dead letter.
    pub id: String,
    /// Whether it has another payload now. One that says what it said before changes nothing: replayed, the letter is
    /// the same work under the same idempotency keys.
    pub changed: bool,
}

/// Which open dead letters a bulk action is for.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeadSelection {
    /// Of this flow.
    pub flow: Option<String>,
    /// Of this run.
    pub run: Option<String>,
    /// At this step.
    pub step: Option<String>,
    /// For this reason.
    pub reason: Option<String>,
    /// Given up at or after this instant.
    pub since: Option<String>,
    /// Given up before this instant.
    pub until: Option<String>,
}

/// A bulk action on open dead letters: those named, or the next page of those selected. Done in small pieces by
/// asking again with `before`; what is done does not come twice, so it can be interrupted and begun anew.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeadBulk {
    /// These, in this order; 1,000 at most.
    pub ids: Vec<String>,
    /// Or those that match. An empty selection matches all.
    pub selection: Option<DeadSelection>,
    /// `next` of the previous answer.
    pub before: Option<String>,
    /// Of those that match at most so many in one go: 200 unless said, 1,000 at most.
    pub limit: Option<u32>,
    /// When replaying: with the flow as it is now.
    pub current_flow: bool,
}

/// What a bulk action did.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct DeadBulkDone {
    /// How many letters it was done to.
    pub done: u64,
    /// Those it was not done to.
    pub refused: Vec<DeadRefused>,
    /// What to give as `before` to go on; absent if there are no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A dead letter that a bulk action passed over.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct DeadRefused {
    /// The letter.
    pub id: String,
    /// The stable code.
    pub code: String,
    /// Why.
    pub message: String,
}
