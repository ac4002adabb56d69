use clap::{Args, Subcommand};

use super::InProject;

/// Look at the routes of a project's APIs.
#[derive(Subcommand, Debug)]
pub enum Routes {
    /// List all routes.
    List(InProject),
    /// Say which route a request takes, and why no other.
    Explain(RoutesExplain),
}

/// Say which route a request takes.
#[derive(Args, Debug)]
pub struct RoutesExplain {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, with a query if there is one: `/accounts/7?kind=premium`.
    pub path: String,
    /// The host that is asked.
    #[arg(long, value_name = "HOST", default_value = "")]
    pub host: String,
    /// A header of the request, `Name: value`; may be given several times.
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// Which project.
    #[command(flatten)]
    pub project: InProject,
}
