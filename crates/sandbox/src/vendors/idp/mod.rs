//! An OAuth 2.1 / OpenID provider with an API behind it: authorization code with PKCE, refresh tokens that rotate (and
//! whose family dies when a spent one comes back), device code, service accounts, token exchange, discovery.

mod assertion;
mod authorize;
mod device;
mod state;
mod token;

use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::Vendor;
use crate::exchange::{Call, Reply};
use crate::world::World;
use state::{Refused, State};

const NAME: &str = "idp";

/// The provider.
pub(super) struct Idp {
    state: Mutex<State>,
}

impl Vendor for Idp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        let mut state = self.state.lock();
        match (&call.method, call.path().as_slice()) {
            (&Method::GET, [".well-known", "openid-configuration" | "oauth-authorization-server"]) => {
                Reply::of(StatusCode::OK, &metadata(&issuer(call))).at("GET /.well-known")
            }
            (&Method::GET | &Method::POST, ["authorize"]) => {
                authorize::answer(&mut state, call).at("GET /authorize")
            }
            (&Method::POST, ["authorize", "decision"]) => {
                authorize::decide(&mut state, call).at("POST /authorize/decision")
            }
            (&Method::POST, ["token"]) => token::answer(&mut state, call).at("POST /token"),
            (&Method::POST, ["revoke"]) => token::revoke(&mut state, call).at("POST /revoke"),
            (&Method::POST, ["device_authorization"]) => {
                device::begin(&mut state, call).at("POST /device_authorization")
            }
            (&Method::GET, ["device"]) => device::show().at("GET /device"),
            (&Method::POST, ["device"]) => device::decide(&mut state, call).at("POST /device"),
            (&Method::GET, ["userinfo"]) => self.guarded(&state, call, "openid").at("GET /userinfo"),
            (&Method::GET, ["items"]) => self.guarded(&state, call, "items.read").at("GET /items"),
            (&Method::POST, ["items"]) => {
                let reply = self.guarded(&state, call, "items.write");
                if reply.status == StatusCode::OK {
                    world.record(call, NAME, "item.created", None, "item_1");
                }
                reply.at("POST /items")
            }
            _ => self.problem(StatusCode::NOT_FOUND, "not_found", "there is no such endpoint").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        Reply::of(status, &json!({ "error": code.to_ascii_lowercase(), "error_description": message }))
    }

    fn control(&self, call: &Call, _world: &World) -> Option<Reply> {
        let mut state = self.state.lock();
        let path = call.path();
        let done = |outcome: Result<(), String>| match outcome {
            Ok(()) => Reply::no_content(),
            Err(message) => Reply::of(StatusCode::BAD_REQUEST, &json!({ "error": message })),
        };
        // The first segment is the vendor itself.
        match (&call.method, path.strip_prefix(&[NAME]).unwrap_or(&path)) {
            (&Method::GET, ["sessions"]) => Some(Reply::of(StatusCode::OK, &state.show())),
            (&Method::DELETE, ["sessions"]) => {
                state.revoke_all();
                Some(Reply::no_content())
            }
            (&Method::GET, ["options"]) => Some(Reply::of(StatusCode::OK, &state.options)),
            (&Method::POST, ["options"]) => Some(done(state.change_options(&call.body))),
            (&Method::POST, ["keys"]) => Some(done(state.add_key(&call.body))),
            _ => None,
        }
    }

    fn revoke_tokens(&self) -> bool {
        self.state.lock().access.clear();
        true
    }

    fn reset(&self, _world: &World) {
        *self.state.lock() = State::default();
    }
}

impl Idp {
    pub(super) fn new() -> Self {
        Self { state: Mutex::default() }
    }

    /// What the API answers to whoever has a token with this scope (RFC 6750, section 3.1 for who has not).
    fn guarded(&self, state: &State, call: &Call, scope: &str) -> Reply {
        let refused = |status, code: &str, message: &str, more: &str| {
            let challenge =
                format!("Bearer realm=\"{NAME}\", error=\"{code}\", error_description=\"{message}\"{more}");
            self.problem(status, code, message).with("www-authenticate", challenge)
        };
        let Some(token) = call.bearer() else {
            return self
                .problem(StatusCode::UNAUTHORIZED, "unauthenticated", "no access token was given")
                .with("www-authenticate", format!("Bearer realm=\"{NAME}\""));
        };
        match state.access(token, call.now) {
            None => refused(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "the access token is unknown, expired or revoked",
                "",
            ),
            Some(access) if !access.has(scope) => refused(
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                "the access token lacks a scope",
                &format!(", scope=\"{scope}\""),
            ),
            Some(access) => Reply::of(
                StatusCode::OK,
                &json!({ "sub": access.user, "client_id": access.client, "scope": access.scope, "items": [1, 2, 3] }),
            ),
        }
    }
}

/// The issuer, as whoever asks has reached it.
fn issuer(call: &Call) -> String {
    format!("http://{}/{NAME}", call.header("host").unwrap_or("127.0.0.1"))
}

/// RFC 8414, section 2, and OpenID Connect Discovery 1.0, section 3.
fn metadata(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "device_authorization_endpoint": format!("{issuer}/device_authorization"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "scopes_supported": ["openid", "offline_access", "items.read", "items.write"],
        "response_types_supported": ["code"],
        "grant_types_supported": token::GRANTS,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["HS256"],
        "authorization_response_iss_parameter_supported": true,
    })
}

/// An error of RFC 6749, section 5.2.
fn oauth_error(refused: &Refused) -> Reply {
    let status =
        if refused.error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
    let answer = json!({ "error": refused.error, "error_description": refused.description });
    let reply = Reply::of(status, &answer).with("cache-control", "no-store");
    if status == StatusCode::UNAUTHORIZED {
        reply.with("www-authenticate", format!("Basic realm=\"{NAME}\""))
    } else {
        reply
    }
}
