//! Verifying, listing and watching pledges.

use std::ops::ControlFlow;

use anyhow::Result;
use clap::Args;
use registry_client::proto::{ListPledgesRequest, VerifyPledgeRequest};

use crate::args::Global;
use crate::commands::events;
use crate::output::{Page, Record};
use crate::views::{next, pledge, stamp};

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The pledge's number.
    #[arg(long)]
    pledge: u64,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this account; a firm must name its own.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    account: u64,
    /// Only to this bank; a bank must name itself.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    bank: u32,
    /// Only those that hold tonnes.
    #[arg(long)]
    open: bool,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// Pledges per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The bank's code; a bank its own.
    #[arg(long)]
    bank: u32,
    /// Start after this event: the last one seen.
    #[arg(long, default_value_t = 0)]
    after: u64,
}

impl Verify {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let consistency = global.consistency();
        let request = VerifyPledgeRequest { pledge_id: self.pledge, consistency };
        let reply = global.reads()?.verify_pledge(request).await?;
        let parties = Record::default()
            .with("recognised", reply.recognised)
            .with("pledgor_uscc", reply.pledgor_uscc)
            .with("pledgor_name", reply.pledgor_name)
            .with("pledgee_name", reply.pledgee_name);
        let found = reply.pledge.unwrap_or_default();
        let page = Page::default()
            .one(pledge::pledge(&found, reply.value.as_ref()).and(parties))
            .one(pledge::terms(&found.terms.unwrap_or_default()));
        let page = match &found.substitution {
            Some(offer) => page.one(pledge::substitution(offer)),
            None => page,
        };
        Ok(page.stamp(stamp(reply.stamp)))
    }
}

impl List {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListPledgesRequest {
            pledgor_account: self.account,
            pledgee_bank: self.bank,
            open_only: self.open,
            after_pledge_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_pledges(request).await?;
        let shown = reply
            .pledges
            .iter()
            .filter_map(|found| Some(pledge::pledge(found.pledge.as_ref()?, found.value.as_ref())));
        Ok(Page::default()
            .many("pledges", shown.collect())
            .one(next("next_after_pledge_id", reply.next_after_pledge_id))
            .stamp(stamp(reply.stamp)))
    }
}

impl Watch {
    pub(super) async fn run(&self, global: &Global) -> Result<Page> {
        let reads = global.reads()?;
        let mut failed = None;
        let watch = reads.watch_pledges(self.bank, self.after, |reply| {
            events::print_all(&reply.events, global).unwrap_or_else(|error| {
                failed = Some(error);
                ControlFlow::Break(())
            })
        });
        watch.await?;
        match failed {
            Some(error) => Err(error.into()),
            // Everything was printed line by line.
            None => Ok(Page::default()),
        }
    }
}
