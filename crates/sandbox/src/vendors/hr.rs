use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::json;

use super::Vendor;
use crate::document::{Document, list};
use crate::exchange::{Call, Reply};
use crate::generate::{mix, number_of, person_at};
use crate::idempotency::{IdempotencyKeys, Once};
use crate::names::JOBS;
use crate::records::Records;
use crate::world::World;

const NAME: &str = "hr";
const FOUND_MAX: usize = 100;

/// Human resources: employees to read, accounts and equipment to order.
pub(super) struct Hr {
    seed: u64,
    keys: IdempotencyKeys,
    state: Mutex<State>,
}

struct State {
    accounts: Records,
    equipment: Records,
}

impl State {
    fn new() -> Self {
        Self {
            accounts: Records::new("acc_", 1, &["external_key"]),
            equipment: Records::new("eq_", 1, &["external_key"]),
        }
    }
}

#[derive(Clone, Copy)]
struct Kind {
    records: fn(&mut State) -> &mut Records,
    required: &'static [&'static str],
    status: &'static str,
    created: &'static str,
    deleted: &'static str,
}

const ACCOUNT: Kind = Kind {
    records: |state| &mut state.accounts,
    required: &["employee_id", "email"],
    status: "active",
    created: "account.created",
    deleted: "account.deleted",
};

const EQUIPMENT: Kind = Kind {
    records: |state| &mut state.equipment,
    required: &["employee_id"],
    status: "ordered",
    created: "equipment.ordered",
    deleted: "equipment.cancelled",
};

impl Vendor for Hr {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        if call.bearer() != Some("hr-key") {
            return self
                .problem(StatusCode::UNAUTHORIZED, "unauthenticated", "no valid bearer token was given")
                .with("www-authenticate", "Bearer")
                .at("unauthorised");
        }
        match (&call.method, call.path().as_slice()) {
            (&Method::GET, ["employees", id]) => self.employee(id).at("GET /employees/{id}"),
            (&Method::POST, ["accounts"]) => self.create(ACCOUNT, call, world).at("POST /accounts"),
            (&Method::GET, ["accounts"]) => self.find(ACCOUNT, call).at("GET /accounts"),
            (&Method::GET, ["accounts", id]) => self.get(ACCOUNT, id).at("GET /accounts/{id}"),
            (&Method::DELETE, ["accounts", id]) => {
                self.delete(ACCOUNT, id, call, world).at("DELETE /accounts/{id}")
            }
            (&Method::POST, ["equipment"]) => self.create(EQUIPMENT, call, world).at("POST /equipment"),
            (&Method::GET, ["equipment"]) => self.find(EQUIPMENT, call).at("GET /equipment"),
            (&Method::GET, ["equipment", id]) => self.get(EQUIPMENT, id).at("GET /equipment/{id}"),
            (&Method::DELETE, ["equipment", id]) => {
                self.delete(EQUIPMENT, id, call, world).at("DELETE /equipment/{id}")
            }
            _ => self.problem(StatusCode::NOT_FOUND, "not-found", "there is no such resource").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        let problem = json!({
            "type": format!("https://hr.example/problems/{}", code.to_ascii_lowercase()),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": message,
        });
        Reply::of(status, &problem).typed("application/problem+json")
    }

    fn reset(&self, _world: &World) {
        self.keys.reset();
        *self.state.lock() = State::new();
    }
}

impl Hr {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, keys: IdempotencyKeys::default(), state: Mutex::new(State::new()) }
    }

    fn not_found(&self, id: &str) -> Reply {
        self.problem(StatusCode::NOT_FOUND, "not-found", &format!("there is no {id}"))
    }

    fn employee(&self, id: &str) -> Reply {
        if id.starts_with("missing") {
            return self.not_found(id);
        }
        let n = number_of(id);
        let (seed, bits) = (self.seed ^ 0x6872, mix(self.seed, n));
        let (person, manager) = (person_at(seed, n), person_at(seed, bits % 50));
        let (title, seniority, department) = JOBS[(bits >> 16) as usize % JOBS.len()];
        let answer = json!({
            "id": id,
            "full_name": format!("{} {}", person.first_name, person.last_name),
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": format!("{}@corp.example", person.email.split('@').next().unwrap_or_default()),
            "title": title,
            "seniority": seniority,
            "department": department,
            "manager": {
                "id": (bits % 50).to_string(),
                "full_name": format!("{} {}", manager.first_name, manager.last_name),
                "email": format!("manager{}@corp.example", bits % 50),
            },
            "start_date": format!("2027-{:02}-{:02}", bits % 12 + 1, (bits >> 8) % 28 + 1),
            "country": person.country,
        });
        Reply::of(StatusCode::OK, &answer)
    }

    fn create(&self, kind: Kind, call: &Call, world: &World) -> Reply {
        match self.keys.once(call, world.tuning().max_records, || self.create_now(kind, call, world)) {
            Once::First(reply) => reply,
            Once::Replayed(reply) => {
                world.truth.replayed(NAME);
                reply
            }
            Once::OtherBody => self.problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "this Idempotency-Key was used with another body",
            ),
        }
    }

    fn create_now(&self, kind: Kind, call: &Call, world: &World) -> Reply {
        let mut object = match Document::parse(&call.body) {
            Ok(object) => object,
            Err(message) => return self.problem(StatusCode::BAD_REQUEST, "invalid", &message),
        };
        if let Some(field) = kind.required.iter().find(|field| object.text(field).is_none()) {
            return self.problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                &format!("`{field}` is missing"),
            );
        }
        let reference = object.business_ref();
        let mut state = self.state.lock();
        let records = (kind.records)(&mut state);
        let (id, _) = records.new_id();
        object.set("id", &id);
        object.set("status", kind.status);
        object.set("created_at", call.now.to_string());
        let body = object.to_bytes();
        records.put(&id, body.clone(), world.tuning().max_records, |name| object.text(name));
        drop(state);
        world.record(call, NAME, kind.created, reference.as_deref(), &id);
        Reply::created(body)
    }

    fn get(&self, kind: Kind, id: &str) -> Reply {
        let found = (kind.records)(&mut self.state.lock()).get(id);
        found.map_or_else(|| self.not_found(id), Reply::ok)
    }

    fn find(&self, kind: Kind, call: &Call) -> Reply {
        let Some(key) = call.query("external_key") else {
            return self.problem(StatusCode::BAD_REQUEST, "invalid", "give the query parameter external_key");
        };
        let found = (kind.records)(&mut self.state.lock()).find("external_key", &key, FOUND_MAX);
        Reply::ok(list("items", &found, ""))
    }

    fn delete(&self, kind: Kind, id: &str, call: &Call, world: &World) -> Reply {
        let removed = (kind.records)(&mut self.state.lock()).remove(id);
        let Some(object) = removed.and_then(|body| Document::parse(&body).ok()) else {
            return self.not_found(id);
        };
        world.record(call, NAME, kind.deleted, object.business_ref().as_deref(), id);
        Reply::no_content()
    }
}
