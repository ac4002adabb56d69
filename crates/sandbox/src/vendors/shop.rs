use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use bytes::Bytes;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use sinew_stdx::{Random, Timestamp};

use super::Vendor;
use crate::document::{Document, list};
use crate::exchange::{Call, Reply, percent_encode};
use crate::generate::{mix, person_at, pick, text_digest};
use crate::names::PRODUCTS;
use crate::records::Records;
use crate::world::World;

const NAME: &str = "shop";
const STATUSES: &[&str] = &["open", "paid", "fulfilled", "cancelled"];
const FOUND_MAX: usize = 100;
/// Orders that control creates in one go.
const BATCH_MAX: u64 = 100_000;
/// Stocks that control sets.
const STOCKS_MAX: usize = 10_000;

/// A web shop: key in the query or Basic, pages by `Link`, orders in the sequence of their change.
pub(super) struct Shop {
    seed: u64,
    state: Mutex<State>,
}

struct State {
    orders: Records,
    /// Order ids by `updated_at`, which is unique.
    by_update: BTreeMap<Timestamp, String>,
    last_update: Timestamp,
    stock: HashMap<String, u64>,
}

impl State {
    fn new() -> Self {
        Self {
            orders: Records::new("ord_", 1, &["external_ref"]),
            by_update: BTreeMap::new(),
            last_update: Timestamp::default(),
            stock: HashMap::new(),
        }
    }

    /// Stores an order under a fresh `updated_at`.
    fn put(
        &mut self,
        id: &str,
        order: &mut Document,
        before: Option<Timestamp>,
        now: Timestamp,
        max: u32,
    ) -> Bytes {
        let next = Timestamp::from_millis(self.last_update.as_millis() + 1);
        let at = now.max(next);
        self.last_update = at;
        order.set("updated_at", at.to_string());
        let body = order.to_bytes();
        self.orders.put(id, body.clone(), max, |name| order.text(name));
        if let Some(before) = before {
            self.by_update.remove(&before);
        }
        self.by_update.insert(at, id.to_owned());
        while self.by_update.len() > max as usize {
            self.by_update.pop_first();
        }
        body
    }
}

impl Vendor for Shop {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        let by_key = call.query("api_key").is_some_and(|key| key == "shop-key");
        let by_basic =
            call.basic().is_some_and(|(user, password)| user == "shop" && password == "shop-secret");
        if !by_key && !by_basic {
            return self
                .problem(StatusCode::UNAUTHORIZED, "", "Invalid API key or access token")
                .with("www-authenticate", "Basic realm=\"shop\"")
                .at("unauthorised");
        }
        match (&call.method, call.path().as_slice()) {
            (&Method::GET, ["orders"]) => self.list_orders(call).at("GET /orders"),
            (&Method::POST, ["orders"]) => self.create_order(call, world).at("POST /orders"),
            (&Method::GET, ["orders", id]) => self.get_order(id).at("GET /orders/{id}"),
            (&Method::PATCH, ["orders", id]) => self.patch_order(id, call, world).at("PATCH /orders/{id}"),
            (&Method::GET, ["inventory", sku]) => self.inventory(sku, call).at("GET /inventory/{sku}"),
            _ => self.problem(StatusCode::NOT_FOUND, "", "Not Found").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, _code: &str, message: &str) -> Reply {
        Reply::of(status, &json!({ "errors": message }))
    }

    fn control(&self, call: &Call, world: &World) -> Option<Reply> {
        match (&call.method, call.path().as_slice()) {
            (&Method::POST, [_, "orders"]) => Some(self.generate_orders(call, world)),
            (&Method::POST, [_, "inventory"]) => Some(self.set_stock(call)),
            _ => None,
        }
    }

    fn reset(&self, _world: &World) {
        *self.state.lock() = State::new();
    }
}

impl Shop {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, state: Mutex::new(State::new()) }
    }

    fn list_orders(&self, call: &Call) -> Reply {
        if let Some(reference) = call.query("external_ref") {
            let found = self.state.lock().orders.find("external_ref", &reference, FOUND_MAX);
            return Reply::ok(list("orders", &found, ""));
        }
        let since = call.query("since");
        let after = match since.as_deref().map(parse_instant) {
            None => Timestamp::default(),
            Some(Some(after)) => after,
            Some(None) => return invalid("since", "is not an RFC 3339 instant"),
        };
        let page = call.query_limit("page", 1, 1_000_000);
        let limit = call.query_limit("limit", 20, 100);
        let state = self.state.lock();
        let mut ids =
            state.by_update.range((Bound::Excluded(after), Bound::Unbounded)).skip((page - 1) * limit);
        let orders: Vec<Bytes> =
            ids.by_ref().take(limit).filter_map(|(_, id)| state.orders.get(id)).collect();
        let reply = Reply::ok(list("orders", &orders, ""));
        if ids.next().is_none() {
            return reply;
        }
        let host = call.header("host").unwrap_or("127.0.0.1:7480");
        let since = since.map_or_else(String::new, |since| format!("since={}&", percent_encode(&since)));
        reply.with(
            "link",
            format!("<http://{host}/shop/orders?{since}page={}&limit={limit}>; rel=\"next\"", page + 1),
        )
    }

    fn create_order(&self, call: &Call, world: &World) -> Reply {
        let order = match Document::parse(&call.body) {
            Ok(order) => order,
            Err(message) => return invalid("base", &message),
        };
        if order.raw("lines").is_none_or(|lines| !lines.starts_with('[') || lines == "[]") {
            return invalid("lines", "can't be blank");
        }
        Reply::created(self.store_new(order, call, world))
    }

    fn store_new(&self, mut order: Document, call: &Call, world: &World) -> Bytes {
        let reference = order.business_ref();
        let mut state = self.state.lock();
        let (id, number) = state.orders.new_id();
        order.set("id", &id);
        order.set("number", 1000 + number);
        order.set_default("status", STATUSES[0]);
        order.set_default("currency", "EUR");
        if order.raw("total").is_none() {
            order.set("total", money(total_cents(&order)));
        }
        if order.raw("customer").is_none() {
            order.set("customer", self.customer(number));
        }
        order.set("created_at", call.now.to_string());
        let body = state.put(&id, &mut order, None, call.now, world.tuning().max_records);
        drop(state);
        world.record(call, NAME, "order.created", reference.as_deref(), &id);
        body
    }

    fn customer(&self, number: u64) -> serde_json::Value {
        let person = person_at(self.seed ^ 0x7368_6F70, number);
        json!({
            "name": format!("{} {}", person.first_name, person.last_name),
            "email": person.email,
            "phone": person.phone,
            "country": person.country,
        })
    }

    fn get_order(&self, id: &str) -> Reply {
        let found = self.state.lock().orders.get(id);
        found.map_or_else(|| self.problem(StatusCode::NOT_FOUND, "", "Not Found"), Reply::ok)
    }

    fn patch_order(&self, id: &str, call: &Call, world: &World) -> Reply {
        let changes = match Document::parse(&call.body) {
            Ok(changes) => changes,
            Err(message) => return invalid("base", &message),
        };
        if changes.raw("status").is_some()
            && changes.text("status").is_none_or(|status| !STATUSES.contains(&status.as_str()))
        {
            return invalid("status", &format!("is not one of {}", STATUSES.join(", ")));
        }
        let mut state = self.state.lock();
        let Some(mut order) = state.orders.get(id).and_then(|body| Document::parse(&body).ok()) else {
            return self.problem(StatusCode::NOT_FOUND, "", "Not Found");
        };
        let before = order.text("updated_at").as_deref().and_then(parse_instant);
        order.merge(changes);
        order.set("id", id);
        let body = state.put(id, &mut order, before, call.now, world.tuning().max_records);
        drop(state);
        world.record(call, NAME, "order.updated", None, id);
        Reply::ok(body)
    }

    fn inventory(&self, sku: &str, call: &Call) -> Reply {
        if sku.starts_with("missing") {
            return self.problem(StatusCode::NOT_FOUND, "", "Not Found");
        }
        let bits = text_digest(self.seed, sku);
        let available = self.state.lock().stock.get(sku).copied().unwrap_or(bits % 500 + 1);
        let answer = json!({
            "sku": sku,
            "available": available,
            "reserved": bits >> 32 & 15,
            "location": (["hamburg", "lyon", "gdansk"][(bits >> 40) as usize % 3]),
            "updated_at": call.now.to_string(),
        });
        Reply::of(StatusCode::OK, &answer)
    }

    fn generate_orders(&self, call: &Call, world: &World) -> Reply {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Batch {
            count: u64,
            #[serde(default = "one")]
            start: u64,
        }
        fn one() -> u64 {
            1
        }
        let batch: Batch = match serde_json::from_slice(&call.body) {
            Ok(batch) => batch,
            Err(error) => return wrong(&error.to_string()),
        };
        if batch.count > BATCH_MAX {
            return wrong(&format!("`count` is at most {BATCH_MAX}"));
        }
        for n in batch.start..batch.start.saturating_add(batch.count) {
            let mut order = Document::default();
            order.set("external_ref", format!("order-{n}"));
            order.set("lines", generated_lines(self.seed, n));
            self.store_new(order, call, world);
        }
        Reply::of(StatusCode::CREATED, &json!({ "created": batch.count }))
    }

    fn set_stock(&self, call: &Call) -> Reply {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Stock {
            sku: String,
            available: u64,
        }
        let stock: Stock = match serde_json::from_slice(&call.body) {
            Ok(stock) => stock,
            Err(error) => return wrong(&error.to_string()),
        };
        let mut state = self.state.lock();
        if state.stock.len() >= STOCKS_MAX && !state.stock.contains_key(&stock.sku) {
            return wrong(&format!("stocks of {STOCKS_MAX} skus are set already"));
        }
        state.stock.insert(stock.sku, stock.available);
        Reply::no_content()
    }
}

fn wrong(message: &str) -> Reply {
    Reply::of(StatusCode::BAD_REQUEST, &json!({ "error": message }))
}

fn generated_lines(seed: u64, n: u64) -> serde_json::Value {
    let mut random = Random::seeded(mix(seed ^ 0x6C69_6E65, n));
    let lines: Vec<_> = (0..=random.below(3))
        .map(|_| {
            let (sku, title, cents) = *pick(&mut random, PRODUCTS);
            json!({ "sku": sku, "title": title, "quantity": 1 + random.below(4), "price": money(u128::from(cents)) })
        })
        .collect();
    lines.into()
}

/// The sum of the lines, in cents; lines without a price count nothing.
fn total_cents(order: &Document) -> u128 {
    #[derive(Deserialize)]
    struct Line {
        #[serde(default)]
        quantity: Option<u32>,
        #[serde(default)]
        price: Option<serde_json::Value>,
    }
    let lines: Vec<Line> =
        order.raw("lines").and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
    let cents = |price: &serde_json::Value| {
        let number = price.as_f64().or_else(|| price.as_str()?.parse().ok()).unwrap_or(0.0);
        (number * 100.0).round().max(0.0) as u128
    };
    lines.iter().fold(0, |sum: u128, line| {
        let price = line.price.as_ref().map_or(0, cents);
        sum.saturating_add(price.saturating_mul(u128::from(line.quantity.unwrap_or(1))))
    })
}

fn money(cents: u128) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn parse_instant(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|at| Timestamp::from_millis(at.as_millisecond()))
}

fn invalid(field: &str, message: &str) -> Reply {
    Reply::of(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "errors": { field: [message] } }))
}
