//! To a server and back.

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use sinew_diag::codes::gateway as codes;
use sinew_gateway_core::http1::{Framing, Progress, RequestHead, ResponseHead, Version};
use sinew_model::{Balance, Trace};

use crate::answer::Refusal;
use crate::client::{Client, WRITE, value_of};
use crate::heads::{Back, Onward, write_request, write_response};
use crate::pool::{Lent, LocalPool, mix};
use crate::relay::{relay, tunnel};
use crate::stream::Buffer;
use crate::transfer::{Broken, Transfer};
use crate::way::{self, Told};
use crate::worker::{Kit, Worker};

/// Retries that are allowed however few requests there were.
const RETRIES_FREE: usize = 10;
/// The most bytes of a body that wait to be sent.
const AHEAD: usize = 64 * 1024;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is to be done for a request.
pub(crate) struct Job<'a> {
    pub(crate) pool: &'a Rc<LocalPool>,
    /// Until when the answer has to have begun.
    pub(crate) due: Option<Instant>,
    pub(crate) body_max: u64,
    pub(crate) trace: Trace,
    pub(crate) consumer: Option<&'a str>,
    pub(crate) credential: Option<&'a str>,
    pub(crate) told: Option<&'a Told>,
}

/// What became of it.
#[derive(Debug, Default)]
pub(crate) struct Forwarded {
    pub(crate) status: u16,
    pub(crate) server: Option<u16>,
    pub(crate) attempts: u8,
    /// Until the answer began.
    pub(crate) took: Option<Duration>,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    /// The answer went back to its end.
    pub(crate) whole: bool,
    /// Another request may follow on the caller's connection.
    pub(crate) goes_on: bool,
}

/// Why an attempt came to nothing.
enum Trouble {
    /// The caller went away, or breaks HTTP.
    Caller(Option<Refusal>),
    /// The connection ended before anything of an answer came.
    Unanswered,
    /// It did not begin in time.
    Late,
    /// It is no answer.
    Unusable,
}

/// Why an attempt came to nothing, and what is known of it.
enum Failed {
    /// There is no connection; nothing was sent.
    NotSent,
    /// What the caller sends cannot be sent on; nothing was sent.
    Refused(Refusal),
    Lost {
        trouble: Trouble,
        /// The connection had been used before.
        reused: bool,
        /// All that was sent is still there.
        repeatable: bool,
    },
}

/// Sends a request to a server of a pool, and its answer back. `Err` holds what to say instead; nothing, if nobody is there
/// to hear it.
pub(crate) async fn forward(
    worker: &Rc<Worker>,
    client: &mut Client,
    kit: &mut Kit,
    job: &Job<'_>,
) -> Result<Forwarded, (Option<Refusal>, Forwarded)> {
    let mut done = Forwarded { goes_on: true, ..Forwarded::default() };
    let entry = &job.pool.entry;
    entry.requests.fetch_add(1, Ordering::Relaxed);
    let begun = Instant::now();
    let mut tried = Vec::new();
    loop {
        let now_ms = worker.ms(Instant::now());
        let hash = || hash_of(kit, client, &entry.upstream.balance);
        let Some(server) = job.pool.pick(&tried, hash, worker.chance(), now_ms) else {
            return Err((Some(no_server(!tried.is_empty())), done));
        };
        done.attempts = done.attempts.saturating_add(1);
        done.server = Some(server as u16);
        let failed = match attempt(worker, client, kit, job, server, &mut done).await {
            Ok(answered) => {
                done.took = Some(begun.elapsed());
                job.pool.note(server, !matches!(kit.response.status, 502..=504), worker.ms(Instant::now()));
                return Ok(answer(worker, client, kit, job, answered, done).await);
            }
            Err(failed) => failed,
        };
        // A server may close a connection at the moment at which it is used again; that says nothing of the server.
        let is_stale = matches!(failed, Failed::Lost { trouble: Trouble::Unanswered, reused: true, .. });
        if failed.blames_server() && !is_stale {
            job.pool.note(server, false, now_ms);
            tried.push(server);
        }
        let stale_again = is_stale && usize::from(done.attempts) <= 1 + entry.servers.len();
        if failed.may_be_repeated(way::is_idempotent(kit.request.method))
            && (stale_again || may_retry(job, &done))
        {
            continue;
        }
        done.goes_on &= failed.leaves_request_whole();
        return Err((failed.refusal(), done));
    }
}

impl Failed {
    fn blames_server(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Lost { trouble: Trouble::Caller(_), .. })
    }

    fn may_be_repeated(&self, is_idempotent: bool) -> bool {
        match self {
            Self::NotSent => true,
            Self::Refused(_) => false,
            Self::Lost { trouble, repeatable, .. } => {
                *repeatable && is_idempotent && matches!(trouble, Trouble::Unanswered)
            }
        }
    }

    fn leaves_request_whole(&self) -> bool {
        match self {
            Self::NotSent => true,
            Self::Refused(_) => false,
            Self::Lost { trouble, repeatable, .. } => *repeatable && !matches!(trouble, Trouble::Caller(_)),
        }
    }

    /// What the caller is told, if it is still there.
    fn refusal(self) -> Option<Refusal> {
        Some(match self {
            Self::NotSent => unreachable(),
            Self::Refused(refusal) => refusal,
            Self::Lost { trouble, .. } => match trouble {
                Trouble::Caller(refusal) => return refusal,
                Trouble::Unanswered => unreachable(),
                Trouble::Late => {
                    Refusal::new(504, codes::UPSTREAM_LATE, "the upstream's answer did not begin in time")
                }
                Trouble::Unusable => {
                    Refusal::new(502, codes::ANSWER_UNUSABLE, "the upstream's answer is not HTTP")
                }
            },
        })
    }
}

/// Connects to a server, sends the request, and reads the head of the answer.
async fn attempt(
    worker: &Worker,
    client: &mut Client,
    kit: &mut Kit,
    job: &Job<'_>,
    server: usize,
    done: &mut Forwarded,
) -> Result<(Lent, Sending), Failed> {
    let entry = &job.pool.entry;
    let timeouts = entry.upstream.timeouts;
    client.guard.set(soonest(Instant::now() + timeouts.connect, job.due));
    let mut lent = job.pool.lend(server, &client.guard).await.map_err(|error| {
        let (upstream, authority) = (&entry.upstream.name, &entry.servers[server].authority);
        tracing::warn!(%upstream, server = %authority, %error, "a server cannot be reached");
        Failed::NotSent
    })?;
    let mut body = match write_attempt(kit, client, job, server) {
        Ok(body) => body,
        Err(refusal) => {
            // The connection is as it was.
            lent.keep();
            return Err(Failed::Refused(refusal));
        }
    };
    let repeatable = body.transfer.is_done();
    client.guard.set(soonest(Instant::now() + timeouts.answer, job.due));
    let exchanged = exchange(worker, client, kit, &mut lent, &mut body).await;
    done.bytes_in = body.transfer.data_bytes();
    match exchanged {
        Ok(()) => Ok((lent, body)),
        Err(trouble) => {
            let reused = lent.reused;
            lent.close();
            Err(Failed::Lost { trouble, reused, repeatable })
        }
    }
}

fn no_server(tried_one: bool) -> Refusal {
    if tried_one {
        return unreachable();
    }
    Refusal::new(503, codes::NO_SERVER, "no server of the upstream is well").field("Retry-After", "1")
}

fn unreachable() -> Refusal {
    Refusal::new(502, codes::UNREACHABLE, "no server of the upstream took the request")
}

fn soonest(one: Instant, other: Option<Instant>) -> Instant {
    other.map_or(one, |other| one.min(other))
}

/// Whether a request is sent once more, as far as the rules of its pool are concerned.
fn may_retry(job: &Job<'_>, done: &Forwarded) -> bool {
    let entry = &job.pool.entry;
    let rules = entry.upstream.retries;
    if u32::from(done.attempts) >= rules.attempts.get() || job.due.is_some_and(|due| due <= Instant::now()) {
        return false;
    }
    let requests = entry.requests.load(Ordering::Relaxed);
    let retries = entry.retries.fetch_add(1, Ordering::Relaxed) + 1;
    retries <= RETRIES_FREE || retries * 100 <= requests * rules.budget_percent as usize
}

fn hash_of(kit: &Kit, client: &Client, balance: &Balance) -> u64 {
    let Balance::Hash(header) = balance else { return 0 };
    let fold = |bytes: &[u8]| bytes.iter().fold(0_u64, |sum, byte| mix(sum ^ u64::from(*byte)));
    value_of(kit, header).map_or_else(|| fold(client.peer.ip().to_string().as_bytes()), fold)
}

/// A request's body on its way. What is in the buffer is sent with the head, and stays there until it is known that nothing
/// has to be sent again.
struct Sending {
    transfer: Transfer,
    /// Bytes of the input, head included, that were taken but are still there.
    held: usize,
}

/// Writes what is to be sent: the head, and what there is of the body.
fn write_attempt(kit: &mut Kit, client: &Client, job: &Job<'_>, server: usize) -> Result<Sending, Refusal> {
    let Kit { input, out, request, target, .. } = kit;
    let bytes = input.unused();
    let peer = client.peer_text();
    let host = request.host.map_or(&b""[..], |host| host.of(bytes));
    let authority = &*job.pool.entry.servers[server].authority;
    out.clear();
    let onward = Onward {
        target,
        authority: if authority == "pass" { host } else { authority.as_bytes() },
        host,
        peer: peer.as_bytes(),
        scheme: b"http",
        trace: job.trace,
        consumer: job.consumer,
        credential: job.credential,
    };
    write_request(out, request, bytes, &onward);
    let mut transfer = Transfer::new(request.body, request.body == Framing::Chunked, job.body_max);
    let taken =
        transfer.take(&bytes[request.length..], out).map_err(|broken| wrong_body(broken, job.body_max))?;
    Ok(Sending { transfer, held: request.length + taken })
}

fn wrong_body(broken: Broken, body_max: u64) -> Refusal {
    match broken {
        Broken::TooLarge => way::body_too_large(body_max),
        Broken::Chunks(error) => Refusal::new(error.status(), codes::BODY_MALFORMED, error.to_string()),
        Broken::Cut => Refusal::new(400, codes::BODY_MALFORMED, "the body ended before its length"),
    }
}

/// Sends the request, and reads the head of the answer.
async fn exchange(
    worker: &Worker,
    client: &mut Client,
    kit: &mut Kit,
    lent: &mut Lent,
    body: &mut Sending,
) -> Result<(), Trouble> {
    let Kit { input, out, upstream, request, response, .. } = kit;
    if request.expects_continue && !body.transfer.is_done() && client.write_all(CONTINUE).await.is_err() {
        return Err(Trouble::Caller(None));
    }
    upstream.clear();
    response.clear();
    loop {
        let mut sent = 0;
        let mut way = Ways { client, lent, input, out, upstream, request, response, body, worker };
        poll_fn(|cx| way.poll(cx, &mut sent)).await?;
        if response.status >= 200 || response.status == 101 {
            return Ok(());
        }
        // Interim answers go on (RFC 9110, section 15.2), but for the one that the gateway gives itself.
        if response.status != 100 && request.version == Version::Http11 {
            let mut head = Vec::new();
            crate::heads::write_interim(&mut head, response, upstream.unused());
            client.write_all(&head).await.map_err(|_| Trouble::Caller(None))?;
        }
        upstream.take(response.length);
        response.clear();
        out.clear();
    }
}

/// Both ways of an exchange.
struct Ways<'a> {
    client: &'a mut Client,
    lent: &'a mut Lent,
    input: &'a mut Buffer,
    out: &'a mut Vec<u8>,
    upstream: &'a mut Buffer,
    request: &'a mut RequestHead,
    response: &'a mut ResponseHead,
    body: &'a mut Sending,
    worker: &'a Worker,
}

impl Ways<'_> {
    /// Sends what there is to send, and reads what has come, until the answer's head is there.
    fn poll(&mut self, cx: &mut Context<'_>, sent: &mut usize) -> Poll<Result<(), Trouble>> {
        loop {
            if self.client.guard.poll(cx).is_ready() {
                return Poll::Ready(Err(Trouble::Late));
            }
            let mut moved = self.send(cx, sent);
            match self.read(cx) {
                Poll::Ready(Ok(true)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(false)) => moved = true,
                Poll::Ready(Err(trouble)) => return Poll::Ready(Err(trouble)),
                Poll::Pending => {}
            }
            if *sent == self.out.len() {
                match self.listen(cx, sent) {
                    Poll::Ready(Ok(true)) => moved = true,
                    Poll::Ready(Ok(false)) | Poll::Pending => {}
                    Poll::Ready(Err(trouble)) => return Poll::Ready(Err(trouble)),
                }
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    /// Writes to the server. That it cannot be written to is no end yet: an answer may be there.
    fn send(&mut self, cx: &mut Context<'_>, sent: &mut usize) -> bool {
        let before = *sent;
        while *sent < self.out.len() {
            match self.lent.stream.poll_write(cx, &self.out[*sent..]) {
                Poll::Ready(Ok(written)) if written > 0 => *sent += written,
                _ => break,
            }
        }
        *sent > before
    }

    /// Reads from the server. True once the head is there.
    fn read(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, Trouble>> {
        if !self.upstream.is_empty() {
            let bytes = self.upstream.unused();
            match self.response.parse(bytes, self.request.method, &self.worker.limits) {
                Ok(Progress::Whole) => return Poll::Ready(Ok(true)),
                Ok(Progress::More) => {}
                Err(error) => {
                    tracing::warn!(%error, "an upstream's answer is not HTTP");
                    return Poll::Ready(Err(Trouble::Unusable));
                }
            }
        }
        match self.upstream.poll_fill(&mut self.lent.stream, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(read)) if read > 0 => Poll::Ready(Ok(false)),
            Poll::Ready(_) if self.upstream.is_empty() => Poll::Ready(Err(Trouble::Unanswered)),
            Poll::Ready(_) => Poll::Ready(Err(Trouble::Unusable)),
        }
    }

    /// Reads more of the request's body. True if there is something to send. Of a caller that has said all it is only seen
    /// whether it is still there.
    fn listen(&mut self, cx: &mut Context<'_>, sent: &mut usize) -> Poll<Result<bool, Trouble>> {
        let all_said = self.body.transfer.is_done();
        if all_said && self.input.unused().len() > AHEAD {
            return Poll::Pending;
        }
        if !all_said {
            // From here on nothing can be sent again.
            self.input.take(std::mem::take(&mut self.body.held));
            (self.request.length, self.request.body) = (0, Framing::Empty);
            self.out.clear();
            *sent = 0;
        }
        match self.input.poll_fill(&mut self.client.stream, cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(read)) if read > 0 && all_said => Poll::Ready(Ok(false)),
            Poll::Ready(Ok(read)) if read > 0 => {
                let max = u64::MAX;
                match self.body.transfer.take(self.input.unused(), self.out) {
                    Ok(taken) => {
                        self.input.take(taken);
                        Poll::Ready(Ok(true))
                    }
                    Err(broken) => Poll::Ready(Err(Trouble::Caller(Some(wrong_body(broken, max))))),
                }
            }
            Poll::Ready(_) => Poll::Ready(Err(Trouble::Caller(None))),
        }
    }
}

/// Gives the answer back.
async fn answer(
    worker: &Worker,
    client: &mut Client,
    kit: &mut Kit,
    job: &Job<'_>,
    (mut lent, body): (Lent, Sending),
    mut done: Forwarded,
) -> Forwarded {
    let Kit { input, out, upstream, request, response, .. } = kit;
    input.take(body.held);
    done.status = response.status;
    let all_sent = body.transfer.is_done();
    let framing = match (response.body, request.version) {
        (Framing::Chunked | Framing::UntilClose, Version::Http11) => Framing::Chunked,
        (Framing::Chunked | Framing::UntilClose, Version::Http10) => Framing::UntilClose,
        (framing, _) => framing,
    };
    let keeps_alive =
        request.keeps_alive && all_sent && framing != Framing::UntilClose && !worker.is_closing.get();
    let back = Back { version: request.version, keeps_alive, trace_id: job.trace.trace_id, body: framing };
    out.clear();
    write_response(out, response, upstream.unused(), &back, worker.date.borrow_mut().text(SystemTime::now()));
    if let Some(told) = job.told {
        told.write(out);
    }
    out.extend_from_slice(b"\r\n");
    upstream.take(response.length);
    let idle = job.pool.entry.upstream.timeouts.idle;
    if response.status == 101 {
        done.bytes_out = tunnel(client, &mut lent, input, upstream, out, idle).await;
        lent.close();
        done.whole = true;
        done.goes_on = false;
        return done;
    }
    let mut transfer = Transfer::new(response.body, framing == Framing::Chunked, u64::MAX);
    client.guard.set(Instant::now() + WRITE.max(idle));
    let relayed = relay(client, &mut lent, upstream, out, &mut transfer, idle).await;
    done.bytes_out = relayed.bytes;
    done.whole = relayed.whole;
    done.goes_on = relayed.whole && keeps_alive;
    // Bytes behind the end of an answer belong to none.
    if relayed.whole
        && all_sent
        && response.keeps_alive
        && upstream.is_empty()
        && response.body != Framing::UntilClose
    {
        lent.keep();
    } else {
        lent.close();
    }
    done
}
