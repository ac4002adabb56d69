use std::io::Write as _;

/// A test's means are not there; it was noted as skipped.
#[derive(Debug)]
pub struct Missing;

/// Notes that a test cannot run here, and why. Where everything is required this is a failure.
pub fn missing(test: &str, why: &str) -> Missing {
    assert!(
        std::env::var("SINEW_TEST_REQUIRE").as_deref() != Ok("all"),
        "{test} cannot run here: {why}; SINEW_TEST_REQUIRE=all allows no skips"
    );
    if let Some(path) = std::env::var_os("SINEW_TEST_SKIPS") {
        let file = std::fs::File::options().create(true).append(true).open(path);
        let noted = file.and_then(|mut file| writeln!(file, "{test}: {why}"));
        noted.expect("the list of skips can be written");
    }
    Missing
}
