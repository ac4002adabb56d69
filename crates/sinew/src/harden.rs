use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Sees to it that the memory of this process, in which secrets are, gets into no file when it crashes, and that other
/// processes of the same user do not read it. `SINEW_ALLOW_DUMPS=1` leaves both as they are, for debugging.
pub fn no_dumps() {
    if std::env::var_os("SINEW_ALLOW_DUMPS").is_some_and(|value| value == "1") {
        return;
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps cannot be switched off; they would hold secrets");
    }
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "this process cannot be kept from being read by others of the same user");
    }
}
