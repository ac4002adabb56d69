use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sinew_model::SecretRef;
use sinew_vault::{ChainedSecrets, EnvironmentSecrets, FileSecrets, SecretSource};

use crate::error::CliError;

/// The sandbox vendors' well-known credentials: no secrets, and good for nothing else.
const SANDBOX_SECRETS: &[(&str, &str)] = &[
    ("SINEW_SECRET_CRM_CLIENT", "crm-secret"),
    ("SINEW_SECRET_CRM_WEBHOOK", "crm-webhook-secret"),
    ("SINEW_SECRET_BILLING_KEY", "billing-key"),
    ("SINEW_SECRET_ENRICH_KEY", "enrich-key"),
    ("SINEW_SECRET_SHOP_PASSWORD", "shop-secret"),
    ("SINEW_SECRET_SHOP_KEY", "shop-key"),
    ("SINEW_SECRET_WAREHOUSE_KEY", "warehouse-key"),
    ("SINEW_SECRET_HR_KEY", "hr-key"),
    ("SINEW_SECRET_IDP_CLIENT", "idp-secret"),
    ("SINEW_SECRET_HR_WEBHOOK", "hr-webhook-secret"),
    ("SINEW_SECRET_BADGES_WEBHOOK", "badges-webhook-secret"),
];

/// Where the sandbox's vendors listen unless said.
const SANDBOX_URL: &str = "http://127.0.0.1:7480";

/// Variables that hold secrets, beside those that are named as such.
const SECRET_VARIABLES: [&str; 7] = [
    "SINEW_TOKEN",
    "SINEW_WEBHOOKS_KEY",
    "SINEW_MASTER_KEY",
    "SINEW_HASHICORP_TOKEN",
    "SINEW_HASHICORP_SECRET_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

/// What the process was given: its environment, and files that add to it. Read once, at the start.
#[derive(Clone, Debug)]
pub struct Environment {
    all: Arc<BTreeMap<String, String>>,
}

impl Environment {
    /// This process's environment, and what these files add; what is set already stays.
    pub fn of_process(files: &[impl AsRef<Path>]) -> Result<Self, CliError> {
        let mut all = BTreeMap::new();
        for path in files.iter().map(AsRef::as_ref) {
            let text = std::fs::read_to_string(path).map_err(|e| CliError::file(path, &e))?;
            all.extend(read(&text, path)?);
        }
        // Names and values that are no UTF-8 cannot be referred to.
        let own = std::env::vars_os();
        all.extend(
            own.filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        );
        Ok(Self { all: Arc::new(all) })
    }

    /// What the secrets of subscribers are derived from, if it is set.
    pub fn webhooks_key(&self) -> Option<&str> {
        self.all.get("SINEW_WEBHOOKS_KEY").map(String::as_str)
    }

    /// What `${NAME}` may stand for. Secrets are not among them: they come as `secret:` or not at all.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let is_secret = |name: &str| name.starts_with("SINEW_SECRET_") || SECRET_VARIABLES.contains(&name);
        self.all.iter().filter(|(name, _)| !is_secret(name)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// The control API's token, if one is set.
    pub fn token(&self) -> Option<&str> {
        self.all.get("SINEW_TOKEN").map(|token| token.trim()).filter(|token| !token.is_empty())
    }

    /// A variable that is set, without blanks around it.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.all.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The same with one more variable.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut all = (*self.all).clone();
        all.insert(name.to_owned(), value.to_owned());
        Self { all: Arc::new(all) }
    }

    /// The same, finding the sandbox's vendors where they listen, if it does not say itself where that is.
    #[must_use]
    pub fn in_sandbox(self) -> Self {
        if self.value("SANDBOX_URL").is_some() { self } else { self.with("SANDBOX_URL", SANDBOX_URL) }
    }

    /// Whether the sandbox's vendors know this secret.
    pub fn is_of_sandbox(name: &SecretRef) -> bool {
        let variable = EnvironmentSecrets::variable(name);
        SANDBOX_SECRETS.iter().any(|(known, _)| *known == variable)
    }

    /// Where secrets are looked for: the environment, a folder, what `further` holds, then (if asked) the sandbox's
    /// well-known ones.
    pub fn secrets(
        &self,
        folder: Option<&Path>,
        further: Vec<Arc<dyn SecretSource>>,
        sandbox: bool,
    ) -> Arc<dyn SecretSource> {
        let all = Arc::clone(&self.all);
        let own = EnvironmentSecrets::from_lookup(move |variable| all.get(variable).cloned());
        let mut sources: Vec<Arc<dyn SecretSource>> = vec![Arc::new(own)];
        if let Some(folder) = folder {
            sources.push(Arc::new(FileSecrets::new(folder)));
        }
        sources.extend(further);
        if sandbox {
            let known = |asked: &str| {
                SANDBOX_SECRETS.iter().find(|(name, _)| *name == asked).map(|(_, v)| (*v).to_owned())
            };
            sources.push(Arc::new(EnvironmentSecrets::from_lookup(known)));
        }
        Arc::new(ChainedSecrets::new(sources))
    }
}

/// Reads `NAME=value` lines, as a shell would read them when they are simple: comments, `export`, quotes around values.
fn read(text: &str, path: &Path) -> Result<Vec<(String, String)>, CliError> {
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let pair = line.split_once('=').filter(|(name, _)| is_name(name.trim()));
        // The line itself is not shown: it may hold a secret.
        let (name, value) = pair.ok_or_else(|| {
            CliError::usage(format!("{}:{}: a line is `NAME=value` or a comment", path.display(), number + 1))
        })?;
        let value = value.trim();
        let quoted = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
        all.push((name.trim().to_owned(), quoted.unwrap_or(value).to_owned()));
    }
    Ok(all)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_a_shell_reads_simple_ones() {
        let text = "# comment\n\nA=1\nexport B=\"two words\"\nC='x'\nD=\n";
        let all = read(text, Path::new("x.env")).unwrap();
        let all: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(all, [("A", "1"), ("B", "two words"), ("C", "x"), ("D", "")]);
    }

    #[test]
    fn a_line_that_is_none_is_named_but_not_shown() {
        let error = read("A=1\nhunter2\n", Path::new("x.env")).unwrap_err();
        assert!(error.message.contains("x.env:2") && !error.message.contains("hunter2"), "{}", error.message);
    }

    #[test]
    fn the_token_may_stand_in_a_file_and_an_empty_one_is_none() {
        let of = |token: &str| {
            let all = [("SINEW_TOKEN".to_owned(), token.to_owned())].into_iter().collect();
            Environment { all: Arc::new(all) }.token().map(str::to_owned)
        };
        assert_eq!((of(" t "), of(" "), of("")), (Some("t".to_owned()), None, None));
    }

    #[test]
    fn secrets_are_no_variables() {
        let all = [("SINEW_SECRET_X", "s"), ("SINEW_TOKEN", "t"), ("CRM_URL", "u")];
        let all = all.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect();
        let environment = Environment { all: Arc::new(all) };
        assert_eq!(environment.variables().keys().collect::<Vec<_>>(), ["CRM_URL"]);
        let name = SecretRef::new("secret:x").unwrap();
        assert_eq!(environment.secrets(None, Vec::new(), false).resolve(&name).unwrap().expose(), "s");
    }
}
