use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;
use sinew_diag::codes::{control, vault as codes};
use sinew_vault::{KeyId, KeySource as _, Vault, VaultStatus};

use crate::cli;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::vault::Place;

/// Looks after the master key of a vault, whether a server uses it or not.
pub async fn run(verb: cli::Vault, shared: &cli::Shared, output: &Output) -> Result<Exit, CliError> {
    match verb {
        cli::Vault::Status { place } => {
            let status = existing(shared, &place).await?.status().await?;
            output.answer(&json(&status), || shown(&status));
        }
        cli::Vault::Rotate { to, forget, yes, place } => {
            let own = place_of(shared, &place)?;
            let vault = open_existing(&own).await?;
            let forget = forget && own.own_key().path().exists();
            if forget {
                let file = own.own_key().path().display();
                let question =
                    format!("Drop the old keys of {file}? Backups made before cannot be opened any more.");
                output.confirm(&question, yes)?;
            }
            rotate(&vault, &own, to, forget, output).await?;
        }
    }
    Ok(Exit::Ok)
}

/// The vault that the command line means, for those who only ask: a question makes none.
pub async fn existing(shared: &cli::Shared, place: &cli::VaultPlace) -> Result<Arc<Vault>, CliError> {
    open_existing(&place_of(shared, place)?).await
}

async fn open_existing(place: &Place) -> Result<Arc<Vault>, CliError> {
    if !place.is_there() {
        let message = format!("there is no vault at {}", place.file().display());
        return Err(CliError::new(Exit::Machine, control::FILE_FAILED, message).help(
            "name the data folder with `--data`, or the vault with `--vault`; `sinew secret set NAME` makes one, and so \
             does the first start of a server",
        ));
    }
    Ok(place.open().await?.vault)
}

fn place_of(shared: &cli::Shared, place: &cli::VaultPlace) -> Result<Place, CliError> {
    let environment = Environment::of_process(&place.env_file)?;
    Place::of(&shared.data, &place.vault, &environment)
}

/// The vault that the command line means.
pub async fn opened(
    shared: &cli::Shared,
    place: &cli::VaultPlace,
    output: &Output,
) -> Result<Arc<Vault>, CliError> {
    let opened = place_of(shared, place)?.open().await?;
    if let Some(made) = &opened.made {
        output.tell(&format!("made the master key {}: keep a copy of it apart from backups", made.display()));
    }
    Ok(opened.vault)
}

async fn rotate(
    vault: &Vault,
    place: &Place,
    to: Option<String>,
    forget: bool,
    output: &Output,
) -> Result<(), CliError> {
    let before = vault.status().await?;
    let to = match to {
        Some(to) => to,
        // One that was interrupted comes first.
        None if !before.retiring.is_empty() => before.current.clone(),
        None if before.newest != before.current => before.newest.clone(),
        // It was rotated before: only the old keys are left over.
        None if forget && has_old_keys(place) => before.current.clone(),
        None => fresh_key(place, &before)?,
    };
    let rotated = vault.rotate(&to).await?;
    let forgotten = match KeyId::new(&to) {
        Some(id) if forget => place
            .own_key()
            .keep_only(&id)
            .map_err(|e| CliError::new(Exit::Machine, e.code(), e.to_string()))?,
        _ => false,
    };
    let answer = json!({ "current": to, "rewrapped": rotated.rewrapped, "forgotten": forgotten });
    output.answer(&answer, || {
        let old = if forgotten {
            "The old key is gone: backups made before cannot be opened any more."
        } else {
            "The old key opens nothing here any more; backups made before need it."
        };
        format!("everything is sealed under `{to}` ({} data keys wrapped again).\n{old}", rotated.rewrapped)
    });
    Ok(())
}

fn has_old_keys(place: &Place) -> bool {
    place.own_key().keys().is_ok_and(|keys| keys.len() > 1)
}

/// A new key in the file that is Sinew's own, if that is where the key in use stands.
fn fresh_key(place: &Place, status: &VaultStatus) -> Result<String, CliError> {
    let own = place.own_key();
    let is_own = own.path().exists()
        && own.keys().is_ok_and(|keys| keys.iter().any(|key| key.id().as_str() == status.current));
    if !is_own {
        let message = format!("only one master key is given, `{}`, and it is in use", status.current);
        return Err(CliError::new(Exit::Usage, codes::MASTER_KEY, message).help(
            "give the new one beside the old one, to the servers as well: `SINEW_MASTER_KEY=OLD,NEW`, or a second line of \
             the key file",
        ));
    }
    own.add().map(|id| id.to_string()).map_err(|e| CliError::new(Exit::Machine, e.code(), e.to_string()))
}

fn json(status: &VaultStatus) -> serde_json::Value {
    json!({
        "master_key": status.current, "since": status.since.to_string(), "retiring": status.retiring, "given": status.given,
        "secrets": status.secrets, "sessions": status.sessions, "outdated": status.outdated,
    })
}

fn shown(status: &VaultStatus) -> String {
    let mut text = format!(
        "master key  {} since {}\ngiven       {}\nholds       {} secrets, {} sessions",
        status.current,
        status.since,
        status.given.join(", "),
        status.secrets,
        status.sessions
    );
    if status.outdated > 0 || !status.retiring.is_empty() {
        let _ = write!(
            text,
            "\nrotation    under way: {} data keys are still under {}; `sinew vault rotate` goes on with it",
            status.outdated,
            status.retiring.join(", ")
        );
    }
    text
}
