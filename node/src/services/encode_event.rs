//! Events to proto.

use bytes::Bytes;
use registry_ledger::amount::{format_price, format_yuan};
use registry_ledger::journal::{
    CashPosition, CashPot, Event, GoodsPot, Position, Posting, What as Ledger,
};
use registry_ledger::{InstrumentCode, TradeResult};
use registry_proto::registry as proto;
use registry_proto::registry::event::What;
use registry_proto::registry::posting::Line;

use crate::services::encode::{account_kind, digest, held_reason, trade, trade_result};
use crate::services::{encode_compliance as compliance, encode_pledge};

/// The event as everybody sees it who may see all of it.
pub(super) fn event(event: &Event, canonical: Vec<u8>) -> proto::Event {
    proto::Event {
        event: event.ordinal,
        log_index: event.log_index,
        ledger_time_ms: event.ledger_time.0,
        actor: event.actor.clone(),
        postings: event.postings.iter().map(posting).collect(),
        canonical: Bytes::from(canonical),
        what: what(&event.what),
    }
}

fn what(what: &Ledger) -> Option<What> {
    Some(match what {
        Ledger::PledgeProposed { .. }
        | Ledger::PledgeAccepted { .. }
        | Ledger::PledgeDeclined { .. }
        | Ledger::PledgeExpired { .. }
        | Ledger::PledgeActivated { .. }
        | Ledger::PledgeAdded { .. }
        | Ledger::PledgeReleased { .. }
        | Ledger::MarginCalled { .. }
        | Ledger::MarginCured { .. }
        | Ledger::PledgeDefaulted { .. }
        | Ledger::PledgeEnforcing { .. }
        | Ledger::PledgedSold { .. }
        | Ledger::ProceedsPaid { .. }
        | Ledger::SubstitutionOffered { .. }
        | Ledger::Substituted { .. }
        | Ledger::SubstitutionEnded { .. }
        | Ledger::ProceedsTaken {}
        | Ledger::Frozen { .. }
        | Ledger::FreezeLifted { .. }
        | Ledger::FreezeExecuted { .. }
        | Ledger::UsableUntilSet { .. } => return encode_pledge::event(what),
        Ledger::AccountOpened { account, uscc, name, kind } => {
            What::AccountOpened(proto::AccountOpened {
                account_id: account.0.into(),
                uscc: uscc.clone(),
                name: name.clone(),
                kind: account_kind(*kind).into(),
            })
        }
        Ledger::AccountsLoaded { first, count, accounts_sha256, document } => {
            What::AccountsLoaded(proto::AccountsLoaded {
                first_account_id: first.0.into(),
                account_count: *count,
                accounts_sha256: digest(*accounts_sha256),
                document: document.clone(),
            })
        }
        Ledger::HoldingMoved {} => What::HoldingMoved(proto::HoldingMoved {}),
        Ledger::BankOpened { bank, name } => {
            What::BankOpened(proto::BankOpened { bank_id: bank.0.into(), name: name.clone() })
        }
        Ledger::Deposited {} => What::Deposited(proto::Deposited {}),
        Ledger::InstrumentRegistered { instrument, reference_price } => {
            What::InstrumentRegistered(proto::InstrumentRegistered {
                instrument: instrument.to_string(),
                reference_price_yuan: format_price(*reference_price),
            })
        }
        Ledger::Issued { document } => What::Issued(proto::Issued { document: document.clone() }),
        Ledger::HolidaysSet { dates } => What::HolidaysSet(proto::HolidaysSet {
            dates: dates.iter().map(ToString::to_string).collect(),
        }),
        Ledger::ClusterChanged { change, node_id, city, recovery_epoch, note } => {
            What::ClusterChanged(proto::ClusterChanged {
                change: change.code().to_owned(),
                node_id: *node_id,
                city: city.clone(),
                recovery_epoch: *recovery_epoch,
                note: note.clone(),
            })
        }
        Ledger::Restored {
            source_cluster_id,
            source_recovery_epoch,
            log_index,
            term,
            state_digest,
            root_sha256,
            cluster_id,
        } => What::Restored(proto::Restored {
            source_cluster_id: source_cluster_id.clone(),
            source_recovery_epoch: *source_recovery_epoch,
            log_index: *log_index,
            term: *term,
            state_digest: digest(*state_digest),
            root_sha256: digest(*root_sha256),
            cluster_id: cluster_id.clone(),
        }),
        Ledger::Founded { cluster_id, layout } => {
            What::Founded(proto::Founded { cluster_id: cluster_id.clone(), layout: layout.clone() })
        }
        Ledger::DayOpened { date, topup_window_ms } => What::DayOpened(proto::DayOpened {
            date: date.to_string(),
            topup_window_ms: *topup_window_ms,
        }),
        Ledger::TradesAccepted { date, chunk, first_sequence, count, trades_sha256 } => {
            What::TradesAccepted(proto::TradesAccepted {
                date: date.to_string(),
                chunk_number: *chunk,
                first_sequence: *first_sequence,
                trade_count: *count,
                trades_sha256: digest(*trades_sha256),
            })
        }
        Ledger::DayClosed { date, trade_count, quantity, amount, trades_sha256, closes } => {
            let close = |(instrument, close): &(InstrumentCode, _)| proto::InstrumentClose {
                instrument: instrument.to_string(),
                close_yuan: format_price(*close),
            };
            What::DayClosed(proto::DayClosed {
                date: date.to_string(),
                trade_count: *trade_count,
                quantity_tco2e: quantity.0,
                amount_yuan: format_yuan(*amount),
                trades_sha256: digest(*trades_sha256),
                closes: closes.iter().map(close).collect(),
            })
        }
        Ledger::DayCleared { date, clearing_sha256 } => What::DayCleared(proto::DayCleared {
            date: date.to_string(),
            clearing_sha256: digest(*clearing_sha256),
        }),
        Ledger::ClearingConfirmed { date } => {
            What::ClearingConfirmed(proto::ClearingConfirmed { date: date.to_string() })
        }
        Ledger::ClearingDisputed { date, clearing_sha256 } => {
            What::ClearingDisputed(proto::ClearingDisputed {
                date: date.to_string(),
                clearing_sha256: digest(*clearing_sha256),
            })
        }
        Ledger::TradeAmended { date, before, after, reason } => {
            What::TradeAmended(proto::TradeAmended {
                date: date.to_string(),
                before: Some(trade(before)),
                after: after.as_ref().map(trade),
                reason: reason.clone(),
            })
        }
        Ledger::TradesDelivered { date, first_sequence, count, held } => {
            let held_trade = |(sequence, status): &(u64, _)| proto::HeldTrade {
                sequence: *sequence,
                reason: held_reason(*status),
            };
            What::TradesDelivered(proto::TradesDelivered {
                date: date.to_string(),
                first_sequence: *first_sequence,
                trade_count: *count,
                held: held.iter().map(held_trade).collect(),
            })
        }
        Ledger::HeldTradesTried { date, results } => {
            let result = |(number, status): &(_, _)| {
                trade_result(&TradeResult { number: *number, status: *status })
            };
            What::HeldTradesTried(proto::HeldTradesTried {
                date: date.to_string(),
                results: results.iter().map(result).collect(),
            })
        }
        Ledger::TradesSettled { date, first_sequence, count, trades_sha256 } => {
            What::TradesSettled(proto::TradesSettled {
                date: date.to_string(),
                first_sequence: *first_sequence,
                trade_count: *count,
                trades_sha256: digest(*trades_sha256),
            })
        }
        Ledger::StatementsIssued { date } => {
            What::StatementsIssued(proto::StatementsIssued { date: date.to_string() })
        }
        Ledger::ObjectionRaised { date, account, text } => {
            What::ObjectionRaised(proto::ObjectionRaised {
                date: date.to_string(),
                account_id: account.0.into(),
                text: text.clone(),
            })
        }
        Ledger::ObjectionResolved { date, account, resolution } => {
            What::ObjectionResolved(proto::ObjectionResolved {
                date: date.to_string(),
                account_id: account.0.into(),
                resolution: resolution.clone(),
            })
        }
        Ledger::DayFinal { date } => What::DayFinal(proto::DayFinal { date: date.to_string() }),
        Ledger::DaySuspended { date } => {
            What::DaySuspended(proto::DaySuspended { date: date.to_string() })
        }
        Ledger::DayResumed { date } => {
            What::DayResumed(proto::DayResumed { date: date.to_string() })
        }
        Ledger::Proposed { proposal, content_sha256, expires_at } => {
            What::Proposed(proto::Proposed {
                proposal_id: proposal.0,
                content_sha256: digest(*content_sha256),
                expires_at_ms: expires_at.0,
            })
        }
        Ledger::Approved { proposal, maker } => {
            What::Approved(proto::Approved { proposal_id: proposal.0, maker: maker.clone() })
        }
        Ledger::Declined { proposal, reason } => {
            What::Declined(proto::Declined { proposal_id: proposal.0, reason: reason.clone() })
        }
        Ledger::ProposalWithdrawn { proposal } => {
            What::ProposalWithdrawn(proto::ProposalWithdrawn { proposal_id: proposal.0 })
        }
        Ledger::ProposalExpired { proposal } => {
            What::ProposalExpired(proto::ProposalExpired { proposal_id: proposal.0 })
        }
        Ledger::WithdrawalRequested { withdrawal } => {
            What::WithdrawalRequested(proto::WithdrawalRequested { withdrawal_id: *withdrawal })
        }
        Ledger::WithdrawalConfirmed { withdrawal } => {
            What::WithdrawalConfirmed(proto::WithdrawalConfirmed { withdrawal_id: *withdrawal })
        }
        Ledger::WithdrawalRejected { withdrawal, reason } => {
            What::WithdrawalRejected(proto::WithdrawalRejected {
                withdrawal_id: *withdrawal,
                reason: reason.clone(),
            })
        }
        Ledger::FeeCharged { document } => {
            What::FeeCharged(proto::FeeCharged { document: document.clone() })
        }
        Ledger::SuspenseDeposited { reference } => {
            What::SuspenseDeposited(proto::SuspenseDeposited { reference: reference.clone() })
        }
        Ledger::SuspenseAllocated { document } => {
            What::SuspenseAllocated(proto::SuspenseAllocated { document: document.clone() })
        }
        Ledger::SuspenseReturned { document } => {
            What::SuspenseReturned(proto::SuspenseReturned { document: document.clone() })
        }
        Ledger::ReserveFunded { document } => {
            What::ReserveFunded(proto::ReserveFunded { document: document.clone() })
        }
        Ledger::ReserveUsed { date, trade, claim, document } => {
            What::ReserveUsed(proto::ReserveUsed {
                date: date.to_string(),
                trade_number: trade.0,
                claim_yuan: format_yuan(*claim),
                document: document.clone(),
            })
        }
        Ledger::ReserveRepaid { claim } => {
            What::ReserveRepaid(proto::ReserveRepaid { claim_yuan: format_yuan(*claim) })
        }
        Ledger::BalanceReported { bank, as_of, balance } => {
            What::BalanceReported(proto::BalanceReported {
                bank_id: bank.0.into(),
                as_of_date: as_of.to_string(),
                balance_yuan: format_yuan(*balance),
            })
        }
        Ledger::ProvinceAssigned { account, province, document } => {
            compliance::province_assigned(*account, *province, document)
        }
        Ledger::Allocated { allocation, province, kind, document } => {
            compliance::allocated(*allocation, *province, *kind, document)
        }
        Ledger::EmissionsRecorded { emissions, account, year, verified, report_sha256 } => {
            compliance::emissions_recorded(*emissions, *account, *year, *verified, *report_sha256)
        }
        Ledger::EmissionsCorrected {
            emissions,
            corrects,
            account,
            verified,
            report_sha256,
            document,
        } => {
            let ids = (*emissions, *corrects);
            compliance::emissions_corrected(ids, *account, *verified, *report_sha256, document)
        }
        Ledger::SurrenderApplied { surrender, province, year } => {
            compliance::surrender_applied(*surrender, *province, *year)
        }
        Ledger::SurrenderApproved { surrender } => {
            What::SurrenderApproved(proto::SurrenderApproved { surrender_id: *surrender })
        }
        Ledger::SurrenderDeclined { surrender, reason } => {
            What::SurrenderDeclined(proto::SurrenderDeclined {
                surrender_id: *surrender,
                reason: reason.clone(),
            })
        }
        Ledger::CarriedOver { carry_over, sold_from, sold_to, net_sold, document } => {
            compliance::carried_over(*carry_over, (*sold_from, *sold_to), *net_sold, document)
        }
        Ledger::UnitsCancelled { cancellation, beneficiary, reason } => {
            compliance::units_cancelled(*cancellation, beneficiary, reason)
        }
        Ledger::Transferred { cause, document, document_sha256 } => {
            compliance::transferred(*cause, document, *document_sha256)
        }
        Ledger::InclusiveQuotaGranted { platform, name, grams, document } => {
            What::InclusiveQuotaGranted(proto::InclusiveQuotaGranted {
                platform_id: platform.0.into(),
                platform: name.clone(),
                quantity_grams: grams.0,
                document: document.clone(),
            })
        }
        Ledger::InclusiveAccountsOpened { platform, first, count, owners_sha256 } => {
            What::InclusiveAccountsOpened(proto::InclusiveAccountsOpened {
                platform_id: platform.0.into(),
                first_account_id: first.0,
                account_count: *count,
                owners_sha256: digest(*owners_sha256),
            })
        }
        Ledger::InclusiveCredited { platform, batch, count, grams, lines_sha256 } => {
            What::InclusiveCredited(proto::InclusiveCredited {
                platform_id: platform.0.into(),
                batch_number: *batch,
                line_count: *count,
                total_grams: grams.0,
                lines_sha256: digest(*lines_sha256),
            })
        }
        Ledger::VoucherIssued { voucher, account, platform, bank, grams, amount, expires_at } => {
            What::VoucherIssued(proto::VoucherIssued {
                voucher_id: voucher.0,
                inclusive_account_id: account.0,
                platform_id: platform.0.into(),
                bank_id: bank.0.into(),
                quantity_grams: grams.0,
                amount_yuan: format_yuan(*amount),
                expires_at_ms: expires_at.0,
            })
        }
        Ledger::VoucherRedeemed { voucher, bank } => {
            What::VoucherRedeemed(proto::VoucherRedeemed {
                voucher_id: voucher.0,
                bank_id: bank.0.into(),
            })
        }
        Ledger::VouchersExpired { vouchers } => What::VouchersExpired(proto::VouchersExpired {
            voucher_ids: vouchers.iter().map(|voucher| voucher.0).collect(),
        }),
        Ledger::RepoProposed { repo, terms, expires_at } => {
            What::RepoProposed(proto::RepoProposed {
                repo_id: repo.0,
                terms: Some(super::repo::terms(terms)),
                expires_at_ms: expires_at.0,
            })
        }
        Ledger::RepoOpened { repo, seller, buyer } => What::RepoOpened(proto::RepoOpened {
            repo_id: repo.0,
            seller_account: seller.0.into(),
            buyer_account: buyer.0.into(),
        }),
        Ledger::RepoDeclined { repo, seller, buyer, reason } => {
            What::RepoDeclined(proto::RepoDeclined {
                repo_id: repo.0,
                seller_account: seller.0.into(),
                buyer_account: buyer.0.into(),
                reason: reason.clone(),
            })
        }
        Ledger::RepoReturned { repo, seller, buyer } => What::RepoReturned(proto::RepoReturned {
            repo_id: repo.0,
            seller_account: seller.0.into(),
            buyer_account: buyer.0.into(),
        }),
        Ledger::RepoReturnMissed { repo, seller, buyer, reason } => {
            What::RepoReturnMissed(proto::RepoReturnMissed {
                repo_id: repo.0,
                seller_account: seller.0.into(),
                buyer_account: buyer.0.into(),
                shortage: super::repo::shortage(*reason),
            })
        }
        Ledger::RepoFailed { repo, seller, buyer, reason } => What::RepoFailed(proto::RepoFailed {
            repo_id: repo.0,
            seller_account: seller.0.into(),
            buyer_account: buyer.0.into(),
            shortage: super::repo::shortage(*reason),
        }),
        Ledger::RepoExpired { repo, seller, buyer } => What::RepoExpired(proto::RepoExpired {
            repo_id: repo.0,
            seller_account: seller.0.into(),
            buyer_account: buyer.0.into(),
        }),
    })
}

pub(super) fn posting(posting: &Posting) -> proto::Posting {
    let line = match *posting {
        Posting::Goods { account, instrument, position, quantity } => {
            Line::Goods(proto::GoodsPosting {
                account_id: account.0.into(),
                instrument: instrument.to_string(),
                position: position_part(position).into(),
                quantity_tco2e: quantity.0,
            })
        }
        Posting::GoodsPot { instrument, pot, quantity } => Line::GoodsPot(proto::GoodsPotPosting {
            instrument: instrument.to_string(),
            pot: match pot {
                GoodsPot::Issued => proto::GoodsPot::Issued,
                GoodsPot::Surrendered => proto::GoodsPot::Surrendered,
                GoodsPot::Cancelled => proto::GoodsPot::Cancelled,
                GoodsPot::CarriedOut => proto::GoodsPot::CarriedOut,
                GoodsPot::Recalled => proto::GoodsPot::Recalled,
            }
            .into(),
            quantity_tco2e: quantity.0,
        }),
        Posting::Cash { account, bank, position, amount } => Line::Cash(proto::CashPosting {
            account_id: account.0.into(),
            bank_id: bank.0.into(),
            part: match position {
                CashPosition::Available => proto::CashPart::Available,
                CashPosition::PendingOut => proto::CashPart::PendingOut,
            }
            .into(),
            amount_yuan: format_yuan(amount),
        }),
        Posting::CashPot { bank, pot, amount } => Line::CashPot(proto::CashPotPosting {
            bank_id: bank.0.into(),
            pot: match pot {
                CashPot::Deposited => proto::CashPot::Deposited,
                CashPot::Interbank => proto::CashPot::Interbank,
                CashPot::Fees => proto::CashPot::Fees,
                CashPot::Reserve => proto::CashPot::Reserve,
                CashPot::Suspense => proto::CashPot::Suspense,
                CashPot::Withdrawn => proto::CashPot::Withdrawn,
                CashPot::Proceeds => proto::CashPot::Proceeds,
            }
            .into(),
            amount_yuan: format_yuan(amount),
        }),
    };
    proto::Posting { line: Some(line) }
}

fn position_part(position: Position) -> proto::PositionPart {
    match position {
        Position::Registered => proto::PositionPart::Registered,
        Position::Trading => proto::PositionPart::Trading,
        Position::PendingIn => proto::PositionPart::PendingIn,
        Position::Pledged => proto::PositionPart::Pledged,
        Position::Frozen => proto::PositionPart::Frozen,
        Position::PendingOut => proto::PositionPart::PendingOut,
    }
}
