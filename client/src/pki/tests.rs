//! What the certificates say, read back by another library.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use x509_parser::prelude::*;

use super::*;

fn small_layout() -> Layout {
    Layout {
        nodes: vec![(11, "sh-1".to_owned())],
        users: vec![(Role::Exchange, "sh".to_owned()), (Role::Registry, "officer-1".to_owned())],
    }
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

fn roots(path: &Path) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate(path)).unwrap();
    Arc::new(roots)
}

/// URI names, DNS names, (server, client) usage.
fn names(path: &Path) -> (Vec<String>, Vec<String>, (bool, bool)) {
    let der = certificate(path);
    let (_, parsed) = X509Certificate::from_der(&der).unwrap();
    let (mut uris, mut dns) = (Vec::new(), Vec::new());
    for name in &parsed.subject_alternative_name().unwrap().unwrap().value.general_names {
        match name {
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            GeneralName::DNSName(name) => dns.push((*name).to_owned()),
            other => panic!("unexpected name {other:?}"),
        }
    }
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    (uris, dns, (usage.server_auth, usage.client_auth))
}

fn accepts_client(ca: &Path, cert: &Path) -> bool {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots(ca), provider).build().unwrap();
    verifier.verify_client_cert(&certificate(cert), &[], UnixTime::now()).is_ok()
}

fn accepts_server(ca: &Path, cert: &Path, name: &str) -> bool {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots(ca), provider).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&certificate(cert), &[], &name, &[], UnixTime::now()).is_ok()
}

#[test]
fn every_certificate_has_one_uri_and_the_usage_of_its_side() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &small_layout()).unwrap();
    let node = dir.path().join("nodes/sh-1");
    let users = dir.path().join("users");
    let uri = |text: &str| vec![text.to_owned()];
    assert_eq!(
        names(&node.join("client.pem")),
        (uri("spiffe://carbon-registry/node/11"), uri("carbon-registry"), (true, true))
    );
    assert_eq!(
        names(&node.join("peer.pem")),
        (uri("spiffe://carbon-registry/node/11"), uri("node-11.carbon-registry"), (true, true))
    );
    assert_eq!(
        names(&users.join("exchange-sh.pem")),
        (uri("spiffe://carbon-registry/exchange/sh"), vec![], (false, true))
    );
    assert_eq!(
        names(&users.join("registry-officer-1.pem")),
        (uri("spiffe://carbon-registry/registry/officer-1"), vec![], (false, true))
    );
}

#[test]
fn chains_verify_under_their_own_authority_only() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &small_layout()).unwrap();
    let client_ca = dir.path().join("client-ca.pem");
    let peer_ca = dir.path().join("peer-ca.pem");
    let node = dir.path().join("nodes/sh-1");
    let exchange = dir.path().join("users/exchange-sh.pem");

    assert!(accepts_client(&client_ca, &exchange));
    assert!(!accepts_client(&peer_ca, &exchange));
    assert!(accepts_server(&client_ca, &node.join("client.pem"), "carbon-registry"));
    assert!(!accepts_server(&client_ca, &node.join("client.pem"), "another-name"));
    assert!(accepts_server(&peer_ca, &node.join("peer.pem"), "node-11.carbon-registry"));
    assert!(accepts_client(&peer_ca, &node.join("peer.pem")));
    assert!(!accepts_server(&client_ca, &node.join("peer.pem"), "node-11.carbon-registry"));
}

#[test]
fn certificates_issued_later_verify_too() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &small_layout()).unwrap();
    let firm = issue_user(dir.path(), Role::Firm, "17").unwrap();
    let node = issue_node(dir.path(), 14, "sh-4").unwrap();
    assert_eq!(names(&firm).0, ["spiffe://carbon-registry/firm/17"]);
    assert!(accepts_client(&dir.path().join("client-ca.pem"), &firm));
    let peer_ca = dir.path().join("peer-ca.pem");
    assert!(accepts_server(&peer_ca, &node.join("peer.pem"), "node-14.carbon-registry"));
}

#[test]
fn nothing_is_overwritten_and_names_stay_inside_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &small_layout()).unwrap();
    let before = fs::read(dir.path().join("client-ca.key")).unwrap();
    assert!(matches!(init(dir.path(), &small_layout()), Err(PkiError::Exists(_))));
    assert!(matches!(issue_user(dir.path(), Role::Exchange, "sh"), Err(PkiError::Exists(_))));
    assert!(matches!(issue_user(dir.path(), Role::Platform, "../102"), Err(PkiError::Name(_))));
    assert_eq!(fs::read(dir.path().join("client-ca.key")).unwrap(), before);
}

#[test]
fn names_that_nodes_refuse_are_not_issued() {
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &small_layout()).unwrap();
    for (role, name) in [(Role::Firm, "03"), (Role::Bank, "0"), (Role::Province, "hubei")] {
        let refused = issue_user(dir.path(), role, name);
        assert!(matches!(refused, Err(PkiError::Number { .. })), "{name}: {refused:?}");
    }
    assert!(matches!(issue_node(dir.path(), 0, "sh-4"), Err(PkiError::Number { .. })));
    assert!(!dir.path().join("users/firm-03.pem").exists());
}

#[cfg(unix)]
#[test]
fn keys_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    init(dir.path(), &small_layout()).unwrap();
    for key in ["client-ca.key", "peer-ca.key", "nodes/sh-1/peer.key", "users/exchange-sh.key"] {
        let path = dir.path().join(key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{key}");
        PrivateKeyDer::from_pem_file(&path).unwrap();
    }
}
