//! Work as the outside world sends it: forms, signed webhooks, requests by hand.

use serde_json::{Value, json};

use crate::{Answer, Server, hmac_hex, now_s, standard_webhook};

/// The secrets that the examples' senders sign with.
const CRM_SECRET: &str = "crm-webhook-secret";
const HR_SECRET: &str = "hr-webhook-secret";
const BADGES_SECRET: &str = "badges-webhook-secret";

/// How work comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// A form: nobody signs.
    Form,
    /// The CRM: an HMAC over the body.
    Crm,
    /// As Standard Webhooks say, with this secret.
    Standard(&'static str),
    /// By hand, through the control API: nothing tells a repetition.
    Hand,
}

/// One piece of work.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The flow.
    pub flow: &'static str,
    /// What the sender knows it by, and a flow that dedupes too.
    pub id: String,
    /// How it comes in.
    pub door: Door,
    /// The payload.
    pub body: Value,
    /// Effects that it must have in the end, each with its business reference.
    pub effects: Vec<(&'static str, String)>,
}

impl Submission {
    /// A form of a lead that fits well.
    pub fn lead(id: &str) -> Self {
        let body = json!({
            "submission_id": id, "full_name": "Anna Lindner", "email": format!("anna.{id}@copper-freight.example"),
            "phone": "+44 20 7946 0018", "company": "", "title": "", "country": "GB", "message": "Please call.",
        });
        let reference = format!("lead-{id}");
        let effects = vec![("contact.created", reference.clone()), ("deal.created", reference)];
        Self { flow: "lead-intake", id: id.to_owned(), door: Door::Form, body, effects }
    }

    /// A deal that was won.
    pub fn deal(id: &str) -> Self {
        let body = json!({
            "event_id": format!("evt-{id}"), "event": "deal.updated", "occurred_at": "2026-11-21T08:30:00.000Z",
            "deal_id": id, "contact_id": "17", "stage": "closed_won", "amount": "12345.60", "currency": "eur",
        });
        let effects =
            vec![("invoice.created", format!("deal-{id}")), ("note.created", format!("deal-{id}-invoice"))];
        Self { flow: "closed-won-to-invoice", id: id.to_owned(), door: Door::Crm, body, effects }
    }

    /// Somebody who begins at once, once a manager agrees and the badge is there.
    pub fn hire(id: &str) -> Self {
        let effects = vec![
            ("account.created", format!("{id}-mail")),
            ("account.created", format!("{id}-wiki")),
            ("equipment.ordered", format!("{id}-equipment")),
            ("message.posted", format!("welcome-{id}")),
        ];
        let body = json!({ "employee_id": id, "start_date": "2026-01-15" });
        Self { flow: "new-hire", id: id.to_owned(), door: Door::Standard(HR_SECRET), body, effects }
    }

    /// The badge of somebody.
    pub fn badge(employee: &str) -> Self {
        let number = format!("B-{employee}");
        let body =
            json!({ "badge_number": number, "employee_id": employee, "issued_at": "2026-01-14T15:20:00Z" });
        let door = Door::Standard(BADGES_SECRET);
        Self { flow: "badge-issued", id: number, door, body, effects: Vec::new() }
    }

    /// A report over everything.
    pub fn report(id: &str) -> Self {
        let body = json!({ "since": "2026-01-01T00:00:00Z" });
        Self { flow: "nightly-report", id: id.to_owned(), door: Door::Hand, body, effects: Vec::new() }
    }

    /// A file of contacts, below the project's folder, that are saved.
    pub fn bulk(id: &str, file: &str, contacts: impl Iterator<Item = String>) -> Self {
        let mut effects = vec![("message.posted", format!("bulk-{id}"))];
        effects.extend(contacts.map(|contact| ("contact.created", format!("contact-{contact}"))));
        let body = json!({ "job": id, "file": file, "save": true });
        Self { flow: "bulk-enrich", id: id.to_owned(), door: Door::Hand, body, effects }
    }

    /// Sends it, signed as of now.
    pub fn send(&self, server: &Server) -> Answer {
        let body = self.body.to_string().into_bytes();
        let path = format!("/hooks/{}", self.flow);
        match self.door {
            Door::Form => server.hooks().post_bytes(&path, &body, &[]),
            Door::Crm => {
                let signature = format!("sha256={}", hmac_hex(CRM_SECRET, &body));
                server.hooks().post_bytes(&path, &body, &[("x-crm-signature", &signature)])
            }
            Door::Standard(secret) => {
                let headers = standard_webhook(secret, &format!("msg_{}", self.id), now_s(), &body);
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                server.hooks().post_bytes(&path, &body, &headers)
            }
            Door::Hand => {
                server.control().post("/v1/runs", &json!({ "flow": self.flow, "input": self.body }))
            }
        }
    }
}
