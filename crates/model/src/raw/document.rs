use std::collections::BTreeMap;
use std::sync::Arc;

use sinew_diag::{Diagnostic, Diagnostics, Place, codes::config};

use super::build::build;
use super::{Node, Variables, limits};

/// One YAML document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    /// The document's own text, without the `---` around it.
    pub(crate) source: String,
    /// The variables that it used.
    pub(crate) variables: BTreeMap<String, String>,
}

/// Reads the documents of a file. What is wrong with one does not hide the others.
pub(crate) fn documents(
    file: &Arc<str>,
    bytes: &[u8],
    variables: &mut Variables<'_>,
    out: &mut Diagnostics,
) -> Vec<Document> {
    let Some(text) = text_of(file, bytes, out) else { return Vec::new() };
    let mut budget = limits::NODES_MAX;
    let mut found = Vec::new();
    let before = out.len();
    for (line, chunk) in split(&text) {
        if budget == 0 {
            break;
        }
        let root = build(file, line, chunk, &mut budget, variables, out);
        let used = variables.take_used();
        if let Some(root) = root {
            found.push(Document { root, source: own_text(chunk), variables: used });
        }
    }
    if found.is_empty() && out.len() == before {
        out.push(Diagnostic::warning(config::EMPTY_FILE, "the file holds no resource").at(point(file, 1, 1)));
    }
    found
}

fn text_of(file: &Arc<str>, bytes: &[u8], out: &mut Diagnostics) -> Option<String> {
    if bytes.len() > limits::FILE_BYTES_MAX {
        let message = format!("the file is larger than {} bytes", limits::FILE_BYTES_MAX);
        out.push(
            Diagnostic::error(config::TOO_LARGE, message)
                .at(point(file, 1, 1))
                .help("split it: a project may have any number of files"),
        );
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n")),
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
            out.push(
                Diagnostic::error(config::NOT_UTF8, "the file is not UTF-8")
                    .at(point(file, line, column))
                    .help("save it as UTF-8"),
            );
            None
        }
    }
}

fn point(file: &Arc<str>, line: usize, column: usize) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { file: file.clone(), line: number(line), column: number(column), length: 0 }
}

/// Cuts a file at its `---` lines, so that each document is read for itself; gives the line that each begins on.
/// (`---` at the start of a line is always a marker in YAML, even inside block texts.)
fn split(text: &str) -> Vec<(u32, &str)> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut at, mut line) = (0, 1, 0, 1);
    for content in text.split_inclusive('\n') {
        let marker = content
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']));
        if marker && at > start {
            chunks.push((start_line, &text[start..at]));
            (start, start_line) = (at, line);
        }
        at += content.len();
        line += 1;
    }
    chunks.push((start_line, &text[start..]));
    chunks
}

fn own_text(chunk: &str) -> String {
    let body = match chunk.strip_prefix("---") {
        Some(rest) => match rest.split_once('\n') {
            Some((first, body)) if first.trim().is_empty() => body,
            _ => chunk,
        },
        None => chunk,
    };
    body.trim_end().to_owned()
}
