use std::net::IpAddr;
use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};

use crate::binding::check_mailbox;
use crate::raw::Node;
use crate::shape::{
    CHANNEL_NAME, Record, Resource, Shape, Words, default, one_of, optional, required, words,
};
use crate::{AlertChannel, AlertKind, ChannelKind, ChannelName, EmailTls, SecretRef, UrlOrSecret};

use super::connection::{EGRESS, egress};
use super::fields::Fields;
use super::reader::Reader;
use super::{owner, url};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "AlertChannel",
    record: &CHANNEL,
    example: "\
kind: AlertChannel
name: ops-chat
slack: { url: secret:chat/ops }
on: [dead_letter, silence, breaker_open]
",
};

static CHANNEL: Record = Record {
    name: "AlertChannel",
    doc: "Where alerts go.",
    fields: &[&[
        required("name", Shape::Name(&CHANNEL_NAME), "Its name.").like("ops-chat"),
        optional("owner", Shape::Record(&owner::OWNER), "Who answers for it."),
        one_of("slack", Shape::Record(&SLACK), "A Slack-compatible incoming webhook."),
        one_of("webhook", Shape::Record(&WEBHOOK), "A POST signed by Standard Webhooks 1.0."),
        one_of("email", Shape::Record(&EMAIL), "E-mail by SMTP."),
        one_of("log", Shape::Boolean, "The server's own log.").like("true"),
        optional(
            "on",
            Shape::List(&Shape::Word(AlertKind::WORDS)),
            "Which alerts go there; all if left out.",
        )
        .like("[dead_letter, silence]"),
        optional("egress", Shape::Record(&EGRESS), "Which addresses may be reached besides public ones."),
    ]],
};

words!(AlertKind {
    DeadLetter = "dead_letter", "work gave up";
    ErrorRate = "error_rate", "more of a flow's runs failed than usual";
    Credential = "credential", "a connection could not log in";
    BreakerOpen = "breaker_open", "a circuit breaker opened";
    Silence = "silence", "a trigger that should have fired by now has not";
    TimeBudget = "time_budget", "a run takes longer than its budget";
    Drift = "drift", "answers depart from the contract";
    Delivery = "delivery", "a subscriber does not take its deliveries";
    Subscription = "subscription", "a system cannot be told where to send its webhooks";
});

static SLACK: Record = Record {
    name: "slack",
    doc: "A Slack-compatible incoming webhook.",
    fields: &[&[required("url", Shape::UrlOrSecret, "Its URL. At Slack it is itself a secret.")
        .like("secret:chat/ops")]],
};

static WEBHOOK: Record = Record {
    name: "webhook",
    doc: "A POST signed by Standard Webhooks 1.0.",
    fields: &[&[
        required("url", Shape::Url, "The receiver.").like("https://alerts.example.com/sinew"),
        required("secret", Shape::Secret, "The signing key.").like("secret:alerts/key"),
    ]],
};

static EMAIL: Record = Record {
    name: "email",
    doc: "E-mail by SMTP.",
    fields: &[&[
        required("server", Shape::Text, "`host:port`.").like("smtp.example.com:587"),
        default("tls", Shape::Word(EmailTls::WORDS), "starttls", "How the connection is secured."),
        optional("username", Shape::Text, "The user name, if the server asks for one."),
        optional("password", Shape::Secret, "The password, if the server asks for one.")
            .like("secret:mail/password"),
        required("from", Shape::Text, "The sender.").like("sinew@example.com"),
        required("to", Shape::List(&Shape::Text), "The receivers.").like("[ops@example.com]"),
    ]],
};

words!(EmailTls {
    Wrapper = "wrapper", "TLS from the first byte (port 465)";
    StartTls = "starttls", "STARTTLS, and nothing without it (port 587)";
    None = "none", "none; only for servers on loopback or private addresses";
});

/// Reads an alert channel.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<AlertChannel> {
    let fields = Fields::of(root, &CHANNEL);
    let kind = kind(fields, reader);
    Some(AlertChannel {
        name: ChannelName::new(fields.said("name")?).ok()?,
        owner: fields.record("owner").and_then(owner::read),
        kind: kind?,
        on: fields.words("on"),
        egress: fields.record("egress").map(egress).unwrap_or_default(),
    })
}

fn kind(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<ChannelKind> {
    match fields.alternative()? {
        ("slack", _) => {
            let url = fields.record("slack")?.said("url")?;
            let url = match SecretRef::new(url) {
                Some(secret) => UrlOrSecret::Secret(secret),
                None => UrlOrSecret::Url(Arc::from(url)),
            };
            Some(ChannelKind::Slack { url })
        }
        ("webhook", _) => {
            let webhook = fields.record("webhook")?;
            Some(ChannelKind::Webhook { url: webhook.text("url")?, secret: webhook.secret("secret")? })
        }
        ("email", _) => email(fields.record("email")?, reader),
        _ if fields.boolean("log") => Some(ChannelKind::Log),
        (_, node) => {
            reader.error(config::INVALID_VALUE, "`log` can only be `true`", node.place.clone());
            None
        }
    }
}

fn email(email: Fields<'_>, reader: &mut Reader<'_>) -> Option<ChannelKind> {
    let server = email.said("server")?;
    let (host, port) = url::host_and_port(server);
    if host.is_empty() || !port.is_some_and(|port| port.parse::<u16>().is_ok_and(|p| p > 0)) {
        reader.out.push(
            Diagnostic::error(config::INVALID_VALUE, "`server` is written `host:port`")
                .at(email.place("server"))
                .help("like `smtp.example.com:587`"),
        );
        return None;
    }
    let tls = email.word("tls")?;
    if tls == EmailTls::None && host.trim_matches(['[', ']']).parse().is_ok_and(is_public) {
        reader.error(config::INVALID_VALUE, "`tls: none` to a public address", email.place("tls"));
    }
    for node in email.node("from").into_iter().chain(email.items("to")) {
        if node.text().is_some_and(|address| check_mailbox(address).is_err()) {
            reader.error(config::INVALID_VALUE, "not an e-mail address", node.place.clone());
        }
    }
    let login = match (email.text("username"), email.secret("password")) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        (username, _) => {
            let (given, missing) =
                if username.is_some() { ("username", "password") } else { ("password", "username") };
            if email.node(missing).is_none() {
                reader.error(
                    config::MISSING_FIELD,
                    format!("`{given}` without `{missing}`"),
                    email.place(given),
                );
            }
            None
        }
    };
    Some(ChannelKind::Email {
        server: Arc::from(server),
        tls,
        login,
        from: email.text("from")?,
        to: email.texts("to"),
    })
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_loopback() || v4.is_private() || v4.is_link_local()),
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}
