use std::sync::Arc;

use crate::transport::{LOG_BYTES_MAX, log};

/// A message that a broker is given.
#[derive(Clone, Debug)]
pub struct PublishBinding {
    /// What kind of address it goes to.
    pub destination: Destination,
    /// Where it goes, as its author wrote it.
    pub written: Arc<str>,
    /// The same in pieces.
    pub to: Vec<DestinationPiece>,
    /// The exchange of an AMQP broker; the one without a name gives messages to the queue that `to` names.
    pub exchange: Arc<str>,
    /// What the message is made of.
    pub body: MessageBody,
    /// Input fields that go into headers, and the names of these.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// What it is called, where messages have names.
    pub event: Option<Arc<str>>,
    /// The input field by whose value messages are kept in order; it is part of the body, too.
    pub order: Option<Arc<str>>,
    /// The broker keeps it for those who come later.
    pub retain: bool,
}

/// A piece of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationPiece {
    /// Text that stands as it is.
    Text(Arc<str>),
    /// The value of this input field.
    Field(Arc<str>),
}

/// What a message is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageBody {
    /// A JSON object of all input fields that go nowhere else.
    Rest,
    /// The JSON of one field.
    Json(Arc<str>),
    /// The text of one field.
    Text(Arc<str>),
}

/// Where messages go, by kind of broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// NATS: tokens with dots between them.
    Subject,
    /// AMQP: what an exchange decides by; words with dots between them, or a queue.
    RoutingKey,
    /// MQTT: levels with slashes between them.
    Topic,
    /// Kafka: the name of a topic.
    Log,
}

impl PublishBinding {
    /// Whether an input field of this name goes anywhere.
    pub fn takes(&self, field: &str) -> bool {
        self.places(field)
            || self.order.as_deref() == Some(field)
            || match &self.body {
                MessageBody::Rest => true,
                MessageBody::Json(of) | MessageBody::Text(of) => **of == *field,
            }
    }

    /// Whether an input field goes elsewhere than into the message's body.
    pub fn places(&self, field: &str) -> bool {
        self.to.iter().any(|piece| matches!(piece, DestinationPiece::Field(of) if **of == *field))
            || self.headers.iter().any(|(of, _)| **of == *field)
    }

    /// The input fields without which there is no message.
    pub fn required(&self) -> Vec<&str> {
        let places = self.to.iter().filter_map(|piece| match piece {
            DestinationPiece::Field(field) => Some(&**field),
            DestinationPiece::Text(_) => None,
        });
        let body = match &self.body {
            MessageBody::Rest => None,
            MessageBody::Json(field) | MessageBody::Text(field) => Some(&**field),
        };
        places.chain(body).collect()
    }

    /// What is called, in one line.
    pub fn reached(&self) -> String {
        let joint = if self.exchange.is_empty() { "" } else { " " };
        format!("publish {}{joint}{}", self.exchange, self.written)
    }
}

impl Destination {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::RoutingKey => "routing key",
            Self::Topic | Self::Log => "topic",
        }
    }

    /// The most bytes of one.
    pub fn bytes_max(self) -> usize {
        match self {
            Self::RoutingKey => 255,
            Self::Log => LOG_BYTES_MAX,
            Self::Subject | Self::Topic => 1024,
        }
    }

    /// What carries an idempotency key, if anything does.
    pub fn key_carrier(self) -> Option<&'static str> {
        match self {
            Self::Subject => Some("Nats-Msg-Id"),
            Self::RoutingKey | Self::Log => Some("message-id"),
            Self::Topic => None,
        }
    }

    /// Whether messages have headers.
    pub fn has_headers(self) -> bool {
        self != Self::Topic
    }

    /// Whether a value may stand in one: it is one part of it, and means nothing else there.
    pub fn check_value(self, value: &str, is_first: bool) -> Result<(), &'static str> {
        let special = match self {
            Self::Subject => ".*>",
            Self::RoutingKey => ".*#",
            Self::Topic => "/+#",
            Self::Log => "",
        };
        if value.is_empty() {
            Err("it is empty")
        } else if value.chars().any(|c| c.is_control() || c.is_whitespace()) {
            Err("it holds white space")
        } else if value.contains(|c| special.contains(c)) {
            Err("it holds a character that means something there")
        } else if self == Self::Log && log(value).is_err() {
            Err("names of topics are made of letters, digits, `.`, `_` and `-`")
        } else if is_first && value.starts_with('$') {
            Err("what begins with `$` is the broker's own")
        } else {
            Ok(())
        }
    }

    /// Whether the text that an author wrote, with a word for each value, is one to which something can be sent.
    pub(crate) fn check(self, text: &str) -> Result<(), &'static str> {
        if text.len() > self.bytes_max() {
            return Err("it is too long");
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("it holds white space");
        }
        match self {
            Self::Subject if text.split('.').any(str::is_empty) => Err("it has an empty part"),
            Self::Subject if text.split('.').any(|token| token.contains(['*', '>'])) => {
                Err("messages are sent to one subject, without `*` and `>`")
            }
            Self::Topic if text.is_empty() => Err("it is empty"),
            Self::Topic if text.contains(['+', '#']) => {
                Err("messages are sent to one topic, without `+` and `#`")
            }
            Self::Log => log(text),
            Self::Subject | Self::Topic | Self::RoutingKey => Ok(()),
        }
    }
}

/// Cuts an address at its values, `{name}`.
pub(crate) fn parse(text: &str) -> Result<Vec<DestinationPiece>, &'static str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (before, behind) = rest.split_at(at);
        let closed = behind.strip_prefix('{').and_then(|behind| behind.split_once('}'));
        let Some((name, after)) = closed.filter(|(name, _)| !name.is_empty() && !name.contains('{')) else {
            return Err("values are written `{name}`");
        };
        if !before.is_empty() {
            pieces.push(DestinationPiece::Text(Arc::from(before)));
        }
        pieces.push(DestinationPiece::Field(Arc::from(name)));
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(DestinationPiece::Text(Arc::from(rest)));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_cut_at_its_values() {
        let (text, field) =
            (|t: &str| DestinationPiece::Text(t.into()), |t: &str| DestinationPiece::Field(t.into()));
        assert_eq!(parse("a.{b}.c"), Ok(vec![text("a."), field("b"), text(".c")]));
        assert_eq!(parse("{a}{b}"), Ok(vec![field("a"), field("b")]));
        for bad in ["a.{b", "a}", "{}", "{a{b}}"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_value_is_one_part_of_an_address_and_nothing_else() {
        let check = |destination: Destination, good: &[&str], bad: &[&str]| {
            for value in good {
                assert_eq!(destination.check_value(value, true), Ok(()), "{value}");
            }
            for value in bad {
                assert!(destination.check_value(value, true).is_err(), "{value}");
            }
        };
        check(
            Destination::Subject,
            &["eu", "a/b", "ü", "a$"],
            &["", "a.b", "*", ">", "a b", "a\r\nPUB", "$JS"],
        );
        check(Destination::RoutingKey, &["eu", "a/b", ">"], &["", "a.b", "*", "#", "a\n"]);
        check(Destination::Topic, &["eu", "a.b", "*"], &["", "a/b", "+", "#", "\0", "$SYS"]);
        assert_eq!(
            Destination::Subject.check_value("$a", false),
            Ok(()),
            "only what is first is the broker's"
        );
    }

    #[test]
    fn an_address_names_one_place() {
        for (address, good, bad) in [
            (Destination::Subject, "orders.v", "orders..v"),
            (Destination::Subject, "orders", "orders.*"),
            (Destination::Topic, "orders/v", "orders/+"),
            (Destination::RoutingKey, "", "a b"),
            (Destination::Log, "orders.v_1-x", "orders/v"),
        ] {
            assert_eq!(address.check(good), Ok(()), "{good}");
            assert!(address.check(bad).is_err(), "{bad}");
        }
        assert!(Destination::RoutingKey.check(&"k".repeat(256)).is_err());
    }
}
