//! `failover switchover`: the leader moves to the other city on purpose.

use anyhow::Result;
use clap::Args;
use registry_client::preflight::{Check, Planned, preflight};
use registry_client::proto::PreferCityRequest;
use registry_client::{NodeStatus, OperatorClient};

use crate::args::Global;
use crate::exit::{self, Alarm};
use crate::output::{Page, Record};

const HINT: &str = "see docs/operation.md, Switchover";

#[derive(Debug, Args)]
pub(crate) struct Switchover {
    /// The city that is to lead.
    #[arg(long, value_name = "CITY")]
    to: String,
    /// Look, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Leave the preferred city as it is: a leader elsewhere would come back.
    #[arg(long)]
    for_now: bool,
}

impl Switchover {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let operator = global.operator()?;
        let before = look(&operator, Planned::Lead(&self.to)).await;
        let page = Page::default().many("preflight", check_lines(&before));
        if let Some(alarm) = failed_checks(&before, "the switchover was not begun", HINT) {
            let headline = "not begun: the preflight found something".to_owned();
            return Ok(page.with_headline(headline).with_alarm(alarm));
        }
        if self.dry_run {
            return Ok(page.with_headline(format!("nothing stands against {} leading", self.to)));
        }
        if !self.for_now {
            let request = PreferCityRequest { request_id: String::new(), city: self.to.clone() };
            operator.prefer_city(request).await?;
        }
        let moved = operator.hand_over(&self.to, 0).await?;
        let after = look(&operator, Planned::Lead(&self.to)).await;
        let headline = match moved.from_node_id == moved.to_node_id {
            true => format!("node {} leads in {} already", moved.to_node_id, self.to),
            false => format!("node {} leads in {}", moved.to_node_id, self.to),
        };
        let record = Record::default()
            .with("from_node_id", moved.from_node_id)
            .with("to_node_id", moved.to_node_id)
            .with("term", moved.term)
            .with("took_ms", moved.took_ms);
        let page = page.with_headline(headline).one(record).many("postcheck", check_lines(&after));
        Ok(match failed_checks(&after, "the leader has moved, and then", HINT) {
            Some(alarm) => page.with_alarm(alarm),
            None => page,
        })
    }
}

/// Asks every node and judges.
pub(super) async fn look(operator: &OperatorClient, planned: Planned<'_>) -> Vec<Check> {
    let first = operator.statuses_of_all(0).await;
    let at_log_index = common_index(&first);
    let nodes = operator.statuses_of_all(at_log_index).await;
    preflight(&nodes, at_log_index, planned)
}

/// The greatest index that every answering node has applied.
pub(in crate::commands) fn common_index(nodes: &[NodeStatus]) -> u64 {
    let applied =
        nodes.iter().filter_map(|node| Some(node.status.as_ref().ok()?.applied_log_index));
    applied.min().unwrap_or(0)
}

pub(in crate::commands) fn check_lines(checks: &[Check]) -> Vec<Record> {
    let line = |check: &Check| {
        Record::default()
            .with("check", check.what)
            .with("passed", check.passed)
            .with("found", check.found.as_str())
    };
    checks.iter().map(line).collect()
}

/// What did not pass, for people and as the exit code.
pub(in crate::commands) fn failed_checks(
    checks: &[Check],
    told: &str,
    hint: &str,
) -> Option<Alarm> {
    let failed = checks.iter().filter(|check| !check.passed);
    let found: Vec<String> =
        failed.map(|check| format!("{}: {}", check.what, check.found)).collect();
    let hint = hint.to_owned();
    let text = format!("{told}: {}", found.join("; "));
    (!found.is_empty()).then_some(Alarm { text, exit_code: exit::OTHER, hint })
}
