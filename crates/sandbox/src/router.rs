use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::Value;

use crate::body::AnswerBody;
use crate::exchange::{Call, Reply};
use crate::faults::{FaultBoard, Instead, RetryAfter, Spoil, Verdict};
use crate::live::Live;
use crate::vendors::Vendor;
use crate::world::World;

/// The connection ends without an answer, on purpose.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the connection was closed on purpose")]
pub(crate) struct Hangup {
    /// By RST rather than by FIN.
    pub(crate) reset: bool,
}

/// A vendor and its faults.
pub(crate) struct Door {
    pub(crate) vendor: Box<dyn Vendor>,
    pub(crate) faults: FaultBoard,
}

/// All vendors, and the world they share.
pub(crate) struct Router {
    pub(crate) world: World,
    pub(crate) doors: Vec<Door>,
}

impl Router {
    pub(crate) fn new(world: World, vendors: Vec<Box<dyn Vendor>>) -> Self {
        for vendor in &vendors {
            vendor.reset(&world);
        }
        let doors =
            vendors.into_iter().map(|vendor| Door { vendor, faults: FaultBoard::default() }).collect();
        Self { world, doors }
    }

    pub(crate) fn door(&self, name: &str) -> Option<&Door> {
        self.doors.iter().find(|door| door.vendor.name() == name)
    }

    /// State, truth, faults, statistics and options as at the start.
    pub(crate) fn reset(&self) {
        self.world.reset();
        for door in &self.doors {
            door.faults.reset();
            door.vendor.reset(&self.world);
        }
    }

    /// A request to a vendor: faults before, the vendor, faults after, the wire.
    pub(crate) async fn visit(&self, door: &Door, call: &Call) -> Result<Response<AnswerBody>, Hangup> {
        let vendor = door.vendor.as_ref();
        let verdict = door.faults.judge(call);
        let outcome = match &verdict {
            None => Ok(vendor.answer(call, &self.world)),
            Some(verdict) => self.suffer(vendor, call, verdict).await,
        };
        let reply = match outcome {
            Ok(reply) => reply,
            Err(hangup) => {
                self.world.stats.count(vendor.name(), "faults", None);
                return Err(hangup);
            }
        };
        if !reply.delay.is_zero() {
            tokio::time::sleep(reply.delay).await;
        }
        self.world.stats.count(vendor.name(), reply.route, Some(reply.status.as_u16()));
        Ok(match verdict {
            None => on_the_wire(reply, AnswerBody::Whole),
            Some(verdict) => spoilt(reply, verdict.spoils),
        })
    }

    async fn suffer(&self, vendor: &dyn Vendor, call: &Call, verdict: &Verdict) -> Result<Reply, Hangup> {
        if !verdict.wait.is_zero() {
            tokio::time::sleep(verdict.wait).await;
        }
        if let Some(instead) = &verdict.before {
            return self.replaced(vendor, call, instead);
        }
        let reply = vendor.answer(call, &self.world);
        match &verdict.after {
            Some(instead) => self.replaced(vendor, call, instead),
            None => Ok(reply),
        }
    }

    fn replaced(&self, vendor: &dyn Vendor, call: &Call, instead: &Instead) -> Result<Reply, Hangup> {
        let reply = match instead {
            Instead::Close { reset } => return Err(Hangup { reset: *reset }),
            Instead::Status { status, retry_after } => {
                let message = status.canonical_reason().unwrap_or("Error");
                let code = message.to_ascii_uppercase().replace(' ', "_");
                let reply = vendor.problem(*status, &code, message);
                match retry_after {
                    Some(retry_after) => reply.with("retry-after", self.retry_after_text(*retry_after)),
                    None => reply,
                }
            }
            Instead::Html { status } => {
                let reason = status.canonical_reason().unwrap_or("Error");
                let page = format!(
                    "<html>\r\n<head><title>{0} {reason}</title></head>\r\n<body>\r\n<center><h1>{0} {reason}</h1></center>\r\n\
                     <hr><center>edge-proxy</center>\r\n</body>\r\n</html>\r\n",
                    status.as_u16()
                );
                Reply::json(*status, page).typed("text/html")
            }
            Instead::Refuse { status, code, message } => vendor.problem(*status, code, message),
            Instead::RevokedToken => {
                if vendor.revoke_tokens() {
                    return Ok(vendor.answer(call, &self.world));
                }
                vendor.problem(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "the credential was revoked")
            }
        };
        Ok(reply.at("faults"))
    }

    fn retry_after_text(&self, retry_after: RetryAfter) -> String {
        if !retry_after.as_date {
            return retry_after.seconds.to_string();
        }
        let at_s = self.world.clock.now().as_millis() / 1000 + i64::from(retry_after.seconds);
        jiff::Timestamp::from_second(at_s)
            .and_then(|at| jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at))
            .unwrap_or_else(|_| retry_after.seconds.to_string())
    }
}

/// Puts a reply on the wire with the body that `body` makes of its bytes.
pub(crate) fn on_the_wire(
    reply: Reply,
    body: impl FnOnce(bytes::Bytes) -> AnswerBody,
) -> Response<AnswerBody> {
    let mut response = Response::new(match &reply.live {
        Some(Live::Feed(listener)) => listener.clone().body(),
        Some(Live::Socket(_)) => AnswerBody::Whole(bytes::Bytes::new()),
        None => body(reply.body),
    });
    *response.status_mut() = reply.status;
    if let Some(Live::Socket(listener)) = reply.live {
        response.extensions_mut().insert(listener);
    }
    let headers = response.headers_mut();
    if !matches!(reply.status, StatusCode::NO_CONTENT | StatusCode::SWITCHING_PROTOCOLS) {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    }
    for (name, value) in reply.headers {
        headers.append(name, value);
    }
    response
}

fn spoilt(mut reply: Reply, spoils: Vec<Spoil>) -> Response<AnswerBody> {
    let mut wire = None;
    for spoil in spoils {
        match spoil {
            Spoil::Malformed => reply.body = malformed(&reply.body),
            Spoil::Renamed { from, to } => reply.body = edited(&reply.body, &from, Some(&to)),
            Spoil::Removed { field } => reply.body = edited(&reply.body, &field, None),
            Spoil::Truncated | Spoil::Slow { .. } | Spoil::Oversized { .. } => wire = Some(spoil),
        }
    }
    on_the_wire(reply, |bytes| match wire {
        Some(Spoil::Truncated) => AnswerBody::truncated(&bytes),
        Some(Spoil::Slow { over }) => AnswerBody::slow(bytes, over),
        Some(Spoil::Oversized { bytes }) => AnswerBody::padded(bytes),
        _ => AnswerBody::Whole(bytes),
    })
}

/// Breaks a JSON text in the way of a template that failed half-way.
fn malformed(body: &[u8]) -> bytes::Bytes {
    let mut broken = body[..body.len() / 2].to_vec();
    broken.extend_from_slice(b"\"<!-- error: undefined -->");
    broken.into()
}

/// Renames a field at every depth, or removes it.
fn edited(body: &bytes::Bytes, from: &str, to: Option<&str>) -> bytes::Bytes {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.clone() };
    edit(&mut value, from, to);
    serde_json::to_vec(&value).map_or_else(|_| body.clone(), Into::into)
}

fn edit(value: &mut Value, from: &str, to: Option<&str>) {
    match value {
        Value::Object(members) => {
            if let Some(moved) = members.remove(from)
                && let Some(to) = to
            {
                members.insert(to.to_owned(), moved);
            }
            members.values_mut().for_each(|member| edit(member, from, to));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| edit(item, from, to)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A router that connections share.
pub(crate) type SharedRouter = Arc<Router>;
