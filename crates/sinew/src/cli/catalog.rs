use clap::{Args, Subcommand};

/// Look at what is known of vendors.
#[derive(Subcommand, Debug)]
pub enum Catalog {
    /// List the systems that are known.
    List(CatalogList),
    /// Show what is known of a system.
    Show(CatalogShow),
}

/// List the systems that are known.
#[derive(Args, Debug)]
pub struct CatalogList {
    /// Only those with these words in name, title or description.
    #[arg(long, value_name = "TEXT")]
    pub find: Option<String>,
    /// Only those of this kind, such as `crm`.
    #[arg(long, value_name = "CATEGORY")]
    pub category: Option<String>,
}

/// Show what is known of a system.
#[derive(Args, Debug)]
pub struct CatalogShow {
    /// Its name, as `sinew catalog list` has it.
    pub name: String,
    /// Print the profile itself.
    #[arg(long)]
    pub yaml: bool,
}
