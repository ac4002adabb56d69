//! 20 rounds of the refresh race; two hundred are `cargo xtask soak refresh`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use sinew_e2e::refresh::{self, RefreshOptions};

#[test]
fn a_session_is_renewed_once_however_many_want_it_and_never_lost_unsaid() {
    let chance = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = std::env::var("SINEW_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or(chance.as_millis() as u64);
    println!("seed {seed}; SINEW_TEST_SEED={seed} repeats it");
    let report = refresh::run(RefreshOptions { rounds: 20, seed }, &mut |line| println!("{line}"));
    println!("{report}");
    assert!(report.wrong.is_empty(), "seed {seed}:\n{report}");
    assert!(report.refreshes >= 10, "hardly anything was tried:\n{report}");
}
