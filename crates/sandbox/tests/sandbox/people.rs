use crate::client::World;

#[test]
fn chat_answers_as_slack_does_and_keeps_the_messages() {
    let world = World::start();
    let posted = world.post("/chat/hooks/sales", r#"{"text":"A big one!","external_key":"lead-1"}"#);
    assert_eq!((posted.status, posted.body.as_str()), (200, "ok"));
    assert_eq!(world.post("/chat/hooks/ops", "payload=%7B%22text%22%3A%22down%22%7D").body, "ok");
    let check = |channel: &str, body: &str| world.post(&format!("/chat/hooks/{channel}"), body).body;
    assert_eq!(check("sales", "{}"), "no_text");
    assert_eq!(check("sales", "{"), "invalid_payload");
    assert_eq!(check("missing", r#"{"text":"x"}"#), "channel_not_found");
    let messages = world.get("/chat/messages?channel=ops").json();
    assert_eq!(
        (messages["messages"].as_array().unwrap().len(), messages["messages"][0]["text"].as_str()),
        (1, Some("down"))
    );
    let found = world.get("/chat/messages?external_key=lead-1").json();
    assert_eq!(found["messages"][0]["payload"]["external_key"], "lead-1");
    assert_eq!(found["messages"][0]["headers"]["host"], "vendor.example");
}

#[test]
fn accounts_are_opened_once_per_key_and_closed_once() {
    let world = World::start();
    let account = r#"{"employee_id":"e-7","email":"ada@corp.example","external_key":"hire-7"}"#;
    assert_eq!(world.post_with_key("/hr/accounts", "k", account).status, 201);
    assert_eq!(world.post_with_key("/hr/accounts", "k", account).json()["id"], "acc_1");
    assert_eq!(world.get("/hr/accounts?external_key=hire-7").json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.effects("hr", "account.created"), 1);
    let refused = world.post("/hr/accounts", r#"{"employee_id":"e-7"}"#);
    assert_eq!((refused.status, refused.header("content-type")), (422, Some("application/problem+json")));
    assert_eq!(world.send("DELETE", "/hr/accounts/acc_1", &[], "").unwrap().status, 204);
    assert_eq!(world.get("/hr/accounts/acc_1").status, 404);
    assert_eq!(
        world.post("/hr/equipment", r#"{"employee_id":"e-7","items":["laptop"]}"#).json()["status"],
        "ordered"
    );
}

#[test]
fn any_employee_has_a_manager() {
    let world = World::start();
    let employee = world.get("/hr/employees/e-7").json();
    assert_eq!(employee["id"], "e-7");
    assert!(employee["manager"]["email"].as_str().unwrap().ends_with("@corp.example"));
    assert_eq!(world.get("/hr/employees/missing").json()["status"], 404);
}
