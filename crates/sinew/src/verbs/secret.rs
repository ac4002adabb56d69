use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};

use serde_json::{Value, json};
use sinew_diag::codes::vault as codes;
use sinew_model::SecretRef;
use sinew_vault::{Secret, SecretView, Vault};
use zeroize::Zeroizing;

use super::vault::{existing, opened};
use crate::cli;
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint, counted};

/// The longest value that is read.
const VALUE_BYTES_MAX: u64 = 1 << 20;

/// Works on the secrets of a vault, whether a server uses it or not.
pub async fn run(verb: cli::Secret, shared: &cli::Shared, output: &Output) -> Result<Exit, CliError> {
    match verb {
        cli::Secret::Set { name, overlap, place } => {
            let name = name_of(&name)?;
            let vault = opened(shared, &place, output).await?;
            let number = vault.set(&name, &value(&name, output)?, overlap).await?;
            told(output, &name, number, "current");
        }
        cli::Secret::Stage { name, place } => {
            let name = name_of(&name)?;
            let vault = opened(shared, &place, output).await?;
            let number = vault.stage(&name, &value(&name, output)?).await?;
            told(output, &name, number, "staged");
        }
        cli::Secret::Promote { name, overlap, place } => {
            let name = name_of(&name)?;
            let number = existing(shared, &place).await?.promote(&name, overlap).await?;
            told(output, &name, number, "current");
        }
        cli::Secret::List { place } => list(&*existing(shared, &place).await?, output).await?,
        cli::Secret::Show { name, place } => {
            let name = name_of(&name)?;
            let found = existing(shared, &place).await?.secret(&name).await?;
            let found = found.ok_or_else(|| sinew_vault::VaultError::NoSecret(name.path().to_owned()))?;
            output.answer(&json(&found), || versions(&found, output));
        }
        cli::Secret::Remove { name, number: version, yes, place } => {
            let name = name_of(&name)?;
            let vault = existing(shared, &place).await?;
            let what = version.map_or_else(|| format!("`{name}`"), |n| format!("version {n} of `{name}`"));
            output.confirm(&format!("Remove {what}?"), yes)?;
            match version {
                Some(number) => vault.remove_version(&name, number).await?,
                None => vault.remove(&name).await?,
            }
            output
                .answer(&json!({ "removed": name.path(), "version": version }), || format!("{what} is gone"));
        }
    }
    Ok(Exit::Ok)
}

/// A name with or without `secret:`.
fn name_of(text: &str) -> Result<SecretRef, CliError> {
    let path = text.strip_prefix("secret:").unwrap_or(text);
    SecretRef::new(&format!("secret:{path}")).ok_or_else(|| {
        CliError::usage(format!("`{text}` is not the name of a secret"))
            .help("names are written like `crm/client`")
    })
}

/// The value: asked for at a terminal, where it does not show, else all of standard input but one line end.
fn value(name: &SecretRef, output: &Output) -> Result<Secret, CliError> {
    let stdin = io::stdin();
    let unread = |e: io::Error| CliError::usage(format!("standard input cannot be read: {e}"));
    let mut text = Zeroizing::new(String::new());
    if stdin.is_terminal() {
        output.tell(&format!("value of {name} (it does not show): "));
        let _ = io::stderr().flush();
        let hidden = Hidden::begin();
        stdin.lock().read_line(&mut text).map_err(unread)?;
        drop(hidden);
    } else {
        stdin.lock().take(VALUE_BYTES_MAX).read_to_string(&mut text).map_err(unread)?;
    }
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        return Err(CliError::new(Exit::Usage, codes::SECRET_UNFIT, "no value was given")
            .help("send it to standard input: `printf %s \"$VALUE\" | sinew secret set NAME`"));
    }
    Ok(Secret::new(value))
}

/// A terminal that does not show what is typed, until this goes.
struct Hidden(Option<rustix::termios::Termios>);

impl Hidden {
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let before = tcgetattr(io::stdin()).ok();
        if let Some(before) = &before {
            let mut silent = before.clone();
            silent.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &silent);
        }
        Self(before)
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, before);
        }
    }
}

fn told(output: &Output, name: &SecretRef, number: u64, state: &str) {
    let answer = json!({ "name": name.path(), "version": number, "state": state });
    output.answer(&answer, || format!("`{name}`: version {number} is {state}"));
}

async fn list(vault: &Vault, output: &Output) -> Result<(), CliError> {
    let all = vault.secrets().await?;
    let items: Vec<Value> = all.iter().map(json).collect();
    output.answer(&json!({ "items": items }), || {
        let mut table = Table::new(&["SECRET", "VERSIONS", "SET"]);
        for one in &all {
            let newest = one.versions.last().map(|version| version.made_at.to_string());
            let count = counted(one.versions.len(), "version");
            table.row([
                (one.name.clone(), Some(Tint::Strong)),
                (count, None),
                (newest.unwrap_or_default(), None),
            ]);
        }
        if all.is_empty() { "the vault holds no secret".to_owned() } else { table.render(output) }
    });
    Ok(())
}

fn versions(of: &SecretView, output: &Output) -> String {
    let mut table = Table::new(&["VERSION", "STATE", "SET", "MASTER KEY"]);
    for version in &of.versions {
        table.row([
            (version.number.to_string(), Some(Tint::Strong)),
            (version.state.to_string(), None),
            (version.made_at.to_string(), None),
            (version.key.clone(), Some(Tint::Faint)),
        ]);
    }
    table.render(output)
}

fn json(of: &SecretView) -> Value {
    let versions: Vec<Value> = of
        .versions
        .iter()
        .map(|version| {
            json!({
                "version": version.number, "state": version.state.to_string(), "set_at": version.made_at.to_string(),
                "master_key": version.key,
            })
        })
        .collect();
    json!({ "name": of.name, "versions": versions })
}
