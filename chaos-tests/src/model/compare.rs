//! Whether the ledger's state, seen through its queries, is the model's.

use std::fmt::{self, Debug};

use registry_ledger::{Answer, Ledger, ProposalId, StatusFilter, TradeRecord, TradeStatus};

use super::Model;
use super::views::{without_empty_cash, without_empty_holdings};

/// Where ledger and model part.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What was compared.
    pub what: String,
    /// The model's view.
    pub expected: String,
    /// The ledger's view.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, expected, found } = self;
        write!(f, "{what}\n  expected {expected}\n  found    {found}")
    }
}

/// A rejection's sentence is for people and not compared.
#[must_use]
pub fn without_sentence(mut answer: Answer) -> Answer {
    if let Err(rejection) = &mut answer.outcome {
        rejection.message.clear();
    }
    answer
}

pub(super) fn same<T: PartialEq + Debug>(
    what: impl FnOnce() -> String,
    expected: &T,
    found: &T,
) -> Result<(), Difference> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
    Err(Difference { what: what(), expected, found })
}

/// Compares everything the queries answer.
///
/// # Errors
/// The first difference.
pub fn compare_state(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    same(|| "ledger time".to_owned(), &model.now, &ledger.ledger_time())?;
    same(|| "genesis".to_owned(), &model.bootstrapped, &ledger.genesis().is_some())?;
    compare_accounts(model, ledger)?;
    same(|| "banks".to_owned(), &model.bank_views(), &ledger.banks())?;
    same(|| "instruments".to_owned(), &model.instrument_views(), &ledger.instruments())?;
    compare_proposals(model, ledger)?;
    compare_days(model, ledger)?;
    compare_prices(model, ledger)?;
    super::compliance::compare_compliance(model, ledger)?;
    super::cash::compare_cash(model, ledger)?;
    super::encumbered::compare_encumbered(model, ledger)?;
    super::inclusive::compare_persons(model, ledger)?;
    super::repo::compare_repos(model, ledger)
}

fn compare_proposals(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let expected: Vec<_> = model
        .waiting
        .iter()
        .map(|w| (w.id, w.maker.clone(), w.content.clone(), w.expires_at))
        .collect();
    let open = ledger.proposals_after(ProposalId(0));
    let found: Vec<_> =
        open.map(|p| (p.id, p.maker.clone(), p.content.clone(), p.expires_at)).collect();
    let proposals = expected.iter().map(|(.., expires_at)| *expires_at);
    let due = proposals.chain(model.next_offer_end());
    let due = due.chain(model.next_voucher_due()).chain(model.next_repo_due()).min();
    same(|| "next that is due".to_owned(), &due, &ledger.next_due())?;
    same(|| "open proposals".to_owned(), &expected, &found)
}

fn compare_accounts(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    let expected = model.account_views();
    same(|| "number of accounts".to_owned(), &model.last_account().0, &ledger.account_count())?;
    let mut paged = Vec::new();
    loop {
        let page = ledger.accounts_after(paged.len() as u32, 7);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    for found in &mut paged {
        let alone = ledger.account(found.id);
        same(
            || format!("account {} alone and in a page", found.id.0),
            &alone.as_ref(),
            &Some(&*found),
        )?;
        found.holdings = without_empty_holdings(std::mem::take(&mut found.holdings));
        found.cash = without_empty_cash(std::mem::take(&mut found.cash));
    }
    for (expected, found) in expected.iter().zip(&paged) {
        same(|| format!("account {}", expected.id.0), expected, found)?;
    }
    same(|| "accounts in pages".to_owned(), &expected.len(), &paged.len())
}

fn compare_days(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    for date in model.dates() {
        same(|| format!("day {date}"), &model.day_view(date), &ledger.day(date))?;
        same(|| format!("clearing of {date}"), &model.clearing_view(date), &ledger.clearing(date))?;
        let expected = model.trade_records(date);
        let found = ledger.trades_after(date, None, 0, usize::MAX).unwrap_or_default();
        same(|| format!("trades of {date}"), &expected, &found)?;
        let middle = expected.len() / 2;
        let page: Vec<_> = expected.iter().skip(middle).take(3).copied().collect();
        let found = ledger.trades_after(date, None, middle as u64, 3).unwrap_or_default();
        same(|| format!("page of trades of {date}"), &page, &found)?;
        for (filter, of) in filters() {
            let expected: Vec<_> = expected.iter().filter(|r| of(r.status)).copied().collect();
            let name = format!("{filter:?} trades of {date}");
            let found = ledger.trades_after(date, Some(filter), 0, usize::MAX).unwrap_or_default();
            same(|| name, &expected, &found)?;
        }
        compare_trades_and_statements(model, ledger, &expected, date)?;
    }
    Ok(())
}

fn compare_trades_and_statements(
    model: &Model,
    ledger: &Ledger,
    records: &[TradeRecord],
    date: registry_ledger::Date,
) -> Result<(), Difference> {
    for record in records {
        let number = record.trade.number;
        let found = ledger.trade(date, number);
        same(|| format!("trade {} of {date}", number.0), &Some(*record), &found)?;
    }
    for id in (1..=model.last_account().0).map(registry_ledger::AccountId) {
        let expected = Model::statement_of(records, date, id);
        let found = ledger.statement(date, id);
        same(|| format!("statement of {} on {date}", id.0), &Some(expected), &found)?;
    }
    Ok(())
}

type OfStatus = fn(TradeStatus) -> bool;

fn filters() -> [(StatusFilter, OfStatus); 6] {
    [
        (StatusFilter::Accepted, |status| status == TradeStatus::Accepted),
        (StatusFilter::Delivered, |status| status == TradeStatus::Delivered),
        (StatusFilter::Held, |status| matches!(status, TradeStatus::Held(_))),
        (StatusFilter::Failed, |status| matches!(status, TradeStatus::Failed(_))),
        (StatusFilter::Voided, |status| status == TradeStatus::Voided),
        (StatusFilter::Covered, |status| status == TradeStatus::Covered),
    ]
}

fn compare_prices(model: &Model, ledger: &Ledger) -> Result<(), Difference> {
    for instrument in model.instruments.keys().copied() {
        let mut all = Vec::new();
        for date in model.dates() {
            let expected = model.price_view(instrument, date);
            let found = ledger.daily_price(instrument, date);
            same(|| format!("price of {instrument} on {date}"), &expected, &found)?;
            all.extend(expected);
        }
        let found = ledger.daily_prices(instrument, None, None, usize::MAX);
        same(|| format!("prices of {instrument}"), &all, &found)?;
        if let [_, middle @ .., last] = &all[..]
            && let Some(from) = middle.first()
        {
            let expected: Vec<_> = middle.iter().take(2).copied().collect();
            let to = middle.last().unwrap_or(last).date;
            let found = ledger.daily_prices(instrument, Some(from.date), Some(to), 2);
            same(|| format!("page of prices of {instrument}"), &expected, &found)?;
        }
    }
    Ok(())
}
