//! Proto to ledger: what a client sent, or the log holds, becomes a typed
//! command or a rejection that names the field.
//!
//! A service decodes before it proposes, so that what is malformed never
//! reaches the log; every node decodes the same bytes again when it applies
//! them. Only the bytes decide: no clock, no state, no configuration.

mod account;
mod cash;
mod chunk;
mod cluster;
mod compliance;
mod control;
pub(crate) mod fields;
pub(crate) mod inclusive;
mod instrument;
mod pledge;
mod repo;
mod settlement;
mod trade;

use prost::Message;
use registry_ledger::{Command, Genesis, Member, Reason, Rejection, Request, Trade};
use registry_proto::storage;
use registry_proto::storage::LogCommand;
use registry_proto::storage::log_command::Command as Wire;
use sha2::{Digest as _, Sha256};

pub(crate) use trade::ChunkHead;

/// The trades of a chunk.
///
/// # Errors
/// As [`decode_command`].
pub(crate) fn chunk_trades(bytes: &[u8]) -> Result<Vec<Trade>, Rejection> {
    match chunk::chunk(bytes)? {
        Command::SubmitTrades(chunk) => Ok(chunk.trades),
        _ => Ok(Vec::new()),
    }
}

/// The ledger's command in a log command, with the client's request if it was one.
///
/// # Errors
/// A rejection of the field at fault, of the kind that answers INVALID_ARGUMENT,
/// or NOT_FOUND for an id that cannot exist.
pub(crate) fn decode_command(
    command: &LogCommand,
) -> Result<(Option<Request>, Command), Rejection> {
    let Some(wire) = &command.command else {
        return Err(Rejection::new(Reason::FieldMissing, "command", "the command is empty"));
    };
    let decoded = match wire {
        Wire::Genesis(genesis) => return Ok((None, self::genesis(genesis)?)),
        Wire::ExpireDue(_) => return Ok((None, Command::ExpireDue)),
        Wire::ConfirmVoters(m) => return Ok((None, cluster::confirm_voters(m)?)),
        Wire::RecordRecovery(m) => return Ok((None, cluster::record_recovery(m)?)),
        Wire::DeliverTrades(step) => return Ok((None, settlement::deliver_trades(step)?)),
        Wire::OpenAccount(m) => (request(11, &m.request_id, m)?, account::open_account(m)?),
        Wire::MoveHolding(m) => (request(12, &m.request_id, m)?, account::move_holding(m)?),
        Wire::OpenBank(m) => (request(13, &m.request_id, m)?, cash::open_bank(m)?),
        Wire::Deposit(m) => (request(14, &m.request_id, m)?, cash::deposit(m)?),
        Wire::RegisterInstrument(m) => (request(15, &m.request_id, m)?, instrument::register(m)?),
        Wire::SetHolidays(m) => (request(17, &m.request_id, m)?, settlement::set_holidays(m)?),
        Wire::OpenDay(m) => (request(18, &m.request_id, m)?, settlement::open_day(m)?),
        Wire::SubmitTrades(m) => {
            // The chunk's own bytes are the content; they can be large, so they
            // are hashed where they lie.
            let id = fields::request_id(&m.request_id)?;
            (Request { id, fingerprint: fingerprint(19, &m.chunk) }, chunk::chunk(&m.chunk)?)
        }
        Wire::SubmitManifest(m) => (request(20, &m.request_id, m)?, settlement::manifest(m)?),
        Wire::ClearDay(m) => {
            (request(21, &m.request_id, m)?, Command::ClearDay(fields::date(&m.date, "date")?))
        }
        Wire::ConfirmClearing(m) => {
            (request(22, &m.request_id, m)?, settlement::confirm_clearing(m)?)
        }
        Wire::AmendTrade(m) => (request(23, &m.request_id, m)?, settlement::amend_trade(m)?),
        Wire::RetryHeld(m) => {
            let request = request(25, &m.request_id, m)?;
            let (date, numbers) = settlement::held_trades(m)?;
            (request, Command::RetryHeld { date, numbers })
        }
        Wire::FailHeld(m) => {
            let request = request(26, &m.request_id, m)?;
            let (date, numbers) = settlement::held_trades(m)?;
            (request, Command::FailHeld { date, numbers })
        }
        Wire::IssueStatements(m) => (
            request(27, &m.request_id, m)?,
            Command::IssueStatements(fields::date(&m.date, "date")?),
        ),
        Wire::RaiseObjection(m) => {
            (request(28, &m.request_id, m)?, settlement::raise_objection(m)?)
        }
        Wire::ResolveObjection(m) => {
            (request(29, &m.request_id, m)?, settlement::resolve_objection(m)?)
        }
        Wire::FinalizeDay(m) => {
            (request(30, &m.request_id, m)?, Command::FinalizeDay(fields::date(&m.date, "date")?))
        }
        Wire::SettleTrade(m) => (request(33, &m.request_id, m)?, settlement::settle_trade(m)?),
        Wire::Propose(m) => (request(40, &m.request_id, m)?, control::propose(m)?),
        Wire::Approve(m) => {
            // The content was added by a node and is no part of what was asked.
            let asked = m.request.clone().unwrap_or_default();
            (request(41, &asked.request_id, &asked)?, control::approve(m)?)
        }
        Wire::Decline(m) => (request(42, &m.request_id, m)?, control::decline(m)?),
        Wire::WithdrawProposal(m) => (request(43, &m.request_id, m)?, control::withdraw(m)?),
        Wire::ProposePledge(m) => (request(50, &m.request_id, m)?, pledge::propose(m)?),
        Wire::AcceptPledge(m) => (request(51, &m.request_id, m)?, pledge::accept(m)?),
        Wire::DeclinePledge(m) => (request(52, &m.request_id, m)?, pledge::decline(m)?),
        Wire::AddToPledge(m) => (request(53, &m.request_id, m)?, pledge::add(m)?),
        Wire::ReleasePledge(m) => (request(54, &m.request_id, m)?, pledge::release(m)?),
        Wire::OfferSubstitution(m) => {
            (request(55, &m.request_id, m)?, pledge::offer_substitution(m)?)
        }
        Wire::AcceptSubstitution(m) => {
            (request(56, &m.request_id, m)?, pledge::accept_substitution(m)?)
        }
        Wire::DeclineSubstitution(m) => {
            (request(57, &m.request_id, m)?, pledge::decline_substitution(m)?)
        }
        Wire::DeclareDefault(m) => (request(58, &m.request_id, m)?, pledge::declare_default(m)?),
        Wire::SellPledged(m) => (request(59, &m.request_id, m)?, pledge::sell(m)?),
        Wire::TakeProceeds(m) => (request(60, &m.request_id, m)?, pledge::take_proceeds(m)?),
        Wire::SetUsableUntil(m) => (request(61, &m.request_id, m)?, pledge::set_usable_until(m)?),
        Wire::RequestWithdrawal(m) => (request(70, &m.request_id, m)?, cash::withdraw(m)?),
        Wire::ConfirmWithdrawal(m) => (request(71, &m.request_id, m)?, cash::confirm(m)?),
        Wire::RejectWithdrawal(m) => (request(72, &m.request_id, m)?, cash::reject(m)?),
        Wire::ChargeFee(m) => (request(73, &m.request_id, m)?, cash::charge_fee(m)?),
        Wire::DepositToSuspense(m) => (request(74, &m.request_id, m)?, cash::suspend(m)?),
        Wire::AllocateSuspense(m) => (request(75, &m.request_id, m)?, cash::allocate(m)?),
        Wire::ReturnSuspense(m) => (request(76, &m.request_id, m)?, cash::give_back(m)?),
        Wire::FundReserve(m) => (request(77, &m.request_id, m)?, cash::fund_reserve(m)?),
        Wire::RepayReserve(m) => (request(78, &m.request_id, m)?, cash::repay_reserve(m)?),
        Wire::ReportBalance(m) => (request(79, &m.request_id, m)?, cash::report_balance(m)?),
        Wire::AssignProvince(m) => (request(85, &m.request_id, m)?, compliance::assign(m)?),
        Wire::RecordEmissions(m) => (request(86, &m.request_id, m)?, compliance::record(m)?),
        Wire::ApplySurrender(m) => (request(87, &m.request_id, m)?, compliance::apply(m)?),
        Wire::ApproveSurrender(m) => (request(88, &m.request_id, m)?, compliance::approve(m)?),
        Wire::DeclineSurrender(m) => (request(89, &m.request_id, m)?, compliance::decline(m)?),
        Wire::CancelUnits(m) => (request(90, &m.request_id, m)?, compliance::cancel(m)?),
        Wire::OpenInclusiveAccounts(m) => (request(120, &m.request_id, m)?, inclusive::open(m)?),
        Wire::CreditInclusive(m) => (request(121, &m.request_id, m)?, inclusive::credit(m)?),
        Wire::IssueVoucher(m) => (request(122, &m.request_id, m)?, inclusive::issue_voucher(m)?),
        Wire::RedeemVoucher(m) => (request(123, &m.request_id, m)?, inclusive::redeem_voucher(m)?),
        Wire::ProposeRepo(m) => (request(130, &m.request_id, m)?, repo::propose(m)?),
        Wire::AcceptRepo(m) => (request(131, &m.request_id, m)?, repo::accept(m)?),
        Wire::DeclineRepo(m) => (request(132, &m.request_id, m)?, repo::decline(m)?),
        Wire::ReturnRepo(m) => (request(133, &m.request_id, m)?, repo::give_back(m)?),
        Wire::AdmitNode(m) => {
            // The data folder's id was added by a node and is no part of what was asked.
            let asked = m.request.clone().unwrap_or_default();
            (request(140, &asked.request_id, &asked)?, cluster::admit_node(m)?)
        }
        Wire::SeatNode(m) => (request(141, &m.request_id, m)?, cluster::seat_node(m)?),
        Wire::RetireNode(m) => (request(142, &m.request_id, m)?, cluster::retire_node(m)?),
        Wire::MoveNode(m) => (request(143, &m.request_id, m)?, cluster::move_node(m)?),
        Wire::PreferCity(m) => (request(144, &m.request_id, m)?, cluster::prefer_city(m)?),
    };
    let (request, command) = decoded;
    Ok((Some(request), command))
}

fn genesis(genesis: &storage::Genesis) -> Result<Command, Rejection> {
    let mut cities = Vec::with_capacity(genesis.cities.len());
    for city in &genesis.cities {
        let members: Result<Vec<_>, _> = city.members.iter().map(member).collect();
        cities.push((city.name.clone(), members?));
    }
    let (cluster_id, layout) = (genesis.cluster_id.clone(), genesis.layout.clone());
    Ok(Command::Genesis(Genesis { cluster_id, layout, cities }))
}

fn member(member: &storage::Member) -> Result<Member, Rejection> {
    let storage_id = fields::storage_id(&member.storage_id, "cities")?;
    Ok(Member { node_id: member.node_id, storage_id })
}

/// A client's request: its id and a hash of its content.
fn request(tag: u32, id: &str, message: &impl Message) -> Result<Request, Rejection> {
    let id = fields::request_id(id)?;
    Ok(Request { id, fingerprint: fingerprint(tag, &message.encode_to_vec()) })
}

/// The field number in `LogCommand` keeps apart commands whose messages have
/// the same type, such as clearing a day and making it final.
fn fingerprint(tag: u32, content: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(tag.to_be_bytes()).chain_update(content).finalize().into()
}

#[cfg(test)]
mod tests;
