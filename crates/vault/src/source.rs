use std::path::PathBuf;
use std::sync::Arc;

use sinew_model::SecretRef;

use crate::Secret;

/// Why a secret could not be had. Never holds any part of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is nowhere.
    #[error("`{name}` is not there: looked for {looked_for}")]
    Missing {
        /// The secret.
        name: SecretRef,
        /// Where it was looked for, as its owner would put it there.
        looked_for: String,
    },
    /// Others may read its file.
    #[error("`{name}`: {} has mode {mode:04o}; others may read it. Use mode 0600 or 0400", path.display())]
    Open {
        /// The secret.
        name: SecretRef,
        /// Its file.
        path: PathBuf,
        /// The file's permission bits.
        mode: u32,
    },
    /// Its file cannot be read.
    #[error("`{name}`: {} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The secret.
        name: SecretRef,
        /// Its file.
        path: PathBuf,
        /// What the operating system says.
        cause: String,
    },
    /// Where it is kept does not answer, or not as it should.
    #[error("`{name}`: {cause}")]
    Failed {
        /// The secret.
        name: SecretRef,
        /// What went wrong, without any part of a secret.
        cause: String,
    },
    /// What is there is no secret.
    #[error("`{name}` {problem}")]
    Unusable {
        /// The secret.
        name: SecretRef,
        /// What is wrong with it: empty, not UTF-8, too long.
        problem: &'static str,
    },
}

/// Where secrets are kept.
pub trait SecretSource: Send + Sync {
    /// The secret of this name, as it is now.
    fn resolve(&self, name: &SecretRef) -> Result<Secret, SecretError>;

    /// Every value that is accepted now, the one to use first: while a secret is being replaced there are two.
    fn accepted(&self, name: &SecretRef) -> Result<Vec<Secret>, SecretError> {
        self.resolve(name).map(|secret| vec![secret])
    }
}

/// Several sources, asked in order; the first that has the secret gives it.
pub struct ChainedSecrets {
    sources: Vec<Arc<dyn SecretSource>>,
}

impl ChainedSecrets {
    /// A chain of these sources.
    pub fn new(sources: Vec<Arc<dyn SecretSource>>) -> Self {
        Self { sources }
    }
}

impl SecretSource for ChainedSecrets {
    /// A source that has the secret but cannot give it ends the search: a mistake there must not be papered over.
    fn resolve(&self, name: &SecretRef) -> Result<Secret, SecretError> {
        self.first(name, |source| source.resolve(name))
    }

    fn accepted(&self, name: &SecretRef) -> Result<Vec<Secret>, SecretError> {
        self.first(name, |source| source.accepted(name))
    }
}

impl ChainedSecrets {
    fn first<T>(
        &self,
        name: &SecretRef,
        ask: impl Fn(&dyn SecretSource) -> Result<T, SecretError>,
    ) -> Result<T, SecretError> {
        let mut places = Vec::new();
        for source in &self.sources {
            match ask(&**source) {
                Err(SecretError::Missing { looked_for, .. }) => places.push(looked_for),
                found => return found,
            }
        }
        let looked_for = if places.is_empty() { "no place at all".to_owned() } else { places.join(" and ") };
        Err(SecretError::Missing { name: name.clone(), looked_for })
    }
}

/// Checks what a source found and takes it into custody. One trailing line end is dropped, as editors add one.
pub(crate) fn admit(name: &SecretRef, text: &str) -> Result<Secret, SecretError> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(SecretError::Unusable { name: name.clone(), problem: "is empty" });
    }
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EnvironmentSecrets;

    fn environment(variable: &'static str, value: &'static str) -> Arc<dyn SecretSource> {
        Arc::new(EnvironmentSecrets::from_lookup(move |asked| (asked == variable).then(|| value.to_owned())))
    }

    fn check(sources: Vec<Arc<dyn SecretSource>>) -> Result<String, String> {
        let name = SecretRef::new("secret:crm/client").unwrap();
        ChainedSecrets::new(sources).resolve(&name).map(|s| s.expose().to_owned()).map_err(|e| e.to_string())
    }

    #[test]
    fn the_first_source_that_has_it_gives_it() {
        let wrong = environment("SINEW_SECRET_OTHER", "other");
        let right = environment("SINEW_SECRET_CRM_CLIENT", "first");
        let late = environment("SINEW_SECRET_CRM_CLIENT", "second");
        assert_eq!(check(vec![wrong, right, late]), Ok("first".to_owned()));
    }

    #[test]
    fn a_secret_that_is_nowhere_says_where_it_was_looked_for() {
        let message = check(vec![environment("OTHER", "x"), environment("OTHER", "x")]).unwrap_err();
        assert!(message.contains("SINEW_SECRET_CRM_CLIENT") && message.contains(" and "), "{message}");
    }

    #[test]
    fn a_secret_that_is_there_but_empty_ends_the_search() {
        let empty = environment("SINEW_SECRET_CRM_CLIENT", "\n");
        let message = check(vec![empty, environment("SINEW_SECRET_CRM_CLIENT", "x")]).unwrap_err();
        assert_eq!(message, "`secret:crm/client` is empty");
    }
}
