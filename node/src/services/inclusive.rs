//! The inclusive-platform instrument: persons' grams and bank vouchers.

use registry_ledger::amount::format_yuan;
use registry_ledger::{
    Grams, InclusiveAccountView, InclusiveReceipt, PlatformView, Receipt, Rejection, Voucher,
    VoucherFilter, VoucherStatus,
};
use registry_proto::registry as proto;
use registry_proto::registry::inclusive_service_server::InclusiveService;
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::decode::fields;
use crate::decode::inclusive::{owner, platform};
use crate::security::Caller;
use crate::services::gateway::{Gateway, page_size, page_size_of, unexpected};

/// Accounts of a page, at most and when the caller does not say: they are small.
const MOST_ACCOUNTS: u32 = 8_192;
const USUAL_ACCOUNTS: u32 = 1_000;

type Reply<T> = Result<Response<T>, Status>;

pub(super) struct Inclusive(pub(super) Gateway);

#[tonic::async_trait]
impl InclusiveService for Inclusive {
    async fn open_inclusive_accounts(
        &self,
        request: Request<proto::OpenInclusiveAccountsRequest>,
    ) -> Reply<proto::OpenInclusiveAccountsReply> {
        let caller = Caller::of_platform(request.extensions(), &request.get_ref().platform)?;
        let command = Command::OpenInclusiveAccounts(request.into_inner());
        match self.0.write(&caller, command).await? {
            (stamp, Receipt::Inclusive(InclusiveReceipt::Opened { first, count })) => {
                Ok(Response::new(proto::OpenInclusiveAccountsReply {
                    stamp: Some(stamp),
                    first_account_id: first.0,
                    account_count: count,
                }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn credit_inclusive(
        &self,
        request: Request<proto::CreditInclusiveRequest>,
    ) -> Reply<proto::CreditInclusiveReply> {
        let caller = Caller::of_platform(request.extensions(), &request.get_ref().platform)?;
        let command = Command::CreditInclusive(request.into_inner());
        match self.0.write(&caller, command).await? {
            (stamp, Receipt::Inclusive(InclusiveReceipt::Platform(view))) => {
                let platform = Some(encode_platform(&view));
                Ok(Response::new(proto::CreditInclusiveReply { stamp: Some(stamp), platform }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn issue_voucher(
        &self,
        request: Request<proto::IssueVoucherRequest>,
    ) -> Reply<proto::VoucherReply> {
        let caller = Caller::of_platform(request.extensions(), &request.get_ref().platform)?;
        self.voucher_step(&caller, Command::IssueVoucher(request.into_inner())).await
    }

    async fn redeem_voucher(
        &self,
        request: Request<proto::RedeemVoucherRequest>,
    ) -> Reply<proto::VoucherReply> {
        let caller = Caller::of_bank(request.extensions(), request.get_ref().bank_id)?;
        self.voucher_step(&caller, Command::RedeemVoucher(request.into_inner())).await
    }

    async fn get_inclusive_account(
        &self,
        request: Request<proto::GetInclusiveAccountRequest>,
    ) -> Reply<proto::GetInclusiveAccountReply> {
        let _caller = Caller::of_platform(request.extensions(), &request.get_ref().platform)?;
        let message = request.into_inner();
        let (stamp, account) = self
            .0
            .read(message.consistency, |ledger| {
                let platform = ledger.known_platform(&platform(&message.platform)?)?;
                let id = ledger.known_inclusive_account(platform, owner(&message.owner_id)?)?;
                Ok(ledger.inclusive_account(id).as_ref().map(account))
            })
            .await?;
        Ok(Response::new(proto::GetInclusiveAccountReply { stamp: Some(stamp), account }))
    }

    async fn list_inclusive_accounts(
        &self,
        request: Request<proto::ListInclusiveAccountsRequest>,
    ) -> Reply<proto::ListInclusiveAccountsReply> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let limit = page_size_of(message.page_size, USUAL_ACCOUNTS, MOST_ACCOUNTS)?;
        let after = message.after_inclusive_account_id;
        let (stamp, mut accounts) = self
            .0
            .read(message.consistency, |ledger| {
                let views = ledger.inclusive_accounts_after(after, limit + 1);
                Ok(views.iter().map(account).collect::<Vec<_>>())
            })
            .await?;
        let more = accounts.len() > limit;
        accounts.truncate(limit);
        let last = accounts.last().map_or(0, |account| account.inclusive_account_id);
        Ok(Response::new(proto::ListInclusiveAccountsReply {
            stamp: Some(stamp),
            accounts,
            next_after_inclusive_account_id: if more { last } else { 0 },
        }))
    }

    async fn list_platforms(
        &self,
        request: Request<proto::ListPlatformsRequest>,
    ) -> Reply<proto::ListPlatformsReply> {
        let _caller = Caller::of_platform(request.extensions(), &request.get_ref().platform)?;
        let message = request.into_inner();
        let (stamp, platforms) = self
            .0
            .read(message.consistency, |ledger| {
                let only = match message.platform.as_str() {
                    "" => None,
                    name => Some(ledger.known_platform(&platform(name)?)?),
                };
                let wanted = |view: &PlatformView| only.is_none_or(|only| only == view.id);
                let found = ledger.platforms().into_iter().filter(wanted);
                Ok(found.map(|view| encode_platform(&view)).collect())
            })
            .await?;
        Ok(Response::new(proto::ListPlatformsReply { stamp: Some(stamp), platforms }))
    }

    async fn list_vouchers(
        &self,
        request: Request<proto::ListVouchersRequest>,
    ) -> Reply<proto::ListVouchersReply> {
        let asked = request.get_ref();
        let (bank, platform) = (asked.bank_id, asked.platform.as_str());
        let _caller = Caller::of_platform_at_bank(request.extensions(), platform, bank)?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, mut vouchers) = self
            .0
            .read(message.consistency, |ledger| {
                let filter = filter(&message, ledger)?;
                let found = ledger.vouchers_after(filter, message.after_voucher_id, limit + 1);
                Ok(found.iter().map(voucher).collect::<Vec<_>>())
            })
            .await?;
        let more = vouchers.len() > limit;
        vouchers.truncate(limit);
        let last = vouchers.last().map_or(0, |voucher| voucher.voucher_id);
        Ok(Response::new(proto::ListVouchersReply {
            stamp: Some(stamp),
            vouchers,
            next_after_voucher_id: if more { last } else { 0 },
        }))
    }
}

impl Inclusive {
    async fn voucher_step(&self, caller: &Caller, command: Command) -> Reply<proto::VoucherReply> {
        match self.0.write(caller, command).await? {
            (stamp, Receipt::Inclusive(InclusiveReceipt::Voucher(step))) => {
                let voucher = Some(voucher(&step));
                Ok(Response::new(proto::VoucherReply { stamp: Some(stamp), voucher }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }
}

fn filter(
    message: &proto::ListVouchersRequest,
    ledger: &registry_ledger::Ledger,
) -> Result<VoucherFilter, Rejection> {
    let mut filter = VoucherFilter::default();
    if message.bank_id != 0 {
        filter.bank = Some(ledger.known_bank_id(fields::bank(message.bank_id, "bank_id")?)?);
    }
    if !message.platform.is_empty() {
        filter.platform = Some(ledger.known_platform(&platform(&message.platform)?)?);
    }
    filter.status = match proto::VoucherStatus::try_from(message.status) {
        Ok(proto::VoucherStatus::Unspecified) => None,
        Ok(proto::VoucherStatus::Issued) => Some(VoucherStatus::Issued),
        Ok(proto::VoucherStatus::Redeemed) => Some(VoucherStatus::Redeemed),
        Ok(proto::VoucherStatus::Expired) => Some(VoucherStatus::Expired),
        Err(_) => return fields::unknown_value("status", message.status),
    };
    Ok(filter)
}

pub(super) fn encode_platform(view: &PlatformView) -> proto::Platform {
    proto::Platform {
        platform_id: view.id.0.into(),
        platform: view.name.clone(),
        quota_grams: view.quota.0,
        credited_grams: view.credited.0,
        burned_grams: view.burned.0,
        account_count: view.accounts,
        last_batch_number: view.last_batch,
    }
}

fn account(view: &InclusiveAccountView) -> proto::InclusiveAccount {
    let Grams(balance_grams) = view.balance;
    proto::InclusiveAccount {
        inclusive_account_id: view.id.0,
        platform_id: view.platform.0.into(),
        platform: view.platform_name.clone(),
        owner_id: view.owner.0.to_vec().into(),
        balance_grams,
    }
}

fn voucher(voucher: &Voucher) -> proto::Voucher {
    proto::Voucher {
        voucher_id: voucher.id.0,
        inclusive_account_id: voucher.account.0,
        platform_id: voucher.platform.0.into(),
        bank_id: voucher.bank.0.into(),
        quantity_grams: voucher.grams.0,
        amount_yuan: format_yuan(voucher.amount()),
        status: match voucher.status {
            VoucherStatus::Issued => proto::VoucherStatus::Issued,
            VoucherStatus::Redeemed => proto::VoucherStatus::Redeemed,
            VoucherStatus::Expired => proto::VoucherStatus::Expired,
        }
        .into(),
        issued_at_ms: voucher.issued_at.0,
        expires_at_ms: voucher.expires_at.0,
        closed_at_ms: voucher.closed_at.map_or(0, |at| at.0),
    }
}
