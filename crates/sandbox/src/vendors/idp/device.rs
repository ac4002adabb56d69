use http::StatusCode;
use serde_json::json;

use super::authorize::{USER, page};
use super::state::{Device, Refused, State, random, refused, seconds};
use super::token::{self, client_of};
use super::{issuer, oauth_error};
use crate::exchange::{Call, Reply, form_value};

/// RFC 8628, section 3.1.
pub(super) fn begin(state: &mut State, call: &Call) -> Reply {
    match open(state, call) {
        Ok(reply) => reply,
        Err(refused) => oauth_error(&refused),
    }
}

fn open(state: &mut State, call: &Call) -> Result<Reply, Refused> {
    let form = String::from_utf8_lossy(&call.body).into_owned();
    let client = client_of(state, call, &form)?;
    state.make_room(call.now)?;
    let (device_code, text) = (random("dev_"), random(""));
    let letters: String = text.chars().filter(char::is_ascii_alphabetic).take(8).collect();
    let user_code = letters.to_ascii_uppercase();
    let (issuer, options) = (issuer(call), &state.options);
    let answer = json!({
        "device_code": device_code,
        "user_code": user_code,
        "verification_uri": format!("{issuer}/device"),
        "verification_uri_complete": format!("{issuer}/device?user_code={user_code}"),
        "expires_in": options.device_seconds,
        "interval": options.device_interval_seconds,
    });
    let device = Device {
        user_code,
        client,
        scope: form_value(&form, "scope").unwrap_or_default(),
        decision: None,
        asked_at: None,
        interval: seconds(options.device_interval_seconds),
        expires: call.now.plus(seconds(options.device_seconds)),
    };
    state.devices.insert(device_code, device);
    Ok(Reply::of(StatusCode::OK, &answer))
}

/// Where a person types the code.
const FORM: &str = "<form method=\"post\"><input name=\"user_code\"><button name=\"approve\" value=\"yes\">Yes</button>\
     <button name=\"approve\" value=\"no\">No</button></form>";

pub(super) fn show() -> Reply {
    page(StatusCode::OK, FORM)
}

/// What the person decided: `user_code` and `approve`.
pub(super) fn decide(state: &mut State, call: &Call) -> Reply {
    let form = String::from_utf8_lossy(&call.body).into_owned();
    let typed = form_value(&form, "user_code").unwrap_or_default();
    let found =
        state.devices.values_mut().find(|device| device.user_code == typed && call.now < device.expires);
    match found {
        Some(device) => {
            device.decision = Some(form_value(&form, "approve").as_deref() == Some("yes"));
            page(StatusCode::OK, "the device knows")
        }
        None => page(StatusCode::NOT_FOUND, "there is no such code"),
    }
}

/// RFC 8628, section 3.5.
pub(super) fn redeem(state: &mut State, call: &Call, form: &str, client: &str) -> Result<Reply, Refused> {
    let code = form_value(form, "device_code").unwrap_or_default();
    let device = state.devices.get_mut(&code).filter(|device| device.client == client);
    let device = device.ok_or_else(|| refused("invalid_grant", "the device code is unknown"))?;
    if call.now >= device.expires {
        return Err(refused("expired_token", "the device code has expired"));
    }
    let too_soon = device.asked_at.is_some_and(|at| call.now.since(at) < device.interval);
    device.asked_at = Some(call.now);
    match device.decision {
        Some(false) => Err(refused("access_denied", "the user said no")),
        Some(true) => {
            let scope = device.scope.clone();
            state.devices.remove(&code);
            let family = state.begin_family(client, USER, &scope);
            Ok(token::grant(state, call, family, None))
        }
        None if too_soon => {
            device.interval += seconds(5);
            Err(refused("slow_down", "asked too often"))
        }
        None => Err(refused("authorization_pending", "the user has not decided yet")),
    }
}
