//! What the market has, as JSON that resolvers walk.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::generate::mix;

/// Products that are there from the start.
const PRODUCTS: u64 = 230;
/// What is kept of each kind.
const KEPT_MAX: usize = 100_000;

pub(super) struct State {
    pub(super) products: BTreeMap<u64, Value>,
    pub(super) orders: BTreeMap<u64, Value>,
    /// Fields that fail.
    pub(super) broken: Vec<String>,
    next: u64,
}

impl State {
    pub(super) fn new(seed: u64) -> Self {
        let products = (1..=PRODUCTS).map(|n| (n, product(seed, n))).collect();
        Self { products, orders: BTreeMap::new(), broken: Vec::new(), next: PRODUCTS + 1 }
    }

    /// A number that nothing has yet.
    pub(super) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }

    pub(super) fn product(&self, id: &str) -> Option<&Value> {
        self.products.get(&number(id, "prod_")?)
    }

    pub(super) fn order(&self, id: &str) -> Option<&Value> {
        self.orders.get(&number(id, "ord_")?)
    }

    /// Keeps an order, and lets go of the oldest if there are too many.
    pub(super) fn keep_order(&mut self, n: u64, order: Value) {
        self.orders.insert(n, order);
        if self.orders.len() > KEPT_MAX {
            self.orders.pop_first();
        }
    }

    pub(super) fn keep_product(&mut self, n: u64, product: Value) {
        self.products.insert(n, product);
        if self.products.len() > KEPT_MAX {
            self.products.pop_first();
        }
    }
}

/// The number in `prod_17`.
pub(super) fn number(id: &str, prefix: &str) -> Option<u64> {
    id.strip_prefix(prefix)?.parse().ok()
}

fn product(seed: u64, n: u64) -> Value {
    const THINGS: [&str; 6] = ["Lamp", "Chair", "Table", "Shelf", "Mirror", "Rug"];
    const COLOURS: [&str; 5] = ["black", "white", "oak", "green", "blue"];
    let chance = mix(seed, n);
    let pick = |list: &[&'static str], shift: u32| list[(chance >> shift) as usize % list.len()];
    let (thing, colour) = (pick(&THINGS, 0), pick(&COLOURS, 8));
    let variants = 1 + (chance >> 16) % 4;
    let variants: Vec<Value> = (1..=variants)
        .map(|v| json!({ "id": format!("var_{n}_{v}"), "sku": format!("SKU-{n:05}-{v}"), "stock": (chance >> 20) % 50 }))
        .collect();
    json!({
        "__typename": "Product",
        "id": format!("prod_{n}"),
        "title": format!("{thing} in {colour}"),
        "sku": format!("SKU-{n:05}"),
        "status": if n.is_multiple_of(10) { "ARCHIVED" } else { "ACTIVE" },
        "tags": [thing.to_lowercase(), colour],

        "price": { "amount": format!("{}.{:02}", 5 + (chance >> 24) % 900, chance % 100), "currency": "EUR" },
        "supplier": { "name": format!("{thing} Works"), "country": "PT" },
        "variants": variants,
        "createdAt": "2026-01-01T00:00:00.000Z",
    })
}
