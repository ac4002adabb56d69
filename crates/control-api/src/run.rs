use serde::{Deserialize, Serialize};
use sinew_stdx::Json;
use utoipa::{IntoParams, ToSchema};

use crate::{EntryKind, Reason, RunStatus, WaitKind};

/// A line of the run list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its flow.
    pub flow: String,
    /// Its flow's version.
    pub version: String,
    /// Where it stands.
    pub status: RunStatus,
    /// When it was accepted.
    pub accepted_at: String,
    /// When it came to its final state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Its ordering key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it waits for, or why it failed, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When it goes on by itself, if it waits for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// The run that started it as a sub-flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The correlation id (trace id) that its calls carry.
    pub correlation_id: String,
}

/// Which runs, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct RunQuery {
    /// Of this flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<String>,
    /// In one of these states, separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// With this ordering key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Accepted at or after this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Accepted before this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// `next` of the previous page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// At most so many: 50 unless said, 1,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of runs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunPage {
    /// The runs, newest first.
    pub items: Vec<Run>,
    /// What to give as `before` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Starts a run by hand.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunStart {
    /// The flow.
    pub flow: String,
    /// The payload, as its trigger would bring it.
    #[serde(default = "Json::null")]
    #[schema(value_type = serde_json::Value)]
    pub input: Json,
    /// Start it although the trigger's `when` does not want this payload; no key and no dedupe key then.
    #[serde(default)]
    pub force: bool,
    /// Wait so long for its end; 60,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// A run that was started. It is durable.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunStarted {
    /// The run.
    pub run: String,
    /// Whether an earlier run has the same dedupe key; `run` is that one then.
    pub duplicate: bool,
    /// How it ended, if it was waited for and ended in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

/// How a run ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunEnd {
    /// Its state.
    pub status: RunStatus,
    /// Its result, if it finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub result: Option<Json>,
    /// Why not, if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A failure.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// The word to sort by.
    pub reason: Reason,
    /// The stable code.
    pub code: String,
    /// What happened, in one sentence.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The HTTP status, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// One attempt at a call: what was sent and what came back, secrets masked, bodies cut.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    /// When it began.
    pub at: String,
    /// How long it took.
    pub took_ms: u64,
    /// What was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<AttemptMessage>,
    /// What came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<AttemptMessage>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// A request or response as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AttemptMessage {
    /// `POST https://...` or `503 Service Unavailable`.
    pub line: String,
    /// Headers by name and value.
    pub headers: Vec<(String, String)>,
    /// The body, cut at a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// A run in full.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunDetail {
    /// Its line in the list.
    pub run: Run,
    /// Who started it.
    pub started_by: String,
    /// The trigger's payload, as far as the flow reads it.
    #[schema(value_type = serde_json::Value)]
    pub input: Json,
    /// What it waits for.
    pub waits: Vec<RunWait>,
    /// What happened, in order: its journal.
    pub timeline: Vec<RunEntry>,
    /// Its result, if it finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub result: Option<Json>,
    /// Why it did not, if it gave up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What a step waits for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunWait {
    /// The step.
    pub step: String,
    /// For what.
    pub kind: WaitKind,
    /// In words.
    pub text: String,
    /// When it is over by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

/// One thing that happened to a run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RunEntry {
    /// Its place in the journal, from 0.
    pub seq: u32,
    /// When.
    pub at: String,
    /// What kind of record.
    pub kind: EntryKind,
    /// The step, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// In words.
    pub text: String,
    /// The value that came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub value: Option<Json>,
    /// How long the value is, if it is too long to be shown here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_omitted_bytes: Option<usize>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Attempts that failed on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<Attempt>,
}

/// Waits for news of a run.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
pub struct RunWatch {
    /// How many journal entries the caller knows already.
    pub after: u32,
    /// The state that the caller knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// How long to wait for more: 20,000 unless said, 60,000 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// A decision on a step that waits for approval.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// Yes or no.
    pub approved: bool,
    /// The step; may be left out if only one waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Who decides, if not the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A step that waits for somebody's decision.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Approval {
    /// The run.
    pub run: String,
    /// Its flow.
    pub flow: String,
    /// The step.
    pub step: String,
    /// What is asked.
    pub message: String,
    /// Who may decide; anyone if empty.
    pub by: Vec<String>,
    /// Since when it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When it counts as rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
}

/// What waits for a decision.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApprovalList {
    /// The approvals, newest run first.
    pub items: Vec<Approval>,
    /// Whether there may be more, in older runs that were not looked at.
    pub partial: bool,
}
