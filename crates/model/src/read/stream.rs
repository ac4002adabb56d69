use std::time::Duration;

use sinew_diag::{Diagnostic, codes::config};

use crate::raw::Node;
use crate::shape::{CONNECTION_NAME, Record, Shape, Words, default, optional, required, words};
use crate::{Stream, StreamProtocol};

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
                "What is listened to: the path of a feed or socket, below the connection's `base_url`.",
            )
            .like("/orders?region=eu"),
            default("protocol", Shape::Word(StreamProtocol::WORDS), "sse", "How deliveries come."),
            optional(
                "open",
                Shape::Literal,
                "Sent once a socket is open: a text as it stands, anything else as JSON.",
            )
            .like("{ subscribe: orders }"),
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

/// Making connections anew more often than this helps nobody.
const QUIET_MIN: Duration = Duration::from_secs(1);

/// Reads the trigger `stream`.
pub(super) fn read(fields: Fields<'_>, reader: &mut Reader<'_>) -> Option<Stream> {
    let filter = Filter::read(fields, reader);
    let node = fields.node("connection")?;
    let connection = reader.connection(node.text()?, &node.place)?;
    let from = fields.text("from")?;
    if let Err(why) = check_path(&from) {
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
    let quiet = fields.duration("quiet")?;
    if quiet < QUIET_MIN {
        reader.error(config::INVALID_VALUE, "`quiet` is at least `1s`", fields.place("quiet"));
    }
    Some(Stream {
        connection: connection.name.clone(),
        from,
        protocol,
        open: fields.node("open").map(Node::to_json),
        event: fields.text("event"),
        when: filter.when,
        key: filter.key,
        dedupe: filter.dedupe,
        delivery_max: fields.size("delivery_max")?,
        quiet,
    })
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
