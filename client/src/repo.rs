//! A firm's side of repos.

use registry_proto::registry::repo_service_client::RepoServiceClient;
use registry_proto::registry::{
    AcceptRepoRequest, DeclineRepoRequest, ProposeRepoRequest, RepoReply, ReturnRepoRequest,
};

use crate::calls::{role_client, write_calls};
use crate::connect::Connector;
use crate::reads::ReadClient;

/// Repos with the identity of a firm; exchange and registry ask for returns with
/// theirs.
#[derive(Clone, Debug)]
pub struct RepoClient {
    connector: Connector,
    reads: ReadClient,
}

role_client!(RepoClient);

impl RepoClient {
    write_calls! { RepoServiceClient:
        /// Offers a repo: the seller's part.
        propose_repo(ProposeRepoRequest) -> RepoReply;
        /// Accepts: the buyer's part. Tonnes and money change hands at once.
        accept_repo(AcceptRepoRequest) -> RepoReply;
        /// Says no before the opening, or takes the offer back.
        decline_repo(DeclineRepoRequest) -> RepoReply;
        /// Asks for the return leg, once it is due.
        return_repo(ReturnRepoRequest) -> RepoReply;
    }
}
