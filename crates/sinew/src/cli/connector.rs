use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::vault::VaultArgs;

/// Take over what a vendor publishes of its API, as a connector.
#[derive(Args, Debug)]
pub struct Import {
    /// By what the API is described.
    #[arg(value_enum)]
    pub kind: ImportKind,
    /// The description: a file, or where it is published.
    #[arg(value_name = "FILE|URL")]
    pub source: String,
    /// What the connector is called, and its version: the API's title and its own version unless given.
    #[arg(long, value_name = "NAME[@VERSION]")]
    pub name: Option<String>,
    /// The folder that connector and description are written to.
    #[arg(long, value_name = "DIR", default_value = "connectors")]
    pub into: PathBuf,
    /// Put this description in the place of the one that the connector has; what else it says stays.
    #[arg(long)]
    pub replace: bool,
    /// Write nothing: only say what would come of it.
    #[arg(long)]
    pub dry_run: bool,
    /// Kinds of address, besides public ones, that the description may be fetched from.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub allow: Vec<Reach>,
    /// Show every warning.
    #[arg(long)]
    pub warnings: bool,
}

/// By what an API is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImportKind {
    /// Swagger 2.0, OpenAPI 3.0 to 3.2.
    Openapi,
    /// A GraphQL schema: schema definition language, the answer to introspection, or the endpoint to ask for it.
    Graphql,
    /// WSDL 1.1.
    Wsdl,
}

impl ImportKind {
    /// The words of all kinds.
    pub const WORDS: [&str; 3] = [Self::Openapi.word(), Self::Graphql.word(), Self::Wsdl.word()];

    /// What stands behind `sinew import`, and the field of a connector that names such a description.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Openapi => "openapi",
            Self::Graphql => "graphql",
            Self::Wsdl => "wsdl",
        }
    }
}

/// Kinds of address that are not public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Reach {
    /// 127.0.0.0/8, ::1
    Loopback,
    /// RFC 1918, RFC 6598 and RFC 4193 ranges.
    Private,
}

/// Look at connectors, and try their operations.
#[derive(Subcommand, Debug)]
pub enum ConnectorVerb {
    /// List the connectors of a project.
    List(InProject),
    /// Show what a connector can do, or one of its operations.
    Show(ConnectorShow),
    /// Call an operation over a connection.
    Try(ConnectorTry),
    /// Say what changed between two versions of a connector or a description.
    Diff(ConnectorDiff),
}

/// Which project.
#[derive(Args, Clone, Debug)]
pub struct InProject {
    /// A folder of the project; may be given several times. The current one if none is given.
    #[arg(long, short, value_name = "DIR")]
    pub project: Vec<PathBuf>,
    /// Files of `NAME=value` lines that add to the environment.
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
}

/// Show what a connector can do.
#[derive(Args, Debug)]
pub struct ConnectorShow {
    /// The connector, `name` or `name@version`.
    pub connector: String,
    /// One of its operations.
    pub operation: Option<String>,
    /// Only operations that hold this text, in their id, path or summary.
    #[arg(long, value_name = "TEXT")]
    pub find: Option<String>,
    /// Which project.
    #[command(flatten)]
    pub project: InProject,
}

/// Call an operation.
#[derive(Args, Debug)]
pub struct ConnectorTry {
    /// A connection and an operation, such as `crm.getContact`.
    pub call: String,
    /// The input: JSON, `@FILE`, or `-` for standard input.
    #[arg(long, value_name = "JSON")]
    pub input: Option<String>,
    /// Do not ask before an operation that changes something.
    #[arg(long, short)]
    pub yes: bool,
    /// Send nothing: only show the request that would be sent, without its credential.
    #[arg(long)]
    pub dry_run: bool,
    /// Call the simulated vendors that `sinew dev --sandbox` runs, with their well-known credentials; `SANDBOX_URL` says
    /// where they are, if that is not http://127.0.0.1:7480.
    #[arg(long)]
    pub sandbox: bool,
    /// Where files with secrets are.
    #[arg(long, value_name = "DIR", env = "SINEW_SECRETS")]
    pub secrets: Option<PathBuf>,
    /// Which vault.
    #[command(flatten)]
    pub vault: VaultArgs,
    /// Which project.
    #[command(flatten)]
    pub project: InProject,
}

/// Compare two versions.
#[derive(Args, Debug)]
pub struct ConnectorDiff {
    /// The old one: a connector of the project (`name@version`), or a description's file.
    pub old: String,
    /// The new one.
    pub new: String,
    /// Leave out what hurts nobody.
    #[arg(long)]
    pub hurting: bool,
    /// Which project.
    #[command(flatten)]
    pub project: InProject,
}
