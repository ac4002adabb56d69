use crate::raw::Node;
use crate::shape::{HEADER, Record, Shape, Words, default, one_of, optional, words};
use crate::{Clock, Left, LimitHabit, ToldLimit, ToldWait, WaitSource};

use super::fields::Fields;
use super::reader::{Names, Reader};

pub(crate) static LIMITS: Record = Record {
    name: "call limits",
    doc: "How the system limits how often it is called, and how it says so. 429, `Retry-After`, `RateLimit` and the `X-RateLimit` family are understood without it.",
    fields: &[&[
        optional(
            "rate",
            Shape::Rate,
            "What it documents; the budget of connections that have none of their own.",
        )
        .like("100/10s"),
        optional(
            "headers",
            Shape::List(&Shape::Record(&TOLD)),
            "Limits whose state it tells in headers of its own. One that is spent holds calls back before they are refused.",
        )
        .like("[{ remaining: X-Calls-Left, reset: X-Calls-Reset, as: epoch }]"),
        optional(
            "status",
            Shape::List(&Shape::Count(400, 599)),
            "Statuses besides 429 that say \"too often\", and nothing else.",
        )
        .like("[503]"),
        optional(
            "when",
            Shape::Expression,
            "Over the body of an error: whether it says \"too often\".",
        )
        .like("error.code = 'THROTTLED'"),
        optional("wait", Shape::Record(&WAIT), "Where it says how long to wait, if not in `Retry-After`.")
            .like("{ header: X-Retry-In, as: ms }"),
        optional("pause", Shape::Duration, "How long to wait if it does not say.").like("30s"),
    ]],
};

static TOLD: Record = Record {
    name: "told limit",
    doc: "A limit whose state is told in headers.",
    fields: &[&[
        one_of("remaining", Shape::Name(&HEADER), "The header that says how much is left."),
        one_of("used", Shape::Name(&HEADER), "The header that says how much is used, alone or like `39/40`."),
        optional("of", Shape::Name(&HEADER), "Beside `used`: the header that says how much there is."),
        optional("reset", Shape::Name(&HEADER), "The header that says when it is filled again."),
        default("as", Shape::Word(Clock::WORDS), "auto", "What `reset` counts."),
        optional("window", Shape::Duration, "How long it takes to be filled again, if no header says."),
    ]],
};

static WAIT: Record = Record {
    name: "asked wait",
    doc: "Where the system says how long to wait.",
    fields: &[&[
        one_of("header", Shape::Name(&HEADER), "A header."),
        one_of("body", Shape::Expression, "Over the body.").like("retry_after"),
        default("as", Shape::Word(Clock::WORDS), "auto", "What it counts."),
    ]],
};

words!(Clock {
    Auto = "auto", "seconds from now, or a Unix time in seconds or milliseconds, by their size";
    Seconds = "seconds", "seconds from now";
    Millis = "ms", "milliseconds from now";
    Epoch = "epoch", "seconds since 1970";
    EpochMillis = "epoch_ms", "milliseconds since 1970";
    HttpDate = "date", "a date as HTTP writes it";
    Timestamp = "timestamp", "a timestamp like `2026-11-21T08:00:00Z`";
    Span = "span", "a span like `1m30s`";
});

/// Reads the field `limits`.
pub(crate) fn read(fields: Fields<'_>, reader: &mut Reader<'_>) -> LimitHabit {
    let Some(limits) = fields.record("limits") else { return LimitHabit::default() };
    LimitHabit {
        rate: limits.rate("rate"),
        told: limits.items("headers").iter().filter_map(told).collect(),
        statuses: limits.items("status").iter().filter_map(|item| item.text()?.parse().ok()).collect(),
        when: limits.node("when").and_then(|node| reader.expression(node, Names::Any)),
        wait: limits.record("wait").and_then(|wait| read_wait(wait, reader)),
        pause: limits.duration("pause"),
    }
}

fn told(node: &Node) -> Option<ToldLimit> {
    let told = Fields::of(node, &TOLD);
    let left = match told.text("remaining") {
        Some(header) => Left::Remaining(header),
        None => Left::Used(told.text("used")?, told.text("of")),
    };
    let clock = told.word("as")?;
    Some(ToldLimit {
        left,
        reset: told.text("reset").map(|header| (header, clock)),
        window: told.duration("window"),
    })
}

fn read_wait(wait: Fields<'_>, reader: &mut Reader<'_>) -> Option<ToldWait> {
    let source = match wait.text("header") {
        Some(header) => WaitSource::Header(header),
        None => WaitSource::Body(reader.expression(wait.node("body")?, Names::Any)?),
    };
    Some(ToldWait { source, clock: wait.word("as")? })
}
