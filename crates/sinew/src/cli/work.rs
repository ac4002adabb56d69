use std::time::Duration;

use clap::{Args, Subcommand};

use super::server::span;

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
