use http::HeaderName;
use percent_encoding::utf8_percent_encode;
use sinew_model::{ApiKey, KeyLocation};
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Credential, ENCODED, Placement, Resolve, masks, sensitive};

/// Keys in headers, the query or cookies.
pub(super) fn credential(keys: &[ApiKey], resolve: Resolve<'_>) -> Result<Credential, AuthError> {
    let mut credential = Credential::none();
    for ApiKey { location, key } in keys {
        let key = resolve(key)?;
        credential.placements.push(placement(location, &key)?);
        credential.masks.extend(masks(&key));
    }
    Ok(credential)
}

fn placement(location: &KeyLocation, key: &Secret) -> Result<Placement, AuthError> {
    Ok(match location {
        KeyLocation::Header { name, prefix } => {
            let wrong = || AuthError::NoHeaderName(name.to_string());
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            Placement::Header(name, sensitive(&Zeroizing::new(format!("{prefix}{}", key.expose())))?)
        }
        KeyLocation::Query { name } => {
            let (name, value) =
                (utf8_percent_encode(name, ENCODED), utf8_percent_encode(key.expose(), ENCODED));
            Placement::Query(Secret::new(format!("{name}={value}")))
        }
        KeyLocation::Cookie { name } => {
            // RFC 6265, section 4.1.1: what would end the value, or the cookie.
            if key.expose().contains([' ', '"', ',', ';', '\\']) {
                return Err(AuthError::NotForHeaders);
            }
            Placement::Cookie(Secret::new(format!("{name}={}", key.expose())))
        }
    })
}
