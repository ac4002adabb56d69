//! The command line: what may be said, not what it does.

mod catalog;
mod connector;
mod routes;
mod server;
mod subscribers;
mod tools;
mod vault;
mod work;

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

use crate::error::CliError;
use crate::output::Format;

pub use catalog::{Catalog, CatalogList, CatalogShow};
pub use connector::{
    ConnectorDiff, ConnectorShow, ConnectorTry, ConnectorVerb, Import, ImportKind, InProject, Reach,
};
pub use routes::{Routes, RoutesExplain};
pub use server::{Dev, LogFormat, Retention, Serve};
pub use subscribers::{DeliveriesList, Subscribers};
pub use tools::{Contacts, ContactsFormat, Map, SandboxTask, SandboxVerb};
pub use vault::{Secret, Vault, VaultArgs, VaultPlace};
pub use work::{Alerts, Approve, Dead, DeadEdit, DeadFilter, DeadList, DeadMany, Emit, Run, Runs, RunsList};

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
    /// What answers look like.
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

/// Verbs that ask a server: they need to know which, and its token.
const ASKS: [&str; 16] = [
    "connect",
    "disconnect",
    "connection",
    "run",
    "runs",
    "dead",
    "approve",
    "approvals",
    "cancel",
    "emit",
    "alerts",
    "flows",
    "connections",
    "subscribers",
    "backup",
    "reload",
];
/// Verbs that use a data folder themselves.
const OWNS_DATA: [&str; 5] = ["serve", "dev", "restore", "secret", "vault"];

/// The command line. Options that hold everywhere are shown where they mean something.
pub fn command() -> Command {
    let mut whole = Cli::command();
    // Options that hold everywhere reach the verbs only now.
    whole.build();
    let verbs: Vec<String> = whole.get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    for verb in verbs.iter().map(String::as_str).filter(|verb| !ASKS.contains(verb)) {
        let data = OWNS_DATA.contains(&verb);
        whole = whole.mut_subcommand(verb, |verb| hidden(verb, data));
    }
    whole
}

/// A verb that does not show which server is asked, nor, unless it has one, the data folder.
fn hidden(verb: Command, shows_data: bool) -> Command {
    let writes_file = verb.get_name() == "contacts";
    let verb = verb.mut_args(|option| match option.get_id().as_str() {
        "server" => option.hide(true),
        "data" => option.hide(!shows_data),
        "output" if writes_file => {
            option.value_name("FILE").help("The file; standard output unless given").hide_default_value(true)
        }
        _ => option,
    });
    let below: Vec<String> = verb.get_subcommands().map(|below| below.get_name().to_owned()).collect();
    below.into_iter().fold(verb, |verb, below| verb.mut_subcommand(&below, |below| hidden(below, shows_data)))
}

impl Cli {
    /// What this process was asked to do.
    pub fn of_process() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&command().try_get_matches()?)
    }

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
    /// Take over what a vendor publishes of its API.
    Import(Import),
    /// Look at connectors, and try their operations.
    #[command(subcommand)]
    Connector(ConnectorVerb),
    /// Look at the routes of a project's APIs.
    #[command(subcommand)]
    Routes(Routes),
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
    /// Keep secrets in the vault; values come from standard input, or are asked for.
    #[command(subcommand)]
    Secret(Secret),
    /// Look after the vault's master key.
    #[command(subcommand)]
    Vault(Vault),
    /// Look at subscribers to your events, and work on them.
    #[command(subcommand)]
    Subscribers(Subscribers),
    /// Log in for a connection, at a browser or on another device.
    Connect(Connect),
    /// Forget the session of a connection.
    Disconnect {
        /// The connection.
        connection: String,
    },
    /// Look at connections.
    #[command(subcommand)]
    Connection(ConnectionVerb),
    /// Look at what is known of vendors.
    #[command(subcommand)]
    Catalog(Catalog),
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
    /// Put a backup in place as the store of the data folder, while no server uses it.
    Restore {
        /// The backup.
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

/// Log in for a connection.
#[derive(Args, Debug)]
pub struct Connect {
    /// The connection.
    pub connection: String,
    /// Only print where to log in.
    #[arg(long)]
    pub no_browser: bool,
}

/// Look at connections.
#[derive(Subcommand, Debug)]
pub enum ConnectionVerb {
    /// List connections and how they are.
    List,
    /// Show one connection: its health, session and scopes.
    Show {
        /// The connection.
        connection: String,
    },
    /// Compare the scopes that were granted with what flows use, and propose which to ask for.
    Scopes {
        /// The connection; all with scopes are compared without one.
        connection: Option<String>,
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
    /// Begin from what is known of a vendor: `catalog:stripe`, or a file with a profile.
    #[arg(long, value_name = "catalog:NAME|FILE", conflicts_with = "template")]
    pub from: Option<String>,
    /// With `--from`: the way to log in, one of those that `sinew catalog show` lists.
    #[arg(long, value_name = "LOGIN", requires = "from")]
    pub login: Option<String>,
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

#[cfg(test)]
mod tests {
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
            "sinew init --from catalog:stripe my --login key",
            "sinew catalog list --find mail --category crm",
            "sinew validate a b --output json",
            "sinew serve examples/vendors examples/lead-intake --listen 127.0.0.1:0 --retention off --drain 5s",
            "sinew dev --sandbox",
            "sinew dev --sandbox --sandbox-listen 127.0.0.1:0",
            "sinew connect crm --no-browser",
            "sinew connection show crm",
            "sinew connection scopes",
            "sinew connection scopes crm",
            "sinew secret set crm/client --overlap 1h --data x",
            "sinew secret remove secret:crm/client --number 2 --yes",
            "sinew vault rotate --to local:00 --forget --master-key-file k",
            "sinew run lead-intake --input - --wait",
            "sinew run lead-intake --wait 5s --input {}",
            "sinew runs list --status dead,undone --since 2h",
            "sinew dead replay --flow a --reason unavailable --yes --current-flow",
            "sinew approve RUN step --reject --by dana",
            "sinew import openapi stripe.json --name stripe --allow loopback,private",
            "sinew connector list -p examples/vendors",
            "sinew connector show crm getContact",
            "sinew connector try crm.getContact --input {} --yes",
            "sinew connector diff crm@1 crm@2 --hurting",
            "sinew map -r --each name",
            "sinew sandbox --listen 127.0.0.1:0 --seed 3",
            "sinew sandbox contacts --count 10 --format ndjson --output x.ndjson",
        ] {
            assert!(check(line).is_ok(), "{line}: {:?}", check(line));
        }
    }

    /// The help of a verb, or of a verb below it.
    fn help(verbs: &str) -> String {
        let line: Vec<&str> = ["sinew"].into_iter().chain(verbs.split(' ')).chain(["--help"]).collect();
        command().try_get_matches_from(line).unwrap_err().to_string()
    }

    #[test]
    fn verbs_show_the_options_that_mean_something_to_them() {
        let shows = |verbs: &str| (help(verbs).contains("--server"), help(verbs).contains("--data"));
        for verbs in
            ["init", "validate", "schema", "map", "explain", "sandbox", "sandbox contacts", "version"]
        {
            assert_eq!(shows(verbs), (false, false), "{verbs}");
        }
        for verbs in ["serve", "dev", "restore", "secret set", "vault rotate"] {
            assert_eq!(shows(verbs), (false, true), "{verbs}");
        }
        for verbs in ASKS {
            assert_eq!(shows(verbs), (true, true), "{verbs}");
        }
        assert_eq!(shows("runs list"), (true, true));
        assert!(help("sandbox contacts").contains("--output <FILE>") && !help("run").contains("contacts"));
    }

    #[test]
    fn what_is_not_shown_is_understood_all_the_same() {
        let line = ["sinew", "version", "--server", "http://127.0.0.1:1", "--data", "x"];
        assert!(command().try_get_matches_from(line).is_ok());
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
