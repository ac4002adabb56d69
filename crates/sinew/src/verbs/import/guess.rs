//! What a file is that was taken for a description of another kind.

use sinew_contract::{document, graphql};
use sinew_diag::codes::config;

use super::fetch::Source;
use crate::cli::ImportKind;
use crate::error::{CliError, Exit};

/// How far a document is looked into for what it is.
const LOOKED_AT: usize = 4096;

/// What is said of a file that is no description of the wanted kind, for this cause.
pub(super) fn unusable(wanted: ImportKind, source: &Source, bytes: &[u8], cause: &str) -> CliError {
    let told = |message: String| CliError::new(Exit::Failed, config::DESCRIPTION, message);
    match looks_like(bytes) {
        (what, Some(kind)) if kind != wanted => {
            told(format!("`{source}` is no {}: it looks like {what}", name(wanted)))
                .help(format!("`sinew import {} {source}` takes it over", kind.word()))
        }
        // What XML is that is no WSDL, its reader says best.
        (what, None) if !what.is_empty() && wanted != ImportKind::Wsdl => {
            told(format!("`{source}` is no {}: it looks like {what}", name(wanted)))
        }
        _ => told(format!("`{source}` is no usable description: {cause}")),
    }
}

fn name(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Openapi => "OpenAPI document",
        ImportKind::Graphql => "GraphQL schema",
        ImportKind::Wsdl => "WSDL",
    }
}

/// What it looks like, and its kind if it is a description; nothing if that cannot be told.
fn looks_like(bytes: &[u8]) -> (&'static str, Option<ImportKind>) {
    let head = String::from_utf8_lossy(bytes.get(..LOOKED_AT).unwrap_or(bytes)).to_lowercase();
    let head = head.trim_start_matches('\u{feff}').trim_start();
    if head.starts_with('<') {
        return if head.contains("<html") || head.starts_with("<!doctype html") {
            ("a page for people (HTML)", None)
        } else if head.contains("definitions") {
            ("a WSDL", Some(ImportKind::Wsdl))
        } else {
            ("XML of another kind", None)
        };
    }
    let is_json = head.starts_with(['{', '[']);
    let tree = document::parse(bytes).ok();
    let has = |pointer: &str| tree.as_ref().is_some_and(|tree| tree.pointer(pointer).is_some());
    if has("/openapi") || has("/swagger") {
        ("an OpenAPI document", Some(ImportKind::Openapi))
    } else if has("/data/__schema") || has("/__schema") || (!is_json && graphql::Api::read(bytes).is_ok()) {
        ("a GraphQL schema", Some(ImportKind::Graphql))
    } else {
        ("", None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_for_another_kind_is_recognised() {
        for (text, what) in [
            ("{\"openapi\": \"3.0.3\"}", "an OpenAPI document"),
            ("swagger: '2.0'", "an OpenAPI document"),
            ("type Query { films: [Film] }\ntype Film { title: String }", "a GraphQL schema"),
            ("{\"data\": {\"__schema\": {}}}", "a GraphQL schema"),
            ("<?xml version='1.0'?>\n<wsdl:definitions/>", "a WSDL"),
            ("<!DOCTYPE html>\n<html>", "a page for people (HTML)"),
            ("{\"n\": 1}", ""),
        ] {
            assert_eq!(looks_like(text.as_bytes()).0, what, "{text}");
        }
    }
}
