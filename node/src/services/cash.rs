//! Settlement banks and the money at them.

use registry_ledger::Receipt;
use registry_proto::registry::cash_service_server::CashService;
use registry_proto::registry::{
    Bank, DepositReply, DepositRequest, ListBanksReply, ListBanksRequest, OpenBankReply,
    OpenBankRequest,
};
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::security::{Caller, Role, Scope};
use crate::services::encode;
use crate::services::gateway::{Gateway, unexpected};

pub(super) struct Cash(pub(super) Gateway);

#[tonic::async_trait]
impl CashService for Cash {
    async fn open_bank(
        &self,
        request: Request<OpenBankRequest>,
    ) -> Result<Response<OpenBankReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::OpenBank(request.into_inner())).await? {
            (stamp, Receipt::Done) => Ok(Response::new(OpenBankReply { stamp: Some(stamp) })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn deposit(
        &self,
        request: Request<DepositRequest>,
    ) -> Result<Response<DepositReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::Deposit(request.into_inner())).await? {
            (stamp, Receipt::Cash(bank, balance)) => Ok(Response::new(DepositReply {
                stamp: Some(stamp),
                balance: Some(encode::cash(bank, &balance)),
            })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn list_banks(
        &self,
        request: Request<ListBanksRequest>,
    ) -> Result<Response<ListBanksReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        let (stamp, mut banks) = self
            .0
            .read(request.get_ref().consistency, |ledger| {
                Ok(ledger.banks().iter().map(encode::bank).collect::<Vec<_>>())
            })
            .await?;
        banks.iter_mut().for_each(|bank| show_to(&caller, bank));
        Ok(Response::new(ListBanksReply { stamp: Some(stamp), banks }))
    }
}

/// Who may see names only sees no figures, except a bank its own.
fn show_to(caller: &Caller, bank: &mut Bank) {
    let own = caller.principal.role == Role::Bank
        && caller.principal.id() == Some(u64::from(bank.bank_id));
    if caller.scope == Scope::All || own {
        return;
    }
    bank.balance_yuan.clear();
    bank.deposited_yuan.clear();
    bank.interbank_yuan.clear();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Principal;

    #[test]
    fn a_bank_sees_no_other_banks_figures() {
        let bank = |bank_id| Bank {
            bank_id,
            name: "a bank".into(),
            balance_yuan: "3.00".into(),
            deposited_yuan: "2.00".into(),
            interbank_yuan: "1.00".into(),
        };
        let caller = |role, name: &str, scope| Caller {
            principal: Principal { role, name: name.into() },
            rpc: "registry.v1.CashService/ListBanks",
            scope,
        };
        let shown = |caller: &Caller, bank_id| {
            let mut shown = bank(bank_id);
            show_to(caller, &mut shown);
            shown
        };
        let own = caller(Role::Bank, "102", Scope::Names);
        assert_eq!(shown(&own, 102), bank(102));
        assert_eq!(shown(&own, 103).balance_yuan, "");
        assert_eq!(shown(&own, 103).name, "a bank");
        assert_eq!(shown(&caller(Role::Registry, "officer-1", Scope::All), 103), bank(103));
        // A firm whose account number equals the bank's id is not the bank.
        let firm = shown(&caller(Role::Firm, "102", Scope::Names), 102);
        assert_eq!((firm.deposited_yuan.as_str(), firm.interbank_yuan.as_str()), ("", ""));
    }
}
