//! Platforms, and how much they may credit.

use super::state::Platform;
use super::{Grams, InclusiveReceipt, PLATFORM_NAME_LIMIT, PlatformId, positive_grams};
use crate::account::overflow;
use crate::journal::What;
use crate::ledger::Ledger;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;

impl Ledger {
    /// Lets a platform credit more; a name that is new becomes a platform.
    pub(super) fn grant_quota(
        &mut self,
        name: &str,
        grams: Grams,
        document: &str,
    ) -> Result<InclusiveReceipt, Rejection> {
        const FIELD: &str = "quantity_grams";
        check_name(name)?;
        positive_grams(grams, FIELD)?;
        text::check_line(document, "document")?;
        // All quotas together fit one number, so no sum of grams overflows later.
        let mut quotas = self.inclusive.platforms.iter().map(|platform| platform.quota);
        let all = quotas.try_fold(grams, Grams::checked_add);
        all.ok_or_else(|| overflow(FIELD))?;
        let (platform, new) = match self.inclusive.platform_named(name) {
            Some(known) => (known, false),
            None => {
                let next = self.inclusive.platform_count().checked_add(1);
                (PlatformId(next.ok_or_else(|| overflow("platform"))?), true)
            }
        };

        self.touch(RecordKey::InclusivePlatform(platform));
        if new {
            self.inclusive.platforms.push(Platform {
                name: name.to_owned(),
                quota: Grams(0),
                credited: Grams(0),
                burned: Grams(0),
                accounts: 0,
                last_batch: 0,
            });
        }
        if let Some(platform) = self.inclusive.platform_mut(platform) {
            platform.quota = platform.quota.checked_add(grams).unwrap_or_default();
        }
        let (name, document) = (name.to_owned(), document.to_owned());
        self.record(What::InclusiveQuotaGranted { platform, name, grams, document }, Vec::new());
        self.platform_receipt(platform)
    }

    pub(super) fn platform_receipt(
        &self,
        platform: PlatformId,
    ) -> Result<InclusiveReceipt, Rejection> {
        let view = self.inclusive.view(platform).ok_or_else(|| unknown_platform(""))?;
        Ok(InclusiveReceipt::Platform(view))
    }

    /// The platform with this name, if two officers admitted it.
    ///
    /// # Errors
    /// `UNKNOWN_PLATFORM`.
    pub fn known_platform(&self, name: &str) -> Result<PlatformId, Rejection> {
        self.inclusive.platform_named(name).ok_or_else(|| unknown_platform(name))
    }
}

fn unknown_platform(name: &str) -> Rejection {
    let message = format!("no platform {name:?}; the registry's first quota admits a platform");
    Rejection::new(Reason::UnknownPlatform, "platform", message)
}

/// As names in certificates are.
fn check_name(name: &str) -> Result<(), Rejection> {
    const FIELD: &str = "platform";
    text::check_line(name, FIELD)?;
    if name.len() > PLATFORM_NAME_LIMIT {
        let message =
            format!("{FIELD} has {} bytes, at most {PLATFORM_NAME_LIMIT} are allowed", name.len());
        return Err(Rejection::new(Reason::TooLong, FIELD, message));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        let message = format!("{FIELD} may only have A-Z, a-z, 0-9 and -, as in its certificate");
        return Err(Rejection::new(Reason::BadCharacter, FIELD, message));
    }
    Ok(())
}
