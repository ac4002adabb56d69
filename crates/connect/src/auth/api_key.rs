use http::HeaderName;
use percent_encoding::utf8_percent_encode;
use sinew_model::KeyLocation;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Credential, ENCODED, Placement, masks};

/// A key in a header or in the query.
pub(super) fn credential(location: &KeyLocation, key: &Secret) -> Result<Credential, AuthError> {
    match location {
        KeyLocation::Header { name, prefix } => {
            let wrong = || AuthError::NoHeaderName(name.to_string());
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            Credential::header(name, &Zeroizing::new(format!("{prefix}{}", key.expose())), key)
        }
        KeyLocation::Query { name } => {
            let (name, value) =
                (utf8_percent_encode(name, ENCODED), utf8_percent_encode(key.expose(), ENCODED));
            let pair = Secret::new(format!("{name}={value}"));
            Ok(Credential { placement: Placement::Query(pair), masks: masks(key) })
        }
    }
}
