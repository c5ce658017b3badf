//! Reads of `compliance`.

use anyhow::Result;
use clap::Args;
use registry_client::proto::{
    GetObligationRequest, GetProvinceRequest, ListCancellationsRequest, ListCarryOversRequest,
    ListComplianceRequest, ListObligationsRequest,
};

use crate::args::Global;
use crate::output::{Page, Record};
use crate::views::{account, compliance, next, stamp};

#[derive(Debug, Args)]
pub(crate) struct Province {
    /// The province's code; a province names itself.
    #[arg(long)]
    province: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Obligation {
    /// The firm's account.
    #[arg(long)]
    account: u64,
    /// For which year.
    #[arg(long)]
    year: u32,
    /// The province that asks; others leave it out.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    province: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Shortfall {
    /// For which year.
    #[arg(long)]
    year: u32,
    /// Only firms of this province; a province must name itself.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    province: u32,
    /// List firms that have surrendered everything, too.
    #[arg(long)]
    all: bool,
    /// Start after this account.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Firms per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct EntryList {
    /// Only this account's; a firm must name its own.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
    /// Only of this province; a province must name itself.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    province: u32,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Entries per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct CarryOversList {
    /// Only this account's; a firm must name its own.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Entries per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct CancellationsList {
    /// Only this account's.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Entries per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

impl Province {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request =
            GetProvinceRequest { province: self.province, consistency: global.consistency() };
        let reply = global.reads()?.get_province(request).await?;
        let record = Record::default()
            .with("province", reply.province)
            .with("account_id", reply.account_id)
            .with("firms", reply.firm_count);
        Ok(Page::default()
            .one(record)
            .many("holdings", reply.holdings.iter().map(account::holding).collect())
            .stamp(stamp(reply.stamp)))
    }
}

impl Obligation {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = GetObligationRequest {
            account_id: self.account,
            year: self.year,
            province: self.province,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.get_obligation(request).await?;
        let line = compliance::obligation(&reply.obligation.unwrap_or_default());
        Ok(Page::default().one(line).stamp(stamp(reply.stamp)))
    }
}

impl Shortfall {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListObligationsRequest {
            year: self.year,
            province: self.province,
            only_short: !self.all,
            after_account_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_obligations(request).await?;
        Ok(Page::default()
            .many("obligations", reply.obligations.iter().map(compliance::obligation).collect())
            .one(next("next_after_account_id", reply.next_after_account_id))
            .stamp(stamp(reply.stamp)))
    }
}

impl EntryList {
    fn request(&self, global: &Global) -> ListComplianceRequest {
        ListComplianceRequest {
            account_id: self.account,
            province: self.province,
            after_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        }
    }

    pub(super) async fn emissions(&self, global: &Global) -> Result<Page> {
        let reply = global.reads()?.list_emissions(self.request(global)).await?;
        Ok(Page::default()
            .many("emissions", reply.emissions.iter().map(compliance::emissions).collect())
            .one(next("next_after_id", reply.next_after_id))
            .stamp(stamp(reply.stamp)))
    }

    pub(super) async fn surrenders(&self, global: &Global) -> Result<Page> {
        let reply = global.reads()?.list_surrenders(self.request(global)).await?;
        Ok(Page::default()
            .many("surrenders", reply.surrenders.iter().map(compliance::surrender).collect())
            .one(next("next_after_id", reply.next_after_id))
            .stamp(stamp(reply.stamp)))
    }

    pub(super) async fn allocations(&self, global: &Global) -> Result<Page> {
        let reply = global.reads()?.list_allocations(self.request(global)).await?;
        Ok(Page::default()
            .many("allocations", reply.allocations.iter().map(compliance::allocation).collect())
            .one(next("next_after_id", reply.next_after_id))
            .stamp(stamp(reply.stamp)))
    }
}

impl CarryOversList {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListCarryOversRequest {
            account_id: self.account,
            after_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_carry_overs(request).await?;
        Ok(Page::default()
            .many("carry_overs", reply.carry_overs.iter().map(compliance::carry_over).collect())
            .one(next("next_after_id", reply.next_after_id))
            .stamp(stamp(reply.stamp)))
    }
}

impl CancellationsList {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListCancellationsRequest {
            account_id: self.account,
            after_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_cancellations(request).await?;
        let entries = reply.cancellations.iter().map(compliance::cancellation);
        Ok(Page::default()
            .many("cancellations", entries.collect())
            .one(next("next_after_id", reply.next_after_id))
            .stamp(stamp(reply.stamp)))
    }
}
