use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::json;
use sinew_stdx::{Random, Timestamp};

use super::Vendor;
use crate::document::{Document, list};
use crate::exchange::{Call, Reply};
use crate::generate::{mix, number_of, person_at, pick};
use crate::idempotency::{IdempotencyKeys, Once};
use crate::oauth::TokenIssuer;
use crate::records::Records;
use crate::world::World;

const NAME: &str = "crm";
/// Contacts that are there from the start.
const POPULATION: u64 = 1000;
const OWNERS: u64 = 12;
const FOUND_MAX: usize = 200;
/// 2026-01-01T00:00:00Z, from which generated objects date.
const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);
const STAGES: &[&str] = &["qualified", "proposal", "negotiation", "closed_won", "closed_lost"];
const CURRENCIES: &[&str] = &["eur", "usd", "gbp", "sek", "pln"];

/// A CRM: OAuth 2, cursor pages, idempotency keys, signed webhooks.
pub(super) struct Crm {
    seed: u64,
    tokens: TokenIssuer,
    keys: IdempotencyKeys,
    state: Mutex<State>,
}

struct State {
    contacts: Records,
    deals: Records,
    notes: Records,
}

impl State {
    fn new() -> Self {
        Self {
            contacts: Records::new("", 5_000_001, &["email", "external_key"]),
            deals: Records::new("", 7_000_001, &["external_key"]),
            notes: Records::new("note_", 1, &["external_key", "deal_id"]),
        }
    }
}

/// What contacts and deals have in common, so that both are handled in one place.
#[derive(Clone, Copy)]
struct Kind {
    created: &'static str,
    updated: &'static str,
    /// The field that webhooks carry the id in.
    webhook_id: &'static str,
    records: fn(&mut State) -> &mut Records,
    generated: fn(u64, &str) -> Bytes,
}

const CONTACT: Kind = Kind {
    created: "contact.created",
    updated: "contact.updated",
    webhook_id: "contact_id",
    records: |state| &mut state.contacts,
    generated: generated_contact,
};

const DEAL: Kind = Kind {
    created: "deal.created",
    updated: "deal.updated",
    webhook_id: "deal_id",
    records: |state| &mut state.deals,
    generated: generated_deal,
};

impl Vendor for Crm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        let path = call.path();
        if let (&Method::POST, ["oauth", "token"]) = (&call.method, path.as_slice()) {
            return self.tokens.issue(call, world.tuning().token_seconds).at("POST /oauth/token");
        }
        if let Err(refused) = self.tokens.check(call.bearer(), call.now) {
            return self
                .problem(StatusCode::UNAUTHORIZED, "INVALID_AUTHENTICATION", refused.message())
                .with("www-authenticate", refused.challenge(NAME))
                .at("unauthorised");
        }
        match (&call.method, path.as_slice()) {
            (&Method::GET, ["contacts", id]) => self.get(CONTACT, id, world).at("GET /contacts/{id}"),
            (&Method::GET, ["contacts"]) => self.list_contacts(call).at("GET /contacts"),
            (&Method::POST, ["contacts"]) => {
                self.keyed(call, world, || self.create_contact(call, world)).at("POST /contacts")
            }
            (&Method::PATCH, ["contacts", id]) => {
                self.keyed(call, world, || self.patch(CONTACT, id, call, world)).at("PATCH /contacts/{id}")
            }
            (&Method::GET, ["deals", id]) => self.get(DEAL, id, world).at("GET /deals/{id}"),
            (&Method::GET, ["deals"]) => self.find(call, DEAL.records, &["external_key"]).at("GET /deals"),
            (&Method::POST, ["deals"]) => {
                self.keyed(call, world, || self.create_deal(call, world)).at("POST /deals")
            }
            (&Method::PATCH, ["deals", id]) => {
                self.keyed(call, world, || self.patch(DEAL, id, call, world)).at("PATCH /deals/{id}")
            }
            (&Method::POST, ["deals", id, "notes"]) => self
                .keyed(call, world, || self.create_note(Some(id), call, world))
                .at("POST /deals/{id}/notes"),
            (&Method::POST, ["notes"]) => {
                self.keyed(call, world, || self.create_note(None, call, world)).at("POST /notes")
            }
            (&Method::GET, ["notes"]) => {
                self.find(call, |state| &mut state.notes, &["external_key", "deal_id"]).at("GET /notes")
            }
            (&Method::GET, ["users"]) => self.list_users(call).at("GET /users"),
            (&Method::GET, ["users", id]) => self.get_user(id).at("GET /users/{id}"),
            _ => self.problem(StatusCode::NOT_FOUND, "NO_ROUTE", "there is no such resource").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        Reply::of(status, &json!({ "status": "error", "category": code, "message": message }))
    }

    fn revoke_tokens(&self) -> bool {
        self.tokens.revoke_all();
        true
    }

    fn reset(&self, world: &World) {
        self.keys.reset();
        self.tokens.revoke_all();
        let mut fresh = State::new();
        for n in 1..=POPULATION {
            let id = n.to_string();
            let body = generated_contact(self.seed, &id);
            let email = person_at(self.seed, n).email;
            let index = |name: &str| (name == "email").then(|| email.clone());
            fresh.contacts.put(&id, body, world.tuning().max_records, index);
        }
        *self.state.lock() = fresh;
    }
}

impl Crm {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            tokens: TokenIssuer::new("sinew", "crm-secret"),
            keys: IdempotencyKeys::default(),
            state: Mutex::new(State::new()),
        }
    }

    fn keyed(&self, call: &Call, world: &World, perform: impl FnOnce() -> Reply) -> Reply {
        match self.keys.once(call, world.tuning().max_records, perform) {
            Once::First(reply) => reply,
            Once::Replayed(reply) => {
                world.truth.replayed(NAME);
                reply
            }
            Once::OtherBody => self.problem(
                StatusCode::UNPROCESSABLE_ENTITY,
                "IDEMPOTENCY_KEY_REUSED",
                "this Idempotency-Key was used with another body",
            ),
        }
    }

    fn invalid(&self, message: &str) -> Reply {
        self.problem(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    fn not_found(&self, id: &str) -> Reply {
        self.problem(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", &format!("there is no object {id}"))
    }

    fn stored_or_generated(&self, kind: Kind, id: &str, world: &World) -> Option<Bytes> {
        let stored = (kind.records)(&mut self.state.lock()).get(id);
        stored.or_else(|| {
            (world.tuning().autogenerate && !id.starts_with("missing"))
                .then(|| (kind.generated)(self.seed, id))
        })
    }

    fn get(&self, kind: Kind, id: &str, world: &World) -> Reply {
        self.stored_or_generated(kind, id, world).map_or_else(|| self.not_found(id), Reply::ok)
    }

    fn list_contacts(&self, call: &Call) -> Reply {
        if call.query("email").is_some() || call.query("external_key").is_some() {
            return self.find(call, CONTACT.records, &["email", "external_key"]);
        }
        let place = match call.query("cursor").as_deref().map(decode_cursor) {
            Some(None) => return self.invalid("the cursor is not one of ours"),
            given => given.flatten(),
        };
        let limit = call.query_limit("limit", 50, 200);
        let (page, next) = match call.query("since").as_deref().map(str::parse::<jiff::Timestamp>) {
            Some(Err(_)) => return self.invalid("`since` is not an RFC 3339 instant"),
            Some(Ok(since)) => {
                let all = self.state.lock().contacts.page(0, usize::MAX).0;
                changed_page(all, Timestamp::from_millis(since.as_millisecond()), place.as_deref(), limit)
            }
            None => {
                let after = match place.as_deref().map(str::parse) {
                    Some(Err(_)) => return self.invalid("the cursor is not one of ours"),
                    given => given.and_then(Result::ok).unwrap_or(0),
                };
                let (page, next) = self.state.lock().contacts.page(after, limit);
                (page, next.map(|seq| seq.to_string()))
            }
        };
        let cursor = next.map(|place| BASE64_URL_SAFE_NO_PAD.encode(format!("after:{place}")));
        Reply::ok(list("data", &page, &format!(",\"next_cursor\":{}", json!(cursor))))
    }

    /// Objects by the first of these query parameters that is given.
    fn find(&self, call: &Call, records: fn(&mut State) -> &mut Records, names: &[&str]) -> Reply {
        let Some((name, value)) = names.iter().find_map(|name| Some((name, call.query(name)?))) else {
            return self.invalid(&format!("give one of the query parameters {}", names.join(", ")));
        };
        let value = if *name == "email" { value.trim().to_lowercase() } else { value };
        let found = records(&mut self.state.lock()).find(name, &value, FOUND_MAX);
        Reply::ok(list("data", &found, ",\"next_cursor\":null"))
    }

    fn create_contact(&self, call: &Call, world: &World) -> Reply {
        let contact = match Document::parse(&call.body) {
            Ok(contact) => contact,
            Err(message) => return self.invalid(&message),
        };
        if contact.text("email").is_none_or(|email| !email.contains('@')) {
            return self.invalid("`email` is missing or not an e-mail address");
        }
        let existing = match call.query("upsert").as_deref() {
            None => None,
            Some(field @ ("email" | "external_key")) => {
                let value = contact.text(field).unwrap_or_default();
                let value = if field == "email" { value.trim().to_lowercase() } else { value };
                self.state.lock().contacts.find(field, &value, 1).pop()
            }
            Some(_) => return self.invalid("`upsert` is email or external_key"),
        };
        match existing.and_then(|body| Document::parse(&body).ok()?.text("id")) {
            Some(id) => self.change(CONTACT, &id, contact, call, world),
            None => self.create(CONTACT, contact, call, world),
        }
    }

    fn create_deal(&self, call: &Call, world: &World) -> Reply {
        let mut deal = match Document::parse(&call.body) {
            Ok(deal) => deal,
            Err(message) => return self.invalid(&message),
        };
        deal.set_default("stage", STAGES[0]);
        match deal.text("name") {
            Some(_) => self.create(DEAL, deal, call, world),
            None => self.invalid("`name` is missing"),
        }
    }

    fn create(&self, kind: Kind, mut object: Document, call: &Call, world: &World) -> Reply {
        let reference = object.business_ref();
        let mut state = self.state.lock();
        let records = (kind.records)(&mut state);
        let (id, _) = records.new_id();
        object.set("id", &id);
        object.set("created_at", call.now.to_string());
        object.set("updated_at", call.now.to_string());
        let body = object.to_bytes();
        records.put(&id, body.clone(), world.tuning().max_records, indexed(&object));
        drop(state);
        world.record(call, NAME, kind.created, reference.as_deref(), &id);
        object.set(kind.webhook_id, &id);
        world.webhooks.changed(kind.created, object, call.now);
        Reply::created(body)
    }

    fn patch(&self, kind: Kind, id: &str, call: &Call, world: &World) -> Reply {
        match Document::parse(&call.body) {
            Ok(changes) => self.change(kind, id, changes, call, world),
            Err(message) => self.invalid(&message),
        }
    }

    fn change(&self, kind: Kind, id: &str, changes: Document, call: &Call, world: &World) -> Reply {
        let known = self.stored_or_generated(kind, id, world).and_then(|body| Document::parse(&body).ok());
        let Some(mut object) = known else { return self.not_found(id) };
        object.merge(changes);
        object.set("id", id);
        object.set("updated_at", call.now.to_string());
        let body = object.to_bytes();
        let max = world.tuning().max_records;
        (kind.records)(&mut self.state.lock()).put(id, body.clone(), max, indexed(&object));
        world.record(call, NAME, kind.updated, None, id);
        object.set(kind.webhook_id, id);
        world.webhooks.changed(kind.updated, object, call.now);
        Reply::ok(body)
    }

    fn create_note(&self, deal_id: Option<&str>, call: &Call, world: &World) -> Reply {
        let mut note = match Document::parse(&call.body) {
            Ok(note) => note,
            Err(message) => return self.invalid(&message),
        };
        if let Some(deal_id) = deal_id {
            note.set("deal_id", deal_id);
        }
        if note.text("text").is_none() {
            return self.invalid("`text` is missing");
        }
        let reference = note.business_ref();
        let mut state = self.state.lock();
        let (id, _) = state.notes.new_id();
        note.set("id", &id);
        note.set("created_at", call.now.to_string());
        let body = note.to_bytes();
        state.notes.put(&id, body.clone(), world.tuning().max_records, indexed(&note));
        drop(state);
        world.record(call, NAME, "note.created", reference.as_deref(), &id);
        Reply::created(body)
    }

    fn list_users(&self, call: &Call) -> Reply {
        let role = call.query("role");
        let users: Vec<User> = (1..=OWNERS)
            .map(|n| user(self.seed, n))
            .filter(|user| role.as_deref().is_none_or(|role| role == user.role))
            .collect();
        Reply::of(StatusCode::OK, &json!({ "data": users, "next_cursor": null }))
    }

    fn get_user(&self, id: &str) -> Reply {
        let number = id.strip_prefix("u_").and_then(|n| n.parse().ok()).filter(|n| (1..=OWNERS).contains(n));
        number.map_or_else(|| self.not_found(id), |n| Reply::of(StatusCode::OK, &user(self.seed, n)))
    }
}

/// The values of the fields that CRM objects are found by.
fn indexed(object: &Document) -> impl Fn(&str) -> Option<String> {
    move |name| {
        let value = object.text(name)?;
        Some(if name == "email" { value.trim().to_lowercase() } else { value })
    }
}

/// Objects that were changed at or after an instant, oldest change first, behind a place; and the place where the page ends
/// if there are more. The place is a change and not a number, so that what changes meanwhile moves nothing past the reader.
fn changed_page(
    all: Vec<Bytes>,
    since: Timestamp,
    behind: Option<&str>,
    limit: usize,
) -> (Vec<Bytes>, Option<String>) {
    let placed = |body: Bytes| {
        let object = Document::parse(&body).ok()?;
        let at: jiff::Timestamp = object.text("updated_at")?.parse().ok()?;
        let place = format!("{:016}:{}", at.as_millisecond(), object.text("id")?);
        (at.as_millisecond() >= since.as_millis() && behind.is_none_or(|behind| *place > *behind))
            .then_some((place, body))
    };
    let mut changed: Vec<(String, Bytes)> = all.into_iter().filter_map(placed).collect();
    changed.sort_by(|one, other| one.0.cmp(&other.0));
    let more = changed.len() > limit;
    changed.truncate(limit);
    let end = changed.last().filter(|_| more).map(|(place, _)| place.clone());
    (changed.into_iter().map(|(_, body)| body).collect(), end)
}

fn decode_cursor(cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    Some(text.strip_prefix("after:")?.to_owned())
}

#[derive(Serialize)]
struct User {
    id: String,
    name: String,
    email: String,
    role: &'static str,
    region: &'static str,
}

fn user(seed: u64, n: u64) -> User {
    let person = person_at(seed ^ 0x6F77_6E65, n);
    User {
        id: format!("u_{n}"),
        name: format!("{} {}", person.first_name, person.last_name),
        email: format!("owner{n}@sales.example"),
        role: ["senior", "account_executive", "development"][(n % 3) as usize],
        region: ["emea", "amer", "apac"][(n / 3 % 3) as usize],
    }
}

#[derive(Serialize)]
struct GeneratedContact<'a> {
    id: &'a str,
    client_name: String,
    first_name: &'a str,
    last_name: &'a str,
    email: &'a str,
    phone: &'a str,
    title: &'a str,
    company: &'a str,
    country: &'a str,
    owner_id: String,
    account_number: u64,
    updated_at: String,
}

/// The contact that any id stands for, about 375 bytes.
fn generated_contact(seed: u64, id: &str) -> Bytes {
    let n = number_of(id);
    let person = person_at(seed, n);
    let bits = mix(seed, n);
    let contact = GeneratedContact {
        id,
        client_name: format!("{} {}", person.first_name, person.last_name),
        first_name: person.first_name,
        last_name: person.last_name,
        email: &person.email,
        phone: &person.phone,
        title: person.title,
        company: &person.company,
        country: person.country,
        owner_id: format!("u_{}", bits % OWNERS + 1),
        // Odd and beyond 2^53: a double cannot hold it.
        account_number: 9_007_199_254_740_993 + 2 * n,
        updated_at: dated(bits, 0),
    };
    serde_json::to_vec(&contact).unwrap_or_default().into()
}

#[derive(Serialize)]
struct GeneratedDeal<'a> {
    id: &'a str,
    name: String,
    stage: &'a str,
    amount: String,
    currency: &'a str,
    contact_id: String,
    owner_id: String,
    created_at: String,
    updated_at: String,
}

fn deal_of(seed: u64, id: &str) -> GeneratedDeal<'_> {
    let n = number_of(id);
    let mut random = Random::seeded(mix(seed ^ 0x6465_616C, n));
    let contact = random.below(POPULATION) + 1;
    let bits = random.next_u64();
    GeneratedDeal {
        id,
        name: format!("{} #{n}", person_at(seed, contact).company),
        stage: pick::<&str>(&mut random, STAGES),
        amount: format!("{}.{:02}", random.below(90_000) + 500, random.below(100)),
        currency: pick::<&str>(&mut random, CURRENCIES),
        contact_id: contact.to_string(),
        owner_id: format!("u_{}", random.below(OWNERS) + 1),
        created_at: dated(bits, 0),
        updated_at: dated(bits, 1),
    }
}

/// The deal that any id stands for.
fn generated_deal(seed: u64, id: &str) -> Bytes {
    serde_json::to_vec(&deal_of(seed, id)).unwrap_or_default().into()
}

fn dated(bits: u64, later_days: u64) -> String {
    EPOCH.plus(Duration::from_secs(bits % 25_000_000 + later_days * 86_400)).to_string()
}

/// The data of webhook event `n` where control gave none: a won deal, or a contact.
pub(crate) fn generated_event(seed: u64, event: &str, n: u64) -> Bytes {
    let id = n.to_string();
    if event.starts_with("contact") {
        let mut contact = Document::parse(&generated_contact(seed, &id)).unwrap_or_default();
        contact.set("contact_id", &id);
        return contact.to_bytes();
    }
    let deal = GeneratedDeal { stage: "closed_won", ..deal_of(seed, &id) };
    let mut deal = Document::parse(&serde_json::to_vec(&deal).unwrap_or_default()).unwrap_or_default();
    deal.set("deal_id", &id);
    deal.to_bytes()
}
