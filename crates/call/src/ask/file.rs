//! What is done with files, formed of input.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use sinew_connect::transport::{Ask, Content, FileAsk};
use sinew_contract::wire::Fields;
use sinew_diag::codes::call as codes;
use sinew_model::{Failure, FileBinding, FilePath, PathError, Reason};
use sinew_stdx::Json;

use super::AskPlan;
use crate::CallRequest;
use crate::request::lacks;

/// What is to be done with which file.
pub(super) fn form(plan: &AskPlan, binding: &Arc<FileBinding>, call: &CallRequest) -> Result<Ask, Failure> {
    let input = Fields::of(&call.input).unwrap_or_else(Fields::none);
    let value = |field: &str| {
        let given = Json::from_printed(input.get(field)?.get());
        match given.as_str().as_bytes().first() {
            Some(b'"') => given.to::<String>().ok(),
            Some(b'n' | b'{' | b'[') | None => None,
            Some(_) => Some(given.to_string()),
        }
    };
    let fill = |path: &FilePath| {
        path.fill(value).map_err(|error| match error {
            PathError::Missing(field) => lacks(&plan.shown, &field),
            error => unfit(plan, &error.to_string()),
        })
    };
    let file = Arc::clone(binding);
    let (path, to, content) = match &**binding {
        FileBinding::List(list) => (fill(&list.folder)?, None, None),
        FileBinding::Read { path, .. } | FileBinding::Delete { path } => (fill(path)?, None, None),
        FileBinding::Move { path, to } => (fill(path)?, Some(fill(to)?), None),
        FileBinding::Write { path, content, .. } => {
            let given = input.get(content).filter(|value| value.get() != "null");
            let given = given.ok_or_else(|| lacks(&plan.shown, content))?;
            let written = written(&Json::from_printed(given.get()));
            let written =
                written.map_err(|why| unfit(plan, &format!("`{content}` cannot be written: {why}")))?;
            (fill(path)?, None, Some(written))
        }
    };
    if path.is_empty() && !matches!(&**binding, FileBinding::List(_)) {
        return Err(unfit(plan, "the path is empty"));
    }
    let since = binding.since().and_then(value).unwrap_or_default();
    Ok(Ask::File(FileAsk { file, path, since, to, content }))
}

fn unfit(plan: &AskPlan, why: &str) -> Failure {
    Failure::new(Reason::Mapping, codes::INPUT_UNPLACEABLE, format!("`{}`: {why}", plan.shown))
}

/// A value as what is in a file: a text as it is, `{ base64 }` as bytes, anything else as JSON.
fn written(value: &Json) -> Result<Content, &'static str> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        base64: String,
    }
    if let Ok(text) = value.to::<String>() {
        return Ok(Content { bytes: Bytes::from(text), media_type: "text/plain; charset=utf-8" });
    }
    if let Ok(file) = value.to::<File>() {
        let bytes = STANDARD.decode(file.base64).map_err(|_| "`base64` is no Base64")?;
        return Ok(Content { bytes: Bytes::from(bytes), media_type: "application/octet-stream" });
    }
    let bytes = Bytes::copy_from_slice(value.as_bytes());
    Ok(Content { bytes, media_type: "application/json" })
}
