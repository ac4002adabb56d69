use std::sync::Arc;

use http::HeaderMap;
use sinew_connect::auth::Credential;
use sinew_model::SeenMessage;

use crate::mask::{MASK, Masker, hides_header};
use crate::plan::Plan;
use crate::request::{Formed, shown_url};
use crate::send::Reply;

/// How much of a body is kept with an attempt.
const BODY_SHOWN: usize = 4 * 1024;

/// The request in one line, which is all that is kept of a success.
pub(crate) fn request_line(
    plan: &Plan,
    formed: &Formed,
    credential: Option<&Credential>,
    masker: &Masker,
) -> Arc<str> {
    let line = format!("{} {}", plan.method, shown_url(&formed.uri, credential));
    masker.text(&line).into()
}

/// The answer in one line.
pub(crate) fn reply_line(reply: &Reply) -> Arc<str> {
    reply.status.to_string().into()
}

/// A message of which only the line is kept.
pub(crate) fn line_only(line: Arc<str>) -> SeenMessage {
    SeenMessage { line, headers: Vec::new(), body: None }
}

/// The request as it went out, secrets masked.
pub(crate) fn request(
    plan: &Plan,
    formed: &Formed,
    credential: Option<&Credential>,
    masker: &Masker,
) -> SeenMessage {
    let mut shown = headers(&formed.headers, masker);
    let filled = credential.into_iter().flat_map(Credential::headers);
    shown.extend(filled.map(|name| (Arc::from(name.as_str()), Arc::from(MASK))));
    let line = request_line(plan, formed, credential, masker);
    SeenMessage { line, headers: shown, body: body(&formed.body, masker) }
}

/// The answer as it came, secrets masked.
pub(crate) fn reply(reply: &Reply, masker: &Masker) -> SeenMessage {
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
