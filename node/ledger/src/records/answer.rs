//! Records of remembered answers.

use crate::codec::{Problem, Reader, Writer, known};
use crate::command::Request;
use crate::inclusive::InclusiveReceipt;
use crate::receipt::{Answer, DaySummary, Receipt, TradeResult};
use crate::records::FORMAT;
use crate::records::days::{
    read_clearing, read_state, state_number, status_from_number, status_number, write_clearing,
};
use crate::records::standing::{read_cash, read_holding, write_cash, write_holding};
use crate::rejection::{Reason, Rejection};
use crate::stored::Stored;
use crate::types::{AccountId, BankId, Fen, LedgerTime, ProposalId, Quantity, TradeNumber};

/// An answer with the request that got it.
pub(crate) struct StoredAnswer {
    pub(crate) actor: String,
    pub(crate) request_id: String,
    pub(crate) fingerprint: [u8; 32],
    pub(crate) answer: Answer,
}

impl StoredAnswer {
    pub(crate) fn encode(actor: &str, request: &Request, answer: &Answer) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.u8(FORMAT);
        // First, so that expiry need not read the rest.
        writer.i64(answer.ledger_time.0);
        writer.u64(answer.term);
        writer.u64(answer.log_index);
        writer.text(actor);
        writer.text(&request.id);
        writer.raw(&request.fingerprint);
        match &answer.outcome {
            Ok(receipt) => write_receipt(&mut writer, receipt),
            Err(rejection) => {
                writer.u8(0);
                writer.u16(rejection.reason.number());
                writer.text(&rejection.field);
                writer.text(&rejection.message);
            }
        }
        writer.finish()
    }

    pub(crate) fn decode(value: &[u8]) -> Result<Self, Problem> {
        let mut reader = Reader::record(value, FORMAT)?;
        let ledger_time = LedgerTime(reader.i64()?);
        let term = reader.u64()?;
        let log_index = reader.u64()?;
        let actor = reader.text()?;
        let request_id = reader.text()?;
        let fingerprint = reader.array()?;
        let outcome = match reader.u8()? {
            0 => Err(Rejection {
                reason: known(Reason::from_number(reader.u16()?), "reason")?,
                field: reader.text()?,
                message: reader.text()?,
            }),
            tag => Ok(read_receipt(&mut reader, tag)?),
        };
        reader.finish()?;
        let answer = Answer { term, log_index, ledger_time, outcome };
        Ok(Self { actor, request_id, fingerprint, answer })
    }

    /// When the answer was decided, without reading the rest.
    pub(crate) fn decided_at(value: &[u8]) -> Result<LedgerTime, Problem> {
        Reader::record(value, FORMAT)?.i64().map(LedgerTime)
    }
}

fn write_receipt(writer: &mut Writer, receipt: &Receipt) {
    match receipt {
        Receipt::Done => writer.u8(1),
        Receipt::AccountOpened(id) => {
            writer.u8(2);
            writer.u32(id.0);
        }
        Receipt::AccountsOpened { first, count } => {
            writer.u8(11);
            writer.u32(first.0);
            writer.u32(*count);
        }
        Receipt::Holding(instrument, holding) => {
            writer.u8(3);
            writer.raw(&instrument.to_bytes());
            write_holding(writer, holding);
        }
        Receipt::Cash(bank, balance) => {
            writer.u8(4);
            writer.u16(bank.0);
            write_cash(writer, balance);
        }
        Receipt::Day(summary) => {
            writer.u8(5);
            write_summary(writer, summary);
        }
        Receipt::Chunk { number, trades_accepted } => {
            writer.u8(6);
            writer.u32(*number);
            writer.u64(*trades_accepted);
        }
        Receipt::Clearing(clearing) => {
            writer.u8(7);
            write_clearing(writer, clearing);
        }
        Receipt::Trades(results) => {
            writer.u8(8);
            write_results(writer, results);
        }
        Receipt::Trade(result) => {
            writer.u8(9);
            write_result(writer, result);
        }
        Receipt::Delivered { from_sequence, trade_count, results } => {
            writer.u8(10);
            writer.u64(*from_sequence);
            writer.u64(*trade_count);
            write_results(writer, results);
        }
        Receipt::Proposed { proposal, content_sha256, expires_at } => {
            writer.u8(12);
            writer.u64(proposal.0);
            writer.raw(content_sha256);
            writer.i64(expires_at.0);
        }
        Receipt::Pledge { pledge, state, version, quantity } => {
            writer.u8(20);
            pledge.write(writer);
            state.write(writer);
            version.write(writer);
            quantity.write(writer);
        }
        Receipt::Proceeds { bank, left } => {
            writer.u8(21);
            bank.write(writer);
            left.write(writer);
        }
        Receipt::Freeze { freeze, account, frozen, stayed } => {
            writer.u8(22);
            freeze.write(writer);
            account.write(writer);
            frozen.write(writer);
            stayed.write(writer);
        }
        Receipt::Withdrawal(withdrawal, balance) => {
            writer.u8(25);
            withdrawal.write(writer);
            write_cash(writer, balance);
        }
        Receipt::Pots(bank, pots) => {
            writer.u8(26);
            bank.write(writer);
            pots.write(writer);
        }
        Receipt::Repaid { bank, balance, claim } => {
            writer.u8(27);
            bank.write(writer);
            write_cash(writer, balance);
            claim.write(writer);
        }
        Receipt::Covered { number, shortfall, claim } => {
            writer.u8(28);
            number.write(writer);
            shortfall.write(writer);
            claim.write(writer);
        }
        Receipt::Reported { bank, expected, reported } => {
            writer.u8(29);
            bank.write(writer);
            expected.write(writer);
            reported.write(writer);
        }
        Receipt::Compliance(receipt) => {
            writer.u8(40);
            receipt.write(writer);
        }
        Receipt::Inclusive(receipt) => receipt.write(writer),
        Receipt::Repo(repo) => {
            writer.u8(70);
            repo.write(writer);
        }
    }
}

fn read_receipt(reader: &mut Reader<'_>, tag: u8) -> Result<Receipt, Problem> {
    Ok(match tag {
        1 => Receipt::Done,
        2 => Receipt::AccountOpened(AccountId(reader.u32()?)),
        3 => Receipt::Holding(reader.instrument()?, read_holding(reader)?),
        4 => Receipt::Cash(BankId(reader.u16()?), read_cash(reader)?),
        5 => Receipt::Day(read_summary(reader)?),
        6 => Receipt::Chunk { number: reader.u32()?, trades_accepted: reader.u64()? },
        7 => Receipt::Clearing(read_clearing(reader)?),
        8 => Receipt::Trades(reader.list(read_result)?),
        9 => Receipt::Trade(read_result(reader)?),
        10 => Receipt::Delivered {
            from_sequence: reader.u64()?,
            trade_count: reader.u64()?,
            results: reader.list(read_result)?,
        },
        12 => Receipt::Proposed {
            proposal: ProposalId(reader.u64()?),
            content_sha256: reader.array()?,
            expires_at: LedgerTime(reader.i64()?),
        },
        11 => Receipt::AccountsOpened { first: AccountId(reader.u32()?), count: reader.u32()? },
        20 => Receipt::Pledge {
            pledge: Stored::read(reader)?,
            state: Stored::read(reader)?,
            version: Stored::read(reader)?,
            quantity: Stored::read(reader)?,
        },
        21 => Receipt::Proceeds { bank: Stored::read(reader)?, left: Stored::read(reader)? },
        22 => Receipt::Freeze {
            freeze: Stored::read(reader)?,
            account: Stored::read(reader)?,
            frozen: Stored::read(reader)?,
            stayed: Stored::read(reader)?,
        },
        25 => Receipt::Withdrawal(Stored::read(reader)?, read_cash(reader)?),
        26 => Receipt::Pots(Stored::read(reader)?, Stored::read(reader)?),
        27 => Receipt::Repaid {
            bank: Stored::read(reader)?,
            balance: read_cash(reader)?,
            claim: Stored::read(reader)?,
        },
        28 => Receipt::Covered {
            number: Stored::read(reader)?,
            shortfall: Stored::read(reader)?,
            claim: Stored::read(reader)?,
        },
        29 => Receipt::Reported {
            bank: Stored::read(reader)?,
            expected: Stored::read(reader)?,
            reported: Stored::read(reader)?,
        },
        40 => Receipt::Compliance(Box::new(Stored::read(reader)?)),
        60..=62 => Receipt::Inclusive(InclusiveReceipt::read(reader, tag)?),
        70 => Receipt::Repo(Box::new(Stored::read(reader)?)),
        _ => return known(None, "receipt"),
    })
}

fn write_summary(writer: &mut Writer, summary: &DaySummary) {
    writer.date(summary.date);
    writer.u8(state_number(summary.state));
    writer.u64(summary.trade_count);
    writer.u64(summary.delivered_count);
    writer.u64(summary.held_count);
    writer.u64(summary.failed_count);
    writer.u32(summary.chunk_count);
    writer.i64(summary.quantity.0);
    writer.i64(summary.amount.0);
    writer.option(summary.clearing_sha256.as_ref(), |writer, sha256| writer.raw(sha256));
    writer.option(summary.topup_deadline, |writer, time| writer.i64(time.0));
    writer.u32(summary.open_objections);
    writer.flag(summary.statements_issued);
    writer.option(summary.suspended_from, |writer, state| writer.u8(state_number(state)));
    writer.text(&summary.dispute_reason);
}

fn read_summary(reader: &mut Reader<'_>) -> Result<DaySummary, Problem> {
    Ok(DaySummary {
        date: reader.date()?,
        state: read_state(reader)?,
        trade_count: reader.u64()?,
        delivered_count: reader.u64()?,
        held_count: reader.u64()?,
        failed_count: reader.u64()?,
        chunk_count: reader.u32()?,
        quantity: Quantity(reader.i64()?),
        amount: Fen(reader.i64()?),
        clearing_sha256: reader.option(Reader::array)?,
        topup_deadline: reader.option(|reader| reader.i64().map(LedgerTime))?,
        open_objections: reader.u32()?,
        statements_issued: reader.flag()?,
        suspended_from: reader.option(read_state)?,
        dispute_reason: reader.text()?,
    })
}

fn write_results(writer: &mut Writer, results: &[TradeResult]) {
    writer.count(results.len());
    results.iter().for_each(|result| write_result(writer, result));
}

fn write_result(writer: &mut Writer, result: &TradeResult) {
    writer.u64(result.number.0);
    writer.u8(status_number(result.status));
}

fn read_result(reader: &mut Reader<'_>) -> Result<TradeResult, Problem> {
    Ok(TradeResult {
        number: TradeNumber(reader.u64()?),
        status: known(status_from_number(reader.u8()?), "trade status")?,
    })
}
