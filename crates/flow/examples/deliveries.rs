//! How many deliveries a second the listener answers, with sender and receiver on the same cores:
//! `cargo run --release -p sinew-flow --example deliveries`.
//!
//! `ignored` goes all the way but the store: route, read, verify, parse, and an event that the flow does not want.
//! `accepted` is durable before it is answered.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sinew_call::{Caller, CallerOptions, NothingRecorded, SystemClock, Trust};
use sinew_flow::trigger::{TriggerOptions, Triggers};
use sinew_flow::{Engine, EngineOptions, NothingObserved};
use sinew_model::SourceFile;
use sinew_store_sqlite::{SqliteOptions, SqliteStore};
use sinew_vault::EnvironmentSecrets;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;
const MEASURED: Duration = Duration::from_secs(5);
const PROJECT: &str = "
kind: Flow
name: hook
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger:
  webhook:
    verify: { hmac: { header: X-Sig, prefix: 'sha256=' } }
    secret: secret:hook/hmac
    event: deal.updated
    event_of: type
steps:
  - got: { map: { id: trigger.id } }
";

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(SqliteOptions::in_dir(folder.path())).unwrap();
    let (snapshot, findings) = sinew_model::load(&[SourceFile::new("flow.yaml", PROJECT)], &BTreeMap::new());
    let secrets = Arc::new(EnvironmentSecrets::from_lookup(|_| Some("a shared secret".to_owned())));
    let clock = Arc::new(SystemClock);
    let options = EngineOptions {
        store: Arc::new(store),
        caller: Caller::new(CallerOptions {
            secrets: secrets.clone(),
            recorder: Arc::new(NothingRecorded),
            clock: clock.clone(),
            seed: 1,
            trust: Trust::default(),
        }),
        clock,
        observer: Arc::new(NothingObserved),
        files: Vec::new(),
        in_flight_max: 4096,
        seed: 1,
    };
    let snapshot = Arc::new(snapshot.unwrap_or_else(|| panic!("{findings}")));
    let engine = Engine::start(options, snapshot).await.unwrap();
    let options = TriggerOptions::new("127.0.0.1:0".parse().unwrap(), secrets);
    let triggers = Triggers::start(engine.clone(), options).unwrap();
    for (what, event) in [("ignored", "deal.created"), ("accepted", "deal.updated")] {
        let answered = measure(triggers.address(), event).await;
        println!("{what}: {:.0} deliveries/s", answered as f64 / MEASURED.as_secs_f64());
    }
    triggers.stop().await;
    engine.stop(Duration::from_secs(5)).await;
}

async fn measure(to: std::net::SocketAddr, event: &str) -> u64 {
    let body = format!(r#"{{"type":"{event}","id":"d-1","amount":"1250.00","note":"{}"}}"#, "x".repeat(300));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"a shared secret");
    let tag = aws_lc_rs::hmac::sign(&key, body.as_bytes());
    let digits: Vec<String> = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let head = format!(
        "POST /hooks/hook HTTP/1.1\r\nhost: x\r\nx-sig: sha256={}\r\ncontent-length: {}\r\n\r\n",
        digits.concat(),
        body.len()
    );
    let request: Arc<[u8]> = (head + &body).into_bytes().into();
    let (answered, until) = (Arc::new(AtomicU64::new(0)), Instant::now() + MEASURED);
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (request, answered) = (Arc::clone(&request), Arc::clone(&answered));
            tokio::spawn(async move {
                let mut stream = TcpStream::connect(to).await.unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answer = [0; 2048];
                while Instant::now() < until {
                    stream.write_all(&request).await.unwrap();
                    let length = stream.read(&mut answer).await.unwrap();
                    assert!(answer[..length].starts_with(b"HTTP/1.1 20"), "refused");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    answered.load(Ordering::Relaxed)
}
