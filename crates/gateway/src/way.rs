//! A request's way: every policy, in the order in which it is applied. Each is a function of the request and the table.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sinew_diag::codes::gateway as codes;
use sinew_gateway_core::http1::{
    Field, Framing, Known, Method, PathError, RequestHead, Target as Aimed, normal_path,
};
use sinew_gateway_core::pace::{Meter, Pace, Passage};
use sinew_gateway_core::routes::{Captures, Found, Lookup, Query};
use sinew_model::{Admission, Trace};

use crate::answer::Refusal;
use crate::table::{ConsumerEntry, KeyEntry, Limit, RouteEntry, Table};

/// A request, as its way sees it.
pub(crate) struct Asked<'a> {
    pub(crate) head: &'a RequestHead,
    /// What the head's spans are of.
    pub(crate) bytes: &'a [u8],
    pub(crate) aim: Aim<'a>,
}

/// What a request is allowed, and what is known of it whether it is or not.
#[derive(Default)]
pub(crate) struct Admitted {
    pub(crate) route: Option<u32>,
    pub(crate) caller: Option<KeyEntry>,
    /// What the caller's rate leaves, for the answer's head.
    pub(crate) told: Option<Told>,
    /// Held while the request is under way.
    pub(crate) place: Option<Place>,
}

/// What is left of a rate.
pub(crate) struct Told {
    name: Arc<str>,
    pace: Pace,
    passage: Passage,
}

/// One of the requests that a consumer may have under way.
pub(crate) struct Place(Arc<AtomicU32>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The policies, one after the other. `admitted` tells how far it came.
pub(crate) fn admit(
    table: &Table,
    asked: &Asked<'_>,
    now_ns: u64,
    admitted: &mut Admitted,
) -> Result<(), Refusal> {
    let route = find(table, asked, admitted)?;
    let consumer = identify(table, route, asked, admitted)?;
    authorise(route, consumer)?;
    pace(route, consumer, now_ns, admitted)?;
    make_place(consumer, admitted)?;
    check_length(route, asked)
}

/// What a request is for.
pub(crate) struct Aim<'a> {
    /// In its normal form.
    pub(crate) path: &'a [u8],
    pub(crate) query: Option<&'a [u8]>,
    pub(crate) host: &'a [u8],
}

/// Reads what a request is for.
pub(crate) fn aim<'a>(
    head: &RequestHead,
    bytes: &'a [u8],
    normal: &'a mut Vec<u8>,
) -> Result<Aim<'a>, Refusal> {
    let aimed = Aimed::parse(head.method, head.target.of(bytes)).map_err(Refusal::of_head)?;
    let named = head.host.map_or(&b""[..], |host| host.of(bytes));
    let (path, query, host): (&[u8], _, _) = match aimed {
        Aimed::Origin { path, query } => (path, query, named),
        Aimed::Absolute { authority, path: [], query, .. } => (b"/", query, authority.host),
        Aimed::Absolute { authority, path, query, .. } => (path, query, authority.host),
        Aimed::Asterisk => (b"*", None, named),
        Aimed::Authority(_) => {
            return Err(Refusal::new(501, codes::UNSUPPORTED, "the gateway opens no tunnels (CONNECT)"));
        }
    };
    normal.clear();
    let changed = path != b"*" && normal_path(path, normal).map_err(bad_path)?;
    Ok(Aim { path: if changed { normal.as_slice() } else { path }, query, host })
}

fn bad_path(error: PathError) -> Refusal {
    Refusal::new(400, codes::MALFORMED, error.to_string())
}

/// 1. The route.
fn find<'t>(table: &'t Table, asked: &Asked<'_>, admitted: &mut Admitted) -> Result<&'t RouteEntry, Refusal> {
    let query = Query {
        host: asked.aim.host,
        path: asked.aim.path,
        method: asked.head.method_text.of(asked.bytes),
        headers: asked,
        query: asked.aim.query.unwrap_or_default(),
    };
    match table.paths.find(&query, &mut Captures::new()) {
        Found::Route(number) => {
            admitted.route = Some(number);
            let missing = || Refusal::new(500, codes::BROKEN, "the route has no entry");
            table.routes.get(number as usize).ok_or_else(missing)
        }
        Found::MethodNotAllowed(methods) => {
            let allowed = methods.names().collect::<Vec<_>>().join(", ");
            let detail = format!("this path takes {allowed}");
            Err(Refusal::new(405, codes::METHOD_NOT_ALLOWED, detail).field("Allow", &allowed))
        }
        Found::NotFound => {
            Err(Refusal::new(404, codes::NO_ROUTE, "no API has a route for this host and path"))
        }
    }
}

impl Lookup for Asked<'_> {
    fn any(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let is_it = |field: &&Field| field.name.of(self.bytes).eq_ignore_ascii_case(name.as_bytes());
        self.head.fields.iter().filter(is_it).any(|field| holds(field.value.of(self.bytes)))
    }
}

/// 2. Who it is.
fn identify<'t>(
    table: &'t Table,
    route: &RouteEntry,
    asked: &Asked<'_>,
    admitted: &mut Admitted,
) -> Result<Option<&'t ConsumerEntry>, Refusal> {
    let mut shown = false;
    for admission in &route.admits {
        let Admission::ApiKey { header } = admission else { continue };
        let Some(key) = asked.key(header) else { continue };
        shown = true;
        if let Some(entry) = table.keys.get(&table.pepper.hash(key)) {
            admitted.caller = Some(*entry);
            return Ok(table.consumers.get(entry.consumer as usize));
        }
    }
    if route.admits.contains(&Admission::Anybody) {
        return Ok(None);
    }
    let refusal = if shown {
        Refusal::new(401, codes::CREDENTIAL_REFUSED, "nobody has this API key")
    } else {
        Refusal::new(401, codes::NO_CREDENTIAL, "the request holds no credential that this route takes")
    };
    Err(route.admits.iter().fold(refusal, |refusal, admission| match admission {
        Admission::ApiKey { header } if &**header == "authorization" => {
            refusal.field("WWW-Authenticate", "Bearer")
        }
        Admission::ApiKey { header } => {
            refusal.field("WWW-Authenticate", &format!("ApiKey header=\"{header}\""))
        }
        Admission::Anybody => refusal,
    }))
}

impl Asked<'_> {
    /// What a header holds as a key. A header that stands twice holds none.
    fn key(&self, header: &str) -> Option<&[u8]> {
        let known = Known::of(header.as_bytes());
        let is_it = |field: &&Field| {
            field.known == known
                && (known != Known::Other
                    || field.name.of(self.bytes).eq_ignore_ascii_case(header.as_bytes()))
        };
        let mut all = self.head.fields.iter().filter(is_it);
        let value = all.next()?.value.of(self.bytes);
        if all.next().is_some() {
            return None;
        }
        if known != Known::Authorization {
            return Some(value);
        }
        let (scheme, key) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
    }
}

/// 3. Whether it may call this.
fn authorise(route: &RouteEntry, consumer: Option<&ConsumerEntry>) -> Result<(), Refusal> {
    let Some(consumer) = consumer else { return Ok(()) };
    if consumer.apis.as_ref().is_some_and(|apis| !apis.contains(&route.api)) {
        let detail = format!("the plan `{}` does not cover the API `{}`", consumer.plan, route.api_name);
        return Err(Refusal::new(403, codes::NOT_ALLOWED, detail));
    }
    if !consumer.scopes.covers(&route.scopes) {
        let detail = format!("this takes the scopes `{}`", route.scope_names.join(" "));
        let scopes =
            format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", route.scope_names.join(" "));
        return Err(Refusal::new(403, codes::NOT_ALLOWED, detail).field("WWW-Authenticate", &scopes));
    }
    Ok(())
}

/// 4. How often.
fn pace(
    route: &RouteEntry,
    consumer: Option<&ConsumerEntry>,
    now_ns: u64,
    admitted: &mut Admitted,
) -> Result<(), Refusal> {
    let take = |limit: &Limit| {
        let meter: &Meter = &limit.meter;
        Told { name: Arc::clone(&limit.name), pace: limit.pace, passage: meter.take(&limit.pace, now_ns) }
    };
    let limits = [consumer.and_then(|consumer| consumer.limit.as_ref()), route.limit.as_ref()];
    for limit in limits.into_iter().flatten() {
        let told = take(limit);
        let held = match told.passage {
            Passage::Held { next_in, .. } => Some(next_in),
            Passage::Open { .. } => None,
        };
        if held.is_some() || admitted.told.is_none() {
            admitted.told = Some(told);
        }
        if let Some(next_in) = held {
            let seconds = next_in.as_nanos().div_ceil(1_000_000_000).max(1);
            let detail =
                format!("the rate `{}` is used up; the next request passes in {seconds} s", limit.name);
            let refusal = Refusal::new(429, codes::TOO_OFTEN, detail);
            return Err(refusal.field("Retry-After", &seconds.to_string()));
        }
    }
    Ok(())
}

/// 5. How many at once.
fn make_place(consumer: Option<&ConsumerEntry>, admitted: &mut Admitted) -> Result<(), Refusal> {
    let Some((consumer, max)) = consumer.and_then(|consumer| consumer.concurrency.map(|max| (consumer, max)))
    else {
        return Ok(());
    };
    if consumer.under_way.fetch_add(1, Ordering::Relaxed) >= max.get() {
        consumer.under_way.fetch_sub(1, Ordering::Relaxed);
        let detail = format!("{max} requests are under way, as many as the plan `{}` allows", consumer.plan);
        return Err(Refusal::new(429, codes::TOO_MANY_AT_ONCE, detail).field("Retry-After", "1"));
    }
    admitted.place = Some(Place(Arc::clone(&consumer.under_way)));
    Ok(())
}

/// 6. How much, as far as the head tells.
fn check_length(route: &RouteEntry, asked: &Asked<'_>) -> Result<(), Refusal> {
    match asked.head.body {
        Framing::Length(length) if length > route.body_max => Err(body_too_large(route.body_max)),
        _ => Ok(()),
    }
}

pub(crate) fn body_too_large(max: u64) -> Refusal {
    Refusal::new(413, codes::BODY_TOO_LARGE, format!("the route takes bodies of {max} bytes at most"))
}

impl Told {
    /// The lines that tell it (draft-ietf-httpapi-ratelimit-headers-10).
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let (left, whole_in) = match self.passage {
            Passage::Open { left, whole_in } => (left, whole_in),
            Passage::Held { whole_in, .. } => (0, whole_in),
        };
        let mut text = String::with_capacity(96);
        let seconds = |span: std::time::Duration| span.as_nanos().div_ceil(1_000_000_000);
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "RateLimit-Policy: \"{0}\";q={1};w={2}\r\nRateLimit: \"{0}\";r={left};t={3}\r\n",
            self.name,
            self.pace.burst(),
            seconds(self.pace.window()),
            seconds(whole_in)
        );
        out.extend_from_slice(text.as_bytes());
    }
}

/// The trace that a request belongs to: its own, or a new one.
pub(crate) fn trace(head: &RequestHead, bytes: &[u8], mut chance: impl FnMut() -> u64) -> Trace {
    let given = head.fields.iter().find(|field| field.known == Known::Traceparent);
    let given = given.and_then(|field| Trace::parse(std::str::from_utf8(field.value.of(bytes)).ok()?));
    let span_id = chance().max(1);
    if let Some(given) = given {
        return given.child(span_id);
    }
    let trace_id = (u128::from(chance()) << 64 | u128::from(chance())).max(1);
    Trace { trace_id, span_id, sampled: false }
}

/// Whether a request may be sent again though nobody knows what became of it (RFC 9110, section 9.2.2).
pub(crate) fn is_idempotent(method: Method) -> bool {
    matches!(
        method,
        Method::Get | Method::Head | Method::Put | Method::Delete | Method::Options | Method::Trace
    )
}
