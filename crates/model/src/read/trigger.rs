use std::sync::Arc;
use std::time::Duration;

use sinew_diag::{Diagnostic, codes::config};
use sinew_mapping::{Expression, Reads};
use sinew_stdx::Json;

use crate::raw::Node;
use crate::shape::{
    CONNECTION_NAME, EVENT_NAME, Field, HOOK_PATH, Record, Shape, Word, Words, closest, default, one_of,
    optional, required, word, words,
};
use crate::{
    Answer, Challenge, Connection, Dedupe, Effect, EventName, EventTrigger, Missed, Poll, Schedule,
    Subscribed, Told, Trigger, Verify, Webhook,
};

use super::call::{self, CALL, PAGES};
use super::connector::{self, TOLD};
use super::fields::Fields;
use super::reader::{Names, Reader};
use super::{challenge, stream, verify};

/// What starts a flow.
pub(crate) const SHAPE: Shape = Shape::WordOr(MANUAL, &Shape::Record(&TRIGGER));

static MANUAL: &[Word] =
    &[word("manual", "only by hand, by the control API, or as a sub-flow; every flow can be started so")];

static TRIGGER: Record = Record {
    name: "trigger",
    doc: "What starts a flow. Expressions in it stand over the payload itself: `deal_id`, not `trigger.deal_id`.",
    fields: &[&[
        one_of("webhook", Shape::Record(&WEBHOOK), "A request to `/hooks/<path>`.")
            .like("{ connection: crm, event: deal.updated }"),
        one_of("schedule", Shape::Record(&SCHEDULE), "A clock.")
            .like("{ cron: '0 6 * * *', timezone: Europe/Berlin }"),
        one_of("poll", Shape::Record(&POLL), "Asking a system for what is new."),
        one_of("stream", Shape::Record(&stream::STREAM), "Listening to what a system sends by itself.")
            .like("{ connection: feed, from: /orders }"),
        one_of("event", Shape::Record(&EVENT), "An event emitted by a flow.").like("{ name: order.paid }"),
    ]],
};

pub(super) const FILTER: &[Field] = &[
    optional("when", Shape::Expression, "Only payloads for which this is true start a run.")
        .like("stage = \"closed_won\""),
    optional("key", Shape::Expression, "Runs with the same key go one at a time, in order.").like("deal_id"),
    optional(
        "dedupe",
        Shape::ShortOr(&Shape::Expression, &DEDUPE),
        "Payloads with the same key are one run: an expression, or with a window of its own.",
    )
    .like("event_id"),
];

static DEDUPE: Record = Record {
    name: "dedupe",
    doc: "Payloads with the same key within the window are one run.",
    fields: &[&[
        required("key", Shape::Expression, "The key.").like("event_id"),
        default("window", Shape::Duration, "1d", "How long it is remembered."),
    ]],
};

static WEBHOOK: Record = Record {
    name: "webhook",
    doc: "A request to `/hooks/<path>`. With `connection` the connector's habit says how to verify it, and the connection's `webhook_secret` what with.",
    fields: &[
        &[
            optional("connection", Shape::Name(&CONNECTION_NAME), "Whose webhooks these are.").like("crm"),
            optional("path", Shape::Name(&HOOK_PATH), "The path below `/hooks/`; the flow's name if left out.")
                .like("crm/deals"),
            optional(
                "verify",
                verify::SHAPE,
                "How the sender is verified; must be said, here or by the connector. `none` is said in so many words.",
            ),
            optional(
                "secret",
                Shape::OneOrList(&Shape::Secret),
                "What with, if not the connection's `webhook_secret`; a list while one replaces another.",
            )
            .like("secret:forms/hook"),
            optional("challenge", challenge::SHAPE, "How the sender finds out whether a receiver is there, if not as the connector says."),
            optional("token", Shape::Secret, "What the sender knows when it does so, if not the connection's `webhook_token`."),
            default("subscribe", Shape::Boolean, "true", "Tell the connection's system of this webhook, if the connector knows how."),
            optional("event", Shape::Name(&EVENT_NAME), "Only events of this name start a run; others are answered 200 and left.")
                .like("deal.updated"),
            optional("event_of", TOLD, "Gives the event's name, if not the connector.").like("type"),
        ],
        FILTER,
        &[
            optional(
                "wait",
                Shape::Duration,
                "Answer with the flow's result if it ends within this time. If left out, 202 as soon as the run is safe.",
            )
            .like("3s"),
            default("body_max", Shape::Size, "1MB", "The largest body accepted."),
        ],
    ],
};

static SCHEDULE: Record = Record {
    name: "schedule",
    doc: "A clock.",
    fields: &[&[
        required("cron", Shape::Text, "Five fields, minute first, or six with seconds first.")
            .like("'0 6 * * mon-fri'"),
        default("timezone", Shape::Text, "UTC", "An IANA time zone.").like("Europe/Berlin"),
        default("missed", Shape::Word(Missed::WORDS), "once", "What becomes of fires that were missed."),
    ]],
};

words!(Missed {
    Once = "once", "one run for all of them";
    Skip = "skip", "nothing";
    All = "all", "one run each, oldest first";
});

static POLL: Record = Record {
    name: "poll",
    doc: "Asking a system for what is new. The input stands over `cursor`; the other expressions over one item.",
    fields: &[
        CALL,
        &[
            PAGES,
            required("every", Shape::Duration, "How often.").like("1m"),
            default("start", Shape::Literal, "null", "The cursor to begin with.")
                .like("2026-01-01T00:00:00Z"),
            required(
                "cursor",
                Shape::Expression,
                "An item's place in the sequence (a time, a number). The cursor becomes the greatest seen.",
            )
            .like("updated_at"),
            default(
                "batch",
                Shape::Boolean,
                "false",
                "One run a page, with `trigger.items`, instead of one an item.",
            ),
        ],
        FILTER,
    ],
};

static EVENT: Record = Record {
    name: "event",
    doc: "An event emitted by a flow.",
    fields: &[&[required("name", Shape::Name(&EVENT_NAME), "Its name.").like("order.paid")], FILTER],
};

/// How long keys are remembered unless said.
const WINDOW: Duration = Duration::from_hours(24);
/// Asking more often than this is a denial of service.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// Reads the field `trigger` of a flow.
pub(crate) fn read(flow: Fields<'_>, reader: &mut Reader<'_>) -> Option<Trigger> {
    if flow.node("trigger")?.text() == Some("manual") {
        return Some(Trigger::Manual);
    }
    let trigger = flow.record("trigger")?;
    match trigger.alternative()? {
        ("webhook", _) => webhook(trigger.record("webhook")?, flow, reader)
            .map(|webhook| Trigger::Webhook(Box::new(webhook))),
        ("schedule", _) => schedule(trigger.record("schedule")?, reader).map(Trigger::Schedule),
        ("poll", _) => poll(trigger.record("poll")?, reader).map(Trigger::Poll),
        ("stream", _) => stream::read(trigger.record("stream")?, flow, reader)
            .map(|stream| Trigger::Stream(Box::new(stream))),
        _ => {
            let fields = trigger.record("event")?;
            let filter = Filter::read(fields, reader);
            Some(Trigger::Event(EventTrigger {
                event: EventName::new(fields.said("name")?).ok()?,
                when: filter.when,
                key: filter.key,
                dedupe: filter.dedupe,
            }))
        }
    }
}

pub(super) struct Filter {
    pub(super) when: Option<Expression>,
    pub(super) key: Option<Expression>,
    pub(super) dedupe: Option<Dedupe>,
}

impl Filter {
    pub(super) fn read(fields: Fields<'_>, reader: &mut Reader<'_>) -> Self {
        Self {
            when: over_payload(fields.node("when"), reader),
            key: over_payload(fields.node("key"), reader),
            dedupe: dedupe(fields, reader),
        }
    }
}

fn over_payload(node: Option<&Node>, reader: &mut Reader<'_>) -> Option<Expression> {
    let node = node?;
    let expression = reader.expression(node, Names::Any)?;
    check_root(node, &expression, reader);
    Some(expression)
}

/// In steps the payload is `trigger`. Here it is the root, and `trigger.id` would be nothing, without a word.
fn check_root(node: &Node, expression: &Expression, reader: &mut Reader<'_>) {
    let reads_trigger =
        matches!(expression.reads(), Reads::Fields(fields) if fields.get("trigger").is_some());
    let bare = expression.source().replace("$.trigger", "");
    let Some((_, field)) = bare.split_once("trigger.").filter(|_| reads_trigger) else { return };
    let field: String = field.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    reader.out.push(
        Diagnostic::error(
            config::UNKNOWN_NAME,
            "inside a trigger the payload itself is the root, not `trigger`",
        )
        .at(node.place.clone())
        .help(format!(
            "write `{field}`; if the payload has a field of the name `trigger`, write `$.trigger.{field}`"
        )),
    );
}

fn dedupe(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Dedupe> {
    let node = fields.node("dedupe")?;
    if node.scalar().is_some() {
        return Some(Dedupe { key: over_payload(Some(node), reader)?, window: WINDOW });
    }
    let dedupe = fields.record("dedupe")?;
    Some(Dedupe { key: over_payload(dedupe.node("key"), reader)?, window: dedupe.duration("window")? })
}

/// How the sender is verified: as the trigger says, else as the connector does; one of them has to.
fn verify_of(
    fields: Fields<'_>,
    flow: Fields<'_>,
    connection: Option<&Connection>,
    reader: &mut Reader<'_>,
) -> Option<Verify> {
    let habit = connection.and_then(|connection| connection.connector.webhooks.as_ref());
    match (fields.node("verify"), habit) {
        (Some(_), _) => verify::read(fields, reader),
        (None, Some(habit)) => Some(habit.verify.clone()),
        (None, None) => {
            let help = match connection {
                Some(connection) => format!(
                    "the connector `{}` does not say how it signs webhooks; give `verify:` here",
                    connection.connector.id
                ),
                None => "give `connection:` or `verify:`; `verify: none` lets anybody start runs".to_owned(),
            };
            let message = "nothing says how the webhook's sender is verified";
            reader.out.push(
                Diagnostic::error(config::UNVERIFIED_WEBHOOK, message).at(flow.place("trigger")).help(help),
            );
            None
        }
    }
}

fn webhook(fields: Fields<'_>, flow: Fields<'_>, reader: &mut Reader<'_>) -> Option<Webhook> {
    let filter = Filter::read(fields, reader);
    let own_event_of = event_of(fields, reader);
    let connection = match fields.node("connection") {
        Some(node) => Some(reader.connection(node.text()?, &node.place)?),
        None => None,
    };
    let habit = connection.as_ref().and_then(|connection| connection.connector.webhooks.as_ref());
    let verify = verify_of(fields, flow, connection.as_deref(), reader)?;
    let mut secrets = fields.secrets("secret");
    if let (true, Some(connection)) = (fields.node("secret").is_none(), &connection) {
        secrets.clone_from(&connection.webhook_secret);
    }
    if verify != Verify::None && secrets.is_empty() && fields.node("secret").is_none() {
        let place =
            fields.entry("verify").or(fields.entry("connection")).map(|entry| entry.name_place.clone());
        reader.out.push(
            Diagnostic::error(
                config::UNVERIFIED_WEBHOOK,
                "the webhook is signed, but nothing says with what",
            )
            .at(place.unwrap_or_else(|| flow.place("trigger")))
            .help("give `secret: secret:path/name` here, or `webhook_secret` in the connection"),
        );
    }
    let event_of = own_event_of.or_else(|| habit.and_then(|habit| habit.event.clone()));
    if fields.node("event").is_some() && event_of.is_none() && fields.node("event_of").is_none() {
        reader.out.push(
            Diagnostic::error(
                config::MISSING_FIELD,
                "`event` is given, but nothing says where the event's name stands",
            )
            .at(fields.place("event"))
            .help("give `event_of`, an expression over the payload"),
        );
    }
    let (by_payload, delivery_id) = match habit.and_then(|habit| habit.id.clone()) {
        Some(Told::Payload(key)) => (Some(Dedupe { key, window: WINDOW }), None),
        Some(Told::Source(source)) => (None, Some(source)),
        None => (None, None),
    };
    let token = fields.secret("token").or_else(|| connection.as_ref()?.webhook_token.clone());
    let challenge = match fields.node("challenge") {
        Some(_) => challenge::read(fields, reader),
        None => habit.and_then(|habit| habit.challenge.clone()),
    };
    check_challenge(challenge.as_ref(), &verify, token.is_some(), fields, reader);
    Some(Webhook {
        path: Arc::from(fields.said("path").or(flow.said("name"))?),
        verify,
        secrets,
        challenge,
        token,
        delivery_id,
        subscribed: connection
            .as_ref()
            .filter(|_| fields.boolean("subscribe"))
            .and_then(|connection| subscribed(connection)),
        event: fields.said("event").and_then(|name| EventName::new(name).ok()),
        event_of,
        when: filter.when,
        key: filter.key,
        dedupe: if fields.node("dedupe").is_some() { filter.dedupe } else { by_payload },
        answer: fields.duration("wait").map_or(Answer::Accepted, Answer::Result),
        body_max: fields.size("body_max")?,
    })
}

/// How a connection's system is told of a webhook.
fn subscribed(connection: &Connection) -> Option<Subscribed> {
    let how = connection.connector.webhooks.as_ref()?.subscription.clone()?;
    Some(Subscribed { connection: connection.name.clone(), how })
}

fn event_of(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Told> {
    let told = connector::told(fields, "event_of", reader)?;
    if let (Told::Payload(expression), Some(node)) = (&told, fields.node("event_of")) {
        check_root(node, expression, reader);
    }
    Some(told)
}

/// A challenge that asks for what is not there could never be answered.
fn check_challenge(
    challenge: Option<&Challenge>,
    verify: &Verify,
    has_token: bool,
    fields: Fields<'_>,
    reader: &mut Reader<'_>,
) {
    let Some(challenge) = challenge else { return };
    let place = || {
        fields
            .entry("challenge")
            .or(fields.entry("connection"))
            .map_or_else(|| fields.all().place.clone(), |entry| entry.name_place.clone())
    };
    if challenge.token.is_some() && !has_token {
        let message = "the sender's challenge holds a token, but nothing says which";
        let help = "give `token: secret:path/name` here, or `webhook_token` in the connection";
        reader.out.push(Diagnostic::error(config::UNVERIFIED_WEBHOOK, message).at(place()).help(help));
    }
    if challenge.signed && *verify == Verify::None {
        let message = "the sender's challenge is signed, but deliveries are not verified";
        reader
            .out
            .push(Diagnostic::error(config::UNVERIFIED_WEBHOOK, message).at(place()).help("give `verify:`"));
    }
}

fn schedule(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Schedule> {
    let cron = fields.said("cron")?;
    if let Err(why) = check_cron(cron) {
        reader.out.push(
            Diagnostic::error(config::INVALID_CRON, format!("`{cron}` is no schedule: {why}"))
                .at(fields.node("cron")?.place.clone())
                .help("five fields: minute, hour, day of month, month, day of week; `0 6 * * 1-5` is 6:00 on working days"),
        );
    }
    let zone = fields.said("timezone")?;
    let zones = jiff::tz::TimeZoneDatabase::bundled();
    if let (Err(_), Some(node)) = (zones.get(zone), fields.node("timezone")) {
        let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
        let cities = names.iter().map(String::as_str);
        let likely = closest(zone, cities).map(|name| format!("did you mean `{name}`?"));
        reader.out.push(
            Diagnostic::error(config::UNKNOWN_TIME_ZONE, format!("unknown time zone `{zone}`"))
                .at(node.place.clone())
                .help(likely.unwrap_or_else(|| "use an IANA name, like `Europe/Berlin` or `UTC`".to_owned())),
        );
    }
    Some(Schedule { cron: Arc::from(cron), timezone: Arc::from(zone), missed: fields.word("missed")? })
}

fn check_cron(text: &str) -> Result<(), String> {
    const LENGTH_MAX: usize = 200;
    let fields = text.split_whitespace().count();
    if text.len() > LENGTH_MAX {
        return Err("it is too long".to_owned());
    }
    if fields != 5 && fields != 6 {
        return Err(format!("it has {fields} fields instead of 5 or 6"));
    }
    let parser = croner::parser::CronParser::builder()
        .seconds(croner::parser::Seconds::Optional)
        .year(croner::parser::Year::Disallowed)
        .build();
    parser.parse(text).map(|_| ()).map_err(|error| error.to_string())
}

fn poll(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Poll> {
    let filter = Filter::read(fields, reader);
    let cursor = over_payload(fields.node("cursor"), reader);
    let names = ["cursor".to_owned()];
    let with = reader.mapping(fields.node("with"), Names::These(&names));
    let found = reader.find_call(fields)?;
    if found.operation.effect != Effect::Read {
        let message = format!("`poll` needs a `read`, which `{}` is not", found.operation.id);
        reader.error(config::NOT_A_READ, message, found.place.clone());
    }
    let every = fields.duration("every")?;
    if every < EVERY_MIN {
        reader.error(config::INVALID_VALUE, "`every` is at least `1s`", fields.place("every"));
    }
    Some(Poll {
        call: call::read(fields, &found, with?)?,
        every,
        start: fields.node("start").map_or_else(Json::null, Node::to_json),
        cursor: cursor?,
        dedupe: filter.dedupe,
        when: filter.when,
        key: filter.key,
        batch: fields.boolean("batch"),
    })
}
