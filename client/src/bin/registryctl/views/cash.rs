//! Withdrawals, pots and reconciliations.

use registry_client::proto::{BankPots, Reconciliation, ReserveClaim, Withdrawal};

use crate::output::Record;

pub(crate) fn withdrawal(withdrawal: &Withdrawal) -> Record {
    Record::default()
        .with("withdrawal_id", withdrawal.withdrawal_id)
        .with("account_id", withdrawal.account_id)
        .with("bank_id", withdrawal.bank_id)
        .with("amount_yuan", withdrawal.amount_yuan.as_str())
        .with("requested_at_ms", withdrawal.requested_at_ms)
}

pub(crate) fn pots(pots: &BankPots) -> Record {
    Record::default()
        .with("bank_id", pots.bank_id)
        .with("fees_yuan", pots.fees_yuan.as_str())
        .with("reserve_yuan", pots.reserve_yuan.as_str())
        .with("suspense_yuan", pots.suspense_yuan.as_str())
        .with("withdrawn_yuan", pots.withdrawn_yuan.as_str())
}

pub(crate) fn reconciliation(bank: &Reconciliation) -> Record {
    Record::default()
        .with("bank_id", bank.bank_id)
        .with("name", bank.name.as_str())
        .with("sub_ledgers_yuan", bank.sub_ledgers_yuan.as_str())
        .with("fees_yuan", bank.fees_yuan.as_str())
        .with("reserve_yuan", bank.reserve_yuan.as_str())
        .with("suspense_yuan", bank.suspense_yuan.as_str())
        .with("proceeds_yuan", bank.proceeds_yuan.as_str())
        .with("expected_yuan", bank.expected_yuan.as_str())
        .with("reported_yuan", bank.reported_yuan.as_str())
        .with("reported_as_of_date", bank.reported_as_of_date.as_str())
        .with("reported_at_ms", bank.reported_at_ms)
        .with("difference_yuan", bank.difference_yuan.as_str())
}

pub(crate) fn claim(claim: &ReserveClaim) -> Record {
    Record::default()
        .with("account_id", claim.account_id)
        .with("bank_id", claim.bank_id)
        .with("claim_yuan", claim.claim_yuan.as_str())
}
