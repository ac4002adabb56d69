//! A vault in a folder, with a clock in the test's hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sinew_model::SecretRef;
use sinew_stdx::Timestamp;
use sinew_store::custody::Custody;
use sinew_store_sqlite::SqliteCustody;
use sinew_vault::{KeyFile, KeySource, Secret, Vault, VaultError};
use tempfile::TempDir;

pub const START: Timestamp = Timestamp::from_millis(1_795_248_000_000);

pub struct Desk {
    pub folder: TempDir,
    clock: Arc<AtomicI64>,
}

impl Desk {
    pub fn new() -> Self {
        let desk =
            Self { folder: tempfile::tempdir().unwrap(), clock: Arc::new(AtomicI64::new(START.as_millis())) };
        desk.key_file().make().unwrap();
        desk
    }

    pub fn key_file(&self) -> KeyFile {
        KeyFile::new(self.folder.path().join("master.key"))
    }

    pub fn custody(&self) -> Arc<dyn Custody> {
        Arc::new(SqliteCustody::open(&SqliteCustody::file_in(self.folder.path())).unwrap())
    }

    /// The vault as another process has it.
    pub async fn vault(&self) -> Arc<Vault> {
        self.vault_with(Box::new(self.key_file())).await.unwrap()
    }

    pub async fn vault_with(&self, keys: Box<dyn KeySource>) -> Result<Arc<Vault>, VaultError> {
        let clock = Arc::clone(&self.clock);
        let now = Arc::new(move || Timestamp::from_millis(clock.load(Ordering::SeqCst)));
        Vault::open(self.custody(), keys, now).await.map(Arc::new)
    }

    pub fn advance(&self, span: Duration) {
        self.clock.fetch_add(span.as_millis() as i64, Ordering::SeqCst);
    }

    /// Everything that lies in the folder but the key.
    pub fn bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| !path.to_string_lossy().contains("master.key"));
        files.flat_map(|path| std::fs::read(path).unwrap()).collect()
    }
}

pub fn name(path: &str) -> SecretRef {
    SecretRef::new(&format!("secret:{path}")).unwrap()
}

pub async fn values(vault: &Arc<Vault>, path: &str) -> Vec<String> {
    shown(&vault.values(&name(path)).await.unwrap())
}

pub fn shown(secrets: &[Secret]) -> Vec<String> {
    secrets.iter().map(|secret| secret.expose().to_owned()).collect()
}

pub fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
