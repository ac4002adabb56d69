use std::sync::Arc;
use std::time::Duration;

use sinew_control_api as api;
use sinew_flow::{Admission, RunDetail, Submission};
use sinew_flow_core::Decision;
use sinew_model::{Flow, FlowName, Principal, Trace};
use sinew_store::{RunFilter, RunId, RunStatus, RunSummary};

use super::words::{id, maybe_id, maybe_instant, page_lines, shared};
use crate::{Control, Fault, view};

/// The longest that a caller may wait within one request.
const WAIT_MAX: Duration = Duration::from_mins(1);
/// How long a watcher waits unless it says.
const WATCH_FOR: Duration = Duration::from_secs(20);
/// How often a watched run is looked at. The journal is the truth, and tells nobody.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// A page of runs.
pub(crate) async fn run_list(control: &Control, query: &api::RunQuery) -> Result<api::RunPage, Fault> {
    let limit = page_lines(query.limit)?;
    let filter = RunFilter {
        flow: shared(query.flow.as_deref()),
        statuses: statuses(query.status.as_deref().unwrap_or_default())?,
        ordering_key: shared(query.key.as_deref()),
        since: maybe_instant(query.since.as_deref())?,
        until: maybe_instant(query.until.as_deref())?,
        before: maybe_id(query.before.as_deref())?,
        limit,
    };
    let mut found = control.store().runs(filter).await?;
    for run in &mut found {
        explain_queueing(control, run).await?;
    }
    let next = found.last().filter(|_| found.len() == limit as usize).map(|run| run.run.to_string());
    Ok(api::RunPage { items: found.iter().map(view::run).collect(), next })
}

fn statuses(words: &str) -> Result<Vec<RunStatus>, Fault> {
    let known = || RunStatus::ALL.map(RunStatus::as_str).join(", ");
    words
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(|word| {
            RunStatus::from_word(word).ok_or_else(|| {
                Fault::bad_request(format!("`{word}` is no state of a run; there are {}", known()))
            })
        })
        .collect()
}

/// A run in full.
pub(crate) async fn run_show(control: &Control, run: &str) -> Result<api::RunDetail, Fault> {
    let mut detail = inspect(control, id(run)?).await?;
    explain_queueing(control, &mut detail.summary).await?;
    Ok(view::run_detail(&detail))
}

/// Says of a run that waits for its ordering key whom it is behind.
async fn explain_queueing(control: &Control, run: &mut RunSummary) -> Result<(), Fault> {
    if run.status != RunStatus::Queued || run.ordering_key.is_none() {
        return Ok(());
    }
    if let Some(ahead) = control.store().run_ahead(run.run).await? {
        run.reason = Some(Arc::from(format!("behind {} ({})", ahead.run, ahead.status.as_str())));
    }
    Ok(())
}

pub(crate) async fn inspect(control: &Control, run: RunId) -> Result<RunDetail, Fault> {
    Ok(control.engine().inspect(run).await?)
}

/// A run in full, as soon as there is more of it than the caller knows.
pub(crate) async fn run_watch(
    control: &Control,
    run: &str,
    watch: &api::RunWatch,
) -> Result<api::RunDetail, Fault> {
    let run = id(run)?;
    let patience = watch.wait_ms.map_or(WATCH_FOR, Duration::from_millis).min(WAIT_MAX);
    let end = tokio::time::Instant::now() + patience;
    loop {
        let seen = control.store().run_progress(run).await?;
        // A run that is not there is refused by looking at it.
        let news = seen.is_none_or(|seen| {
            seen.entries > watch.after
                || seen.status.is_final()
                || watch.status.is_some_and(|known| known != view::status(seen.status))
        });
        if news || tokio::time::Instant::now() >= end {
            return Ok(view::run_detail(&inspect(control, run).await?));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Starts a run by hand.
pub(crate) async fn run_start(
    control: &Control,
    start: api::RunStart,
    by: Principal,
    trace: Trace,
) -> Result<api::RunStarted, Fault> {
    let flow = flow(control, &start.flow)?;
    let submission = submission(control, &flow, &start, by, trace)?;
    let (admission, end) = match start.wait_ms {
        None => (control.engine().submit(vec![submission], None).await?.first().copied(), None),
        Some(ms) => {
            let patience = Duration::from_millis(ms).min(WAIT_MAX);
            let (admission, end) = control.engine().submit_and_wait(submission, patience).await?;
            (Some(admission), end)
        }
    };
    let (run, duplicate) = match admission {
        Some(Admission::Accepted(run)) => (run, false),
        Some(Admission::Duplicate(run)) => (run, true),
        Some(Admission::BacklogFull) => return Err(sinew_flow::Refusal::BacklogFull(start.flow).into()),
        None => return Err(Fault::internal("the engine gave no answer to a submission")),
    };
    Ok(api::RunStarted { run: run.to_string(), duplicate, end: end.map(view::run_end) })
}

fn flow(control: &Control, name: &str) -> Result<Arc<Flow>, Fault> {
    let snapshot = control.engine().snapshot();
    let found = FlowName::new(name).ok().and_then(|name| snapshot.flows.get(&name).cloned());
    found.ok_or_else(|| {
        let names: Vec<&str> = snapshot.flows.keys().take(20).map(FlowName::as_str).collect();
        Fault::missing(format!("flow `{name}`")).help(format!("there are {}", names.join(", ")))
    })
}

/// The submission that the trigger would have made of this payload.
fn submission(
    control: &Control,
    flow: &Arc<Flow>,
    start: &api::RunStart,
    by: Principal,
    trace: Trace,
) -> Result<Submission, Fault> {
    if start.force {
        return Ok(Submission::new(Arc::clone(flow), start.input.clone(), by, trace));
    }
    let unacceptable = |detail: String| Fault::from(sinew_flow::Refusal::Unacceptable(detail));
    let read = Submission::read(flow, start.input.clone(), by, trace, control.now())
        .map_err(|why| unacceptable(why.message.to_string()))?;
    read.ok_or_else(|| {
        unacceptable(format!("the trigger's `when` of flow `{}` does not want this payload", flow.name))
            .help("start it all the same with `force`")
    })
}

/// Stops a run.
pub(crate) async fn run_cancel(control: &Control, run: &str, by: Principal) -> Result<api::Done, Fault> {
    control.engine().cancel(id(run)?, by).await?;
    Ok(api::Done { id: run.to_owned() })
}

/// Decides on an approval.
pub(crate) async fn run_decide(
    control: &Control,
    run: &str,
    decide: api::Decide,
    caller: &Principal,
) -> Result<api::Done, Fault> {
    let decision = Decision {
        approved: decide.approved,
        by: decide.by.map_or_else(|| Arc::clone(&caller.name), Arc::from),
        note: decide.note.map(Arc::from),
    };
    control.engine().decide(id(run)?, decide.step.map(Arc::from), decision).await?;
    Ok(api::Done { id: run.to_owned() })
}
