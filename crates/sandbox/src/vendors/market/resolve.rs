//! How fields get their values: roots from the state, all others from the JSON that stands behind an object.

use apollo_compiler::ast::Type;
use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::response::{JsonMap, JsonValue};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::NAME;
use super::state::{State, number};
use crate::exchange::Call;
use crate::world::World;

/// Items of a page at most.
const PAGE_MAX: usize = 100;

/// `Query` or `Mutation`.
pub(super) struct Root<'a> {
    pub(super) state: &'a Mutex<State>,
    pub(super) call: &'a Call,
    pub(super) world: &'a World,
    pub(super) is_mutation: bool,
}

impl ObjectValue for Root<'_> {
    fn type_name(&self) -> &'static str {
        if self.is_mutation { "Mutation" } else { "Query" }
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let given = Given(info.arguments());
        let mut state = self.state.lock();
        let value = match info.field_name() {
            "product" => state.product(&given.text("id")).cloned().unwrap_or_default(),
            "order" => state.order(&given.text("id")).cloned().unwrap_or_default(),
            "node" => {
                let id = given.text("id");
                state.product(&id).or_else(|| state.order(&id)).cloned().unwrap_or_default()
            }
            "products" => page(products(&state, &given), &given, true)?,
            "orders" => page(orders(&state, &given), &given, true)?,
            "search" => search(&state, &given.text("text")),
            "productCreate" => self.create_product(&mut state, &given),
            "productDelete" => self.delete_product(&mut state, &given),
            "orderCreate" => self.create_order(&mut state, &given),
            "orderCancel" => self.cancel_order(&mut state, &given),
            _ => return Err(self.unknown_field_error(info)),
        };
        let broken = state.broken.clone();
        if broken.iter().any(|field| field == info.field_name()) {
            return Err(failed(info.field_name()));
        }
        Ok(resolved(&info.field_definition().ty, value, &broken))
    }
}

impl Root<'_> {
    fn create_product(&self, state: &mut State, given: &Given<'_>) -> Value {
        let input = given.value("input");
        if input["title"].as_str().is_none_or(str::is_empty) {
            return json!({ "product": null, "userErrors": [wrong("title", "Title can't be blank")] });
        }
        let n = state.number();
        let id = format!("prod_{n}");
        let product = json!({
            "__typename": "Product", "id": id, "title": input["title"], "sku": input["sku"], "status": "ACTIVE",
            "tags": input["tags"], "price": input["price"], "supplier": null, "variants": [],
            "createdAt": self.call.now.to_string(),
        });
        state.keep_product(n, product.clone());
        self.world.record(self.call, NAME, "product.created", input["sku"].as_str(), &id);
        json!({ "product": product, "userErrors": [] })
    }

    fn delete_product(&self, state: &mut State, given: &Given<'_>) -> Value {
        let id = given.text("id");
        let removed = number(&id, "prod_").and_then(|n| state.products.remove(&n));
        if removed.is_none() {
            return json!({ "deletedId": null, "userErrors": [wrong("id", "there is no such product")] });
        }
        self.world.record(self.call, NAME, "product.deleted", None, &id);
        json!({ "deletedId": id, "userErrors": [] })
    }

    fn create_order(&self, state: &mut State, given: &Given<'_>) -> Value {
        let input = given.value("input");
        let (mut lines, mut cents) = (Vec::new(), 0_u64);
        for line in input["lines"].as_array().into_iter().flatten() {
            let Some(product) = state.product(line["productId"].as_str().unwrap_or_default()) else {
                return json!({ "order": null, "userErrors": [wrong("lines", "there is no such product")] });
            };
            let amount = product["price"]["amount"].as_str().unwrap_or("0").replace('.', "");
            cents += amount.parse::<u64>().unwrap_or(0) * line["quantity"].as_u64().unwrap_or(1);
            lines.push(json!({ "quantity": line["quantity"], "product": product }));
        }
        if lines.is_empty() {
            return json!({ "order": null, "userErrors": [wrong("lines", "an order has lines")] });
        }
        let n = state.number();
        let id = format!("ord_{n}");
        let total = json!({ "amount": format!("{}.{:02}", cents / 100, cents % 100), "currency": "EUR" });
        let order = json!({
            "__typename": "Order", "id": id, "reference": input["reference"], "status": "OPEN", "lines": lines,
            "total": total, "createdAt": self.call.now.to_string(),
        });
        state.keep_order(n, order.clone());
        self.world.record(self.call, NAME, "order.created", input["reference"].as_str(), &id);
        json!({ "order": order, "userErrors": [] })
    }

    fn cancel_order(&self, state: &mut State, given: &Given<'_>) -> Value {
        let id = given.text("id");
        let Some(order) = number(&id, "ord_").and_then(|n| state.orders.get_mut(&n)) else {
            return json!({ "order": null, "userErrors": [wrong("id", "there is no such order")] });
        };
        if order["status"] == "CANCELLED" {
            return json!({ "order": order, "userErrors": [wrong("id", "the order is cancelled already")] });
        }
        order["status"] = "CANCELLED".into();
        self.world.record(self.call, NAME, "order.cancelled", order["reference"].as_str(), &id);
        json!({ "order": order, "userErrors": [] })
    }
}

/// An object behind which JSON stands.
struct Object {
    type_name: String,
    value: Value,
    broken: Vec<String>,
}

impl ObjectValue for Object {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(&'a self, info: &'a ResolveInfo<'a>) -> Result<ResolvedValue<'a>, FieldError> {
        let (name, of) = (info.field_name(), &info.field_definition().ty);
        if self.broken.iter().any(|field| field == name) {
            return Err(failed(name));
        }
        let value = match &self.value[name] {
            Value::Array(items) if of.inner_named_type().ends_with("Connection") => {
                page(items.clone(), &Given(info.arguments()), false)?
            }
            value => value.clone(),
        };
        Ok(resolved(of, value, &self.broken))
    }
}

fn resolved<'a>(of: &Type, value: Value, broken: &[String]) -> ResolvedValue<'a> {
    match value {
        Value::Array(items) => {
            let of = of.item_type().clone();
            let broken = broken.to_vec();
            ResolvedValue::List(Box::new(items.into_iter().map(move |item| Ok(resolved(&of, item, &broken)))))
        }
        Value::Object(_) => {
            let own = value["__typename"].as_str();
            let type_name = own.unwrap_or_else(|| of.inner_named_type()).to_owned();
            ResolvedValue::object(Object { type_name, value, broken: broken.to_vec() })
        }
        plain => ResolvedValue::leaf(JsonValue::from(plain)),
    }
}

/// The arguments of a field.
struct Given<'a>(&'a JsonMap);

impl Given<'_> {
    fn value(&self, name: &str) -> Value {
        self.0.get(name).and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default()
    }

    fn text(&self, name: &str) -> String {
        self.value(name).as_str().unwrap_or_default().to_owned()
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.value(name).as_u64().and_then(|n| usize::try_from(n).ok())
    }
}

fn failed(field: &str) -> FieldError {
    FieldError { message: format!("`{field}` cannot be told at the moment") }
}

fn wrong(field: &str, message: &str) -> Value {
    json!({ "field": [field], "message": message })
}

fn products(state: &State, given: &Given<'_>) -> Vec<Value> {
    let filter = given.value("filter");
    state.products.values().filter(|product| fits(product, &filter)).cloned().collect()
}

fn fits(product: &Value, filter: &Value) -> bool {
    let tag = filter["tag"].as_str();
    let tags = product["tags"].as_array();
    (filter["status"].is_null() || filter["status"] == product["status"])
        && tag.is_none_or(|tag| tags.is_some_and(|tags| tags.iter().any(|of| of == tag)))
        && filter["and"].as_array().is_none_or(|all| all.iter().all(|filter| fits(product, filter)))
}

fn orders(state: &State, given: &Given<'_>) -> Vec<Value> {
    let reference = given.value("reference");
    let wanted = |order: &&Value| reference.is_null() || order["reference"] == reference;
    state.orders.values().filter(wanted).cloned().collect()
}

fn search(state: &State, text: &str) -> Value {
    let text = text.to_lowercase();
    let holds = |value: &Value| value.as_str().is_some_and(|value| value.to_lowercase().contains(&text));
    let products = state.products.values().filter(|product| holds(&product["title"]));
    let orders = state.orders.values().filter(|order| holds(&order["reference"]));
    products.chain(orders).take(PAGE_MAX).cloned().collect()
}

/// A page of these items (GraphQL Cursor Connections Specification).
fn page(items: Vec<Value>, given: &Given<'_>, must_say: bool) -> Result<Value, FieldError> {
    let refused = |message: &str| Err(FieldError { message: message.to_owned() });
    let (first, last) = (given.count("first"), given.count("last"));
    if must_say && first.is_some() == last.is_some() {
        return refused("one of first and last must be given, and not both");
    }
    let size = first.or(last).unwrap_or(10);
    if size > PAGE_MAX {
        return refused("at most 100 items are given at once");
    }
    let place = |name: &str| {
        let cursor = given.text(name);
        if cursor.is_empty() { Ok(None) } else { decode(&cursor).map(Some) }
    };
    let from = place("after")?.map_or(0, |at| at + 1);
    let to = place("before")?.unwrap_or(items.len()).min(items.len());
    let (from, to) = match first {
        None if last.is_some() => (from.max(to.saturating_sub(size)), to),
        _ => (from.min(to), to.min(from + size)),
    };
    let total = items.len();
    let chosen: Vec<(usize, Value)> =
        items.into_iter().enumerate().skip(from).take(to.saturating_sub(from)).collect();
    let cursor = |of: Option<&(usize, Value)>| of.map(|(at, _)| encode(*at));
    let edges: Vec<_> =
        chosen.iter().map(|(at, node)| json!({ "cursor": encode(*at), "node": node })).collect();
    Ok(json!({
        "pageInfo": {
            "hasNextPage": to < total,
            "hasPreviousPage": from > 0,
            "startCursor": cursor(chosen.first()),
            "endCursor": cursor(chosen.last()),
        },
        "totalCount": total,
        "edges": edges,
        "nodes": chosen.into_iter().map(|(_, node)| node).collect::<Vec<_>>(),
    }))
}

fn encode(at: usize) -> String {
    format!("c{at:x}")
}

fn decode(cursor: &str) -> Result<usize, FieldError> {
    let at = cursor.strip_prefix('c').and_then(|digits| usize::from_str_radix(digits, 16).ok());
    at.filter(|at| *at < usize::MAX / 2)
        .ok_or_else(|| FieldError { message: format!("`{cursor}` is no cursor of this list") })
}
