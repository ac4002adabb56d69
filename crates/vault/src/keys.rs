//! Where master keys come from: a text (of the environment), a file. Others implement [`KeySource`].

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::seal::{KeyError, KeyId, LocalKey, MasterKey};

/// Keys that are given at most.
const KEYS_MAX: usize = 16;
/// The largest key file.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Where master keys are found. Asked again when a key is met that is not known.
pub trait KeySource: Send + Sync {
    /// All of them, the newest last.
    fn keys(&self) -> Result<Vec<Arc<dyn MasterKey>>, KeyError>;
}

/// Several sources, one after the other.
pub struct ChainedKeys(pub Vec<Box<dyn KeySource>>);

impl KeySource for ChainedKeys {
    fn keys(&self) -> Result<Vec<Arc<dyn MasterKey>>, KeyError> {
        let mut keys = Vec::new();
        for source in &self.0 {
            keys.extend(source.keys()?);
        }
        if keys.is_empty() { Err(KeyError::None) } else { Ok(keys) }
    }
}

/// Keys written in a text, apart by commas or spaces, the newest last: the value of `SINEW_MASTER_KEY`.
pub struct TextKeys(Vec<Arc<dyn MasterKey>>);

impl TextKeys {
    /// Reads the text; `place` says where it stands.
    pub fn read(text: &str, place: &str) -> Result<Self, KeyError> {
        Ok(Self(read_all(text, place)?))
    }
}

impl KeySource for TextKeys {
    fn keys(&self) -> Result<Vec<Arc<dyn MasterKey>>, KeyError> {
        Ok(self.0.clone())
    }
}

fn read_all(text: &str, place: &str) -> Result<Vec<Arc<dyn MasterKey>>, KeyError> {
    let mut keys: Vec<Arc<dyn MasterKey>> = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap_or_default()) {
        for word in line.split([',', ' ', '\t']).filter(|word| !word.trim().is_empty()) {
            if keys.len() >= KEYS_MAX {
                let problem = format!("there are more than {KEYS_MAX}");
                return Err(KeyError::Unusable { place: place.to_owned(), problem });
            }
            keys.push(Arc::new(LocalKey::read(word, place)?));
        }
    }
    Ok(keys)
}

/// Keys in a file, one a line, the newest last. Only its owner may read it.
#[derive(Clone, Debug)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// This file; it need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file with a fresh key, unless there is one. True if it was made.
    pub fn make(&self) -> Result<bool, KeyError> {
        if self.path.exists() {
            return Ok(false);
        }
        let (_, text) = LocalKey::fresh()?;
        let part = self.write_part(&Zeroizing::new(format!("{}\n", *text)))?;
        // A link is made only where nothing is, so that of two that start at once one makes the key of both.
        let made = std::fs::hard_link(&part, &self.path);
        let _ = std::fs::remove_file(&part);
        match made {
            Ok(()) => self.sync_folder().map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.unusable(error.to_string())),
        }
    }

    /// Adds a fresh key at the end and gives its name.
    pub fn add(&self) -> Result<KeyId, KeyError> {
        let (key, text) = LocalKey::fresh()?;
        let mut whole = self.text()?;
        if !whole.is_empty() && !whole.ends_with('\n') {
            whole.push('\n');
        }
        whole.push_str(&text);
        whole.push('\n');
        self.replace(&whole)?;
        Ok(key.id().clone())
    }

    /// Drops all keys but this one. True if any went.
    pub fn keep_only(&self, id: &KeyId) -> Result<bool, KeyError> {
        let (mut kept, mut dropped) = (Zeroizing::new(String::new()), false);
        for line in self.text()?.lines() {
            let keys = read_all(line, &self.place())?;
            if keys.iter().any(|key| key.id() != id) {
                dropped = true;
                continue;
            }
            kept.push_str(line);
            kept.push('\n');
        }
        if dropped {
            self.replace(&kept)?;
        }
        Ok(dropped)
    }

    fn replace(&self, whole: &str) -> Result<(), KeyError> {
        let part = self.write_part(whole)?;
        std::fs::rename(&part, &self.path).map_err(|e| self.unusable(e.to_string()))?;
        self.sync_folder()
    }

    fn write_part(&self, whole: &str) -> Result<PathBuf, KeyError> {
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(name);
        let _ = std::fs::remove_file(&part);
        let written =
            File::options().create_new(true).write(true).mode(0o600).open(&part).and_then(|mut file| {
                file.write_all(whole.as_bytes())?;
                file.sync_all()
            });
        written.map_err(|e| self.unusable(e.to_string()))?;
        Ok(part)
    }

    fn sync_folder(&self) -> Result<(), KeyError> {
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|dir| dir.sync_all()).map_err(|e| self.unusable(e.to_string()))
    }

    fn text(&self) -> Result<Zeroizing<String>, KeyError> {
        let wrong = |e: std::io::Error| self.unusable(e.to_string());
        let file = File::open(&self.path).map_err(wrong)?;
        let mode = file.metadata().map_err(wrong)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(
                self.unusable(format!("its mode is {mode:04o}; others may read it. Use mode 0600 or 0400"))
            );
        }
        let mut text = Zeroizing::new(String::new());
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(wrong)?;
        Ok(text)
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn unusable(&self, problem: String) -> KeyError {
        KeyError::Unusable { place: self.place(), problem }
    }
}

impl KeySource for KeyFile {
    fn keys(&self) -> Result<Vec<Arc<dyn MasterKey>>, KeyError> {
        read_all(&self.text()?, &self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(source: &dyn KeySource) -> Vec<String> {
        source.keys().unwrap().iter().map(|key| key.id().to_string()).collect()
    }

    #[test]
    fn a_key_file_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("master.key"));
        assert!(matches!(file.keys(), Err(KeyError::Unusable { .. })));
        assert_eq!((file.make(), file.make()), (Ok(true), Ok(false)));
        assert_eq!(std::fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(ids(&file).len(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_new_key_comes_last_and_old_ones_go_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("master.key"));
        file.make().unwrap();
        let first = ids(&file);
        let second = file.add().unwrap();
        assert_eq!(ids(&file), [first[0].clone(), second.to_string()]);
        assert_eq!((file.keep_only(&second), file.keep_only(&second)), (Ok(true), Ok(false)));
        assert_eq!(ids(&file), [second.to_string()]);
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile::new(folder.path().join("master.key"));
        file.make().unwrap();
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).unwrap();
        let message = file.keys().err().unwrap().to_string();
        assert!(message.contains("mode is 0640") && message.contains("0600"), "{message}");
    }

    #[test]
    fn several_keys_stand_in_one_text() {
        let (one, two) = (LocalKey::fresh().unwrap(), LocalKey::fresh().unwrap());
        let text = format!("{},{}  # the new one", *one.1, *two.1);
        let keys = TextKeys::read(&text, "SINEW_MASTER_KEY").unwrap();
        assert_eq!(ids(&keys), [one.0.id().to_string(), two.0.id().to_string()]);
        assert_eq!(
            ChainedKeys(vec![Box::new(TextKeys::read("", "x").unwrap())]).keys().err(),
            Some(KeyError::None)
        );
    }
}
