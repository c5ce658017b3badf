//! Money outside trades: what the cash service answers beyond deposits.

use futures::StreamExt as _;
use registry_ledger::amount::format_yuan;
use registry_ledger::{
    AccountId, BankId, BankView, Ledger, OpenWithdrawal, PaymentInstructions, Pots, Receipt,
    WithdrawalFilter,
};
use registry_proto::registry as proto;
use registry_proto::registry::Stamp;
use registry_proto::storage::log_command::Command;
use tonic::codegen::BoxStream;
use tonic::{Response, Status};

use crate::decode::fields;
use crate::security::Caller;
use crate::services::gateway::{Gateway, page_size, page_size_of, unexpected};
use crate::services::{encode, status};

/// Lines of one message: some 512 KiB.
const LINES_PER_MESSAGE: usize = 16_384;
/// Trades of one look at the ledger: some milliseconds.
const TRADES_PER_LOOK: usize = 1 << 16;
/// Looks at a whole day before writers have to wait after all.
const TRIES: usize = 5;

type Reply<T> = Result<Response<T>, Status>;

/// A step of a withdrawal.
pub(super) async fn withdrawal_step(
    gateway: &Gateway,
    caller: &Caller,
    command: Command,
) -> Reply<proto::WithdrawalReply> {
    match gateway.write(caller, command).await? {
        (stamp, Receipt::Withdrawal(step, balance)) => Ok(Response::new(proto::WithdrawalReply {
            stamp: Some(stamp),
            withdrawal: Some(withdrawal(&step)),
            balance: Some(encode::cash(step.bank, &balance)),
        })),
        (_, other) => Err(unexpected(&other)),
    }
}

/// A step that changes an account's balance.
pub(super) async fn balance_step(
    gateway: &Gateway,
    caller: &Caller,
    command: Command,
) -> Result<(Stamp, proto::CashBalance), Status> {
    match gateway.write(caller, command).await? {
        (stamp, Receipt::Cash(bank, balance)) => Ok((stamp, encode::cash(bank, &balance))),
        (_, other) => Err(unexpected(&other)),
    }
}

/// A step that changes a bank's pots only.
pub(super) async fn pots_step(
    gateway: &Gateway,
    caller: &Caller,
    command: Command,
) -> Reply<proto::PotsReply> {
    match gateway.write(caller, command).await? {
        (stamp, Receipt::Pots(bank, pots)) => {
            let pots = Some(self::pots(bank, &pots));
            Ok(Response::new(proto::PotsReply { stamp: Some(stamp), pots }))
        }
        (_, other) => Err(unexpected(&other)),
    }
}

pub(super) async fn list_withdrawals(
    gateway: &Gateway,
    message: &proto::ListWithdrawalsRequest,
) -> Reply<proto::ListWithdrawalsReply> {
    let limit = page_size(message.page_size)?;
    let after = message.after_withdrawal_id;
    let (stamp, (withdrawals, more)) = gateway
        .read(message.consistency, |ledger| {
            let mut filter = WithdrawalFilter::default();
            if message.bank_id != 0 {
                filter.bank = Some(fields::bank(message.bank_id, "bank_id")?);
            }
            if message.account_id != 0 {
                filter.account = Some(fields::account(message.account_id, "account_id")?);
            }
            let mut found = ledger.withdrawals_after(filter, after, limit + 1);
            let more = found.len() > limit;
            found.truncate(limit);
            Ok((found.iter().map(withdrawal).collect::<Vec<_>>(), more))
        })
        .await?;
    let last = withdrawals.last().map_or(0, |last| last.withdrawal_id);
    let next_after_withdrawal_id = if more { last } else { 0 };
    let stamp = Some(stamp);
    Ok(Response::new(proto::ListWithdrawalsReply { stamp, withdrawals, next_after_withdrawal_id }))
}

pub(super) async fn repay_reserve(
    gateway: &Gateway,
    caller: &Caller,
    message: proto::RepayReserveRequest,
) -> Reply<proto::RepayReserveReply> {
    match gateway.write(caller, Command::RepayReserve(message)).await? {
        (stamp, Receipt::Repaid { bank, balance, claim }) => {
            Ok(Response::new(proto::RepayReserveReply {
                stamp: Some(stamp),
                balance: Some(encode::cash(bank, &balance)),
                claim_yuan: format_yuan(claim),
            }))
        }
        (_, other) => Err(unexpected(&other)),
    }
}

pub(super) async fn report_balance(
    gateway: &Gateway,
    caller: &Caller,
    message: proto::ReportBalanceRequest,
) -> Reply<proto::ReportBalanceReply> {
    match gateway.write(caller, Command::ReportBalance(message)).await? {
        (stamp, Receipt::Reported { bank, expected, reported }) => {
            // Neither is negative.
            let difference = reported.balance.checked_sub(expected).unwrap_or_default();
            Ok(Response::new(proto::ReportBalanceReply {
                stamp: Some(stamp),
                bank_id: bank.0.into(),
                expected_yuan: format_yuan(expected),
                reported_yuan: format_yuan(reported.balance),
                difference_yuan: format_yuan(difference),
            }))
        }
        (_, other) => Err(unexpected(&other)),
    }
}

pub(super) async fn reconciliation(
    gateway: &Gateway,
    message: &proto::GetReconciliationRequest,
) -> Reply<proto::GetReconciliationReply> {
    let limit = page_size_of(message.page_size, 1_000, 10_000)?;
    // Past the greatest number there is nothing.
    let after = u32::try_from(message.after_account_id).unwrap_or(u32::MAX);
    let after_bank = u16::try_from(message.after_bank_id).unwrap_or(u16::MAX);
    let (stamp, (banks, claims, more)) = gateway
        .read(message.consistency, |ledger| {
            let only = match message.bank_id {
                0 => None,
                id => Some(ledger.known_bank_id(fields::bank(id, "bank_id")?)?),
            };
            let wanted = |bank: BankId| only.is_none_or(|only| only == bank);
            let banks = ledger.banks().into_iter().filter(|bank| wanted(bank.id));
            let claims = ledger.claims_after(AccountId(after), BankId(after_bank));
            let mut claims: Vec<_> =
                claims.filter(|(_, bank, _)| wanted(*bank)).take(limit + 1).collect();
            let more = claims.len() > limit;
            claims.truncate(limit);
            Ok((banks.map(reconciled).collect::<Vec<_>>(), claims, more))
        })
        .await?;
    let last = claims.last().filter(|_| more);
    Ok(Response::new(proto::GetReconciliationReply {
        stamp: Some(stamp),
        banks,
        next_after_account_id: last.map_or(0, |(account, ..)| account.0.into()),
        next_after_bank_id: last.map_or(0, |(_, bank, _)| bank.0.into()),
        claims: claims
            .into_iter()
            .map(|(account, bank, claim)| proto::ReserveClaim {
                account_id: account.0.into(),
                bank_id: bank.0.into(),
                claim_yuan: format_yuan(claim),
            })
            .collect(),
    }))
}

pub(super) async fn payment_instructions(
    gateway: &Gateway,
    message: &proto::GetPaymentInstructionsRequest,
) -> Reply<BoxStream<proto::GetPaymentInstructionsReply>> {
    let (stamp, found) = added_up(gateway, message).await?;
    let messages = messages_of(found.lines.len());
    // Made one by one, as the caller reads them.
    let replies = futures::stream::iter(0..messages).map(move |n| Ok(part(&stamp, &found, n)));
    Ok(Response::new(Box::pin(replies)))
}

/// Looks at some trades at a time, so that writers need not wait for all of
/// them. Trades that were held may deliver meanwhile: then it begins again.
async fn added_up(
    gateway: &Gateway,
    message: &proto::GetPaymentInstructionsRequest,
) -> Result<(Stamp, PaymentInstructions), Status> {
    let asked = |ledger: &Ledger| {
        let date = fields::date(&message.date, "date")?;
        ledger.payment_day(date, fields::bank(message.bank_id, "bank_id")?)
    };
    for _ in 0..TRIES {
        let (stamp, day) = gateway.read(message.consistency, asked).await?;
        let mut sides = Vec::new();
        for after in (0..day.trades).step_by(TRADES_PER_LOOK) {
            let view = gateway.replica.ledger().read().await;
            sides.extend(view.ledger.payment_sides(day, after, TRADES_PER_LOOK as u64));
        }
        let local = proto::Consistency::StaleOk.into();
        let (_, still) = gateway.read(local, asked).await?;
        if still == day {
            // Sorting millions of lines would hold up the runtime.
            let added = move || PaymentInstructions::of(day, sides);
            let found = tokio::task::spawn_blocking(added).await;
            return Ok((stamp, found.map_err(|e| status::fault(&e.to_string()))?));
        }
    }
    let at_once = |ledger: &Ledger| {
        let day = asked(ledger)?;
        ledger.payment_instructions(day.date, day.bank)
    };
    gateway.read(message.consistency, at_once).await
}

/// A day without a line has one message with its totals.
fn messages_of(lines: usize) -> usize {
    lines.div_ceil(LINES_PER_MESSAGE).max(1)
}

/// The message with this number, from 0.
fn part(
    stamp: &Stamp,
    found: &PaymentInstructions,
    number: usize,
) -> proto::GetPaymentInstructionsReply {
    let lines = found.lines.chunks(LINES_PER_MESSAGE).nth(number).unwrap_or_default();
    proto::GetPaymentInstructionsReply {
        stamp: Some(*stamp),
        date: found.date.to_string(),
        bank_id: found.bank.0.into(),
        line_count: found.lines.len() as u64,
        received_yuan: format_yuan(found.received),
        paid_yuan: format_yuan(found.paid),
        net_yuan: format_yuan(found.net()),
        interbank_yuan: format_yuan(found.interbank),
        held_trades: found.held_trades,
        payments_sha256: encode::digest(found.sha256),
        lines: lines
            .iter()
            .map(|line| proto::PaymentLine {
                account_id: line.account.0.into(),
                net_yuan: format_yuan(line.net),
            })
            .collect(),
    }
}

pub(super) fn withdrawal(withdrawal: &OpenWithdrawal) -> proto::Withdrawal {
    proto::Withdrawal {
        withdrawal_id: withdrawal.number,
        account_id: withdrawal.account.0.into(),
        bank_id: withdrawal.bank.0.into(),
        amount_yuan: format_yuan(withdrawal.amount),
        requested_at_ms: withdrawal.requested_at.0,
    }
}

fn pots(bank: BankId, pots: &Pots) -> proto::BankPots {
    proto::BankPots {
        bank_id: bank.0.into(),
        fees_yuan: format_yuan(pots.fees),
        reserve_yuan: format_yuan(pots.reserve),
        suspense_yuan: format_yuan(pots.suspense),
        withdrawn_yuan: format_yuan(pots.withdrawn),
    }
}

fn reconciled(bank: BankView) -> proto::Reconciliation {
    let reported = bank.reported;
    proto::Reconciliation {
        bank_id: bank.id.0.into(),
        sub_ledgers_yuan: format_yuan(bank.sub_ledgers()),
        fees_yuan: format_yuan(bank.pots.fees),
        reserve_yuan: format_yuan(bank.pots.reserve),
        suspense_yuan: format_yuan(bank.pots.suspense),
        proceeds_yuan: format_yuan(bank.proceeds),
        expected_yuan: format_yuan(bank.balance),
        reported_yuan: reported.map(|said| format_yuan(said.balance)).unwrap_or_default(),
        reported_as_of_date: reported.map(|said| said.as_of.to_string()).unwrap_or_default(),
        reported_at_ms: reported.map_or(0, |said| said.reported_at.0),
        difference_yuan: bank.difference().map(format_yuan).unwrap_or_default(),
        name: bank.name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use registry_ledger::{Date, Fen, PaymentLine};

    #[test]
    fn payment_lines_go_into_messages_without_a_gap_and_totals_into_each() {
        let count = 2 * LINES_PER_MESSAGE as u32 + 1;
        let lines = (1..=count).map(|n| PaymentLine { account: AccountId(n), net: Fen(1) });
        let mut found = PaymentInstructions {
            date: Date::from_yyyymmdd(20211216).unwrap_or_else(|| unreachable!()),
            bank: BankId(102),
            lines: lines.collect(),
            received: Fen(count.into()),
            paid: Fen(0),
            interbank: Fen(count.into()),
            held_trades: 0,
            sha256: [7; 32],
        };
        assert_eq!(messages_of(found.lines.len()), 3);
        let stamp = Stamp::default();
        let parts: Vec<_> = (0..3).map(|number| part(&stamp, &found, number)).collect();
        let accounts = parts.iter().flat_map(|part| &part.lines).map(|line| line.account_id);
        assert!(accounts.eq(1..=u64::from(count)));
        for part in &parts {
            assert_eq!((part.line_count, part.net_yuan.as_str()), (count.into(), "327.69"));
        }
        found.lines.clear();
        assert_eq!(messages_of(0), 1);
        assert_eq!(part(&stamp, &found, 0).lines, []);
    }
}
