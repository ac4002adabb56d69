use std::time::{Duration, Instant};

/// How often a condition outside this process is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Looks until `look` gives something, for at most `patience`; then panics, saying `what` never came.
///
/// Other processes do not tell when they are done, so somebody has to look. Nothing is ever assumed to be done after a
/// time.
pub fn until<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < patience, "waited {patience:?} in vain for {what}");
        #[expect(
            clippy::disallowed_methods,
            reason = "between two looks at another process; never instead of a look"
        )]
        std::thread::sleep(LOOK_EVERY);
    }
}
