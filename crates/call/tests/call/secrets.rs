//! No secret shows, whatever a system does with it.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use sinew_model::{ApiKey, Auth, BasicLogin, ClientProof, KeyLocation};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::fixture::{Fixture, SECRET, client_credentials, secret, write};
use crate::server::{Act, Arrived, Server, answer, ok};

/// Keeps everything that is logged, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for &Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0.lock().unwrap(), "{field}={value:?} ");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut &*self);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut &*self);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        event.record(&mut &*self);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// A system that repeats in headers, code and message of its errors whatever it was sent, in several spellings.
fn echo(number: usize, request: &Arrived) -> Act {
    if request.path() == "/token" && number == 0 {
        return ok(r#"{"access_token":"issued-token-1","expires_in":600}"#);
    }
    let credential = request.header("authorization").or(request.header("x-key")).unwrap_or_default();
    let all = format!("{} {credential} {} {SECRET}", request.line, request.body);
    let body = serde_json::json!({
        "error": {"code": credential, "message": all},
        // The secret lies across the bound up to which bodies are kept, for one of the schemes at least.
        "padding": (0..400).map(|_| SECRET).collect::<Vec<_>>().join(" "),
    });
    answer(422, &[("x-echo", credential), ("set-cookie", "session=1")], &body.to_string())
}

async fn check(name: &str, auth: impl FnOnce(&str) -> Auth, act: fn(usize, &Arrived) -> Act) {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let server = Server::start(act).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.auth = auth(&server.url);
    fixture.connection.headers.push(("x-also".into(), format!("see {}", SECRET.replace('"', "")).into()));
    let attempted = fixture.call(write(), &serde_json::json!({"note": SECRET}).to_string()).await;
    assert!(attempted.outcome.is_err(), "{name}");
    let records = format!("{:?}", fixture.recorder.0.lock().unwrap());
    let printed = serde_json::to_string(&attempted.attempt).unwrap();
    let shown = format!("{attempted:?} {printed} {records} {}", log.0.lock().unwrap());
    for form in [
        SECRET,
        "s3cr3t%2Fva%22lue",
        "s3cr3t/va\\\"lue",
        "s3cr3t/va\\\\\\\"lue",
        // base64 of `aladdin:SECRET`
        "YWxhZGRpbjpzM2NyM3QvdmEibHVl",
        "issued-token-1",
        "session=1",
    ] {
        assert!(!shown.contains(form), "{name}: `{form}` shows in {shown}");
    }
    assert!(shown.contains("***"), "{name}: nothing was masked in {shown}");
}

#[tokio::test]
async fn no_secret_shows_for_any_scheme_even_if_the_system_repeats_it() {
    let key = |location| Auth::ApiKeys(vec![ApiKey { location, key: secret() }]);
    let header = KeyLocation::Header { name: "X-Key".into(), prefix: "Token ".into() };
    let query = KeyLocation::Query { name: "api_key".into() };
    let user = BasicLogin::User { username: "aladdin".into(), password: secret() };
    check("header key", |_| key(header), echo).await;
    check("query key", |_| key(query), echo).await;
    check("basic", |_| Auth::Basic(user), echo).await;
    check("bearer", |_| Auth::Bearer(secret()), echo).await;
    for proof in [ClientProof::Basic, ClientProof::Body] {
        let auth = |url: &str| client_credentials(url, proof(secret()));
        check("client credentials", auth, echo).await;
        check("refused client", auth, |_, request| echo(1, request)).await;
    }
}
