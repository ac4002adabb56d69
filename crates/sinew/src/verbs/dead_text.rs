//! Dead letters as people read them.

use std::fmt::Write as _;

use sinew_control_api::{Attempt, AttemptMessage, DeadDetail, DeadPage, DeadStatus, Failure};

use super::runs_text::failure;
use crate::output::{Output, Table, Tint, one_line, whole_line};

/// The list of dead letters.
pub fn list(page: &DeadPage, output: &Output) -> String {
    if page.items.is_empty() {
        return "no dead letter matches".to_owned();
    }
    let mut table = Table::new(&["ID", "FLOW", "STEP", "REASON", "CODE", "AT", "MESSAGE"]);
    for letter in &page.items {
        let item = letter.item.map(|item| format!("[{item}]")).unwrap_or_default();
        table.row([
            (letter.id.clone(), Some(Tint::Strong)),
            (letter.flow.clone(), None),
            (format!("{}{item}", letter.step), None),
            (letter.reason.to_string(), Some(Tint::Bad)),
            (letter.code.clone(), None),
            (letter.at.clone(), None),
            (letter.message.clone(), None),
        ]);
    }
    let more = page.next.as_ref().map(|next| format!("more: --before {next}\n")).unwrap_or_default();
    table.render(output) + &more
}

/// A dead letter in full.
pub fn detail(of: &DeadDetail, output: &Output) -> String {
    let letter = &of.letter;
    let status = letter.status;
    let (open, suggestion) = (letter.status == DeadStatus::Open, of.suggestion.clone());
    let edited = if letter.edited { ", edited" } else { "" };
    let item = letter.item.map(|item| format!(", item {item}")).unwrap_or_default();
    let mut text = format!("{} {status}{edited}\n", output.tint(&letter.id, Tint::Strong));
    for (name, value) in [
        ("flow", letter.flow.as_str()),
        ("step", &format!("{}{item}", letter.step)),
        ("run", &letter.run),
        ("gave up", &letter.at),
        ("trace", &of.correlation_id),
    ] {
        let _ = writeln!(text, "  {name:<8} {value}");
    }
    text.push('\n');
    match &of.failure {
        Some(of) => {
            // Said once, and only to somebody who has something left to do.
            let help = of.help.clone().filter(|help| open && *help != suggestion);
            text.push_str(&failure(&Failure { help, ..of.clone() }, output));
        }
        None => drop(writeln!(text, "{} {}: {}", letter.code, letter.reason, letter.message)),
    }
    if open && !suggestion.is_empty() {
        let _ = writeln!(text, "  what to do: {suggestion}");
    }
    text.push('\n');
    let what = if of.payload_is_input { "input of the step" } else { "payload" };
    let _ = writeln!(text, "{what}\n  {}\n", of.payload);
    for (number, one) in of.attempts.iter().enumerate() {
        attempt(&mut text, number + 1, one, output);
    }
    text
}

fn attempt(text: &mut String, number: usize, of: &Attempt, output: &Output) {
    let head = format!("attempt {number} at {}, {} ms", of.at, of.took_ms);
    let _ = writeln!(text, "{}", output.tint(&head, Tint::Strong));
    match &of.request {
        Some(request) => message(text, "> ", request),
        None => text.push_str("  nothing was sent\n"),
    }
    match &of.response {
        Some(response) => message(text, "< ", response),
        None => text.push_str("  no answer came\n"),
    }
    if let Some(why) = &of.failure {
        let _ = writeln!(
            text,
            "  {} {}: {}",
            output.tint(&why.code, Tint::Bad),
            why.reason,
            whole_line(&why.message)
        );
    }
}

fn message(text: &mut String, sign: &str, of: &AttemptMessage) {
    let _ = writeln!(text, "  {sign}{}", one_line(&of.line));
    for (name, value) in &of.headers {
        let _ = writeln!(text, "  {sign}{name}: {}", one_line(value));
    }
    for line in of.body.iter().flat_map(|body| body.lines()) {
        let _ = writeln!(text, "  {sign}{}", one_line(line));
    }
}
