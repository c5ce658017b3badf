//! Persons of an inclusive platform for loads whose size a test chooses.

use anyhow::Context as _;
use registry_client::proto::{IssueVoucherRequest, Platform};
use registry_client::{OwnerId, PlatformClient, TwoOfficers};

pub use registry_client::pki::SAMPLE_PLATFORM as PLATFORM;

/// A person's id: no two numbers have the same.
#[must_use]
pub fn owner(number: u64) -> OwnerId {
    let mut id = [0; 16];
    // Spread like the hashes that platforms use.
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    id[..8].copy_from_slice(&mixed.to_be_bytes());
    id[8..].copy_from_slice(&number.to_be_bytes());
    id
}

/// Persons `first` to `last`.
#[must_use]
pub fn owners(first: u64, last: u64) -> Vec<OwnerId> {
    (first..=last).map(owner).collect()
}

/// Lets the platform credit more.
///
/// # Errors
/// When the cluster refuses or does not answer.
pub async fn grant(officers: &TwoOfficers, grams: i64) -> anyhow::Result<Platform> {
    let quota = registry_client::proto::InclusiveQuota {
        platform: PLATFORM.to_owned(),
        quantity_grams: grams,
        document: "letter of the province".to_owned(),
    };
    officers.grant_quota("", quota).await.context("granting a quota")
}

/// A voucher of some grams of a person.
#[must_use]
pub fn burn(number: u64, bank_id: u32, quantity_grams: i64) -> IssueVoucherRequest {
    IssueVoucherRequest {
        platform: PLATFORM.to_owned(),
        owner_id: owner(number).to_vec().into(),
        bank_id,
        quantity_grams,
        ..Default::default()
    }
}

/// Opens persons' accounts and credits each of them once.
///
/// # Errors
/// When the cluster refuses or does not answer.
pub async fn load(
    platform: &PlatformClient,
    run: &str,
    persons: u64,
    grams_each: i64,
) -> anyhow::Result<()> {
    let owners = owners(1, persons);
    platform.open_all(PLATFORM, run, &owners, |_| {}).await.context("opening accounts")?;
    let lines: Vec<_> = owners.into_iter().map(|owner| (owner, grams_each)).collect();
    let first = platform.platform(PLATFORM).await?.last_batch_number + 1;
    platform.credit_all(PLATFORM, run, first, &lines, |_| {}).await.context("crediting")
}
