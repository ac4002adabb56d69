use std::time::Duration;

use sinew_store::{Cursors, RunStatus};

use crate::world::{Ground, World, until};

const MINUTES: Duration = Duration::from_mins(1);

fn flow(missed: &str) -> String {
    format!(
        "
kind: Flow
name: report
OWNER
trigger: {{ schedule: {{ cron: '*/10 * * * *', missed: {missed} }} }}
steps:
  - got: {{ map: trigger }}
"
    )
}

/// A schedule that was down for 35 minutes: due at 14:20, 14:30, 14:40, started again at 14:48:20. Its runs, once all
/// fires are done with.
async fn check(missed: &str, count: usize) -> Vec<serde_json::Value> {
    let flow = flow(missed);
    let world = World::with(&flow).await;
    // The schedule has to have begun before it can miss anything.
    world.until_done_through("2026-09-21T14:13:20Z").await;
    let world = world.again(35 * MINUTES, &Ground::default(), &flow).await;
    world.until_done_through("2026-09-21T14:40:00Z").await;
    let payloads = world.payloads("report", count).await;
    let world = world.again(MINUTES, &Ground::default(), &flow).await;
    assert_eq!(world.runs("report").await.len(), count, "a restart fires nothing again");
    payloads
}

impl World {
    /// Looks until all fires up to an instant are done with.
    async fn until_done_through(&self, instant: &str) {
        let expected = instant.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        until(|| async {
            let kept = self.store.cursor("schedule:report".into()).await.unwrap()?;
            let standing: serde_json::Value = serde_json::from_str(&kept).unwrap();
            (standing["through_ms"].as_i64() == Some(expected)).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_fires_are_one_run_for_all() {
    let payloads = check("once", 1).await;
    assert_eq!(payloads[0]["scheduled_at"], "2026-09-21T14:40:00.000Z");
    assert_eq!(
        (&payloads[0]["missed"], &payloads[0]["fired_at"]),
        (&3.into(), &"2026-09-21T14:48:20.000Z".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_fires_are_one_run_each_oldest_first() {
    let payloads = check("all", 3).await;
    let times: Vec<&str> = payloads.iter().map(|p| &p["scheduled_at"].as_str().unwrap()[11..16]).collect();
    assert_eq!(times, ["14:20", "14:30", "14:40"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_fires_are_skipped() {
    assert!(check("skip", 0).await.is_empty());
}

/// A clock that ran two days ahead and was put right: how many runs there are once it is 14:20 again.
async fn check_jump(missed: &str, during: usize, after: usize) {
    let (flow, days) = (flow(missed), Duration::from_hours(48));
    let world = World::with(&flow).await;
    world.until_done_through("2026-09-21T14:13:20Z").await;
    let world = world.again(days, &Ground::default(), &flow).await;
    world.until_done_through("2026-09-23T14:10:00Z").await;
    assert_eq!(world.payloads("report", during).await.len(), during);
    world.set_back(days);
    let world = world.again(Duration::ZERO, &Ground::default(), &flow).await;
    world.until_done_through("2026-09-21T14:13:20Z").await;
    let world = world.again(7 * MINUTES, &Ground::default(), &flow).await;
    world.until_done_through("2026-09-21T14:20:00Z").await;
    assert_eq!(world.payloads("report", after).await.len(), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_goes_on_after_the_clock_was_far_ahead() {
    check_jump("skip", 0, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fired_while_the_clock_was_ahead_does_not_fire_again() {
    check_jump("all", 288, 288).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_loses_doubles_and_reorders_no_runs() {
    let flow = "
kind: Flow
name: orders
OWNER
trigger: { webhook: { verify: none, key: customer, dedupe: id } }
steps:
  - rest: { wait: { for: 1m } }
  - got: { map: { id: trigger.id } }
";
    let (ground, day) = (Ground::default(), Duration::from_hours(24));
    let send = async |world: &World, id: u32| {
        let body = format!(r#"{{"customer":"c","id":{id}}}"#);
        let answer = world.post("/hooks/orders", &[], &body).await;
        (answer.status, answer.json()["run"].as_str().unwrap().to_owned())
    };
    let world = World::with(flow).await;
    let (accepted, first) = send(&world, 1).await;
    world.set_back(day);
    let (taken, second) = send(&world, 2).await;
    assert_eq!((accepted, taken), (202, 202));
    assert_eq!(send(&world, 1).await, (200, first.clone()));

    let world = world.again(Duration::ZERO, &ground, flow).await;
    assert_eq!(send(&world, 2).await, (200, second.clone()), "remembered through a restart, a day before");
    assert!(first < second, "ids ascend by acceptance");
    let world = world.again(day + MINUTES, &ground, flow).await;
    let done = until(|| async {
        let runs = world.runs("orders").await;
        runs.iter().all(|run| run.status == RunStatus::Finished).then_some(runs)
    })
    .await;
    let done: Vec<String> = done.iter().map(|run| run.run.to_string()).collect();
    assert_eq!(done, [second, first], "newest first, each once");
}
