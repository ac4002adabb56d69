//! What is signed, put together from a request.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use serde_json::Value;
use sinew_model::{Part, Signature};

use super::{Unproven, hex};
use crate::trigger::payload;
use crate::trigger::sent::{Sent, text_of};

/// Puts together what the sender has signed.
pub(super) fn content(
    signature: &Signature,
    sent: &Sent<'_>,
    timestamp: Option<&str>,
    item: Option<&Value>,
) -> Result<Vec<u8>, Unproven> {
    let mut content = Vec::with_capacity(sent.body.len() + 256);
    for part in &signature.signed {
        match part {
            Part::Text(text) => content.extend_from_slice(text.as_bytes()),
            Part::Method => content.extend_from_slice(sent.head.method.as_str().as_bytes()),
            Part::Url => {
                let base = sent.hooks_url.ok_or(Unproven::NoUrl)?.trim_end_matches('/');
                content.extend_from_slice(base.as_bytes());
                let path = sent.head.uri.path_and_query().map_or("", |path| path.as_str());
                content.extend_from_slice(path.as_bytes());
            }
            Part::Path => content.extend_from_slice(sent.head.uri.path().as_bytes()),
            Part::Query => content.extend_from_slice(sent.query().as_bytes()),
            Part::Body => content.extend_from_slice(sent.body),
            Part::Timestamp => content.extend_from_slice(timestamp.unwrap_or_default().as_bytes()),
            Part::Header(name) => {
                let value = sent.header(name).filter(|value| !value.is_empty());
                let value = value.ok_or_else(|| Unproven::Missing(format!("the header `{name}`")))?;
                content.extend_from_slice(value.as_bytes());
            }
            Part::Form => form(signature, sent, &mut content)?,
            Part::Field(path) => {
                let value = item.or_else(|| sent.json()).and_then(|value| path.find(value));
                content.extend_from_slice(value.and_then(text_of).unwrap_or_default().as_bytes());
            }
        }
    }
    Ok(content)
}

/// The fields of a form, sorted, a value that comes twice once. A body that is no form is not signed by them: then its
/// hash has to be, which stands in the URL.
fn form(signature: &Signature, sent: &Sent<'_>, content: &mut Vec<u8>) -> Result<(), Unproven> {
    if sent.is_form() {
        let pairs = payload::pairs(sent.body).map_err(|_| Unproven::Signature)?;
        let mut sorted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, value) in pairs {
            sorted.entry(name).or_default().insert(value);
        }
        for (name, values) in &sorted {
            for value in values {
                content.extend_from_slice(name.as_bytes());
                content.extend_from_slice(value.as_bytes());
            }
        }
        return Ok(());
    }
    if sent.body.is_empty() {
        return Ok(());
    }
    let source = signature.digest.as_ref().ok_or(Unproven::Signature)?;
    let given = sent.text(source, None).ok_or_else(|| Unproven::Missing(source.at.to_string()))?;
    let found = hex(digest::digest(&digest::SHA256, sent.body).as_ref());
    if given.eq_ignore_ascii_case(&found) { Ok(()) } else { Err(Unproven::Signature) }
}
