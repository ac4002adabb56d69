use sinew_contract::wsdl::{Security, Wsdl, bundle};
use sinew_model::Listed;

use super::Imported;
use super::fetch::Source;
use super::guess::unusable;
use crate::cli::ImportKind;
use crate::error::CliError;

/// Reads a description of web services, with all files that it refers to as one.
pub(super) fn read(source: &Source) -> Result<Imported, CliError> {
    let document = source.read()?;
    let unusable = |cause: String| unusable(ImportKind::Wsdl, source, &document, &cause);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let wsdl = Wsdl::read(&document, |name| {
        let bytes = source.around(name)?;
        files.push((name.to_owned(), bytes.clone()));
        Ok(bytes)
    });
    let wsdl = wsdl.map_err(|error| unusable(error.to_string()))?;
    files.retain(|(name, _)| wsdl.files.contains(name));
    files.dedup_by(|one, other| one.0 == other.0);
    let text = bundle(&document, &files).map_err(|error| unusable(error.to_string()))?;
    Ok(Imported {
        title: wsdl.title.clone(),
        version: String::new(),
        text,
        ending: "wsdl",
        listed: wsdl.operations.iter().filter_map(Listed::of_wsdl).collect(),
        warnings: wsdl.warnings.iter().map(ToString::to_string).collect(),
        servers: wsdl.addresses().into_iter().map(str::to_owned).collect(),
        logins: wsdl.operations.first().map(|first| logins(&first.security)).unwrap_or_default(),
    })
}

/// How a connection says that it logs in as the service's policy asks.
fn logins(security: &Security) -> Vec<String> {
    if !security.username_token {
        return Vec::new();
    }
    let mut login = "{ ws_security: { username: ..., password: secret:NAME/password".to_owned();
    for (asked, field) in [(security.digest, ", digest: true"), (security.timestamp, ", timestamp: true")] {
        if asked {
            login.push_str(field);
        }
    }
    vec![login + " } }"]
}
