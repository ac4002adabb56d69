//! Which secrets a project names, and which of them are nowhere: told at the start, not by the first call that fails.

use std::collections::BTreeSet;

use sinew_model::{ChannelKind, SecretRef, Snapshot, Trigger, UrlOrSecret};
use sinew_vault::{EnvironmentSecrets, SecretError, SecretSource};

use crate::environment::Environment;

/// Says in one line which secrets are missing and where they would be looked for.
pub fn warn_of_missing(snapshot: &Snapshot, secrets: &dyn SecretSource) {
    if let Some(line) = missing(snapshot, secrets) {
        tracing::warn!("{line}");
    }
}

fn missing(snapshot: &Snapshot, secrets: &dyn SecretSource) -> Option<String> {
    let absent = |name: &SecretRef| matches!(secrets.resolve(name), Err(SecretError::Missing { .. }));
    let absent: Vec<SecretRef> = referenced(snapshot).into_iter().filter(absent).collect();
    let first = absent.first()?;
    let named = |name: &SecretRef| format!("`{name}` ({})", EnvironmentSecrets::variable(name));
    let names: Vec<String> = absent.iter().map(named).collect();
    let (count, verb) = if names.len() == 1 { ("a secret", "is") } else { ("secrets", "are") };
    let sandbox = if absent.iter().any(Environment::is_of_sandbox) {
        ". With `--sandbox` the simulated vendors' own are known"
    } else {
        ""
    };
    Some(format!(
        "{count} {verb} missing: {}. Calls that need one will fail: put it into the vault (`sinew secret set {}`), set the \
         variable in the environment or an `--env-file`, or put a file below the folder given by `--secrets`{sandbox}",
        names.join(", "),
        first.path(),
    ))
}

/// The secrets of connections, channels and webhooks.
fn referenced(snapshot: &Snapshot) -> BTreeSet<SecretRef> {
    let mut all = BTreeSet::new();
    for connection in snapshot.connections.values() {
        all.extend(connection.webhook_secret.iter().chain(&connection.webhook_token).cloned());
        all.extend(connection.auth.secrets().into_iter().chain(connection.tls.secrets()).cloned());
    }
    for channel in snapshot.channels.values() {
        all.extend(match &channel.kind {
            ChannelKind::Slack { url: UrlOrSecret::Secret(secret) } | ChannelKind::Webhook { secret, .. } => {
                Some(secret.clone())
            }
            ChannelKind::Email { login: Some((_, secret)), .. } => Some(secret.clone()),
            _ => None,
        });
    }
    for subscriber in snapshot.subscribers.values() {
        all.extend(subscriber.secrets.iter().cloned());
    }
    for flow in snapshot.flows.values() {
        if let Trigger::Webhook(webhook) = &flow.trigger {
            all.extend(webhook.secrets.iter().chain(&webhook.token).cloned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use sinew_model::SourceFile;

    use super::*;

    fn check(known: &'static [&'static str]) -> Option<String> {
        let text = "kind: Connector\nname: c\nversion: 1\noperations: { get: { get: /x } }\n---\n\
            kind: Connection\nname: crm\nconnector: c@1\nowner: { team: t, contact: c@example.com, runbook: r.md }\n\
            base_url: https://crm.example.com\nauth: { bearer: secret:crm/token }\n---\n\
            kind: AlertChannel\nname: ops\nslack: { url: secret:chat/ops }\n";
        let files = [SourceFile::new("x.yaml", text.as_bytes().to_vec())];
        let (snapshot, found) = sinew_model::load(&files, &std::collections::BTreeMap::new());
        let secrets =
            EnvironmentSecrets::from_lookup(move |asked| known.contains(&asked).then(|| "s".to_owned()));
        missing(&snapshot.unwrap_or_else(|| panic!("{found:?}")), &secrets)
    }

    #[test]
    fn secrets_that_are_nowhere_are_named_with_the_place_to_put_them() {
        let line = check(&["SINEW_SECRET_CHAT_OPS"]).unwrap();
        assert!(
            line.starts_with("a secret is missing: `secret:crm/token` (SINEW_SECRET_CRM_TOKEN)."),
            "{line}"
        );
        assert!(line.contains("`sinew secret set crm/token`") && !line.contains("--sandbox"), "{line}");
        let line = check(&[]).unwrap();
        assert!(line.starts_with("secrets are missing: `secret:chat/ops`"), "{line}");
        assert_eq!(check(&["SINEW_SECRET_CHAT_OPS", "SINEW_SECRET_CRM_TOKEN"]), None);
    }
}
