//! The connection itself: mutual TLS with certificates of our own authority.

use std::path::Path;
use std::time::Duration;

use registry_proto::registry::{OpenAccountReply, OpenAccountRequest};
use tonic::transport::{Certificate, Identity as TonicIdentity, ServerTlsConfig};

use crate::fake_node::{FakeNode, Script};
use crate::pki::{self, Layout, Role};
use crate::{ClientError, Cluster, Identity, RegistryClient};

fn make_pki(dir: &Path) {
    let layout = Layout {
        nodes: vec![(11, "sh-1".to_owned())],
        users: vec![(Role::Registry, "officer-1".to_owned())],
    };
    pki::init(dir, &layout).expect("a fresh folder");
}

async fn start_node(dir: &Path) -> FakeNode {
    let read = |path: &str| std::fs::read_to_string(dir.join(path)).expect("made by init");
    let tls = ServerTlsConfig::new()
        .identity(TonicIdentity::from_pem(
            read("nodes/sh-1/client.pem"),
            read("nodes/sh-1/client.key"),
        ))
        .client_ca_root(Certificate::from_pem(read("client-ca.pem")));
    let script = Script {
        open_account: Box::new(|_| Ok(OpenAccountReply { stamp: None, account_id: 5 })),
        ..Default::default()
    };
    FakeNode::start_tls(script, tls).await
}

fn client(node: &FakeNode, identity: Identity) -> RegistryClient {
    let mut cluster = Cluster::new([node.address.clone()], identity);
    cluster.call_timeout = Duration::from_secs(20);
    RegistryClient::new(cluster.connector().expect("well-formed"))
}

#[tokio::test]
async fn both_sides_know_each_other() {
    let dir = tempfile::tempdir().expect("a folder");
    make_pki(dir.path());
    let node = start_node(dir.path()).await;
    let identity = Identity::from_pki(dir.path(), "registry-officer-1").expect("made by init");
    let reply = client(&node, identity).open_account(OpenAccountRequest::default()).await;
    assert_eq!(reply.expect("a trusted caller").account_id, 5);
}

/// The error that ends the call long before its 20 s are over.
async fn refused(client: &RegistryClient) -> String {
    let error = client.open_account(OpenAccountRequest::default()).await.expect_err("no trust");
    let ClientError::Setup(told) = error else { panic!("{error:?}") };
    told
}

#[tokio::test]
async fn a_node_of_another_authority_is_told_at_once() {
    let (dir, foreign) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    make_pki(dir.path());
    make_pki(foreign.path());
    let node = start_node(dir.path()).await;
    let identity = Identity::from_pki(foreign.path(), "registry-officer-1").expect("PEM files");
    let told = refused(&client(&node, identity)).await;
    let authority = foreign.path().join("client-ca.pem").display().to_string();
    for part in [&node.address, &authority, "invalid peer certificate"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(node.asked().is_empty());
}

#[tokio::test]
async fn a_caller_of_another_authority_is_told_at_once() {
    let (dir, foreign) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    make_pki(dir.path());
    make_pki(foreign.path());
    let node = start_node(dir.path()).await;
    // The foreign client trusts the node's authority, but is not of it.
    let certificate = foreign.path().join("users/registry-officer-1.pem");
    let identity = Identity::from_files(
        &dir.path().join("client-ca.pem"),
        &certificate,
        &foreign.path().join("users/registry-officer-1.key"),
    )
    .expect("PEM files");
    let told = refused(&client(&node, identity)).await;
    assert!(told.contains(&certificate.display().to_string()), "{told}");
    assert!(node.asked().is_empty());
}

#[tokio::test]
async fn a_node_of_another_name_is_not_believed() {
    let dir = tempfile::tempdir().expect("a folder");
    make_pki(dir.path());
    let node = start_node(dir.path()).await;
    let identity = Identity::from_pki(dir.path(), "registry-officer-1").expect("made by init");
    let mut cluster = Cluster::new([node.address.clone()], identity);
    cluster.server_name = "another-registry".to_owned();
    cluster.call_timeout = Duration::from_secs(20);
    let told = refused(&RegistryClient::new(cluster.connector().expect("well-formed"))).await;
    assert!(told.contains("another-registry"), "{told}");
}

#[tokio::test]
async fn one_node_with_another_certificate_is_passed_over() {
    let (dir, foreign) =
        (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    make_pki(dir.path());
    make_pki(foreign.path());
    let (stranger, node) = (start_node(foreign.path()).await, start_node(dir.path()).await);
    let identity = Identity::from_pki(dir.path(), "registry-officer-1").expect("made by init");
    let cluster = Cluster::new([stranger.address.clone(), node.address.clone()], identity);
    let client = RegistryClient::new(cluster.connector().expect("well-formed"));
    let reply = client.open_account(OpenAccountRequest::default()).await;
    assert_eq!(reply.expect("the second node answers").account_id, 5);
}

#[tokio::test]
async fn bad_settings_are_told_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    make_pki(dir.path());
    let missing = Identity::from_pki(dir.path(), "exchange-sh").expect_err("no such user");
    assert!(missing.to_string().contains("exchange-sh.pem"), "{missing}");
    let identity = || Identity::from_pki(dir.path(), "registry-officer-1").expect("made by init");
    for endpoints in [vec![], vec!["127.0.0.1"], vec!["a b:1"], vec![""]] {
        let outcome = Cluster::new(endpoints.clone(), identity()).connector();
        assert!(matches!(outcome, Err(ClientError::Setup(_))), "{endpoints:?}");
    }
}
