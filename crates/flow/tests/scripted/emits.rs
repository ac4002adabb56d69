use std::time::Duration;

use sinew_store::{RunId, RunStatus};

use crate::system::PATIENCE;
use crate::world::World;

const EMITS: &str = "
kind: Flow
name: emits
OWNER
trigger: manual
steps:
  - told: { emit: { event: ping, with: trigger }}
---
kind: Flow
name: careful
OWNER
trigger: { event: { name: ping, when: 'limit * 2 > 4' }}
steps:
  - a: { call: system.a, with: { n: trigger.n } }
---
kind: Flow
name: plain
OWNER
trigger: { event: { name: ping }}
steps:
  - b: { call: system.b, with: { n: trigger.n } }
";

async fn only_run(world: &World, flow: &str) -> (RunId, RunStatus) {
    let runs = world.runs(flow).await;
    assert_eq!(runs.len(), 1, "{flow}: {runs:?}");
    runs[0]
}

/// Emits an event that one of its flows cannot read.
async fn emitted() -> (World, RunId) {
    let world = World::with(EMITS).await;
    let run = world.start("emits", r#"{"n":1,"limit":"high"}"#).await;
    world.until(run, RunStatus::Finished).await;
    let (plain, _) = only_run(&world, "plain").await;
    world.until(plain, RunStatus::Finished).await;
    assert_eq!(world.system.seen("POST /b").len(), 1);
    let (careful, _) = only_run(&world, "careful").await;
    world.until(careful, RunStatus::Dead).await;
    (world, careful)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_one_flow_cannot_read_is_its_dead_letter_and_nobody_elses_matter() {
    let (world, _) = emitted().await;
    let letters = world.open_letters().await;
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((&*letter.flow, &*letter.letter.step), ("careful", "trigger"));
    assert_eq!(letter.letter.payload.as_str(), r#"{"n":1,"limit":"high"}"#);
    let message = &letter.letter.message;
    assert!(message.contains("`careful`") && message.contains("flows.yaml:"), "{message}");
    assert!(world.system.seen("POST /a").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_mended_is_read_again() {
    for (limit, sent) in [(3, 1), (1, 0)] {
        let (world, careful) = emitted().await;
        let letter = world.open_letters().await.remove(0);
        let mended = format!(r#"{{"n":1,"limit":{limit}}}"#);
        let mended = sinew_stdx::Json::from_printed(mended);
        world.engine.edit_letter(letter.letter.id, mended).await.unwrap();
        world.replay(&letter).await;
        world.until(careful, RunStatus::Finished).await;
        assert_eq!(world.system.seen("POST /a").len(), sent, "limit {limit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_at_rest_as_soon_as_the_last_run_is() {
    let world = World::with(EMITS).await;
    let gate = world.system.holds("POST /b", 200, "{}");
    world.start("plain", r#"{"n":1}"#).await;
    world.system.until_seen("POST /b", 1).await;
    let engine = world.engine.clone();
    let stopped = tokio::spawn(async move { engine.stop(PATIENCE).await });
    gate.open();
    assert!(tokio::time::timeout(PATIENCE, stopped).await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emission_that_a_crash_repeats_is_heard_once() {
    let flows = "
kind: Flow
name: tells
OWNER
trigger: manual
steps:
  - told: { emit: { event: go }}
  - read: { call: system.list, with: { from: '1' } }
---
kind: Flow
name: hears
OWNER
trigger: manual
steps:
  - first: { wait: { event: go }}
  - second: { wait: { event: go }}
";
    let world = World::with(flows).await;
    let hears = world.start("hears", "{}").await;
    world.until(hears, RunStatus::Waiting).await;
    let gate = world.system.holds("GET /list", 200, r#"{"rows":[]}"#);
    let tells = world.start("tells", "{}").await;
    // That it has told is known in memory only: before a read nothing needs to be written.
    world.system.until_seen("GET /list", 1).await;
    let (world, at_rest) = world.again(Duration::ZERO).await;
    assert!(!at_rest);
    gate.open();
    world.until(tells, RunStatus::Finished).await;
    world.until(hears, RunStatus::Waiting).await;
    let last = world.last_record(hears).await;
    assert!(last.starts_with(r#"Parked { step: "second""#), "{last}");
    world.engine.emit("go".into(), None, sinew_stdx::Json::null(), crate::world::user()).await.unwrap();
    world.until(hears, RunStatus::Finished).await;
}
