use std::sync::Arc;
use std::time::Duration;

use sinew_diag::{Diagnostic, codes::config};

use crate::raw::Node;
use crate::shape::{CONNECTION_NAME, Record, Shape, Words, default, optional, required, words};
use crate::{Begin, Listened, Listens, Stream, StreamProtocol, Transport};

use super::fields::Fields;
use super::reader::Reader;
use super::trigger::{FILTER, Filter};

pub(super) static STREAM: Record = Record {
    name: "stream",
    doc: "Listening to what a system sends by itself. Expressions stand over a delivery's envelope: `data`, `event`, `id`, `from`.",
    fields: &[
        &[
            required("connection", Shape::Name(&CONNECTION_NAME), "Where it is listened to.").like("feed"),
            required(
                "from",
                Shape::Text,
                "What is listened to: the path of a feed or socket below the connection's `base_url`, a subject, a queue, a topic.",
            )
            .like("/orders?region=eu"),
            default("protocol", Shape::Word(StreamProtocol::WORDS), "sse", "How deliveries come over HTTP."),
            optional(
                "open",
                Shape::Literal,
                "Sent once a socket is open: a text as it stands, anything else as JSON.",
            )
            .like("{ subscribe: orders }"),
            optional(
                "group",
                Shape::Text,
                "Under which name a broker keeps what was not acknowledged; `sinew-` and the flow's name if left out. Whoever listens under the same name shares it.",
            )
            .like("orders-to-billing"),
            default(
                "begin",
                Shape::Word(Begin::WORDS),
                "new",
                "With what a name begins under which a broker was not listened to before.",
            ),
            optional(
                "event",
                Shape::Text,
                "Only deliveries of this name start a run; others are passed over.",
            )
            .like("order.paid"),
        ],
        FILTER,
        &[
            default(
                "delivery_max",
                Shape::Size,
                "1MB",
                "The largest delivery whose data is taken; a larger one becomes a dead letter.",
            ),
            default(
                "quiet",
                Shape::Duration,
                "5m",
                "How long nothing at all may come before the connection is taken for dead and made anew.",
            ),
        ],
    ],
};

words!(StreamProtocol {
    Sse = "sse", "Server-Sent Events; read on behind the last `id` after a break";
    WebSocket = "websocket", "a WebSocket; what is sent while nobody listens is lost";
});

words!(Begin {
    New = "new", "what comes from then on";
    All = "all", "the oldest that the broker keeps";
});

/// Making connections anew more often than this helps nobody.
const QUIET_MIN: Duration = Duration::from_secs(1);
/// The longest subject, queue or topic.
const FROM_MAX: usize = 1024;

/// Reads the trigger `stream`.
pub(super) fn read(fields: Fields<'_>, flow: Fields<'_>, reader: &mut Reader<'_>) -> Option<Stream> {
    let filter = Filter::read(fields, reader);
    let node = fields.node("connection")?;
    let connection = reader.connection(node.text()?, &node.place)?;
    let from = fields.text("from")?;
    let transport = connection.connector.transport;
    let listened = match transport.facts().listens {
        _ if transport == Transport::Http => over_http(&from, fields, reader)?,
        Some(listens) => at_broker(&from, listens, transport, fields, flow, reader)?,
        None => {
            let message = format!("a system reached by `{}` cannot be listened to", transport.word());
            reader.error(config::TRANSPORT, message, fields.place("connection"));
            return None;
        }
    };
    let quiet = fields.duration("quiet")?;
    if quiet < QUIET_MIN {
        reader.error(config::INVALID_VALUE, "`quiet` is at least `1s`", fields.place("quiet"));
    }
    Some(Stream {
        connection: connection.name.clone(),
        from,
        listened,
        event: fields.text("event"),
        when: filter.when,
        key: filter.key,
        dedupe: filter.dedupe,
        delivery_max: fields.size("delivery_max")?,
        quiet,
    })
}

fn over_http(from: &str, fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Listened> {
    if let Err(why) = check_path(from) {
        reader.out.push(
            Diagnostic::error(config::INVALID_VALUE, format!("`{from}` is no path: {why}"))
                .at(fields.place("from"))
                .help("a path below the connection's `base_url`, such as `/orders?region=eu`"),
        );
    }
    let protocol = fields.word("protocol")?;
    if fields.node("open").is_some() && protocol != StreamProtocol::WebSocket {
        let message = "`open` is sent over a socket; a feed of Server-Sent Events takes no messages";
        reader.error(config::INVALID_VALUE, message, fields.place("open"));
    }
    check_known(Transport::Http, &[("group", false), ("begin", false)], fields, reader);
    Some(Listened::Http { protocol, open: fields.node("open").map(Node::to_json) })
}

fn at_broker(
    from: &str,
    listens: &Listens,
    transport: Transport,
    fields: Fields<'_>,
    flow: Fields<'_>,
    reader: &mut Reader<'_>,
) -> Option<Listened> {
    let what = listens.what;
    let fits = (listens.check)(from);
    if let Err(why) = if from.len() > FROM_MAX { Err("it is too long") } else { fits } {
        reader.out.push(
            Diagnostic::error(config::INVALID_VALUE, format!("`{from}` is not {what}: {why}"))
                .at(fields.place("from"))
                .help(format!("such as `{}`", listens.example)),
        );
    }
    let known = [
        ("protocol", false),
        ("open", false),
        ("group", listens.groups),
        ("begin", listens.begins),
        ("event", listens.events),
    ];
    check_known(transport, &known, fields, reader);
    let group = fields.text("group");
    if let Some(group) = group.as_ref().filter(|group| !is_group(group)) {
        let message = format!("`{group}` is no name of a group: use 1 to 64 letters, digits, `-` and `_`");
        reader.error(config::INVALID_VALUE, message, fields.place("group"));
    }
    let group = group.or_else(|| Some(Arc::from(format!("sinew-{}", flow.said("name")?))));
    let begin = if fields.node("begin").is_some() { fields.word("begin")? } else { Begin::New };
    Some(Listened::Broker { group: group?, begin, keeps: listens.keeps })
}

/// Checks that the system knows what is said.
fn check_known(transport: Transport, known: &[(&str, bool)], fields: Fields<'_>, reader: &mut Reader<'_>) {
    for (name, _) in known.iter().filter(|(name, is_known)| !is_known && fields.node(name).is_some()) {
        let message = format!("a stream of a system reached by `{}` knows no `{name}`", transport.word());
        reader.error(config::TRANSPORT, message, fields.place(name));
    }
}

fn is_group(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// A path stays below the connection's address: no other host, and nothing above.
fn check_path(from: &str) -> Result<(), &'static str> {
    if !from.starts_with('/') || from.starts_with("//") {
        return Err("it does not begin with one `/`");
    }
    if from.chars().any(|c| c.is_whitespace() || c.is_control() || "<>\"`{}|\\^#".contains(c)) {
        return Err("it holds a character that must be percent-encoded");
    }
    let path = from.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
    if path.split('/').any(|part| part == "." || part == "..") {
        return Err("it leads upwards");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_the_address_of_its_connection() {
        for good in ["/", "/orders", "/v2/stream?topics=a,b&x=%20", "/a/b.c/..d"] {
            assert_eq!(check_path(good), Ok(()), "{good}");
        }
        for bad in ["", "orders", "//evil.example/x", "/a/../b", "/%2e%2E/x", "/a b", "/a#b", "/{x}"] {
            assert!(check_path(bad).is_err(), "{bad}");
        }
    }
}
