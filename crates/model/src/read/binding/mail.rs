use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};

use crate::binding::check_mailbox;
use crate::raw::Node;
use crate::read::fields::Fields;
use crate::read::reader::Reader;
use crate::shape::{Field, Record, Shape, one_of, optional};
use crate::{Binding, Effect, MailBinding};

use super::{Binder, Bound};

pub(super) const FIELDS: &[Field] = &[one_of(
    "mail",
    Shape::Record(&LETTER),
    "A letter. What is not fixed here is input: `from`, `to`, `cc`, `bcc`, `reply_to`, `subject`, `text`, `html`, `attachments`, `headers` and `message_id`. Always a `write`.",
)
.like("{ from: 'Billing <billing@example.com>' }")];

static LETTER: Record = Record {
    name: "mail",
    doc: "What every letter of an operation has in common; no input can change it.",
    fields: &[&[
        optional("from", Shape::Text, "Whom it is from.").like("'Billing <billing@example.com>'"),
        optional("to", Shape::OneOrList(&Shape::Text), "Whom it goes to.").like("books@example.com"),
        optional("cc", Shape::OneOrList(&Shape::Text), "Who gets a copy.").like("desk@example.com"),
        optional("bcc", Shape::OneOrList(&Shape::Text), "Who gets a copy without the others knowing.")
            .like("archive@example.com"),
        optional("reply_to", Shape::Text, "Who is answered.").like("desk@example.com"),
        optional("subject", Shape::Text, "What it is about.").like("A lead came in"),
    ]],
};

#[expect(clippy::unnecessary_wraps, reason = "as the readers of all families")]
pub(super) fn read(binder: &mut Binder<'_, '_, '_>) -> Option<Bound> {
    let letter = Fields::of(binder.node, &LETTER);
    let binding = MailBinding {
        from: address(letter, "from", binder.reader),
        to: addresses(letter, "to", binder.reader),
        cc: addresses(letter, "cc", binder.reader),
        bcc: addresses(letter, "bcc", binder.reader),
        reply_to: address(letter, "reply_to", binder.reader),
        subject: letter.text("subject"),
    };
    Some(Bound { binding: Binding::Mail(Arc::new(binding)), effect: Effect::Write, pagination: None })
}

fn address(letter: Fields<'_>, name: &str, reader: &mut Reader<'_>) -> Option<Arc<str>> {
    let node = letter.node(name)?;
    check(node, reader)
}

fn addresses(letter: Fields<'_>, name: &str, reader: &mut Reader<'_>) -> Vec<Arc<str>> {
    let node = letter.node(name).into_iter();
    let nodes =
        node.flat_map(|node| if node.scalar().is_some() { std::slice::from_ref(node) } else { node.items() });
    nodes.filter_map(|node| check(node, reader)).collect()
}

fn check(node: &Node, reader: &mut Reader<'_>) -> Option<Arc<str>> {
    let text = node.text()?;
    match check_mailbox(text) {
        Ok(()) => Some(Arc::from(text)),
        Err(why) => {
            let message = format!("`{text}` is nobody's address");
            reader.out.push(Diagnostic::error(config::PARAMETER, message).at(node.place.clone()).help(why));
            None
        }
    }
}
