//! Which role may call which RPC. The only place that says so; what is not
//! here is denied. `docs/access.md` shows the same table to readers.

use crate::security::identity::Role;

/// The port that serves an RPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// Clients: the client authority's certificates.
    Client,
    /// Members of the cluster: the peer authority's certificates.
    Peer,
}

/// How far a role's right to an RPC reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything the RPC offers.
    All,
    /// The account that is the caller's own, or the bank or province that the caller is.
    Own,
    /// Ids and names; figures are left empty, except a bank's own.
    Names,
}

/// One RPC and who may call it.
#[derive(Debug)]
pub(crate) struct Rule {
    /// `package.Service/Method`.
    pub(crate) rpc: &'static str,
    /// Where it is served.
    pub(crate) port: Port,
    /// Every role that may call it.
    pub(crate) allowed: &'static [(Role, Scope)],
}

const fn client(rpc: &'static str, allowed: &'static [(Role, Scope)]) -> Rule {
    Rule { rpc, port: Port::Client, allowed }
}

const fn peer(rpc: &'static str) -> Rule {
    Rule { rpc, port: Port::Peer, allowed: &[(Role::Node, Scope::All)] }
}

const REGISTRY: (Role, Scope) = (Role::Registry, Scope::All);
const EXCHANGE: (Role, Scope) = (Role::Exchange, Scope::All);
const BANK: (Role, Scope) = (Role::Bank, Scope::All);
const BANK_OWN: (Role, Scope) = (Role::Bank, Scope::Own);
const FIRM: (Role, Scope) = (Role::Firm, Scope::All);
const FIRM_OWN: (Role, Scope) = (Role::Firm, Scope::Own);
const OPERATOR: (Role, Scope) = (Role::Operator, Scope::All);
const AUDITOR: (Role, Scope) = (Role::Auditor, Scope::All);
const PROVINCE: (Role, Scope) = (Role::Province, Scope::All);
const PROVINCE_OWN: (Role, Scope) = (Role::Province, Scope::Own);
const NODE: (Role, Scope) = (Role::Node, Scope::All);
const PLATFORM: (Role, Scope) = (Role::Platform, Scope::All);
const PLATFORM_OWN: (Role, Scope) = (Role::Platform, Scope::Own);

const EVERY_ROLE: &[(Role, Scope)] =
    &[REGISTRY, EXCHANGE, BANK, FIRM, OPERATOR, AUDITOR, NODE, PROVINCE, PLATFORM];
const MARKET: &[(Role, Scope)] = &[REGISTRY, EXCHANGE, BANK, FIRM, AUDITOR, PROVINCE];
const COMPLIANCE_READERS: &[(Role, Scope)] = &[REGISTRY, AUDITOR, FIRM_OWN, PROVINCE_OWN];
const HOLDERS: &[(Role, Scope)] = &[REGISTRY, AUDITOR, BANK_OWN, FIRM_OWN];
const PUBLIC: &[(Role, Scope)] =
    &[REGISTRY, EXCHANGE, BANK, FIRM, OPERATOR, AUDITOR, PROVINCE, PLATFORM];
const JOURNAL_READERS: &[(Role, Scope)] =
    &[REGISTRY, EXCHANGE, BANK, FIRM, AUDITOR, PROVINCE, PLATFORM];
const DAY_READERS: &[(Role, Scope)] = &[REGISTRY, EXCHANGE, AUDITOR];
const STAFF: &[(Role, Scope)] = &[REGISTRY, EXCHANGE, OPERATOR, AUDITOR];

/// The table.
pub(crate) const RULES: &[Rule] = &[
    client("registry.v1.AccountService/OpenAccount", &[REGISTRY]),
    client("registry.v1.AccountService/MoveHolding", &[REGISTRY, FIRM_OWN]),
    client("registry.v1.AccountService/GetAccount", &[REGISTRY, AUDITOR, FIRM_OWN]),
    client("registry.v1.AccountService/ListAccounts", &[REGISTRY, AUDITOR]),
    client("registry.v1.CashService/OpenBank", &[REGISTRY]),
    client("registry.v1.CashService/Deposit", &[REGISTRY]),
    client(
        "registry.v1.CashService/ListBanks",
        &[
            REGISTRY,
            AUDITOR,
            (Role::Exchange, Scope::Names),
            (Role::Bank, Scope::Names),
            (Role::Firm, Scope::Names),
        ],
    ),
    client("registry.v1.CashService/RequestWithdrawal", &[REGISTRY, FIRM_OWN]),
    client("registry.v1.CashService/ConfirmWithdrawal", &[BANK_OWN]),
    client("registry.v1.CashService/RejectWithdrawal", &[BANK_OWN]),
    client("registry.v1.CashService/ListWithdrawals", &[REGISTRY, AUDITOR, BANK_OWN, FIRM_OWN]),
    client("registry.v1.CashService/ChargeFee", &[REGISTRY]),
    client("registry.v1.CashService/DepositToSuspense", &[REGISTRY]),
    client("registry.v1.CashService/AllocateSuspense", &[REGISTRY]),
    client("registry.v1.CashService/ReturnSuspense", &[REGISTRY]),
    client("registry.v1.CashService/FundReserve", &[REGISTRY]),
    client("registry.v1.CashService/RepayReserve", &[REGISTRY, FIRM_OWN]),
    client("registry.v1.CashService/ReportBalance", &[REGISTRY, BANK_OWN]),
    client("registry.v1.CashService/GetReconciliation", &[REGISTRY, AUDITOR, BANK_OWN]),
    client("registry.v1.CashService/GetPaymentInstructions", &[REGISTRY, AUDITOR, BANK_OWN]),
    client("registry.v1.InstrumentService/RegisterInstrument", &[REGISTRY]),
    client("registry.v1.InstrumentService/SetUsableUntil", &[REGISTRY]),
    client("registry.v1.InstrumentService/ListInstruments", DAY_READERS),
    client("registry.v1.SettlementService/SetHolidays", &[REGISTRY]),
    client("registry.v1.SettlementService/OpenDay", &[REGISTRY]),
    client("registry.v1.SettlementService/SubmitTrades", &[EXCHANGE]),
    client("registry.v1.SettlementService/SubmitManifest", &[EXCHANGE]),
    client("registry.v1.SettlementService/ClearDay", &[REGISTRY]),
    client("registry.v1.SettlementService/GetClearing", DAY_READERS),
    client("registry.v1.SettlementService/ConfirmClearing", &[EXCHANGE]),
    client("registry.v1.SettlementService/AmendTrade", &[EXCHANGE]),
    client("registry.v1.SettlementService/DeliverDay", &[REGISTRY, EXCHANGE]),
    client("registry.v1.SettlementService/RetryHeld", &[REGISTRY]),
    client("registry.v1.SettlementService/FailHeld", &[REGISTRY]),
    client("registry.v1.SettlementService/IssueStatements", &[REGISTRY]),
    client("registry.v1.SettlementService/GetStatement", &[REGISTRY, AUDITOR, FIRM_OWN]),
    client("registry.v1.SettlementService/RaiseObjection", &[REGISTRY, FIRM_OWN]),
    client("registry.v1.SettlementService/ResolveObjection", &[REGISTRY]),
    client("registry.v1.SettlementService/FinalizeDay", &[REGISTRY]),
    client("registry.v1.SettlementService/SettleTrade", &[EXCHANGE]),
    client("registry.v1.SettlementService/SettleTrades", &[EXCHANGE]),
    client("registry.v1.SettlementService/GetDay", DAY_READERS),
    client("registry.v1.SettlementService/ListTrades", DAY_READERS),
    // Which party may act is the ledger's rule: it knows whose the pledge is.
    client("registry.v1.PledgeService/ProposePledge", &[FIRM_OWN]),
    client("registry.v1.PledgeService/AcceptPledge", &[BANK]),
    client("registry.v1.PledgeService/DeclinePledge", &[BANK, FIRM]),
    client("registry.v1.PledgeService/AddToPledge", &[FIRM]),
    client("registry.v1.PledgeService/ReleasePledge", &[BANK]),
    client("registry.v1.PledgeService/OfferSubstitution", &[FIRM]),
    client("registry.v1.PledgeService/AcceptSubstitution", &[BANK]),
    client("registry.v1.PledgeService/DeclineSubstitution", &[BANK, FIRM]),
    client("registry.v1.PledgeService/DeclareDefault", &[BANK]),
    client("registry.v1.PledgeService/SellPledged", &[EXCHANGE]),
    client("registry.v1.PledgeService/TakeProceeds", &[BANK_OWN]),
    client(
        "registry.v1.PledgeService/VerifyPledge",
        &[REGISTRY, EXCHANGE, AUDITOR, BANK, FIRM_OWN],
    ),
    client(
        "registry.v1.PledgeService/VerifyPledges",
        &[REGISTRY, EXCHANGE, AUDITOR, BANK, FIRM_OWN],
    ),
    client("registry.v1.PledgeService/ListPledges", &[REGISTRY, AUDITOR, BANK_OWN, FIRM_OWN]),
    client("registry.v1.PledgeService/WatchPledges", &[REGISTRY, AUDITOR, BANK_OWN]),
    client("registry.v1.PledgeService/ListFreezes", &[REGISTRY, AUDITOR, FIRM_OWN]),
    client("registry.v1.PriceService/GetDailyPrice", MARKET),
    client("registry.v1.PriceService/ListDailyPrices", MARKET),
    client("registry.v1.EventService/ListEvents", &[REGISTRY, AUDITOR, BANK_OWN, FIRM_OWN]),
    client("registry.v1.EventService/WatchEvents", &[REGISTRY, AUDITOR, BANK_OWN, FIRM_OWN]),
    client("registry.v1.EventService/GetJournal", JOURNAL_READERS),
    // Operators: only what is about the cluster.
    client("registry.v1.ControlService/Propose", &[REGISTRY, OPERATOR, PROVINCE_OWN]),
    client("registry.v1.ControlService/Approve", &[REGISTRY, OPERATOR]),
    client("registry.v1.ControlService/Decline", &[REGISTRY, OPERATOR]),
    client("registry.v1.ControlService/Withdraw", &[REGISTRY, OPERATOR, PROVINCE_OWN]),
    client(
        "registry.v1.ControlService/ListProposals",
        &[REGISTRY, AUDITOR, OPERATOR, PROVINCE_OWN],
    ),
    client("registry.v1.ComplianceService/AssignProvince", &[REGISTRY]),
    client("registry.v1.ComplianceService/RecordEmissions", &[REGISTRY, PROVINCE_OWN]),
    client("registry.v1.ComplianceService/ApplySurrender", &[REGISTRY, FIRM_OWN]),
    client("registry.v1.ComplianceService/ApproveSurrender", &[PROVINCE_OWN]),
    client("registry.v1.ComplianceService/DeclineSurrender", &[PROVINCE_OWN]),
    client("registry.v1.ComplianceService/CancelUnits", &[REGISTRY, FIRM_OWN]),
    client("registry.v1.ComplianceService/GetProvince", &[REGISTRY, AUDITOR, PROVINCE_OWN]),
    client("registry.v1.ComplianceService/GetObligation", COMPLIANCE_READERS),
    client("registry.v1.ComplianceService/ListObligations", &[REGISTRY, AUDITOR, PROVINCE_OWN]),
    client("registry.v1.ComplianceService/ListEmissions", COMPLIANCE_READERS),
    client("registry.v1.ComplianceService/ListSurrenders", COMPLIANCE_READERS),
    client("registry.v1.ComplianceService/ListAllocations", COMPLIANCE_READERS),
    client("registry.v1.ComplianceService/ListCarryOvers", &[REGISTRY, AUDITOR, FIRM_OWN]),
    client("registry.v1.ComplianceService/ListCancellations", EVERY_ROLE),
    client("registry.v1.QueryService/GetOverview", HOLDERS),
    client("registry.v1.QueryService/GetBalancesAt", HOLDERS),
    client("registry.v1.QueryService/GetPeriodStatement", HOLDERS),
    client("registry.v1.QueryService/GetTradeHistory", &[REGISTRY, EXCHANGE, AUDITOR, FIRM_OWN]),
    client("registry.v1.QueryService/ListHolders", &[REGISTRY, AUDITOR]),
    client("registry.v1.QueryService/ListInstrumentTotals", PUBLIC),
    client("registry.v1.QueryService/ListCandles", PUBLIC),
    client("registry.v1.InclusiveService/OpenInclusiveAccounts", &[PLATFORM_OWN]),
    client("registry.v1.InclusiveService/CreditInclusive", &[PLATFORM_OWN]),
    client("registry.v1.InclusiveService/IssueVoucher", &[PLATFORM_OWN]),
    client("registry.v1.InclusiveService/RedeemVoucher", &[BANK_OWN]),
    client("registry.v1.InclusiveService/GetInclusiveAccount", &[REGISTRY, AUDITOR, PLATFORM_OWN]),
    client("registry.v1.InclusiveService/ListInclusiveAccounts", &[REGISTRY, AUDITOR]),
    client("registry.v1.InclusiveService/ListPlatforms", &[REGISTRY, AUDITOR, PLATFORM_OWN]),
    client(
        "registry.v1.InclusiveService/ListVouchers",
        &[REGISTRY, AUDITOR, BANK_OWN, PLATFORM_OWN],
    ),
    client("registry.v1.RepoService/ProposeRepo", &[FIRM_OWN]),
    client("registry.v1.RepoService/AcceptRepo", &[FIRM_OWN]),
    client("registry.v1.RepoService/DeclineRepo", &[FIRM_OWN]),
    client("registry.v1.RepoService/ReturnRepo", &[REGISTRY, EXCHANGE, FIRM_OWN]),
    client("registry.v1.RepoService/ListRepos", &[REGISTRY, EXCHANGE, AUDITOR, FIRM_OWN]),
    client("registry.v1.ClusterService/GetStatus", STAFF),
    client("registry.v1.ClusterService/Bootstrap", &[OPERATOR]),
    client("registry.v1.ClusterService/AdmitNode", &[OPERATOR]),
    client("registry.v1.ClusterService/SeatNode", &[OPERATOR]),
    client("registry.v1.ClusterService/RetireNode", &[OPERATOR]),
    client("registry.v1.ClusterService/MoveNode", &[OPERATOR]),
    client("registry.v1.ClusterService/PreferCity", &[OPERATOR]),
    client("registry.v1.ClusterService/HandOver", &[OPERATOR]),
    client("registry.v1.RecoveryService/Inspect", &[OPERATOR]),
    client("registry.v1.RecoveryService/ApproveRecovery", &[OPERATOR]),
    client("registry.v1.RecoveryService/Recover", &[OPERATOR]),
    client("registry.v1.RecoveryService/WipeNode", &[OPERATOR]),
    client("registry.v1.BackupService/BeginBackup", &[OPERATOR]),
    client("registry.v1.BackupService/FetchBackup", &[OPERATOR]),
    client("registry.v1.BackupService/EndBackup", &[OPERATOR]),
    client("registry.v1.BackupService/FollowLog", &[OPERATOR]),
    client("grpc.health.v1.Health/Check", EVERY_ROLE),
    client("grpc.health.v1.Health/Watch", EVERY_ROLE),
    client("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", STAFF),
    peer("peer.v1.RaftService/StreamAppend"),
    peer("peer.v1.RaftService/Append"),
    peer("peer.v1.RaftService/Vote"),
    peer("peer.v1.RaftService/PreVote"),
    peer("peer.v1.RaftService/OfferSnapshot"),
    peer("peer.v1.RaftService/InstallSnapshot"),
    peer("peer.v1.RaftService/TransferLeader"),
    peer("peer.v1.RaftService/ReadIndex"),
    peer("peer.v1.RaftService/ConfirmLeader"),
    peer("peer.v1.RaftService/Hello"),
];

/// The row's RPC and how far `role` may use it on `port`; `None` denies.
pub(crate) fn find(port: Port, rpc: &str, role: Role) -> Option<(&'static str, Scope)> {
    let rule = RULES.iter().find(|rule| rule.rpc == rpc && rule.port == port)?;
    let (_, scope) = rule.allowed.iter().find(|(allowed, _)| *allowed == role)?;
    Some((rule.rpc, *scope))
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
