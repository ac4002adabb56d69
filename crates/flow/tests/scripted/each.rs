use std::time::Duration;

use sinew_flow::{LetterDetail, Refusal};
use sinew_flow_core::Decision;
use sinew_store::{DeadLetter, Journal, RunId, RunStatus};

use crate::system::PATIENCE;
use crate::world::{World, user};

/// An `each`, with its source and these steps.
fn each(source: &str, steps: &str) -> String {
    let steps = steps.trim_end();
    format!(
        "
kind: Flow
name: many
OWNER
trigger: manual
steps:
  - all:
      each:
        {source}
        steps:
{steps}
result: all
"
    )
}

const ITEMS: &str = "items: trigger.items";
const PAGES: &str = "concurrency: 3
        pages: { call: system.list, retry: { attempts: 8, base: 1h, max: 1h } }";

const TWO_WRITES: &str = "
          - a: { call: system.a, with: { n: item } }
          - b: { call: system.b, with: { n: item } }";
const RETRIED: &str =
    "          - a: { call: system.a, with: { n: item }, retry: { attempts: 8, base: 1h, max: 1h } }";

/// Waits until a run has heard what it was told before: it hears one thing after another.
async fn heard(world: &World, run: RunId) {
    for _ in 0..3 {
        tokio::task::yield_now().await;
        let decision = Decision { approved: true, by: "dana".into(), note: None };
        assert!(matches!(world.engine.decide(run, None, decision).await, Err(Refusal::Conflict(_))));
    }
}

#[tokio::test]
async fn a_cancelled_run_sends_nothing_more_of_an_item_that_it_began() {
    let world = World::with(&each(ITEMS, TWO_WRITES)).await;
    let gate = world.system.holds("POST /a", 200, "{}");
    let run = world.start("many", r#"{"items":[1]}"#).await;
    world.system.until_seen("POST /a", 1).await;
    let engine = world.engine.clone();
    let cancelled = tokio::spawn(async move { engine.cancel(run, user()).await });
    heard(&world, run).await;
    gate.open();
    cancelled.await.unwrap().unwrap();
    world.until(run, RunStatus::Cancelled).await;
    assert!(world.system.seen("POST /b").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_waits_for_a_retry_does_not_hold_up_a_cancel() {
    let world = World::with(&each(ITEMS, RETRIED)).await;
    world.system.answers("POST /a", 503, "{}");
    let run = world.start("many", r#"{"items":[1]}"#).await;
    world.system.until_seen("POST /a", 1).await;
    tokio::time::timeout(PATIENCE, world.engine.cancel(run, user())).await.unwrap().unwrap();
    world.until(run, RunStatus::Cancelled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_waits_for_a_retry_does_not_hold_up_a_stop_and_goes_on_after_it() {
    let world = World::with(&each(ITEMS, RETRIED)).await;
    world.system.answers("POST /a", 503, "{}");
    let run = world.start("many", r#"{"items":[1]}"#).await;
    world.system.until_seen("POST /a", 1).await;
    world.system.answers("POST /a", 200, "{}");
    let (world, at_rest) = world.again(PATIENCE).await;
    assert!(at_rest);
    world.until(run, RunStatus::Finished).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_lets_an_item_end_whose_write_cannot_be_sent_again() {
    let writes = "
          - a: { call: system.once, with: { n: item } }
          - b: { call: system.b, with: { n: item } }";
    let world = World::with(&each(ITEMS, writes)).await;
    let gate = world.system.holds("POST /once", 200, "{}");
    let run = world.start("many", r#"{"items":[1,2,3]}"#).await;
    world.system.until_seen("POST /once", 1).await;
    let engine = world.engine.clone();
    let stopped = tokio::spawn(async move { engine.stop(PATIENCE).await });
    until_stopping(&world).await;
    gate.open();
    assert!(stopped.await.unwrap());
    let (world, _) = world.again(PATIENCE).await;
    world.until(run, RunStatus::Finished).await;
    assert_eq!((world.system.seen("POST /once").len(), world.open_letters().await.len()), (3, 0));
}

/// Looks until the engine takes no more work.
async fn until_stopping(world: &World) {
    let begin = tokio::time::Instant::now();
    while world.engine.submit(Vec::new(), None).await.is_ok() {
        assert!(begin.elapsed() < PATIENCE, "it does not stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_being_retried_is_read_after_the_restart() {
    let world = World::with(&each(PAGES, RETRIED)).await;
    world.system.answers("GET /list", 503, "{}");
    let run = world.start("many", "{}").await;
    world.system.until_seen("GET /list", 1).await;
    world.system.answers("GET /list", 200, r#"{"rows":[1,2],"next":null}"#);
    let (world, at_rest) = world.again(PATIENCE).await;
    assert!(at_rest);
    world.until(run, RunStatus::Finished).await;
    assert!(world.last_record(run).await.contains(r#"{"total":2,"ok":2,"failed":0}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn items_go_on_while_the_next_page_is_awaited() {
    let world = World::with(&each(PAGES, TWO_WRITES)).await;
    world.system.answers("GET /list", 200, r#"{"rows":[1,2],"next":"second"}"#);
    let gate = world.system.holds("GET /list?from=second", 200, r#"{"rows":[3],"next":null}"#);
    let run = world.start("many", "{}").await;
    world.system.until_seen("GET /list?from=second", 1).await;
    world.system.until_seen("POST /b", 2).await;
    until_watermark(&world, run, 2).await;
    gate.open();
    world.until(run, RunStatus::Finished).await;
    assert_eq!(world.system.seen("POST /b").len(), 3);
}

/// Looks until so many items are durably done.
async fn until_watermark(world: &World, run: RunId, wanted: u64) {
    let begin = tokio::time::Instant::now();
    loop {
        let stored = world.store.load(run).await.unwrap().unwrap();
        let kept = stored.checkpoints.first().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        let progress: serde_json::Value = serde_json::from_slice(kept).unwrap_or_default();
        if progress["watermark"].as_u64() == Some(wanted) {
            return;
        }
        assert!(begin.elapsed() < PATIENCE, "{progress}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_letter_of_pages_that_cannot_be_read_has_the_attempts() {
    let pages = "pages: { call: system.list, retry: { attempts: 3, base: 1ms, max: 2ms } }";
    let world = World::with(&each(pages, TWO_WRITES)).await;
    world.system.answers("GET /list", 503, r#"{"error":"closed"}"#);
    let run = world.start("many", "{}").await;
    world.until(run, RunStatus::Dead).await;
    let letter = only_letter(&world).await;
    assert_eq!(detail(&letter).attempts.len(), 3);
}

async fn only_letter(world: &World) -> DeadLetter {
    let mut letters = world.open_letters().await;
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

fn detail(letter: &DeadLetter) -> LetterDetail {
    letter.letter.detail.to().unwrap()
}

const CHANCE: &str = "
          - a: { call: system.a, with: { at: $millis(), r: $random(), u: $uuid(), n: item } }
          - b: { call: system.b, with: { at: $millis(), r: $random(), u: $uuid(), n: item } }";

/// What was asked twice was asked in the same words, key and body.
async fn check_same_twice(world: &World, asked: &str) {
    let seen = world.system.until_seen(asked, 2).await;
    assert_eq!(seen[0], seen[1]);
    assert!(!seen[0].contains(" - "), "it has a key: {seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_runs_again_after_a_crash_sends_the_same() {
    let world = World::with(&each(ITEMS, CHANCE)).await;
    let gate = world.system.holds("POST /b", 200, "{}");
    let run = world.start("many", r#"{"items":[1]}"#).await;
    world.system.until_seen("POST /b", 1).await;
    let (world, at_rest) = world.again(Duration::ZERO).await;
    assert!(!at_rest, "it was under way");
    gate.open();
    world.until(run, RunStatus::Finished).await;
    check_same_twice(&world, "POST /a").await;
    check_same_twice(&world, "POST /b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_replayed_sends_the_same() {
    let world = World::with(&each(ITEMS, CHANCE)).await;
    world.system.answers("POST /b", 422, "{}");
    let run = world.start("many", r#"{"items":[1]}"#).await;
    world.until(run, RunStatus::Finished).await;
    world.system.answers("POST /b", 200, "{}");
    let run = world.replay(&only_letter(&world).await).await;
    world.until(run, RunStatus::Finished).await;
    check_same_twice(&world, "POST /a").await;
    check_same_twice(&world, "POST /b").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_dies_again_is_replayed_as_it_was_edited() {
    let steps = "
          - twice: { map: item.n * 2 }
          - a: { call: system.a, with: { n: twice } }";
    let world = World::with(&each(ITEMS, steps)).await;
    let run = world.start("many", r#"{"items":[{"n":"x"}]}"#).await;
    world.until(run, RunStatus::Finished).await;
    let run = world.replay(&only_letter(&world).await).await;
    world.until(run, RunStatus::Dead).await;
    let letter = only_letter(&world).await;
    let edited = sinew_stdx::Json::from_printed(r#"{"n":21}"#);
    world.engine.edit_letter(letter.letter.id, edited).await.unwrap();
    world.replay(&letter).await;
    world.until(run, RunStatus::Finished).await;
    let sent = world.system.seen("POST /a");
    assert!(sent.len() == 1 && sent[0].ends_with(r#"{"n":42}"#), "{sent:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_collected_is_bounded_in_bytes_and_a_replay_does_not_lose_some() {
    let collecting = format!("{ITEMS}\n        collect: true\n        concurrency: 1");
    let steps = "          - v: { map: \"$pad('', 1048576, 'x')\" }";
    let world = World::with(&each(&collecting, steps)).await;
    let run = world.start("many", r#"{"items":[1,2,3,4,5]}"#).await;
    world.until(run, RunStatus::Dead).await;
    let letter = only_letter(&world).await;
    assert_eq!(&*letter.letter.code, "SNW-3011");
    world.replay(&letter).await;
    until_another_letter(&world, &letter).await;
}

async fn until_another_letter(world: &World, first: &DeadLetter) {
    let begin = tokio::time::Instant::now();
    loop {
        let letters = world.open_letters().await;
        if let Some(other) = letters.iter().find(|letter| letter.letter.id != first.letter.id) {
            assert_eq!(other.letter.code, first.letter.code);
            return;
        }
        assert!(begin.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_could_not_be_reduced_is_not_left_out_by_a_replay() {
    let reducing = format!(
        "{ITEMS}\n        concurrency: 1\n        reduce: {{ start: 0, with: 'result = 2 ? $error(\"no\") : acc + result' }}"
    );
    let world = World::with(&each(&reducing, "          - v: { map: item }")).await;
    let run = world.start("many", r#"{"items":[1,2]}"#).await;
    world.until(run, RunStatus::Dead).await;
    let letter = only_letter(&world).await;
    world.replay(&letter).await;
    until_another_letter(&world, &letter).await;
}
