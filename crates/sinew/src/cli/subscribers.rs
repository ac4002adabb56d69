use clap::{Args, Subcommand};

/// Look at subscribers to your events, and work on them.
#[derive(Subcommand, Debug)]
pub enum Subscribers {
    /// List subscribers with how they stand.
    List,
    /// Show one.
    Show {
        /// The subscriber.
        name: String,
    },
    /// Take one in that does not stand in the project: a Subscriber resource as JSON.
    Add {
        /// The resource: JSON, `@FILE` or a file's path, `-` for standard input.
        #[arg(value_name = "JSON|@FILE|-")]
        spec: String,
    },
    /// Forget one that was taken in so.
    Remove {
        /// The subscriber.
        name: String,
    },
    /// List deliveries, newest first; of one with its attempts.
    Deliveries(DeliveriesList),
    /// Deliver the events of a time again.
    Replay {
        /// The subscriber.
        name: String,
        /// Those since: `2h` ago, or an instant.
        #[arg(long, value_name = "AGE|INSTANT")]
        since: String,
        /// And before.
        #[arg(long, value_name = "AGE|INSTANT")]
        until: Option<String>,
    },
    /// Send again, from where it stopped.
    Enable {
        /// The subscriber.
        name: String,
    },
    /// Send nothing more until it is enabled; events are kept.
    Disable {
        /// The subscriber.
        name: String,
    },
    /// Make a new secret and print it; the one before holds too for a while.
    RotateSecret {
        /// The subscriber.
        name: String,
        /// How long the one before holds too.
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: String,
    },
    /// Print the secret in force.
    Secret {
        /// The subscriber.
        name: String,
    },
    /// Print the token by which the receiver sees its own deliveries.
    Token {
        /// The subscriber.
        name: String,
        /// Make a new one; the one before is good for nothing then.
        #[arg(long)]
        renew: bool,
    },
}

/// List deliveries.
#[derive(Args, Debug)]
pub struct DeliveriesList {
    /// The subscriber.
    pub name: String,
    /// One delivery, with its attempts.
    pub delivery: Option<String>,
    /// Those that stand so: `pending`, `blocked`, `delivered` or `given_up`.
    #[arg(long)]
    pub status: Option<String>,
    /// Behind this one: where the previous page ended.
    #[arg(long, value_name = "ID")]
    pub before: Option<String>,
    /// How many.
    #[arg(long, short = 'n', default_value_t = 50)]
    pub limit: u32,
}
