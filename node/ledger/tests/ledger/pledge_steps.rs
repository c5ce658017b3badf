//! Random commands about pledges and freezes, mostly by who may give them.

use registry_ledger::{
    AccountId, BankId, Command, Fen, FreePosition, FreezeCommand, FreezeId, FreezeTarget, Pledge,
    PledgeCommand, PledgeFilter, PledgeId, PledgeOffer, PledgeState, Price, Quantity,
    SubstitutionOffer, Trade, TradeNumber,
};

use crate::freeze::impose;
use crate::pledge::offer;
use crate::world::{World, cea, date, today, trade};

/// One of the commands; `pick` chooses among what there is.
pub(crate) fn pledging(
    world: &World,
    which: u8,
    pick: u32,
    tonnes: i64,
) -> Option<(String, Command)> {
    let account = AccountId(pick % 4 + 1);
    let officer = || "registry/officer-1".to_owned();
    match which {
        0..6 => {
            return Some((format!("firm/{}", account.0), propose(world, account, pick, tonnes)));
        }
        6 => return Some((officer(), impose(freeze(world, account, pick, tonnes)))),
        7 => {
            let open: Vec<_> = world.ledger.freezes_after(None, FreezeId(0)).collect();
            let freeze = open.get(pick as usize % open.len().max(1))?.id;
            let document = "order".to_owned();
            if pick.is_multiple_of(2) {
                let (quantity, document_sha256) = (Quantity(tonnes), [9; 32]);
                let order = FreezeCommand::Execute {
                    freeze,
                    to: account,
                    quantity,
                    document,
                    document_sha256,
                };
                return Some((officer(), Command::Freeze(order)));
            }
            return Some((officer(), Command::Freeze(FreezeCommand::Lift { freeze, document })));
        }
        8 => {
            let usable_until = (!pick.is_multiple_of(3)).then(|| date("2022-06-30"));
            return Some((officer(), Command::SetUsableUntil { instrument: cea(), usable_until }));
        }
        9 => {
            let (bank, amount) = (BankId(102 + (pick % 2) as u16), Fen(tonnes.rem_euclid(1_000)));
            let take = Command::Pledge(PledgeCommand::TakeProceeds { bank, amount });
            return Some((format!("bank/{}", bank.0), take));
        }
        _ => {}
    }
    let open_only = !pick.is_multiple_of(11);
    let all = world.ledger.pledges_after(
        PledgeFilter { open_only, ..PledgeFilter::default() },
        PledgeId(0),
        usize::MAX,
    );
    let chosen = *all.get(pick as usize % all.len().max(1))?;
    let (actor, command) = next(chosen, pick, tonnes);
    Some((actor, Command::Pledge(command)))
}

fn propose(world: &World, pledgor: AccountId, pick: u32, tonnes: i64) -> Command {
    let known = world.ledger.instruments();
    let cea = known.iter().find(|known| known.code == cea()).unwrap();
    let mut offer = PledgeOffer {
        pledgor,
        pledgee: BankId(102 + (pick % 2) as u16),
        quantity: Quantity(tonnes),
        from: if pick.is_multiple_of(3) { FreePosition::Registered } else { FreePosition::Trading },
        ..offer()
    };
    offer.terms.reference_price = cea.last_close;
    offer.terms.reference_date = cea.last_close_date.unwrap_or(today());
    offer.terms.warning_price = cea.last_close;
    offer.terms.disposal_price = Price(cea.last_close.0 / 2 + 1);
    offer.terms.principal = Fen(tonnes.saturating_mul(cea.last_close.0) / 2);
    Command::Pledge(PledgeCommand::Propose(Box::new(offer)))
}

fn freeze(world: &World, account: AccountId, pick: u32, tonnes: i64) -> FreezeTarget {
    let all = world.ledger.pledges_after(PledgeFilter::default(), PledgeId(0), usize::MAX);
    match pick % 5 {
        0 => FreezeTarget::Account { account },
        1 => {
            let pledge = all.get(pick as usize % all.len().max(1)).map_or(PledgeId(1), |p| p.id);
            FreezeTarget::Pledge { pledge }
        }
        _ => FreezeTarget::Tonnes { account, instrument: cea(), quantity: Quantity(tonnes) },
    }
}

/// What one may do with a pledge where it stands.
fn next(of: &Pledge, pick: u32, tonnes: i64) -> (String, PledgeCommand) {
    let (pledge, version) = (of.id, of.version.saturating_sub(u32::from(pick.is_multiple_of(17))));
    let pledgor = format!("firm/{}", of.pledgor.0);
    let pledgee = format!("bank/{}", of.pledgee.0);
    let officer = "registry/officer-2".to_owned();
    let document = "document".to_owned();
    let from = FreePosition::Trading;
    match (of.state, pick % 7) {
        (PledgeState::Proposed, 0) => (pledgor, PledgeCommand::Decline { pledge, version }),
        (PledgeState::Proposed, _) => (pledgee, PledgeCommand::Accept { pledge, version }),
        (PledgeState::Accepted, 0) => (pledgee, PledgeCommand::Decline { pledge, version }),
        (PledgeState::Accepted, _) => {
            let filing_reference = "filing".to_owned();
            (officer, PledgeCommand::Activate { pledge, version, filing_reference })
        }
        (PledgeState::Active | PledgeState::MarginCall, 0) => {
            let quantity = Quantity(tonnes);
            (pledgor, PledgeCommand::Add { pledge, version, from, quantity })
        }
        (PledgeState::Active | PledgeState::MarginCall, 1) => {
            let quantity = (!pick.is_multiple_of(3)).then_some(Quantity(tonnes));
            (pledgee, PledgeCommand::Release { pledge, version, quantity })
        }
        (PledgeState::Active | PledgeState::MarginCall, 2 | 3) => match of.substitution {
            None => {
                let terms = &of.terms;
                let offer = Box::new(SubstitutionOffer {
                    instrument: cea(),
                    quantity: Quantity(of.quantity.0.saturating_add(tonnes % 7)),
                    from,
                    reference_price: terms.reference_price,
                    reference_date: terms.reference_date,
                    warning_price: terms.warning_price,
                    disposal_price: terms.disposal_price,
                    time_to_live_ms: 3_600_000,
                });
                (pledgor, PledgeCommand::Substitute { pledge, version, offer })
            }
            Some(_) if tonnes % 3 == 0 => {
                (pledgor, PledgeCommand::DeclineSubstitution { pledge, version })
            }
            Some(_) => (pledgee, PledgeCommand::AcceptSubstitution { pledge, version }),
        },
        (PledgeState::Active | PledgeState::MarginCall, _) => {
            let (claim, evidence_sha256) = (Fen(tonnes.saturating_mul(1_000)), [3; 32]);
            (pledgee, PledgeCommand::Default { pledge, version, claim, evidence_sha256 })
        }
        (PledgeState::Defaulted, 0) => {
            (officer, PledgeCommand::ReleaseByCourt { pledge, version, document })
        }
        (PledgeState::Defaulted, _) => {
            (officer, PledgeCommand::Enforce { pledge, version, document })
        }
        (_, other) => {
            let trade = Trade {
                number: TradeNumber(500 + u64::from(pick % 100)),
                seller: of.pledgor,
                buyer: AccountId(other % 3 + 1),
                seller_bank: of.pledgee,
                quantity: Quantity(tonnes.min(of.quantity.0)),
                ..trade(1)
            };
            ("exchange/sh".to_owned(), PledgeCommand::Sell { pledge, date: today(), trade })
        }
    }
}
