use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde_json::json;
use sinew_diag::codes::control;
use sinew_sandbox::{
    Sandbox, SandboxOptions, StartError, WebhookScheme, WebhookTarget, write_contacts_csv,
    write_contacts_ndjson,
};

use super::waiting;
use crate::cli::{Contacts, ContactsFormat, OutputArg, SandboxTask, SandboxVerb};
use crate::error::{CliError, Exit};
use crate::output::Output;

/// Runs simulated vendors until it is told to stop, or writes their data.
pub fn run(verb: SandboxVerb, to: &OutputArg, output: &Output) -> Result<Exit, CliError> {
    if let Some(SandboxTask::Contacts(contacts)) = verb.task {
        return write_contacts(&contacts, to, output);
    }
    let given = verb.options;
    let target = |url: &String| WebhookTarget {
        url: url.clone(),
        secret: given.webhook_secret.clone(),
        scheme: WebhookScheme::Hmac,
        automatic: Vec::new(),
    };
    let options = SandboxOptions {
        listen: given.listen,
        seed: given.seed,
        truth_log: given.truth_log.clone(),
        webhook_targets: given.webhook.iter().map(target).collect(),
        ..SandboxOptions::default()
    };
    let sandbox = Sandbox::start(options)
        .map_err(|e| not_started(&e).help("choose another address with `--listen`"))?;
    let url = sandbox.url();
    let vendors = sandbox.vendors();
    output.answer(&json!({ "ready": true, "url": url, "vendors": vendors }), || {
        format!("simulated vendors at {url} ({}); control at {url}/_control", vendors.join(", "))
    });
    waiting(crate::serve::asked_to_stop())?;
    sandbox.stop();
    Ok(Exit::Ok)
}

/// Why the vendors did not start.
pub fn not_started(error: &StartError) -> CliError {
    let cause = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let message = format!("the sandbox did not start: {error}{cause}");
    CliError::new(Exit::Machine, control::CANNOT_LISTEN, message)
}

/// Contacts written between two steps of the progress bar.
const STEP: u64 = 1000;

fn write_contacts(contacts: &Contacts, to: &OutputArg, output: &Output) -> Result<Exit, CliError> {
    let OutputArg::File(path) = to else {
        let written = write(contacts, BufWriter::new(io::stdout().lock()));
        return match written {
            Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                Err(CliError::usage(format!("standard output: {e}")))
            }
            _ => Ok(Exit::Ok),
        };
    };
    let file = File::create(path).map_err(|e| CliError::file(path, &e))?;
    let bar = output.progress(contacts.count, "contacts");
    let counted = CountLines { to: BufWriter::new(file), lines: 0, bar: bar.clone() };
    write(contacts, counted).map_err(|e| CliError::file(path, &e))?;
    bar.finish_and_clear();
    let told = json!({ "file": path.display().to_string(), "count": contacts.count, "seed": contacts.seed });
    output.answer(&told, || format!("{} contacts in {}", contacts.count, path.display()));
    Ok(Exit::Ok)
}

fn write(contacts: &Contacts, out: impl Write) -> io::Result<()> {
    match contacts.format {
        ContactsFormat::Csv => write_contacts_csv(out, contacts.seed, contacts.count),
        ContactsFormat::Ndjson => write_contacts_ndjson(out, contacts.seed, contacts.count),
    }
}

/// Moves the bar as lines go by.
struct CountLines<W> {
    to: W,
    lines: u64,
    bar: indicatif::ProgressBar,
}

impl<W: Write> Write for CountLines<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let before = self.lines / STEP;
        self.lines += u64::from(bytes.ends_with(b"\n"));
        if self.lines / STEP > before {
            self.bar.set_position(self.lines);
        }
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
