//! What an event may post, and that it posts as much as it takes.

use std::collections::BTreeMap;

use super::code::{CashPart, CashPot, GoodsPot, PositionPart};
use super::event::{Event, What};
use super::finding::{Checked, Wrong, same};
use super::goods;
use super::posting::Posting;

/// Checks an event's postings by themselves.
pub(crate) fn check(event: &Event) -> Checked {
    sums_are_zero(&event.postings)?;
    let fits = fits(event);
    match fits {
        true => Ok(()),
        false => Err(Wrong::new(
            "postings",
            format!("those of a {}", event.what.name()),
            format!("{:?}", event.postings),
        )),
    }
}

fn sums_are_zero(postings: &[Posting]) -> Checked {
    let (mut goods, mut money) = (BTreeMap::new(), BTreeMap::new());
    let mut interbank = 0;
    for posting in postings {
        match *posting {
            Posting::Goods { instrument, tonnes, .. }
            | Posting::GoodsPot { instrument, tonnes, .. } => {
                *goods.entry(instrument).or_insert(0) += i128::from(tonnes);
            }
            Posting::Cash { bank, fen, .. } => {
                *money.entry(bank).or_insert(0) += i128::from(fen);
            }
            Posting::CashPot { bank, pot, fen } => {
                *money.entry(bank).or_insert(0) += i128::from(fen);
                if pot == CashPot::Interbank {
                    interbank += i128::from(fen);
                }
            }
        }
    }
    for (instrument, sum) in goods {
        same(format!("sum of the postings of {instrument}, tonnes"), 0, sum)?;
    }
    for (bank, sum) in money {
        same(format!("sum of the postings at bank {bank}, fen"), 0, sum)?;
    }
    same("sum of the interbank postings over all banks, fen", 0, interbank)
}

/// Whether the postings are of the kind that the event makes.
fn fits(event: &Event) -> bool {
    let postings = &event.postings[..];
    match &event.what {
        What::HoldingMoved {} => is_move(postings),
        What::Issued { .. } => postings.len() == 2 && postings.iter().all(is_issue),
        What::Deposited {} => postings.len() == 2 && postings.iter().all(is_deposit),
        What::AccountsLoaded { first, count, .. } => {
            let opened = *first..first.saturating_add(*count);
            postings.iter().all(|posting| match posting {
                Posting::Goods { account, part, tonnes, .. } => {
                    matches!(part, PositionPart::Registered | PositionPart::Trading)
                        && *tonnes > 0
                        && opened.contains(account)
                }
                Posting::Cash { account, .. } => is_deposit(posting) && opened.contains(account),
                Posting::GoodsPot { .. } => is_issue(posting),
                Posting::CashPot { .. } => is_deposit(posting),
            })
        }
        What::AccountOpened { .. }
        | What::BankOpened { .. }
        | What::InstrumentRegistered { .. }
        | What::HolidaysSet { .. }
        | What::DayOpened { .. }
        | What::TradesAccepted { .. }
        | What::DayClosed { .. }
        | What::DayCleared { .. }
        | What::ClearingConfirmed { .. }
        | What::ClearingDisputed { .. }
        | What::TradeAmended { .. }
        | What::TradesDelivered { .. }
        | What::HeldTradesTried { .. }
        | What::TradesSettled { .. }
        | What::StatementsIssued { .. }
        | What::ObjectionRaised { .. }
        | What::ObjectionResolved { .. }
        | What::DayFinal { .. }
        | What::DaySuspended { .. }
        | What::DayResumed { .. }
        | What::Founded { .. }
        | What::ClusterChanged { .. }
        | What::Restored { .. }
        | What::Proposed { .. }
        | What::Approved { .. }
        | What::Declined { .. }
        | What::ProposalWithdrawn { .. }
        | What::ProposalExpired { .. }
        | What::BalanceReported { .. }
        | What::InclusiveQuotaGranted { .. }
        | What::InclusiveAccountsOpened { .. }
        | What::InclusiveCredited { .. }
        | What::VoucherIssued { .. }
        | What::VoucherRedeemed { .. }
        | What::VouchersExpired { .. }
        | What::RepoProposed { .. }
        | What::RepoDeclined { .. }
        | What::RepoReturnMissed { .. }
        | What::RepoFailed { .. }
        | What::RepoExpired { .. } => postings.is_empty(),
        // Which exactly, `pledges.rs` and `freezes.rs` say.
        What::PledgeProposed { .. }
        | What::PledgeAccepted { .. }
        | What::PledgeDeclined { .. }
        | What::PledgeExpired { .. }
        | What::PledgeActivated { .. }
        | What::PledgeAdded { .. }
        | What::PledgeReleased { .. }
        | What::MarginCalled { .. }
        | What::MarginCured { .. }
        | What::PledgeDefaulted { .. }
        | What::PledgeEnforcing { .. }
        | What::PledgedSold { .. }
        | What::ProceedsPaid { .. }
        | What::SubstitutionOffered { .. }
        | What::Substituted { .. }
        | What::SubstitutionEnded { .. }
        | What::Frozen { .. }
        | What::FreezeLifted { .. }
        | What::FreezeExecuted { .. }
        | What::UsableUntilSet { .. } => true,
        What::ProceedsTaken {} => {
            moves(postings, Place::Pot(CashPot::Proceeds), Place::Pot(CashPot::Withdrawn))
        }
        // Both legs are compared with the contract.
        What::RepoOpened { .. } | What::RepoReturned { .. } => matches!(postings.len(), 4 | 6),
        What::WithdrawalRequested { .. } => moves(postings, AVAILABLE, PENDING_OUT),
        What::WithdrawalConfirmed { .. } => {
            moves(postings, PENDING_OUT, Place::Pot(CashPot::Withdrawn))
        }
        What::WithdrawalRejected { .. } => moves(postings, PENDING_OUT, AVAILABLE),
        What::FeeCharged { .. } => moves(postings, AVAILABLE, Place::Pot(CashPot::Fees)),
        What::SuspenseDeposited { .. } => moves(postings, OUTSIDE, Place::Pot(CashPot::Suspense)),
        What::SuspenseAllocated { .. } => moves(postings, Place::Pot(CashPot::Suspense), AVAILABLE),
        What::SuspenseReturned { .. } => {
            moves(postings, Place::Pot(CashPot::Suspense), Place::Pot(CashPot::Withdrawn))
        }
        What::ReserveFunded { .. } => moves(postings, OUTSIDE, Place::Pot(CashPot::Reserve)),
        What::ReserveUsed { .. } => moves(postings, Place::Pot(CashPot::Reserve), AVAILABLE),
        What::ReserveRepaid { .. } => moves(postings, AVAILABLE, Place::Pot(CashPot::Reserve)),
        What::ProvinceAssigned { .. }
        | What::EmissionsRecorded { .. }
        | What::EmissionsCorrected { .. }
        | What::Allocated { .. }
        | What::SurrenderApplied { .. }
        | What::SurrenderApproved { .. }
        | What::SurrenderDeclined { .. }
        | What::CarriedOver { .. }
        | What::UnitsCancelled { .. }
        | What::Transferred { .. } => goods::fits(&event.what, postings),
    }
}

/// Where money lies at a bank.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Account(CashPart),
    Pot(CashPot),
}

const AVAILABLE: Place = Place::Account(CashPart::Available);
const PENDING_OUT: Place = Place::Account(CashPart::PendingOut);
const OUTSIDE: Place = Place::Pot(CashPot::Deposited);

/// One amount from one place to another, within one account if both are in accounts.
fn moves(postings: &[Posting], from: Place, to: Place) -> bool {
    let line = |posting: &Posting| match *posting {
        Posting::Cash { account, part, fen, .. } => {
            Some((Place::Account(part), fen, Some(account)))
        }
        Posting::CashPot { pot, fen, .. } => Some((Place::Pot(pot), fen, None)),
        Posting::Goods { .. } | Posting::GoodsPot { .. } => None,
    };
    let [one, other] = postings else { return false };
    let (Some(one), Some(other)) = (line(one), line(other)) else { return false };
    let (gives, takes) = if one.1 < 0 { (one, other) } else { (other, one) };
    let one_account = gives.2.zip(takes.2).is_none_or(|(giver, taker)| giver == taker);
    gives.0 == from && takes.0 == to && gives.1 < 0 && takes.1 > 0 && one_account
}

/// Between the registered and the trading part of one account.
fn is_move(postings: &[Posting]) -> bool {
    let [
        Posting::Goods { account: giver, part: from, tonnes, .. },
        Posting::Goods { account: taker, part: to, .. },
    ] = postings
    else {
        return false;
    };
    let parts = [PositionPart::Registered, PositionPart::Trading];
    giver == taker && from != to && parts.contains(from) && parts.contains(to) && *tonnes != 0
}

fn is_issue(posting: &Posting) -> bool {
    match posting {
        Posting::Goods { part, tonnes, .. } => *part == PositionPart::Registered && *tonnes > 0,
        Posting::GoodsPot { pot, tonnes, .. } => *pot == GoodsPot::Issued && *tonnes < 0,
        Posting::Cash { .. } | Posting::CashPot { .. } => false,
    }
}

fn is_deposit(posting: &Posting) -> bool {
    match posting {
        Posting::Cash { part, fen, .. } => *part == CashPart::Available && *fen > 0,
        Posting::CashPot { pot, fen, .. } => *pot == CashPot::Deposited && *fen < 0,
        Posting::Goods { .. } | Posting::GoodsPot { .. } => false,
    }
}
