//! 25 kills at random moments; five hundred are `cargo xtask soak kills`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use sinew_e2e::soak::{self, SoakOptions};

#[test]
fn nothing_is_lost_or_doubled_by_kills_at_random_moments() {
    let chance = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = std::env::var("SINEW_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(chance.as_millis() as u64);
    println!("seed {seed}; SINEW_TEST_SEED={seed} repeats it");
    let report = soak::run(SoakOptions { kills: 25, seed }, &mut |line| println!("{line}"));
    println!("{report}");
    assert!(report.wrong.is_empty() && report.account.adds_up(), "seed {seed}:\n{report}");
    assert!(
        report.account.lines.iter().any(|line| line.sent.len() > 20),
        "hardly anything was tried:\n{report}"
    );
}
