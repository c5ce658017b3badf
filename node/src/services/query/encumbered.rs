//! What of an account is pledged or frozen, for its overview.

use registry_ledger::{AccountId, BankId, FreezeId, Ledger, PledgeFilter, PledgeId};
use registry_proto::registry::{Freeze, GetOverviewReply, PledgeWithValue};

use crate::services::encode_pledge;

/// Pledges that one overview names.
const PLEDGES: usize = 100;

/// Adds open pledges and freezes; a bank sees what is pledged to it.
pub(super) fn add(
    ledger: &Ledger,
    account: AccountId,
    bank: Option<BankId>,
    to: &mut GetOverviewReply,
) {
    let filter = PledgeFilter { pledgor: Some(account), pledgee: bank, open_only: true };
    let mut open = ledger.pledges_after(filter, PledgeId(0), PLEDGES + 1);
    to.pledges_cut = open.len() > PLEDGES;
    open.truncate(PLEDGES);
    to.pledges = open
        .into_iter()
        .map(|pledge| PledgeWithValue {
            pledge: Some(encode_pledge::pledge(pledge)),
            value: ledger.view_pledge(pledge).as_ref().map(encode_pledge::value),
        })
        .collect();
    if bank.is_none() {
        let freezes = ledger.freezes_after(Some(account), FreezeId(0));
        to.freezes = freezes.map(encode_pledge::freeze).collect::<Vec<Freeze>>();
    }
}
