use http::StatusCode;

use super::state::{Approve, AuthorizationCode, CLIENTS, State, random, seconds};
use super::{issuer, oauth_error};
use crate::exchange::{Call, Reply, form_value, percent_encode};

/// Who sits at the browser.
pub(super) const USER: &str = "user-1";

/// The authorization endpoint (RFC 6749, section 4.1.1; RFC 7636). Mistakes of the client are shown, not redirected.
pub(super) fn answer(state: &mut State, call: &Call) -> Reply {
    let text = String::from_utf8_lossy(&call.body).into_owned();
    let parameter = |name: &str| call.query(name).or_else(|| form_value(&text, name));
    let Some(client) = parameter("client_id").and_then(|id| CLIENTS.iter().find(|client| client.id == id))
    else {
        return page(StatusCode::BAD_REQUEST, "unknown client");
    };
    let Some(redirect_uri) = parameter("redirect_uri").filter(|uri| uri.starts_with("http")) else {
        return page(StatusCode::BAD_REQUEST, "the redirect_uri is missing or not registered");
    };
    let given = |name: &str| parameter(name).unwrap_or_default();
    let back = |error: &str, description: &str| {
        let (state, description) = (percent_encode(&given("state")), percent_encode(description));
        redirect(&redirect_uri, &format!("error={error}&error_description={description}&state={state}"))
    };
    if given("response_type") != "code" {
        return back("unsupported_response_type", "use code");
    }
    let challenge = parameter("code_challenge");
    if challenge.is_some() && given("code_challenge_method") != "S256" {
        return back("invalid_request", "use code_challenge_method=S256");
    }
    if challenge.is_none() && client.secret.is_none() {
        return back("invalid_request", "public clients need PKCE");
    }
    match state.options.approve {
        Approve::Deny => return back("access_denied", "the user said no"),
        Approve::Ask => return consent(call),
        Approve::Auto => {}
    }
    if let Err(refused) = state.make_room(call.now) {
        return oauth_error(&refused);
    }
    let code = random("code_");
    let made = AuthorizationCode {
        client: client.id.to_owned(),
        redirect_uri: redirect_uri.clone(),
        scope: given("scope"),
        challenge,
        nonce: parameter("nonce"),
        expires: call.now.plus(seconds(state.options.code_seconds)),
        redeemed: None,
    };
    state.codes.insert(code.clone(), made);
    let (given_state, issuer) = (percent_encode(&given("state")), percent_encode(&issuer(call)));
    redirect(&redirect_uri, &format!("code={code}&state={given_state}&iss={issuer}"))
}

/// What the person decided on the page of `approve: ask`: the form carries the request's query.
pub(super) fn decide(state: &mut State, call: &Call) -> Reply {
    let text = String::from_utf8_lossy(&call.body).into_owned();
    let approve =
        if form_value(&text, "approve").as_deref() == Some("yes") { Approve::Auto } else { Approve::Deny };
    let asked = std::mem::replace(&mut state.options.approve, approve);
    let reply = answer(state, call);
    state.options.approve = asked;
    reply
}

fn redirect(to: &str, query: &str) -> Reply {
    let joint = if to.contains('?') { '&' } else { '?' };
    Reply::json(StatusCode::FOUND, "").with("location", format!("{to}{joint}{query}"))
}

/// The page on which a person says yes or no.
fn consent(call: &Call) -> Reply {
    let query = call.query.replace('&', "&amp;").replace('"', "&quot;");
    let form = format!(
        "<form method=\"post\" action=\"authorize/decision?{query}\"><p>May this client act for you?</p>\
         <button name=\"approve\" value=\"yes\">Yes</button><button name=\"approve\" value=\"no\">No</button></form>"
    );
    page(StatusCode::OK, &form)
}

pub(super) fn page(status: StatusCode, body: &str) -> Reply {
    let text = format!("<!doctype html><title>Sandbox provider</title><body>{body}</body>");
    Reply::json(status, text).typed("text/html; charset=utf-8")
}
