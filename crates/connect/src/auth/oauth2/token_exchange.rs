use sinew_model::TokenExchange;

use super::{AuthError, Form, Provider};

/// RFC 8693, section 2.1.
pub(super) fn fill(
    provider: &Provider<'_>,
    form: &mut Form,
    exchange: &TokenExchange,
) -> Result<(), AuthError> {
    form.add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
    form.add_secret("subject_token", &(provider.resolve)(&exchange.subject.token)?);
    form.add("subject_token_type", &exchange.subject.kind);
    if let Some(actor) = &exchange.actor {
        form.add_secret("actor_token", &(provider.resolve)(&actor.token)?);
        form.add("actor_token_type", &actor.kind);
    }
    if let Some(kind) = &exchange.requested_type {
        form.add("requested_token_type", kind);
    }
    provider.add_scope(form);
    Ok(())
}

#[cfg(test)]
mod tests {
    use sinew_model::{ClientProof, Grant, SecretRef, TokenExchange, TokenGiven};

    use crate::auth::oauth2::testing::{checked, oauth};

    #[tokio::test]
    async fn a_token_is_given_for_a_token() {
        let given = |kind: &str| TokenGiven { token: SecretRef::new("secret:x").unwrap(), kind: kind.into() };
        let exchange = TokenExchange {
            subject: given("urn:a"),
            actor: Some(given("urn:b")),
            requested_type: Some("urn:c".into()),
        };
        let mut oauth = oauth(Grant::TokenExchange(exchange));
        (oauth.client.proof, oauth.audience) = (ClientProof::None, None);
        let (_, form, _) = checked(&oauth, "to&ken").await;
        assert_eq!(
            form,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=to%26ken\
             &subject_token_type=urn%3Aa&actor_token=to%26ken&actor_token_type=urn%3Ab&requested_token_type=urn%3Ac\
             &scope=read%20write&client_id=si%20new"
        );
    }
}
