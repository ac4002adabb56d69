//! What people read.

use serde::Serialize;
use sinew_model::Owner;
use sinew_stdx::{Json, show_duration};

use super::book::{Change, Notice};
use super::facts::Facts;

/// A message, in the forms that channels take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// Tells this message from every other, also when it is sent again.
    pub(crate) id: String,
    /// One line.
    pub(crate) subject: String,
    /// Everything, for people.
    pub(crate) text: String,
    /// Everything, for programs.
    pub(crate) json: Json,
}

#[derive(Serialize)]
struct Event<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    kind: &'static str,
    subject: &'a str,
    message: &'a str,
    count: u64,
    first_at: String,
    last_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<EventOwner<'a>>,
    look: &'a str,
}

#[derive(Serialize)]
struct EventOwner<'a> {
    team: &'a str,
    contact: &'a str,
    runbook: &'a str,
}

/// Writes a message.
pub(crate) fn compose(notice: &Notice, facts: &Facts) -> Message {
    let what = notice.topic.kind.title();
    let (event, subject) = match notice.change {
        Change::Opened => ("alert.opened", format!("{what}: {}", facts.place)),
        Change::Repeated(times) => {
            ("alert.repeated", format!("still open, {times} more: {what}: {}", facts.place))
        }
        Change::Recovered => ("alert.recovered", format!("recovered: {what}: {}", facts.place)),
    };
    let json = Json::of(&Event {
        r#type: event,
        timestamp: notice.at.to_string(),
        data: Data {
            kind: notice.topic.kind.as_str(),
            subject: &notice.topic.subject,
            message: &notice.message,
            count: notice.count,
            first_at: notice.opened_at.to_string(),
            last_at: notice.last_at.to_string(),
            owner: facts.owner.as_ref().map(|owner| EventOwner {
                team: &owner.team,
                contact: &owner.contact,
                runbook: &owner.runbook,
            }),
            look: &facts.look,
        },
    });
    let named = format!("{}\n{}\n{event}\n{}", notice.topic.key(), notice.opened_at, notice.count);
    let id = format!("alert_{}", &blake3::hash(named.as_bytes()).to_hex()[..24]);
    Message { id, text: text(&subject, notice, facts), subject, json }
}

fn text(subject: &str, notice: &Notice, facts: &Facts) -> String {
    let mut lines = vec![subject.to_owned(), notice.message.to_string()];
    let open_for = show_duration(notice.at.since(notice.opened_at));
    lines.push(match notice.change {
        Change::Opened => format!("Since {}.", notice.opened_at),
        Change::Repeated(_) => {
            format!("{} times since {}, last at {}.", notice.count, notice.opened_at, notice.last_at)
        }
        Change::Recovered => {
            format!(
                "It was open for {open_for}, since {}, and happened {}.",
                notice.opened_at,
                if notice.count == 1 { "once".to_owned() } else { format!("{} times", notice.count) }
            )
        }
    });
    if let Some(Owner { team, contact, runbook }) = &facts.owner {
        lines.push(format!("Owner: {team} ({contact}). Runbook: {runbook}"));
    }
    if notice.change != Change::Recovered {
        lines.push(format!("Look: {}", facts.look));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use sinew_model::AlertKind;
    use sinew_stdx::Timestamp;

    use super::*;
    use crate::alert::book::{Book, Topic};

    fn facts() -> Facts {
        let owner = Owner {
            team: "revenue-operations".into(),
            contact: "revops@example.com".into(),
            runbook: "runbooks/leads.md".into(),
        };
        Facts {
            place: "flow `lead-intake`".into(),
            owner: Some(owner),
            look: "sinew dead list --flow lead-intake".into(),
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(1_790_000_000_000 + minute * 60_000)
    }

    fn check(notice: &Notice, expected: &str) {
        assert_eq!(compose(notice, &facts()).text, expected.trim());
    }

    #[test]
    fn a_message_says_what_where_who_since_when_and_how_to_look() {
        let (mut book, topic) = (Book::default(), Topic::new(AlertKind::DeadLetter, "lead-intake"));
        let opened = book.raise(&topic, "step `enrich` gave up: 503 (SNW-2031)", at(0)).unwrap();
        check(
            &opened,
            r"
dead letter: flow `lead-intake`
step `enrich` gave up: 503 (SNW-2031)
Since 2026-09-21T14:13:20.000Z.
Owner: revenue-operations (revops@example.com). Runbook: runbooks/leads.md
Look: sinew dead list --flow lead-intake",
        );
        for minute in 1..=15 {
            book.raise(&topic, "step `enrich` gave up again", at(minute));
        }
        check(
            &book.digests(at(15))[0],
            r"
still open, 15 more: dead letter: flow `lead-intake`
step `enrich` gave up again
16 times since 2026-09-21T14:13:20.000Z, last at 2026-09-21T14:28:20.000Z.
Owner: revenue-operations (revops@example.com). Runbook: runbooks/leads.md
Look: sinew dead list --flow lead-intake",
        );
        check(
            &book.close(&topic, "all dead letters are settled", at(75)).unwrap().0,
            r"
recovered: dead letter: flow `lead-intake`
all dead letters are settled
It was open for 1h15m, since 2026-09-21T14:13:20.000Z, and happened 16 times.
Owner: revenue-operations (revops@example.com). Runbook: runbooks/leads.md",
        );
    }

    #[test]
    fn what_happened_once_is_said_to_have_happened_once() {
        let (mut book, topic) = (Book::default(), Topic::new(AlertKind::BreakerOpen, "billing"));
        book.raise(&topic, "m", at(0)).unwrap();
        let text = compose(&book.close(&topic, "well", at(1)).unwrap().0, &facts()).text;
        assert!(text.contains("and happened once."), "{text}");
    }

    #[test]
    fn messages_of_one_alert_have_ids_of_their_own_and_the_same_when_sent_again() {
        let (mut book, topic) = (Book::default(), Topic::new(AlertKind::Drift, "crm.getDeal"));
        let opened = book.raise(&topic, "m", at(0)).unwrap();
        let closed = book.close(&topic, "m", at(1)).unwrap().0;
        let id = |notice: &Notice| compose(notice, &facts()).id;
        assert_eq!(id(&opened), id(&opened.clone()));
        assert_ne!(id(&opened), id(&closed));
        let json = compose(&closed, &facts()).json.to_value();
        assert_eq!(
            (json["type"].as_str(), json["data"]["kind"].as_str()),
            (Some("alert.recovered"), Some("drift"))
        );
    }
}
