use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::json;

use super::Vendor;
use crate::document::{Document, list};
use crate::exchange::{Call, Reply};
use crate::idempotency::{IdempotencyKeys, Once};
use crate::rate::TokenBucket;
use crate::records::Records;
use crate::world::World;

const NAME: &str = "billing";
/// What it publishes of itself, for everybody.
const PUBLISHED: &str = include_str!("../published/billing.json");
const FOUND_MAX: usize = 100;

/// Billing: API key, idempotency keys for 24 hours, invoices and payments.
pub(super) struct Billing {
    keys: IdempotencyKeys,
    bucket: TokenBucket,
    state: Mutex<State>,
}

struct State {
    invoices: Records,
    payments: Records,
}

impl State {
    fn new() -> Self {
        Self {
            invoices: Records::new("in_", 1, &["external_ref"]),
            payments: Records::new("pay_", 1, &["external_ref"]),
        }
    }
}

/// An object that is made once and can be ended once.
#[derive(Clone, Copy)]
struct Kind {
    records: fn(&mut State) -> &mut Records,
    created: &'static str,
    first_status: &'static str,
    ended: &'static str,
    last_status: &'static str,
    /// The error code if it ended already.
    already: &'static str,
}

const INVOICE: Kind = Kind {
    records: |state| &mut state.invoices,
    created: "invoice.created",
    first_status: "open",
    ended: "invoice.voided",
    last_status: "void",
    already: "invoice_already_void",
};

const PAYMENT: Kind = Kind {
    records: |state| &mut state.payments,
    created: "payment.captured",
    first_status: "captured",
    ended: "payment.refunded",
    last_status: "refunded",
    already: "payment_already_refunded",
};

impl Vendor for Billing {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        let rate = world.tuning().billing_rate_per_s;
        if rate == 0 {
            return self.admitted(call, world);
        }
        let allowance = self.bucket.take(call.now, rate, rate);
        let reply = if allowance.granted {
            self.admitted(call, world)
        } else {
            self.problem(StatusCode::TOO_MANY_REQUESTS, "rate_limit", "too many requests")
                .with_number("retry-after", allowance.retry_in_s)
                .at("limited")
        };
        let reset_s = call.now.as_millis() as u64 / 1000 + allowance.full_in_s;
        reply
            .with_number("x-ratelimit-limit", u64::from(rate))
            .with_number("x-ratelimit-remaining", allowance.remaining)
            .with_number("x-ratelimit-reset", reset_s)
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        let kind = if status.is_server_error() { "api_error" } else { "invalid_request_error" };
        Reply::of(status, &json!({ "error": { "type": kind, "code": code, "message": message } }))
    }

    fn reset(&self, _world: &World) {
        self.keys.reset();
        self.bucket.reset();
        *self.state.lock() = State::new();
    }
}

impl Billing {
    pub(super) fn new() -> Self {
        Self {
            keys: IdempotencyKeys::default(),
            bucket: TokenBucket::default(),
            state: Mutex::new(State::new()),
        }
    }

    fn admitted(&self, call: &Call, world: &World) -> Reply {
        if (&call.method, call.path().as_slice()) == (&Method::GET, &["openapi.json"][..]) {
            return Reply::ok(PUBLISHED.as_bytes().to_vec()).at("GET /openapi.json");
        }
        if call.header("x-api-key") != Some("billing-key") {
            return self
                .problem(StatusCode::UNAUTHORIZED, "api_key_invalid", "no valid X-Api-Key was given")
                .at("unauthorised");
        }
        match (&call.method, call.path().as_slice()) {
            (&Method::POST, ["invoices"]) => {
                self.keyed(call, world, || self.create_invoice(call, world)).at("POST /invoices")
            }
            (&Method::GET, ["invoices"]) => self.find(INVOICE, call).at("GET /invoices"),
            (&Method::GET, ["invoices", id]) => self.get(INVOICE, id).at("GET /invoices/{id}"),
            (&Method::POST, ["invoices", id, "void"]) => {
                self.keyed(call, world, || self.end(INVOICE, id, call, world)).at("POST /invoices/{id}/void")
            }
            (&Method::POST, ["payments"]) => {
                self.keyed(call, world, || self.create_payment(call, world)).at("POST /payments")
            }
            (&Method::GET, ["payments"]) => self.find(PAYMENT, call).at("GET /payments"),
            (&Method::GET, ["payments", id]) => self.get(PAYMENT, id).at("GET /payments/{id}"),
            (&Method::POST, ["payments", id, "refund"]) => self
                .keyed(call, world, || self.end(PAYMENT, id, call, world))
                .at("POST /payments/{id}/refund"),
            _ => {
                self.problem(StatusCode::NOT_FOUND, "url_unknown", "there is no such resource").at("no route")
            }
        }
    }

    fn keyed(&self, call: &Call, world: &World, perform: impl FnOnce() -> Reply) -> Reply {
        match self.keys.once(call, world.tuning().max_records, perform) {
            Once::First(reply) => reply,
            Once::Replayed(reply) => {
                world.truth.replayed(NAME);
                reply
            }
            Once::OtherBody => self.problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "this Idempotency-Key was used with another body",
            ),
        }
    }

    fn create_invoice(&self, call: &Call, world: &World) -> Reply {
        let invoice = match Document::parse(&call.body) {
            Ok(invoice) => invoice,
            Err(message) => return invalid("body", &message),
        };
        if invoice.text("contact_full_name").is_none() {
            return invalid("contact_full_name", "contact_full_name is missing");
        }
        if let Some(refusal) = invalid_money(&invoice, "total") {
            return refusal;
        }
        self.create(INVOICE, invoice, call, world)
    }

    fn create_payment(&self, call: &Call, world: &World) -> Reply {
        let payment = match Document::parse(&call.body) {
            Ok(payment) => payment,
            Err(message) => return invalid("body", &message),
        };
        match invalid_money(&payment, "amount") {
            Some(refusal) => refusal,
            None => self.create(PAYMENT, payment, call, world),
        }
    }

    fn create(&self, kind: Kind, mut object: Document, call: &Call, world: &World) -> Reply {
        let reference = object.business_ref();
        let mut state = self.state.lock();
        let records = (kind.records)(&mut state);
        let (id, number) = records.new_id();
        object.set("id", &id);
        if kind.created == INVOICE.created {
            object.set("number", format!("INV-{number:06}"));
        }
        object.set("status", kind.first_status);
        object.set("created_at", call.now.to_string());
        let body = object.to_bytes();
        records.put(&id, body.clone(), world.tuning().max_records, |name| object.text(name));
        drop(state);
        world.record(call, NAME, kind.created, reference.as_deref(), &id);
        Reply::created(body)
    }

    fn missing(&self, id: &str) -> Reply {
        self.problem(StatusCode::NOT_FOUND, "resource_missing", &format!("there is no {id}"))
    }

    fn get(&self, kind: Kind, id: &str) -> Reply {
        let found = (kind.records)(&mut self.state.lock()).get(id);
        found.map_or_else(|| self.missing(id), Reply::ok)
    }

    fn find(&self, kind: Kind, call: &Call) -> Reply {
        let Some(reference) = call.query("external_ref") else {
            return invalid("external_ref", "give the query parameter external_ref");
        };
        let found = (kind.records)(&mut self.state.lock()).find("external_ref", &reference, FOUND_MAX);
        Reply::ok(list("data", &found, ",\"has_more\":false"))
    }

    /// Voids an invoice, refunds a payment.
    fn end(&self, kind: Kind, id: &str, call: &Call, world: &World) -> Reply {
        let mut state = self.state.lock();
        let records = (kind.records)(&mut state);
        let Some(mut object) = records.get(id).and_then(|body| Document::parse(&body).ok()) else {
            return self.missing(id);
        };
        if object.text("status").as_deref() == Some(kind.last_status) {
            return self.problem(
                StatusCode::CONFLICT,
                kind.already,
                &format!("{id} is {} already", kind.last_status),
            );
        }
        object.set("status", kind.last_status);
        object.set("ended_at", call.now.to_string());
        let body = object.to_bytes();
        records.put(id, body.clone(), world.tuning().max_records, |name| object.text(name));
        drop(state);
        world.record(call, NAME, kind.ended, object.business_ref().as_deref(), id);
        Reply::ok(body)
    }
}

fn invalid(param: &str, message: &str) -> Reply {
    let error = json!({ "type": "invalid_request_error", "code": "parameter_invalid", "param": param, "message": message });
    Reply::of(StatusCode::BAD_REQUEST, &json!({ "error": error }))
}

fn invalid_money(object: &Document, amount: &str) -> Option<Reply> {
    let currency = object.text("currency").unwrap_or_default();
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Some(invalid("currency", "currency is three capital letters (ISO 4217)"));
    }
    let number = object.text(amount).and_then(|text| text.parse::<f64>().ok());
    if number.is_none_or(|number| !number.is_finite() || number < 0.0) {
        return Some(invalid(amount, &format!("{amount} is a number that is not negative")));
    }
    None
}
