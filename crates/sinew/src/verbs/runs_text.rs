//! Runs as people read them.

use std::fmt::Write as _;

use sinew_control_api::{Attempt, EntryKind, Failure, RunDetail, RunEntry, RunPage, RunStatus};
use sinew_stdx::Json;

use crate::output::{Output, Table, Tint, one_line, whole_line};

/// The list of runs.
pub fn list(page: &RunPage, output: &Output) -> String {
    if page.items.is_empty() {
        return "no run matches".to_owned();
    }
    let mut table = Table::new(&["RUN", "FLOW", "STATUS", "ACCEPTED", "KEY", "WHY"]);
    for run in &page.items {
        let why = [run.reason.as_deref(), run.step.as_deref(), run.due.as_deref()];
        let why: Vec<&str> = why.into_iter().flatten().collect();
        table.row([
            (run.id.clone(), Some(Tint::Strong)),
            (run.flow.clone(), None),
            (run.status.to_string(), Some(tint(run.status))),
            (run.accepted_at.clone(), None),
            (run.key.clone().unwrap_or_default(), None),
            (why.join(" "), None),
        ]);
    }
    let more = page.next.as_ref().map(|next| format!("more: --before {next}\n")).unwrap_or_default();
    table.render(output) + &more
}

/// A run in full.
pub fn detail(of: &RunDetail, output: &Output) -> String {
    let run = &of.run;
    let mut text = format!(
        "{} {}\n",
        output.tint(&run.id, Tint::Strong),
        output.tint(run.status.as_str(), tint(run.status))
    );
    let mut field = |name: &str, value: Option<&str>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let _ = writeln!(text, "  {name:<12} {}", one_line(value));
        }
    };
    field("flow", Some(&format!("{} ({})", run.flow, run.version)));
    field("accepted", Some(&run.accepted_at));
    field("ended", run.ended_at.as_deref());
    field("started by", Some(&of.started_by));
    field("key", run.key.as_deref());
    field("parent", run.parent.as_deref());
    field("trace", Some(&run.correlation_id));
    for wait in &of.waits {
        field("waits", Some(&format!("{}: {}", wait.step, wait.text)));
    }
    text.push('\n');
    for one in &of.timeline {
        text.push_str(&entry(one, output));
        text.push('\n');
    }
    if let Some(failure) = &of.failure {
        let _ = write!(text, "\n{}", self::failure(failure, output));
    }
    text
}

/// One line of a timeline, and its attempts.
pub fn entry(of: &RunEntry, output: &Output) -> String {
    let bad = of.failure.is_some()
        || matches!(
            of.kind,
            EntryKind::Dead | EntryKind::Cancelled | EntryKind::Discarded | EntryKind::Compensated
        );
    let step =
        of.step.as_ref().map(|step| format!("{}: ", output.tint(step, Tint::Strong))).unwrap_or_default();
    // What failed says how to mend it.
    let said = if of.failure.is_some() { whole_line(&of.text) } else { one_line(&of.text) };
    let said = if bad { output.tint(&said, Tint::Bad) } else { said };
    let value = of.value.as_ref().map(|value| format!(" {}", output.tint(&value_shown(value), Tint::Faint)));
    let value =
        value.or_else(|| of.value_omitted_bytes.map(|bytes| format!(" ({bytes} bytes)"))).unwrap_or_default();
    let time = output.tint(&of.at.get(..23).unwrap_or(&of.at).replace('T', " "), Tint::Faint);
    let mut text = format!("{time} {step}{said}{value}");
    for attempt in &of.attempts {
        let _ = write!(text, "\n                        {}", one_attempt(attempt));
    }
    text
}

/// The last line of a run that was followed.
pub fn ended(of: &RunDetail, output: &Output) -> String {
    let mut text = output.tint(of.run.status.as_str(), tint(of.run.status));
    if let Some(failure) = &of.failure {
        let _ = write!(text, "\n{}", self::failure(failure, output));
    }
    text
}

fn one_attempt(of: &Attempt) -> String {
    let request = of.request.as_ref().map_or("nothing was sent", |message| &*message.line);
    let response = of.response.as_ref().map_or("no answer", |message| &*message.line);
    let why = of.failure.as_ref().map(|f| format!(": {} {}", f.code, f.message)).unwrap_or_default();
    one_line(&format!("{} ms  {request} -> {response}{why}", of.took_ms))
}

/// A failure with its help.
pub fn failure(of: &Failure, output: &Output) -> String {
    let mut text =
        format!("{} {}: {}\n", output.tint(&of.code, Tint::Bad), of.reason, whole_line(&of.message));
    if let Some(help) = &of.help {
        let _ = writeln!(text, "  help: {}", whole_line(help));
    }
    text
}

fn value_shown(value: &Json) -> String {
    one_line(value.as_str())
}

fn tint(status: RunStatus) -> Tint {
    match status {
        RunStatus::Finished => Tint::Good,
        RunStatus::Dead => Tint::Bad,
        RunStatus::Undone | RunStatus::Cancelled | RunStatus::Discarded | RunStatus::Waiting => Tint::Odd,
        RunStatus::Queued | RunStatus::Running => Tint::Strong,
    }
}
