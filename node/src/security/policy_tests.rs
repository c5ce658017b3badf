#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::{Port, RULES, Scope, find};
use crate::security::identity::Role;

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(message, repeated, tag = "1")]
    file: Vec<File>,
}
#[derive(Clone, PartialEq, Message)]
struct File {
    #[prost(string, tag = "2")]
    package: String,
    #[prost(message, repeated, tag = "6")]
    service: Vec<Service>,
}
#[derive(Clone, PartialEq, Message)]
struct Service {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, repeated, tag = "2")]
    method: Vec<Method>,
}
#[derive(Clone, PartialEq, Message)]
struct Method {
    #[prost(string, tag = "1")]
    name: String,
}

fn rpcs(descriptors: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in Files::decode(descriptors).unwrap().file {
        for service in &file.service {
            for method in &service.method {
                found.insert(format!("{}.{}/{}", file.package, service.name, method.name));
            }
        }
    }
    found
}

#[test]
fn every_rpc_has_exactly_one_row_and_every_row_an_rpc() {
    let served: BTreeSet<String> = [
        registry_proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ]
    .into_iter()
    .flat_map(rpcs)
    .collect();
    let rows: BTreeSet<String> = RULES.iter().map(|rule| rule.rpc.to_owned()).collect();
    assert_eq!(rows, served);
    assert_eq!(rows.len(), RULES.len(), "two rows for one RPC");
}

#[test]
fn a_row_names_a_role_once_and_nobody_is_let_in_by_an_empty_row() {
    for rule in RULES {
        let roles: BTreeSet<Role> = rule.allowed.iter().map(|(role, _)| *role).collect();
        assert_eq!(roles.len(), rule.allowed.len(), "{}", rule.rpc);
        assert!(!roles.is_empty(), "{}", rule.rpc);
    }
}

#[test]
fn what_is_not_in_the_table_is_denied() {
    for role in Role::ALL {
        for rpc in ["", "registry.v1.AccountService", "registry.v1.AccountService/openaccount"] {
            assert_eq!(find(Port::Client, rpc, role), None);
        }
        // The ports do not serve each other's calls.
        assert_eq!(find(Port::Client, "peer.v1.RaftService/Vote", role), None);
        assert_eq!(find(Port::Peer, "registry.v1.AccountService/OpenAccount", role), None);
    }
}

#[test]
fn separation_of_duties() {
    let allowed = |rpc: &str, role| {
        RULES.iter().any(|r| r.rpc.ends_with(rpc) && r.allowed.iter().any(|(a, _)| *a == role))
    };
    // Who makes trades does not hold the accounts, and the other way round.
    for rpc in
        ["/SubmitTrades", "/SubmitManifest", "/ConfirmClearing", "/AmendTrade", "/SettleTrade"]
    {
        assert!(allowed(rpc, Role::Exchange));
        assert!(!allowed(rpc, Role::Registry), "{rpc}");
    }
    for rpc in ["/Propose", "/Approve", "/Deposit", "/OpenDay", "/ClearDay", "/FinalizeDay"] {
        assert!(allowed(rpc, Role::Registry));
        assert!(!allowed(rpc, Role::Exchange), "{rpc}");
    }
    // Operators see no holdings; auditors change nothing.
    let writes = |role| -> Vec<&str> {
        RULES
            .iter()
            .filter(|r| r.port == Port::Client && r.allowed.iter().any(|(a, _)| *a == role))
            .map(|r| r.rpc.rsplit('/').next().unwrap())
            .filter(|m| {
                !["Get", "List", "Check", "Watch", "Verify", "ServerReflection"]
                    .iter()
                    .any(|p| m.starts_with(p))
            })
            .collect()
    };
    assert_eq!(writes(Role::Auditor), Vec::<&str>::new());
    // A bank says what it did and what it has, never what an account has.
    // As a pledgee it acts on what is pledged to it, which the ledger checks.
    assert_eq!(
        writes(Role::Bank),
        [
            "ConfirmWithdrawal",
            "RejectWithdrawal",
            "ReportBalance",
            "AcceptPledge",
            "DeclinePledge",
            "ReleasePledge",
            "AcceptSubstitution",
            "DeclineSubstitution",
            "DeclareDefault",
            "TakeProceeds",
            "RedeemVoucher"
        ]
    );
    for rpc in ["/ConfirmWithdrawal", "/RejectWithdrawal", "/RedeemVoucher"] {
        assert!(!allowed(rpc, Role::Registry), "{rpc}");
    }
    assert_eq!(writes(Role::Node), Vec::<&str>::new());
    // Operators decide about the cluster; the gate of proposals keeps them from all else.
    assert_eq!(
        writes(Role::Operator),
        [
            "Propose",
            "Approve",
            "Decline",
            "Withdraw",
            "Bootstrap",
            "AdmitNode",
            "SeatNode",
            "RetireNode",
            "MoveNode",
            "PreferCity",
            "HandOver",
            "Inspect",
            "ApproveRecovery",
            "Recover",
            "WipeNode",
            "BeginBackup",
            "FetchBackup",
            "EndBackup",
            "FollowLog",
        ]
    );
    assert!(!allowed("/GetAccount", Role::Operator) && !allowed("/ListEvents", Role::Operator));
    // Whoever copies the disks has all that is on them; nobody else may.
    let copying = RULES.iter().filter(|r| r.rpc.contains("BackupService"));
    assert!(copying.flat_map(|r| r.allowed).all(|(role, _)| *role == Role::Operator));
    assert_eq!(
        writes(Role::Platform),
        ["OpenInclusiveAccounts", "CreditInclusive", "IssueVoucher"]
    );
    // A platform sees nothing of the market, and nobody credits in its stead.
    assert!(!allowed("/GetAccount", Role::Platform) && !allowed("/ListEvents", Role::Platform));
    for rpc in ["/OpenInclusiveAccounts", "/CreditInclusive", "/IssueVoucher"] {
        assert!(!allowed(rpc, Role::Registry), "{rpc}");
    }
    assert_eq!(
        writes(Role::Firm),
        [
            "MoveHolding",
            "RequestWithdrawal",
            "RepayReserve",
            "RaiseObjection",
            "ProposePledge",
            "DeclinePledge",
            "AddToPledge",
            "OfferSubstitution",
            "DeclineSubstitution",
            "ApplySurrender",
            "CancelUnits",
            "ProposeRepo",
            "AcceptRepo",
            "DeclineRepo",
            "ReturnRepo"
        ]
    );
    // What a firm asks its province decides, and nobody for it.
    assert_eq!(
        writes(Role::Province),
        ["Propose", "Withdraw", "RecordEmissions", "ApproveSurrender", "DeclineSurrender"]
    );
    assert!(!allowed("/Approve", Role::Province));
    for rpc in ["/ApproveSurrender", "/DeclineSurrender"] {
        assert!(!allowed(rpc, Role::Registry) && !allowed(rpc, Role::Firm), "{rpc}");
    }
    assert!(!allowed("/GetAccount", Role::Operator));
    let firm_scopes = RULES.iter().flat_map(|r| r.allowed.iter().map(move |(a, s)| (r.rpc, a, s)));
    for (rpc, role, scope) in firm_scopes {
        let about_accounts = [
            "Account",
            "MoveHolding",
            "Statement",
            "Objection",
            "Withdrawal",
            "Withdrawals",
            "RepayReserve",
            "Surrender",
            "CancelUnits",
            "Obligation",
            "Emissions",
            "Surrenders",
            "Allocations",
            "CarryOvers",
            "ProposePledge",
            "VerifyPledge",
            "VerifyPledges",
            "ListPledges",
            "ListFreezes",
            "Repo",
            "Repos",
        ];
        if *role == Role::Firm && about_accounts.iter().any(|word| rpc.ends_with(word)) {
            assert_eq!(*scope, Scope::Own, "{rpc}");
        }
    }
    let banks =
        RULES.iter().filter(|r| r.rpc.contains("CashService") && !r.rpc.ends_with("/ListBanks"));
    for (role, scope) in banks.flat_map(|r| r.allowed) {
        assert!(*role != Role::Bank || *scope == Scope::Own);
    }
    let persons = RULES.iter().filter(|r| r.rpc.contains("InclusiveService"));
    for (role, scope) in persons.flat_map(|r| r.allowed) {
        assert!(![Role::Bank, Role::Platform].contains(role) || *scope == Scope::Own);
    }
}

#[test]
fn a_province_acts_for_itself_only() {
    let rules = RULES.iter().filter(|r| r.rpc.contains("ComplianceService"));
    for rule in rules.filter(|r| !r.rpc.ends_with("/ListCancellations")) {
        for (role, scope) in rule.allowed {
            assert!(*role != Role::Province || *scope == Scope::Own, "{}", rule.rpc);
        }
    }
}

/// `docs/access.md` has one table row per RPC and one column per role.
#[test]
fn the_documented_table_is_the_enforced_one() {
    let doc = include_str!("../../../docs/access.md");
    let mut documented = BTreeMap::new();
    for line in doc.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 1 + Role::ALL.len(), "{line}");
        documented.insert(cells[0].trim_matches('`').to_owned(), cells[1..].join(" | "));
    }
    let enforced: BTreeMap<String, String> = RULES
        .iter()
        .map(|rule| {
            let cell = |role: Role| match rule.allowed.iter().find(|(a, _)| *a == role) {
                Some((_, Scope::All)) => "yes",
                Some((_, Scope::Own)) => "own",
                Some((_, Scope::Names)) => "names",
                None => "–",
            };
            (rule.rpc.to_owned(), Role::ALL.map(cell).join(" | "))
        })
        .collect();
    assert_eq!(documented, enforced);
}
