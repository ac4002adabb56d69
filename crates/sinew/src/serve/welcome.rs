//! What somebody beside an editor wants to know next: what there is, and how it is started.

use sinew_model::{Snapshot, Trigger};
use sinew_stdx::show_duration;

use crate::output::{Output, Table, Tint};

/// The flows, each with what starts it. `hooks` is where webhooks are taken.
pub fn flows(snapshot: &Snapshot, hooks: &str, output: &Output) -> String {
    let mut table = Table::new(&["FLOW", "STARTED BY"]);
    for flow in snapshot.flows.values() {
        let by = match &flow.trigger {
            Trigger::Webhook(webhook) => format!("POST {hooks}/hooks/{}", webhook.path),
            Trigger::Schedule(schedule) => format!("the clock: {} {}", schedule.cron, schedule.timezone),
            Trigger::Poll(poll) => format!("a poll every {}", show_duration(poll.every)),
            Trigger::Stream(stream) => format!("the stream {}{}", stream.connection, stream.from),
            Trigger::Event(event) => format!("the event {}", event.event),
            Trigger::Manual => format!("hand: sinew run {}", flow.name),
        };
        table.row([(flow.name.to_string(), Some(Tint::Strong)), (by, None)]);
    }
    if snapshot.flows.is_empty() { "no flow yet".to_owned() } else { table.render(output) }
}
