//! What is known of vendors: the profiles of the folder `catalog`, compiled in, and the projects that begin from them.
//!
//! Does no I/O and names no vendor: those are data. What a profile may say is the model's to check.

mod project;
mod section;
mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_diag::{Diagnostics, codes::config};
use sinew_model::{Profile, SourceFile, load};

pub use project::{File, needed, project};

/// Every profile: the name of its file, and what is in it.
static PROFILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));

/// A profile and the text that it was read from.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: Arc<str>,
    /// What it says.
    pub profile: Arc<Profile>,
    /// The document.
    pub text: Arc<str>,
}

/// The names of all profiles, in order.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    PROFILES.iter().map(|(name, _)| *name)
}

/// The profile of this name, or what is wrong with it; `None` if there is none.
pub fn find(name: &str) -> Option<Result<Entry, Diagnostics>> {
    PROFILES.iter().find(|(known, _)| *known == name).map(|(_, text)| read(&format!("{name}.yaml"), text))
}

/// Every profile, in the order of their names.
pub fn all() -> impl Iterator<Item = Result<Entry, Diagnostics>> {
    PROFILES.iter().map(|(name, text)| read(&format!("{name}.yaml"), text))
}

/// The name of the profile whose system is served at this URL's host.
pub fn served_at(url: &str) -> Option<&'static str> {
    let host = host(url)?;
    // Only what names the host is read.
    let naming = PROFILES.iter().filter(|(_, text)| text.contains(host));
    naming
        .filter_map(|(name, text)| Some((*name, read(&format!("{name}.yaml"), text).ok()?)))
        .find(|(_, entry)| entry.profile.servers.iter().any(|server| self::host(&server.url) == Some(host)))
        .map(|(name, _)| name)
}

fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#', ':']).next().filter(|host| host.contains('.'))
}

/// Reads the profile in a file. It has no variables but its own, which have defaults.
pub fn read(path: &str, text: &str) -> Result<Entry, Diagnostics> {
    let (snapshot, findings) = load(&[SourceFile::new(path, text)], &BTreeMap::new());
    let profile = snapshot.and_then(|snapshot| snapshot.profiles.into_values().next());
    match profile {
        Some(profile) => {
            Ok(Entry { name: Arc::clone(&profile.connector.id.name), profile, text: Arc::from(text) })
        }
        None if findings.has_errors() => Err(findings),
        None => {
            let none = sinew_diag::Diagnostic::error(config::NO_KIND, "the file holds no profile");
            Err([none.help("a profile begins with `kind: Profile`")].into_iter().collect())
        }
    }
}

/// The variables of a profile, each with an example.
pub fn examples(entry: &Entry) -> BTreeMap<String, String> {
    variables::examples(&entry.text)
}

/// Profiles whose name, title or description has each of these words, in any case.
pub fn matches(entry: &Entry, words: &str) -> bool {
    let profile = &entry.profile;
    let text = format!("{} {} {}", entry.name, profile.title, profile.connector.description).to_lowercase();
    words.to_lowercase().split_whitespace().all(|word| text.contains(word))
}
