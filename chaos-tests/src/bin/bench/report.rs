//! What was measured, as a file and as tables.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};
use serde::Serialize;

use crate::cases::Measured;
use crate::national::{Growth, National};
use crate::persons::Persons;
use crate::snapshot::Snapshots;
use crate::sweep::{self, Kind, Point};
use crate::verify::Verified;

/// More than this of the processors, taken by others, is worth a word.
const OTHERS_PERCENT: f64 = 5.0;

/// All of a run, `report.json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Processors of this machine, shared by nodes, links and load generator.
    pub(crate) processors: usize,
    /// Median of a 4 KiB append and its fdatasync where the nodes write.
    pub(crate) fsync_ms: f64,
    /// The counts were too small to judge anything.
    pub(crate) smoke: bool,
    pub(crate) cases: Vec<Measured>,
    pub(crate) verify: Vec<Verified>,
    pub(crate) sweep: Vec<Point>,
    pub(crate) growth: Vec<Growth>,
    pub(crate) national: Option<National>,
    pub(crate) persons: Option<Persons>,
    pub(crate) snapshots: Option<Snapshots>,
}

impl Report {
    /// Writes what there is so far.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self).context("encoding the report")? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    /// Prints the tables of what there is.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        say(&format!(
            "\n{} processors for all nodes, links and the load generator; a 4 KiB append is on disk after {:.2} ms",
            self.processors, self.fsync_ms
        ))?;
        if !self.cases.is_empty() {
            say(&format!("\n{}", cases(&self.cases)))?;
            say(
                "p50 and p99 are of one request: a chunk's from sending to its answer, or one trade's settlement.",
            )?;
            say(
                "The load generator reaches every node without emulated distance, as in the leader's city.",
            )?;
        }
        if !self.verify.is_empty() {
            say(&format!("\n{}", verified(&self.verify)))?;
            say(
                "Of pledges, linearizable, asked of the leader; a stream's call is 1,000 of them. A round asks a majority of each city whether the leader still leads.",
            )?;
        }
        if !self.sweep.is_empty() {
            say(&format!("\n{}", self.loads()))?;
            say("Chunks of 4,096 trades are accepted, single trades are settled.")?;
        }
        if !self.growth.is_empty() {
            say(&format!("\n{}", growth(&self.growth)))?;
        }
        if let Some(national) = &self.national {
            say(&format!("\n{}", day(national)))?;
            if national.elections > 0 {
                say(&format!("Elections until the end of the day: {}.", national.elections))?;
            }
        }
        if let Some(measured) = &self.persons {
            say(&format!("\n{}", persons(measured)))?;
        }
        if let Some(measured) = &self.snapshots {
            say(&format!("\n{}\n\n{}", measured.transfers(), measured.latencies()))?;
            say(&measured.caught_up())?;
        }
        let cases = self.cases.iter().map(|case| (case.name.as_str(), case.others_percent));
        let day = self.national.iter().map(|day| ("the national day", day.others_percent));
        let persons = self.persons.iter().map(|persons| ("persons", persons.others_percent));
        let snapshots = self.snapshots.iter().map(|it| ("snapshot", it.others_percent));
        let all = cases.chain(day).chain(persons).chain(snapshots);
        let most = all.max_by(|one, other| one.1.total_cmp(&other.1));
        if let Some((name, percent)) = most.filter(|(_, percent)| *percent > OTHERS_PERCENT) {
            say(&format!(
                "Other processes took up to {percent:.0} % of the processors (from {name}): these figures are too low."
            ))?;
        }
        Ok(())
    }

    /// Rate and latency by load, one place beside the other.
    fn loads(&self) -> Table {
        let mut header = vec!["load".to_owned()];
        for place in sweep::PLACES {
            header.push(format!("{}: trades/s", place.name));
            header.extend(["p50 ms".to_owned(), "p99 ms".to_owned()]);
        }
        let mut table = table(header);
        let rows = sweep::IN_FLIGHT
            .map(|load| (Kind::Chunks, load, "in flight"))
            .into_iter()
            .chain(sweep::CALLERS.map(|load| (Kind::Single, load, "callers")));
        for (kind, load, unit) in rows {
            let mut row = vec![format!("{} {unit}", grouped(load as u64))];
            for place in sweep::PLACES {
                let found = self.sweep.iter().find(|point| {
                    point.kind == kind && point.load == load && point.place == place.name
                });
                row.extend(match found {
                    Some(point) => {
                        [whole(point.trades_per_s), tenths(point.p50_ms), tenths(point.p99_ms)]
                    }
                    None => ["-", "-", "-"].map(str::to_owned),
                });
            }
            table.add_row(row);
        }
        right_from(&mut table, 0);
        table
    }
}

fn cases(cases: &[Measured]) -> Table {
    let mut table = table([
        "case", "voters", "trades", "trades/s", "CPU us", "client", "p50 ms", "p99 ms", "MiB",
        "target", "met",
    ]);
    for case in cases {
        table.add_row([
            case.name.clone(),
            case.voters.to_string(),
            grouped(case.trades),
            whole(case.trades_per_s),
            tenths(case.cpu_us_per_trade),
            tenths(case.client_cpu_us_per_trade),
            tenths(case.p50_ms),
            tenths(case.p99_ms),
            whole(case.peak_rss_mib),
            case.target.target.clone(),
            case.target.met_in_words().to_owned(),
        ]);
    }
    right_from(&mut table, 1);
    left(&mut table, &[9, 10]);
    table
}

fn verified(lines: &[Verified]) -> Table {
    let mut table = table([
        "verifications",
        "count",
        "per s",
        "CPU us",
        "client",
        "p50 ms",
        "p99 ms",
        "round ms",
        "target",
        "met",
    ]);
    for line in lines {
        table.add_row([
            line.name.clone(),
            grouped(line.verifications),
            whole(line.per_s),
            tenths(line.cpu_us_each),
            tenths(line.client_cpu_us_each),
            tenths(line.p50_ms),
            tenths(line.p99_ms),
            tenths(line.round_ms),
            line.target.target.clone(),
            line.target.met_in_words().to_owned(),
        ]);
    }
    right_from(&mut table, 1);
    left(&mut table, &[8, 9]);
    table
}

fn growth(lines: &[Growth]) -> Table {
    let mut table = table([
        "growth of",
        "from",
        "to",
        "CPU us",
        "to",
        "trades/s",
        "to",
        "ratio",
        "target",
        "met",
    ]);
    for line in lines {
        table.add_row([
            line.what.clone(),
            line.from.clone(),
            line.to.clone(),
            tenths(line.cpu_us_per_trade_from),
            tenths(line.cpu_us_per_trade_to),
            whole(line.trades_per_s_from),
            whole(line.trades_per_s_to),
            format!("{:.2}", line.ratio),
            line.target.target.clone(),
            line.target.met_in_words().to_owned(),
        ]);
    }
    right_from(&mut table, 3);
    left(&mut table, &[8, 9]);
    table
}

fn day(national: &National) -> Table {
    let title = format!("national day x {}", national.scale);
    let mut table = table([title.as_str(), "seconds", "CPU us", "", "target", "met"]);
    let mut row = |name: &str, seconds: f64, cpu_us: f64, more: String, target: [&str; 2]| {
        let cpu_us = if cpu_us > 0.0 { tenths(cpu_us) } else { String::new() };
        let [target, met] = target.map(str::to_owned);
        table.add_row([name.to_owned(), format!("{seconds:.2}"), cpu_us, more, target, met]);
    };
    row(
        "books taken over before",
        national.load_s,
        national.load_cpu_us_per_account,
        format!(
            "{} accounts, {} a second",
            grouped(national.accounts),
            whole(national.accounts_per_s)
        ),
        ["", ""],
    );
    for step in &national.steps {
        row(step.name, step.seconds, step.cpu_us_per_trade, String::new(), ["", ""]);
    }
    let target = &national.day_target;
    row(
        "the whole day",
        national.day_s,
        national.cpu_us_per_trade,
        format!("{} trades, {} a second", grouped(national.trades), whole(national.trades_per_s)),
        [&target.target, target.met_in_words()],
    );
    for restart in &national.restarts {
        row(
            &format!("{} ready after {}", restart.node, restart.after),
            restart.ready_s,
            0.0,
            format!("ended in {:.1} s", restart.stop_s),
            [&restart.target.target, restart.target.met_in_words()],
        );
    }
    let memory = &national.memory_target;
    let nodes: Vec<String> =
        national.peak_rss_mib.iter().map(|(node, mib)| format!("{node} {mib:.0}")).collect();
    table.add_row([
        "peak memory, MiB",
        "",
        "",
        &nodes.join(", "),
        &memory.target,
        memory.met_in_words(),
    ]);
    right_from(&mut table, 1);
    left(&mut table, &[3, 4, 5]);
    table
}

fn persons(measured: &Persons) -> Table {
    let mut table = table(["persons", "", "seconds", "a second", "CPU us", "target", "met"]);
    for step in &measured.steps {
        table.add_row([
            step.name.to_owned(),
            grouped(step.count),
            format!("{:.1}", step.seconds),
            whole(step.per_s),
            tenths(step.cpu_us_each),
        ]);
    }
    let load = &measured.load_target;
    let loaded = format!("{:.1}", measured.load_s);
    table.add_row([
        "opened and credited",
        &grouped(measured.persons),
        &loaded,
        "",
        "",
        &load.target,
        load.met_in_words(),
    ]);
    for restart in &measured.restarts {
        let name = format!("{} ready after {}", restart.node, restart.after);
        let (ready, target) = (format!("{:.1}", restart.ready_s), &restart.target);
        table.add_row([&name, "", &ready, "", "", &target.target, target.met_in_words()]);
    }
    let memory = &measured.memory_target;
    let nodes = measured.peak_rss_mib.iter().map(|(node, mib)| format!("{node} {mib:.0}"));
    let nodes = nodes.collect::<Vec<_>>().join(", ");
    let row = ["peak memory, MiB", &nodes, "", "", "", &memory.target, memory.met_in_words()];
    table.add_row(row);
    right_from(&mut table, 1);
    left(&mut table, &[5, 6]);
    table
}

pub(crate) fn table(header: impl Into<comfy_table::Row>) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(header);
    table
}

pub(crate) fn right_from(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

pub(crate) fn left(table: &mut Table, columns: &[usize]) {
    for index in columns {
        if let Some(column) = table.column_mut(*index) {
            column.set_cell_alignment(CellAlignment::Left);
        }
    }
}

pub(crate) fn whole(value: f64) -> String {
    grouped(value.round() as u64)
}

pub(crate) fn tenths(value: f64) -> String {
    format!("{value:.1}")
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

pub(crate) fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context("writing to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (value, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (5_200_000, "5,200,000")]
        {
            assert_eq!(grouped(value), expected);
        }
    }
}
