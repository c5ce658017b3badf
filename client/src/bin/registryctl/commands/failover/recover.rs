//! `failover recover`: the survivors go on without a lost city.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use registry_client::proto::{RecoveryPlan, SignedDocument, Survivor};
use registry_client::recovery::{Survey, plan_sha256};
use registry_client::{ClientError, OperatorClient, hex};

use super::report;
use super::sealed::SealedFile;
use crate::args::Global;
use crate::exit::Usage;
use crate::output::{Page, Record};

/// Time for a second operator to approve.
const APPROVAL_TIMEOUT: Duration = Duration::from_secs(600);
/// Time for the survivors to serve again.
const SERVING_TIMEOUT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// The city that is lost and given up.
    #[arg(long, value_name = "CITY")]
    lost: String,
    /// Print the plan and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Sealed override of a city that has not the right to recover.
    #[arg(long, value_name = "FILE")]
    r#override: Option<PathBuf>,
    /// Go on although fewer nodes survived than hold everything that was acknowledged.
    #[arg(long)]
    accept_loss: bool,
    /// Identity of the second operator, DIR/USER, for rehearsals; otherwise that
    /// person approves with `failover approve` meanwhile.
    #[arg(long, env = "REGISTRY_CHECKER_IDENTITY", value_name = "DIR/USER")]
    checker_identity: Option<PathBuf>,
    /// Write the report of the recovery there, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The city that is lost, as the first operator said.
    #[arg(long, value_name = "CITY")]
    lost: String,
    /// Hash of the plan, as the first operator's command prints it: at least the first
    /// 16 digits.
    #[arg(long)]
    plan: String,
    /// The plan uses a sealed override.
    #[arg(long)]
    with_override: bool,
    /// The plan accepts a possible loss.
    #[arg(long)]
    accept_loss: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Wipe {
    /// Name of the node, e.g. sh-1; --endpoints must name it alone.
    #[arg(long)]
    node: String,
}

impl Recover {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let began = Instant::now();
        let operator = global.operator()?;
        let sealed = self.r#override.as_deref().map(SealedFile::read).transpose()?;
        let survey = operator.survey(&self.lost).await?;
        let plan = match survey.unfinished() {
            Some(unfinished) => unfinished,
            None => survey.plan(&self.lost, sealed.is_some(), self.accept_loss)?,
        };
        let page = Page::default()
            .one(described(&plan))
            .many("survivors", plan.survivors.iter().map(survivor).collect())
            .many("risks", risks(&plan, self.lost.as_str()));
        if self.dry_run {
            let headline = "nothing was changed: this is the plan".to_owned();
            return Ok(page.with_headline(headline));
        }
        self.gather_approvals(global, &operator, &survey, &plan).await?;
        let approved_after = began.elapsed();
        let secret = sealed.as_ref().map(SealedFile::secret).transpose()?.unwrap_or_default();
        // The chosen one first: if it refuses, nobody has changed anything.
        let chosen = plan.survivors.iter().filter(|of| of.node_id == plan.chosen_node_id);
        let others = plan.survivors.iter().filter(|of| of.node_id != plan.chosen_node_id);
        for survivor in chosen.chain(others) {
            if survey.has_begun(survivor.node_id, &plan) {
                continue;
            }
            let endpoint = endpoint(&survey, survivor.node_id)?;
            operator
                .recover(endpoint, &plan, &secret)
                .await
                .with_context(|| format!("node {}", survivor.node_name))?;
        }
        let after = serving(&operator, &survey, &plan).await?;
        let took = began.elapsed();
        let record = Record::default()
            .with("leader_node_id", after.leader_node_id)
            .with("recovery_epoch", plan.recovery_epoch)
            .with("log_index", after.log_index)
            .with("rpo_entries", after.missing_entries)
            .with("states_agree", after.states_agree)
            .with("took_ms", ms(took))
            .with("approved_after_ms", ms(approved_after));
        if let Some(path) = &self.report {
            report::write(path, &plan, &after, ms(took))?;
        }
        let headline = format!(
            "recovered: {} goes on without {}; a commit is durable in one city only until \
             `failover return`",
            after.city, self.lost
        );
        Ok(page.with_headline(headline).one(record))
    }

    async fn gather_approvals(
        &self,
        global: &Global,
        operator: &OperatorClient,
        survey: &Survey,
        plan: &RecoveryPlan,
    ) -> Result<()> {
        approve(operator, survey, plan).await?;
        if let Some(identity) = &self.checker_identity {
            let second = OperatorClient::new(global.connector_of(identity)?);
            return approve(&second, survey, plan).await;
        }
        let sha256 = hex(&plan_sha256(plan));
        eprintln!(
            "The plan waits for a second operator:\n  registryctl failover approve --lost {} \
             --plan {sha256}{}{}",
            self.lost,
            if plan.with_override { " --with-override" } else { "" },
            if plan.with_possible_loss { " --accept-loss" } else { "" },
        );
        let deadline = Instant::now() + APPROVAL_TIMEOUT;
        while Instant::now() < deadline {
            let mut missing = false;
            for survivor in waiting(survey, plan) {
                let at = endpoint(survey, survivor.node_id)?;
                missing |= operator.approve_recovery(at, plan).await?.len() < 2;
            }
            if !missing {
                return Ok(());
            }
            tokio::time::sleep(INTERVAL).await;
        }
        bail!("no second operator approved the plan in ten minutes; nothing was changed")
    }
}

impl Approve {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let operator = global.operator()?;
        let survey = operator.survey(&self.lost).await?;
        let plan = match survey.unfinished() {
            Some(unfinished) => unfinished,
            None => survey.plan(&self.lost, self.with_override, self.accept_loss)?,
        };
        let sha256 = hex(&plan_sha256(&plan));
        let seen = self.plan.to_ascii_lowercase();
        if seen.len() < 16 || !sha256.starts_with(&seen) {
            bail!(Usage(format!(
                "what this command finds makes another plan, {sha256}: compare both with \
                 `failover recover --dry-run`"
            )));
        }
        approve(&operator, &survey, &plan).await?;
        Ok(Page::default()
            .with_headline("approved at every survivor".to_owned())
            .one(described(&plan)))
    }
}

impl Wipe {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let [endpoint] = &global.endpoints[..] else {
            bail!(Usage("--endpoints must name the one node to be wiped".to_owned()));
        };
        global.operator()?.wipe_node(endpoint, &self.node).await?;
        let headline = format!(
            "{} removes its data and ends; give it a new id and certificates before it joins \
             again with `cluster admit`",
            self.node
        );
        Ok(Page::default().with_headline(headline))
    }
}

/// Survivors that have not begun the plan's epoch.
fn waiting<'a>(survey: &'a Survey, plan: &'a RecoveryPlan) -> impl Iterator<Item = &'a Survivor> {
    plan.survivors.iter().filter(|of| !survey.has_begun(of.node_id, plan))
}

async fn approve(operator: &OperatorClient, survey: &Survey, plan: &RecoveryPlan) -> Result<()> {
    for survivor in waiting(survey, plan) {
        let at = endpoint(survey, survivor.node_id)?;
        operator
            .approve_recovery(at, plan)
            .await
            .with_context(|| format!("node {}", survivor.node_name))?;
    }
    Ok(())
}

fn endpoint(survey: &Survey, node_id: u64) -> Result<&str> {
    survey.endpoint_of(node_id).with_context(|| format!("node {node_id} was not asked"))
}

/// The survivors as they serve again.
pub(super) struct After {
    pub(super) city: String,
    pub(super) leader_node_id: u64,
    pub(super) log_index: u64,
    /// Log entries that a survivor held before and that are not there now.
    pub(super) missing_entries: u64,
    pub(super) states_agree: bool,
    pub(super) digests: Vec<(String, String)>,
    /// What each survivor signs.
    pub(super) reports: Vec<SignedDocument>,
}

/// Waits until the recovery is recorded and every survivor has applied it.
async fn serving(operator: &OperatorClient, survey: &Survey, plan: &RecoveryPlan) -> Result<After> {
    let deadline = Instant::now() + SERVING_TIMEOUT;
    let greatest = plan.survivors.iter().map(|of| of.last_log_index).max().unwrap_or(0);
    let mut at_log_index = 0;
    while Instant::now() < deadline {
        tokio::time::sleep(INTERVAL).await;
        let mut statuses = Vec::new();
        for survivor in &plan.survivors {
            let at = endpoint(survey, survivor.node_id)?;
            match operator.status(at, at_log_index).await {
                Ok(status) => statuses.push(status),
                Err(ClientError::Unavailable { .. }) => {}
                Err(other) => return Err(other.into()),
            }
        }
        let recorded = |status: &registry_client::proto::GetStatusReply| {
            let epoch = status.topology.as_ref().map_or(0, |topology| topology.recovery_epoch);
            epoch == plan.recovery_epoch && status.applied_log_index > greatest
        };
        let all = statuses.len() == plan.survivors.len() && statuses.iter().all(recorded);
        let Some(leader) = statuses.iter().find(|of| of.raft_state == "leader").filter(|_| all)
        else {
            continue;
        };
        let digests: Vec<(String, String)> = statuses
            .iter()
            .map(|of| (of.node_name.clone(), hex(&of.digest_at_index)))
            .filter(|(_, digest)| !digest.is_empty())
            .collect();
        if at_log_index == 0 || digests.len() < statuses.len() {
            at_log_index = statuses.iter().map(|of| of.applied_log_index).min().unwrap_or(0);
            continue;
        }
        let reports = signed_reports(operator, survey, plan, at_log_index).await?;
        if reports.len() < plan.survivors.len() {
            // One of them remembers no digest there any more.
            at_log_index = 0;
            continue;
        }
        let held = leader.last_log_index;
        return Ok(After {
            reports,
            city: leader.city.clone(),
            leader_node_id: leader.node_id,
            log_index: held,
            missing_entries: greatest.saturating_sub(held),
            states_agree: digests.windows(2).all(|pair| pair[0].1 == pair[1].1),
            digests,
        });
    }
    bail!(
        "the survivors did not serve within {SERVING_TIMEOUT:?}: look at their logs; a copy of \
         each data folder as it was lies beside it"
    )
}

async fn signed_reports(
    operator: &OperatorClient,
    survey: &Survey,
    plan: &RecoveryPlan,
    at_log_index: u64,
) -> Result<Vec<SignedDocument>> {
    let mut reports = Vec::new();
    for survivor in &plan.survivors {
        let at = endpoint(survey, survivor.node_id)?;
        reports.extend(operator.recovery_report(at, at_log_index).await?);
    }
    Ok(reports)
}

fn described(plan: &RecoveryPlan) -> Record {
    Record::default()
        .with("plan_sha256", hex(&plan_sha256(plan)))
        .with("cluster_id", plan.cluster_id.as_str())
        .with("lost_city", plan.lost_city.as_str())
        .with("recovery_epoch", plan.recovery_epoch)
        .with("chosen_node_id", plan.chosen_node_id)
        .with("new_term", plan.new_term)
        .with("with_override", plan.with_override)
        .with("with_possible_loss", plan.with_possible_loss)
}

fn survivor(of: &Survivor) -> Record {
    Record::default()
        .with("node_id", of.node_id)
        .with("node_name", of.node_name.as_str())
        .with("city", of.city.as_str())
        .with("last_term", of.last_term)
        .with("last_log_index", of.last_log_index)
        .with("committed_log_index", of.committed_log_index)
}

/// What a person must know before saying yes.
fn risks(plan: &RecoveryPlan, lost: &str) -> Vec<Record> {
    let mut risks = vec![format!(
        "if {lost} in truth lives, its nodes can neither commit nor elect without these survivors; \
         they must never be started again except to be wiped"
    )];
    if plan.with_override {
        risks.push(format!(
            "{lost} holds the right to recover: if it recovered on its own, two ledgers would go \
             on, each with its own truth about who owns what"
        ));
    }
    if plan.with_possible_loss {
        risks.push(
            "entries that were acknowledged may be on the missing nodes only: they would be gone, \
             and their request ids would be taken as new"
                .to_owned(),
        );
    }
    risks.into_iter().map(|risk| Record::default().with("risk", risk)).collect()
}

fn ms(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}
