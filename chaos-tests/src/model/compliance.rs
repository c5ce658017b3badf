//! A year's compliance as lists of what was ever decided; what is owed, given
//! and gone is added up each time.

use registry_ledger::{
    AccountId, AccountKind, Allocation, AllocationKind, Cancellation, CarryOver,
    ComplianceCommand as Asked, ComplianceReceipt, ComplianceYear, Date, DayState, Emissions,
    EntryFilter, InstrumentCode, Ledger, Means, Obligation, ProvinceCode, ProvinceView, Quantity,
    Reason, Receipt, Retired, Surrender, SurrenderState, TradeStatus, TransferCause,
};

use super::calendar::{beijing_day, day_number};
use super::compare::{Difference, same};
use super::planted::Planted;
use super::positions::{Position, fits};
use super::registration::check_positive;
use super::{Model, Outcome, Refused, check_text, refuse};

/// Everything ever decided.
#[derive(Clone, Debug, Default)]
pub(super) struct ComplianceBook {
    assigned: Vec<(AccountId, ProvinceCode)>,
    allocations: Vec<Allocation>,
    emissions: Vec<Emissions>,
    surrenders: Vec<Surrender>,
    cancellations: Vec<Cancellation>,
    carry_overs: Vec<CarryOver>,
}

const QUANTITY: &str = "quantity_tco2e";

/// The year of an allowance.
pub(super) fn vintage(instrument: InstrumentCode) -> Option<u32> {
    instrument.to_string().strip_prefix("CEA-").and_then(|year| year.parse().ok())
}

fn sum<'a>(quantities: impl Iterator<Item = &'a Quantity>) -> i128 {
    quantities.map(|quantity| i128::from(quantity.0)).sum()
}

impl Model {
    pub(super) fn comply(&mut self, command: &Asked) -> Outcome {
        match command {
            Asked::AssignProvince { account, province, document } => {
                self.assign_province(*account, *province, document)
            }
            Asked::Allocate { .. } => self.allocate(command),
            Asked::Recall { account, instrument, quantity, document } => {
                self.recall(*account, *instrument, *quantity, document)
            }
            Asked::RecordEmissions { by, account, year, verified, report_sha256 } => {
                let province = self.firm_province(*account)?;
                if by.is_some_and(|by| by != province) {
                    return refuse(Reason::OtherProvince, "province");
                }
                if verified.0 < 0 {
                    return refuse(Reason::OutOfRange, "verified_tco2e");
                }
                if self.counting(*account, *year).is_some() {
                    return refuse(Reason::EmissionsRecorded, "year");
                }
                self.add_emissions(*account, province, *year, *verified, *report_sha256, None, "")
            }
            Asked::CorrectEmissions { corrects, verified, report_sha256, document } => {
                self.correct(*corrects, *verified, *report_sha256, document)
            }
            Asked::ApplySurrender { account, year, instrument, quantity } => {
                self.apply_surrender(*account, *year, *instrument, *quantity)
            }
            Asked::ApproveSurrender { province, surrender } => {
                self.approve_it(*province, *surrender)
            }
            Asked::DeclineSurrender { province, surrender, reason } => {
                let place = self.waits_for(*province, *surrender)?;
                check_text(reason, 200, "reason")?;
                self.decided(place, SurrenderState::Declined, reason)
            }
            Asked::CarryOver { .. } => self.carry_over(command),
            Asked::Cancel { account, instrument, quantity, beneficiary, reason } => {
                self.cancel(*account, *instrument, *quantity, beneficiary, reason)
            }
            Asked::Transfer { cause, from, to, part, document, .. } => {
                self.transfer(*cause, *from, *to, *part, document)
            }
        }
    }

    pub(super) fn province_of(&self, account: AccountId) -> Option<ProvinceCode> {
        let of = self.compliance.assigned.iter().filter(|(of, _)| *of == account);
        of.map(|(_, province)| *province).next_back()
    }

    pub(super) fn kind_of(&self, account: AccountId) -> Option<AccountKind> {
        let place = usize::try_from(account.0).ok()?.checked_sub(1)?;
        self.accounts.get(place).map(|account| account.kind)
    }

    fn accounts_of(&self, province: ProvinceCode, kind: AccountKind) -> Vec<AccountId> {
        (1..=self.last_account().0)
            .map(AccountId)
            .filter(|id| self.kind_of(*id) == Some(kind) && self.province_of(*id) == Some(province))
            .collect()
    }

    pub(super) fn own_account(&self, province: ProvinceCode) -> Option<AccountId> {
        self.accounts_of(province, AccountKind::Province).first().copied()
    }

    fn assign_province(
        &mut self,
        account: AccountId,
        province: ProvinceCode,
        document: &str,
    ) -> Outcome {
        let Some(kind) = self.kind_of(account) else {
            return refuse(Reason::UnknownAccount, "account_id");
        };
        check_text(document, 200, "document")?;
        if kind == AccountKind::Institution {
            return refuse(Reason::AccountKind, "account_id");
        }
        let own = self.own_account(province);
        if kind == AccountKind::Province && own.is_some_and(|own| own != account) {
            return refuse(Reason::ProvinceTaken, "province");
        }
        self.compliance.assigned.push((account, province));
        Ok(Receipt::Done)
    }

    /// The province of an account that is an emitter's.
    fn firm_province(&self, account: AccountId) -> Result<ProvinceCode, Refused> {
        match self.kind_of(account) {
            None => refuse(Reason::UnknownAccount, "account_id"),
            Some(AccountKind::Emitter) => {
                let province = self.province_of(account);
                province.ok_or((Reason::ProvinceMissing, "account_id".to_owned()))
            }
            Some(_) => refuse(Reason::AccountKind, "account_id"),
        }
    }

    /// Account, instrument, amount, and that so much is registered.
    fn check_registered(
        &self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
    ) -> Result<i128, Refused> {
        if !self.has_account(account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        if !self.instruments.contains_key(&instrument) {
            return refuse(Reason::WrongInstrument, "instrument");
        }
        check_positive(quantity.0, QUANTITY)?;
        let tonnes = i128::from(quantity.0);
        if self.positions.goods(account, instrument, Position::Registered) < tonnes {
            return refuse(Reason::InsufficientHolding, QUANTITY);
        }
        Ok(tonnes)
    }

    fn post(&mut self, account: AccountId, of: InstrumentCode, at: Position, tonnes: i128) {
        self.positions.post_goods(account, of, at, tonnes);
    }

    fn allocate(&mut self, command: &Asked) -> Outcome {
        let Asked::Allocate { province, account, instrument, kind, quantity, document } = command
        else {
            unreachable!("an allocation")
        };
        if *kind == AllocationKind::Recall {
            return refuse(Reason::Malformed, "kind");
        }
        if self.firm_province(*account)? != *province {
            return refuse(Reason::OtherProvince, "province");
        }
        let Some(own) = self.own_account(*province) else {
            return refuse(Reason::ProvinceMissing, "province");
        };
        let tonnes = self.check_registered(own, *instrument, *quantity)?;
        check_text(document, 200, "document")?;
        self.post(own, *instrument, Position::Registered, -tonnes);
        self.post(*account, *instrument, Position::Registered, tonnes);
        Ok(self.add_allocation(*province, *account, *instrument, *kind, *quantity, document))
    }

    fn recall(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
        document: &str,
    ) -> Outcome {
        if !self.has_account(account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        let Some(province) = self.province_of(account) else {
            return refuse(Reason::ProvinceMissing, "account_id");
        };
        let tonnes = self.check_registered(account, instrument, quantity)?;
        check_text(document, 200, "document")?;
        self.post(account, instrument, Position::Registered, -tonnes);
        let kind = AllocationKind::Recall;
        Ok(self.add_allocation(province, account, instrument, kind, quantity, document))
    }

    fn add_allocation(
        &mut self,
        province: ProvinceCode,
        account: AccountId,
        instrument: InstrumentCode,
        kind: AllocationKind,
        quantity: Quantity,
        document: &str,
    ) -> Receipt {
        let allocation = Allocation {
            number: self.compliance.allocations.len() as u64 + 1,
            province,
            account,
            instrument,
            kind,
            quantity,
            document: document.to_owned(),
            decided_at: self.now,
        };
        self.compliance.allocations.push(allocation.clone());
        let holding = self.positions.holding(account, instrument);
        ComplianceReceipt::Allocated { allocation, holding }.into()
    }

    /// The entry that counts.
    fn counting(&self, account: AccountId, year: ComplianceYear) -> Option<&Emissions> {
        let mut of = self.compliance.emissions.iter();
        of.rfind(|entry| (entry.account, entry.year) == (account, year))
    }

    #[allow(clippy::too_many_arguments, reason = "an entry has so many parts")]
    fn add_emissions(
        &mut self,
        account: AccountId,
        province: ProvinceCode,
        year: ComplianceYear,
        verified: Quantity,
        report_sha256: [u8; 32],
        corrects: Option<u64>,
        document: &str,
    ) -> Outcome {
        let emissions = Emissions {
            number: self.compliance.emissions.len() as u64 + 1,
            account,
            province,
            year,
            verified,
            report_sha256,
            corrects,
            document: document.to_owned(),
            recorded_at: self.now,
        };
        self.compliance.emissions.push(emissions.clone());
        Ok(ComplianceReceipt::Emissions { emissions }.into())
    }

    fn correct(
        &mut self,
        corrects: u64,
        verified: Quantity,
        report_sha256: [u8; 32],
        document: &str,
    ) -> Outcome {
        const FIELD: &str = "corrects_emissions_id";
        let found = self.compliance.emissions.iter().find(|entry| entry.number == corrects);
        let Some(before) = found.cloned() else {
            return refuse(Reason::UnknownEmissions, FIELD);
        };
        if self.compliance.emissions.iter().any(|entry| entry.corrects == Some(corrects)) {
            return refuse(Reason::EmissionsSuperseded, FIELD);
        }
        if verified.0 < 0 {
            return refuse(Reason::OutOfRange, "verified_tco2e");
        }
        check_text(document, 200, "document")?;
        let verified = match self.plants(Planted::CorrectionAdded) {
            true => Quantity(verified.0.saturating_add(before.verified.0)),
            false => verified,
        };
        let (account, province, year) = (before.account, before.province, before.year);
        let corrects = Some(corrects);
        self.add_emissions(account, province, year, verified, report_sha256, corrects, document)
    }

    /// Tonnes of a firm's applications for a year that stand so.
    fn means(&self, account: AccountId, year: ComplianceYear, state: SurrenderState) -> Means {
        let of = self
            .compliance
            .surrenders
            .iter()
            .filter(|entry| (entry.account, entry.year, entry.state) == (account, year, state));
        let (allowances, reductions): (Vec<_>, Vec<_>) =
            of.partition(|entry| vintage(entry.instrument).is_some());
        let tonnes =
            |of: Vec<&Surrender>| Quantity(fits(sum(of.iter().map(|entry| &entry.quantity))));
        Means { allowances: tonnes(allowances), reductions: tonnes(reductions) }
    }

    /// Whether so much more may be given for a year.
    fn check_given(
        &self,
        account: AccountId,
        year: ComplianceYear,
        instrument: InstrumentCode,
        states: &[SurrenderState],
        more: Quantity,
        field: &str,
    ) -> Result<(), Refused> {
        let owed = self.counting(account, year).map_or(0, |entry| i128::from(entry.verified.0));
        let before: Vec<Means> =
            states.iter().map(|state| self.means(account, year, *state)).collect();
        let more = i128::from(more.0);
        if vintage(instrument).is_none() && !self.plants(Planted::ReductionsWithoutLimit) {
            let reductions = sum(before.iter().map(|means| &means.reductions)) + more;
            if reductions * 100 > owed * 5 {
                return refuse(Reason::CcerShare, field);
            }
        }
        let all = before.iter().map(Means::total).sum::<i128>() + more;
        if all > owed { refuse(Reason::OverSurrender, field) } else { Ok(()) }
    }

    /// A frozen account gives nothing away by its holder's will.
    fn check_own_will(&self, account: AccountId, field: &str) -> Result<(), Refused> {
        if self.plants(Planted::FrozenAccountGives) {
            return Ok(());
        }
        self.refuse_frozen(account, field)
    }

    fn apply_surrender(
        &mut self,
        account: AccountId,
        year: ComplianceYear,
        instrument: InstrumentCode,
        quantity: Quantity,
    ) -> Outcome {
        let province = self.firm_province(account)?;
        self.check_own_will(account, "account_id")?;
        let tonnes = self.check_registered(account, instrument, quantity)?;
        let new = |year: u32| year > 2024;
        let fits_year = vintage(instrument).is_none_or(|of| new(of) == new(year.year().into()));
        if !fits_year && !self.plants(Planted::OldVintageSurrendered) {
            return refuse(Reason::VintageNotAllowed, "instrument");
        }
        self.check_not_over(instrument, "instrument")?;
        if self.counting(account, year).is_none() {
            return refuse(Reason::NoObligation, "year");
        }
        let states = [SurrenderState::Approved, SurrenderState::Pending];
        self.check_given(account, year, instrument, &states, quantity, QUANTITY)?;
        self.post(account, instrument, Position::Registered, -tonnes);
        self.post(account, instrument, Position::PendingOut, tonnes);
        let surrender = Surrender {
            number: self.compliance.surrenders.len() as u64 + 1,
            account,
            province,
            year,
            instrument,
            quantity,
            state: SurrenderState::Pending,
            applied_at: self.now,
            decided_at: None,
            reason: String::new(),
        };
        self.compliance.surrenders.push(surrender.clone());
        let holding = self.positions.holding(account, instrument);
        Ok(ComplianceReceipt::Surrender { surrender, holding }.into())
    }

    fn waits_for(&self, province: ProvinceCode, number: u64) -> Result<usize, Refused> {
        const FIELD: &str = "surrender_id";
        let entries = &self.compliance.surrenders;
        let Some(place) = entries.iter().position(|entry| entry.number == number) else {
            return refuse(Reason::UnknownSurrender, FIELD);
        };
        let entry = &entries[place];
        if entry.province != province && !self.plants(Planted::ForeignSurrenderApproved) {
            return refuse(Reason::UnknownSurrender, FIELD);
        }
        match entry.state {
            SurrenderState::Pending => Ok(place),
            _ => refuse(Reason::SurrenderClosed, FIELD),
        }
    }

    fn approve_it(&mut self, province: ProvinceCode, number: u64) -> Outcome {
        let place = self.waits_for(province, number)?;
        let Surrender { account, year, instrument, quantity, .. } =
            self.compliance.surrenders[place].clone();
        let states = [SurrenderState::Approved];
        self.check_given(account, year, instrument, &states, quantity, "surrender_id")?;
        self.decided(place, SurrenderState::Approved, "")
    }

    fn decided(&mut self, place: usize, state: SurrenderState, reason: &str) -> Outcome {
        let now = self.now;
        let entry = &mut self.compliance.surrenders[place];
        entry.state = state;
        entry.decided_at = Some(now);
        entry.reason = reason.to_owned();
        let surrender = entry.clone();
        let (account, instrument) = (surrender.account, surrender.instrument);
        let tonnes = i128::from(surrender.quantity.0);
        self.post(account, instrument, Position::PendingOut, -tonnes);
        if state == SurrenderState::Declined {
            self.post(account, instrument, Position::Registered, tonnes);
        }
        let holding = self.positions.holding(account, instrument);
        Ok(ComplianceReceipt::Surrender { surrender, holding }.into())
    }

    /// Sold less bought over some days, of vintages before one.
    pub(super) fn net_sold(&self, account: AccountId, before: u32, from: Date, to: Date) -> i128 {
        let days = self.days.values().filter(|day| day.date >= from && day.date <= to);
        let settled = [TradeStatus::Delivered, TradeStatus::Covered];
        let deals = days.flat_map(|day| &day.deals).filter(|deal| settled.contains(&deal.status));
        let counts = |of: InstrumentCode| vintage(of).is_some_and(|year| year < before);
        deals
            .filter(|deal| counts(deal.trade.instrument))
            .map(|deal| {
                let tonnes = i128::from(deal.trade.quantity.0);
                let sold = if deal.trade.seller == account { tonnes } else { 0 };
                let bought = if deal.trade.buyer == account { tonnes } else { 0 };
                sold - bought
            })
            .sum()
    }

    /// What an account may still carry over into a vintage.
    pub(super) fn may_carry(&self, account: AccountId, to: InstrumentCode, sold: i128) -> i128 {
        let carried = self.compliance.carry_overs.iter();
        let carried = carried.filter(|entry| (entry.account, entry.to) == (account, to));
        let mut twice = 20_000 + 3 * sold.max(0);
        if self.plants(Planted::CarryOverRoundedUp) {
            twice += 1;
        }
        twice / 2 - sum(carried.map(|entry| &entry.quantity))
    }

    /// Since the second version of the rules: the day after the last one is too late.
    fn check_not_over(&self, instrument: InstrumentCode, field: &str) -> Result<(), Refused> {
        let last = self.pledges.usable_until.get(&instrument).map(|date| day_number(*date));
        let over = last.is_some_and(|last| beijing_day(self.now) > last);
        if over && self.later_rules >= 1 && !self.plants(Planted::LastDayForgotten) {
            return refuse(Reason::VintageExpiring, field);
        }
        Ok(())
    }

    fn carry_over(&mut self, command: &Asked) -> Outcome {
        let Asked::CarryOver { account, from, to, quantity, sold_from, sold_to, document } =
            command
        else {
            unreachable!("a carry-over")
        };
        if !self.has_account(*account) {
            return refuse(Reason::UnknownAccount, "account_id");
        }
        self.check_own_will(*account, "account_id")?;
        for (instrument, field) in [(from, "from_instrument"), (to, "to_instrument")] {
            if !self.instruments.contains_key(instrument) {
                return refuse(Reason::WrongInstrument, field);
            }
        }
        check_positive(quantity.0, QUANTITY)?;
        check_text(document, 200, "document")?;
        let Some(old) = vintage(*from) else {
            return refuse(Reason::VintageNotAllowed, "from_instrument");
        };
        let Some(new) = vintage(*to).filter(|new| *new > old) else {
            return refuse(Reason::VintageNotAllowed, "to_instrument");
        };
        self.check_not_over(*from, "from_instrument")?;
        if sold_from > sold_to {
            return refuse(Reason::OutOfRange, "sold_to_date");
        }
        if day_number(*sold_to) >= beijing_day(self.now) {
            return refuse(Reason::FutureDay, "sold_to_date");
        }
        let mut days =
            self.days.values().filter(|day| day.date >= *sold_from && day.date <= *sold_to);
        if days.any(|day| day.state != DayState::Final) {
            return refuse(Reason::PreviousDayUnresolved, "sold_to_date");
        }
        let tonnes = self.check_registered(*account, *from, *quantity)?;
        let sold = self.net_sold(*account, new, *sold_from, *sold_to);
        if tonnes > self.may_carry(*account, *to, sold) {
            return refuse(Reason::CarryOverLimit, QUANTITY);
        }
        if self.issued(*to) + tonnes > i128::from(i64::MAX) {
            return refuse(Reason::OutOfRange, QUANTITY);
        }
        self.post(*account, *from, Position::Registered, -tonnes);
        self.post(*account, *to, Position::Registered, tonnes);
        self.issues.push((*to, tonnes));
        let carry_over = CarryOver {
            number: self.compliance.carry_overs.len() as u64 + 1,
            account: *account,
            from: *from,
            to: *to,
            quantity: *quantity,
            sold_from: *sold_from,
            sold_to: *sold_to,
            net_sold: Quantity(fits(sold)),
            document: document.clone(),
            decided_at: self.now,
        };
        self.compliance.carry_overs.push(carry_over.clone());
        let holding = |of| self.positions.holding(*account, of);
        let (from, to) = (holding(*from), holding(*to));
        Ok(ComplianceReceipt::CarriedOver { carry_over, from, to }.into())
    }

    fn cancel(
        &mut self,
        account: AccountId,
        instrument: InstrumentCode,
        quantity: Quantity,
        beneficiary: &str,
        reason: &str,
    ) -> Outcome {
        let tonnes = self.check_registered(account, instrument, quantity)?;
        self.check_own_will(account, "account_id")?;
        check_text(beneficiary, 200, "beneficiary")?;
        check_text(reason, 200, "reason")?;
        self.post(account, instrument, Position::Registered, -tonnes);
        let cancellation = Cancellation {
            number: self.compliance.cancellations.len() as u64 + 1,
            account,
            instrument,
            quantity,
            beneficiary: beneficiary.to_owned(),
            reason: reason.to_owned(),
            cancelled_at: self.now,
        };
        self.compliance.cancellations.push(cancellation.clone());
        let holding = self.positions.holding(account, instrument);
        Ok(ComplianceReceipt::Cancelled { cancellation, holding }.into())
    }

    fn transfer(
        &mut self,
        cause: TransferCause,
        from: AccountId,
        to: AccountId,
        part: Option<(InstrumentCode, Quantity)>,
        document: &str,
    ) -> Outcome {
        if !self.has_account(from) {
            return refuse(Reason::UnknownAccount, "from_account_id");
        }
        if !self.has_account(to) {
            return refuse(Reason::UnknownAccount, "to_account_id");
        }
        if from == to {
            return refuse(Reason::SelfTransfer, "to_account_id");
        }
        match cause {
            TransferCause::Merger | TransferCause::Division | TransferCause::Succession => {
                self.check_own_will(from, "from_account_id")?;
            }
            TransferCause::Court => {}
        }
        let moved = match part {
            Some((instrument, quantity)) => {
                self.check_registered(from, instrument, quantity)?;
                vec![(instrument, quantity)]
            }
            None => {
                let all = self.positions.instruments_of(from).into_iter();
                let holding = all.map(|code| (code, self.positions.holding(from, code).registered));
                holding.filter(|(_, quantity)| quantity.0 > 0).collect()
            }
        };
        if moved.is_empty() {
            return refuse(Reason::InsufficientHolding, "from_account_id");
        }
        check_text(document, 200, "document")?;
        for (instrument, quantity) in &moved {
            let tonnes = i128::from(quantity.0);
            self.post(from, *instrument, Position::Registered, -tonnes);
            self.post(to, *instrument, Position::Registered, tonnes);
        }
        Ok(ComplianceReceipt::Transferred { from, to, moved }.into())
    }

    /// Where an instrument's tonnes went.
    pub(super) fn retired(&self, instrument: InstrumentCode) -> Retired {
        let book = &self.compliance;
        let surrendered = book.surrenders.iter().filter(|entry| {
            entry.instrument == instrument && entry.state == SurrenderState::Approved
        });
        let cancelled = book.cancellations.iter().filter(|entry| entry.instrument == instrument);
        let carried = book.carry_overs.iter().filter(|entry| entry.from == instrument);
        let recalled = book
            .allocations
            .iter()
            .filter(|entry| entry.instrument == instrument && entry.kind == AllocationKind::Recall);
        Retired {
            surrendered: Quantity(fits(sum(surrendered.map(|entry| &entry.quantity)))),
            cancelled: Quantity(fits(sum(cancelled.map(|entry| &entry.quantity)))),
            carried_out: Quantity(fits(sum(carried.map(|entry| &entry.quantity)))),
            recalled: Quantity(fits(sum(recalled.map(|entry| &entry.quantity)))),
        }
    }

    pub(super) fn surrenders(&self) -> &[Surrender] {
        &self.compliance.surrenders
    }

    pub(super) fn emissions(&self) -> &[Emissions] {
        &self.compliance.emissions
    }

    /// Every obligation there is.
    pub(super) fn obligations(&self) -> Vec<Obligation> {
        let superseded =
            |number| self.compliance.emissions.iter().any(|entry| entry.corrects == Some(number));
        let counting = self.compliance.emissions.iter().filter(|entry| !superseded(entry.number));
        let obligation = |entry: &Emissions| Obligation {
            account: entry.account,
            province: self.province_of(entry.account).expect("a firm of a province"),
            year: entry.year,
            emissions: entry.number,
            verified: entry.verified,
            surrendered: self.means(entry.account, entry.year, SurrenderState::Approved),
            pending: self.means(entry.account, entry.year, SurrenderState::Pending),
        };
        let mut all: Vec<_> = counting.map(obligation).collect();
        all.sort_by_key(|line| (line.year, line.account));
        all
    }
}

/// Entries, obligations and provinces, whole and in pages.
pub(super) fn compare_compliance(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let book = &model.compliance;
    let all = EntryFilter::default();
    macro_rules! entries {
        ($($entries:ident: $found:ident;)+) => {$(
            let found: Vec<_> = ledger.$found(all, 0, usize::MAX).into_iter().cloned().collect();
            same(|| stringify!($entries).to_owned(), &book.$entries, &found)?;
            if let Some(middle) = book.$entries.get(book.$entries.len() / 2) {
                let account = Some(middle.account);
                let own = book.$entries.iter().filter(|entry| entry.account == middle.account);
                let expected: Vec<_> = own.take(2).cloned().collect();
                let filter = EntryFilter { account, ..all };
                let found: Vec<_> = ledger.$found(filter, 0, 2).into_iter().cloned().collect();
                same(|| format!("{} of {account:?}", stringify!($entries)), &expected, &found)?;
            }
        )+};
    }
    entries! {
        allocations: allocations_after;
        emissions: emissions_after;
        surrenders: surrenders_after;
        cancellations: cancellations_after;
        carry_overs: carry_overs_after;
    }
    compare_obligations(model, ledger)?;
    for account in (1..=model.last_account().0).map(AccountId) {
        let (expected, found) = (model.province_of(account), ledger.province_of(account));
        same(|| format!("province of account {}", account.0), &expected, &found)?;
    }
    for province in [11, 31, 42].into_iter().filter_map(ProvinceCode::from_code) {
        let firms = model.accounts_of(province, AccountKind::Emitter).len() as u64;
        let expected = ProvinceView { province, account: model.own_account(province), firms };
        same(|| format!("province {province}"), &expected, &ledger.province(province))?;
        let of_province = EntryFilter { province: Some(province), ..all };
        let expected: Vec<_> =
            book.surrenders.iter().filter(|entry| entry.province == province).cloned().collect();
        let found: Vec<_> =
            ledger.surrenders_after(of_province, 0, usize::MAX).into_iter().cloned().collect();
        same(|| format!("surrenders of province {province}"), &expected, &found)?;
    }
    Ok(())
}

fn compare_obligations(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let all = model.obligations();
    for year in (2019..=2026).filter_map(ComplianceYear::from_year) {
        for province in [None, ProvinceCode::from_code(42), ProvinceCode::from_code(31)] {
            for short in [false, true] {
                let wanted = |line: &&Obligation| {
                    line.year == year
                        && province.is_none_or(|province| line.province == province)
                        && (!short || i128::from(line.verified.0) > line.surrendered.total())
                };
                let expected: Vec<_> = all.iter().filter(wanted).copied().collect();
                let mut found = Vec::new();
                loop {
                    let after = found.last().map_or(AccountId(0), |line: &Obligation| line.account);
                    let page = ledger.obligations_after(year, province, short, after, 3);
                    if page.is_empty() {
                        break;
                    }
                    found.extend(page);
                }
                same(|| format!("obligations of {year}, {province:?}"), &expected, &found)?;
            }
        }
    }
    for line in &all {
        let found = ledger.obligation(line.account, line.year, None).ok();
        same(|| format!("obligation of {}", line.account.0), &Some(*line), &found)?;
    }
    Ok(())
}
