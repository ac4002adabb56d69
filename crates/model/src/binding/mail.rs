use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};
use sinew_contract::Schema;
use sinew_contract::wire::file_schema;

/// What a letter is made of, as input fields, in the order in which people write it.
const FIELDS: [&str; 11] = [
    "from",
    "to",
    "cc",
    "bcc",
    "reply_to",
    "subject",
    "text",
    "html",
    "attachments",
    "headers",
    "message_id",
];

/// A letter: what every one of an operation has in common. The rest is input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailBinding {
    /// Whom it is from: `Billing <billing@example.com>`.
    pub from: Option<Arc<str>>,
    /// Whom it goes to.
    pub to: Vec<Arc<str>>,
    /// Who gets a copy.
    pub cc: Vec<Arc<str>>,
    /// Who gets a copy without the others knowing.
    pub bcc: Vec<Arc<str>>,
    /// Who is answered.
    pub reply_to: Option<Arc<str>>,
    /// What it is about.
    pub subject: Option<Arc<str>>,
}

impl MailBinding {
    /// Whether an input field of this name goes anywhere. What is fixed is none.
    pub fn takes(&self, field: &str) -> bool {
        FIELDS.contains(&field) && !self.fixes(field)
    }

    fn fixes(&self, field: &str) -> bool {
        match field {
            "from" => self.from.is_some(),
            "to" => !self.to.is_empty(),
            "cc" => !self.cc.is_empty(),
            "bcc" => !self.bcc.is_empty(),
            "reply_to" => self.reply_to.is_some(),
            "subject" => self.subject.is_some(),
            _ => false,
        }
    }

    /// The input fields without which there is no letter.
    pub fn required(&self) -> impl Iterator<Item = &'static str> {
        ["from", "to", "subject"].into_iter().filter(|field| !self.fixes(field))
    }

    /// The input fields that it takes.
    pub fn fields(&self) -> impl Iterator<Item = &'static str> {
        FIELDS.into_iter().filter(|field| !self.fixes(field))
    }

    /// The schema of what it takes, as callers give it.
    pub(super) fn schema(&self) -> Option<Schema> {
        let text = |description: &str| json!({"type": "string", "description": description});
        let people = |description: &str| {
            json!({"description": description, "anyOf": [
                {"type": "string"}, {"type": "array", "items": {"type": "string"}},
            ]})
        };
        let properties: serde_json::Map<String, Value> = self
            .fields()
            .map(|field| {
                let schema = match field {
                    "from" => text("Whom it is from: `Ada Lovelace <ada@example.com>`."),
                    "to" => people("Whom it goes to."),
                    "cc" => people("Who gets a copy."),
                    "bcc" => people("Who gets a copy without the others knowing."),
                    "reply_to" => text("Who is answered."),
                    "subject" => text("What it is about."),
                    "text" => text("What it says, in plain text."),
                    "html" => text("What it says, in HTML."),
                    "attachments" => json!({"type": "array", "items": file_schema(None)}),
                    "headers" => json!({
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                        "description": "Further headers.",
                    }),
                    _ => text("Its Message-ID without the angle brackets; a fresh one if left out."),
                };
                (field.to_owned(), schema)
            })
            .collect();
        let schema = json!({
            "type": "object",
            "properties": properties,
            "required": self.required().collect::<Vec<_>>(),
            "additionalProperties": false,
        });
        Schema::compile(schema).ok()
    }

    /// In one line, for people.
    pub fn reached(&self) -> Cow<'static, str> {
        if self.to.is_empty() {
            return Cow::Borrowed("a mail");
        }
        Cow::Owned(format!("a mail to {}", self.to.join(", ")))
    }
}

/// Why a text is nobody's address.
pub(crate) fn check_mailbox(text: &str) -> Result<(), &'static str> {
    let address = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
        Some((_, address)) => address,
        None => text,
    };
    if text.chars().any(char::is_control) {
        return Err("it holds a line break or another control character");
    }
    match address.rsplit_once('@') {
        Some((person, host))
            if !person.is_empty() && !host.is_empty() && !address.contains([' ', ',', ';']) =>
        {
            Ok(())
        }
        _ => Err("an address is like `ada@example.com` or `Ada Lovelace <ada@example.com>`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fixed_is_no_input() {
        let free = MailBinding::default();
        assert!(free.takes("to") && free.takes("html") && !free.takes("priority"));
        assert_eq!(free.required().collect::<Vec<_>>(), ["from", "to", "subject"]);
        let fixed = MailBinding {
            from: Some("billing@example.com".into()),
            to: vec!["books@example.com".into()],
            ..MailBinding::default()
        };
        assert!(!fixed.takes("to") && fixed.takes("cc"));
        assert_eq!(fixed.required().collect::<Vec<_>>(), ["subject"]);
    }

    #[test]
    fn addresses_are_told_from_other_texts() {
        for good in
            ["ada@example.com", "Ada Lovelace <ada@example.com>", "\"B, C\" <b@c.example>", "é@ü.example"]
        {
            assert_eq!(check_mailbox(good), Ok(()), "{good}");
        }
        for bad in ["", "ada", "@example.com", "ada@", "a@b, c@d", "Ada <ada>", "a@b\r\nBcc: c@d"] {
            assert!(check_mailbox(bad).is_err(), "{bad}");
        }
    }
}
