use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};

use crate::raw::Node;
use crate::shape::{
    CONNECTION_NAME, CONNECTOR_ID, HEADER, Record, Resource, Shape, Words, default, optional, required, words,
};
use crate::{
    Access, AddressKind, Breaker, Connection, ConnectionName, Connector, ConnectorId, Deadlines, Egress,
};

use super::fields::Fields;
use super::reader::Reader;
use super::{auth, owner, tls, transport};

pub(crate) static RESOURCE: Resource = Resource {
    kind: "Connection",
    record: &CONNECTION,
    example: "\
kind: Connection
name: crm
connector: sandbox-crm@2026-11
owner: { team: revenue-operations, contact: revops@example.com, runbook: runbooks/crm.md }
base_url: ${CRM_URL:-https://crm.example.com}
auth: { oauth2: { grant: client_credentials, token_path: /oauth/token, client_id: sinew, client_secret: secret:crm/client } }
access: write
budget: { rate: 100/10s }
webhook_secret: secret:crm/webhooks
",
};

static CONNECTION: Record = Record {
    name: "Connection",
    doc: "A connector bound to an account: where it is, how to log in, what may be done, who answers for it.",
    fields: &[&[
        required("name", Shape::Name(&CONNECTION_NAME), "Its name; steps call `name.operation`.").like("crm"),
        required("connector", Shape::Name(&CONNECTOR_ID), "The connector and its version.")
            .like("sandbox-crm@2026-11"),
        owner::REQUIRED,
        required(
            "base_url",
            Shape::SystemUrl,
            "Where the system is. Over HTTP, paths of operations are put behind it. Other transports have schemes of their own, like `postgres://db.example.com/orders`; user names and passwords belong under `auth`.",
        )
            .like("https://crm.example.com/v1"),
        auth::REQUIRED,
        tls::FIELD,
        optional(
            "host_keys",
            Shape::OneOrList(&Shape::Text),
            "The fingerprint of the key by which the system is known over SSH; a list while one replaces another.",
        )
        .like("SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"),
        default("access", Shape::Word(Access::WORDS), "read", "What may be done with it."),
        optional(
            "budget",
            Shape::Record(&BUDGET),
            "How often the account may be called, by everything that uses the connection together. Left out: what the connector says under `limits`, else without limit.",
        )
        .like("{ rate: 100/10s }"),
        default("concurrency", Shape::Count(1, 10_000), "50", "Calls under way at once."),
        optional("deadlines", Shape::Record(&DEADLINES), "How long the parts of a call may take."),
        optional("breaker", Shape::Record(&BREAKER), "When to stop calling a system that is down."),
        optional("egress", Shape::Record(&EGRESS), "Which addresses may be reached besides public ones."),
        default("response_max", Shape::Size, "10MB", "The largest answer that is read; larger ones fail the call."),
        optional(
            "headers",
            Shape::Table(&HEADER, &Shape::Text),
            "Headers sent with every call. Credentials belong under `auth`.",
        )
        .like("{ Accept-Language: en }"),
        optional(
            "webhook_secret",
            Shape::OneOrList(&Shape::Secret),
            "What the system signs its webhooks with; a list while one replaces another.",
        )
        .like("[secret:crm/hook, secret:crm/hook-before]"),
        optional("webhook_token", Shape::Secret, "What the system knows when it asks whether a receiver is there."),
    ]],
};

words!(Access {
    Read = "read", "only operations whose effect is `read`";
    Write = "write", "all operations";
});

static BUDGET: Record = Record {
    name: "budget",
    doc: "How often the account may be called.",
    fields: &[&[required("rate", Shape::Rate, "So many calls in so long.").like("100/10s")]],
};

static DEADLINES: Record = Record {
    name: "deadlines",
    doc: "How long the parts of a call may take.",
    fields: &[&[
        default("connect", Shape::Duration, "5s", "To connect, TLS included."),
        default("read", Shape::Duration, "15s", "Between two pieces of the answer."),
        default(
            "total",
            Shape::Duration,
            "30s",
            "One attempt, from the first byte sent to the last byte read.",
        ),
    ]],
};

static BREAKER: Record = Record {
    name: "breaker",
    doc: "After so many failures in a row nothing is sent for so long; then one call is let through to probe.",
    fields: &[&[
        default("failures", Shape::Count(1, 10_000), "10", "Failures in a row that open it."),
        default("open_for", Shape::Duration, "10s", "How long it stays open before the first probe."),
    ]],
};

/// Which addresses may be reached.
pub(crate) static EGRESS: Record = Record {
    name: "egress",
    doc: "Which addresses may be reached besides public ones. Metadata services of clouds are never reached.",
    fields: &[&[required("allow", Shape::List(&Shape::Word(AddressKind::WORDS)), "Kinds of address.")
        .like("[private]")]],
};

words!(AddressKind {
    Loopback = "loopback", "127.0.0.0/8, ::1";
    Private = "private", "RFC 1918, RFC 6598 and RFC 4193 ranges";
    LinkLocal = "link_local", "169.254.0.0/16, fe80::/10";
});

/// Headers that carry credentials, which never stand in a file in clear.
const CREDENTIAL_HEADERS: &[&str] =
    &["authorization", "proxy-authorization", "cookie", "x-api-key", "api-key", "apikey", "x-auth-token"];

/// Reads a connection.
pub(crate) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Connection> {
    let fields = Fields::of(root, &CONNECTION);
    let base_url: Option<Arc<str>> = fields.said("base_url").map(|url| Arc::from(url.trim_end_matches('/')));
    if base_url.as_deref().is_some_and(|url| url.contains('?')) {
        reader.error(config::INVALID_VALUE, "`base_url` holds a query", fields.place("base_url"));
    }
    let connector = connector(fields, reader);
    if let Some(connector) = &connector {
        transport::check(connector.transport, fields, base_url.as_deref(), reader);
        transport::check_host_keys(connector.transport, fields, reader);
    }
    let documented = connector.as_ref().and_then(|connector| connector.limits.rate);
    let auth = auth::read(fields, base_url.as_deref(), reader);
    let tls = tls::read(fields, auth.as_ref(), reader);
    let headers = headers(fields, reader);
    if let Some((connector, auth)) = connector.as_ref().zip(auth.as_ref()) {
        transport::check_login(connector.transport, auth, fields, reader);
    }
    Some(Connection {
        name: ConnectionName::new(fields.said("name")?).ok()?,
        connector: connector?,
        owner: owner::read(fields.record("owner")?)?,
        base_url: base_url?,
        auth: auth?,
        tls: tls?,
        host_keys: fields.texts("host_keys"),
        access: fields.word("access")?,
        budget: match fields.record("budget") {
            Some(budget) => budget.rate("rate"),
            None => documented,
        },
        concurrency_max: fields.positive("concurrency")?,
        deadlines: fields.record("deadlines").map_or_else(|| Some(Deadlines::default()), deadlines)?,
        breaker: fields.record("breaker").map_or_else(|| Some(Breaker::default()), breaker)?,
        egress: fields.record("egress").map(egress).unwrap_or_default(),
        response_max: fields.size("response_max")?,
        headers,
        webhook_secret: fields.secrets("webhook_secret"),
        webhook_token: fields.secret("webhook_token"),
    })
}

fn connector(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Arc<Connector>> {
    let node = fields.node("connector")?;
    let text = node.text()?;
    let id = ConnectorId::new(text).ok()?;
    if let Some(connector) = reader.known.connectors.get(&id) {
        return Some(connector.clone());
    }
    let declared = &reader.known.declared.connectors;
    if !declared.contains(text) {
        let names = declared.iter().map(String::as_str);
        reader.unknown(
            config::UNKNOWN_CONNECTOR,
            format!("unknown connector `{text}`"),
            node.place.clone(),
            text,
            names,
        );
    }
    None
}

fn headers(fields: Fields<'_>, reader: &mut Reader<'_>) -> Vec<(Arc<str>, Arc<str>)> {
    let Some(node) = fields.node("headers") else { return Vec::new() };
    for entry in node.entries() {
        if CREDENTIAL_HEADERS.contains(&entry.name.to_ascii_lowercase().as_str()) {
            let help = "say how to log in under `auth:`, which takes `secret:path/name`";
            let message = format!("the header `{}` carries a credential", entry.name);
            reader.out.push(
                Diagnostic::error(config::SECRET_IN_CLEAR, message)
                    .at(entry.name_place.clone())
                    .help(help)
                    .hide_line(),
            );
        } else if entry.value.text().is_some_and(|text| text.chars().any(|c| c.is_control() || !c.is_ascii()))
        {
            let message = format!("the header `{}` holds characters that no header may", entry.name);
            reader.error(config::INVALID_VALUE, message, entry.value.place.clone());
        }
    }
    node.entries()
        .iter()
        .filter_map(|e| Some((Arc::from(e.name.as_str()), Arc::from(e.value.text()?))))
        .collect()
}

fn deadlines(fields: Fields<'_>) -> Option<Deadlines> {
    Some(Deadlines {
        connect: fields.duration("connect")?,
        read: fields.duration("read")?,
        total: fields.duration("total")?,
    })
}

fn breaker(fields: Fields<'_>) -> Option<Breaker> {
    Some(Breaker { failures: fields.positive("failures")?, open_for: fields.duration("open_for")? })
}

/// Reads which addresses may be reached.
pub(crate) fn egress(fields: Fields<'_>) -> Egress {
    Egress { allow: fields.words("allow").into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::testing::node;

    #[test]
    fn what_the_table_says_is_left_out_is_what_the_types_say() {
        let empty = node("{}");
        assert_eq!(deadlines(Fields::of(&empty, &DEADLINES)), Some(Deadlines::default()));
        assert_eq!(breaker(Fields::of(&empty, &BREAKER)), Some(Breaker::default()));
    }
}
