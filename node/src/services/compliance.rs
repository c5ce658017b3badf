//! Yearly compliance: who asks, who decides, and what everybody may read.

use registry_ledger::{
    AccountId, ComplianceReceipt, EntryFilter, Holding, InstrumentCode, Ledger, Receipt, Rejection,
};
use registry_proto::registry as proto;
use registry_proto::registry::Stamp;
use registry_proto::registry::compliance_service_server::ComplianceService;
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::decode::fields;
use crate::security::Caller;
use crate::services::gateway::{Gateway, page_size, unexpected};
use crate::services::{encode, encode_compliance};

pub(super) struct Compliance(pub(super) Gateway);

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl ComplianceService for Compliance {
    async fn assign_province(
        &self,
        request: Request<proto::AssignProvinceRequest>,
    ) -> Reply<proto::AssignProvinceReply> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::AssignProvince(request.into_inner())).await? {
            (stamp, Receipt::Done) => {
                Ok(Response::new(proto::AssignProvinceReply { stamp: Some(stamp) }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn record_emissions(
        &self,
        request: Request<proto::RecordEmissionsRequest>,
    ) -> Reply<proto::EmissionsReply> {
        let caller = Caller::of_province(request.extensions(), request.get_ref().province)?;
        match self.write(&caller, Command::RecordEmissions(request.into_inner())).await? {
            (stamp, ComplianceReceipt::Emissions { emissions }) => {
                Ok(Response::new(proto::EmissionsReply {
                    stamp: Some(stamp),
                    emissions: Some(encode_compliance::emissions(&emissions)),
                }))
            }
            (_, other) => Err(unexpected(&other.into())),
        }
    }

    async fn apply_surrender(
        &self,
        request: Request<proto::ApplySurrenderRequest>,
    ) -> Reply<proto::SurrenderReply> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        self.surrender_step(&caller, Command::ApplySurrender(request.into_inner())).await
    }

    async fn approve_surrender(
        &self,
        request: Request<proto::ApproveSurrenderRequest>,
    ) -> Reply<proto::SurrenderReply> {
        let caller = Caller::of_province(request.extensions(), request.get_ref().province)?;
        self.surrender_step(&caller, Command::ApproveSurrender(request.into_inner())).await
    }

    async fn decline_surrender(
        &self,
        request: Request<proto::DeclineSurrenderRequest>,
    ) -> Reply<proto::SurrenderReply> {
        let caller = Caller::of_province(request.extensions(), request.get_ref().province)?;
        self.surrender_step(&caller, Command::DeclineSurrender(request.into_inner())).await
    }

    async fn cancel_units(
        &self,
        request: Request<proto::CancelUnitsRequest>,
    ) -> Reply<proto::CancelUnitsReply> {
        let caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let (stamp, receipt) =
            self.write(&caller, Command::CancelUnits(request.into_inner())).await?;
        let ComplianceReceipt::Cancelled { cancellation, holding } = receipt else {
            return Err(unexpected(&receipt.into()));
        };
        // A name never changes: this node's own state is new enough.
        let stale = proto::Consistency::StaleOk.into();
        let (_, holder) =
            self.0.read(stale, |ledger| Ok(holder(ledger, cancellation.account))).await?;
        Ok(Response::new(proto::CancelUnitsReply {
            stamp: Some(stamp),
            holding: Some(encode::holding(cancellation.instrument, &holding)),
            cancellation: Some(encode_compliance::cancellation(&cancellation, holder)),
        }))
    }

    async fn get_province(
        &self,
        request: Request<proto::GetProvinceRequest>,
    ) -> Reply<proto::GetProvinceReply> {
        let _caller = Caller::of_province(request.extensions(), request.get_ref().province)?;
        let message = request.into_inner();
        let (stamp, mut reply) = self
            .0
            .read(message.consistency, |ledger| {
                let view = ledger.province(fields::province(message.province, "province")?);
                let account = view.account.and_then(|account| ledger.account(account));
                let holdings = account.map(|account| account.holdings).unwrap_or_default();
                let held = |(code, held): &(InstrumentCode, Holding)| encode::holding(*code, held);
                Ok(proto::GetProvinceReply {
                    stamp: None,
                    province: message.province,
                    account_id: view.account.map_or(0, |account| account.0.into()),
                    holdings: holdings.iter().map(held).collect(),
                    firm_count: view.firms,
                })
            })
            .await?;
        reply.stamp = Some(stamp);
        Ok(Response::new(reply))
    }

    async fn get_obligation(
        &self,
        request: Request<proto::GetObligationRequest>,
    ) -> Reply<proto::GetObligationReply> {
        let asked = request.get_ref();
        let (account, province) = (asked.account_id, asked.province);
        let _caller = Caller::of_account_in_province(request.extensions(), account, province)?;
        let message = request.into_inner();
        let (stamp, obligation) = self
            .0
            .read(message.consistency, |ledger| {
                let account = fields::account(message.account_id, "account_id")?;
                let year = fields::year(message.year, "year")?;
                let province =
                    optional(message.province, |code| fields::province(code, "province"))?;
                Ok(encode_compliance::obligation(&ledger.obligation(account, year, province)?))
            })
            .await?;
        let obligation = Some(obligation);
        Ok(Response::new(proto::GetObligationReply { stamp: Some(stamp), obligation }))
    }

    async fn list_obligations(
        &self,
        request: Request<proto::ListObligationsRequest>,
    ) -> Reply<proto::ListObligationsReply> {
        let _caller = Caller::of_province(request.extensions(), request.get_ref().province)?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        // Past the greatest number an account can have there is nothing.
        let after = AccountId(u32::try_from(message.after_account_id).unwrap_or(u32::MAX));
        let (stamp, (obligations, more)) = self
            .0
            .read(message.consistency, |ledger| {
                let year = fields::year(message.year, "year")?;
                let province =
                    optional(message.province, |code| fields::province(code, "province"))?;
                let short = message.only_short;
                let mut found = ledger.obligations_after(year, province, short, after, limit + 1);
                let more = found.len() > limit;
                found.truncate(limit);
                Ok((found.iter().map(encode_compliance::obligation).collect::<Vec<_>>(), more))
            })
            .await?;
        let last = obligations.last().map_or(0, |line| line.account_id);
        Ok(Response::new(proto::ListObligationsReply {
            stamp: Some(stamp),
            obligations,
            next_after_account_id: if more { last } else { 0 },
        }))
    }

    async fn list_emissions(
        &self,
        request: Request<proto::ListComplianceRequest>,
    ) -> Reply<proto::ListEmissionsReply> {
        let page = self.page(&request, |ledger, asked| {
            let found = ledger.emissions_after(asked.filter, asked.after, asked.limit);
            found.into_iter().map(encode_compliance::emissions).collect()
        });
        let (stamp, emissions, more) = page.await?;
        let next_after_id = next(more, emissions.last().map(|entry| entry.emissions_id));
        Ok(Response::new(proto::ListEmissionsReply { stamp, emissions, next_after_id }))
    }

    async fn list_surrenders(
        &self,
        request: Request<proto::ListComplianceRequest>,
    ) -> Reply<proto::ListSurrendersReply> {
        let page = self.page(&request, |ledger, asked| {
            let found = ledger.surrenders_after(asked.filter, asked.after, asked.limit);
            found.into_iter().map(encode_compliance::surrender).collect()
        });
        let (stamp, surrenders, more) = page.await?;
        let next_after_id = next(more, surrenders.last().map(|entry| entry.surrender_id));
        Ok(Response::new(proto::ListSurrendersReply { stamp, surrenders, next_after_id }))
    }

    async fn list_allocations(
        &self,
        request: Request<proto::ListComplianceRequest>,
    ) -> Reply<proto::ListAllocationsReply> {
        let page = self.page(&request, |ledger, asked| {
            let found = ledger.allocations_after(asked.filter, asked.after, asked.limit);
            found.into_iter().map(encode_compliance::allocation).collect()
        });
        let (stamp, allocations, more) = page.await?;
        let next_after_id = next(more, allocations.last().map(|entry| entry.allocation_id));
        Ok(Response::new(proto::ListAllocationsReply { stamp, allocations, next_after_id }))
    }

    async fn list_carry_overs(
        &self,
        request: Request<proto::ListCarryOversRequest>,
    ) -> Reply<proto::ListCarryOversReply> {
        let _caller = Caller::of_account(request.extensions(), request.get_ref().account_id)?;
        let message = request.into_inner();
        let list = List::of_account(message.account_id, message.after_id, message.page_size);
        let page = self.read_page(message.consistency, list, |ledger, asked| {
            let found = ledger.carry_overs_after(asked.filter, asked.after, asked.limit);
            found.into_iter().map(encode_compliance::carry_over).collect()
        });
        let (stamp, carry_overs, more) = page.await?;
        let next_after_id = next(more, carry_overs.last().map(|entry| entry.carry_over_id));
        Ok(Response::new(proto::ListCarryOversReply { stamp, carry_overs, next_after_id }))
    }

    async fn list_cancellations(
        &self,
        request: Request<proto::ListCancellationsRequest>,
    ) -> Reply<proto::ListCancellationsReply> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let list = List::of_account(message.account_id, message.after_id, message.page_size);
        let page = self.read_page(message.consistency, list, |ledger, asked| {
            let found = ledger.cancellations_after(asked.filter, asked.after, asked.limit);
            let named = found
                .into_iter()
                .map(|entry| encode_compliance::cancellation(entry, holder(ledger, entry.account)));
            named.collect()
        });
        let (stamp, cancellations, more) = page.await?;
        let next_after_id = next(more, cancellations.last().map(|entry| entry.cancellation_id));
        Ok(Response::new(proto::ListCancellationsReply { stamp, cancellations, next_after_id }))
    }
}

/// Which entries are asked for.
#[derive(Clone, Copy)]
struct List {
    account_id: u64,
    province: u32,
    after: u64,
    page_size: u32,
}

impl List {
    fn of_account(account_id: u64, after: u64, page_size: u32) -> Self {
        Self { account_id, province: 0, after, page_size }
    }
}

/// The same, checked; one entry more than a page shows.
struct Asked {
    filter: EntryFilter,
    after: u64,
    limit: usize,
}

impl Compliance {
    async fn write(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<(Stamp, ComplianceReceipt), Status> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Compliance(receipt)) => Ok((stamp, *receipt)),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn surrender_step(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Reply<proto::SurrenderReply> {
        match self.write(caller, command).await? {
            (stamp, ComplianceReceipt::Surrender { surrender, holding }) => {
                Ok(Response::new(proto::SurrenderReply {
                    stamp: Some(stamp),
                    holding: Some(encode::holding(surrender.instrument, &holding)),
                    surrender: Some(encode_compliance::surrender(&surrender)),
                }))
            }
            (_, other) => Err(unexpected(&other.into())),
        }
    }

    /// A page that a province reads of its firms, a firm of itself.
    async fn page<T>(
        &self,
        request: &Request<proto::ListComplianceRequest>,
        look: impl FnOnce(&Ledger, &Asked) -> Vec<T>,
    ) -> Result<(Option<Stamp>, Vec<T>, bool), Status> {
        let asked = *request.get_ref();
        let (account, province) = (asked.account_id, asked.province);
        let _caller = Caller::of_account_in_province(request.extensions(), account, province)?;
        let (after, page_size) = (asked.after_id, asked.page_size);
        let list = List { account_id: account, province, after, page_size };
        self.read_page(asked.consistency, list, look).await
    }

    async fn read_page<T>(
        &self,
        consistency: i32,
        list: List,
        look: impl FnOnce(&Ledger, &Asked) -> Vec<T>,
    ) -> Result<(Option<Stamp>, Vec<T>, bool), Status> {
        let limit = page_size(list.page_size)?;
        let (stamp, (found, more)) = self
            .0
            .read(consistency, |ledger| {
                let filter = EntryFilter {
                    account: optional(list.account_id, |id| fields::account(id, "account_id"))?,
                    province: optional(list.province, |code| fields::province(code, "province"))?,
                };
                let mut found =
                    look(ledger, &Asked { filter, after: list.after, limit: limit + 1 });
                let more = found.len() > limit;
                found.truncate(limit);
                Ok((found, more))
            })
            .await?;
        Ok((Some(stamp), found, more))
    }
}

/// A field that may be left open.
fn optional<N: PartialEq + Default, T>(
    number: N,
    read: impl FnOnce(N) -> Result<T, Rejection>,
) -> Result<Option<T>, Rejection> {
    if number == N::default() { Ok(None) } else { read(number).map(Some) }
}

fn next(more: bool, last: Option<u64>) -> u64 {
    if more { last.unwrap_or_default() } else { 0 }
}

fn holder(ledger: &Ledger, account: AccountId) -> String {
    ledger.account(account).map(|account| account.name).unwrap_or_default()
}
