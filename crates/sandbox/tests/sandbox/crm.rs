use std::collections::HashSet;

use sinew_sandbox::{SandboxOptions, generate_contacts};

use crate::client::World;

#[test]
fn a_token_is_good_until_it_expires() {
    let world = World::start();
    let bearer = format!("Bearer {}", world.token());
    let get = || world.raw("GET", "/crm/contacts/17", &[("Authorization", &bearer)], "").unwrap();
    assert_eq!(get().status, 200);
    world.control("POST", "/clock", r#"{"advance_ms":60001}"#);
    let late = get();
    assert_eq!(late.status, 401);
    assert!(late.header("www-authenticate").unwrap().contains("expired"), "{late:?}");
    assert_eq!(late.json()["category"], "INVALID_AUTHENTICATION");
}

#[test]
fn the_token_endpoint_takes_basic_and_refuses_what_is_wrong() {
    let world = World::start();
    let check = |headers: &[(&str, &str)], form: &str| {
        let answer = world.raw("POST", "/crm/oauth/token", headers, form).unwrap();
        (answer.status, answer.json())
    };
    let basic = [("Authorization", "Basic c2luZXc6Y3JtLXNlY3JldA==")];
    let (status, token) = check(&basic, "grant_type=client_credentials");
    assert_eq!(
        (status, token["expires_in"].as_u64(), token["token_type"].as_str()),
        (200, Some(60), Some("Bearer"))
    );
    let (status, error) = check(&[], "grant_type=client_credentials&client_id=sinew&client_secret=wrong");
    assert_eq!((status, error["error"].as_str()), (401, Some("invalid_client")));
    let (status, error) = check(&basic, "grant_type=password");
    assert_eq!((status, error["error"].as_str()), (400, Some("unsupported_grant_type")));
    let (status, error) = check(&basic, "");
    assert_eq!((status, error["error"].as_str()), (400, Some("invalid_request")));
}

#[test]
fn a_request_without_a_token_is_challenged() {
    let answer = World::start().raw("GET", "/crm/contacts/17", &[], "").unwrap();
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer realm=\"crm\"")));
}

#[test]
fn any_id_is_a_contact_whose_number_exceeds_a_double() {
    let world = World::start();
    let answer = world.get("/crm/contacts/424242");
    assert_eq!(answer.json()["id"], "424242");
    assert!((330..430).contains(&answer.body.len()), "{} bytes", answer.body.len());
    assert!(answer.body.contains("\"account_number\":9007199255589477"), "{}", answer.body);
    assert_eq!(answer.body, world.get("/crm/contacts/424242").body);
    assert_eq!(world.get("/crm/contacts/missing-1").status, 404);
    world.control("POST", "/options", r#"{"autogenerate":false}"#);
    assert_eq!(world.get("/crm/contacts/424242").status, 404);
    assert_eq!(world.get("/crm/contacts/1").status, 200);
}

#[test]
fn pages_by_cursor_show_every_contact_once() {
    let world = World::start();
    let mut ids = HashSet::new();
    let mut path = "/crm/contacts?limit=150".to_owned();
    let mut pages = 0;
    loop {
        let page = world.get(&path).json();
        pages += 1;
        for contact in page["data"].as_array().unwrap() {
            assert!(ids.insert(contact["id"].as_str().unwrap().to_owned()));
        }
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/crm/contacts?limit=150&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!((ids.len(), pages), (1000, 7));
    assert_eq!(world.get("/crm/contacts?cursor=nonsense").status, 400);
}

#[test]
fn what_was_changed_since_is_read_oldest_change_first_and_once() {
    let world = World::start();
    let since = "2026-06-01T00:00:00.000Z";
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut path = format!("/crm/contacts?since={since}&limit=100");
    loop {
        let page = world.get(&path).json();
        for contact in page["data"].as_array().unwrap() {
            let text = |field: &str| contact[field].as_str().unwrap().to_owned();
            seen.push((text("updated_at"), text("id")));
        }
        // Something that was read already changes before the next page is asked for: nothing is passed over.
        let first = &seen[0].1;
        if seen.len() == 100 {
            world.send("PATCH", &format!("/crm/contacts/{first}"), &[], r#"{"title":"CTO"}"#).unwrap();
        }
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/crm/contacts?since={since}&limit=100&cursor={cursor}");
    }
    assert!(seen.len() > 300 && seen.iter().all(|(at, _)| at.as_str() >= since), "{}", seen.len());
    assert!(seen.is_sorted());
    let (ids, all): (HashSet<_>, usize) = (seen.iter().map(|(_, id)| id).collect(), seen.len());
    assert_eq!(ids.len(), all - 1, "the changed one comes again, at the end");
    assert_eq!(world.get("/crm/contacts?since=yesterday").status, 400);
}

#[test]
fn a_generated_spreadsheet_row_is_the_crms_contact_of_that_id() {
    let world = World::start();
    let row = generate_contacts(SandboxOptions::default().seed, 3).last().unwrap();
    let email = row.email.trim().to_lowercase();
    let found = world.get(&format!("/crm/contacts?email={email}")).json();
    assert_eq!((found["data"][0]["id"].as_str(), found["data"].as_array().unwrap().len()), (Some("3"), 1));
}

#[test]
fn an_upsert_updates_the_contact_with_the_same_email() {
    let world = World::start();
    let first = world.post("/crm/contacts?upsert=email", r#"{"email":"Ada@Example.com","title":"CFO"}"#);
    let second = world.post("/crm/contacts?upsert=email", r#"{"email":"ada@example.com","title":"CEO"}"#);
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(world.get("/crm/contacts?email=ADA@example.com").json()["data"][0]["title"], "CEO");
    assert_eq!((world.effects("crm", "contact.created"), world.effects("crm", "contact.updated")), (1, 1));
    assert_eq!(world.post("/crm/contacts", r#"{"title":"CEO"}"#).status, 400);
    assert_eq!(world.post("/crm/contacts", "[1").status, 400);
}

#[test]
fn a_key_creates_one_note_and_its_external_key_finds_it() {
    let world = World::start();
    let note = r#"{"text":"Invoice INV-1","external_key":"deal-9/note"}"#;
    let first = world.post_with_key("/crm/deals/9/notes", "k1", note);
    let again = world.post_with_key("/crm/deals/9/notes", "k1", note);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((first.body, again.header("idempotent-replayed")), (again.body.clone(), Some("true")));
    assert_eq!(world.post_with_key("/crm/deals/9/notes", "k1", r#"{"text":"other"}"#).status, 422);
    let found = world.get("/crm/notes?external_key=deal-9%2Fnote").json();
    assert_eq!(
        (found["data"].as_array().unwrap().len(), found["data"][0]["deal_id"].as_str()),
        (1, Some("9"))
    );
    assert_eq!(world.effects("crm", "note.created"), 1);
}

#[test]
fn a_patched_deal_stays_patched() {
    let world = World::start();
    let before = world.get("/crm/deals/77").json();
    let patch = r#"{"stage":"closed_won","margin":0.12345678901234567890}"#;
    let patched = world.send("PATCH", "/crm/deals/77", &[], patch).unwrap();
    assert!(patched.body.contains("\"margin\":0.12345678901234567890"), "{}", patched.body);
    let after = world.get("/crm/deals/77").json();
    assert_eq!((after["stage"].as_str(), &after["amount"]), (Some("closed_won"), &before["amount"]));
}

#[test]
fn four_owners_are_senior() {
    let world = World::start();
    let senior = world.get("/crm/users?role=senior").json();
    assert_eq!(senior["data"].as_array().unwrap().len(), 4);
    let id = senior["data"][0]["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("/crm/users/{id}")).json()["role"], "senior");
    assert_eq!(world.get("/crm/users/u_99").status, 404);
}
