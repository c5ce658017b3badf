//! Pledges and freezes: commands of the parties, verification in both cities,
//! and a stream of what happens.

use std::pin::Pin;

use futures::{Stream, StreamExt as _};
use registry_ledger::amount::format_yuan;
use registry_ledger::{
    FreezeId, Ledger, PledgeFilter, PledgeId, PledgeView, Reason, Receipt, Rejection,
};
use registry_proto::registry as proto;
use registry_proto::registry::pledge_service_server::PledgeService;
use registry_proto::registry::verify_pledges_reply::Outcome;
use registry_proto::registry::{VerifyPledgeReply, VerifyPledgeRequest};
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status, Streaming};

use crate::decode::fields;
use crate::security::Caller;
use crate::services::gateway::{Gateway, page_size, unexpected};
use crate::services::{encode, encode_pledge, event, status};

/// Verifications asked and not yet answered, per stream.
const VERIFICATIONS_IN_FLIGHT: usize = 2_048;

type Reply<T> = Result<Response<T>, Status>;
type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(super) struct Pledges(pub(super) Gateway);

#[tonic::async_trait]
impl PledgeService for Pledges {
    type VerifyPledgesStream = Replies<proto::VerifyPledgesReply>;
    type WatchPledgesStream = Replies<proto::WatchEventsReply>;

    async fn propose_pledge(
        &self,
        request: Request<proto::ProposePledgeRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().pledgor_account)?;
        self.step(&caller, Command::ProposePledge(request.into_inner())).await
    }

    async fn accept_pledge(
        &self,
        request: Request<proto::PledgeRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::AcceptPledge(request.into_inner())).await
    }

    async fn decline_pledge(
        &self,
        request: Request<proto::PledgeRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::DeclinePledge(request.into_inner())).await
    }

    async fn add_to_pledge(
        &self,
        request: Request<proto::AddToPledgeRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::AddToPledge(request.into_inner())).await
    }

    async fn release_pledge(
        &self,
        request: Request<proto::ReleasePledgeRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::ReleasePledge(request.into_inner())).await
    }

    async fn offer_substitution(
        &self,
        request: Request<proto::OfferSubstitutionRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::OfferSubstitution(request.into_inner())).await
    }

    async fn accept_substitution(
        &self,
        request: Request<proto::PledgeRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::AcceptSubstitution(request.into_inner())).await
    }

    async fn decline_substitution(
        &self,
        request: Request<proto::PledgeRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::DeclineSubstitution(request.into_inner())).await
    }

    async fn declare_default(
        &self,
        request: Request<proto::DeclareDefaultRequest>,
    ) -> Reply<proto::PledgeReply> {
        let caller = Caller::of(request.extensions())?;
        self.step(&caller, Command::DeclareDefault(request.into_inner())).await
    }

    async fn sell_pledged(
        &self,
        request: Request<proto::SellPledgedRequest>,
    ) -> Reply<proto::SettleTradeReply> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::SellPledged(request.into_inner())).await? {
            (stamp, Receipt::Trade(result)) => Ok(Response::new(proto::SettleTradeReply {
                stamp: Some(stamp),
                result: Some(encode::trade_result(&result)),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn take_proceeds(
        &self,
        request: Request<proto::TakeProceedsRequest>,
    ) -> Reply<proto::TakeProceedsReply> {
        let caller = Caller::of_bank(request.extensions(), request.get_ref().bank_id)?;
        match self.0.write(&caller, Command::TakeProceeds(request.into_inner())).await? {
            (stamp, Receipt::Proceeds { left, .. }) => {
                let (stamp, left_yuan) = (Some(stamp), format_yuan(left));
                Ok(Response::new(proto::TakeProceedsReply { stamp, left_yuan }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn verify_pledge(
        &self,
        request: Request<VerifyPledgeRequest>,
    ) -> Reply<VerifyPledgeReply> {
        let caller = Caller::of_party(request.extensions())?;
        verify(&self.0, &caller, request.get_ref()).await.map(Response::new)
    }

    async fn verify_pledges(
        &self,
        request: Request<Streaming<VerifyPledgeRequest>>,
    ) -> Reply<Self::VerifyPledgesStream> {
        let caller = Caller::of_party(request.extensions())?;
        let gateway = self.0.clone();
        let mut stopping = gateway.stopping.clone();
        let stopped = async move {
            let _stopped = stopping.wait_for(|stopping| *stopping).await;
        };
        let replies = request
            .into_inner()
            .take_until(Box::pin(stopped))
            .map(move |request| {
                let (gateway, caller) = (gateway.clone(), caller.clone());
                async move {
                    let request = request?;
                    let outcome = match verify(&gateway, &caller, &request).await {
                        Ok(reply) => Outcome::Verified(reply),
                        Err(status) => Outcome::Refused(encode::refusal(&status)),
                    };
                    let (pledge_id, outcome) = (request.pledge_id, Some(outcome));
                    Ok(proto::VerifyPledgesReply { pledge_id, outcome })
                }
            })
            .buffered(VERIFICATIONS_IN_FLIGHT);
        Ok(Response::new(Box::pin(replies)))
    }

    async fn list_pledges(
        &self,
        request: Request<proto::ListPledgesRequest>,
    ) -> Reply<proto::ListPledgesReply> {
        let asked = request.get_ref();
        let (account, bank) = (asked.pledgor_account, asked.pledgee_bank);
        let _caller = Caller::of_account_at_bank(request.extensions(), account, bank)?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, (pledges, more)) =
            self.0.read(message.consistency, |ledger| list(ledger, &message, limit)).await?;
        let last = pledges.last().and_then(|last| last.pledge.as_ref());
        let last = last.map_or(0, |last| last.pledge_id);
        Ok(Response::new(proto::ListPledgesReply {
            stamp: Some(stamp),
            pledges,
            next_after_pledge_id: if more { last } else { 0 },
        }))
    }

    async fn watch_pledges(
        &self,
        request: Request<proto::WatchPledgesRequest>,
    ) -> Reply<Self::WatchPledgesStream> {
        let _caller = Caller::of_bank(request.extensions(), request.get_ref().pledgee_bank)?;
        let message = request.into_inner();
        let bank = fields::bank(message.pledgee_bank, "pledgee_bank")
            .map_err(|refused| status::rejected(&refused))?;
        let wanted = event::Wanted::of_pledgee(bank);
        let replies = event::watch(self.0.clone(), wanted, message.after_event);
        Ok(Response::new(replies))
    }

    async fn list_freezes(
        &self,
        request: Request<proto::ListFreezesRequest>,
    ) -> Reply<proto::ListFreezesReply> {
        let _caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, (freezes, more)) = self
            .0
            .read(message.consistency, |ledger| {
                let account = match message.account_id {
                    0 => None,
                    id => Some(fields::account(id, "account_id")?),
                };
                let after = FreezeId(message.after_freeze_id);
                let mut found: Vec<_> =
                    ledger.freezes_after(account, after).take(limit + 1).collect();
                let more = found.len() > limit;
                found.truncate(limit);
                Ok((found.into_iter().map(encode_pledge::freeze).collect::<Vec<_>>(), more))
            })
            .await?;
        let last = freezes.last().map_or(0, |last| last.freeze_id);
        Ok(Response::new(proto::ListFreezesReply {
            stamp: Some(stamp),
            freezes,
            next_after_freeze_id: if more { last } else { 0 },
        }))
    }
}

impl Pledges {
    async fn step(&self, caller: &Caller, command: Command) -> Reply<proto::PledgeReply> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Pledge { pledge, state, version, quantity }) => {
                let pledge = Some(encode_pledge::step(pledge, state, version, quantity));
                Ok(Response::new(proto::PledgeReply { stamp: Some(stamp), pledge }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }
}

/// A pledge as the whole cluster knows it; a firm sees its own.
async fn verify(
    gateway: &Gateway,
    caller: &Caller,
    message: &VerifyPledgeRequest,
) -> Result<VerifyPledgeReply, Status> {
    let found = |ledger: &Ledger| {
        let id = PledgeId(message.pledge_id);
        let view = ledger.pledge_view(id).ok_or_else(|| {
            let message = format!("no pledge {}", id.0);
            Rejection::new(Reason::UnknownPledge, "pledge_id", message)
        })?;
        let pledgor = ledger.account(view.pledge.pledgor);
        let pledgee = ledger.bank_name(view.pledge.pledgee).unwrap_or_default().to_owned();
        Ok((view, pledgor, pledgee))
    };
    let (stamp, (view, pledgor, pledgee_name)) = gateway.read(message.consistency, found).await?;
    caller.require_account(view.pledge.pledgor.0.into())?;
    let (pledgor_uscc, pledgor_name) =
        pledgor.map(|account| (account.uscc, account.name)).unwrap_or_default();
    let PledgeView { pledge, .. } = &view;
    let mut shown = encode_pledge::pledge(pledge);
    if !caller.may_see_contract_of(pledge.pledgee.0.into()) {
        // The loan is between its parties.
        (shown.terms, shown.substitution) = (None, None);
        (shown.claim_yuan, shown.proceeds_yuan) = (String::new(), String::new());
    }
    Ok(VerifyPledgeReply {
        stamp: Some(stamp),
        recognised: encode_pledge::is_recognised(pledge.state),
        pledge: Some(shown),
        value: Some(encode_pledge::value(&view)),
        pledgor_uscc,
        pledgor_name,
        pledgee_name,
    })
}

fn list(
    ledger: &Ledger,
    message: &proto::ListPledgesRequest,
    limit: usize,
) -> Result<(Vec<proto::PledgeWithValue>, bool), Rejection> {
    let mut filter = PledgeFilter { open_only: message.open_only, ..PledgeFilter::default() };
    if message.pledgor_account != 0 {
        filter.pledgor = Some(fields::account(message.pledgor_account, "pledgor_account")?);
    }
    if message.pledgee_bank != 0 {
        filter.pledgee = Some(fields::bank(message.pledgee_bank, "pledgee_bank")?);
    }
    let after = PledgeId(message.after_pledge_id);
    let mut found = ledger.pledges_after(filter, after, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let shown = |pledge| {
        let view = ledger.view_pledge(pledge)?;
        Some(proto::PledgeWithValue {
            pledge: Some(encode_pledge::pledge(pledge)),
            value: Some(encode_pledge::value(&view)),
        })
    };
    Ok((found.into_iter().filter_map(shown).collect(), more))
}
