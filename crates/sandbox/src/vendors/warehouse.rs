use std::collections::HashSet;

use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Vendor;
use crate::document::{Document, list};
use crate::exchange::{Call, Reply};
use crate::generate::text_digest;
use crate::records::Records;
use crate::world::World;

const NAME: &str = "warehouse";
const FOUND_MAX: usize = 100;
/// Reports kept: they are large.
const REPORTS_MAX: u32 = 100;

/// A warehouse that knows no idempotency keys: shipments can be looked up, labels cannot.
pub(super) struct Warehouse {
    state: Mutex<State>,
}

struct State {
    shipments: Records,
    reports: Records,
    labels: Records,
    refusal: Option<Refusal>,
}

/// What control told it to refuse.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    #[serde(default)]
    skus: HashSet<String>,
    #[serde(default)]
    order_ids: HashSet<String>,
    #[serde(default = "out_of_stock")]
    code: String,
    #[serde(default = "out_of_stock_message")]
    message: String,
}

fn out_of_stock() -> String {
    "OUT_OF_STOCK".to_owned()
}

fn out_of_stock_message() -> String {
    "not enough stock to ship this".to_owned()
}

#[derive(Debug, Deserialize)]
struct Item {
    #[serde(default)]
    sku: String,
}

impl State {
    fn new() -> Self {
        Self {
            shipments: Records::new("shp_", 1, &["order_id"]),
            reports: Records::new("rep_", 1, &[]),
            labels: Records::new("lbl_", 1, &[]),
            refusal: None,
        }
    }
}

impl Vendor for Warehouse {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        if call.bearer() != Some("warehouse-key") {
            return self
                .problem(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "no valid bearer token was given")
                .with("www-authenticate", "Bearer")
                .at("unauthorised");
        }
        match (&call.method, call.path().as_slice()) {
            (&Method::POST, ["shipments"]) => self.ship(call, world).at("POST /shipments"),
            (&Method::GET, ["shipments"]) => self.find_shipments(call).at("GET /shipments"),
            (&Method::GET, ["shipments", id]) => self.get_shipment(id).at("GET /shipments/{id}"),
            (&Method::DELETE, ["shipments", id]) => self.cancel(id, call, world).at("DELETE /shipments/{id}"),
            (&Method::POST, ["reports"]) => self.store_report(call, world).at("POST /reports"),
            (&Method::GET, ["reports", id]) => self.get_report(id).at("GET /reports/{id}"),
            (&Method::POST, ["labels"]) => self.print_label(call, world).at("POST /labels"),
            _ => self.problem(StatusCode::NOT_FOUND, "NO_ROUTE", "there is no such resource").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        Reply::of(status, &json!({ "code": code, "message": message }))
    }

    fn control(&self, call: &Call, _world: &World) -> Option<Reply> {
        match (&call.method, call.path().as_slice()) {
            (&Method::POST, [_, "refuse"]) => Some(match serde_json::from_slice(&call.body) {
                Ok(refusal) => {
                    self.state.lock().refusal = Some(refusal);
                    Reply::no_content()
                }
                Err(error) => Reply::of(StatusCode::BAD_REQUEST, &json!({ "error": error.to_string() })),
            }),
            (&Method::GET, [_, "refuse"]) => Some(Reply::of(StatusCode::OK, &self.state.lock().refusal)),
            (&Method::DELETE, [_, "refuse"]) => {
                self.state.lock().refusal = None;
                Some(Reply::no_content())
            }
            _ => None,
        }
    }

    fn reset(&self, _world: &World) {
        *self.state.lock() = State::new();
    }
}

impl Warehouse {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State::new()) }
    }

    fn invalid(&self, message: &str) -> Reply {
        self.problem(StatusCode::BAD_REQUEST, "INVALID_REQUEST", message)
    }

    fn missing(&self) -> Reply {
        self.problem(StatusCode::NOT_FOUND, "NOT_FOUND", "there is no such shipment")
    }

    fn ship(&self, call: &Call, world: &World) -> Reply {
        let mut shipment = match Document::parse(&call.body) {
            Ok(shipment) => shipment,
            Err(message) => return self.invalid(&message),
        };
        let Some(order_id) = shipment.text("order_id") else { return self.invalid("`order_id` is missing") };
        let items: Result<Vec<Item>, _> = shipment.raw("items").map_or(Ok(Vec::new()), serde_json::from_str);
        let Ok(items) = items else { return self.invalid("`items` is an array of {\"sku\", \"quantity\"}") };
        let mut state = self.state.lock();
        if let Some(refusal) = &state.refusal
            && (refusal.order_ids.contains(&order_id)
                || items.iter().any(|item| refusal.skus.contains(&item.sku)))
        {
            return self.problem(StatusCode::CONFLICT, &refusal.code, &refusal.message);
        }
        let (id, _) = state.shipments.new_id();
        shipment.set("id", &id);
        shipment.set("status", "created");
        shipment.set("tracking_number", tracking_number(&id));
        shipment.set("created_at", call.now.to_string());
        let body = shipment.to_bytes();
        state.shipments.put(&id, body.clone(), world.tuning().max_records, |name| shipment.text(name));
        drop(state);
        world.record(call, NAME, "shipment.created", Some(&order_id), &id);
        Reply::created(body)
    }

    fn find_shipments(&self, call: &Call) -> Reply {
        let Some(order_id) = call.query("order_id") else {
            return self.invalid("give the query parameter order_id");
        };
        Reply::ok(list("shipments", &self.state.lock().shipments.find("order_id", &order_id, FOUND_MAX), ""))
    }

    fn get_shipment(&self, id: &str) -> Reply {
        let found = self.state.lock().shipments.get(id);
        found.map_or_else(|| self.missing(), Reply::ok)
    }

    fn cancel(&self, id: &str, call: &Call, world: &World) -> Reply {
        let removed = self.state.lock().shipments.remove(id);
        let Some(shipment) = removed.and_then(|body| Document::parse(&body).ok()) else {
            return self.missing();
        };
        world.record(call, NAME, "shipment.cancelled", shipment.text("order_id").as_deref(), id);
        Reply::no_content()
    }

    fn store_report(&self, call: &Call, world: &World) -> Reply {
        let is_csv = call.header("content-type").is_some_and(|value| value.starts_with("text/csv"));
        let (csv, reference) = if is_csv {
            (call.body.clone(), call.query("external_key"))
        } else {
            let report = match Document::parse(&call.body) {
                Ok(report) => report,
                Err(message) => return self.invalid(&message),
            };
            let Some(csv) = report.text("csv") else { return self.invalid("`csv` is missing") };
            (csv.into(), report.business_ref().or_else(|| call.query("external_key")))
        };
        let lines = csv.split(|&b| b == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        if lines == 0 || std::str::from_utf8(&csv).is_err() {
            return self.invalid("the report is empty or not UTF-8");
        }
        let mut state = self.state.lock();
        let (id, _) = state.reports.new_id();
        let bytes = csv.len();
        state.reports.put(&id, csv, REPORTS_MAX.min(world.tuning().max_records), |_| None);
        drop(state);
        world.record(call, NAME, "report.stored", reference.as_deref(), &id);
        let answer = json!({ "id": id, "rows": lines - 1, "bytes": bytes, "external_key": reference });
        Reply::of(StatusCode::CREATED, &answer)
    }

    fn get_report(&self, id: &str) -> Reply {
        let found = self.state.lock().reports.get(id);
        found.map_or_else(|| self.missing(), |csv| Reply::ok(csv).typed("text/csv; charset=utf-8"))
    }

    fn print_label(&self, call: &Call, world: &World) -> Reply {
        let label = match Document::parse(&call.body) {
            Ok(label) => label,
            Err(message) => return self.invalid(&message),
        };
        let Some(order_id) = label.text("order_id") else { return self.invalid("`order_id` is missing") };
        let (id, _) = self.state.lock().labels.new_id();
        world.record(call, NAME, "label.printed", Some(&order_id), &id);
        let answer =
            json!({ "id": id, "order_id": order_id, "barcode": tracking_number(&id), "format": "zpl" });
        Reply::of(StatusCode::CREATED, &answer)
    }
}

fn tracking_number(id: &str) -> String {
    format!("TRK{:012}", text_digest(0, id) % 1_000_000_000_000)
}
