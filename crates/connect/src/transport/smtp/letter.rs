//! A letter as it goes out (RFC 5322, MIME), made of what a flow says.

use std::sync::Arc;

use aws_lc_rs::rand;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message};
use serde_json::value::RawValue;
use sinew_contract::wire::{Fields, File};
use sinew_model::MailBinding;

use crate::transport::{MailAsk, TransportError, TransportErrorKind as Kind};

/// The longest letter that is made.
const LETTER_MAX: usize = 64 << 20;
/// The most people that a letter goes to.
const RECEIVERS_MAX: usize = 1000;
/// Headers that are made of other fields.
const OWN_HEADERS: [&str; 10] =
    ["from", "sender", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id", "mime-version"];

/// A letter, ready to go out.
#[derive(Debug)]
pub(super) struct Letter {
    /// Whom it is from.
    pub(super) from: String,
    /// All who get it.
    pub(super) to: Vec<String>,
    /// Whether no address needs more than ASCII.
    pub(super) is_ascii: bool,
    pub(super) message_id: String,
    pub(super) content: Vec<u8>,
}

impl Letter {
    /// Writes a letter. What is wrong with it is found before anything is sent.
    pub(super) fn write(ask: &MailAsk) -> Result<Self, TransportError> {
        let fields = Fields::of(&ask.input).ok_or_else(|| unfit("the input is no object"))?;
        let draft = Draft { binding: &ask.binding, fields };
        let from = draft.one(ask.binding.from.as_ref(), "from")?.ok_or_else(|| unfit("`from` is missing"))?;
        let message_id = match draft.text("message_id")?.or_else(|| ask.key.as_deref().map(str::to_owned)) {
            Some(id) => with_host(&id, from.email.domain())?,
            None => with_host(&fresh_id()?, from.email.domain())?,
        };
        let mut builder = Message::builder().from(from.clone()).date_now();
        builder = builder.message_id(Some(format!("<{message_id}>")));
        if let Some(mailbox) = draft.one(ask.binding.reply_to.as_ref(), "reply_to")? {
            builder = builder.reply_to(mailbox);
        }
        let mut to = Vec::new();
        for (fixed, field) in [(&ask.binding.to, "to"), (&ask.binding.cc, "cc"), (&ask.binding.bcc, "bcc")] {
            for mailbox in draft.all(fixed, field)? {
                to.push(mailbox.email.clone());
                builder = match field {
                    "to" => builder.to(mailbox),
                    "cc" => builder.cc(mailbox),
                    _ => builder,
                };
            }
        }
        if to.is_empty() || to.len() > RECEIVERS_MAX {
            return Err(unfit(format!("a letter goes to 1 to {RECEIVERS_MAX} people, not to {}", to.len())));
        }
        builder = draft.dress(builder)?;
        let envelope = lettre::address::Envelope::new(Some(from.email.clone()), to.clone());
        let envelope = envelope.map_err(|error| unfit(error.to_string()))?;
        let message = draft.body(builder.envelope(envelope))?;
        let is_ascii = to
            .iter()
            .chain([&from.email])
            .all(|address| address.user().is_ascii() && address.domain().is_ascii());
        let content = message.formatted();
        if content.len() > LETTER_MAX {
            return Err(unfit(format!("the letter has {} bytes; the most is {LETTER_MAX}", content.len())));
        }
        let to = to.iter().map(ToString::to_string).collect();
        Ok(Self { from: from.email.to_string(), to, is_ascii, message_id, content })
    }

    /// The content with each line that begins with a dot told from the last (RFC 5321, section 4.5.2), whole lines.
    pub(super) fn on_the_wire(&self) -> Vec<u8> {
        let mut wire = Vec::with_capacity(self.content.len() + 1024);
        for line in self.content.split_inclusive(|byte| *byte == b'\n') {
            if line.first() == Some(&b'.') {
                wire.push(b'.');
            }
            wire.extend_from_slice(line);
        }
        if !wire.ends_with(b"\r\n") {
            wire.extend_from_slice(b"\r\n");
        }
        wire
    }
}

/// What a flow says of a letter, over what the connector fixes.
struct Draft<'a> {
    binding: &'a MailBinding,
    fields: Fields<'a>,
}

impl Draft<'_> {
    fn field(&self, name: &str) -> Option<&RawValue> {
        self.fields.get(name).filter(|value| value.get() != "null")
    }

    /// A field that holds a text.
    fn text(&self, name: &str) -> Result<Option<String>, TransportError> {
        let Some(value) = self.field(name) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| unfit(format!("`{name}` is no text")))
    }

    /// Somebody.
    fn one(&self, fixed: Option<&Arc<str>>, name: &str) -> Result<Option<Mailbox>, TransportError> {
        let said = match fixed {
            Some(fixed) => Some(fixed.to_string()),
            None => self.text(name)?,
        };
        said.map(|said| mailbox(name, &said)).transpose()
    }

    /// Several people: a text for each, or one text.
    fn all(&self, fixed: &[Arc<str>], name: &str) -> Result<Vec<Mailbox>, TransportError> {
        if !fixed.is_empty() {
            return fixed.iter().map(|said| mailbox(name, said)).collect();
        }
        let Some(value) = self.field(name) else { return Ok(Vec::new()) };
        let said = serde_json::from_str::<Vec<String>>(value.get())
            .or_else(|_| serde_json::from_str(value.get()).map(|one| vec![one]))
            .map_err(|_| unfit(format!("`{name}` is neither a text nor a list of texts")))?;
        said.iter().map(|said| mailbox(name, said)).collect()
    }

    /// Adds subject and headers.
    fn dress(&self, mut builder: MessageBuilder) -> Result<MessageBuilder, TransportError> {
        let subject = match &self.binding.subject {
            Some(fixed) => fixed.to_string(),
            None => self.text("subject")?.ok_or_else(|| unfit("`subject` is missing"))?,
        };
        builder = builder.subject(in_one_line("subject", subject)?);
        let Some(headers) = self.field("headers") else { return Ok(builder) };
        let headers = Fields::of_raw(headers).ok_or_else(|| unfit("`headers` is no object"))?;
        for (name, value) in headers.iter() {
            let lower = name.to_ascii_lowercase();
            if OWN_HEADERS.contains(&&*lower) || lower.starts_with("content-") {
                return Err(unfit(format!(
                    "the header `{name}` has a field of its own, or is made by itself"
                )));
            }
            let no_name = || unfit(format!("`{name}` is not the name of a header"));
            // RFC 5322, section 3.6.8.
            if name.is_empty() || !name.bytes().all(|byte| (33..=126).contains(&byte) && byte != b':') {
                return Err(no_name());
            }
            let value: String = serde_json::from_str(value.get())
                .map_err(|_| unfit(format!("the header `{name}` is no text")))?;
            let header = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| no_name())?;
            builder = builder.raw_header(HeaderValue::new(header, in_one_line(name, value)?));
        }
        Ok(builder)
    }

    /// Adds what it says and what is attached.
    fn body(&self, builder: MessageBuilder) -> Result<Message, TransportError> {
        let attached = match self.field("attachments") {
            None => Vec::new(),
            Some(value) => {
                let files: Vec<Box<RawValue>> =
                    serde_json::from_str(value.get()).map_err(|_| unfit("`attachments` is no list"))?;
                files.iter().enumerate().map(|(at, file)| attachment(at, file)).collect::<Result<_, _>>()?
            }
        };
        let said = match (self.text("text")?, self.text("html")?) {
            (Some(text), Some(html)) => Said::Both(MultiPart::alternative_plain_html(text, html)),
            (Some(text), None) => Said::One(SinglePart::plain(text)),
            (None, Some(html)) => Said::One(SinglePart::html(html)),
            (None, None) if attached.is_empty() => {
                return Err(unfit("it says nothing: give `text` or `html`"));
            }
            (None, None) => Said::One(SinglePart::plain(String::new())),
        };
        let made = if attached.is_empty() {
            match said {
                Said::Both(parts) => builder.multipart(parts),
                Said::One(part) => builder.singlepart(part),
            }
        } else {
            let mixed = match said {
                Said::Both(parts) => MultiPart::mixed().multipart(parts),
                Said::One(part) => MultiPart::mixed().singlepart(part),
            };
            builder.multipart(attached.into_iter().fold(mixed, MultiPart::singlepart))
        };
        made.map_err(|error| unfit(format!("the letter cannot be written: {error}")))
    }
}

/// What a letter says.
enum Said {
    One(SinglePart),
    Both(MultiPart),
}

fn attachment(at: usize, value: &RawValue) -> Result<SinglePart, TransportError> {
    let wrong = |why: String| unfit(format!("attachment {}: {why}", at + 1));
    let file = File::of(value).map_err(|error| wrong(error.to_string()))?;
    let filename =
        in_one_line("filename", file.filename.unwrap_or_else(|| format!("attachment-{}", at + 1)))?;
    let media_type = file.media_type.as_deref().unwrap_or("application/octet-stream");
    let kind =
        ContentType::parse(media_type).map_err(|_| wrong(format!("`{media_type}` is no media type")))?;
    Ok(Attachment::new(filename).body(file.bytes, kind))
}

/// An address with or without a name: `Ada Lovelace <ada@example.com>`.
fn mailbox(field: &str, said: &str) -> Result<Mailbox, TransportError> {
    let text = in_one_line(field, said.trim().to_owned())?;
    let (name, address) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((name, address)) => (Some(name.trim()), address),
        None => (None, text.as_str()),
    };
    let name =
        name.map(|name| name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name));
    let address: Address = address.parse().map_err(|_| {
        unfit(format!(
            "`{text}` in `{field}` is nobody's address: write `ada@example.com` or `Ada <ada@example.com>`"
        ))
    })?;
    Ok(Mailbox::new(name.filter(|name| !name.is_empty()).map(str::to_owned), address))
}

/// A text that could not become a header of its own.
fn in_one_line(field: &str, text: String) -> Result<String, TransportError> {
    if text.chars().any(char::is_control) {
        return Err(unfit(format!("`{field}` holds a line break or another control character")));
    }
    Ok(text)
}

/// A Message-ID without its brackets (RFC 5322, section 3.6.4).
fn with_host(id: &str, host: &str) -> Result<String, TransportError> {
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    let fits = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>()[],;:\\\"@".contains(&b))
    };
    let (left, right) = id.split_once('@').unwrap_or((id, host));
    // Hosts beyond ASCII are no part of it.
    let right = if right.is_ascii() { right } else { "localhost" };
    // What keys are made of beyond that says nothing.
    let left: String = left.chars().map(|c| if b"/:".contains(&(c as u8)) { '.' } else { c }).collect();
    if !fits(&left) || !fits(right) {
        return Err(unfit(format!("`{id}` is no Message-ID")));
    }
    Ok(format!("{left}@{right}"))
}

fn fresh_id() -> Result<String, TransportError> {
    let mut bytes = [0_u8; 16];
    let none = |_| TransportError::new(Kind::Broken, "the machine gives no random numbers");
    rand::fill(&mut bytes).map_err(none)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn unfit(why: impl Into<String>) -> TransportError {
    TransportError::new(Kind::Unfit, why)
}

#[cfg(test)]
mod tests {
    use sinew_stdx::Json;

    use super::*;

    fn write(input: &serde_json::Value) -> Result<Letter, TransportError> {
        let binding =
            MailBinding { from: Some("Billing <billing@acme.example>".into()), ..MailBinding::default() };
        Letter::write(&MailAsk { binding: Arc::new(binding), input: Json::of(input), key: None })
    }

    /// The letter, with what is by chance taken out.
    fn check(input: &serde_json::Value) -> String {
        let letter = write(input).unwrap();
        let text = String::from_utf8(letter.content).unwrap();
        let lines = text.split("\r\n").map(|line| match line {
            line if line.starts_with("Date: ") => "Date: (now)",
            line => line,
        });
        lines.collect::<Vec<_>>().join("\n").replace(&letter.message_id, "(id)")
    }

    #[test]
    fn a_letter_is_plain_text() {
        let input = serde_json::json!({
            "to": ["Ada Lovelace <ada@example.com>", "b@example.com"], "bcc": "quiet@example.com",
            "subject": "Rechnung für März", "text": "Hello\n.\nnew line", "headers": {"X-Campaign": "autumn"},
        });
        insta::assert_snapshot!(check(&input), @r#"
        From: Billing <billing@acme.example>
        Date: (now)
        Message-ID: <(id)>
        To: "Ada Lovelace" <ada@example.com>, b@example.com
        Subject: Rechnung =?utf-8?b?ZsO8ciBNw6Ryeg==?=
        X-Campaign: autumn
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 7bit

        Hello
        .
        new line
        "#);
        let letter = write(&input).unwrap();
        assert_eq!(letter.from, "billing@acme.example");
        assert_eq!(letter.to, ["ada@example.com", "b@example.com", "quiet@example.com"]);
        let wire = String::from_utf8(letter.on_the_wire()).unwrap();
        assert!(wire.contains("\r\n..\r\n") && wire.ends_with("\r\n"), "{wire}");
    }

    #[test]
    fn what_cannot_be_sent_says_why() {
        let with = |field: &str, value: serde_json::Value| {
            let mut input = serde_json::json!({"to": "a@example.com", "subject": "s", "text": "t"});
            input[field] = value;
            write(&input).unwrap_err().words
        };
        for (field, value, says) in [
            ("to", serde_json::json!([]), "a letter goes to 1 to 1000 people, not to 0"),
            ("to", serde_json::json!("a@example.com, b@example.com"), "nobody's address"),
            ("to", serde_json::json!("a@example.com\r\nBcc: b@example.com"), "`to` holds a line break"),
            ("subject", serde_json::json!("s\nBcc: b@example.com"), "`subject` holds a line break"),
            ("subject", serde_json::json!(null), "`subject` is missing"),
            ("text", serde_json::json!(null), "it says nothing"),
            ("headers", serde_json::json!({"Bcc": "b@example.com"}), "has a field of its own"),
            ("headers", serde_json::json!({"X-A\r\nBcc": "b"}), "is not the name of a header"),
            ("headers", serde_json::json!({"X-A": "b\r\nBcc: c"}), "`X-A` holds a line break"),
            ("message_id", serde_json::json!("a b"), "`a b` is no Message-ID"),
            ("attachments", serde_json::json!([{"base64": "%"}]), "attachment 1: `base64` is not base64"),
            (
                "attachments",
                serde_json::json!([{"text": "x", "media_type": "none"}]),
                "`none` is no media type",
            ),
        ] {
            let words = with(field, value);
            assert!(words.contains(says), "{field}: {words}");
        }
    }

    #[test]
    fn a_message_keeps_its_id() {
        let id = |id: &str| with_host(id, "acme.example");
        assert_eq!(id("01M7/steps/mail:3").unwrap(), "01M7.steps.mail.3@acme.example");
        assert_eq!(id("<a@b.example>").unwrap(), "a@b.example");
        assert!(id("a@b@c").is_err() && id("").is_err());
    }

    #[test]
    fn files_are_attached() {
        let input = serde_json::json!({
            "to": "ada@example.com", "subject": "s", "text": "t", "html": "<p>t</p>",
            "attachments": [{"text": "a,b\n1,2\n", "filename": "größe.csv", "media_type": "text/csv"}],
        });
        let written = check(&input);
        assert!(
            written.contains("multipart/mixed") && written.contains("multipart/alternative"),
            "{written}"
        );
        assert!(written.contains("filename*0*=utf-8''gr%C3%B6%C3%9Fe.csv"), "{written}");
    }
}
