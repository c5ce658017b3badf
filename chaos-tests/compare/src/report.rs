//! One table and one file: every system beside the registry.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table, TableComponent};
use serde::Serialize;

use crate::measure::Figures;
use crate::{Kind, NODES, System};

/// What the rounds gave.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    measured: BTreeMap<(Kind, System), Vec<Figures>>,
    failed: BTreeMap<System, String>,
    /// Not installed, with how to install it.
    absent: BTreeMap<System, String>,
}

/// The file.
#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
    failed: BTreeMap<System, String>,
    absent: BTreeMap<System, String>,
}

/// A system in one case: medians of its rounds.
#[derive(Debug, Serialize)]
struct Row {
    system: System,
    case: Kind,
    nodes: u32,
    rounds: usize,
    /// Of one round.
    trades: u64,
    trades_per_s: f64,
    /// How many times faster the registry is.
    registry_times_faster: Option<f64>,
    cpu_us_per_trade: Option<f64>,
    /// How many times the registry's processor time it takes.
    times_registry_cpu: Option<f64>,
    client_cpu_us_per_trade: Option<f64>,
    p50_ms: f64,
    p99_ms: f64,
}

impl Rounds {
    pub(crate) fn add(&mut self, system: System, measured: Vec<(Kind, Figures)>) {
        for (kind, figures) in measured {
            self.measured.entry((kind, system)).or_default().push(figures);
        }
    }

    /// A system that failed once is not measured again.
    pub(crate) fn fail(&mut self, system: System, error: &anyhow::Error) {
        self.measured.retain(|(_, other), _| *other != system);
        self.failed.insert(system, format!("{error:#}"));
    }

    pub(crate) fn absent(&mut self, system: System, how_to_install: &anyhow::Error) {
        self.absent.insert(system, format!("{how_to_install:#}"));
    }

    /// # Errors
    /// When a system failed; one that is not installed is no failure.
    pub(crate) fn ended_well(&self) -> anyhow::Result<()> {
        let failed: Vec<String> = self.failed.keys().map(System::to_string).collect();
        ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
        Ok(())
    }

    pub(crate) fn has_failed(&self, system: System) -> bool {
        self.failed.contains_key(&system)
    }

    /// The table for people.
    pub(crate) fn table(&self) -> Table {
        table(&self.rows())
    }

    /// Writes the file for programs.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let report =
            Report { rows: self.rows(), failed: self.failed.clone(), absent: self.absent.clone() };
        let text = serde_json::to_string_pretty(&report).context("encoding the report")? + "\n";
        std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
    }

    fn rows(&self) -> Vec<Row> {
        let median_of = |kind, system| self.measured.get(&(kind, system)).map(|all| median(all));
        let row = |((kind, system), rounds): (&(Kind, System), &Vec<Figures>)| {
            let own = median(rounds);
            let registry =
                median_of(*kind, System::Registry).filter(|_| *system != System::Registry);
            let cpu_ratio =
                |registry: Figures| Some(own.cpu_us_per_trade? / registry.cpu_us_per_trade?);
            Row {
                system: *system,
                case: *kind,
                nodes: NODES,
                rounds: rounds.len(),
                trades: own.trades,
                trades_per_s: rounded(own.trades_per_s),
                registry_times_faster: registry
                    .map(|registry| rounded(registry.trades_per_s / own.trades_per_s)),
                cpu_us_per_trade: own.cpu_us_per_trade.map(rounded),
                times_registry_cpu: registry.and_then(cpu_ratio).map(rounded),
                client_cpu_us_per_trade: own.client_cpu_us_per_trade.map(rounded),
                p50_ms: rounded(own.p50_ms),
                p99_ms: rounded(own.p99_ms),
            }
        };
        self.measured.iter().map(row).collect()
    }
}

/// Of each figure by itself.
fn median(rounds: &[Figures]) -> Figures {
    let of = |figure: fn(&Figures) -> f64| middle(rounds.iter().map(figure).collect());
    let if_all_know = |figure: fn(&Figures) -> Option<f64>| {
        rounds.iter().map(figure).collect::<Option<Vec<f64>>>().map(middle)
    };
    Figures {
        trades: rounds.iter().map(|round| round.trades).min().unwrap_or(0),
        trades_per_s: of(|round| round.trades_per_s),
        cpu_us_per_trade: if_all_know(|round| round.cpu_us_per_trade),
        client_cpu_us_per_trade: if_all_know(|round| round.client_cpu_us_per_trade),
        p50_ms: of(|round| round.p50_ms),
        p99_ms: of(|round| round.p99_ms),
    }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

/// To hundredths: more digits would claim more than was measured.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING);
    table
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header([
        "case",
        "system",
        "nodes",
        "trades",
        "trades/s",
        "registry faster",
        "CPU us/trade",
        "registry's CPU",
        "client us/trade",
        "p50 ms",
        "p99 ms",
    ]);
    let times = |ratio: Option<f64>| ratio.map_or(String::new(), |ratio| format!("{ratio:.1} x"));
    let cpu = |us: Option<f64>| us.map_or("?".to_owned(), |us| format!("{us:.1}"));
    for row in rows {
        table.add_row([
            row.case.to_string(),
            row.system.to_string(),
            row.nodes.to_string(),
            row.trades.to_string(),
            format!("{:.0}", row.trades_per_s),
            times(row.registry_times_faster),
            cpu(row.cpu_us_per_trade),
            times(row.times_registry_cpu),
            cpu(row.client_cpu_us_per_trade),
            format!("{:.1}", row.p50_ms),
            format!("{:.1}", row.p99_ms),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(trades_per_s: f64, cpu_us: Option<f64>) -> Figures {
        Figures {
            trades: 10,
            trades_per_s,
            cpu_us_per_trade: cpu_us,
            client_cpu_us_per_trade: None,
            p50_ms: 1.0,
            p99_ms: 2.0,
        }
    }

    #[test]
    fn medians_are_of_each_figure() {
        let rounds = [figures(10.0, Some(9.0)), figures(30.0, Some(7.0)), figures(20.0, Some(8.0))];
        assert_eq!(median(&rounds), figures(20.0, Some(8.0)));
        assert_eq!(median(&rounds[..2]), figures(20.0, Some(8.0)));
        assert_eq!(median(&[figures(1.0, None), figures(1.0, Some(1.0))]), figures(1.0, None));
    }

    #[test]
    fn ratios_are_to_the_registry_in_the_same_case() {
        let mut rounds = Rounds::default();
        let (one, many) = (Kind::Single, Kind::Batches);
        rounds.add(
            System::Registry,
            vec![(one, figures(100.0, Some(10.0))), (many, figures(1_000.0, Some(1.0)))],
        );
        rounds.add(
            System::Postgres,
            vec![(one, figures(50.0, Some(30.0))), (many, figures(100.0, None))],
        );
        let ratios: Vec<_> = rounds
            .rows()
            .iter()
            .map(|row| (row.case, row.system, row.registry_times_faster, row.times_registry_cpu))
            .collect();
        let expected = [
            (many, System::Registry, None, None),
            (many, System::Postgres, Some(10.0), None),
            (one, System::Registry, None, None),
            (one, System::Postgres, Some(2.0), Some(3.0)),
        ];
        assert_eq!(ratios, expected);
        assert!(rounds.table().to_string().contains("10.0 x"));
    }

    #[test]
    fn without_the_registry_there_are_no_ratios() {
        let mut rounds = Rounds::default();
        rounds.add(System::Registry, vec![(Kind::Single, figures(1.0, None))]);
        rounds.fail(System::Registry, &anyhow::anyhow!("no bench"));
        rounds.add(System::Etcd, vec![(Kind::Single, figures(5.0, Some(1.0)))]);
        assert!(rounds.has_failed(System::Registry));
        let rows = rounds.rows();
        assert_eq!((rows.len(), rows[0].registry_times_faster), (1, None));
    }
}
