use sinew_model::SecretRef;

use crate::source::admit;
use crate::{Secret, SecretError, SecretSource};

/// Gives the value of a variable.
type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Secrets in environment variables: `secret:crm/client` is `SINEW_SECRET_CRM_CLIENT`.
///
/// Everything that is no letter or digit becomes `_`, so `crm/client` and `crm-client` share a variable.
pub struct EnvironmentSecrets {
    lookup: Box<Lookup>,
}

impl EnvironmentSecrets {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self::from_lookup(|variable| std::env::var(variable).ok())
    }

    /// An environment of the caller's.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { lookup: Box::new(lookup) }
    }

    /// The variable that holds a secret.
    pub fn variable(name: &SecretRef) -> String {
        let word =
            name.path().chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
        "SINEW_SECRET_".chars().chain(word).collect()
    }
}

impl SecretSource for EnvironmentSecrets {
    fn resolve(&self, name: &SecretRef) -> Result<Secret, SecretError> {
        let variable = Self::variable(name);
        match (self.lookup)(&variable) {
            Some(text) => admit(name, &text),
            None => Err(SecretError::Missing {
                name: name.clone(),
                looked_for: format!("the environment variable {variable}"),
            }),
        }
    }
}
