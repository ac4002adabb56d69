use serde_json::{Map, Value, json};

/// What a benchmark measured: rows for people, and metrics for programs.
pub struct Report {
    name: &'static str,
    rows: Vec<[String; 3]>,
    metrics: Map<String, Value>,
}

impl Report {
    /// An empty report.
    pub fn new(name: &'static str) -> Self {
        Self { name, rows: Vec::new(), metrics: Map::new() }
    }

    /// A row that is a metric too: what, how much, and what it must reach (empty if nothing).
    pub fn metric(&mut self, name: &str, what: &str, value: f64, unit: &str, must: &str) {
        let rounded = (value * 10_000.0).round() / 10_000.0;
        self.metrics.insert(name.to_owned(), json!(rounded));
        self.row(what, &show(value, unit), must);
    }

    /// A row for people only.
    pub fn row(&mut self, what: &str, value: &str, must: &str) {
        self.rows.push([what.to_owned(), value.to_owned(), must.to_owned()]);
    }

    /// Prints the table, then the JSON line.
    #[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
    pub fn print(self) {
        let width = |i: usize| self.rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        println!("\nbench {}", self.name);
        for [what, value, must] in &self.rows {
            let must = if must.is_empty() { String::new() } else { format!("   (must: {must})") };
            println!("  {what:<first$}  {value:>second$}{must}");
        }
        println!("{}", json!({ "bench": self.name, "metrics": self.metrics }));
    }
}

fn show(value: f64, unit: &str) -> String {
    let digits = if value >= 1000.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        3
    };
    format!("{value:.digits$} {unit}")
}

/// The value below which this share of the values lies.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = ((values.len() as f64 * share).ceil() as usize).saturating_sub(1);
    values.get(place).copied().unwrap_or(f64::NAN)
}

/// The middle value.
pub fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}
