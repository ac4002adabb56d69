//! The tables of steps: one record a kind, told apart by its first field.

use crate::shape::{
    EVENT_NAME, FLOW_NAME, Field, Record, STEP_NAME, Shape, Variants, Words, default, one_of, optional,
    required, words,
};

use super::call::{AT_LEAST_ONCE, CALL, PAGES, UNDO};
use super::file;

/// A list of steps, `- name: {...}` each.
pub(crate) static STEPS: Shape = Shape::Named(&STEP_NAME, &Shape::Variants(&STEP));

/// A step. `flow` stands before `wait`, which is also a field of a sub-flow.
pub(crate) static STEP: Variants = Variants {
    name: "step",
    says: "what the step does",
    records: &[
        &CALL_STEP,
        &MAP_STEP,
        &BRANCH_STEP,
        &PARALLEL_STEP,
        &EACH_STEP,
        &APPROVE_STEP,
        &EMIT_STEP,
        &FLOW_STEP,
        &WAIT_STEP,
    ],
};

static COMMON: &[Field] = &[
    optional("when", Shape::Expression, "The step is left out, and its value is null, unless this is true.")
        .like("trigger.amount > 0"),
    optional(
        "catch",
        Shape::Record(&CATCH),
        "What to do when the step fails for good. The value of these steps becomes the step's.",
    ),
];

static UNDO_FIELD: &[Field] = &[optional(
    "undo",
    Shape::Record(&UNDO),
    "How to take the step back when a later one fails. The flow has to say `on_failure: undo`; not inside `each`.",
)];

pub(crate) static CATCH: Record = Record {
    name: "catch",
    doc: "What to do when a step fails for good. Its steps see `error`: `{code, message, reason, step, status}`.",
    fields: &[&[
        optional(
            "on",
            Shape::List(&Shape::Text),
            "Only failures with these reasons or codes; all if left out.",
        )
        .like("[rejected, SNW-2030]"),
        required("steps", STEPS, "The steps."),
    ]],
};

pub(crate) static CALL_STEP: Record = Record {
    name: "call step",
    doc: "Calls an operation; the value is its answer.",
    fields: &[CALL, &[PAGES, AT_LEAST_ONCE], UNDO_FIELD, COMMON],
};

pub(crate) static MAP_STEP: Record = Record {
    name: "map step",
    doc: "Computes a value. It is computed again after a restart, so it writes nothing.",
    fields: &[
        &[required("map", Shape::Template, "The value: an expression, or fields with expressions.")
            .like("{ total: $sum(trigger.lines.amount) }")],
        COMMON,
    ],
};

pub(crate) static BRANCH_STEP: Record = Record {
    name: "branch step",
    doc: "Takes the first arm whose condition is true; the value is that arm's, or null.",
    fields: &[
        &[required("branch", Shape::List(&Shape::Variants(&ARM)), "The arms, tried in order.")],
        COMMON,
    ],
};

pub(crate) static ARM: Variants =
    Variants { name: "arm", says: "when it is taken", records: &[&WHEN_ARM, &ELSE_ARM] };

pub(crate) static WHEN_ARM: Record = Record {
    name: "arm with a condition",
    doc: "An arm that is taken if its condition is true.",
    fields: &[&[
        required("when", Shape::Expression, "The condition.").like("trigger.amount > 1000"),
        required("steps", STEPS, "The steps."),
    ]],
};

pub(crate) static ELSE_ARM: Record = Record {
    name: "last arm",
    doc: "The arm that is taken if no other is. It stands last.",
    fields: &[&[required("else", STEPS, "The steps.")]],
};

pub(crate) static PARALLEL_STEP: Record = Record {
    name: "parallel step",
    doc: "Runs its arms at the same time; the value is an object with each arm's value. If one fails, the others are finished first.",
    fields: &[&[required("parallel", Shape::Table(&STEP_NAME, &STEPS), "The arms by name.")], COMMON],
};

pub(crate) static EACH_STEP: Record = Record {
    name: "each step",
    doc: "Runs steps for every item of a stream; the value is `{total, ok, failed}`, and `reduced` or `results` if asked for. A failed item becomes a dead letter of its own.",
    fields: &[&[required("each", Shape::Record(&EACH), "The items and the steps.")], COMMON],
};

pub(crate) static EACH: Record = Record {
    name: "each",
    doc: "The items and the steps. Inside there is no `wait`, no `approve`, no `undo`, no further `each`, and no `flow` that is waited for.",
    fields: &[&[
        one_of("items", Shape::Expression, "A list.").like("trigger.lines"),
        one_of("pages", Shape::Record(&PAGED), "The items of a paginated read, page by page."),
        one_of("file", Shape::Record(&FILE), "The records of a file of the project."),
        default(
            "as",
            Shape::Name(&STEP_NAME),
            "item",
            "The name of the item in expressions. With `batch` it is a list.",
        ),
        default("concurrency", Shape::Count(1, 10_000), "10", "Items under way at the same time."),
        optional("batch", Shape::Count(1, 10_000), "Items per iteration, if more than one."),
        required("steps", STEPS, "The steps."),
        optional("reduce", Shape::Record(&REDUCE), "Folds the items' values as they arrive, in any order."),
        default(
            "collect",
            Shape::Boolean,
            "false",
            "Keep every item's value as `results`; refused beyond 1,000 items.",
        ),
        optional(
            "failures_max",
            Shape::Count(0, u64::MAX),
            "The step fails when more items than this failed. If left out it never does.",
        ),
    ]],
};

pub(crate) static PAGED: Record = Record {
    name: "pages",
    doc: "A paginated read, page by page. `all_pages` is how many pages at most.",
    fields: &[CALL, &[PAGES]],
};

pub(crate) static FILE: Record = Record {
    name: "file",
    doc: "The records of a file of the project.",
    fields: &[&[
        required(
            "path",
            Shape::Expression,
            "Its path, relative to the project's folder; a text in quotes of its own.",
        )
        .like("'\"data/contacts.csv\"'"),
        required("format", file::SHAPE, "How it is written.").like("csv"),
    ]],
};

pub(crate) static REDUCE: Record = Record {
    name: "reduce",
    doc: "Folds the items' values as they arrive, in any order.",
    fields: &[&[
        required("start", Shape::Literal, "The first `acc`.").like("{ total: 0 }"),
        required(
            "with",
            Shape::Template,
            "The next `acc`, over `acc`, the item, and the steps' value as `result`.",
        )
        .like("{ total: acc.total + result.amount }"),
    ]],
};

pub(crate) static WAIT_STEP: Record = Record {
    name: "wait step",
    doc: "Waits; a waiting run costs no memory.",
    fields: &[&[required("wait", Shape::Record(&WAIT), "What for.").like("{ for: 5m }")], COMMON],
};

pub(crate) static WAIT: Record = Record {
    name: "wait",
    doc: "What a run waits for.",
    fields: &[&[
        one_of("for", Shape::Duration, "A time.").like("5m"),
        one_of("until", Shape::Expression, "An instant: RFC 3339 text, or milliseconds since 1970.")
            .like("trigger.starts_at"),
        one_of(
            "event",
            Shape::Name(&EVENT_NAME),
            "An event; the value is its payload, or null after the timeout.",
        )
        .like("payment.received"),
        optional("key", Shape::Expression, "The event must carry this key.").like("trigger.order_id"),
        optional("timeout", Shape::Duration, "How long to wait for the event at most.").like("3d"),
    ]],
};

pub(crate) static APPROVE_STEP: Record = Record {
    name: "approve step",
    doc: "Waits for a person's decision; the value is `{approved, by, note, at}`.",
    fields: &[&[required("approve", Shape::Record(&APPROVE), "What is asked, and of whom.")], COMMON],
};

pub(crate) static APPROVE: Record = Record {
    name: "approve",
    doc: "What is asked, and of whom.",
    fields: &[&[
        required("message", Shape::Expression, "What the person reads.")
            .like("'\"Refund \" & trigger.amount & \"?\"'"),
        optional("by", Shape::List(&Shape::Text), "Who may decide; anyone with access if left out.")
            .like("[finance]"),
        optional("timeout", Shape::Duration, "After this time it counts as rejected.").like("2d"),
        default("on_reject", Shape::Word(OnReject::WORDS), "fail", "What a rejection does."),
    ]],
};

/// What a rejection does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnReject {
    Fail,
    Continue,
}

words!(OnReject {
    Fail = "fail", "the step fails";
    Continue = "continue", "the run goes on, with `approved: false`";
});

pub(crate) static EMIT_STEP: Record = Record {
    name: "emit step",
    doc: "Emits an event: starts the flows that it triggers, and wakes runs that wait for it.",
    fields: &[&[required("emit", Shape::Record(&EMIT), "The event.")], UNDO_FIELD, COMMON],
};

pub(crate) static EMIT: Record = Record {
    name: "emit",
    doc: "The event.",
    fields: &[&[
        required("event", Shape::Name(&EVENT_NAME), "Its name.").like("order.paid"),
        optional("with", Shape::Template, "Its payload.").like("{ order: trigger.order_id }"),
        optional("key", Shape::Expression, "The key that waiting runs are matched by.")
            .like("trigger.order_id"),
    ]],
};

pub(crate) static FLOW_STEP: Record = Record {
    name: "flow step",
    doc: "Starts another flow; the value is its result, or `{run}` if it is not waited for.",
    fields: &[
        &[
            required("flow", Shape::Name(&FLOW_NAME), "The flow.").like("send-invoice"),
            optional("with", Shape::Template, "Its trigger's payload.").like("{ id: invoice.id }"),
            default("wait", Shape::Boolean, "true", "Whether to wait for its result."),
        ],
        UNDO_FIELD,
        COMMON,
    ],
};
