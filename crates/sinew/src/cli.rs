use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use sinew_stdx::parse_duration;

use crate::error::CliError;
use crate::output::Format;

/// Integrations that run unattended and lose nothing.
#[derive(Parser, Debug)]
#[command(name = "sinew", version, about, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub shared: Shared,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What holds for every command.
#[derive(Args, Clone, Debug)]
pub struct Shared {
    /// What answers look like: `text` or `json`. (`sandbox contacts` takes a file here.)
    #[arg(long, global = true, value_name = "text|json", default_value = "text", env = "SINEW_OUTPUT")]
    pub output: OutputArg,
    /// The control API of the server to ask; its token comes from `SINEW_TOKEN`, else from the data folder.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:7401",
        env = "SINEW_SERVER"
    )]
    pub server: String,
    /// The server's data folder: the store and the control API's token.
    #[arg(long, global = true, value_name = "DIR", default_value = ".sinew", env = "SINEW_DATA")]
    pub data: PathBuf,
}

/// What stands after `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputArg {
    /// What answers look like.
    Format(Format),
    /// Where something is written.
    File(PathBuf),
}

impl std::str::FromStr for OutputArg {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "text" => Self::Format(Format::Text),
            "json" => Self::Format(Format::Json),
            file => Self::File(PathBuf::from(file)),
        })
    }
}

impl Cli {
    /// What answers look like; only what writes a file takes the name of one.
    pub fn format(&self) -> Result<Format, CliError> {
        let writes =
            matches!(&self.verb, Verb::Sandbox(SandboxVerb { task: Some(SandboxTask::Contacts(_)), .. }));
        match &self.shared.output {
            OutputArg::Format(format) => Ok(*format),
            OutputArg::File(_) if writes => Ok(Format::Text),
            OutputArg::File(other) => {
                Err(CliError::usage(format!("`--output` is `text` or `json`, not `{}`", other.display())))
            }
        }
    }
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Make a project.
    Init(Init),
    /// Report everything that is wrong with a project.
    Validate(Validate),
    /// Run a project's integrations.
    Serve(Serve),
    /// The same, taking over each saved change.
    Dev(Dev),
    /// Start a run of a flow by hand.
    Run(Run),
    /// Look at runs.
    #[command(subcommand)]
    Runs(Runs),
    /// Work on what gave up.
    #[command(subcommand)]
    Dead(Dead),
    /// Answer a step that waits for approval.
    Approve(Approve),
    /// List what waits for approval.
    Approvals,
    /// Stop a run.
    Cancel {
        /// The run.
        run: String,
    },
    /// Send an event: starts flows, wakes runs that wait for it.
    Emit(Emit),
    /// List alerts.
    Alerts(Alerts),
    /// List flows with their counts.
    Flows,
    /// List connections and how they are.
    Connections,
    /// Print the JSON Schema of resources, for editors.
    Schema {
        /// Of one kind only, such as `Flow`.
        kind: Option<String>,
    },
    /// Map JSON or NDJSON from standard input by an expression.
    Map(Map),
    /// Explain an error code.
    Explain {
        /// The code, such as `SNW-1203` or `1203`; all are listed without one.
        code: Option<String>,
    },
    /// Copy the store of a running server.
    Backup {
        /// The new file.
        file: PathBuf,
    },
    /// Make a copy the store of the data folder, while no server uses it.
    Restore {
        /// The copy.
        file: PathBuf,
        /// Do not ask, even if there is a store already (it is kept beside).
        #[arg(long, short)]
        yes: bool,
    },
    /// Run simulated vendors, or make their data.
    Sandbox(SandboxVerb),
    /// Read the project of a running server again.
    Reload,
    /// Print the version.
    Version,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Make a project.
#[derive(Args, Debug)]
pub struct Init {
    /// The new folder.
    #[arg(default_value = ".")]
    pub dir: PathBuf,
    /// What is in it.
    #[arg(long, value_enum, default_value = "webhook")]
    pub template: Template,
}

/// What a new project has in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// A webhook that writes a note into the sandbox's CRM.
    Webhook,
    /// A report by the clock.
    Schedule,
    /// Following what changes in a system that sends no webhooks.
    Poll,
    /// Folders and an alert channel.
    Empty,
}

/// Report everything that is wrong.
#[derive(Args, Debug)]
pub struct Validate {
    /// The project's folders, taken as one; the current one if none is given.
    pub projects: Vec<PathBuf>,
    /// Files of `NAME=value` lines that add to the environment.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
}

/// Run a project's integrations.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The project's folders, taken as one; the current one if none is given.
    pub projects: Vec<PathBuf>,
    /// Where webhooks are taken.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7400", env = "SINEW_LISTEN")]
    pub listen: SocketAddr,
    /// Where the control API is; keep it on a loopback address unless the network is yours.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7401", env = "SINEW_CONTROL")]
    pub control: SocketAddr,
    /// A name, besides addresses and `localhost`, by which the control API may be called.
    #[arg(long, value_name = "NAME")]
    pub control_host: Vec<String>,
    /// How callers of webhooks reach the control API, such as `https://sinew.example.com`; runs' addresses begin with it.
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Files of `NAME=value` lines that add to the environment.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// A folder of secrets: `secret:crm/client` is the file `crm/client` in it, of mode 0600.
    #[arg(long, value_name = "DIR", env = "SINEW_SECRETS")]
    pub secrets: Option<PathBuf>,
    /// Folders that `each` steps may read files from; the project's own if none is given.
    #[arg(long, value_name = "DIR")]
    pub files: Vec<PathBuf>,
    /// Runs under way at once; more wait in the store.
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub in_flight: usize,
    /// Delete runs that ended before so long, with all that belongs to them; `off` keeps them.
    #[arg(long, value_name = "AGE", default_value = "30d", value_parser = retention)]
    pub retention: Retention,
    /// How long calls under way may take when the server is told to stop.
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = span)]
    pub drain: Duration,
    /// Threads that work; as many as the machine has cores unless said.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter such as `info,sinew_call=debug`.
    #[arg(long, value_name = "FILTER", default_value = "info", env = "SINEW_LOG")]
    pub log: String,
    /// What the log looks like.
    #[arg(long, value_enum, default_value = "plain")]
    pub log_format: LogFormat,
    /// Answer from simulated vendors in this process, with their well-known credentials.
    #[arg(long)]
    pub sandbox: bool,
}

/// The same, taking over each saved change.
#[derive(Args, Debug)]
pub struct Dev {
    /// As for `serve`.
    #[command(flatten)]
    pub serve: Serve,
}

/// What the log looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One line of text each.
    Plain,
    /// One JSON object each.
    Json,
}

/// How long what has ended is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// So long.
    For(Duration),
    /// For ever.
    Off,
}

fn retention(text: &str) -> Result<Retention, String> {
    match text {
        "off" => Ok(Retention::Off),
        _ => span(text).map(Retention::For),
    }
}

fn span(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|e| e.to_string())
}

/// Start a run by hand.
#[derive(Args, Debug)]
pub struct Run {
    /// The flow.
    pub flow: String,
    /// The payload: JSON, `@FILE` or a file's path, `-` for standard input; null unless given.
    #[arg(long, short, value_name = "JSON|@FILE|-")]
    pub input: Option<String>,
    /// Wait for its end, for so long (60s unless said); the exit code tells whether it finished.
    #[arg(long, short, value_name = "TIME", num_args = 0..=1, default_missing_value = "60s", value_parser = span)]
    pub wait: Option<Duration>,
    /// Start it although the trigger's `when` does not want this payload; without its keys.
    #[arg(long)]
    pub force: bool,
}

/// Look at runs.
#[derive(Subcommand, Debug)]
pub enum Runs {
    /// List runs, newest first.
    List(RunsList),
    /// Show what happened in a run, step by step.
    Show {
        /// The run.
        run: String,
    },
    /// Follow a run until it ends.
    Watch {
        /// The run.
        run: String,
    },
}

/// List runs.
#[derive(Args, Debug)]
pub struct RunsList {
    /// Of this flow.
    #[arg(long)]
    pub flow: Option<String>,
    /// In these states, separated by commas.
    #[arg(long)]
    pub status: Option<String>,
    /// With this ordering key.
    #[arg(long)]
    pub key: Option<String>,
    /// Accepted since: `2h` ago, or an instant.
    #[arg(long, value_name = "AGE|INSTANT")]
    pub since: Option<String>,
    /// Accepted before.
    #[arg(long, value_name = "AGE|INSTANT")]
    pub until: Option<String>,
    /// Behind this run: where the previous page ended.
    #[arg(long, value_name = "RUN")]
    pub before: Option<String>,
    /// How many.
    #[arg(long, short = 'n', default_value_t = 50)]
    pub limit: u32,
}

/// Work on what gave up.
#[derive(Subcommand, Debug)]
pub enum Dead {
    /// List dead letters, newest first.
    List(DeadList),
    /// Show one with its attempts.
    Show {
        /// The dead letter.
        id: String,
    },
    /// Send one, or all that match, on their way again.
    Replay(DeadMany),
    /// Change the payload of one before a replay.
    Edit(DeadEdit),
    /// Give one, or all that match, up.
    Discard(DeadMany),
}

/// Which dead letters.
#[derive(Args, Clone, Debug, Default)]
pub struct DeadFilter {
    /// Of this flow.
    #[arg(long)]
    pub flow: Option<String>,
    /// Of this run.
    #[arg(long)]
    pub run: Option<String>,
    /// At this step.
    #[arg(long)]
    pub step: Option<String>,
    /// For this reason, such as `unavailable`.
    #[arg(long)]
    pub reason: Option<String>,
    /// Given up since: `2h` ago, or an instant.
    #[arg(long, value_name = "AGE|INSTANT")]
    pub since: Option<String>,
    /// Given up before.
    #[arg(long, value_name = "AGE|INSTANT")]
    pub until: Option<String>,
}

/// List dead letters.
#[derive(Args, Debug)]
pub struct DeadList {
    /// Which.
    #[command(flatten)]
    pub filter: DeadFilter,
    /// In this state: `open`, `replayed`, `discarded` or `any`.
    #[arg(long, default_value = "open")]
    pub status: String,
    /// Behind this one: where the previous page ended.
    #[arg(long, value_name = "ID")]
    pub before: Option<String>,
    /// How many.
    #[arg(long, short = 'n', default_value_t = 50)]
    pub limit: u32,
}

/// One dead letter, or all that match.
#[derive(Args, Debug)]
pub struct DeadMany {
    /// The dead letters.
    pub ids: Vec<String>,
    /// Or those that match.
    #[command(flatten)]
    pub filter: DeadFilter,
    /// Or all that are open.
    #[arg(long)]
    pub all: bool,
    /// When replaying: go on with the flow as it is now.
    #[arg(long)]
    pub current_flow: bool,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

/// Change a payload.
#[derive(Args, Debug)]
pub struct DeadEdit {
    /// The dead letter.
    pub id: String,
    /// The new payload: JSON, `@FILE` or a file's path, `-` for standard input. Without it, `$EDITOR` opens.
    #[arg(long, value_name = "JSON|@FILE|-")]
    pub payload: Option<String>,
    /// Replay it then.
    #[arg(long)]
    pub replay: bool,
}

/// Answer an approval.
#[derive(Args, Debug)]
pub struct Approve {
    /// The run.
    pub run: String,
    /// The step; may be left out if only one waits.
    pub step: Option<String>,
    /// Say no.
    #[arg(long)]
    pub reject: bool,
    /// Who decides, if not you.
    #[arg(long)]
    pub by: Option<String>,
    /// Why.
    #[arg(long)]
    pub note: Option<String>,
}

/// Send an event.
#[derive(Args, Debug)]
pub struct Emit {
    /// Its name.
    pub event: String,
    /// The key by which waiting runs are told apart.
    #[arg(long)]
    pub key: Option<String>,
    /// Its payload: JSON, `@FILE` or a file's path, `-` for standard input; null unless given.
    #[arg(long, short, value_name = "JSON|@FILE|-")]
    pub input: Option<String>,
}

/// List alerts.
#[derive(Args, Debug)]
pub struct Alerts {
    /// Also those that are over.
    #[arg(long)]
    pub all: bool,
    /// How many.
    #[arg(long, short = 'n', default_value_t = 50)]
    pub limit: u32,
}

/// Map JSON.
#[derive(Args, Debug)]
pub struct Map {
    /// A JSONata expression over each value, such as `customer.email`.
    #[arg(required_unless_present = "from_file")]
    pub expression: Option<String>,
    /// Take the expression from a file.
    #[arg(long, short, value_name = "FILE", conflicts_with = "expression")]
    pub from_file: Option<PathBuf>,
    /// Take arrays apart, and map each item.
    #[arg(long, short)]
    pub each: bool,
    /// Print texts without quotes.
    #[arg(long, short)]
    pub raw: bool,
    /// Print over several lines.
    #[arg(long, short)]
    pub pretty: bool,
    /// Read nothing; the expression sees `null`.
    #[arg(long, short)]
    pub null_input: bool,
    /// Go on behind a value that fails; the exit code still tells.
    #[arg(long, short)]
    pub keep_going: bool,
}

/// Simulated vendors.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct SandboxVerb {
    /// Something else than running them.
    #[command(subcommand)]
    pub task: Option<SandboxTask>,
    /// How they run.
    #[command(flatten)]
    pub options: SandboxOptions,
}

/// How the vendors run.
#[derive(Args, Debug)]
pub struct SandboxOptions {
    /// Where they listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7480")]
    pub listen: SocketAddr,
    /// What data, faults and slow answers start from.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// A file that effects are appended to as NDJSON.
    #[arg(long, value_name = "FILE")]
    pub truth_log: Option<PathBuf>,
    /// Where the CRM sends webhooks.
    #[arg(long, value_name = "URL")]
    pub webhook: Vec<String>,
    /// What those are signed with.
    #[arg(long, value_name = "TEXT", default_value = "crm-webhook-secret")]
    pub webhook_secret: String,
}

/// What else the sandbox does.
#[derive(Subcommand, Debug)]
pub enum SandboxTask {
    /// Write a file of contacts, as untidy as real ones.
    Contacts(Contacts),
}

/// Write contacts to the file given by `--output`, else to standard output.
#[derive(Args, Debug)]
pub struct Contacts {
    /// How many.
    #[arg(long, default_value_t = 1000)]
    pub count: u64,
    /// The same seed gives the same contacts.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// What the file looks like.
    #[arg(long, value_enum, default_value = "csv")]
    pub format: ContactsFormat,
}

/// What a file of contacts looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ContactsFormat {
    /// CSV with a header line.
    Csv,
    /// One JSON object a line.
    Ndjson,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn check(line: &str) -> Result<Cli, String> {
        Cli::try_parse_from(line.split(' ')).map_err(|e| e.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn common_lines_are_understood() {
        for line in [
            "sinew init my --template poll",
            "sinew validate a b --output json",
            "sinew serve examples/vendors examples/lead-intake --listen 127.0.0.1:0 --retention off --drain 5s",
            "sinew dev --sandbox",
            "sinew run lead-intake --input - --wait",
            "sinew run lead-intake --wait 5s --input {}",
            "sinew runs list --status dead,undone --since 2h",
            "sinew dead replay --flow a --reason unavailable --yes --current-flow",
            "sinew approve RUN step --reject --by dana",
            "sinew map -r --each name",
            "sinew sandbox --listen 127.0.0.1:0 --seed 3",
            "sinew sandbox contacts --count 10 --format ndjson --output x.ndjson",
        ] {
            assert!(check(line).is_ok(), "{line}: {:?}", check(line));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in
            ["sinew", "sinew serve --retention 30", "sinew map", "sinew serve --listen nowhere", "sinew runs"]
        {
            assert!(check(line).is_err(), "{line}");
        }
    }
}
