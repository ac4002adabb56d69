//! A caller's connection: one request after the other, each on its way.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use sinew_diag::codes::gateway as codes;
use sinew_gateway_core::http1::{Framing, Known, Method, Progress, Version};
use sinew_model::{Admission, Trace};

use crate::answer::{Refusal, reason};
use crate::forward::{Forwarded, Job, forward};
use crate::guard::Guard;
use crate::heads::{Back, write_back, write_number, write_status};
use crate::record::{AccessRecord, PathText, Verdict};
use crate::stream::{Buffer, Stream};
use crate::table::{RouteEntry, Target};
use crate::transfer::Transfer;
use crate::way::{self, Admitted, Aim, Asked};
use crate::worker::{Kit, View, Worker};

/// How long a connection may be unused.
const IDLE: Duration = Duration::from_secs(75);
/// How long a head may take from its first byte on.
const HEAD: Duration = Duration::from_secs(10);
/// How long an answer may take to be written, each time that some of it is.
pub(crate) const WRITE: Duration = Duration::from_secs(30);
/// What a caller may still send after it was refused: it is read, so that it sees the answer, and thrown away.
const LINGER_BYTES_MAX: usize = 256 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// A caller's end of a connection.
pub(crate) struct Client {
    pub(crate) stream: Stream,
    pub(crate) guard: Rc<Guard>,
    pub(crate) peer: SocketAddr,
    peer_text: Box<str>,
}

/// Nobody is there any more, or too slow.
#[derive(Debug)]
pub(crate) struct Gone;

/// How a head came.
enum Came {
    Whole,
    /// The connection ended between two requests.
    Ended,
    Refused(Refusal),
}

/// What became of a request.
struct Done {
    status: u16,
    verdict: Verdict,
    bytes_out: u64,
    bytes_in: u64,
    forwarded: Option<Forwarded>,
    /// Whether another request may follow.
    goes_on: bool,
}

/// Serves a connection to its end.
pub(crate) async fn serve(worker: Rc<Worker>, stream: Stream, peer: SocketAddr) {
    let _counted = Counted::new(Rc::clone(&worker));
    let guard = worker.guards.add(Instant::now() + IDLE);
    let mut client = Client { stream, guard, peer, peer_text: peer.ip().to_canonical().to_string().into() };
    while client.readable().await.is_ok() {
        // Only a connection with something to read has buffers.
        let mut kit = worker.lend();
        let goes_on = client.requests(&worker, &mut kit).await;
        if goes_on.is_break() {
            client.linger(&mut kit.input).await;
        }
        worker.take_back(kit);
        if goes_on.is_break() || worker.is_closing.get() {
            break;
        }
        client.guard.set(Instant::now() + IDLE);
        client.guard.idle(true);
    }
}

/// One of the worker's connections, however it ends.
struct Counted(Rc<Worker>);

impl Counted {
    fn new(worker: Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(worker)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
    }
}

impl Client {
    /// The caller's address as text.
    pub(crate) fn peer_text(&self) -> &str {
        &self.peer_text
    }

    async fn readable(&mut self) -> Result<(), Gone> {
        poll_fn(|cx| match self.guard.poll(cx) {
            Poll::Ready(_) => Poll::Ready(Err(Gone)),
            Poll::Pending => self.stream.poll_readable(cx).map_err(|_| Gone),
        })
        .await
    }

    /// Takes requests as long as there are bytes of one.
    async fn requests(&mut self, worker: &Rc<Worker>, kit: &mut Kit) -> ControlFlow<()> {
        loop {
            self.guard.set(Instant::now() + HEAD);
            let came = self.head(worker, kit).await;
            self.guard.idle(false);
            let begun = Instant::now();
            match came {
                Came::Ended => return ControlFlow::Break(()),
                Came::Refused(refusal) => {
                    self.refuse_head(worker, kit, &refusal, begun).await;
                    return ControlFlow::Break(());
                }
                Came::Whole => self.request(worker, kit, begun).await?,
            }
            if kit.input.is_empty() {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Reads a head.
    async fn head(&mut self, worker: &Worker, kit: &mut Kit) -> Came {
        let Kit { input, request, .. } = kit;
        loop {
            if !input.is_empty() {
                match request.parse(input.unused(), &worker.limits) {
                    Ok(Progress::Whole) => return Came::Whole,
                    Ok(Progress::More) => {}
                    Err(error) => return Came::Refused(Refusal::of_head(error)),
                }
            }
            match self.fill(input).await {
                Ok(0) | Err(Gone) if input.is_empty() => return Came::Ended,
                Ok(0) => return Came::Ended,
                Ok(_) => {}
                Err(Gone) => {
                    let detail = "the head of the request did not come in time";
                    return Came::Refused(Refusal::new(408, codes::TOO_SLOW, detail));
                }
            }
        }
    }

    async fn fill(&mut self, input: &mut Buffer) -> Result<usize, Gone> {
        poll_fn(|cx| match self.guard.poll(cx) {
            Poll::Ready(_) => Poll::Ready(Err(Gone)),
            Poll::Pending => input.poll_fill(&mut self.stream, cx).map_err(|_| Gone),
        })
        .await
    }

    /// Takes one request on its way.
    async fn request(&mut self, worker: &Rc<Worker>, kit: &mut Kit, begun: Instant) -> ControlFlow<()> {
        let view = worker.view();
        let at = SystemTime::now();
        let bytes = kit.input.unused();
        let trace = way::trace(&kit.request, bytes, || worker.chance());
        let (mut admitted, mut path) = (Admitted::default(), PathText::new(b""));
        let aimed = way::aim(&kit.request, bytes, &mut kit.normal);
        let may = aimed.and_then(|aim| {
            path = PathText::new(aim.path);
            let asked = Asked { head: &kit.request, bytes, aim };
            let now_ns = begun.duration_since(worker.begun).as_nanos() as u64;
            way::admit(&view.table, &asked, now_ns, &mut admitted)?;
            write_target(&mut kit.target, route(&view, &admitted), &asked.aim);
            Ok(())
        });
        let method = kit.request.method;
        let done = match may {
            Err(refusal) => self.refuse(worker, kit, &admitted, trace, &refusal).await,
            Ok(()) => self.go(worker, &view, kit, &admitted, trace, begun).await,
        };
        let forwarded = done.forwarded.as_ref();
        worker.recorder.borrow_mut().put(
            AccessRecord {
                at,
                route: admitted.route,
                consumer: admitted.caller.map(|caller| caller.consumer),
                key: admitted.caller.map(|caller| caller.short),
                method,
                path,
                peer: self.peer.ip(),
                status: done.status,
                verdict: done.verdict,
                endpoint: forwarded.and_then(|forwarded| forwarded.server),
                attempts: forwarded.map_or(0, |forwarded| forwarded.attempts),
                took: begun.elapsed(),
                upstream_took: forwarded.and_then(|forwarded| forwarded.took),
                bytes_in: done.bytes_in,
                bytes_out: done.bytes_out,
                trace_id: trace.trace_id,
            },
            &view.table,
        );
        if done.goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    /// To where its route leads.
    async fn go(
        &mut self,
        worker: &Rc<Worker>,
        view: &View,
        kit: &mut Kit,
        admitted: &Admitted,
        trace: Trace,
        begun: Instant,
    ) -> Done {
        let Some(entry) = route(view, admitted) else {
            let refusal = Refusal::new(500, codes::BROKEN, "the route has no entry");
            return self.refuse(worker, kit, admitted, trace, &refusal).await;
        };
        match &entry.target {
            Target::Fixed { status, fields, body } => {
                let media = std::str::from_utf8(fields).unwrap_or_default();
                self.say(worker, kit, admitted, trace, *status, media, body).await
            }
            Target::Pool { pool, .. } => {
                let caller =
                    admitted.caller.and_then(|caller| view.table.consumers.get(caller.consumer as usize));
                let credential = admitted.caller.and_then(|_| {
                    entry.admits.iter().find_map(|admission| match admission {
                        Admission::ApiKey { header } => Some(&**header),
                        Admission::Anybody => None,
                    })
                });
                let job = Job {
                    pool: &view.pools[*pool],
                    due: entry.deadline.map(|deadline| begun + deadline),
                    body_max: entry.body_max,
                    trace,
                    consumer: caller.map(|caller| &*caller.name),
                    credential,
                    told: admitted.told.as_ref(),
                };
                match forward(worker, self, kit, &job).await {
                    Ok(forwarded) => Done {
                        status: forwarded.status,
                        verdict: if forwarded.whole { Verdict::Passed } else { Verdict::Abandoned },
                        bytes_out: forwarded.bytes_out,
                        bytes_in: forwarded.bytes_in,
                        goes_on: forwarded.goes_on && !worker.is_closing.get(),
                        forwarded: Some(forwarded),
                    },
                    Err((None, forwarded)) => Done {
                        status: 0,
                        verdict: Verdict::Abandoned,
                        bytes_out: 0,
                        bytes_in: forwarded.bytes_in,
                        goes_on: false,
                        forwarded: Some(forwarded),
                    },
                    Err((Some(refusal), forwarded)) => {
                        let goes_on = forwarded.goes_on;
                        kit.request.keeps_alive &= goes_on;
                        let done = self.refuse(worker, kit, admitted, trace, &refusal).await;
                        Done { goes_on: done.goes_on && goes_on, forwarded: Some(forwarded), ..done }
                    }
                }
            }
        }
    }

    /// Answers a head that was no head.
    async fn refuse_head(&mut self, worker: &Worker, kit: &mut Kit, refusal: &Refusal, begun: Instant) {
        let trace = Trace {
            trace_id: u128::from(worker.chance()) << 64 | u128::from(worker.chance()),
            span_id: 1,
            sampled: false,
        };
        kit.request.clear();
        kit.request.keeps_alive = false;
        (kit.request.method, kit.request.version, kit.request.body) =
            (Method::Other, Version::Http11, Framing::Empty);
        kit.request.length = 0;
        let at = SystemTime::now();
        let done = self.refuse(worker, kit, &Admitted::default(), trace, refusal).await;
        let record = AccessRecord {
            at,
            route: None,
            consumer: None,
            key: None,
            method: Method::Other,
            path: PathText::new(b""),
            peer: self.peer.ip(),
            status: done.status,
            verdict: done.verdict,
            endpoint: None,
            attempts: 0,
            took: begun.elapsed(),
            upstream_took: None,
            bytes_in: 0,
            bytes_out: done.bytes_out,
            trace_id: trace.trace_id,
        };
        worker.recorder.borrow_mut().put(record, &worker.view().table);
    }

    async fn refuse(
        &mut self,
        worker: &Worker,
        kit: &mut Kit,
        admitted: &Admitted,
        trace: Trace,
        refusal: &Refusal,
    ) -> Done {
        let body = refusal.body(&trace.correlation_id());
        let fields = format!("Content-Type: application/problem+json\r\n{}", refusal.fields);
        let done = self.say(worker, kit, admitted, trace, refusal.status, &fields, &body).await;
        Done { verdict: Verdict::Refused(refusal.code), ..done }
    }

    /// Answers by the gateway itself.
    #[expect(clippy::too_many_arguments, reason = "an answer has that many parts")]
    async fn say(
        &mut self,
        worker: &Worker,
        kit: &mut Kit,
        admitted: &Admitted,
        trace: Trace,
        status: u16,
        fields: &str,
        body: &[u8],
    ) -> Done {
        let Kit { input, out, request, .. } = kit;
        // What is there of the body is read past; a caller that has more to say is told that nobody listens.
        let mut rest = Transfer::new(request.body, false, u64::MAX);
        out.clear();
        let taken = rest.take(&input.unused()[request.length..], out).unwrap_or(0);
        input.take(request.length + taken);
        let goes_on = request.keeps_alive && rest.is_done() && !worker.is_closing.get();
        out.clear();
        write_status(out, status, reason(status).as_bytes());
        out.extend_from_slice(fields.as_bytes());
        if status != 204 && status != 304 {
            out.extend_from_slice(b"Content-Length: ");
            write_number(out, body.len() as u64);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(worker.date.borrow_mut().text(SystemTime::now()));
        out.extend_from_slice(b"\r\n");
        if let Some(told) = &admitted.told {
            told.write(out);
        }
        let back = Back {
            version: request.version,
            keeps_alive: goes_on,
            trace_id: trace.trace_id,
            body: Framing::Empty,
        };
        write_back(out, &back);
        out.extend_from_slice(b"\r\n");
        if request.method != Method::Head && status != 204 && status != 304 {
            out.extend_from_slice(body);
        }
        self.guard.set(Instant::now() + WRITE);
        let said = self.write_all(out).await;
        Done {
            status,
            verdict: if said.is_ok() { Verdict::Passed } else { Verdict::Abandoned },
            bytes_out: out.len() as u64,
            bytes_in: rest.data_bytes(),
            forwarded: None,
            goes_on: goes_on && said.is_ok(),
        }
    }

    /// Writes all of it, in time.
    pub(crate) async fn write_all(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let mut at = 0;
        poll_fn(|cx| {
            while at < bytes.len() {
                if self.guard.poll(cx).is_ready() {
                    return Poll::Ready(Err(Gone));
                }
                match self.stream.poll_write(cx, &bytes[at..]) {
                    Poll::Ready(Ok(written)) if written > 0 => at += written,
                    Poll::Ready(_) => return Poll::Ready(Err(Gone)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Says that nothing more comes, and reads on for a moment: a connection that is closed while bytes are under way is
    /// reset, and the caller may never see the answer (RFC 9112, section 9.6).
    async fn linger(&mut self, input: &mut Buffer) {
        self.guard.set(Instant::now() + LINGER);
        let ended = poll_fn(|cx| self.stream.poll_shutdown(cx)).await;
        let mut left = LINGER_BYTES_MAX;
        while ended.is_ok() && left > 0 {
            input.clear();
            match self.fill(input).await {
                Ok(0) | Err(Gone) => return,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
    }
}

fn route<'v>(view: &'v View, admitted: &Admitted) -> Option<&'v RouteEntry> {
    view.table.routes.get(admitted.route? as usize)
}

/// The target as it goes on.
fn write_target(out: &mut Vec<u8>, route: Option<&RouteEntry>, aim: &Aim<'_>) {
    let path = aim.path;
    out.clear();
    let instead = match route.map(|route| &route.target) {
        Some(Target::Pool { instead: Some((length, to)), .. }) => Some((*length, to)),
        _ => None,
    };
    match instead {
        Some((length, to)) => {
            let rest = path.get(length..).unwrap_or_default();
            out.extend_from_slice(to.as_bytes());
            out.extend_from_slice(if to.is_empty() && rest.is_empty() { b"/" } else { rest });
        }
        None => out.extend_from_slice(path),
    }
    if let Some(query) = aim.query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
}

/// What a header of the caller says, for hashing.
pub(crate) fn value_of<'a>(kit: &'a Kit, name: &str) -> Option<&'a [u8]> {
    let bytes = kit.input.unused();
    let known = Known::of(name.as_bytes());
    let field = kit.request.fields.iter().find(|field| {
        field.known == known
            && (known != Known::Other || field.name.of(bytes).eq_ignore_ascii_case(name.as_bytes()))
    })?;
    Some(field.value.of(bytes))
}
