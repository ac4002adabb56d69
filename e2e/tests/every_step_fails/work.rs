//! Work for each flow, and what people and other systems do meanwhile.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sinew_e2e::{Submission, World, is_final, until};

/// How long a run may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What takes an effect back.
pub const TAKEN_BACK_BY: [(&str, &str); 3] = [
    ("payment.captured", "payment.refunded"),
    ("shipment.created", "shipment.cancelled"),
    ("account.created", "account.deleted"),
];

/// What a flow is given.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    Lead,
    Deal,
    Contacts,
    Order,
    Label,
    Report,
    Large,
    Hire { approved: bool },
    Account,
}

impl Work {
    /// What must be there before.
    pub fn prepare(self, world: &World) {
        if matches!(self, Self::Report) {
            world.orders(3, 1);
        }
    }

    /// The payload for one more run.
    pub fn input(self, world: &World, id: &str) -> Value {
        match self {
            Self::Lead => Submission::lead(id).body,
            Self::Deal => Submission::deal(id).body,
            Self::Contacts => {
                let text = format!(
                    "id,first_name,last_name,email,phone,company,domain,title,country\n\
                     {id},Ada,Byron,ada.{id}@copper-freight.example,,,,,GB\n"
                );
                let file = format!("{id}.csv");
                fs::write(world.project("bulk-enrich").join(&file), text)
                    .expect("a file of contacts is written");
                json!({ "job": id, "file": file, "save": true })
            }
            Self::Order => {
                let number = id.rsplit('-').next().and_then(|n| n.parse().ok()).unwrap_or(0);
                let order = world.orders(1, 1000 + number).remove(0);
                world.sandbox.get(&format!("/shop/orders/{order}?api_key=shop-key")).json()
            }
            Self::Label => json!({ "order_id": id, "shipment_id": format!("shp-{id}"), "recipient": "Ada" }),
            Self::Report => json!({ "since": "2026-01-01T00:00:00Z" }),
            Self::Large => json!({ "number": id, "largest": 1200, "currency": "EUR" }),
            Self::Hire { .. } => Submission::hire(id).body,
            Self::Account => {
                json!({ "employee_id": id, "email": "sam.byrne@corp.example", "system": "wiki" })
            }
        }
    }

    /// Whether this work comes to a step at all.
    pub fn reaches(self, step: &str) -> bool {
        match self {
            Self::Hire { approved: true } => step != "declined",
            Self::Hire { approved: false } => step == "declined",
            _ => true,
        }
    }
}

/// Nothing starts by itself.
pub fn by_hand(document: &mut Value) {
    if document["trigger"]["poll"].is_object() || document["trigger"]["schedule"].is_object() {
        document["trigger"] = json!("manual");
    }
}

/// Follows a run to its end; a manager decides and the badge comes on the way.
pub fn drive(world: &World, run: &str, work: Work) -> Value {
    let began = Instant::now();
    until(&format!("run {run} to end"), PATIENCE, || {
        let detail = world.run(run);
        assert!(began.elapsed() < PATIENCE / 2, "run {run} does not end: {detail:#}");
        if is_final(detail["run"]["status"].as_str().unwrap_or_default()) {
            return Some(detail);
        }
        for wait in detail["waits"].as_array().into_iter().flatten() {
            let employee = detail["input"]["employee_id"].as_str().unwrap_or_default();
            match (wait["step"].as_str(), work) {
                (Some("manager_says"), Work::Hire { approved }) => {
                    // Another look may have come just before.
                    world.decide(run, "manager_says", "people-managers", approved);
                }
                (Some("badge"), _) => world.emit("badge.issued", employee, &json!({ "number": "B-1" })),
                _ => {}
            }
        }
        None
    })
}
