use std::time::Duration;

use serde::Deserialize;
use sinew_vault::Secret;

use super::answer::{Seconds, TokenError, not_an_answer, refused};
use super::{AuthError, Form, Provider, TokenRequest};

/// How often a device asks if the provider does not say (RFC 8628, section 3.2).
const INTERVAL_UNSAID: Duration = Duration::from_secs(5);
/// How long a code lives at most, and the longest interval that is believed.
const LIVES_MAX: Duration = Duration::from_hours(1);
const INTERVAL_MAX: Duration = Duration::from_mins(1);

/// A device that waits for a person.
#[derive(Clone, Debug)]
pub struct Device {
    /// What the device asks with.
    pub code: Secret,
    /// What the person types.
    pub user_code: String,
    /// Where.
    pub verification_url: String,
    /// Where, with the code in it.
    pub verification_url_complete: Option<String>,
    /// How long the code lives.
    pub lives: Duration,
    /// How long to wait between two questions; `slow_down` adds 5 s to it.
    pub interval: Duration,
}

impl Provider<'_> {
    /// The request that begins (RFC 8628, section 3.1).
    pub fn device_request(&self) -> Result<TokenRequest, AuthError> {
        let url = self.endpoints.device.as_deref().ok_or(AuthError::NoEndpoint("device authorization"))?;
        let mut form = Form::default();
        self.add_scope(&mut form);
        self.post(form, url)
    }

    /// The request that asks whether the person has decided (RFC 8628, section 3.4). Until then it is refused as
    /// [`TokenError::is_pending`].
    pub fn device_token_request(&self, device: &Device) -> Result<TokenRequest, AuthError> {
        let mut form = Form::default();
        form.add("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
        form.add_secret("device_code", &device.code);
        self.ask_for_token(form)
    }
}

#[derive(Deserialize)]
struct Begun {
    device_code: String,
    user_code: String,
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(alias = "verification_url_complete")]
    verification_uri_complete: Option<String>,
    expires_in: Option<Seconds>,
    interval: Option<Seconds>,
}

/// Reads what the device endpoint answered (RFC 8628, section 3.2).
pub fn read_device(body: &[u8]) -> Result<Device, TokenError> {
    let Ok(begun) = serde_json::from_slice::<Begun>(body) else {
        return Err(match serde_json::from_slice(body) {
            Ok(json) => refused(&json).unwrap_or(TokenError::NoDeviceCode),
            Err(_) => not_an_answer(body),
        });
    };
    let duration = |seconds: Option<Seconds>| seconds.and_then(Seconds::duration);
    Ok(Device {
        code: Secret::new(begun.device_code),
        user_code: begun.user_code,
        verification_url: begun.verification_uri,
        verification_url_complete: begun.verification_uri_complete,
        lives: duration(begun.expires_in).unwrap_or(LIVES_MAX).min(LIVES_MAX),
        interval: duration(begun.interval).unwrap_or(INTERVAL_UNSAID).min(INTERVAL_MAX),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_what_to_show_and_how_often_to_ask() {
        let body =
            br#"{"device_code":"d","user_code":"WDJB","verification_uri":"https://x","expires_in":1800}"#;
        let device = read_device(body).unwrap();
        assert_eq!((device.interval.as_secs(), device.lives.as_secs()), (5, 1800));
        let google = br#"{"device_code":"d","user_code":"U","verification_url":"https://x","interval":"9"}"#;
        assert_eq!(read_device(google).unwrap().interval.as_secs(), 9);
        let error = read_device(br#"{"error":"unauthorized_client"}"#).unwrap_err();
        assert_eq!(error.to_string(), "the provider refused: unauthorized_client");
        assert_eq!(read_device(b"{}").unwrap_err(), TokenError::NoDeviceCode);
        assert!(matches!(read_device(b"<html>").unwrap_err(), TokenError::Html { .. }));
    }
}
