//! Many verifications over one stream: pipelined, answered in the order in which
//! they were asked, and asked again at another node when the stream breaks.

use registry_proto::registry::pledge_service_client::PledgeServiceClient;
use registry_proto::registry::verify_pledges_reply::Outcome;
use registry_proto::registry::{Consistency, VerifyPledgeRequest, VerifyPledgesReply};
use tonic::Status;

use crate::connect::{Connector, Route};
use crate::error::ClientError;
use crate::leader::{Attempt, Attempts, Call};

/// Verifies pledges; one outcome per number, in their order.
pub(crate) async fn verify_pledges(
    connector: &Connector,
    pledge_ids: &[u64],
    consistency: Consistency,
) -> Result<Vec<Outcome>, ClientError> {
    let mut outcomes = Vec::with_capacity(pledge_ids.len());
    let mut attempts = Attempts::new(connector, Call::read("verify_pledges"), Route::Any);
    while outcomes.len() < pledge_ids.len() {
        let attempt = attempts.next().await?;
        let left = &pledge_ids[outcomes.len()..];
        let before = outcomes.len();
        let run = run_stream(connector, &attempt, left, consistency, &mut outcomes);
        let ended = Box::pin(run).await;
        if outcomes.len() > before {
            attempts.progressed(None);
        }
        match ended {
            Ended::Answered => {}
            Ended::ByStatus(status) => attempts.failed(&attempt, &status)?,
            Ended::Silent => attempts.silent(&attempt),
            Ended::Protocol(message) => return Err(ClientError::Protocol(message)),
        }
    }
    Ok(outcomes)
}

enum Ended {
    Answered,
    ByStatus(Status),
    Silent,
    Protocol(String),
}

async fn run_stream(
    connector: &Connector,
    attempt: &Attempt,
    pledge_ids: &[u64],
    consistency: Consistency,
    outcomes: &mut Vec<Outcome>,
) -> Ended {
    let stall = connector.stream_stall_timeout();
    let consistency = consistency.into();
    let asked: Vec<_> = pledge_ids
        .iter()
        .map(|pledge_id| VerifyPledgeRequest { pledge_id: *pledge_id, consistency })
        .collect();
    let mut client = PledgeServiceClient::new(attempt.channel.clone());
    let opening = client.verify_pledges(tokio_stream::iter(asked));
    let mut replies = match tokio::time::timeout(stall, Box::pin(opening)).await {
        Ok(Ok(opened)) => opened.into_inner(),
        Ok(Err(status)) => return Ended::ByStatus(status),
        Err(_) => return Ended::Silent,
    };
    for expected in pledge_ids {
        let reply = match tokio::time::timeout(stall, replies.message()).await {
            Ok(Ok(Some(reply))) => reply,
            Ok(Ok(None)) => {
                return Ended::ByStatus(Status::unavailable("the node ended the stream"));
            }
            Ok(Err(status)) => return Ended::ByStatus(status),
            Err(_) => return Ended::Silent,
        };
        match reply {
            VerifyPledgesReply { pledge_id, outcome: Some(outcome) } if pledge_id == *expected => {
                // Not this node's to answer now: another one may.
                if let Outcome::Refused(refused) = &outcome
                    && refused.code == i32::from(tonic::Code::Unavailable)
                {
                    return Ended::ByStatus(Status::with_details(
                        tonic::Code::Unavailable,
                        refused.message.clone(),
                        refused.status.clone(),
                    ));
                }
                outcomes.push(outcome);
            }
            other => return Ended::Protocol(format!("{other:?} in place of pledge {expected}")),
        }
    }
    Ended::Answered
}
