//! What the demonstration prints: headings, tables, progress.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};

/// Between two redraws on a terminal.
const REDRAW_INTERVAL: Duration = Duration::from_millis(80);
/// Between two lines elsewhere, so that a log stays short.
const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// Standard output with at most one progress line under way.
#[derive(Debug)]
pub(crate) struct Console {
    started: Instant,
    terminal: bool,
    stage: String,
    stage_started: Instant,
    stage_ended: Instant,
    last_shown: Option<Instant>,
}

impl Console {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            terminal: std::io::stdout().is_terminal(),
            stage: String::new(),
            stage_started: now,
            stage_ended: now,
            last_shown: None,
        }
    }

    /// Since the demonstration began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// A line of its own.
    pub(crate) fn say(&self, line: &str) {
        write(&format!("{line}\n"));
    }

    /// A step's name with the time since the start.
    pub(crate) fn heading(&mut self, text: &str) {
        self.stage_ended = Instant::now();
        write(&format!("\n[{:5.1} s] {text}\n", self.elapsed().as_secs_f64()));
    }

    /// Shows how far a stage is; a new stage begins a new line.
    pub(crate) fn progress(&mut self, stage: &str, done: u64, total: u64) {
        let now = Instant::now();
        if stage != self.stage {
            stage.clone_into(&mut self.stage);
            // The first word of a stage may come when it is over.
            self.stage_started = self.stage_ended;
            self.last_shown = None;
        }
        let ended = done >= total;
        if ended {
            self.stage_ended = now;
        }
        let interval = if self.terminal { REDRAW_INTERVAL } else { LINE_INTERVAL };
        // Off a terminal a stage that ends at once needs no line but its last.
        let since = self.last_shown.unwrap_or(self.stage_started);
        if !ended && now.duration_since(since) < interval {
            return;
        }
        self.last_shown = Some(now);
        let seconds = now.duration_since(self.stage_started).as_secs_f64();
        let counts = match total {
            0 => format!("{stage:<28} {:>22}", ""),
            _ => format!("{stage:<28} {:>9} of {:>9}", grouped(done), grouped(total)),
        };
        match (self.terminal, ended) {
            (true, false) => write(&format!("\r  {counts}\x1b[K")),
            (true, true) => write(&format!("\r  {counts}   {seconds:.1} s\x1b[K\n")),
            (false, false) => write(&format!("  {counts}\n")),
            (false, true) => write(&format!("  {counts}   {seconds:.1} s\n")),
        }
    }

    /// A table whose first column is left and whose others are right aligned.
    pub(crate) fn table(&self, header: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(header).add_rows(rows);
        table
            .set_style(TableComponent::HeaderLines, '─')
            .set_style(TableComponent::MiddleHeaderIntersections, '─');
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        write(&format!("{table}\n"));
    }
}

/// Digits in groups of three: `1,234,567`, `-1,234.50`.
pub(crate) fn grouped(number: impl ToString) -> String {
    let text = number.to_string();
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, decimals) =
        rest.split_once('.').map_or((rest, None), |(whole, decimals)| (whole, Some(decimals)));
    let mut out = sign.to_owned();
    for (position, digit) in whole.chars().enumerate() {
        if position > 0 && (whole.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(decimals) = decimals {
        out.push('.');
        out.push_str(decimals);
    }
    out
}

/// A line on standard error.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away must not stop the demonstration's own clean-up.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_are_grouped_from_the_point() {
        for (number, text) in
            [("1", "1"), ("123", "123"), ("1234", "1,234"), ("-1234567.80", "-1,234,567.80")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}
