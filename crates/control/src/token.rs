use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use subtle::ConstantTimeEq;

/// The longest token file that is read.
const FILE_BYTES_MAX: u64 = 4096;
/// The shortest token that is accepted.
const BYTES_MIN: usize = 16;
/// How much chance a generated token has.
const CHANCE_BYTES: usize = 32;

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Its file cannot be read or written.
    #[error("the token in {} cannot be read or written: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others may read it.
    #[error("{} has mode {mode:04o}; others may read the token. Use mode 0600", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Too short to be one.
    #[error("a control token has at least {BYTES_MIN} characters, none of them white space")]
    Weak,
    /// The machine gives no chance to make one from.
    #[error("no randomness for a token")]
    NoChance,
}

/// What a caller of the control API has to say.
#[derive(Clone)]
pub struct ControlToken(String);

impl ControlToken {
    /// This text, if it is fit to be a token.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        let fit = text.len() >= BYTES_MIN && text.chars().all(|c| c.is_ascii_graphic());
        if fit { Ok(Self(text.to_owned())) } else { Err(TokenError::Weak) }
    }

    /// The token of a data folder; made at the first start, readable by its owner only.
    pub fn of_folder(folder: &Path) -> Result<Self, TokenError> {
        Self::kept(&Self::file(folder))
    }

    /// What a file keeps, such as a key that others are derived from; made if it is not there, readable by its owner only.
    pub fn kept(path: &Path) -> Result<Self, TokenError> {
        match Self::read(path) {
            Err(TokenError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Self::make(path)
            }
            found => found,
        }
    }

    /// Where the token of a data folder stands.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join("control.token")
    }

    /// Reads a token that only its owner may read.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let failed = |source: io::Error| TokenError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Open { path: path.to_owned(), mode });
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
        Self::new(&text)
    }

    fn make(path: &Path) -> Result<Self, TokenError> {
        let failed = |source: io::Error| TokenError::File { path: path.to_owned(), source };
        let mut chance = [0_u8; CHANCE_BYTES];
        aws_lc_rs::rand::fill(&mut chance).map_err(|_| TokenError::NoChance)?;
        let text = chance.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        // Written beside and renamed, so that a crash leaves no half token behind.
        let fresh = path.with_extension("new");
        let _ = std::fs::remove_file(&fresh);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(failed)?;
        file.write_all(format!("{text}\n").as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&fresh, path).map_err(failed)?;
        Self::new(&text)
    }

    /// Whether this is it; takes as long for a near miss as for a far one.
    pub fn is(&self, said: &str) -> bool {
        bool::from(self.0.as_bytes().ct_eq(said.as_bytes()))
    }

    /// The text, for whoever sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ControlToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let first = ControlToken::of_folder(folder.path()).unwrap();
        let second = ControlToken::of_folder(folder.path()).unwrap();
        assert!(first.is(second.expose()) && !first.is("something else entirely"));
        let mode = std::fs::metadata(ControlToken::file(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(first.expose()));
    }

    #[test]
    fn a_token_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        ControlToken::of_folder(folder.path()).unwrap();
        let path = ControlToken::file(folder.path());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(ControlToken::of_folder(folder.path()), Err(TokenError::Open { mode: 0o644, .. })));
    }

    #[test]
    fn what_is_too_short_is_no_token() {
        for text in ["", "short", "white space in a token"] {
            assert!(matches!(ControlToken::new(text), Err(TokenError::Weak)), "{text}");
        }
    }
}
