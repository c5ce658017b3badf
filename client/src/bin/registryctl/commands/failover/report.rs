//! The report of a recovery: a file for people, with what every survivor signed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use prost::Message as _;
use registry_client::proto::SignedDocument;
use registry_client::recovery::plan_sha256;
use registry_client::recovery_report::{VerifiedRecovery, verify_reports};
use registry_client::signed::PeerAuthority;
use registry_client::{hex, unhex};
use serde_json::{Value, json};

use super::recover::After;
use crate::exit::Usage;
use crate::output::{Page, Record};

/// What the file says beside the signatures, and must say as they do.
const REPEATED: [&str; 4] = ["cluster_id", "lost_city", "recovery_epoch", "plan_sha256"];

#[derive(Debug, Args)]
pub(crate) struct VerifyReport {
    /// The file that `failover recover --report` wrote.
    file: PathBuf,
    /// PEM file of the peer authority, whose nodes sign.
    #[arg(long, value_name = "FILE")]
    peer_ca: PathBuf,
}

/// Writes the report.
pub(super) fn write(
    path: &Path,
    plan: &registry_client::proto::RecoveryPlan,
    after: &After,
    took_ms: u64,
) -> Result<()> {
    let survivors: Vec<Value> = plan
        .survivors
        .iter()
        .map(|of| {
            json!({
                "node_id": of.node_id, "node_name": of.node_name, "last_term": of.last_term,
                "last_log_index": of.last_log_index,
                "committed_log_index": of.committed_log_index,
            })
        })
        .collect();
    let signed: Vec<String> = after.reports.iter().map(|of| hex(&of.encode_to_vec())).collect();
    let report = json!({
        "cluster_id": plan.cluster_id,
        "lost_city": plan.lost_city,
        "recovery_epoch": plan.recovery_epoch,
        "plan_sha256": hex(&plan_sha256(plan)),
        "survivors": survivors,
        "chosen_node_id": plan.chosen_node_id,
        "with_override": plan.with_override,
        "with_possible_loss": plan.with_possible_loss,
        "leader_node_id": after.leader_node_id,
        "log_index": after.log_index,
        "rpo_entries": after.missing_entries,
        "states_agree": after.states_agree,
        "digests": after.digests.iter().cloned().collect::<BTreeMap<_, _>>(),
        "took_ms": took_ms,
        "signed": signed,
    });
    let text = serde_json::to_string_pretty(&report)?;
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

impl VerifyReport {
    pub(super) fn run(&self) -> Result<Page> {
        let authority = PeerAuthority::from_file(&self.peer_ca);
        let authority = authority.map_err(|error| Usage(format!("--peer-ca: {error}")))?;
        let text = std::fs::read_to_string(&self.file)
            .with_context(|| format!("reading {}", self.file.display()))?;
        let report: Value = serde_json::from_str(&text).map_err(|error| {
            Usage(format!("{} is no report of a recovery: {error}", self.file.display()))
        })?;
        let documents = documents(&report)
            .ok_or_else(|| Usage(format!("{} holds no signed reports", self.file.display())))?;
        let verified = verify_reports(&documents, &authority)?;
        let record = described(&verified);
        let said = told(&verified);
        for key in REPEATED {
            if report[key] != said[key] {
                bail!(registry_client::recovery_report::ReportError::Contradiction(format!(
                    "the file says {key} {}, the survivors signed {}",
                    report[key], said[key]
                )));
            }
        }
        let headline = "every survivor signed this plan and held the same state afterwards; what \
                        the file says beyond that is its writer's word";
        Ok(Page::default().with_headline(headline.to_owned()).one(record))
    }
}

fn told(verified: &VerifiedRecovery) -> Value {
    json!({
        "cluster_id": verified.plan.cluster_id,
        "lost_city": verified.plan.lost_city,
        "recovery_epoch": verified.plan.recovery_epoch,
        "plan_sha256": hex(&plan_sha256(&verified.plan)),
    })
}

fn described(verified: &VerifiedRecovery) -> Record {
    let told = told(verified);
    let mut record = Record::default();
    for key in REPEATED {
        record = record.with(key, told[key].clone());
    }
    let signed_by: Vec<String> = verified.signed_by.iter().map(u64::to_string).collect();
    record
        .with("approved_by", verified.approved_by.join(", "))
        .with("with_override", verified.plan.with_override)
        .with("with_possible_loss", verified.plan.with_possible_loss)
        .with("log_index", verified.log_index)
        .with("state_digest", hex(&verified.state_digest))
        .with("signed_by_nodes", signed_by.join(", "))
}

fn documents(report: &Value) -> Option<Vec<SignedDocument>> {
    let signed = report["signed"].as_array()?.iter();
    signed.map(|of| SignedDocument::decode(&unhex(of.as_str()?)?[..]).ok()).collect()
}
