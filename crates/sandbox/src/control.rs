use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::body::AnswerBody;
use crate::emission::Emit;
use crate::exchange::{Call, Reply};
use crate::router::{Door, Router, on_the_wire};
use crate::truth::TruthFilter;
use crate::vendors::generated_event;

/// What may be asked, for whoever does not know. The README explains each.
const CONTROLS: &[&str] = &[
    "GET DELETE /_control/faults",
    "GET POST DELETE /_control/{vendor}/faults",
    "GET POST DELETE /_control/crm/webhooks",
    "POST /_control/crm/emit",
    "GET /_control/crm/emit/{id}",
    "POST /_control/shop/orders",
    "POST /_control/shop/inventory",
    "GET POST DELETE /_control/warehouse/refuse",
    "GET POST DELETE /_control/market/broken",
    "GET /_control/feed",
    "POST /_control/feed/publish",
    "POST /_control/feed/habits",
    "GET DELETE /_control/idp/sessions",
    "GET POST /_control/idp/options",
    "POST /_control/idp/keys",
    "GET /_control/truth",
    "GET /_control/truth/summary",
    "POST /_control/truth/missing",
    "GET /_control/stats",
    "GET POST /_control/options",
    "POST /_control/clock",
    "POST /_control/reset",
    "GET /_control/health",
];

/// Answers `/_control/..`.
pub(crate) async fn answer(router: &Router, call: &Call) -> Response<AnswerBody> {
    let path = call.path();
    if let (&Method::GET, ["truth"]) = (&call.method, path.as_slice()) {
        return truth(router, call);
    }
    let reply = match (&call.method, path.as_slice()) {
        (&Method::GET, ["health"]) => Ok(shown(&json!({ "status": "ok" }))),
        (&Method::GET, ["stats"]) => Ok(shown(&stats(router))),
        (&Method::POST, ["reset"]) => {
            router.reset();
            Ok(Reply::no_content())
        }
        (&Method::GET, ["options"]) => Ok(Reply::of(StatusCode::OK, &router.world.tuning())),
        (&Method::POST, ["options"]) => options(router, call),
        (&Method::POST, ["clock"]) => clock(router, call),
        (&Method::GET, ["truth", "summary"]) => Ok(Reply::ok(router.world.truth.summary())),
        (&Method::POST, ["truth", "missing"]) => missing(router, call),
        (&Method::GET, []) => Ok(shown(&json!({ "control": CONTROLS }))),
        (&Method::GET, ["faults"]) => Ok(shown(&faults(router))),
        (&Method::DELETE, ["faults"]) => {
            router.doors.iter().for_each(|door| door.faults.mend());
            Ok(Reply::no_content())
        }
        (_, ["crm", "webhooks" | "emit", ..]) => webhooks(router, call, &path).await,
        (_, [vendor, rest @ ..]) => match router.door(vendor) {
            Some(door) => vendor_control(router, door, call, rest),
            None => Ok(index(router, vendor)),
        },
        _ => Ok(index(router, "")),
    };
    on_the_wire(reply.unwrap_or_else(|message| wrong(&message)), AnswerBody::Whole)
}

/// What there is, for whoever asks for nothing or for what is not there.
pub(crate) fn index(router: &Router, place: &str) -> Reply {
    let vendors: Vec<&str> = router.doors.iter().map(|door| door.vendor.name()).collect();
    if place.is_empty() {
        return shown(&json!({ "vendors": vendors, "control": "/_control" }));
    }
    let message = format!("there is no `{place}`; there are {} and _control", vendors.join(", "));
    Reply::of(StatusCode::NOT_FOUND, &json!({ "error": message }))
}

fn shown(value: &Value) -> Reply {
    Reply::of(StatusCode::OK, value)
}

fn wrong(message: &str) -> Reply {
    Reply::of(StatusCode::BAD_REQUEST, &json!({ "error": message }))
}

fn parse<'de, T: Deserialize<'de>>(call: &'de Call) -> Result<T, String> {
    serde_json::from_slice(&call.body).map_err(|error| error.to_string())
}

fn truth(router: &Router, call: &Call) -> Response<AnswerBody> {
    let since = call.query("since_seq").and_then(|text| text.parse().ok()).unwrap_or(0);
    let filter = TruthFilter { vendor: call.query("vendor"), effect: call.query("effect") };
    let log = Arc::clone(&router.world.truth);
    let reply = Reply::json(StatusCode::OK, "").typed("application/x-ndjson");
    on_the_wire(reply, |_| AnswerBody::Truth { log, filter, next: Some(since) })
}

fn stats(router: &Router) -> Value {
    let applied: BTreeMap<_, _> = router
        .doors
        .iter()
        .map(|door| (door.vendor.name(), door.faults.applied()))
        .filter(|(_, applied)| !applied.is_empty())
        .collect();
    router.world.stats.show(&json!(applied))
}

/// What each vendor was told to do wrong.
fn faults(router: &Router) -> Value {
    let all: BTreeMap<_, _> =
        router.doors.iter().map(|door| (door.vendor.name(), door.faults.show())).collect();
    json!(all)
}

fn options(router: &Router, call: &Call) -> Result<Reply, String> {
    let tuning = router.world.tuning().changed_by(&call.body)?;
    router.world.tune(tuning);
    Ok(Reply::of(StatusCode::OK, &tuning))
}

fn clock(router: &Router, call: &Call) -> Result<Reply, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Advance {
        advance_ms: u32,
    }
    let advance: Advance = parse(call)?;
    router.world.clock.advance(advance.advance_ms);
    Ok(shown(&json!({ "now": router.world.clock.now().to_string() })))
}

fn missing(router: &Router, call: &Call) -> Result<Reply, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Expected {
        vendor: String,
        effect: String,
        refs: Vec<String>,
    }
    let expected: Expected = parse(call)?;
    let missing = router.world.truth.missing(&expected.vendor, &expected.effect, &expected.refs);
    let found = expected.refs.len() - missing.len();
    Ok(shown(&json!({ "missing": missing, "found": found })))
}

fn vendor_control(router: &Router, door: &Door, call: &Call, rest: &[&str]) -> Result<Reply, String> {
    match (&call.method, rest) {
        (&Method::POST, ["faults"]) => {
            door.faults.set(&call.body, router.world.seed)?;
            Ok(shown(&door.faults.show()))
        }
        (&Method::GET, ["faults"]) => Ok(shown(&door.faults.show())),
        (&Method::DELETE, ["faults"]) => {
            door.faults.mend();
            Ok(Reply::no_content())
        }
        _ => Ok(door.vendor.control(call, &router.world).unwrap_or_else(|| {
            let message =
                format!("`{}` has no such control; see the README for those there are", door.vendor.name());
            Reply::of(StatusCode::NOT_FOUND, &json!({ "error": message }))
        })),
    }
}

async fn webhooks(router: &Router, call: &Call, path: &[&str]) -> Result<Reply, String> {
    let webhooks = &router.world.webhooks;
    match (&call.method, path) {
        (&Method::POST, [_, "webhooks"]) => {
            let id = webhooks.register(parse(call)?)?;
            Ok(Reply::of(StatusCode::CREATED, &json!({ "id": id })))
        }
        (&Method::GET, [_, "webhooks"]) => Ok(shown(&webhooks.list())),
        (&Method::DELETE, [_, "webhooks"]) => {
            webhooks.remove_all();
            Ok(Reply::no_content())
        }
        (&Method::POST, [_, "emit"]) => {
            let request: Emit = parse(call)?;
            let wait = request.wait;
            let emission = webhooks.plan(request, router.world.seed, generated_event)?;
            let sending =
                tokio::spawn(Arc::clone(webhooks).run(Arc::clone(&emission), router.world.clock.now()));
            if !wait {
                return Ok(Reply::of(StatusCode::ACCEPTED, &json!({ "id": emission.id() })));
            }
            // Its outcome is in the emission itself.
            let _ = sending.await;
            Ok(Reply::ok(emission.show()))
        }
        (&Method::GET, [_, "emit", id]) => {
            let emission = webhooks.emission(id).ok_or_else(|| format!("there is no emission {id}"))?;
            Ok(Reply::ok(emission.show()))
        }
        _ => Err(
            "webhooks are POST, GET and DELETE /_control/crm/webhooks; events are POST /_control/crm/emit"
                .to_owned(),
        ),
    }
}
