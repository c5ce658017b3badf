//! What the survivors of a recovery say of it, each signed by itself: whether they
//! say the same, and hold the same.

use std::collections::BTreeSet;

use prost::Message as _;
use registry_proto::registry::{
    InspectRequest, RecoveryPlan, RecoveryReport, SignedDocument, Survivor,
};

use crate::error::ClientError;
use crate::operator::OperatorClient;
use crate::signed::{self, PeerAuthority, SignedError};

/// What a report is signed as.
pub const REPORT_PURPOSE: &str = "recovery-report";
/// Format of reports that this version reads.
const FORMAT: u32 = 1;

/// Why reports do not prove a recovery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// One is not what a node signed.
    #[error("report {place}: {cause}")]
    Signed {
        /// From 1.
        place: usize,
        /// What is wrong.
        cause: SignedError,
    },
    /// One does not decode, or is of a later version.
    #[error("report {place}: {why}")]
    Malformed {
        /// From 1.
        place: usize,
        /// How it shows.
        why: String,
    },
    /// They do not say the same, or not what a recovery is.
    #[error("{0}")]
    Contradiction(String),
    /// A survivor's is not there.
    #[error("there is no report of {0}, which survived")]
    Missing(String),
}

/// A recovery that every survivor signed.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedRecovery {
    /// As two people approved it.
    pub plan: RecoveryPlan,
    /// Those people.
    pub approved_by: Vec<String>,
    /// Where the states were compared.
    pub log_index: u64,
    /// Of every survivor there.
    pub state_digest: Vec<u8>,
    /// Node ids of those who signed.
    pub signed_by: Vec<u64>,
}

impl OperatorClient {
    /// What one survivor signs of the recovery that began its epoch, with its state's
    /// digest at a log index; `None` when it remembers none there, or was never in a
    /// recovery.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn recovery_report(
        &self,
        endpoint: &str,
        at_log_index: u64,
    ) -> Result<Option<SignedDocument>, ClientError> {
        let request = InspectRequest { at_log_index, ..Default::default() };
        Ok(self.inspect_with(endpoint, request).await?.recovery_report)
    }
}

/// Checks that nodes of this authority signed the reports, one of every survivor of
/// one plan, and that all held the same.
///
/// # Errors
/// The first thing that is not so.
pub fn verify_reports(
    documents: &[SignedDocument],
    authority: &PeerAuthority,
) -> Result<VerifiedRecovery, ReportError> {
    let mut reports = Vec::new();
    for (place, document) in (1..).zip(documents) {
        reports.push(verified(place, document, authority)?);
    }
    let contradiction = |why: String| Err(ReportError::Contradiction(why));
    let Some(first) = reports.first() else {
        return contradiction("there is no report".to_owned());
    };
    let plan = RecoveryPlan::decode(&first.plan[..])
        .map_err(|e| ReportError::Malformed { place: 1, why: format!("its plan: {e}") })?;
    for report in &reports {
        let said = |what: &str| format!("{} says another {what}", report.node_name);
        if report.plan != first.plan {
            return contradiction(said("plan"));
        }
        let of = (report.cluster_id.as_str(), report.recovery_epoch);
        if of != (plan.cluster_id.as_str(), plan.recovery_epoch) {
            return contradiction(said("cluster or recovery epoch than its plan"));
        }
        if (report.log_index, &report.state_digest) != (first.log_index, &first.state_digest) {
            return contradiction(said("state"));
        }
        if report.approved_by.iter().collect::<BTreeSet<_>>().len() < 2 {
            return contradiction(format!("{} names no two people", report.node_name));
        }
    }
    let signed_by: BTreeSet<u64> = reports.iter().map(|report| report.node_id).collect();
    if let Some(absent) = plan.survivors.iter().find(|of| !signed_by.contains(&of.node_id)) {
        return Err(ReportError::Missing(absent.node_name.clone()));
    }
    let survived = |id: &u64| plan.survivors.iter().any(|of: &Survivor| of.node_id == *id);
    if let Some(other) = signed_by.iter().find(|id| !survived(id)) {
        return contradiction(format!("node {other} signed and is no survivor of the plan"));
    }
    let held = plan.survivors.iter().map(|of| of.last_log_index).max().unwrap_or(0);
    if first.log_index < held {
        return contradiction(format!(
            "the states are of log index {}, the survivors held {held}",
            first.log_index
        ));
    }
    Ok(VerifiedRecovery {
        approved_by: first.approved_by.clone(),
        log_index: first.log_index,
        state_digest: first.state_digest.to_vec(),
        signed_by: signed_by.into_iter().collect(),
        plan,
    })
}

fn verified(
    place: usize,
    document: &SignedDocument,
    authority: &PeerAuthority,
) -> Result<RecoveryReport, ReportError> {
    let signer = signed::verify(document, REPORT_PURPOSE, authority)
        .map_err(|cause| ReportError::Signed { place, cause })?;
    let malformed = |why: String| ReportError::Malformed { place, why };
    let report = RecoveryReport::decode(document.content.clone());
    let report = report.map_err(|e| malformed(e.to_string()))?;
    if report.format != FORMAT {
        let why = format!("it has format {}, this version reads {FORMAT}", report.format);
        return Err(malformed(why));
    }
    if report.node_id != signer.node_id {
        let why = format!("node {} signed for node {}", signer.node_id, report.node_id);
        return Err(malformed(why));
    }
    Ok(report)
}
