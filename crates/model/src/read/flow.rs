use std::sync::Arc;

use sinew_diag::{Place, codes::config};
use sinew_mapping::Reads;

use crate::raw::Node;
use crate::shape::{
    CHANNEL_NAME, FLOW_NAME, Record, Resource, Shape, Words, default, optional, required, words,
};
use crate::{ChannelName, Flow, FlowLimits, FlowName, FlowVersion, KeyPolicy, OnFailure, Priority};

use super::fields::Fields;
use super::reader::Reader;
use super::step::StepReader;
use super::step_shape::STEPS;
use super::{asks, keep, owner, trigger};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Flow",
    record: &FLOW,
    example: "\
kind: Flow
name: closed-won-to-invoice
description: A deal that is won becomes an invoice.
owner: { team: revenue-operations, contact: revops@example.com, runbook: runbooks/invoices.md }
trigger:
  webhook: { connection: crm, event: deal.updated, when: 'stage = \"closed_won\"', key: deal_id, dedupe: event_id }
steps:
  - customer: { call: crm.getContact, with: { id: trigger.contact_id } }
  - invoice:
      call: billing.createInvoice
      with:
        contact_full_name: customer.client_name
        currency: $uppercase(trigger.currency)
        total: $number(trigger.amount)
      retry: { attempts: 8, base: 1s, max: 10m }
      undo: { call: billing.voidInvoice, with: { id: invoice.id } }
  - note: { call: crm.addNote, with: { deal_id: trigger.deal_id, text: '\"Invoice \" & invoice.number' } }
on_failure: undo
on_dead: { alert: [ops-chat] }
",
};

static FLOW: Record = Record {
    name: "Flow",
    doc: "The durable integration itself: a trigger, steps and an error policy. Expressions in steps see `trigger` and every earlier step of their block and of the blocks around it.",
    fields: &[&[
        required("name", Shape::Name(&FLOW_NAME), "Its name.").like("closed-won-to-invoice"),
        default("description", Shape::Text, "", "What it is for."),
        owner::REQUIRED,
        required("trigger", trigger::SHAPE, "What starts it.").like("{ webhook: { connection: crm } }"),
        required("steps", STEPS, "What it does, in order.").like("[{ customer: { call: crm.getContact } }]"),
        optional("result", Shape::Template, "What it answers, over all steps' values; null if left out.")
            .like("{ invoice: invoice.id }"),
        default(
            "on_failure",
            Shape::Word(OnFailure::WORDS),
            "dead_letter",
            "What happens when a step fails for good and nothing catches it.",
        ),
        optional("on_dead", Shape::Record(&ON_DEAD), "What a dead letter means for others."),
        default(
            "priority",
            Shape::Word(Priority::WORDS),
            "interactive",
            "Who goes first when there is not enough for all.",
        ),
        optional("limits", Shape::Record(&LIMITS), "Its bounds."),
        optional("silence", Shape::Duration, "Alert when it was not triggered for so long.").like("26h"),
        default("keep", Shape::Word(Keep::WORDS), "read", "What is stored of payloads and answers."),
    ]],
};

words!(OnFailure {
    DeadLetter = "dead_letter", "the work is kept whole, ready to be replayed";
    Undo = "undo", "steps done so far are undone in reverse order; if that fails too, a dead letter is kept";
});
words!(Priority {
    Interactive = "interactive", "somebody waits for it";
    Batch = "batch", "it may take its time";
});
words!(Keep {
    Read = "read", "only what expressions read; the rest is dropped before anything is stored";
    All = "all", "everything, for looking into while building";
});
words!(KeyPolicy {
    Block = "block", "runs behind it that have the same key wait until it is replayed or discarded";
    Pass = "pass", "they go on";
});

/// What is stored of payloads and answers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Read,
    All,
}

static ON_DEAD: Record = Record {
    name: "on_dead",
    doc: "What a dead letter means for others.",
    fields: &[&[
        default(
            "key",
            Shape::Word(KeyPolicy::WORDS),
            "block",
            "What becomes of the runs behind it that have the same key.",
        ),
        optional(
            "alert",
            Shape::List(&Shape::Name(&CHANNEL_NAME)),
            "The channels that this flow's alerts go to; all of the project's if left out.",
        )
        .like("[ops-chat]"),
    ]],
};

static LIMITS: Record = Record {
    name: "limits",
    doc: "The bounds of a flow.",
    fields: &[&[
        default(
            "in_flight",
            Shape::Count(1, 1_000_000),
            "512",
            "Runs under way at once on a node; more wait in the store.",
        ),
        default(
            "backlog",
            Shape::Count(1, u64::MAX),
            "1000000",
            "Accepted runs that wait; beyond that senders get 429.",
        ),
        optional("time_budget", Shape::Duration, "Alert when a run takes longer.").like("5m"),
    ]],
};

/// A flow, and the flows that its steps start.
pub(crate) struct ReadFlow {
    pub(crate) flow: Flow,
    pub(crate) sub_flows: Vec<(FlowName, Place)>,
}

/// Reads a flow. `source` is the text by which this version of it is known.
pub(crate) fn read(root: &Node, source: &str, reader: &mut Reader<'_>) -> Option<ReadFlow> {
    let fields = Fields::of(root, &FLOW);
    let trigger = trigger::read(fields, reader);
    let on_failure = fields.word("on_failure");
    // A word that is none has been reported; it says nothing about the steps.
    let mut steps = StepReader::new(reader, on_failure.unwrap_or(OnFailure::Undo));
    let mut block = steps.steps(fields.node("steps"));
    let result = fields.node("result").and_then(|node| steps.mapping(Some(node)));
    let (mut total, sub_flows) = steps.finish();
    if fields.word("keep") == Some(Keep::All) {
        total = Reads::Everything;
    }
    keep::assign(&mut block, &Reads::nothing(), &total);
    asks::assign(&mut block, &reader.known.connections, &total, &mut reader.out);
    let on_dead = fields.record("on_dead");
    let alerts = on_dead.map(|on_dead| alerts(on_dead, reader)).unwrap_or_default();
    let flow = Flow {
        name: FlowName::new(fields.said("name")?).ok()?,
        version: FlowVersion::of(source),
        description: fields.text("description").unwrap_or_default(),
        owner: owner::read(fields.record("owner")?)?,
        place: fields.node("name")?.place.clone(),
        trigger: trigger?,
        block,
        result,
        on_failure: on_failure?,
        on_dead_key: on_dead.map_or(Some(KeyPolicy::Block), |on_dead| on_dead.word("key"))?,
        alerts,
        priority: fields.word("priority")?,
        limits: fields.record("limits").map_or_else(|| Some(FlowLimits::default()), limits)?,
        silence: fields.duration("silence"),
        keep_trigger: total.under("trigger"),
        source: Arc::from(source),
    };
    Some(ReadFlow { flow, sub_flows })
}

fn alerts(on_dead: Fields<'_>, reader: &mut Reader<'_>) -> Vec<ChannelName> {
    let mut channels = Vec::new();
    for node in on_dead.items("alert") {
        let Some(name) = node.text() else { continue };
        let declared = &reader.known.declared.channels;
        if declared.contains(name) {
            channels.extend(ChannelName::new(name));
        } else {
            let names = declared.iter().map(String::as_str);
            let message = format!("unknown alert channel `{name}`");
            reader.unknown(config::UNKNOWN_CHANNEL, message, node.place.clone(), name, names);
        }
    }
    channels
}

fn limits(fields: Fields<'_>) -> Option<FlowLimits> {
    Some(FlowLimits {
        in_flight_max: fields.positive("in_flight")?,
        backlog_max: fields.count("backlog")?,
        time_budget: fields.duration("time_budget"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::node;

    #[test]
    fn what_the_table_says_is_left_out_is_what_the_type_says() {
        assert_eq!(limits(Fields::of(&node("{}"), &LIMITS)), Some(FlowLimits::default()));
    }
}
