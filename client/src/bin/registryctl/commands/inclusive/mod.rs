//! `inclusive`: grams of persons and what they are burned for.

mod file;
mod stopped;

use std::cell::Cell;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Error, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    GetInclusiveAccountRequest, InclusiveQuota, IssueVoucherRequest, ListInclusiveAccountsRequest,
    ListPlatformsRequest, ListVouchersRequest, RedeemVoucherRequest, VoucherReply, VoucherStatus,
};
use registry_client::{ClientError, OwnerId, PlatformClient, is_valid_request_id};

use self::file::Saved;
use self::stopped::Stopped;
use super::{control, files, progress};
use crate::args::Global;
use crate::exit::{Advice, Usage};
use crate::output::{Page, Record};
use crate::views::{inclusive, stamp};

/// Code of a request id that was used for something else.
const REUSED: &str = "REQUEST_ID_REUSED";

/// The inclusive-platform instrument (碳普惠).
#[derive(Debug, Subcommand)]
pub(crate) enum InclusiveCommand {
    /// Propose to let a platform credit more; its first quota admits it (registry).
    Quota(Quota),
    /// Open accounts of persons and credit what they saved (platform).
    Load(Load),
    /// Credit persons that have accounts (platform).
    Credit(Load),
    /// Show a person's account.
    Get(Person),
    /// List persons' accounts of all platforms (registry, auditor).
    Accounts(Accounts),
    /// List platforms with their quotas.
    Platforms(Platforms),
    /// Burn a person's grams for good into a voucher at a bank (platform).
    Burn(Burn),
    /// Say that a voucher was taken (bank).
    Redeem(Redeem),
    /// List vouchers.
    Vouchers(Vouchers),
}

#[derive(Debug, Args)]
pub(crate) struct Quota {
    /// The platform's name, as in its certificate.
    #[arg(long)]
    platform: String,
    /// Grams that it may credit in addition.
    #[arg(long, allow_hyphen_values = true)]
    grams: i64,
    /// Reference of the decision.
    #[arg(long)]
    document: String,
}

#[derive(Debug, Args)]
pub(crate) struct Load {
    /// CSV file with the columns owner_id (32 hexadecimal digits) and quantity_grams.
    #[arg(value_name = "CSV")]
    lines: PathBuf,
    /// The platform's name, the caller's own.
    #[arg(long)]
    platform: String,
    /// Name of this load, part of its request ids: nothing is opened or credited
    /// twice under one name. By default made from the lines, so that the same file
    /// is not credited twice by mistake.
    #[arg(long)]
    run: Option<String>,
    /// Number of the first batch of credits, to go on with a load that stopped; by
    /// default the next one.
    #[arg(long)]
    first_batch: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Person {
    /// The platform's name.
    #[arg(long)]
    platform: String,
    /// The person as the platform knows it, 32 hexadecimal digits.
    #[arg(long, value_parser = file::owner)]
    owner: OwnerId,
}

#[derive(Debug, Args)]
pub(crate) struct Accounts {
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u32,
    /// Accounts per page, 1 to 8192.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Platforms {
    /// Only this platform; a platform must name itself.
    #[arg(long, default_value = "", hide_default_value = true)]
    platform: String,
}

#[derive(Debug, Args)]
pub(crate) struct Burn {
    #[command(flatten)]
    person: Person,
    /// The bank where the voucher counts.
    #[arg(long)]
    bank: u32,
    /// Grams, a multiple of 5: 5 g are a fen.
    #[arg(long, allow_hyphen_values = true)]
    grams: i64,
    /// How long the bank may take it; by default 90 days.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_hyphen_values = true)]
    valid_for_ms: i64,
}

#[derive(Debug, Args)]
pub(crate) struct Redeem {
    /// The bank's code, the caller's own.
    #[arg(long)]
    bank: u32,
    /// The voucher's number.
    #[arg(long)]
    voucher: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Vouchers {
    /// Only at this bank; a bank must name itself.
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    bank: u32,
    /// Only of this platform; a platform must name itself.
    #[arg(long, default_value = "", hide_default_value = true)]
    platform: String,
    /// Only with this status.
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// Start after this number.
    #[arg(long, default_value_t = 0)]
    after: u32,
    /// Vouchers per page, 1 to 1000.
    #[arg(long, default_value_t = 100)]
    page_size: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Status {
    Issued,
    Redeemed,
    Expired,
}

impl InclusiveCommand {
    pub(crate) async fn run(&self, global: &Global) -> Result<Page> {
        match self {
            Self::Quota(quota) => quota.propose(global).await,
            Self::Load(load) => load.run(global, true).await,
            Self::Credit(load) => load.run(global, false).await,
            Self::Get(person) => person.show(global).await,
            Self::Accounts(accounts) => accounts.run(global).await,
            Self::Platforms(platforms) => platforms.run(global).await,
            Self::Burn(burn) => burn.run(global).await,
            Self::Redeem(redeem) => redeem.run(global).await,
            Self::Vouchers(vouchers) => vouchers.run(global).await,
        }
    }
}

impl Quota {
    async fn propose(&self, global: &Global) -> Result<Page> {
        let quota = InclusiveQuota {
            platform: self.platform.clone(),
            quantity_grams: self.grams,
            document: self.document.clone(),
        };
        control::propose(global, Command::InclusiveQuota(quota)).await
    }
}

impl Load {
    async fn run(&self, global: &Global, open: bool) -> Result<Page> {
        let read = file::read(files::open(&self.lines)?);
        let lines = read.with_context(|| self.lines.display().to_string())?;
        let run = self.run.clone().unwrap_or_else(|| file::name(&lines));
        let longest = format!("inclusive:{run}:credit:{}", u64::MAX);
        if !is_valid_request_id(&longest) {
            bail!(Usage("--run must be a few characters of [A-Za-z0-9._:-]".to_owned()));
        }
        let platform = global.platform()?;
        let started = Instant::now();
        if open {
            self.open(&platform, &run, &lines).await?;
        }
        let opened = if open { lines.len() } else { 0 };
        let credits: Vec<Saved> = lines.into_iter().filter(|line| line.grams > 0).collect();
        let first = self.credit(&platform, &run, &credits).await?;
        let after = platform.platform(&self.platform).await?;
        let record = Record::default()
            .with("accounts_opened", opened)
            .with("lines_credited", credits.len())
            .with("run", run)
            .with("first_batch", first)
            .with("elapsed_s", format!("{:.1}", started.elapsed().as_secs_f64()))
            .and(inclusive::platform(&after));
        Ok(Page::default().one(record))
    }

    async fn open(&self, platform: &PlatformClient, run: &str, lines: &[Saved]) -> Result<()> {
        let owners: Vec<OwnerId> = lines.iter().map(|line| line.owner).collect();
        let bar = progress::bar("accounts");
        bar.set_length(owners.len() as u64);
        let done = Cell::new(0);
        let opened = platform.open_all(&self.platform, run, &owners, |open| {
            bar.set_position(open as u64);
            done.set(open);
        });
        let stopped = |error| {
            let again = format!("to go on, give the same file with --run {run}");
            Stopped { path: &self.lines, lines, done: done.get(), what: "opened" }
                .explain(error, again)
        };
        opened.await.map_err(stopped)?;
        bar.finish();
        Ok(())
    }

    async fn credit(&self, platform: &PlatformClient, run: &str, lines: &[Saved]) -> Result<u64> {
        let first = match self.first_batch {
            Some(first) => first,
            None => platform.platform(&self.platform).await?.last_batch_number + 1,
        };
        let credits: Vec<(OwnerId, i64)> =
            lines.iter().map(|line| (line.owner, line.grams)).collect();
        let bar = progress::bar("credits");
        bar.set_length(lines.len() as u64);
        let done = Cell::new(0);
        let credited = platform.credit_all(&self.platform, run, first, &credits, |credited| {
            bar.set_position(credited as u64);
            done.set(credited);
        });
        let stopped = |error: ClientError| {
            if error.reason() == Some(REUSED) {
                return Error::new(error).context(Advice(format!(
                    "load {run} was credited already: to finish one that stopped, give the \
                     --first-batch that it named; to credit these lines once more, give another \
                     --run"
                )));
            }
            let again =
                format!("to go on, give the same file with --run {run} --first-batch {first}");
            Stopped { path: &self.lines, lines, done: done.get(), what: "credited" }
                .explain(error, again)
        };
        credited.await.map_err(stopped)?;
        bar.finish();
        Ok(first)
    }
}

impl Person {
    async fn show(&self, global: &Global) -> Result<Page> {
        let request = GetInclusiveAccountRequest {
            platform: self.platform.clone(),
            owner_id: self.owner.to_vec().into(),
            consistency: global.consistency(),
        };
        let reply = global.reads()?.get_inclusive_account(request).await?;
        let account = reply.account.unwrap_or_default();
        Ok(Page::default().one(inclusive::account(&account)).stamp(stamp(reply.stamp)))
    }
}

impl Accounts {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListInclusiveAccountsRequest {
            after_inclusive_account_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_inclusive_accounts(request).await?;
        let next = Record::default().with("next_after", reply.next_after_inclusive_account_id);
        Ok(Page::default()
            .many("accounts", reply.accounts.iter().map(inclusive::account).collect())
            .one(next)
            .stamp(stamp(reply.stamp)))
    }
}

impl Platforms {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = ListPlatformsRequest {
            platform: self.platform.clone(),
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_platforms(request).await?;
        Ok(Page::default()
            .many("platforms", reply.platforms.iter().map(inclusive::platform).collect())
            .stamp(stamp(reply.stamp)))
    }
}

impl Burn {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = IssueVoucherRequest {
            request_id: global.write_id(),
            platform: self.person.platform.clone(),
            owner_id: self.person.owner.to_vec().into(),
            bank_id: self.bank,
            quantity_grams: self.grams,
            valid_for_ms: self.valid_for_ms,
        };
        Ok(voucher_page(&global.platform()?.issue_voucher(request).await?))
    }
}

impl Redeem {
    async fn run(&self, global: &Global) -> Result<Page> {
        let request = RedeemVoucherRequest {
            request_id: global.write_id(),
            bank_id: self.bank,
            voucher_id: self.voucher,
        };
        Ok(voucher_page(&global.bank()?.redeem_voucher(request).await?))
    }
}

impl Vouchers {
    async fn run(&self, global: &Global) -> Result<Page> {
        let status = match self.status {
            None => VoucherStatus::Unspecified,
            Some(Status::Issued) => VoucherStatus::Issued,
            Some(Status::Redeemed) => VoucherStatus::Redeemed,
            Some(Status::Expired) => VoucherStatus::Expired,
        };
        let request = ListVouchersRequest {
            bank_id: self.bank,
            platform: self.platform.clone(),
            status: status.into(),
            after_voucher_id: self.after,
            page_size: self.page_size,
            consistency: global.consistency(),
        };
        let reply = global.reads()?.list_vouchers(request).await?;
        let next = Record::default().with("next_after", reply.next_after_voucher_id);
        Ok(Page::default()
            .many("vouchers", reply.vouchers.iter().map(inclusive::voucher).collect())
            .one(next)
            .stamp(stamp(reply.stamp)))
    }
}

fn voucher_page(reply: &VoucherReply) -> Page {
    let voucher = reply.voucher.clone().unwrap_or_default();
    Page::default().one(inclusive::voucher(&voucher)).stamp(stamp(reply.stamp))
}
