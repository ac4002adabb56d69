use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use crate::error::{CliError, Exit};

/// What answers look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON document (or one a line, where answers come one after the other).
    Json,
}

/// Where answers go. Colours and progress only where somebody looks.
#[derive(Clone, Debug)]
pub struct Output {
    /// What answers look like.
    pub format: Format,
    colour: bool,
    colour_of_errors: bool,
}

/// Colours by meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tint {
    /// It went well.
    Good,
    /// It wants attention.
    Odd,
    /// It failed.
    Bad,
    /// Beside the point.
    Faint,
    /// What it is about.
    Strong,
}

#[expect(
    clippy::unused_self,
    reason = "where answers go is the output's business, also where it does not depend on its format"
)]
impl Output {
    /// Standard output, in this format.
    pub fn new(format: Format) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            format,
            colour: wanted && io::stdout().is_terminal(),
            colour_of_errors: wanted && io::stderr().is_terminal(),
        }
    }

    /// Whether programs read the answers.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// How diagnostics on standard error are rendered.
    pub fn error_style(&self) -> sinew_diag::Style {
        if self.colour_of_errors { sinew_diag::Style::Colour } else { sinew_diag::Style::Plain }
    }

    /// How diagnostics on standard output are rendered.
    pub fn style(&self) -> sinew_diag::Style {
        if self.colour { sinew_diag::Style::Colour } else { sinew_diag::Style::Plain }
    }

    /// A text in a colour, if somebody looks.
    pub fn tint(&self, text: &str, tint: Tint) -> String {
        if self.colour { paint(text, tint) } else { text.to_owned() }
    }

    /// The word of an error.
    pub fn alarm(&self, text: &str) -> String {
        if self.colour_of_errors { paint(text, Tint::Bad) } else { text.to_owned() }
    }

    /// One or more lines on standard output.
    pub fn line(&self, text: &str) {
        let mut out = io::stdout().lock();
        let told =
            out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        // Whoever read has gone away (`| head`): nobody is left to tell.
        if told.is_err() {
            std::process::exit(0);
        }
    }

    /// One or more lines on standard error.
    pub fn tell(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// A JSON document: over several lines for people, on one for programs down a pipe.
    pub fn json(&self, value: &impl Serialize) {
        let text =
            if self.colour { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
        self.line(&text.unwrap_or_default());
    }

    /// The answer: the JSON document for programs, else what `text` says.
    pub fn answer(&self, value: &impl Serialize, text: impl FnOnce() -> String) {
        if self.is_json() { self.json(value) } else { self.line(text().trim_end()) }
    }

    /// A bar on standard error; nothing if nobody looks.
    pub fn progress(&self, total: u64, what: &str) -> ProgressBar {
        let looked_at = io::stderr().is_terminal() && !self.is_json();
        let target = if looked_at { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let shape = "{msg} [{bar:30}] {human_pos}/{human_len} {per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(shape) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        if looked_at {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        bar
    }

    /// Asks before something large; `yes` is the answer given beforehand.
    pub fn confirm(&self, question: &str, yes: bool) -> Result<(), CliError> {
        let refused = |message: &str| {
            CliError::new(Exit::Usage, sinew_diag::codes::control::NOT_CONFIRMED, message)
                .help("answer `y`, or give `--yes`")
        };
        if yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return Err(refused("nobody is there to confirm this"));
        }
        let _ = write!(io::stderr().lock(), "{question} [y/N] ");
        let mut said = String::new();
        let _ = io::stdin().read_line(&mut said);
        if matches!(said.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(refused("it was not confirmed")) }
    }
}

fn paint(text: &str, tint: Tint) -> String {
    let code = match tint {
        Tint::Good => "32",
        Tint::Odd => "33",
        Tint::Bad => "1;31",
        Tint::Faint => "2",
        Tint::Strong => "1",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Columns under headings, each as wide as its widest cell; the last one runs free.
#[derive(Debug)]
pub struct Table {
    headings: Vec<&'static str>,
    chars_max: usize,
    rows: Vec<Vec<(String, Option<Tint>)>>,
}

impl Table {
    /// A table with these headings.
    pub fn new(headings: &[&'static str]) -> Self {
        Self { headings: headings.to_vec(), chars_max: LINE_CHARS_MAX, rows: Vec::new() }
    }

    /// The same, with cells as long as they are: what helps is not cut off.
    #[must_use]
    pub fn uncut(self) -> Self {
        Self { chars_max: WHOLE_CHARS_MAX, ..self }
    }

    /// Adds a row of cells, some in a colour.
    pub fn row(&mut self, cells: impl IntoIterator<Item = (String, Option<Tint>)>) {
        let cell = |(text, tint): (String, _)| (cut(&text, self.chars_max), tint);
        self.rows.push(cells.into_iter().map(cell).collect());
    }

    /// The table as text.
    pub fn render(&self, output: &Output) -> String {
        let width = |column: usize, heading: &str| {
            let cells =
                self.rows.iter().filter_map(|row| row.get(column)).map(|(text, _)| text.chars().count());
            cells.max().unwrap_or(0).max(heading.chars().count())
        };
        let widths: Vec<usize> =
            self.headings.iter().enumerate().map(|(i, heading)| width(i, heading)).collect();
        let mut out = String::new();
        let headings = self.headings.iter().map(|heading| ((*heading).to_owned(), Some(Tint::Faint)));
        write_row(&mut out, output, &widths, headings);
        for row in &self.rows {
            write_row(&mut out, output, &widths, row.iter().cloned());
        }
        out
    }
}

fn write_row(
    out: &mut String,
    output: &Output,
    widths: &[usize],
    cells: impl Iterator<Item = (String, Option<Tint>)>,
) {
    let mut line = String::new();
    for (i, (text, tint)) in cells.enumerate() {
        let last = i + 1 == widths.len();
        let padding = if last { 0 } else { widths[i].saturating_sub(text.chars().count()) + 2 };
        line.push_str(&tint.map_or(text.clone(), |tint| output.tint(&text, tint)));
        let _ = write!(line, "{:padding$}", "");
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// So many of something: `1 error`, `2 errors`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Where tables end to be readable.
const LINE_CHARS_MAX: usize = 160;
/// What says how to mend something is longer than that, but not without end.
const WHOLE_CHARS_MAX: usize = 2000;

/// A text on one line, cut where tables end to be readable; what a terminal would act on is taken out.
pub fn one_line(text: &str) -> String {
    cut(text, LINE_CHARS_MAX)
}

/// A text on one line that is shown whole, as it says how to mend something.
pub fn whole_line(text: &str) -> String {
    cut(text, WHOLE_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(chars_max).collect();
    if text.chars().count() > chars_max { format!("{clean}...") } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let output = Output { format: Format::Text, colour: false, colour_of_errors: false };
        let mut table = Table::new(&["RUN", "STATUS", "WHY"]);
        table.row([("1".to_owned(), None), ("finished".to_owned(), Some(Tint::Good)), (String::new(), None)]);
        table.row([("12345".to_owned(), None), ("dead".to_owned(), None), ("a\nb\x1b[2J".to_owned(), None)]);
        assert_eq!(
            table.render(&output),
            "RUN    STATUS    WHY\n1      finished\n12345  dead      a b [2J\n"
        );
    }

    #[test]
    fn what_says_how_to_mend_something_is_not_cut() {
        let output = Output { format: Format::Text, colour: false, colour_of_errors: false };
        let help = format!("{} (`sinew secret set github/token`)", "x".repeat(LINE_CHARS_MAX));
        let shown = |table: Table| {
            let mut table = table;
            table.row([(help.clone(), None)]);
            table.render(&output)
        };
        assert!(shown(Table::new(&["MESSAGE"]).uncut()).contains("github/token`)"));
        assert!(shown(Table::new(&["MESSAGE"])).ends_with("...\n"));
        assert_eq!(whole_line(&help), help);
    }

    #[test]
    fn without_a_yes_nobody_is_asked_in_a_script() {
        let output = Output { format: Format::Text, colour: false, colour_of_errors: false };
        assert!(output.confirm("Sure?", true).is_ok());
    }
}
