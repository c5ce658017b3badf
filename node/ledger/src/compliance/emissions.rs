//! Verified emissions: entered once, corrected only by a further entry.

use super::{ComplianceKey, ComplianceReceipt, ComplianceYear, Emissions, ProvinceCode};
use crate::journal::What;
use crate::ledger::Ledger;
use crate::receipt::Receipt;
use crate::records::RecordKey;
use crate::rejection::{Reason, Rejection};
use crate::text;
use crate::types::{AccountId, Quantity};

impl Ledger {
    pub(super) fn record_emissions(
        &mut self,
        by: Option<ProvinceCode>,
        account: AccountId,
        year: ComplianceYear,
        verified: Quantity,
        report_sha256: &[u8; 32],
    ) -> Result<Receipt, Rejection> {
        let province = self.province_of_firm(account, "account_id")?;
        if let Some(by) = by {
            self.check_own_firm(by, account)?;
        }
        check_verified(verified)?;
        if let Some(line) = self.compliance.years.get(&(year, account)) {
            let message = format!(
                "entry {} has the emissions of account {} in {year}; propose a correction of it",
                line.emissions, account.0
            );
            return Err(Rejection::new(Reason::EmissionsRecorded, "year", message));
        }
        Ok(self.note_emissions(Emissions {
            number: self.compliance.emissions.next(),
            account,
            province,
            year,
            verified,
            report_sha256: *report_sha256,
            corrects: None,
            document: String::new(),
            recorded_at: self.now,
        }))
    }

    pub(super) fn correct_emissions(
        &mut self,
        corrects: u64,
        verified: Quantity,
        report_sha256: &[u8; 32],
        document: &str,
    ) -> Result<Receipt, Rejection> {
        const FIELD: &str = "corrects_emissions_id";
        let Some(before) = self.compliance.emissions.get(corrects) else {
            let message = format!("no entry {corrects} of verified emissions");
            return Err(Rejection::new(Reason::UnknownEmissions, FIELD, message));
        };
        let (account, province, year) = (before.account, before.province, before.year);
        let newest = self.compliance.years.get(&(year, account)).map_or(0, |line| line.emissions);
        if newest != corrects {
            let message = format!("entry {corrects} was corrected; correct entry {newest} instead");
            return Err(Rejection::new(Reason::EmissionsSuperseded, FIELD, message));
        }
        check_verified(verified)?;
        text::check_line(document, "document")?;
        Ok(self.note_emissions(Emissions {
            number: self.compliance.emissions.next(),
            account,
            province,
            year,
            verified,
            report_sha256: *report_sha256,
            corrects: Some(corrects),
            document: document.to_owned(),
            recorded_at: self.now,
        }))
    }

    fn note_emissions(&mut self, entry: Emissions) -> Receipt {
        self.touch(RecordKey::Compliance(ComplianceKey::Emissions(entry.number)));
        self.compliance.put_emissions(entry.clone());
        let Emissions { number, account, year, verified, report_sha256, .. } = entry;
        let what = match entry.corrects {
            None => What::EmissionsRecorded {
                emissions: number,
                account,
                year,
                verified,
                report_sha256,
            },
            Some(corrects) => What::EmissionsCorrected {
                emissions: number,
                corrects,
                account,
                verified,
                report_sha256,
                document: entry.document.clone(),
            },
        };
        self.record(what, Vec::new());
        ComplianceReceipt::Emissions { emissions: entry }.into()
    }
}

impl super::Compliance {
    /// Appends an entry, which counts from now on.
    pub(super) fn put_emissions(&mut self, entry: Emissions) {
        let line = self.years.entry((entry.year, entry.account)).or_default();
        (line.emissions, line.verified) = (entry.number, entry.verified);
        self.emissions.push(entry);
    }
}

fn check_verified(verified: Quantity) -> Result<(), Rejection> {
    const FIELD: &str = "verified_tco2e";
    if verified.0 >= 0 {
        return Ok(());
    }
    let message = format!("{FIELD} is {} t, it must be at least 0 t", verified.0);
    Err(Rejection::new(Reason::OutOfRange, FIELD, message))
}
