#![allow(clippy::print_stdout, reason = "the demo speaks on the terminal")]

use std::io::IsTerminal as _;
use std::time::Instant;

/// Where the demo speaks: numbered stages and plain lines, coloured on a terminal only.
pub struct Screen {
    colours: bool,
    began: Instant,
    stage: u32,
}

impl Screen {
    /// The clock starts now.
    pub fn begin() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours, began: Instant::now(), stage: 0 }
    }

    /// A heading.
    pub fn title(&self, text: &str) {
        println!("{}", self.dressed("1", text));
    }

    /// The next stage begins.
    pub fn stage(&mut self, text: &str) {
        self.stage += 1;
        let heading = format!("{}. {text}", self.stage);
        let at = format!("[{:>4.1} s]", self.began.elapsed().as_secs_f64());
        println!("\n{} {}", self.dressed("2", &at), self.dressed("1;36", &heading));
    }

    /// A line.
    pub fn say(&self, text: &str) {
        println!("   {}", self.dressed("0", text));
    }

    /// A line of something good.
    pub fn good(&self, text: &str) {
        println!("   {}", self.dressed("32", text));
    }

    /// A line of something bad.
    pub fn bad(&self, text: &str) {
        println!("   {}", self.dressed("31", text));
    }

    /// A message that came in chat.
    pub fn quote(&self, text: &str) {
        for line in text.lines() {
            println!("   {} {line}", self.dressed("33", "|"));
        }
    }

    fn dressed(&self, style: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
