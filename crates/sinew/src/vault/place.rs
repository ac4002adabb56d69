use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sinew_diag::codes::vault as codes;
use sinew_store_sqlite::SqliteCustody;
use sinew_vault::hashicorp::{KvSecrets, TransitKeys};
use sinew_vault::{ChainedKeys, KeyError, KeyFile, KeySource, TextKeys, Vault, VaultError};

use super::hashicorp::Service;
use crate::cli::VaultArgs;
use crate::environment::Environment;
use crate::error::{CliError, Exit};

/// Where an installation's vault lies, and what it is opened with.
pub struct Place {
    file: PathBuf,
    own_key: KeyFile,
    given_key: Option<KeyFile>,
    text: Option<String>,
    service: Option<Service>,
    #[cfg(feature = "aws-kms")]
    kms: Option<Arc<sinew_vault::kms::KmsKey>>,
    may_make_key: bool,
}

/// A vault that is open.
pub struct Opened {
    /// The vault.
    pub vault: Arc<Vault>,
    /// The key file that was made for it just now.
    pub made: Option<PathBuf>,
}

impl Place {
    /// The vault of a data folder, or the one that is named.
    pub fn of(data: &Path, args: &VaultArgs, environment: &Environment) -> Result<Self, CliError> {
        let file = args.vault.clone().unwrap_or_else(|| SqliteCustody::file_in(data));
        // The key that is made lies beside the vault that it is for, and so is found by all who share that.
        let beside = file.parent().unwrap_or(data).join("master.key");
        Ok(Self {
            own_key: KeyFile::new(beside),
            given_key: args.master_key_file.clone().map(KeyFile::new),
            text: environment.value("SINEW_MASTER_KEY").map(str::to_owned),
            service: Service::of(environment)?,
            #[cfg(feature = "aws-kms")]
            kms: super::kms::key(environment)?,
            may_make_key: !args.require_master_key,
            file,
        })
    }

    /// The secrets of a HashiCorp Vault, if one is described.
    pub fn service_secrets(&self) -> Option<KvSecrets> {
        self.service.as_ref().map(Service::secrets)
    }

    /// The key file that Sinew looks after by itself.
    pub const fn own_key(&self) -> &KeyFile {
        &self.own_key
    }

    /// The vault's file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether there is a vault already.
    pub fn is_there(&self) -> bool {
        self.file.exists()
    }

    /// Opens the vault; makes it, and a master key, if there is none.
    pub async fn open(&self) -> Result<Opened, CliError> {
        if let Some(folder) = self.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.map_err(|e| CliError::file(folder, &e))?;
        }
        let (keys, made) = self.keys().map_err(|e| of_key(&e))?;
        let custody = Arc::new(SqliteCustody::open(&self.file)?);
        let now = Arc::new(|| sinew_call::Clock::now(&sinew_call::SystemClock));
        let vault = Vault::open(custody, Box::new(keys), now).await?;
        Ok(Opened { vault: Arc::new(vault), made })
    }

    fn keys(&self) -> Result<(ChainedKeys, Option<PathBuf>), KeyError> {
        let mut sources: Vec<Box<dyn KeySource>> = Vec::new();
        if self.own_key.path().exists() {
            sources.push(Box::new(self.own_key.clone()));
        }
        if let Some(text) = &self.text {
            sources.push(Box::new(TextKeys::read(text, "SINEW_MASTER_KEY")?));
        }
        if let Some(file) = &self.given_key {
            sources.push(Box::new(file.clone()));
        }
        if let Some(key) = self.service.as_ref().map(Service::key).transpose()?.flatten() {
            sources.push(Box::new(TransitKeys(key)));
        }
        #[cfg(feature = "aws-kms")]
        if let Some(key) = &self.kms {
            sources.push(Box::new(sinew_vault::kms::KmsKeys(Arc::clone(key))));
        }
        let mut made = None;
        if sources.is_empty() && self.may_make_key {
            if self.own_key.make()? {
                made = Some(self.own_key.path().to_owned());
            }
            sources.push(Box::new(self.own_key.clone()));
        }
        Ok((ChainedKeys(sources), made))
    }
}

fn of_key(error: &KeyError) -> CliError {
    CliError::new(Exit::Machine, error.code(), error.to_string())
}

impl From<VaultError> for CliError {
    fn from(error: VaultError) -> Self {
        let code = error.code();
        let exit = match &error {
            VaultError::Store(_) | VaultError::Damaged(_) => Exit::Store,
            VaultError::Key { .. } => Exit::Machine,
            VaultError::NoSecret(_) | VaultError::Version { .. } | VaultError::Contended(_) => Exit::Refused,
            VaultError::Unfit(_) => Exit::Usage,
        };
        let told = Self::new(exit, code, error.to_string());
        if code == codes::MASTER_KEY {
            return told.help("give one by SINEW_MASTER_KEY or `--master-key-file`");
        }
        told
    }
}
