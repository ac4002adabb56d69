//! An ERP system that speaks SOAP: credentials in the header, faults with HTTP 500, one kind of fault with HTTP 200.

mod message;
mod orders;

use std::collections::HashSet;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{Method, StatusCode};
use parking_lot::Mutex;

use super::Vendor;
use crate::exchange::{Call, Reply};
use crate::generate::{mix, person_at};
use crate::world::World;

use message::{Element, envelope, escaped, fault, simple};
use orders::{Amount, Order, Orders};

const NAME: &str = "erp";
const USER: &str = "erp";
const PASSWORD: &str = "erp-secret";
const WSDL: &str = include_str!("../../published/erp.wsdl");
const XSD: &str = include_str!("../../published/erp.xsd");
/// Customers `C-1001` to so many after.
const CUSTOMERS: u64 = 200;
/// Nonces remembered: a digest must not come twice.
const NONCES_MAX: usize = 10_000;
/// What a customer may owe, in ten-thousandths.
const CREDIT: Amount = Amount::whole(50_000);

/// The system.
pub(super) struct Erp {
    seed: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    orders: Orders,
    nonces: HashSet<String>,
}

impl Vendor for Erp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        match (&call.method, call.path().as_slice()) {
            (&Method::GET, ["erp.wsdl" | "soap"]) => description(call).at("GET /erp.wsdl"),
            (&Method::GET, ["erp.xsd"]) => xml(StatusCode::OK, XSD.to_owned()).at("GET /erp.xsd"),
            (&Method::POST, ["soap"]) => self.message(call, world),
            _ => self.problem(StatusCode::NOT_FOUND, "Client", "there is no such resource").at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        let code = match code {
            "Client" | "Server" => code,
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => "Server",
            _ => "Client",
        };
        xml(status, fault(&format!("S:{code}"), message, ""))
    }

    fn reset(&self, _world: &World) {
        *self.state.lock() = State::default();
    }
}

impl Erp {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, state: Mutex::default() }
    }

    fn message(&self, call: &Call, world: &World) -> Reply {
        let Some(envelope) = message::read(&call.body).filter(|root| root.name == "Envelope") else {
            return failed("S:Client", "the message is no SOAP envelope", "").at("no envelope");
        };
        if let Err(why) = self.admit(&envelope, call) {
            return failed("wsse:FailedAuthentication", why, "").at("unauthorised");
        }
        let Some(request) = envelope.child("Body").and_then(|body| body.children.first()) else {
            return failed("S:Client", "the body is empty", "").at("no operation");
        };
        match request.name.as_str() {
            "GetCustomer" => self.customer(request).at("GetCustomer"),
            "GetBalance" => self.balance(request, call).at("GetBalance"),
            "CreateOrder" => self.create(request, call, world).at("CreateOrder"),
            "FindOrders" => self.find(request).at("FindOrders"),
            "CancelOrder" => self.cancel(request, call, world).at("CancelOrder"),
            other => failed("S:Client", &format!("there is no operation {other}"), "").at("no operation"),
        }
    }

    /// A user name token, with the password as text or as digest.
    fn admit(&self, envelope: &Element, call: &Call) -> Result<(), &'static str> {
        let security = envelope.child("Header").and_then(|header| header.child("Security"));
        let security = security.ok_or("there is no Security header")?;
        if let Some(expires) = security.child("Timestamp").and_then(|stamp| stamp.value("Expires")) {
            let until: jiff::Timestamp = expires.parse().map_err(|_| "the Timestamp is no time")?;
            if until.as_millisecond() < call.now.as_millis() {
                return Err("the message has expired");
            }
        }
        let token = security.child("UsernameToken").ok_or("there is no UsernameToken")?;
        let password = token.child("Password").ok_or("there is no password")?;
        let is_digest = password
            .attributes
            .iter()
            .any(|(name, value)| name == "Type" && value.ends_with("#PasswordDigest"));
        let proved = if is_digest {
            let nonce = token.value("Nonce").ok_or("a digest needs a nonce")?;
            let created = token.value("Created").ok_or("a digest needs a time")?;
            let mut text = BASE64_STANDARD.decode(nonce).map_err(|_| "the nonce is not Base64")?;
            text.extend_from_slice(created.as_bytes());
            text.extend_from_slice(PASSWORD.as_bytes());
            let mut state = self.state.lock();
            if state.nonces.len() >= NONCES_MAX {
                state.nonces.clear();
            }
            if !state.nonces.insert(nonce.to_owned()) {
                return Err("the nonce was used before");
            }
            password.text.trim() == BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text))
        } else {
            password.text == PASSWORD
        };
        if proved && token.value("Username") == Some(USER) {
            Ok(())
        } else {
            Err("unknown user or wrong password")
        }
    }

    fn customer(&self, request: &Element) -> Reply {
        let Some((number, n)) = known(request.value("number")) else {
            return unknown(request.value("number"));
        };
        let person = person_at(self.seed, n);
        let street = format!("{} High Street", 1 + mix(self.seed, n) % 200);
        let address = |of: &str, gate: &str| {
            format!(
                "<e:address{of}>{}{}{}{gate}</e:address>",
                simple("street", &street),
                simple("city", person.last_name),
                simple("country", person.country)
            )
        };
        let mut body = format!("<e:GetCustomerResponse><e:customer blocked=\"{}\">", n % 17 == 0);
        body += &simple("number", number);
        body += &simple("name", &person.company);
        body += "<e:creditLimit currency=\"EUR\">";
        body += &CREDIT.to_string();
        body += "</e:creditLimit>";
        body += &address("", "");
        if n % 2 == 0 {
            body += &address(" xsi:type=\"e:DeliveryAddress\"", &simple("gate", &(n % 9).to_string()));
        }
        body += &simple("since", &format!("20{:02}-0{}-15", 10 + n % 15, 1 + n % 9));
        body += if n % 3 == 0 { "<e:note>pays late</e:note>" } else { "<e:note xsi:nil=\"true\"/>" };
        body += "</e:customer></e:GetCustomerResponse>";
        xml(StatusCode::OK, envelope(&body))
    }

    fn balance(&self, request: &Element, call: &Call) -> Reply {
        // This one operation, written later than the others, sends its fault with 200.
        let Some((number, _)) = known(request.value("number")) else {
            let mut reply = unknown(request.value("number"));
            reply.status = StatusCode::OK;
            return reply;
        };
        let owed = self.state.lock().orders.owed(number);
        let amount = format!("<e:balance currency=\"EUR\">{owed}</e:balance>");
        let body = format!(
            "<e:GetBalanceResponse>{amount}{}</e:GetBalanceResponse>",
            simple("asOf", &call.now.to_string())
        );
        xml(StatusCode::OK, envelope(&body))
    }

    fn create(&self, request: &Element, call: &Call, world: &World) -> Reply {
        let given = request.child("order");
        let customer = given.and_then(|order| order.value("customer"));
        let Some((customer, _)) = known(customer) else { return unknown(customer) };
        let order = match given.map(|order| Order::read(order, customer)) {
            Some(Ok(order)) => order,
            Some(Err(why)) => return failed("S:Client", why, ""),
            None => return failed("S:Client", "there is no order", ""),
        };
        let mut state = self.state.lock();
        let requested = state.orders.owed(customer).plus(order.total);
        if requested > CREDIT {
            let detail = format!(
                "<e:CreditExceeded>{}{}</e:CreditExceeded>",
                simple("limit", &CREDIT.to_string()),
                simple("requested", &requested.to_string())
            );
            return failed("S:Client", "the order exceeds the customer's credit", &detail);
        }
        let reference = order.external_ref.clone();
        let (number, text) = state.orders.add(order, world.tuning().max_records as usize);
        drop(state);
        world.record(call, NAME, "order.created", Some(&reference), &number);
        answered("CreateOrder", &text)
    }

    fn find(&self, request: &Element) -> Reply {
        let found = self.state.lock().orders.find(request.value("externalRef"), request.value("customer"));
        answered("FindOrders", &found)
    }

    fn cancel(&self, request: &Element, call: &Call, world: &World) -> Reply {
        let number = request.value("number").unwrap_or_default();
        let cancelled = self.state.lock().orders.cancel(number);
        let Some((reference, text)) = cancelled else {
            let detail = format!("<e:OrderUnknown>{}</e:OrderUnknown>", simple("number", number));
            return failed("S:Client", "there is no open order of this number", &detail);
        };
        world.record(call, NAME, "order.cancelled", Some(&reference), number);
        answered("CancelOrder", &text)
    }
}

/// The description, with the address at which it was asked for.
fn description(call: &Call) -> Reply {
    let host = call
        .header("host")
        .filter(|host| host.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-[]".contains(&b)));
    xml(StatusCode::OK, host.map_or_else(|| WSDL.to_owned(), |host| WSDL.replace("127.0.0.1:7480", host)))
}

/// A customer's number, and the number in it, if there is such a customer.
fn known(number: Option<&str>) -> Option<(&str, u64)> {
    let number = number?;
    let n: u64 = number.strip_prefix("C-")?.parse().ok()?;
    (number.len() == 6 && (1001..=1000 + CUSTOMERS).contains(&n)).then_some((number, n))
}

fn unknown(number: Option<&str>) -> Reply {
    let number = number.unwrap_or_default();
    let detail = format!("<e:CustomerUnknown>{}</e:CustomerUnknown>", simple("number", number));
    failed("S:Client", &format!("there is no customer {}", escaped(number)), &detail)
}

fn answered(operation: &str, orders: &str) -> Reply {
    xml(StatusCode::OK, envelope(&format!("<e:{operation}Response>{orders}</e:{operation}Response>")))
}

/// SOAP 1.1 sends faults with 500, whoever is to blame.
fn failed(code: &str, reason: &str, detail: &str) -> Reply {
    xml(StatusCode::INTERNAL_SERVER_ERROR, fault(code, reason, detail))
}

fn xml(status: StatusCode, body: String) -> Reply {
    Reply::json(status, body).typed("text/xml; charset=utf-8")
}
