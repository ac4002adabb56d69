use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use sinew_control_api::{Finding, Problem};
use sinew_diag::Code;
use sinew_diag::codes::control;
use sinew_store::StoreError;

use crate::output::{Format, Output};

/// How the program ends. docs/cli.md explains the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Something was found to be wrong, or what was waited for failed.
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// The server refused: no such thing, wrong state, no token.
    Refused = 4,
    /// The store cannot be used.
    Store = 5,
    /// A file, folder or address cannot be used.
    Machine = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked. Boxed, because it travels through everything that may fail.
#[derive(Debug)]
pub struct CliError(Box<Told>);

/// What people read on standard error.
#[derive(Debug)]
pub struct Told {
    /// How the program ends.
    pub exit: Exit,
    /// The stable code.
    pub code: String,
    /// What happened, in one sentence.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// What the server's log knows the request by.
    pub correlation_id: Option<String>,
    /// What is wrong with a project.
    pub findings: Vec<Finding>,
}

impl CliError {
    /// An error with exit code, code and sentence.
    pub fn new(exit: Exit, code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Told {
            exit,
            code: code.to_string(),
            message: message.into(),
            help: None,
            correlation_id: None,
            findings: Vec::new(),
        }))
    }

    /// Arguments that do not fit.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, control::USAGE, message)
    }

    /// A file that cannot be used.
    pub fn file(path: &Path, error: &io::Error) -> Self {
        Self::new(Exit::Machine, control::FILE_FAILED, format!("{}: {error}", path.display()))
    }

    /// The same, saying how to mend it.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// What a server answered instead of doing it.
    pub fn refused(problem: Problem) -> Self {
        let exit = match problem.status {
            400 | 413 => Exit::Usage,
            500.. if problem.code.starts_with("SNW-5") => Exit::Store,
            _ if problem.code == control::PROJECT_INVALID.as_str() => Exit::Failed,
            500.. => Exit::Failed,
            _ => Exit::Refused,
        };
        Self(Box::new(Told {
            exit,
            code: problem.code,
            message: problem.detail,
            help: problem.help,
            correlation_id: Some(problem.correlation_id),
            findings: problem.findings,
        }))
    }

    /// Says it on standard error.
    pub fn tell(&self, output: &Output) {
        if output.format == Format::Json {
            let whole = json!({
                "error": {
                    "code": self.code, "message": self.message, "help": self.help,
                    "correlation_id": self.correlation_id, "findings": self.findings,
                }
            });
            return output.tell(&whole.to_string());
        }
        let mut text = format!("{}: {}", output.alarm(&format!("error[{}]", self.code)), self.message);
        for finding in &self.findings {
            let place = finding.place.as_ref().map(|p| format!("{}:{}:{}: ", p.file, p.line, p.column));
            let help = finding.help.as_ref().map(|help| format!(" (help: {help})"));
            let (place, help) = (place.unwrap_or_default(), help.unwrap_or_default());
            let _ =
                write!(text, "\n  {}[{}] {place}{}{help}", finding.severity, finding.code, finding.message);
        }
        if let Some(help) = &self.help {
            let _ = write!(text, "\n  help: {help}");
        }
        if let Some(id) =
            self.correlation_id.as_ref().filter(|_| self.exit == Exit::Failed && self.findings.is_empty())
        {
            let _ = write!(text, "\n  in the server's log: {id}");
        }
        let _ = write!(text, "\n  more: sinew explain {}", self.code);
        output.tell(&text);
    }
}

impl std::ops::Deref for CliError {
    type Target = Told;

    fn deref(&self) -> &Told {
        &self.0
    }
}

impl std::ops::DerefMut for CliError {
    fn deref_mut(&mut self) -> &mut Told {
        &mut self.0
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let help = match &error {
            StoreError::Locked(_) => Some("stop the other process, or use another folder with `--data`"),
            StoreError::Newer { .. } => {
                Some("use the later version again, or restore a backup made by this one")
            }
            StoreError::Full(_) => Some("make room on the disk; nothing acknowledged is lost"),
            StoreError::Damaged { .. } => Some("check the path; if it is a store, restore the last backup"),
            _ => None,
        };
        let text = error.to_string();
        let mut told = Self::new(Exit::Store, sinew_flow::Refusal::from(error).code(), text);
        told.help = help.map(str::to_owned);
        told
    }
}

impl From<sinew_control::Fault> for CliError {
    fn from(fault: sinew_control::Fault) -> Self {
        let mut error = Self::new(Exit::Failed, fault.code, fault.detail);
        error.help = fault.help.map(std::borrow::Cow::into_owned);
        error.findings = fault.findings;
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, code: &str) -> Exit {
        CliError::refused(Problem { status, code: code.to_owned(), ..Problem::default() }).exit
    }

    #[test]
    fn what_the_server_answers_decides_the_exit_code() {
        assert_eq!(check(400, "SNW-6002"), Exit::Usage);
        assert_eq!(check(401, "SNW-6001"), Exit::Refused);
        assert_eq!(check(404, "SNW-5008"), Exit::Refused);
        assert_eq!(check(409, "SNW-3014"), Exit::Refused);
        assert_eq!(check(422, "SNW-6007"), Exit::Failed);
        assert_eq!(check(503, "SNW-5001"), Exit::Store);
        assert_eq!(check(500, "SNW-6009"), Exit::Failed);
    }
}
