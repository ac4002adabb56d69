//! The scope advisor: what was granted to a connection against what the project uses it for.

use std::collections::BTreeSet;
use std::sync::Arc;

use sinew_call::LoginError;
use sinew_control_api as api;
use sinew_model::{Auth, Connection, ScopeAdvice};

use super::sessions::find;
use crate::{Control, Fault};

/// What to ask for, and for what.
pub(crate) async fn connection_scopes(control: &Control, name: &str) -> Result<api::ScopeAdvice, Fault> {
    let connection = find(control, name)?;
    let uses = control.engine().snapshot().uses(&connection);
    let (source, granted) = granted(control, &connection).await?;
    let advice = ScopeAdvice::of(&uses, &granted);
    Ok(view(&connection, source, &granted, &advice))
}

/// The scopes that the connection's credential has, and from where that is known.
async fn granted(
    control: &Control,
    connection: &Connection,
) -> Result<(api::GrantSource, BTreeSet<Arc<str>>), Fault> {
    let Auth::OAuth2(oauth) = &connection.auth else {
        return Ok((api::GrantSource::Unknown, BTreeSet::new()));
    };
    let session = control.engine().caller().session(&connection.name).await;
    let session = session.map_err(|e| Fault::from(LoginError::Vault(e)))?;
    Ok(match session.and_then(|session| session.granted) {
        Some(scopes) => (api::GrantSource::Provider, scopes.into_iter().map(Arc::from).collect()),
        None => (api::GrantSource::Asked, oauth.scopes.iter().cloned().collect()),
    })
}

fn view(
    of: &Connection,
    source: api::GrantSource,
    granted: &BTreeSet<Arc<str>>,
    advice: &ScopeAdvice,
) -> api::ScopeAdvice {
    let texts = |scopes: &[Arc<str>]| scopes.iter().map(ToString::to_string).collect::<Vec<_>>();
    let differs = !advice.spare.is_empty() || !advice.lacking.is_empty();
    // Where nothing uses it yet, or no use says what it needs, nothing is known to be too much.
    let is_known = !advice.needed.is_empty() || !advice.lacking.is_empty();
    let lacking = advice.lacking.iter().map(|one| api::LackingScopes {
        operation: one.operation.to_string(),
        by: one.by.to_string(),
        any_of: one.any_of.iter().map(|set| texts(set)).collect(),
    });
    api::ScopeAdvice {
        connection: of.name.to_string(),
        source,
        granted: granted.iter().map(ToString::to_string).collect(),
        lacking: lacking.collect(),
        // Of a credential that has no scopes nothing can be taken away.
        proposal: (differs && is_known && source != api::GrantSource::Unknown)
            .then(|| texts(&advice.proposal)),
        spare: texts(&advice.spare),
        silent: texts(&advice.silent),
        needed: advice
            .needed
            .iter()
            .map(|(scope, by)| api::NeededScope { scope: scope.to_string(), by: texts(by) })
            .collect(),
    }
}
