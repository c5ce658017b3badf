//! `drill`: rehearses what operators fear, on a cluster of its own or on one that a
//! file describes, and keeps a report of it. See `docs/drills.md`.

mod chain;
mod city_loss;
mod drills;
mod html;
mod local;
mod rehearsal;
mod report;
mod restore;
mod session;
mod svg;
mod target;
mod watch;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use self::chain::Shelf;
use self::drills::Drill;
use self::local::Local;
use self::report::{Conditions, DrillReport};
use self::session::Session;
use self::target::Target;
use super::stop::stop_asked;
use crate::exit::{self, Alarm, Usage};
use crate::output::{Page, Record};

/// The layouts that a local cluster can have.
const LAYOUTS: [&str; 2] = ["dual-city", "witnessed"];

#[derive(Debug, Args)]
pub(crate) struct DrillCommand {
    /// What to rehearse; `verify` checks the reports that are kept.
    #[arg(value_parser = what())]
    drill: What,
    /// Layout of the local cluster: dual-city, witnessed, or both one after the other.
    /// [default: dual-city; both for all]
    #[arg(long, value_parser = ["dual-city", "witnessed", "both"], conflicts_with = "target")]
    layout: Option<String>,
    /// How often each event is repeated.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Round-trip time between the cities of the local cluster.
    #[arg(long, default_value_t = 12, conflicts_with = "target")]
    rtt_ms: u64,
    /// Rehearse on the cluster that this file describes, in place of a local one.
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// Name of the target, in place of typing it when asked.
    #[arg(long, requires = "target", value_name = "NAME")]
    confirm: Option<String>,
    /// Folder in which reports are kept; the local cluster works below it.
    #[arg(long, default_value = "target/drill", value_name = "DIR")]
    reports: PathBuf,
    /// With `verify`: hash of the newest report, as the drill told it.
    #[arg(long, value_name = "SHA256")]
    newest: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    One(Drill),
    All,
    Verify,
}

fn what() -> impl TypedValueParser<Value = What> {
    let names = Drill::ALL.map(Drill::name).into_iter().chain(["all", "verify"]);
    PossibleValuesParser::new(names).map(|name| {
        let drill = Drill::ALL.into_iter().find(|drill| drill.name() == name);
        match drill {
            Some(drill) => What::One(drill),
            None if name == "all" => What::All,
            None => What::Verify,
        }
    })
}

/// Where a drill takes place.
enum Place {
    Given(Box<Target>),
    Local { layout: String },
}

impl DrillCommand {
    pub(crate) async fn run(&self) -> Result<Page> {
        let drills = match self.drill {
            What::Verify => return self.verify(),
            What::One(drill) => vec![drill],
            What::All => Drill::ALL.to_vec(),
        };
        let places = self.places()?;
        let mut shelf = Shelf::open(&self.reports)?;
        let rehearsed = async {
            let mut kept = Vec::new();
            for place in &places {
                for drill in &drills {
                    let report = self.rehearse(*drill, place, shelf.newest()).await;
                    kept.push(shelf.keep(report)?);
                }
            }
            anyhow::Ok(kept)
        };
        let outcome = tokio::select! {
            outcome = Box::pin(rehearsed) => outcome,
            asked = stop_asked() => asked.map_err(Into::into).and_then(|()| {
                bail!("asked to stop; the report of the drill under way is not written")
            }),
        };
        for place in &places {
            if let (Place::Given(target), Err(_)) = (place, &outcome) {
                target.heal().await.context("ending the isolation that the drill had begun")?;
            }
        }
        Ok(page(&outcome?, &self.reports))
    }

    fn places(&self) -> Result<Vec<Place>> {
        if let Some(path) = &self.target {
            let target = Target::read(path)?;
            self.confirmed(&target)?;
            return Ok(vec![Place::Given(Box::new(target))]);
        }
        let chosen = match self.layout.as_deref() {
            Some("both") => LAYOUTS.to_vec(),
            Some(layout) => vec![layout],
            None if self.drill == What::All => LAYOUTS.to_vec(),
            None => vec![LAYOUTS[0]],
        };
        Ok(chosen.into_iter().map(|layout| Place::Local { layout: layout.to_owned() }).collect())
    }

    /// Nodes of somebody's cluster are about to be killed.
    fn confirmed(&self, target: &Target) -> Result<()> {
        let typed = match &self.confirm {
            Some(typed) => typed.clone(),
            None if std::io::stdin().is_terminal() => {
                eprint!(
                    "This ends processes and cuts the network of {:?}, a {} cluster.\n\
                     Type its name to go on: ",
                    target.name, target.layout
                );
                std::io::stderr().flush()?;
                let mut line = String::new();
                std::io::stdin().lock().read_line(&mut line)?;
                line.trim().to_owned()
            }
            None => bail!(Usage(format!(
                "a drill on {:?} ends processes there: give its name with --confirm",
                target.name
            ))),
        };
        if typed != target.name {
            bail!(Usage(format!(
                "{typed:?} is not the target's name {:?}: nothing was done",
                target.name
            )));
        }
        Ok(())
    }

    /// A report comes of it whatever happens.
    async fn rehearse(&self, drill: Drill, place: &Place, previous: &str) -> DrillReport {
        let mut conditions = Conditions::here(self.runs, previous);
        let mut sessions = Vec::new();
        let mut failures = Vec::new();
        match place {
            Place::Given(target) => {
                conditions.target = target.name.clone();
                conditions.layout = target.layout.clone();
                conditions.rtt_ms = target.rtt_ms;
                // Nodes that are used up are there once.
                if drill.uses_up_nodes(&target.layout) {
                    conditions.runs = 1;
                }
                announce(drill, &conditions);
                let run_id = run_id();
                let session =
                    Session::rehearsed(drill, (**target).clone(), &run_id, conditions.runs);
                note(session.await, &mut sessions, &mut failures);
            }
            Place::Local { layout } => {
                conditions.target = "local".to_owned();
                conditions.layout = layout.clone();
                conditions.rtt_ms = Some(self.rtt_ms);
                announce(drill, &conditions);
                let (clusters, runs) = match drill.uses_up_nodes(layout) {
                    true => (self.runs, 1),
                    false => (1, self.runs),
                };
                for _ in 0..clusters {
                    let session = self.on_a_local_cluster(drill, layout, runs);
                    note(session.await, &mut sessions, &mut failures);
                }
            }
        }
        DrillReport::of(drill, conditions, sessions, failures)
    }

    async fn on_a_local_cluster(&self, drill: Drill, layout: &str, runs: u32) -> Result<Session> {
        let folder = self.reports.join("cluster");
        let local = Local::start(layout, self.rtt_ms, &folder).await?;
        let session = Session::rehearsed(drill, local.target()?, &run_id(), runs).await?;
        local.stop().await?;
        Ok(session)
    }

    fn verify(&self) -> Result<Page> {
        let verified = chain::verify(&self.reports, self.newest.as_deref())?;
        let record = Record::default()
            .with("reports", verified.reports)
            .with("newest_sha256", verified.newest_sha256);
        Ok(Page::default()
            .with_headline("every report is as it was written, and none is missing".to_owned())
            .one(record))
    }
}

fn announce(drill: Drill, conditions: &Conditions) {
    let Conditions { target, layout, runs, .. } = conditions;
    eprintln!("{}, {layout} ({target}), {runs} times", drill.name());
}

fn note(session: Result<Session>, sessions: &mut Vec<Session>, failures: &mut Vec<String>) {
    match session {
        Ok(session) => sessions.push(session),
        Err(error) => {
            eprintln!("  failed: {error:#}");
            failures.push(format!("{error:#}"));
        }
    }
}

/// Prefix of request ids, never the same.
fn run_id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("drill-{}", since.as_millis())
}

fn page(kept: &[chain::Kept], reports: &std::path::Path) -> Page {
    let failed: Vec<&str> =
        kept.iter().filter(|kept| !kept.line.passed).map(|kept| kept.line.name).collect();
    let headline = match (failed.len(), kept.len()) {
        (0, 1) => "the drill passed".to_owned(),
        (0, all) => format!("all {all} drills passed"),
        (failed, all) => format!("{failed} of {all} drills failed"),
    };
    let optional = |ms: Option<u64>| ms.map_or_else(String::new, |ms| ms.to_string());
    let lines = kept.iter().map(|kept| {
        let line = &kept.line;
        Record::default()
            .with("name", line.name)
            .with("layout", line.layout.as_str())
            .with("runs", line.runs)
            .with_words("rto_ms_p50", line.rto_ms_p50, optional(line.rto_ms_p50))
            .with_words("rto_ms_p99", line.rto_ms_p99, optional(line.rto_ms_p99))
            .with("rpo_entries", line.rpo_entries)
            .with("acknowledged_lost", line.acknowledged_lost)
            .with("split_brain_writes", line.split_brain_writes)
            .with("passed", line.passed)
            .with_wide("report", kept.html.as_str())
    });
    let newest = kept.last().map_or("", |kept| kept.sha256.as_str());
    let record = Record::default()
        .with("reports", reports.display().to_string())
        .with("newest_sha256", newest);
    let page = Page::default().with_headline(headline).many("drills", lines.collect()).one(record);
    if failed.is_empty() {
        return page;
    }
    let why = kept.iter().flat_map(|kept| kept.failures.iter().map(String::as_str));
    let text = format!("{}: {}", failed.join(", "), why.collect::<Vec<&str>>().join("; "));
    let hint = "open the report; docs/drills.md says what each drill expects".to_owned();
    page.with_alarm(Alarm { text, exit_code: exit::OTHER, hint })
}
