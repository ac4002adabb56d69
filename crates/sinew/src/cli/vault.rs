use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::server::span;

/// Where the vault is, and its master key.
#[derive(Args, Clone, Debug)]
pub struct VaultArgs {
    /// The vault's file, which servers may share; `vault.db` in the data folder unless said.
    #[arg(long, value_name = "FILE", env = "SINEW_VAULT_FILE")]
    pub vault: Option<PathBuf>,
    /// A file with the vault's master key, of mode 0600; `SINEW_MASTER_KEY` can hold it, too.
    #[arg(long, value_name = "FILE", env = "SINEW_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// Do not make a master key if none is given.
    #[arg(long)]
    pub require_master_key: bool,
}

/// What the commands that work on a vault have in common.
#[derive(Args, Clone, Debug)]
pub struct VaultPlace {
    /// The vault.
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Files of `NAME=value` lines that add to the environment.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
}

/// Keep secrets in the vault. Values come from standard input, or are asked for.
#[derive(Subcommand, Debug)]
pub enum Secret {
    /// Set a secret; what was set before is not accepted any more, unless said.
    Set {
        /// Its name, such as `crm/client`.
        name: String,
        /// How long the value before it is accepted too.
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = span)]
        overlap: Duration,
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
    /// List secrets, without their values.
    List {
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
    /// Show the versions of a secret, without their values.
    Show {
        /// Its name.
        name: String,
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
    /// Keep a new version for later; nobody uses it yet.
    Stage {
        /// Its name.
        name: String,
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
    /// Use the staged version from now on.
    Promote {
        /// Its name.
        name: String,
        /// How long the version before it is accepted too: what others sign may still be signed with it.
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = span)]
        overlap: Duration,
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
    /// Remove a secret, or one of its versions.
    Remove {
        /// Its name.
        name: String,
        /// Only the version of this number.
        #[arg(long, value_name = "N")]
        number: Option<u64>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
}

/// Look after the vault's master key.
#[derive(Subcommand, Debug)]
pub enum Vault {
    /// Tell which master key is in use, and what is sealed under which.
    Status {
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
    /// Seal everything under a new master key, while servers go on; go on with a rotation that was interrupted.
    /// With `--forget`, and everything sealed under the newest key already, old keys are dropped without another rotation.
    Rotate {
        /// The key, by the name that `status` shows; the one given last unless said, a new one if the key file is Sinew's own.
        #[arg(long, value_name = "KEY")]
        to: Option<String>,
        /// Drop old keys from Sinew's own key file. Backups made before need them.
        #[arg(long)]
        forget: bool,
        /// Do not ask before old keys are dropped.
        #[arg(long, short)]
        yes: bool,
        /// Which vault.
        #[command(flatten)]
        place: VaultPlace,
    },
}
