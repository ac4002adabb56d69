use std::path::PathBuf;

/// Why a task did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was called wrongly.
    #[error("{0}")]
    Usage(String),
    /// Something it needs is not there.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// The thing.
        what: String,
        /// How to get it.
        remedy: String,
    },
    /// A program could not be started.
    #[error("`{command}` cannot be started: {cause}")]
    NotStarted {
        /// The command line.
        command: String,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// A program ended with a failure.
    #[error("`{command}` ended with {status}")]
    Failed {
        /// The command line.
        command: String,
        /// Its exit status.
        status: std::process::ExitStatus,
    },
    /// A file could not be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// A program or file said something that was not understood.
    #[error("{what} is not as expected: {cause}")]
    Unreadable {
        /// What was read.
        what: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The repository is not tidy.
    #[error("{0} finding(s); see above")]
    Untidy(usize),
    /// Something was left out although everything is required.
    #[error("{0} test(s) were skipped, and SINEW_TEST_REQUIRE=all allows none")]
    Skipped(usize),
    /// A stage of several failed.
    #[error("stage `{stage}` failed: {cause}")]
    Stage {
        /// The stage.
        stage: &'static str,
        /// Why.
        cause: Box<Error>,
    },
}

impl Error {
    /// 2 for a wrong call, a program's own code if it is all that was run, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed { status, .. } => {
                status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1).max(1)
            }
            _ => 1,
        }
    }
}
