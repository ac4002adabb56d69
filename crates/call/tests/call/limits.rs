//! Budgets, pauses, deadlines and the breaker.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use sinew_call::BreakerState;
use sinew_model::{Breaker, Reason, Snapshot};

use crate::fixture::{Fixture, read, write};
use crate::server::{Act, Server, answer, ok};

#[tokio::test]
async fn being_told_to_wait_holds_the_whole_connection() {
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_mins(1));
    for headers in [
        vec![("retry-after", "60")],
        vec![("retry-after", date.as_str())],
        vec![("ratelimit", "\"default\";r=0;t=60")],
        vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")],
    ] {
        let server = Server::acting([answer(429, &headers, ""), ok("1")]).await;
        let fixture = Fixture::new(&server);
        let request = fixture.request(read(), "{}");
        for code in ["SNW-2030", "SNW-2031"] {
            let failure = fixture.caller.attempt(&request).await.outcome.unwrap_err();
            assert_eq!((failure.reason, &*failure.code), (Reason::RateLimited, code));
            let wait = failure.retry_after.unwrap();
            assert!(
                wait > Duration::from_secs(50) && wait <= Duration::from_mins(1),
                "{headers:?}: {wait:?}"
            );
        }
        assert_eq!(server.arrived().len(), 1);
        assert!(fixture.caller.health(&request.connection.name).paused_for.is_some());
    }
}

#[tokio::test]
async fn a_403_with_a_spent_limit_means_too_often() {
    let headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "30")];
    let server = Server::acting([answer(403, &headers, "")]).await;
    let failure = Fixture::new(&server).call(read(), "{}").await.outcome.unwrap_err();
    assert_eq!((failure.reason, failure.retry_after), (Reason::RateLimited, Some(Duration::from_secs(30))));
}

#[tokio::test]
async fn a_reload_keeps_the_budget_of_the_account() {
    let server = Server::acting([ok("1")]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.budget = Some("1/m".parse().unwrap());
    let mut request = fixture.request(read(), "{}");
    assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
    request.connection = Arc::new(fixture.connection.clone());
    let name = request.connection.name.clone();
    let snapshot = Snapshot {
        connections: [(name.clone(), Arc::clone(&request.connection))].into(),
        ..Snapshot::default()
    };
    fixture.caller.forget(&snapshot);
    assert_eq!(fixture.caller.attempt(&request).await.outcome.unwrap_err().reason, Reason::RateLimited);
    fixture.caller.forget(&Snapshot::default());
    assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
}

#[tokio::test]
async fn a_system_that_keeps_failing_is_left_alone_until_one_call_gets_through() {
    let server = Server::acting([answer(503, &[], ""), answer(503, &[], ""), ok("1")]).await;
    let mut fixture = Fixture::new(&server);
    fixture.connection.breaker =
        Breaker { failures: NonZeroU32::new(2).unwrap(), open_for: Duration::from_millis(50) };
    let request = fixture.request(read(), "{}");
    let mut closed_for = None;
    for reason in [Reason::Unavailable, Reason::Unavailable, Reason::BreakerOpen] {
        let failure = fixture.caller.attempt(&request).await.outcome.unwrap_err();
        assert_eq!(failure.reason, reason);
        assert_eq!(failure.retry_after.is_some(), reason == Reason::BreakerOpen);
        closed_for = failure.retry_after;
    }
    assert!(matches!(fixture.caller.health(&request.connection.name).breaker, BreakerState::Open { .. }));
    // As long as it was told, and no longer.
    tokio::time::sleep(closed_for.unwrap()).await;
    assert!(fixture.caller.attempt(&request).await.outcome.is_ok());
    let kinds = fixture.recorder.kinds();
    let news: Vec<_> = kinds.iter().filter(|kind| kind.starts_with("breaker")).collect();
    assert_eq!(news, [&"breaker opened", &"breaker closed"]);
}

#[tokio::test]
async fn the_callers_deadline_ends_everything() {
    let server = Server::acting([Act::Hang]).await;
    let fixture = Fixture::new(&server);
    let mut request = fixture.request(write(), "{}");
    request.deadline = Some(Duration::from_millis(80));
    let begun = std::time::Instant::now();
    let failure = fixture.caller.attempt(&request).await.outcome.unwrap_err();
    assert_eq!((failure.reason, &*failure.code), (Reason::Unknown, "SNW-2005"));
    assert!(begun.elapsed() < Duration::from_secs(2));
}
