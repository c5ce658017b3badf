//! Where the events about single trades are found again: an account's and a
//! trade's history would else have to look through whole days.

use super::{Subject, What};
use crate::ledger::Ledger;
use crate::types::{Date, Trade, TradeNumber};

impl Ledger {
    /// The trades that an event is about, beside [`super::Event::subjects`].
    /// Thousands of trades that were taken or tried together are one subject.
    pub(super) fn trade_subjects(&self, what: &What) -> Vec<Subject> {
        let mut subjects = Vec::new();
        if let What::TradesAccepted { date, first_sequence, .. }
        | What::TradesSettled { date, first_sequence, .. } = what
        {
            subjects.push(Subject::PlacesTaken(*date, *first_sequence));
        } else if let What::TradesDelivered { date, first_sequence, .. } = what {
            subjects.push(Subject::PlacesTried(*date, *first_sequence));
        } else if let What::TradeAmended { date, before, after, .. } = what {
            subjects.push(Subject::Trade(*date, before.number));
            subjects.extend(parties(before));
            subjects.extend(after.iter().flat_map(parties));
        } else if let What::HeldTradesTried { date, results } = what {
            results.iter().for_each(|(number, _)| self.add_trade(*date, *number, &mut subjects));
        } else if let What::ReserveUsed { date, trade, .. } = what {
            self.add_trade(*date, *trade, &mut subjects);
        }
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }

    fn add_trade(&self, date: Date, number: TradeNumber, subjects: &mut Vec<Subject>) {
        subjects.push(Subject::Trade(date, number));
        subjects.extend(self.trade(date, number).iter().flat_map(|of| parties(&of.trade)));
    }
}

fn parties(trade: &Trade) -> [Subject; 2] {
    [trade.buyer, trade.seller].map(Subject::TradesOf)
}
