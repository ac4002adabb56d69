//! Brokers: every message that is listened to makes exactly one run, and every message that is published is there once,
//! whoever is killed when.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod amqp;
mod kafka;
mod mqtt;
mod nats;
mod redis;

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use sinew_e2e::service::{PASSWORD, Service, USER, authority};
use sinew_e2e::{Said, World, sinew_with, until};
use sinew_sandbox::Tuning;

const PATIENCE: Duration = Duration::from_mins(4);
/// Messages of each test.
const MESSAGES: usize = 300;

/// A broker's connector and connection. `tls` is what the connection says of TLS.
fn broker(transport: &str, url: &str, tls: &str, operations: &str) -> String {
    format!(
        "
kind: Connector
name: broker
version: 1
transport: {transport}
operations: {operations}
---
kind: Connection
name: broker
connector: broker@1
owner: {{ team: t, contact: t@example.com, runbook: r.md }}
base_url: {url}
auth: {{ basic: {{ username: {USER}, password: secret:broker/password }} }}
access: write
egress: {{ allow: [loopback] }}
breaker: {{ failures: 10000, open_for: 1s }}
{tls}
---
"
    )
}

fn trusting() -> String {
    let pem = std::fs::read_to_string(authority()).unwrap().replace('\n', "\n    ");
    format!("tls:\n  ca: |\n    {pem}")
}

fn secrets(password: &str) -> Vec<(String, String)> {
    vec![("SINEW_SECRET_BROKER_PASSWORD".to_owned(), password.to_owned())]
}

/// A flow that invoices each order that comes.
fn paid(stream: &str) -> String {
    format!(
        "
kind: Flow
name: paid
owner: {{ team: t, contact: t@example.com, runbook: r.md }}
trigger:
  stream: {{ connection: broker, key: data.order, delivery_max: 2KB, {stream} }}
steps:
  - invoice:
      call: billing.createInvoice
      with: {{ contact_full_name: '\"Ada\"', currency: '\"EUR\"', total: '1', external_ref: trigger.data.order }}
"
    )
}

fn world(seed: u64, documents: &str) -> World {
    let mut world = World::prepare(seed, Tuning::default(), Vec::new());
    world.change_projects(&[], &mut sinew_e2e::fast);
    world.write_own(documents);
    let own = world.project("own");
    world.options.projects.push(own);
    world.options.env.extend(secrets(PASSWORD));
    world.serve();
    world
}

fn orders(numbers: Range<usize>) -> impl Iterator<Item = String> {
    numbers.map(|number| format!("{{\"order\":\"ord_{number}\"}}"))
}

fn invoices(world: &World) -> usize {
    world.truth().by_reference("invoice.created").len()
}

/// Publishes all messages, and kills Sinew and the broker in the middle of them.
fn check_every_message_makes_one_run(
    world: &mut World,
    kill: impl Fn(&mut dyn FnMut(&mut Service)),
    publish: impl Fn(&World, Range<usize>),
) {
    publish(world, 0..MESSAGES / 2);
    until("a part of it to come", PATIENCE, || (invoices(world) > 20).then_some(()));
    world.kill();
    world.serve();
    publish(world, MESSAGES / 2..MESSAGES);
    until("another part to come", PATIENCE, || (invoices(world) > MESSAGES / 2).then_some(()));
    kill(&mut |service| {
        service.kill();
        service.restart();
    });
    world.kill();
    world.serve();
    until("all of it to come", PATIENCE, || (invoices(world) >= MESSAGES).then_some(()));
    world.settled();
    let truth = world.truth().by_reference("invoice.created");
    assert_eq!(truth.len(), MESSAGES);
    assert!(truth.values().all(|times| *times == 1), "done twice: {truth:?}");
    assert_eq!(world.runs("flow=paid").len(), MESSAGES, "one run each");
    assert!(world.dead().is_empty());
}

/// Calls an operation once by the command line.
fn called(folder: &Path, call: &str, input: &Value, password: &str) -> Said {
    let words = ["connector", "try", call, "--input", &input.to_string(), "--yes"];
    sinew_with(folder, &words, "", &secrets(password))
}

fn project(documents: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("project.yaml"), documents.trim_end().trim_end_matches("---")).unwrap();
    folder
}

#[track_caller]
fn check_refused(said: &Said, code: &str, words: &str) {
    let told = format!("{}{}", said.out, said.err);
    assert!(said.code != 0 && told.contains(code) && told.contains(words), "{told}");
    assert!(!told.contains(PASSWORD), "the password shows: {told}");
}
