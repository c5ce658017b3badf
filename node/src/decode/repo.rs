//! Repos: contracts and what the parties answer.

use registry_ledger::{
    AccountId, Command, Quantity, Reason, Rejection, RepoCommand, RepoId, RepoTerms, amount,
};
use registry_proto::registry::{
    self as proto, AcceptRepoRequest, DeclineRepoRequest, ProposeRepoRequest, ReturnRepoRequest,
};

use super::fields;

/// The whole return date, when the contract leaves the grace open.
const DEFAULT_GRACE_MS: i64 = 86_400_000;

pub(super) fn propose(message: &ProposeRepoRequest) -> Result<Command, Rejection> {
    let Some(terms) = &message.terms else { return fields::missing("terms") };
    let terms = Box::new(self::terms(terms)?);
    let time_to_live_ms = fields::time_to_live_ms(message.time_to_live_ms);
    Ok(Command::Repo(RepoCommand::Propose { terms, time_to_live_ms }))
}

fn terms(terms: &proto::RepoTerms) -> Result<RepoTerms, Rejection> {
    let price = |text: &str, field| {
        let price = amount::parse_price(text, field)?;
        if price.0 <= 0 {
            let message = format!("{field} = {text}: must be greater than 0");
            return Err(Rejection::new(Reason::NotPositive, field, message));
        }
        Ok(price)
    };
    let quantity = fields::quantity(terms.quantity_tco2e, "quantity_tco2e")?;
    Ok(RepoTerms {
        seller: fields::account(terms.seller_account, "seller_account")?,
        buyer: fields::account(terms.buyer_account, "buyer_account")?,
        seller_bank: fields::bank(terms.seller_bank, "seller_bank")?,
        buyer_bank: fields::bank(terms.buyer_bank, "buyer_bank")?,
        instrument: fields::instrument(&terms.instrument, "instrument")?,
        quantity: Quantity(quantity.0),
        opening_price: price(&terms.opening_price_yuan, "opening_price_yuan")?,
        return_price: price(&terms.return_price_yuan, "return_price_yuan")?,
        return_date: fields::date(&terms.return_date, "return_date")?,
        grace_ms: match terms.grace_ms {
            0 => DEFAULT_GRACE_MS,
            given => given,
        },
    })
}

pub(super) fn accept(message: &AcceptRepoRequest) -> Result<Command, Rejection> {
    Ok(Command::Repo(RepoCommand::Accept {
        repo: repo(message.repo_id)?,
        account: fields::account(message.account_id, "account_id")?,
    }))
}

pub(super) fn decline(message: &DeclineRepoRequest) -> Result<Command, Rejection> {
    Ok(Command::Repo(RepoCommand::Decline {
        repo: repo(message.repo_id)?,
        account: fields::account(message.account_id, "account_id")?,
        reason: fields::text(&message.reason, "reason", fields::LINE_BYTES)?,
    }))
}

pub(super) fn give_back(message: &ReturnRepoRequest) -> Result<Command, Rejection> {
    let account: Option<AccountId> = match message.account_id {
        0 => None,
        id => Some(fields::account(id, "account_id")?),
    };
    Ok(Command::Repo(RepoCommand::Return { repo: repo(message.repo_id)?, account }))
}

fn repo(id: u64) -> Result<RepoId, Rejection> {
    if id == 0 { fields::missing("repo_id") } else { Ok(RepoId(id)) }
}
