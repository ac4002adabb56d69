use crate::raw::Node;
use crate::shape::{Record, Shape, Word, Words, default, optional, required, word, words};
use crate::{Challenge, ChallengeAnswer, ChallengeMethod, Condition};

use super::fields::Fields;
use super::reader::Reader;
use super::source;
use super::vendors::{self, CHALLENGE_WORDS, CHALLENGES, Known};
use super::verify;

/// How a system finds out whether a receiver is there.
pub(crate) const SHAPE: Shape = Shape::WordOr(CHALLENGE_WORDS, &Shape::Record(&CHALLENGE));

static CHALLENGE: Record = Record {
    name: "challenge",
    doc: "How a system finds out whether a receiver is there and wants its events. It is answered without starting a run. The words stand for such records too.",
    fields: &[&[
        default("method", Shape::Word(ChallengeMethod::WORDS), "POST", "By which method it comes."),
        required(
            "where",
            Shape::List(&Shape::Record(&CONDITION)),
            "By what it is told from a delivery; all of it holds.",
        )
        .like("[{ field: type, is: url_verification }]"),
        optional("value", source::SHORT, "The text that is sent back.").like("{ field: challenge }"),
        optional(
            "token",
            source::SHORT,
            "Where the token stands that only this system knows: the connection's `webhook_token`.",
        )
        .like("{ query: hub.verify_token }"),
        default("signed", Shape::Boolean, "false", "Whether it is signed as deliveries are."),
        default(
            "answer",
            Shape::WordOr(ANSWERS, &Shape::Literal),
            "text",
            "What is answered: a word, or JSON in whose texts `{value}`, `{hmac:hex}` and `{hmac:base64}` stand for the value and its HMAC.",
        ),
    ]],
};

static CONDITION: Record = Record {
    name: "condition",
    doc: "What holds of a challenge: that something is there, or is this.",
    fields: &[
        source::PLACE,
        &[
            optional("is", Shape::Literal, "Its value.").like("url_verification"),
            default("is_empty", Shape::Boolean, "false", "That it is an empty list."),
        ],
    ],
};

static ANSWERS: &[Word] = &[word("text", "the value as plain text"), word("nothing", "an empty body")];

words!(ChallengeMethod {
    Post = "POST", "as deliveries come";
    Get = "GET", "by GET";
});

/// Reads the field `challenge`.
pub(crate) fn read(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Challenge> {
    let node = fields.node("challenge")?;
    match node.text() {
        Some(word) => known(vendors::find(CHALLENGES, word)?, reader),
        None => record(Fields::of(node, &CHALLENGE)),
    }
}

/// Reads what a word stands for.
pub(crate) fn known(habit: &'static Known, reader: &mut Reader<'_>) -> Option<Challenge> {
    let node = verify::own(habit, &CHALLENGE, reader)?;
    record(Fields::of(&node, &CHALLENGE))
}

fn record(fields: Fields<'_>) -> Option<Challenge> {
    let conditions: Option<Vec<Condition>> = fields.items("where").iter().map(condition).collect();
    let answer = match fields.node("answer") {
        None => ChallengeAnswer::Text,
        Some(node) => match node.text() {
            Some("text") => ChallengeAnswer::Text,
            Some("nothing") => ChallengeAnswer::Nothing,
            _ => ChallengeAnswer::Json(node.to_json()),
        },
    };
    Some(Challenge {
        method: fields.word("method")?,
        conditions: conditions?,
        value: source::read(fields, "value"),
        token: source::read(fields, "token"),
        signed: fields.boolean("signed"),
        answer,
    })
}

fn condition(node: &Node) -> Option<Condition> {
    let fields = Fields::of(node, &CONDITION);
    Some(Condition {
        source: source::place(fields)?,
        is: fields.text("is"),
        empty: fields.boolean("is_empty"),
    })
}
