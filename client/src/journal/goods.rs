//! What events of yearly compliance may post.

use super::code::{AllocationKind, GoodsPot, Instrument, PositionPart};
use super::event::What;
use super::posting::Posting;

/// Where tonnes lie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Account(PositionPart),
    Pot(GoodsPot),
}

const REGISTERED: Place = Place::Account(PositionPart::Registered);
const PENDING_OUT: Place = Place::Account(PositionPart::PendingOut);

/// One line: where, whose, of what, how much.
#[derive(Clone, Copy)]
struct Line {
    place: Place,
    account: Option<u64>,
    instrument: Instrument,
    tonnes: i64,
}

/// Whether the postings are of the kind that the event makes.
pub(crate) fn fits(what: &What, postings: &[Posting]) -> bool {
    let lines: Option<Vec<Line>> = postings.iter().map(line).collect();
    let Some(lines) = lines else { return false };
    match what {
        What::Allocated { allocated: AllocationKind::Recall, .. } => {
            moves(&lines, REGISTERED, Place::Pot(GoodsPot::Recalled), true)
        }
        What::Allocated { .. } => moves(&lines, REGISTERED, REGISTERED, false),
        What::SurrenderApplied { .. } => moves(&lines, REGISTERED, PENDING_OUT, true),
        What::SurrenderApproved { .. } => {
            moves(&lines, PENDING_OUT, Place::Pot(GoodsPot::Surrendered), true)
        }
        What::SurrenderDeclined { .. } => moves(&lines, PENDING_OUT, REGISTERED, true),
        What::UnitsCancelled { .. } => {
            moves(&lines, REGISTERED, Place::Pot(GoodsPot::Cancelled), true)
        }
        What::CarriedOver { .. } => match &lines[..] {
            [burned, out, minted, issued] => {
                let out_of = [*burned, *out];
                moves(&out_of, REGISTERED, Place::Pot(GoodsPot::CarriedOut), true)
                    && moves(&[*issued, *minted], Place::Pot(GoodsPot::Issued), REGISTERED, true)
                    && burned.account == minted.account
                    && burned.instrument != minted.instrument
                    && out.tonnes == minted.tonnes
            }
            _ => false,
        },
        What::Transferred { .. } => {
            let (pairs, rest) = lines.as_chunks::<2>();
            let of = |pair: &[Line; 2]| (pair[0].account, pair[1].account);
            !pairs.is_empty()
                && rest.is_empty()
                && pairs.iter().all(|pair| moves(pair, REGISTERED, REGISTERED, false))
                && pairs.iter().all(|pair| pair[0].tonnes < 0 && of(pair) == of(&pairs[0]))
        }
        _ => lines.is_empty(),
    }
}

fn line(posting: &Posting) -> Option<Line> {
    match *posting {
        Posting::Goods { account, instrument, part, tonnes } => {
            let (place, account) = (Place::Account(part), Some(account));
            Some(Line { place, account, instrument, tonnes })
        }
        Posting::GoodsPot { instrument, pot, tonnes } => {
            Some(Line { place: Place::Pot(pot), account: None, instrument, tonnes })
        }
        Posting::Cash { .. } | Posting::CashPot { .. } => None,
    }
}

/// So much of one instrument from one place to another: within one account, or
/// between two.
fn moves(lines: &[Line], from: Place, to: Place, within_one: bool) -> bool {
    let [one, other] = lines else { return false };
    let (gives, takes) = if one.tonnes < 0 { (one, other) } else { (other, one) };
    let whose = match gives.account.zip(takes.account) {
        Some((giver, taker)) => (giver == taker) == within_one,
        None => true,
    };
    gives.place == from
        && takes.place == to
        && gives.tonnes < 0
        && takes.tonnes > 0
        && gives.instrument == takes.instrument
        && whose
}

/// Account, instrument and tonnes of the first line in an account.
pub(crate) fn in_account(postings: &[Posting]) -> Option<(u64, Instrument, i64)> {
    postings.iter().find_map(|posting| match *posting {
        Posting::Goods { account, instrument, tonnes, .. } => Some((account, instrument, tonnes)),
        _ => None,
    })
}
