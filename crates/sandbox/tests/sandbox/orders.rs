use crate::client::World;

#[test]
fn polling_by_links_sees_every_order_once_and_changed_ones_again() {
    let world = World::start();
    world.control("POST", "/shop/orders", r#"{"count":45}"#);
    let mut path = "/shop/orders?limit=20".to_owned();
    let mut orders = Vec::new();
    loop {
        let page = world.get(&path);
        orders.extend(page.json()["orders"].as_array().unwrap().clone());
        let Some(link) = page.header("link") else { break };
        let target = link.strip_prefix("<http://vendor.example").unwrap();
        path = target.strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    let updates: Vec<&str> = orders.iter().map(|order| order["updated_at"].as_str().unwrap()).collect();
    assert_eq!(updates.len(), 45);
    assert!(updates.is_sorted_by(|a, b| a < b));
    let since = format!("/shop/orders?since={}", updates[44]);
    assert_eq!(world.get(&since).json()["orders"].as_array().unwrap().len(), 0);
    assert_eq!(world.send("PATCH", "/shop/orders/ord_3", &[], r#"{"status":"paid"}"#).unwrap().status, 200);
    let changed = world.get(&since).json();
    assert_eq!(
        (changed["orders"][0]["id"].as_str(), changed["orders"][0]["status"].as_str()),
        (Some("ord_3"), Some("paid"))
    );
}

#[test]
fn the_shop_takes_a_key_in_the_query_and_refuses_what_is_wrong() {
    let world = World::start();
    assert_eq!(world.raw("GET", "/shop/orders?api_key=shop-key", &[], "").unwrap().status, 200);
    assert_eq!(world.raw("GET", "/shop/orders?api_key=no", &[], "").unwrap().status, 401);
    assert_eq!(world.post("/shop/orders", r#"{"lines":[]}"#).json()["errors"]["lines"][0], "can't be blank");
    assert_eq!(world.get("/shop/orders?since=yesterday").status, 422);
    let order = r#"{"lines":[{"sku":"SKU-2","quantity":2,"price":"10.25"}],"external_ref":"web-1"}"#;
    let created = world.post("/shop/orders", order).json();
    assert_eq!((created["total"].as_str(), created["number"].as_u64()), (Some("20.50"), Some(1001)));
    assert_eq!(world.send("PATCH", "/shop/orders/ord_1", &[], r#"{"status":"eaten"}"#).unwrap().status, 422);
    assert_eq!(world.get("/shop/orders?external_ref=web-1").json()["orders"][0]["id"], "ord_1");
}

#[test]
fn stock_is_what_control_says() {
    let world = World::start();
    assert!(world.get("/shop/inventory/SKU-1").json()["available"].as_u64().unwrap() > 0);
    world.control("POST", "/shop/inventory", r#"{"sku":"SKU-1","available":0}"#);
    assert_eq!(world.get("/shop/inventory/SKU-1").json()["available"], 0);
}

#[test]
fn the_warehouse_ignores_keys_but_can_be_probed() {
    let world = World::start();
    let shipment = r#"{"order_id":"ord_1","items":[{"sku":"SKU-1","quantity":1}]}"#;
    world.post_with_key("/warehouse/shipments", "k", shipment);
    world.post_with_key("/warehouse/shipments", "k", shipment);
    assert_eq!(
        world.get("/warehouse/shipments?order_id=ord_1").json()["shipments"].as_array().unwrap().len(),
        2
    );
    let account = world.effect("warehouse", "shipment.created");
    assert_eq!((account["doubled_by_ref"].as_u64(), account["doubled_by_key"].as_u64()), (Some(1), Some(1)));
    assert_eq!(world.send("DELETE", "/warehouse/shipments/shp_1", &[], "").unwrap().status, 204);
    assert_eq!(world.send("DELETE", "/warehouse/shipments/shp_1", &[], "").unwrap().status, 404);
    assert_eq!(
        world.get("/warehouse/shipments?order_id=ord_1").json()["shipments"].as_array().unwrap().len(),
        1
    );
}

#[test]
fn the_warehouse_refuses_what_it_was_told_to() {
    let world = World::start();
    world.control("POST", "/warehouse/refuse", r#"{"skus":["SKU-9"],"order_ids":["ord_3"]}"#);
    let check = |body: &str| world.post("/warehouse/shipments", body).status;
    assert_eq!(check(r#"{"order_id":"ord_1","items":[{"sku":"SKU-9"}]}"#), 409);
    assert_eq!(check(r#"{"order_id":"ord_3"}"#), 409);
    assert_eq!(check(r#"{"order_id":"ord_1","items":[{"sku":"SKU-1"}]}"#), 201);
    let refused = world.post("/warehouse/shipments", r#"{"order_id":"ord_3"}"#).json();
    assert_eq!(refused["code"], "OUT_OF_STOCK");
    world.control("DELETE", "/warehouse/refuse", "");
    assert_eq!(check(r#"{"order_id":"ord_3"}"#), 201);
}

#[test]
fn reports_are_taken_as_csv_and_as_json() {
    let world = World::start();
    let csv = "sku,sold\nSKU-1,4\nSKU-2,9\n";
    let plain = world.send(
        "POST",
        "/warehouse/reports?external_key=2026-11-20",
        &[("Content-Type", "text/csv")],
        csv,
    );
    let plain = plain.unwrap().json();
    assert_eq!((plain["rows"].as_u64(), plain["external_key"].as_str()), (Some(2), Some("2026-11-20")));
    assert_eq!(world.get("/warehouse/reports/rep_1").body, csv);
    let wrapped = serde_json::json!({ "csv": csv, "external_key": "2026-11-20" }).to_string();
    assert_eq!(world.post("/warehouse/reports", &wrapped).json()["rows"], 2);
    assert_eq!(world.effect("warehouse", "report.stored")["doubled_refs"][0], "2026-11-20");
    assert_eq!(world.post("/warehouse/reports", "{}").status, 400);
    assert_eq!(world.post("/warehouse/labels", r#"{"order_id":"ord_1"}"#).json()["id"], "lbl_1");
}
