//! What sales of pledged tonnes bring: to the pledgee first, the rest to the pledgor.

use registry_ledger::{BankId, Date, Fen, PledgeId, PledgeState, Reason, Receipt, Trade};

use super::day::amount;
use super::pledges::Contract;
use super::positions::{Position, fits};
use super::registration::check_positive;
use super::{Model, Outcome, Planted, Refused, refuse};

impl Model {
    /// One trade takes its tonnes from the pledge; refused, it takes none.
    pub(super) fn sell_pledged(&mut self, id: PledgeId, date: Date, trade: &Trade) -> Outcome {
        self.contract(id)?;
        let contract = self.contract_in(id, &[PledgeState::Enforcing])?.clone();
        self.refuse_stay(&contract)?;
        check_sale(&contract, trade)?;
        let before = self.positions.clone();
        let sold = i128::from(trade.quantity.0);
        self.free_pledged(id, sold, Position::Trading);
        let receipt = match self.settle_trade(date, trade) {
            Ok(receipt) => receipt,
            Err(refused) => {
                self.positions = before;
                return Err(refused);
            }
        };
        let (brought, due) = (amount(trade), contract.due());
        let share = if self.plants(Planted::PledgeeTakesAll) { brought } else { brought.min(due) };
        self.positions.post_cash(trade.seller, trade.seller_bank, -share);
        self.pledges.proceeds.push((contract.pledgee, share));
        let left = contract.tonnes - sold;
        let done = left == 0 || brought >= due;
        if done {
            self.free_pledged(id, left, Position::Registered);
        }
        let contract = self.change(id);
        contract.sales.push(share);
        contract.tonnes = if done { 0 } else { left };
        if done {
            contract.state = PledgeState::Disposed;
        }
        Ok(receipt)
    }

    pub(super) fn proceeds(&self, bank: BankId) -> i128 {
        let of_bank = self.pledges.proceeds.iter().filter(|(of, _)| *of == bank);
        of_bank.map(|(_, fen)| fen).sum()
    }

    pub(super) fn take_proceeds(&mut self, bank: BankId, wanted: Fen) -> Outcome {
        if !self.banks.contains_key(&bank) {
            return refuse(Reason::UnknownBank, "bank_id");
        }
        check_positive(wanted.0, "amount_yuan")?;
        let fen = i128::from(wanted.0);
        if self.proceeds(bank) < fen {
            return refuse(Reason::InsufficientCash, "amount_yuan");
        }
        self.pledges.proceeds.push((bank, -fen));
        self.pay_out(bank, fen);
        Ok(Receipt::Proceeds { bank, left: Fen(fits(self.proceeds(bank))) })
    }
}

fn check_sale(contract: &Contract, trade: &Trade) -> Result<(), Refused> {
    if trade.seller != contract.pledgor {
        return refuse(Reason::NotCounterparty, "trade.seller_account");
    }
    if trade.seller_bank != contract.pledgee {
        return refuse(Reason::NotCounterparty, "trade.seller_bank");
    }
    if trade.instrument != contract.instrument {
        return refuse(Reason::WrongInstrument, "trade.instrument");
    }
    let tonnes = i128::from(trade.quantity.0);
    let one_less_is_enough =
        tonnes > 1 && (tonnes - 1) * i128::from(trade.price.0) >= contract.due();
    if tonnes > contract.tonnes || one_less_is_enough {
        return refuse(Reason::OverDisposal, "trade.quantity_tco2e");
    }
    Ok(())
}
