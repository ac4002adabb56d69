use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use sinew_model::SecretRef;
use zeroize::Zeroizing;

use crate::source::admit;
use crate::{Secret, SecretError, SecretSource};

/// The longest secret that is read from a file.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Secrets in files below a folder: `secret:crm/client` is `FOLDER/crm/client`. A file that others may read is refused.
pub struct FileSecrets {
    folder: PathBuf,
}

impl FileSecrets {
    /// The secrets below this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }
}

impl SecretSource for FileSecrets {
    fn resolve(&self, name: &SecretRef) -> Result<Secret, SecretError> {
        let path = self.folder.join(name.path());
        let unreadable = |cause: std::io::Error| SecretError::Unreadable {
            name: name.clone(),
            path: path.clone(),
            cause: cause.to_string(),
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                let looked_for = format!("the file {}", path.display());
                return Err(SecretError::Missing { name: name.clone(), looked_for });
            }
            Err(e) => return Err(unreadable(e)),
        };
        // Asked of the open file, so that it cannot be swapped between the check and the reading.
        let metadata = file.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(SecretError::Unusable { name: name.clone(), problem: "is not a regular file" });
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode != 0o600 && mode != 0o400 {
            return Err(SecretError::Open { name: name.clone(), path: path.clone(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(SecretError::Unusable { name: name.clone(), problem: "is longer than 64 KiB" });
        }
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| SecretError::Unusable { name: name.clone(), problem: "is not UTF-8 text" })?;
        admit(name, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mode: u32, bytes: &[u8]) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("crm")).unwrap();
        let path = folder.path().join("crm/client");
        std::fs::write(&path, bytes).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let name = SecretRef::new("secret:crm/client").unwrap();
        let found = FileSecrets::new(folder.path()).resolve(&name);
        found.map(|s| s.expose().to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_file_that_only_its_owner_reads_gives_the_secret_without_its_line_end() {
        assert_eq!(check(0o600, b"s3cret\n"), Ok("s3cret".to_owned()));
        assert_eq!(check(0o400, b"s3cret\r\n"), Ok("s3cret".to_owned()));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_saying_what_mode_it_needs() {
        for mode in [0o644, 0o640, 0o604, 0o660, 0o700] {
            let message = check(mode, b"s3cret").unwrap_err();
            assert!(message.contains("Use mode 0600") && !message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(check(0o600, b"\xff\xfe").unwrap_err().ends_with("is not UTF-8 text"));
        assert!(check(0o600, b"").unwrap_err().ends_with("is empty"));
        assert!(check(0o600, &vec![b'x'; 70_000]).unwrap_err().ends_with("is longer than 64 KiB"));
    }

    #[test]
    fn a_file_that_is_not_there_is_missing() {
        let name = SecretRef::new("secret:crm/client").unwrap();
        let found = FileSecrets::new("/nonexistent-folder").resolve(&name);
        assert!(matches!(found, Err(SecretError::Missing { .. })));
    }
}
