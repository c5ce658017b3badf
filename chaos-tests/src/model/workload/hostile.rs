//! Commands at the ends of every range, with as many faults as come along.

use registry_ledger::{
    AccountId, AccountKind, AllocationKind, BankId, Chunk, Command, ComplianceCommand,
    ComplianceYear, Date, Fen, FreePosition, FreezeCommand, FreezeId, FreezeTarget, InstrumentCode,
    LedgerTime, Manifest, OpeningBooks, OpeningHolding, PledgeCommand, PledgeId, Price,
    ProvinceCode, Quantity, Trade, TradeKind, TradeNumber, TransferCause,
};

use crate::model::registration::uscc_check_character;
use crate::model::{Model, Rng};

/// A command nobody would send. What it is answered is not foretold; it must
/// neither stop the ledger nor break an invariant.
pub fn hostile_command(rng: &mut Rng, model: &Model) -> Command {
    let dates = model.dates();
    let date = match rng.pick(&dates) {
        Some(date) if rng.chance(90) => *date,
        _ => Date::from_yyyymmdd(21_991_231).expect("a real date"),
    };
    let text = |rng: &mut Rng| "\u{202e}碳\0".repeat(rng.below(400) as usize);
    let numbers = |rng: &mut Rng| {
        let known: Vec<_> =
            model.trade_records(date).iter().map(|record| record.trade.number).collect();
        let mut some: Vec<_> =
            (0..rng.below(6)).filter_map(|_| rng.pick(&known).copied()).collect();
        // Twice the same number in one list must not deliver twice.
        some.extend(some.clone());
        some
    };
    match rng.below(43) {
        0 => Command::MoveHolding {
            account: account(rng, model),
            instrument: instrument(rng),
            from: FreePosition::Trading,
            quantity: Quantity(extreme(rng)),
        },
        1 => Command::Deposit {
            account: account(rng, model),
            bank: bank(rng),
            amount: Fen(extreme(rng)),
        },
        2 => Command::Issue {
            account: account(rng, model),
            instrument: instrument(rng),
            quantity: Quantity(extreme(rng)),
            document: text(rng),
        },
        3 => Command::RegisterInstrument {
            instrument: instrument(rng),
            reference_price: Price(extreme(rng)),
        },
        4 => Command::OpenDay { date, topup_window_ms: extreme(rng) },
        5 => Command::OpenAccount {
            uscc: text(rng),
            name: text(rng),
            kind: AccountKind::Institution,
        },
        6..9 => {
            let trades = (0..rng.below(5)).map(|_| trade(rng, model)).collect();
            Command::SubmitTrades(Chunk { date, number: extreme(rng) as u32, trades })
        }
        9..11 => Command::SettleTrade { date, trade: trade(rng, model) },
        11 => Command::SubmitManifest {
            date,
            manifest: Manifest {
                trade_count: rng.bits(),
                quantity: Quantity(extreme(rng)),
                amount: Fen(extreme(rng)),
                trades_sha256: [0xff; 32],
            },
        },
        12 => Command::AmendTrade {
            date,
            number: TradeNumber(extreme(rng) as u64),
            replacement: Some(trade(rng, model)),
            reason: "x".to_owned(),
        },
        13 => Command::DeliverTrades {
            date,
            from_sequence: extreme(rng) as u64,
            max_trades: extreme(rng) as u32,
        },
        14 => Command::LoadAccounts {
            books: (0..rng.below(4)).map(|_| books(rng)).collect(),
            document: "x".to_owned(),
        },
        15 => Command::RetryHeld { date, numbers: numbers(rng) },
        16 => Command::FailHeld { date, numbers: numbers(rng) },
        17..24 => hostile_cash(rng, model, date),
        24..32 => hostile_encumbrance(rng, model, date),
        32..35 => {
            let extreme = extreme(rng);
            super::inclusive::hostile(rng, model, extreme)
        }
        35..37 => {
            let extreme = extreme(rng);
            super::repo::hostile(rng, model, extreme)
        }
        _ => Command::Compliance(hostile_compliance(rng, model, date)),
    }
}

fn hostile_cash(rng: &mut Rng, model: &Model, date: Date) -> Command {
    let (account, bank, amount) = (account(rng, model), bank(rng), Fen(extreme(rng)));
    let document = if rng.chance(80) { "x" } else { "" }.to_owned();
    let withdrawal = rng.below(model.withdrawals_asked() + 3);
    match rng.below(11) {
        0 => Command::RequestWithdrawal { account, bank, amount },
        1 => Command::ConfirmWithdrawal { bank, withdrawal },
        2 => Command::RejectWithdrawal { bank, withdrawal, reason: document },
        3 => Command::ChargeFee { account, bank, amount, document },
        4 => Command::DepositToSuspense { bank, amount, reference: document },
        5 => Command::AllocateSuspense { bank, account, amount, document },
        6 => Command::ReturnSuspense { bank, amount, document },
        7 => Command::FundReserve { bank, amount, document },
        8 => {
            let known = model.trade_records(date);
            let number = rng.pick(&known).map_or(TradeNumber(0), |record| record.trade.number);
            Command::UseReserve { date, number, document }
        }
        9 => Command::RepayReserve { account, bank, amount },
        _ => Command::ReportBalance { bank, as_of: date, balance: amount },
    }
}

fn hostile_compliance(rng: &mut Rng, model: &Model, date: Date) -> ComplianceCommand {
    use ComplianceCommand as Asking;
    let (account, instrument, quantity) =
        (account(rng, model), instrument(rng), Quantity(extreme(rng)));
    let province =
        ProvinceCode::from_code(*rng.pick(&[11, 31, 42]).unwrap_or(&65)).expect("a code");
    let year =
        ComplianceYear::from_year(*rng.pick(&[2020, 2025, 2099]).unwrap_or(&2019)).expect("a year");
    let document = if rng.chance(80) { "x" } else { "" }.to_owned();
    let number = extreme(rng) as u64;
    let surrender = rng.below(model.surrenders().len() as u64 + 2);
    let (verified, report_sha256) = (quantity, [0xff; 32]);
    match rng.below(11) {
        0 => Asking::AssignProvince { account, province, document },
        1 => {
            let kinds = [AllocationKind::TrueUp, AllocationKind::Recall];
            let kind = *rng.pick(&kinds).unwrap_or(&AllocationKind::TrueUp);
            Asking::Allocate { province, account, instrument, kind, quantity, document }
        }
        2 => Asking::Recall { account, instrument, quantity, document },
        3 => Asking::RecordEmissions { by: None, account, year, verified, report_sha256 },
        4 => Asking::CorrectEmissions { corrects: number, verified, report_sha256, document },
        5 => Asking::ApplySurrender { account, year, instrument, quantity },
        6 => Asking::ApproveSurrender { province, surrender },
        7 => Asking::DeclineSurrender { province, surrender, reason: document },
        8 => Asking::CarryOver {
            account,
            from: instrument,
            to: self::instrument(rng),
            quantity,
            sold_from: Date::from_yyyymmdd(19_900_101).expect("a real date"),
            sold_to: date,
            document,
        },
        9 => Asking::Cancel {
            account,
            instrument,
            quantity,
            beneficiary: document.clone(),
            reason: document,
        },
        _ => Asking::Transfer {
            cause: TransferCause::Court,
            from: account,
            to: self::account(rng, model),
            part: rng.chance(80).then_some((instrument, quantity)),
            document,
            document_sha256: [0; 32],
        },
    }
}

fn hostile_encumbrance(rng: &mut Rng, model: &Model, date: Date) -> Command {
    let contracts = &model.pledges.contracts;
    let known = rng.pick(contracts).cloned();
    let (pledge, version) = known.as_ref().map_or((PledgeId(0), 0), |c| (c.id, c.version));
    let document = if rng.chance(80) { "x" } else { "" }.to_owned();
    let (account, instrument) = (account(rng, model), instrument(rng));
    let quantity = Quantity(extreme(rng));
    match rng.below(9) {
        0 => {
            Command::Pledge(PledgeCommand::Activate { pledge, version, filing_reference: document })
        }
        1 => Command::Pledge(PledgeCommand::Enforce { pledge, version, document }),
        2 => Command::Pledge(PledgeCommand::ReleaseByCourt { pledge, version, document }),
        3 => {
            let mut trade = trade(rng, model);
            if let Some(contract) = known {
                (trade.seller, trade.seller_bank) = (contract.pledgor, contract.pledgee);
                trade.instrument = contract.instrument;
            }
            Command::Pledge(PledgeCommand::Sell { pledge, date, trade })
        }
        4 => {
            let amount = Fen(extreme(rng));
            Command::Pledge(PledgeCommand::TakeProceeds { bank: bank(rng), amount })
        }
        5 => Command::SetUsableUntil { instrument, usable_until: Some(date) },
        6 => {
            let freeze = FreezeId(rng.below(model.orders.len() as u64 + 3));
            if rng.chance(50) {
                return Command::Freeze(FreezeCommand::Lift { freeze, document });
            }
            let (to, document_sha256) = (account, [9; 32]);
            Command::Freeze(FreezeCommand::Execute {
                freeze,
                to,
                quantity,
                document,
                document_sha256,
            })
        }
        roll => {
            let target = match (roll, rng.below(3)) {
                (7, 0) => FreezeTarget::Account { account },
                (7, _) => FreezeTarget::Pledge { pledge },
                _ => FreezeTarget::Tonnes { account, instrument, quantity },
            };
            let court = "x".to_owned();
            Command::Freeze(FreezeCommand::Impose { target, court, document })
        }
    }
}

fn extreme(rng: &mut Rng) -> i64 {
    let ends = [0, 1, 2, -1, 99_999, 100_000, i64::from(u32::MAX), i64::MAX / 2, i64::MAX - 1];
    *rng.pick(&ends).unwrap_or(&i64::MIN)
}

/// A holder who is in order, and positions that are not.
fn books(rng: &mut Rng) -> OpeningBooks {
    let first_17 = format!("91440300{:09}", rng.below(1_000_000_000));
    let uscc = first_17.chars().chain(uscc_check_character(&first_17)).collect();
    let holdings = (0..rng.below(3)).map(|_| OpeningHolding {
        instrument: instrument(rng),
        registered: Quantity(extreme(rng)),
        trading: Quantity(extreme(rng)),
    });
    let holdings = holdings.collect();
    let cash = (0..rng.below(3)).map(|_| (bank(rng), Fen(extreme(rng)))).collect();
    OpeningBooks { uscc, name: "x".to_owned(), kind: AccountKind::Emitter, holdings, cash }
}

fn account(rng: &mut Rng, model: &Model) -> AccountId {
    AccountId(rng.below(u64::from(model.last_account().0) + 2) as u32)
}

fn bank(rng: &mut Rng) -> BankId {
    BankId(*rng.pick(&[0, 102, 103, 104, u16::MAX]).unwrap_or(&102))
}

fn instrument(rng: &mut Rng) -> InstrumentCode {
    let text = *rng.pick(&["CCER", "CEA-2020", "CEA-2097"]).unwrap_or(&"CCER");
    InstrumentCode::parse(text).expect("a well-formed code")
}

fn trade(rng: &mut Rng, model: &Model) -> Trade {
    let known =
        model.dates().last().map_or(0, |date| crate::model::calendar::beijing_midnight_ms(*date));
    Trade {
        number: TradeNumber(rng.below(30)),
        kind: if rng.chance(50) { TradeKind::Listed } else { TradeKind::Block },
        instrument: instrument(rng),
        buyer: account(rng, model),
        seller: account(rng, model),
        buyer_bank: bank(rng),
        seller_bank: bank(rng),
        quantity: Quantity(extreme(rng)),
        price: Price(if rng.chance(80) { rng.between(3_000, 9_000) } else { extreme(rng) }),
        traded_at: LedgerTime(if rng.chance(90) { known } else { extreme(rng) }),
    }
}
