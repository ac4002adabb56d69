use std::fmt::Write as _;

use crate::{Diagnostic, Diagnostics, Severity};

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// No escape codes.
    Plain,
    /// ANSI colours, for a terminal.
    Colour,
}

/// Renders findings for people, each with the line it stands on; `source` gives a file's text by name.
///
/// ```text
/// error[SNW-1203]: unknown operation `crm.getContct`
///   --> flows/lead.yaml:12:13
///    |
/// 12 |       call: crm.getContct
///    |             ^^^^^^^^^^^^^
///    = help: did you mean `crm.getContact`?
/// ```
pub fn render(findings: &Diagnostics, source: &dyn Fn(&str) -> Option<String>, style: Style) -> String {
    let mut out = String::new();
    for finding in findings {
        render_one(&mut out, finding, source, style);
        out.push('\n');
    }
    out
}

fn render_one(out: &mut String, finding: &Diagnostic, source: &dyn Fn(&str) -> Option<String>, style: Style) {
    let (word, colour) = match finding.severity {
        Severity::Error => ("error", "31"),
        Severity::Warning => ("warning", "33"),
    };
    let paint = |text: &str, colour: &str| match style {
        Style::Plain => text.to_owned(),
        Style::Colour => format!("\x1b[1;{colour}m{text}\x1b[0m"),
    };
    let _ = writeln!(out, "{}: {}", paint(&format!("{word}[{}]", finding.code), colour), finding.message);
    let mut margin = 1;
    if let Some(place) = &finding.place {
        margin = place.line.to_string().len();
        let _ = writeln!(out, "{:margin$}{} {place}", "", paint("-->", "34"));
        let line_text = Some(&place.file)
            .filter(|_| !finding.line_hidden)
            .and_then(|file| source(file))
            .and_then(|text| text.lines().nth(place.line.saturating_sub(1) as usize).map(str::to_owned));
        if let Some(text) = line_text {
            let bar = paint("|", "34");
            let indent = place.column.saturating_sub(1) as usize;
            let room = text.chars().count().saturating_sub(indent).max(1);
            let marks = "^".repeat((place.length.max(1) as usize).min(room));
            let _ = writeln!(out, "{:margin$} {bar}", "");
            let _ = writeln!(out, "{} {bar} {text}", paint(&place.line.to_string(), "34"));
            let _ = writeln!(out, "{:margin$} {bar} {:indent$}{}", "", "", paint(&marks, colour));
        }
    }
    if let Some(help) = &finding.help {
        let _ = writeln!(out, "{:margin$} {} help: {help}", "", paint("=", "34"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Code, Place};

    #[test]
    fn a_finding_shows_its_line_and_what_would_be_right() {
        let place = Place { file: "flows/lead.yaml".into(), line: 2, column: 9, length: 13 };
        let findings: Diagnostics =
            [Diagnostic::error(Code::new("SNW-9999"), "unknown operation `crm.getContct`")
                .at(place)
                .help("did you mean `crm.getContact`?")]
            .into_iter()
            .collect();
        let text = render(&findings, &|_| Some("a: b\n  call: crm.getContct\n".to_owned()), Style::Plain);
        let expected = "\
error[SNW-9999]: unknown operation `crm.getContct`
 --> flows/lead.yaml:2:9
  |
2 |   call: crm.getContct
  |         ^^^^^^^^^^^^^
  = help: did you mean `crm.getContact`?

";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_line_with_a_secret_is_not_shown() {
        let place = Place { file: "x".into(), line: 1, column: 1, length: 1 };
        let finding = Diagnostic::error(Code::new("SNW-9999"), "a secret in clear").at(place).hide_line();
        let text = render(&[finding].into_iter().collect(), &|_| Some("hunter2".to_owned()), Style::Plain);
        assert!(text.contains("x:1:1") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_place_beyond_the_text_does_no_harm() {
        let place = Place { file: "x".into(), line: 99, column: 99, length: 99 };
        let findings: Diagnostics =
            [Diagnostic::warning(Code::new("SNW-9999"), "odd").at(place)].into_iter().collect();
        let text = render(&findings, &|_| Some("short".to_owned()), Style::Colour);
        assert!(text.contains("x:99:99"));
    }
}
