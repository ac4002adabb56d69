//! What somebody beside an editor wants to know next: what there is, and how it is started.

use sinew_model::{Keeps, Snapshot, Stream, Trigger};
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
            Trigger::Stream(stream) => by_stream(stream),
            Trigger::Event(event) => format!("the event {}", event.event),
            Trigger::Manual => format!("hand: sinew run {}", flow.name),
        };
        table.row([(flow.name.to_string(), Some(Tint::Strong)), (by, None)]);
    }
    if snapshot.flows.is_empty() { "no flow yet".to_owned() } else { table.render(output) }
}

/// What is listened to, and what becomes of what is sent while nobody does.
fn by_stream(stream: &Stream) -> String {
    let (connection, from) = (&stream.connection, &stream.from);
    let joint = if from.starts_with('/') { "" } else { " " };
    let promise = match stream.keeps() {
        Keeps::Position => "goes on behind the last event",
        Keeps::Unacknowledged => "acknowledged when durable",
        Keeps::Nothing => "what is sent while nobody listens is lost",
    };
    format!("the stream {connection}{joint}{from}: {promise}")
}
