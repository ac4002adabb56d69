use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_diag::{Diagnostics, Place};

use crate::raw::{Variables, documents};

use super::SourceFile;
use super::project::is_yaml;

/// The runbooks that the owners of a project's resources name, files or URLs, each with the place where it is named. What
/// cannot be read is left out: [`load`](super::load) tells of it.
pub fn runbooks(files: &[SourceFile], variables: &BTreeMap<String, String>) -> Vec<(Arc<str>, Place)> {
    let (mut variables, mut out) = (Variables::new(variables), Diagnostics::new());
    let mut all = Vec::new();
    for file in files.iter().filter(|file| is_yaml(&file.path)) {
        for document in documents(&file.path, &file.bytes, &mut variables, &mut out) {
            let runbook = document.root.get("owner").and_then(|owner| owner.get("runbook"));
            all.extend(runbook.and_then(|node| Some((Arc::from(node.text()?), node.place.clone()))));
        }
    }
    all
}
