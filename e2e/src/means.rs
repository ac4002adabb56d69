use std::io::Write as _;
use std::process::Command;

/// Notes that a test cannot run here, and why. Where everything is required this is a failure.
pub(crate) fn missing(test: &str, why: &str) {
    assert!(
        std::env::var("SINEW_TEST_REQUIRE").as_deref() != Ok("all"),
        "{test} cannot run here: {why}; SINEW_TEST_REQUIRE=all allows no skips"
    );
    if let Some(path) = std::env::var_os("SINEW_TEST_SKIPS") {
        let file = std::fs::File::options().create(true).append(true).open(path);
        let noted = file.and_then(|mut file| writeln!(file, "{test}: {why}"));
        noted.expect("the list of skips can be written");
    }
}

/// Set in the run of a test that [`may_mount`] began.
const NAMESPACE: &str = "SINEW_TEST_NAMESPACE";

/// Whether the caller may mount file systems. If only a mount namespace of its own allows that, the test (by its path
/// in the test binary) is run whole in one, and this answers `false`: there is nothing left to do.
pub fn may_mount(test: &str) -> bool {
    let works = |arguments: &[&str]| {
        let tried = Command::new("unshare").args(arguments).arg("true").output();
        tried.is_ok_and(|output| output.status.success())
    };
    if std::env::var_os(NAMESPACE).is_some() || works(&["--mount"]) {
        return true;
    }
    let own = ["--user", "--map-root-user", "--mount"];
    if !works(&own) {
        missing(test, "only root may mount here, and no user namespace can be made");
        return false;
    }
    let binary = std::env::current_exe().expect("a test knows its binary");
    let mut command = Command::new("unshare");
    command.args(own).arg(binary).args(["--exact", test, "--nocapture"]).env(NAMESPACE, "1");
    let status = command.status().expect("unshare has just worked");
    assert!(status.success(), "{test} failed in a namespace of its own: {status}");
    false
}
