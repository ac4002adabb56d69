use std::path::Path;

use serde_json::json;
use sinew_store_sqlite::SqliteStore;

use crate::error::{CliError, Exit};
use crate::output::Output;

/// Puts a backup in place as the store of a data folder.
pub fn run(file: &Path, data: &Path, yes: bool, output: &Output) -> Result<Exit, CliError> {
    let db = data.join("sinew.db");
    if db.exists() {
        let question = format!(
            "{} is there already; replace it (it is kept as {}.replaced)?",
            db.display(),
            db.display()
        );
        output.confirm(&question, yes)?;
    }
    SqliteStore::restore(file, data)?;
    let told = json!({ "restored": file.display().to_string(), "data": data.display().to_string() });
    output.answer(&told, || {
        format!(
            "{} is the store of {} now.\nWhat runs did since it was made is not known to them; look at runs with writes to \
             systems without idempotency keys before you start the server.",
            file.display(),
            data.display()
        )
    });
    Ok(Exit::Ok)
}
