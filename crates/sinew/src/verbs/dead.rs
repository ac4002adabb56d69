use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use sinew_control_api::{
    DeadDetail, DeadEdit as Edit, DeadEdited, DeadPage, DeadQuery, DeadReplay, DeadReplayed, path,
};
use sinew_model::Reason;
use sinew_stdx::Json;

use super::input::{payload, since};
use super::{dead_many, dead_text};
use crate::cli::{Dead, DeadEdit, DeadFilter, DeadList};
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Works on what gave up.
pub async fn run(client: &Client, dead: Dead, output: &Output) -> Result<Exit, CliError> {
    match dead {
        Dead::List(list) => self::list(client, list, output).await,
        Dead::Show { id } => {
            let detail: DeadDetail = client.get(&path::dead(&id), &json!({})).await?;
            output.answer(&detail, || dead_text::detail(&detail, output));
            Ok(Exit::Ok)
        }
        Dead::Replay(many) => dead_many::run(client, dead_many::Action::Replay, many, output).await,
        Dead::Discard(many) => dead_many::run(client, dead_many::Action::Discard, many, output).await,
        Dead::Edit(edit) => self::edit(client, edit, output).await,
    }
}

/// The query that the options say.
pub fn query(filter: DeadFilter) -> Result<DeadQuery, CliError> {
    if let Some(reason) = &filter.reason
        && !Reason::ALL.iter().any(|known| known.as_str() == reason)
    {
        let all: Vec<&str> = Reason::ALL.iter().map(|known| known.as_str()).collect();
        return Err(CliError::usage(format!("there is no reason `{reason}`"))
            .help(format!("there are {}", all.join(", "))));
    }
    Ok(DeadQuery {
        since: since(filter.since.as_deref())?,
        until: since(filter.until.as_deref())?,
        flow: filter.flow,
        run: filter.run,
        step: filter.step,
        reason: filter.reason,
        ..DeadQuery::default()
    })
}

async fn list(client: &Client, list: DeadList, output: &Output) -> Result<Exit, CliError> {
    let query = DeadQuery {
        status: Some(list.status),
        before: list.before,
        limit: Some(list.limit),
        ..query(list.filter)?
    };
    let page: DeadPage = client.get(path::DEAD, &query).await?;
    output.answer(&page, || dead_text::list(&page, output));
    Ok(Exit::Ok)
}

async fn edit(client: &Client, edit: DeadEdit, output: &Output) -> Result<Exit, CliError> {
    let payload = if let Some(given) = &edit.payload {
        payload("--payload", Some(given))?
    } else {
        let detail: DeadDetail = client.get(&path::dead(&edit.id), &json!({})).await?;
        in_editor(&detail.payload)?
    };
    let edited: DeadEdited = client.put(&path::dead_payload(&edit.id), &Edit { payload }).await?;
    if edit.replay {
        let replayed: DeadReplayed =
            client.post(&path::dead_replay(&edit.id), &DeadReplay::default()).await?;
        let what = if edited.changed { "edited" } else { "nothing was changed" };
        output.answer(&replayed, || format!("{what}; sent on its way as run {}", replayed.run));
    } else if edited.changed {
        output.answer(&edited, || {
            format!(
                "edited: replayed, it is other work than before, under other idempotency keys\n\
                 `sinew dead replay {}` sends it on its way",
                edit.id
            )
        });
    } else {
        output.answer(&edited, || format!("nothing was changed; dead letter {} is as it was", edit.id));
    }
    Ok(Exit::Ok)
}

/// Lets somebody change a payload in their editor.
fn in_editor(payload: &Json) -> Result<Json, CliError> {
    let editor = std::env::var("VISUAL").or_else(|_| std::env::var("EDITOR"));
    let editor = editor.map_err(|_| {
        CliError::usage("no editor is known").help("set `EDITOR`, or give the payload with `--payload`")
    })?;
    let path = std::env::temp_dir().join(format!("sinew-payload-{}.json", std::process::id()));
    let result = edit_file(&editor, &path, payload);
    let _ = std::fs::remove_file(&path);
    result
}

fn edit_file(editor: &str, path: &Path, payload: &Json) -> Result<Json, CliError> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| CliError::file(path, &e))?;
    file.write_all(payload.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .map_err(|e| CliError::file(path, &e))?;
    // An editor may come with arguments of its own: `code --wait`.
    let mut words = editor.split_whitespace();
    let status = Command::new(words.next().unwrap_or("vi")).args(words).arg(path).status();
    match status {
        Ok(status) if status.success() => {}
        Ok(status) => {
            return Err(CliError::usage(format!("`{editor}` ended with {status}; nothing was changed")));
        }
        Err(error) => return Err(CliError::usage(format!("`{editor}` cannot be started: {error}"))),
    }
    let bytes = std::fs::read(path).map_err(|e| CliError::file(path, &e))?;
    Json::parse(&bytes).map_err(|e| CliError::usage(format!("what was saved is no acceptable JSON: {e}")))
}
