use sinew_control_api as api;
use sinew_model::{Flow, Trigger};
use sinew_stdx::show_duration;
use sinew_store::FlowCounts;

use super::{instant, owner};

/// A flow of the project, with its counts.
pub(crate) fn flow(of: &Flow, counts: Option<&FlowCounts>) -> api::Flow {
    let line = api::Flow {
        name: of.name.to_string(),
        version: of.version.to_string(),
        description: of.description.to_string(),
        owner: owner(&of.owner),
        trigger: trigger(&of.trigger),
        place: of.place.to_string(),
        queued: 0,
        running: 0,
        waiting: 0,
        dead: 0,
        last_accepted_at: None,
        present: true,
    };
    counts.map_or(line.clone(), |counts| counted(line, counts))
}

/// A flow that the project does not have any more, but the store has runs of.
pub(crate) fn flow_gone(counts: &FlowCounts) -> api::Flow {
    let nobody = api::Owner { team: String::new(), contact: String::new(), runbook: String::new() };
    let line = api::Flow {
        name: counts.flow.to_string(),
        version: String::new(),
        description: String::new(),
        owner: nobody,
        trigger: String::new(),
        place: String::new(),
        queued: 0,
        running: 0,
        waiting: 0,
        dead: 0,
        last_accepted_at: None,
        present: false,
    };
    counted(line, counts)
}

fn counted(line: api::Flow, counts: &FlowCounts) -> api::Flow {
    api::Flow {
        queued: counts.queued,
        running: counts.running,
        waiting: counts.waiting,
        dead: counts.dead,
        last_accepted_at: counts.last_accepted_at.map(instant),
        ..line
    }
}

fn trigger(of: &Trigger) -> String {
    match of {
        Trigger::Webhook(webhook) => format!("webhook /hooks/{}", webhook.path),
        Trigger::Schedule(schedule) => format!("schedule {} {}", schedule.cron, schedule.timezone),
        Trigger::Poll(poll) => format!("poll every {}", show_duration(poll.every)),
        Trigger::Stream(stream) => format!("stream {}{}", stream.connection, stream.from),
        Trigger::Event(event) => format!("event {}", event.event),
        Trigger::Manual => "manual".to_owned(),
    }
}
