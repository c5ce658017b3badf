use tonic::{Code, Extensions};

use super::{AccessError, Caller, Principal, Role};
use crate::security::policy::Scope;
use crate::security::test_pki::Authority;

fn principal(uris: &[&str], dns: &[&str]) -> Result<Principal, AccessError> {
    Principal::from_certificate(Authority::new().issue(uris, dns).certificate.der())
}

#[test]
fn one_uri_names_the_caller() {
    let rows = [
        ("spiffe://carbon-registry/exchange/sh", Role::Exchange, "exchange/sh", None),
        ("spiffe://carbon-registry/registry/officer-1", Role::Registry, "registry/officer-1", None),
        ("spiffe://carbon-registry/bank/102", Role::Bank, "bank/102", Some(102)),
        ("spiffe://carbon-registry/firm/3768", Role::Firm, "firm/3768", Some(3_768)),
        ("spiffe://carbon-registry/node/11", Role::Node, "node/11", Some(11)),
        ("spiffe://carbon-registry/operator/1", Role::Operator, "operator/1", None),
        ("spiffe://carbon-registry/auditor/1", Role::Auditor, "auditor/1", None),
        ("spiffe://carbon-registry/platform/sh", Role::Platform, "platform/sh", None),
    ];
    for (uri, role, actor, id) in rows {
        let principal = principal(&[uri], &["carbon-registry"]).expect(uri);
        assert_eq!((principal.role, principal.actor().as_str(), principal.id()), (role, actor, id));
    }
}

#[test]
fn anything_but_one_known_uri_is_no_identity() {
    let rows: [&[&str]; 16] = [
        &[],
        &["spiffe://carbon-registry/exchange/sh", "spiffe://carbon-registry/registry/officer-1"],
        &["spiffe://carbon-registry/exchange/sh", "https://example.org/"],
        &["https://carbon-registry/exchange/sh"],
        &["spiffe://other-registry/exchange/sh"],
        &["spiffe://carbon-registry/exchange"],
        &["spiffe://carbon-registry/exchange/"],
        &["spiffe://carbon-registry/exchange/sh/extra"],
        &["spiffe://carbon-registry/exchange/sh?role=registry"],
        &["spiffe://carbon-registry/Exchange/sh"],
        &["spiffe://carbon-registry/admin/1"],
        &["spiffe://carbon-registry/firm/acme"],
        &["spiffe://carbon-registry/firm/0"],
        &["spiffe://carbon-registry/firm/007"],
        &["spiffe://carbon-registry/node/11%20"],
        &["spiffe://carbon-registry/bank/99999999999999999999"],
    ];
    for uris in rows {
        let refused = principal(uris, &["carbon-registry"]);
        assert!(matches!(refused, Err(AccessError::NoIdentity(_))), "{uris:?}: {refused:?}");
    }
    assert!(Principal::from_certificate(b"no certificate").is_err());
    assert!(Principal::from_connection(None).is_err());
}

#[test]
fn a_caller_with_a_right_to_its_own_account_reaches_no_other() {
    let extensions = |role, name: &str, scope| {
        let mut extensions = Extensions::new();
        let principal = Principal { role, name: name.to_owned() };
        extensions.insert(Caller { principal, rpc: "a.B/C", scope });
        extensions
    };
    let code = |result: Result<Caller, tonic::Status>| result.err().map(|status| status.code());
    let firm = extensions(Role::Firm, "7", Scope::Own);
    assert_eq!(code(Caller::of_account(&firm, 7)), None);
    assert_eq!(code(Caller::of_account(&firm, 8)), Some(Code::PermissionDenied));
    assert_eq!(code(Caller::of_account(&firm, 0)), Some(Code::PermissionDenied));
    // A handler that names no account does not serve it at all.
    assert_eq!(code(Caller::of(&firm)), Some(Code::PermissionDenied));

    let officer = extensions(Role::Registry, "officer-1", Scope::All);
    assert_eq!(code(Caller::of_account(&officer, 8)), None);
    assert_eq!(code(Caller::of(&officer)), None);
    // An exchange named like an account number is no firm.
    let exchange = extensions(Role::Exchange, "7", Scope::Own);
    assert_eq!(code(Caller::of_account(&exchange, 7)), Some(Code::PermissionDenied));
    // A bank reaches itself, and no account of its number; nor a firm a bank.
    let bank = extensions(Role::Bank, "102", Scope::Own);
    assert_eq!(code(Caller::of_bank(&bank, 102)), None);
    assert_eq!(code(Caller::of_bank(&bank, 103)), Some(Code::PermissionDenied));
    assert_eq!(code(Caller::of_bank(&bank, 0)), Some(Code::PermissionDenied));
    assert_eq!(code(Caller::of_account(&bank, 102)), Some(Code::PermissionDenied));
    assert_eq!(code(Caller::of_bank(&firm, 7)), Some(Code::PermissionDenied));
    assert_eq!(code(Caller::of_bank(&officer, 0)), None);
    let names = extensions(Role::Bank, "102", Scope::Names);
    assert_eq!(code(Caller::of_bank(&names, 102)), Some(Code::PermissionDenied));
    // What is about both is asked for by either, each naming itself.
    for (caller, account, bank_id, reached) in [
        (&bank, 0, 102, true),
        (&bank, 7, 102, true),
        (&bank, 102, 0, false),
        (&bank, 102, 103, false),
        (&firm, 7, 0, true),
        (&firm, 7, 102, true),
        (&firm, 0, 7, false),
        (&officer, 0, 0, true),
    ] {
        let denied = (!reached).then_some(Code::PermissionDenied);
        assert_eq!(code(Caller::of_account_at_bank(caller, account, bank_id)), denied);
    }
    // A platform reaches itself only, and nothing by a bank's number.
    let platform = extensions(Role::Platform, "sh", Scope::Own);
    let denied = Some(Code::PermissionDenied);
    assert_eq!(code(Caller::of_platform(&platform, "sh")), None);
    for name in ["", "wh", "SH", "sh "] {
        assert_eq!(code(Caller::of_platform(&platform, name)), denied, "{name:?}");
    }
    assert_eq!(code(Caller::of_platform(&extensions(Role::Bank, "sh", Scope::Own), "sh")), denied);
    assert_eq!(code(Caller::of_platform(&officer, "")), None);
    assert_eq!(code(Caller::of_platform_at_bank(&bank, "sh", 102)), None);
    assert_eq!(code(Caller::of_platform_at_bank(&bank, "sh", 0)), denied);
    assert_eq!(code(Caller::of_platform_at_bank(&platform, "sh", 102)), None);
    assert_eq!(code(Caller::of_platform_at_bank(&platform, "", 102)), denied);
    // Without the gate there is no caller.
    assert_eq!(code(Caller::of(&Extensions::new())), Some(Code::Unauthenticated));
}
