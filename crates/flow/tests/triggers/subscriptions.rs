//! Telling systems where to send their webhooks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::http::read_request;
use crate::world::{BEGIN_MS, Ground, World, until};

const NOTHING: &str = "kind: Flow\nname: none\nOWNER\ntrigger: manual\nsteps: [{ a: { map: 1 } }]\n";

/// A system that can be told where to send its webhooks.
#[derive(Clone)]
struct Vendor {
    address: SocketAddr,
    hooks: Arc<Mutex<Vec<Value>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    /// Loses so many answers to registrations, after it has acted on them.
    async fn start(mut loses: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let vendor =
            Self { address: listener.local_addr().unwrap(), hooks: Arc::default(), asked: Arc::default() };
        let own = vendor.clone();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let asked = read_request(&mut stream).await;
                let line = asked.head.lines().next().unwrap_or_default().replace(" HTTP/1.1", "");
                own.asked.lock().push(line.clone());
                let answer = own.act(&line, &asked.body);
                if line == "POST /hooks" && loses > 0 {
                    loses -= 1;
                    continue;
                }
                let answer = answer.to_string();
                let head = format!(
                    "HTTP/1.1 200 x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    answer.len()
                );
                stream.write_all((head + &answer).as_bytes()).await.unwrap();
            }
        });
        vendor
    }

    fn act(&self, line: &str, body: &str) -> Value {
        let mut hooks = self.hooks.lock();
        let expires = BEGIN_MS / 1000 + 7 * 86_400;
        match line.split_once(' ').unwrap() {
            ("POST", _) => {
                let given: Value = serde_json::from_str(body).unwrap();
                let hook = json!({ "id": format!("h-{}", hooks.len() + 1), "url": given["url"], "expires_at": expires });
                hooks.push(hook.clone());
                hook
            }
            ("PUT", _) => json!({ "expires_at": expires + 7 * 86_400 }),
            ("DELETE", path) => {
                hooks.retain(|hook| !path.ends_with(hook["id"].as_str().unwrap()));
                json!({})
            }
            _ => json!({ "data": *hooks }),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }

    fn project(&self) -> String {
        format!(
            r"
kind: Connector
name: crm
version: 1
webhooks:
  verify: {{ token: {{ header: X-Token }} }}
  subscription:
    subscribe: {{ call: createHook, with: {{ url: hook.url }}, id: answer.id, expires: answer.expires_at }}
    renew: {{ call: renewHook, with: {{ id: hook.id }}, expires: answer.expires_at }}
    unsubscribe: {{ call: deleteHook, with: {{ id: hook.id }} }}
    find: {{ call: listHooks, id: 'answer.data[url = $$.hook.url].id', expires: 'answer.data[url = $$.hook.url].expires_at' }}
operations:
  createHook: {{ post: /hooks }}
  renewHook: {{ put: '/hooks/{{id}}' }}
  deleteHook: {{ delete: '/hooks/{{id}}' }}
  listHooks: {{ get: /hooks }}
---
kind: Connection
name: crm
connector: crm@1
OWNER
base_url: http://{}
auth: none
access: write
egress: {{ allow: [loopback] }}
webhook_secret: secret:other
---
{NOTHING}",
            self.address
        )
    }

    fn with_flow(&self) -> String {
        let flow = "---\nkind: Flow\nname: deals\nOWNER\ntrigger: { webhook: { connection: crm } }\nsteps: [{ got: { map: trigger } }]\n";
        self.project() + flow
    }
}

async fn asked(vendor: &Vendor, count: usize) -> Vec<String> {
    until(|| async { Some(vendor.asked()).filter(|asked| asked.len() >= count) }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_registered_once_renewed_and_taken_back() {
    let vendor = Vendor::start(0).await;
    let world = World::with(&vendor.with_flow()).await;
    asked(&vendor, 1).await;
    assert_eq!(vendor.hooks.lock()[0]["url"], "https://hooks.example.com/hooks/deals");
    let world = world.again(Duration::from_hours(24), &Ground::default(), &vendor.with_flow()).await;
    world.triggers.reload();
    world.set_forward(Duration::from_hours(5 * 24));
    world.triggers.reload();
    assert_eq!(
        asked(&vendor, 2).await,
        ["POST /hooks", "PUT /hooks/h-1"],
        "not again, but renewed before its end"
    );
    world.triggers.reload();
    let world = world.again(Duration::from_secs(1), &Ground::default(), &vendor.project()).await;
    assert_eq!(asked(&vendor, 3).await[2..], ["DELETE /hooks/h-1"]);
    assert!(vendor.hooks.lock().is_empty() && world.alerts(true).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_whose_answer_was_lost_is_found_and_not_made_twice() {
    let vendor = Vendor::start(1).await;
    let world = World::with(&vendor.with_flow()).await;
    asked(&vendor, 1).await;
    let alert = until(|| async { world.alerts(true).await.into_iter().next() }).await;
    assert_eq!((&*alert.kind, &*alert.subject), ("subscription", "deals"));
    let world = world.again(Duration::from_hours(1), &Ground::default(), &vendor.with_flow()).await;
    assert_eq!(asked(&vendor, 2).await, ["POST /hooks", "GET /hooks"]);
    assert_eq!(vendor.hooks.lock().len(), 1);
    let world = world.again(Duration::from_secs(1), &Ground::default(), &vendor.project()).await;
    assert_eq!(asked(&vendor, 3).await[2..], ["DELETE /hooks/h-1"]);
    drop(world);
}
