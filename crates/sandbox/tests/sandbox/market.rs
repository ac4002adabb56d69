use serde_json::{Value, json};

use crate::client::World;

fn ask(world: &World, query: &str, variables: &Value) -> Value {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let answer = world.post("/market/graphql", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

#[test]
fn the_market_tells_its_schema_to_anybody() {
    let world = World::start();
    let introspection = r#"{"query":"{__schema{queryType{name} types{name}}}"}"#;
    let answer = world.raw("POST", "/market/graphql", &[], introspection).unwrap().json();
    assert_eq!(answer["data"]["__schema"]["queryType"]["name"], "Query");
    let products = r#"{"query":"{products(first:1){nodes{id}}}"}"#;
    let answer = world.raw("POST", "/market/graphql", &[], products).unwrap().json();
    assert_eq!(code(&answer), "UNAUTHENTICATED");
}

#[test]
fn pages_lead_to_every_product_once() {
    let world = World::start();
    let query = "query($after: String) { products(first: 100, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } totalCount } }";
    let (mut after, mut seen) = (Value::Null, Vec::new());
    loop {
        let page = &ask(&world, query, &json!({ "after": after }))["data"]["products"];
        assert_eq!(page["totalCount"], 230);
        seen.extend(page["nodes"].as_array().unwrap().iter().map(|node| node["id"].to_string()));
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen.len(), 230);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 230);
    let last = ask(
        &world,
        "{ products(last: 2) { edges { node { id } } pageInfo { hasNextPage hasPreviousPage } } }",
        &json!({}),
    );
    assert_eq!(last["data"]["products"]["edges"][1]["node"]["id"], "prod_230");
    assert_eq!(
        last["data"]["products"]["pageInfo"],
        json!({ "hasNextPage": false, "hasPreviousPage": true })
    );
    let neither = ask(&world, "{ products { totalCount } }", &json!({}));
    assert!(neither["errors"][0]["message"].as_str().unwrap().contains("one of first and last"), "{neither}");
}

#[test]
fn a_query_costs_what_it_asks_for() {
    let world = World::start();
    world.control("POST", "/options", r#"{"market_points":300,"market_points_per_s":1}"#);
    let query = "{ products(first: 100) { nodes { id variants(first: 2) { nodes { sku } } } } }";
    assert_eq!(code(&ask(&world, query, &json!({}))), "MAX_COST_EXCEEDED");
    let query = "{ products(first: 100) { nodes { id price { amount } } } }";
    let first = ask(&world, query, &json!({}));
    let cost = &first["extensions"]["cost"];
    assert_eq!(
        (cost["requestedQueryCost"].as_u64(), cost["actualQueryCost"].as_u64()),
        (Some(201), Some(201))
    );
    assert_eq!(cost["throttleStatus"]["currentlyAvailable"], 99);
    assert_eq!(code(&ask(&world, query, &json!({}))), "THROTTLED");
}

#[test]
fn orders_are_placed_once_per_key_and_refused_in_the_answer() {
    let world = World::start();
    let create = "mutation($input: OrderInput!) { orderCreate(input: $input) { order { id total { amount } } userErrors { message } } }";
    let input =
        json!({ "input": { "reference": "r-1", "lines": [{ "productId": "prod_1", "quantity": 2 }] } });
    let body = json!({ "query": create, "variables": input }).to_string();
    for _ in 0..2 {
        let answer = world.post_with_key("/market/graphql", "k", &body).json();
        assert_eq!(answer["data"]["orderCreate"]["order"]["id"], "ord_231", "{answer}");
    }
    assert_eq!(world.effects("market", "order.created"), 1);
    let none = json!({ "input": { "lines": [{ "productId": "prod_0" }] } });
    let refused = ask(&world, create, &none);
    assert_eq!(refused["data"]["orderCreate"]["order"], Value::Null);
    assert_eq!(refused["data"]["orderCreate"]["userErrors"][0]["message"], "there is no such product");
    let found =
        ask(&world, "{ orders(first: 1, reference: \"r-1\") { edges { node { id status } } } }", &json!({}));
    assert_eq!(found["data"]["orders"]["edges"][0]["node"], json!({ "id": "ord_231", "status": "OPEN" }));
    assert_eq!(code(&ask(&world, "{ nothing }", &json!({}))), "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(code(&ask(&world, create, &json!({}))), "BAD_USER_INPUT");
}

#[test]
fn what_is_broken_fails_beside_the_rest() {
    let world = World::start();
    world.control("POST", "/market/broken", r#"["supplier"]"#);
    let query = "{ product(id: \"prod_1\") { id supplier { name } } }";
    let answer = ask(&world, query, &json!({}));
    assert_eq!(answer["data"]["product"], json!({ "id": "prod_1", "supplier": null }));
    assert_eq!(answer["errors"][0]["path"], json!(["product", "supplier"]));
    assert_eq!(code(&answer), "INTERNAL_SERVER_ERROR");
    world.control("DELETE", "/market/broken", "");
    assert_eq!(ask(&world, query, &json!({}))["errors"], Value::Null);
}
