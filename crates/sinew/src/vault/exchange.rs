use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use sinew_call::{Clock as _, SystemClock};
use sinew_connect::auth::{Credential, Moment};
use sinew_connect::{ClientOptions, HttpClient, Limits, Tls, Trust};
use sinew_model::{AddressKind, Egress};
use sinew_vault::exchange::{Exchange, HttpAnswer, HttpAsk};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// How long an exchange may take, and how long connecting.
const TOTAL: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(3);
/// The largest answer.
const ANSWER_MAX: u64 = 1 << 20;
/// Requests that may wait for the thread.
const QUEUE_MAX: usize = 64;

type Answered = Result<HttpAnswer, String>;

/// Exchanges with one service, on a thread of its own: secrets are resolved by whoever needs one, on any thread.
pub struct HttpExchange {
    queue: SyncSender<(HttpAsk, SyncSender<Answered>)>,
}

impl HttpExchange {
    /// The service at this address. What goes there is dressed with this credential.
    pub fn start(address: &str, credential: Credential) -> Result<Self, String> {
        let base: Uri =
            address.trim_end_matches('/').parse().map_err(|_| format!("`{address}` is no URL"))?;
        if !matches!(base.scheme_str(), Some("http" | "https")) || base.host().is_none() {
            return Err(format!("`{address}` is not an http or https URL"));
        }
        let (queue, work) = sync_channel(QUEUE_MAX);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| e.to_string())?;
        let serve = move || runtime.block_on(serve(&base, &credential, &work));
        std::thread::Builder::new()
            .name("secret-service".to_owned())
            .spawn(serve)
            .map_err(|e| e.to_string())?;
        Ok(Self { queue })
    }
}

impl Exchange for HttpExchange {
    fn exchange(&self, ask: HttpAsk) -> Answered {
        let (reply, answer) = sync_channel(1);
        let wait = || {
            self.queue.try_send((ask, reply)).map_err(|_| "too many requests are waiting".to_owned())?;
            match answer.recv_timeout(TOTAL * 2) {
                Ok(answered) => answered,
                Err(RecvTimeoutError::Timeout) => Err("no answer in time".to_owned()),
                Err(RecvTimeoutError::Disconnected) => Err("the process is ending".to_owned()),
            }
        };
        // Others' tasks leave this thread first, where there are other threads.
        match tokio::runtime::Handle::try_current().map(|handle| handle.runtime_flavor()) {
            Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(wait),
            _ => wait(),
        }
    }
}

async fn serve(base: &Uri, credential: &Credential, work: &Receiver<(HttpAsk, SyncSender<Answered>)>) {
    let client = HttpClient::new(ClientOptions {
        egress: Egress { allow: [AddressKind::Loopback, AddressKind::Private].into() },
        connect: CONNECT,
        idle_max: 2,
        tls: Tls::new(Trust::default()),
    });
    while let Ok((ask, reply)) = work.recv() {
        let _ = reply.send(one(&client, base, credential, ask).await);
    }
}

async fn one(client: &HttpClient, base: &Uri, credential: &Credential, ask: HttpAsk) -> Answered {
    let mut uri = base.to_string().trim_end_matches('/').to_owned();
    uri.push_str(&ask.path);
    let body = ask.body.map(|body| Bytes::copy_from_slice(&body)).unwrap_or_default();
    let request = Request::builder().method(ask.method).uri(uri).body(body);
    let mut request = request.map_err(|_| "the path does not fit into a URL".to_owned())?;
    for (name, value) in ask.headers {
        let mut value =
            HeaderValue::from_str(value.expose()).map_err(|_| format!("`{name}` does not fit"))?;
        value.set_sensitive(true);
        request.headers_mut().insert(HeaderName::from_static(name), value);
    }
    let moment = Moment { now: SystemClock.now(), nonce: 0 };
    credential.apply(&mut request, &moment).map_err(|e| e.to_string())?;
    let request = request.map(Full::new);
    let limits = Limits { until: Instant::now() + TOTAL, connect: CONNECT, read: TOTAL };
    let answer = client.send(request, &limits).await.map_err(|e| e.to_string())?;
    let status = answer.status.as_u16();
    let body = answer.read(ANSWER_MAX, &limits).await.map_err(|e| e.to_string())?;
    Ok(HttpAnswer { status, body: Zeroizing::new(body.to_vec()) })
}
