use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sinew_control_api::{Backup, BackupDone, Stats, path};
use sinew_stdx::ByteSize;

use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::output::Output;

/// How often the copy is looked at while it grows.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Copies the store of a running server.
pub async fn run(client: &Client, file: &Path, output: &Output) -> Result<Exit, CliError> {
    let to = std::path::absolute(file).map_err(|e| CliError::file(file, &e))?;
    let stats: Stats = client.get(path::STATS, &json!({})).await?;
    let bar = output.progress(stats.store_bytes, "bytes");
    let request = Backup { to: to.display().to_string() };
    let mut copying = std::pin::pin!(client.post_patiently::<BackupDone>(path::BACKUP, &request));
    let mut part = to.clone().into_os_string();
    part.push(".part");
    let done = loop {
        tokio::select! {
            done = copying.as_mut() => break done?,
            () = tokio::time::sleep(LOOK_EVERY) => bar.set_position(std::fs::metadata(&part).map_or(0, |file| file.len())),
        }
    };
    bar.finish_and_clear();
    output.answer(&done, || format!("{} in {}", ByteSize(done.bytes), done.file));
    Ok(Exit::Ok)
}
