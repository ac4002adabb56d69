use sinew_diag::codes::config;

use crate::shape::{Field, Record, Shape, Words, default, one_of, optional, required, words};
use crate::{Auth, OAuth1, OAuth1Method};

use super::Login;

pub(super) const FIELDS: &[Field] =
    &[one_of("oauth1", Shape::Record(&OAUTH1), "OAuth 1.0a (RFC 5849): every request is signed.")
        .like("{ consumer_key: sinew, consumer_secret: secret:erp/consumer }")];

static OAUTH1: Record = Record {
    name: "oauth1",
    doc: "OAuth 1.0a (RFC 5849).",
    fields: &[&[
        required("consumer_key", Shape::Text, "Who the client is."),
        required("consumer_secret", Shape::Secret, "Its secret.").like("secret:erp/consumer"),
        optional("token", Shape::Secret, "The token. Left out: the client acts for itself.")
            .like("secret:erp/token"),
        optional("token_secret", Shape::Secret, "The token's secret.").like("secret:erp/token-secret"),
        default("method", Shape::Word(OAuth1Method::WORDS), "hmac_sha1", "How requests are signed."),
        optional("realm", Shape::Text, "`realm`, which some systems ask for.").like("1234567_SB1"),
    ]],
};

words!(OAuth1Method {
    HmacSha1 = "hmac_sha1", "HMAC-SHA1 (section 3.4.2)";
    HmacSha256 = "hmac_sha256", "HMAC-SHA256, as newer systems want it";
    Plaintext = "plaintext", "the secrets themselves (section 3.4.4), over `https` alone";
});

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let oauth = login.auth.record("oauth1")?;
    if oauth.node("token").is_some() != oauth.node("token_secret").is_some() {
        let message = "`token` and `token_secret` belong together";
        login.reader.error(config::MISSING_FIELD, message, oauth.place("token"));
    }
    let method = oauth.word("method")?;
    if method == OAuth1Method::Plaintext && login.base_url.is_some_and(|url| !url.starts_with("https:")) {
        let message = "`method: plaintext` would send the secrets in clear, as `base_url` is not https";
        login.reader.error(config::INVALID_VALUE, message, oauth.place("method"));
    }
    Some(Auth::OAuth1(Box::new(OAuth1 {
        consumer_key: oauth.text("consumer_key")?,
        consumer_secret: oauth.secret("consumer_secret")?,
        token: oauth.secret("token").zip(oauth.secret("token_secret")),
        method,
        realm: oauth.text("realm"),
    })))
}
