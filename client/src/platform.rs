//! An inclusive platform's side (碳普惠平台): its persons, what they saved, vouchers.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use registry_proto::registry::inclusive_service_client::InclusiveServiceClient;
use registry_proto::registry::{
    CreditInclusiveReply, CreditInclusiveRequest, CreditLine, IssueVoucherRequest,
    ListPlatformsRequest, OpenInclusiveAccountsReply, OpenInclusiveAccountsRequest, Platform,
    VoucherReply,
};

use crate::calls::{role_client, write_calls};
use crate::connect::Connector;
use crate::error::ClientError;
use crate::formats::credit_sha256;
use crate::reads::ReadClient;

/// Accounts or credits in one request.
pub const INCLUSIVE_LINES_PER_REQUEST: usize = 8_192;
/// Requests that open accounts at once.
const OPENINGS_IN_FLIGHT: usize = 4;

/// A person as the platform knows it.
pub type OwnerId = [u8; 16];

/// Calls with a platform's identity.
#[derive(Clone, Debug)]
pub struct PlatformClient {
    connector: Connector,
    reads: ReadClient,
}

role_client!(PlatformClient);

impl PlatformClient {
    write_calls! { InclusiveServiceClient:
        /// Opens accounts of persons, all or none.
        open_inclusive_accounts(OpenInclusiveAccountsRequest) -> OpenInclusiveAccountsReply;
        /// Credits persons, all or none.
        credit_inclusive(CreditInclusiveRequest) -> CreditInclusiveReply;
        /// Burns a person's grams into a voucher.
        issue_voucher(IssueVoucherRequest) -> VoucherReply;
    }

    /// Opens any number of accounts, 8,192 at a time. The same `run` again opens
    /// none twice and needs the same persons. `on_progress` is told the accounts
    /// that are open.
    ///
    /// # Errors
    /// Any [`ClientError`]; those told as progress are open.
    pub async fn open_all(
        &self,
        platform: &str,
        run: &str,
        owners: &[OwnerId],
        mut on_progress: impl FnMut(usize),
    ) -> Result<(), ClientError> {
        let requests = (1_usize..).zip(owners.chunks(INCLUSIVE_LINES_PER_REQUEST));
        let openings = requests.map(|(number, few)| {
            let request = OpenInclusiveAccountsRequest {
                request_id: format!("inclusive:{run}:open:{number}"),
                platform: platform.to_owned(),
                owner_ids: few.iter().map(|owner| owner.to_vec().into()).collect(),
            };
            async move { self.open_inclusive_accounts(request).await.map(|_| few.len()) }
        });
        let mut openings = stream::iter(openings).buffered(OPENINGS_IN_FLIGHT);
        let mut open = 0;
        while let Some(more) = openings.try_next().await? {
            open += more;
            on_progress(open);
        }
        Ok(())
    }

    /// Credits any number of lines in batches of 8,192, numbered from
    /// `first_batch` on. The same `run` and `first_batch` again credit none twice
    /// and need the same lines. `on_progress` is told the lines that are credited.
    ///
    /// # Errors
    /// Any [`ClientError`]; those told as progress are credited.
    pub async fn credit_all(
        &self,
        platform: &str,
        run: &str,
        first_batch: u64,
        lines: &[(OwnerId, i64)],
        mut on_progress: impl FnMut(usize),
    ) -> Result<(), ClientError> {
        let mut credited = 0;
        let batches = (first_batch..).zip(lines.chunks(INCLUSIVE_LINES_PER_REQUEST));
        for (part, (number, few)) in batches.enumerate() {
            let mut request = credit_request(platform, number, few)?;
            // By its place in the run: under other batch numbers the run is refused,
            // not credited again.
            request.request_id = format!("inclusive:{run}:credit:{part}");
            self.credit_inclusive(request).await?;
            credited += few.len();
            on_progress(credited);
        }
        Ok(())
    }

    /// The platform with its quota.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`.
    pub async fn platform(&self, name: &str) -> Result<Platform, ClientError> {
        let request = ListPlatformsRequest { platform: name.to_owned(), ..Default::default() };
        let found = self.reads.list_platforms(request).await?.platforms.into_iter().next();
        found.ok_or_else(|| ClientError::Protocol("the answer holds no platform".to_owned()))
    }
}

/// A batch with what it adds up to, without a request id.
///
/// # Errors
/// `Setup` when its grams do not fit 64 bits.
pub fn credit_request(
    platform: &str,
    batch_number: u64,
    lines: &[(OwnerId, i64)],
) -> Result<CreditInclusiveRequest, ClientError> {
    let total = lines.iter().try_fold(0_i64, |sum, (_, grams)| sum.checked_add(*grams));
    let too_many = || ClientError::Setup("a batch's grams do not fit 64 bits".to_owned());
    let line = |(owner, grams): &(OwnerId, i64)| CreditLine {
        owner_id: owner.to_vec().into(),
        quantity_grams: *grams,
    };
    Ok(CreditInclusiveRequest {
        request_id: String::new(),
        platform: platform.to_owned(),
        batch_number,
        lines: lines.iter().map(line).collect(),
        line_count: u32::try_from(lines.len()).unwrap_or(u32::MAX),
        total_grams: total.ok_or_else(too_many)?,
        lines_sha256: credit_sha256(batch_number, lines).to_vec().into(),
    })
}
