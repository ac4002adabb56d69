use std::sync::Arc;

use http::HeaderMap;
use sinew_connect::auth::Credential;
use sinew_connect::transport::{Ask, CommandAsk, MailAsk, PublishAsk, SqlAsk};
use sinew_model::SeenMessage;
use sinew_stdx::Json;

use crate::mask::{MASK, Masker, hides_header};
use crate::plan::HttpPlan;
use crate::request::{Formed, shown_url};
use crate::send::Reply;

/// How much of a body is kept with an attempt.
const BODY_SHOWN: usize = 4 * 1024;
/// How much of a statement is kept with it.
const LINE_SHOWN: usize = 1024;

/// The request in one line, which is all that is kept of a success.
fn request_line(
    plan: &HttpPlan,
    formed: &Formed,
    credential: Option<&Credential>,
    masker: &Masker,
) -> Arc<str> {
    let line = format!("{} {}", plan.method, shown_url(&formed.uri, credential));
    masker.text(&line).into()
}

/// The answer in one line.
fn reply_line(reply: &Reply) -> Arc<str> {
    reply.status.to_string().into()
}

/// What another transport was asked, in a line, and if `whole` with all that went with it.
pub(crate) fn ask(ask: &Ask, masker: &Masker, whole: bool) -> SeenMessage {
    match ask {
        Ask::Sql(ask) => statement(ask, masker, whole),
        Ask::Mail(ask) => mail(ask, masker, whole),
        Ask::Command(ask) => command(ask, masker, whole),
        Ask::File(ask) => line_only(masker.body(ask.to_string().as_bytes(), LINE_SHOWN).into()),
        Ask::Publish(message) => published(message, masker, whole),
    }
}

fn command(ask: &CommandAsk, masker: &Masker, whole: bool) -> SeenMessage {
    let line = masker.body(ask.command.to_string().as_bytes(), LINE_SHOWN).into();
    if !whole {
        return line_only(line);
    }
    let words = masker.body(Json::of(&ask.words).as_bytes(), BODY_SHOWN).into();
    SeenMessage { line, headers: Vec::new(), body: Some(words) }
}

fn statement(ask: &SqlAsk, masker: &Masker, whole: bool) -> SeenMessage {
    let SqlAsk { statement, values, .. } = ask;
    let line = masker.body(statement.in_one_line().as_bytes(), LINE_SHOWN).into();
    if !whole || values.is_empty() {
        return line_only(line);
    }
    let fields = statement.parameters.iter().map(|parameter| &*parameter.field);
    let values = Json::object(fields.zip(values));
    SeenMessage { line, headers: Vec::new(), body: body(values.as_bytes(), masker) }
}

/// A letter: whom it goes to, and if `whole` what it says.
fn mail(ask: &MailAsk, masker: &Masker, whole: bool) -> SeenMessage {
    let line = masker.text(&ask.binding.reached()).into();
    if !whole {
        return line_only(line);
    }
    SeenMessage { line, headers: Vec::new(), body: body(ask.input.as_bytes(), masker) }
}

fn published(message: &PublishAsk, masker: &Masker, whole: bool) -> SeenMessage {
    let exchange = &message.binding.exchange;
    let joint = if exchange.is_empty() { "" } else { " " };
    let line = masker.text(&format!("publish {exchange}{joint}{}", message.to)).into();
    if !whole {
        return line_only(line);
    }
    let carrier = message.binding.destination.key_carrier().map(Arc::from);
    let key = carrier.zip(message.key.as_ref()).map(|(name, key)| (name, key.to_string()));
    let headers = message.headers.iter().cloned().chain(key);
    let shown = |(name, value): (Arc<str>, String)| {
        let value = if hides_header(&name) { MASK.into() } else { masker.text(&value).into() };
        (name, value)
    };
    SeenMessage { line, headers: headers.map(shown).collect(), body: body(&message.body, masker) }
}

/// A message of which only the line is kept.
pub(crate) fn line_only(line: Arc<str>) -> SeenMessage {
    SeenMessage { line, headers: Vec::new(), body: None }
}

/// The request as it went out, secrets masked; all of it, or its line.
pub(crate) fn request(
    plan: &HttpPlan,
    formed: &Formed,
    credential: Option<&Credential>,
    masker: &Masker,
    whole: bool,
) -> SeenMessage {
    let line = request_line(plan, formed, credential, masker);
    if !whole {
        return line_only(line);
    }
    let mut shown = headers(&formed.headers, masker);
    let filled = credential.into_iter().flat_map(Credential::headers);
    shown.extend(filled.map(|name| (Arc::from(name.as_str()), Arc::from(MASK))));
    SeenMessage { line, headers: shown, body: body(&formed.body, masker) }
}

/// The answer as it came, secrets masked; all of it, or its line.
pub(crate) fn reply(reply: &Reply, masker: &Masker, whole: bool) -> SeenMessage {
    if !whole {
        return line_only(reply_line(reply));
    }
    let body = reply.body.as_ref().ok().and_then(|bytes| body(bytes, masker));
    SeenMessage { line: reply_line(reply), headers: headers(&reply.headers, masker), body }
}

fn headers(headers: &HeaderMap, masker: &Masker) -> Vec<(Arc<str>, Arc<str>)> {
    let shown = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = if hides_header(name.as_str()) || value.is_sensitive() {
            MASK.into()
        } else {
            masker.text(&String::from_utf8_lossy(value.as_bytes())).into()
        };
        (Arc::from(name.as_str()), value)
    };
    headers.iter().map(shown).collect()
}

fn body(bytes: &[u8], masker: &Masker) -> Option<Arc<str>> {
    (!bytes.is_empty()).then(|| masker.body(bytes, BODY_SHOWN).into())
}
