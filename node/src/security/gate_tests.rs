#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::Code;
use tonic::service::Routes;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use super::Gate;
use crate::config::TlsConfig;
use crate::security::policy::Port;
use crate::security::test_pki::{Authority, Holder};
use crate::security::tls::{client_port_tls, peer_dial_tls, peer_port_tls};

struct Pki {
    folder: tempfile::TempDir,
    client: Authority,
    peer: Authority,
    tls: TlsConfig,
}

/// Node 11's files as in a deployment.
fn pki() -> Pki {
    let folder = tempfile::tempdir().unwrap();
    let (client, peer) = (Authority::new(), Authority::new());
    let node = "spiffe://carbon-registry/node/11";
    let write = |name: &str, text: String| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let on_client_port = client.issue(&[node], &["carbon-registry"]);
    let on_peer_port = peer.issue(&[node], &["node-11.carbon-registry"]);
    let tls = TlsConfig {
        client_ca: write("client-ca.pem", client.pem()),
        client_cert: write("client.pem", on_client_port.certificate.pem()),
        client_key: write("client.key", on_client_port.key.serialize_pem()),
        peer_ca: write("peer-ca.pem", peer.pem()),
        peer_cert: write("peer.pem", on_peer_port.certificate.pem()),
        peer_key: write("peer.key", on_peer_port.key.serialize_pem()),
    };
    Pki { folder, client, peer, tls }
}

/// The health service behind a gate, on a port of its own.
fn serve(tls: tonic::transport::ServerTlsConfig, port: Port) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tonic::transport::server::TcpIncoming::from(
        tokio::net::TcpListener::from_std(listener).unwrap(),
    );
    let (_reporter, health) = tonic_health::server::health_reporter();
    let gate = Gate::new(port, Routes::new(health).prepare());
    let server = Server::builder().tls_config(tls).unwrap().serve_with_incoming(gate, incoming);
    drop(tokio::spawn(server));
    address
}

fn client_tls(authority: &Authority, holder: Option<&Holder>) -> ClientTlsConfig {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.pem()))
        .domain_name("carbon-registry");
    match holder {
        Some(holder) => {
            tls.identity(Identity::from_pem(holder.certificate.pem(), holder.key.serialize_pem()))
        }
        None => tls,
    }
}

async fn check_health(address: SocketAddr, tls: ClientTlsConfig) -> Result<i32, tonic::Status> {
    let channel: Channel = Endpoint::from_shared(format!("https://{address}"))
        .unwrap()
        .tls_config(tls)
        .unwrap()
        .timeout(Duration::from_secs(5))
        .connect_lazy();
    let request = HealthCheckRequest { service: String::new() };
    HealthClient::new(channel).check(request).await.map(|reply| reply.into_inner().status)
}

/// The connection never came to be: the status is the client's own.
fn assert_no_connection(result: Result<i32, tonic::Status>) {
    let status = result.unwrap_err();
    // TLS 1.3 refuses a client after its handshake; then the code is UNKNOWN.
    assert!(matches!(status.code(), Code::Unavailable | Code::Unknown), "{status}");
    assert_eq!(reason(&status), "");
}

fn reason(status: &tonic::Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[tokio::test]
async fn only_certificates_of_the_client_authority_reach_the_client_port() {
    let pki = pki();
    let address = serve(client_port_tls(&pki.tls).unwrap(), Port::Client);
    let firm = ["spiffe://carbon-registry/firm/7"];

    let known = pki.client.issue(&firm, &[]);
    assert_eq!(check_health(address, client_tls(&pki.client, Some(&known))).await.unwrap(), 1);

    assert_no_connection(check_health(address, client_tls(&pki.client, None)).await);
    // Same claim, other authority: the handshake fails.
    let forged = pki.peer.issue(&firm, &[]);
    assert_no_connection(check_health(address, client_tls(&pki.client, Some(&forged))).await);
    // Known authority, no role.
    let nobody = pki.client.issue(&["spiffe://carbon-registry/king/1"], &[]);
    let nobody = check_health(address, client_tls(&pki.client, Some(&nobody))).await.unwrap_err();
    assert_eq!((nobody.code(), reason(&nobody).as_str()), (Code::Unauthenticated, "NO_IDENTITY"));
}

#[tokio::test]
async fn the_gate_denies_what_the_table_does_not_allow() {
    let pki = pki();
    // Health is no call of the peer port, so its row does not count there.
    let address = serve(client_port_tls(&pki.tls).unwrap(), Port::Peer);
    let operator = pki.client.issue(&["spiffe://carbon-registry/operator/1"], &[]);
    let denied = check_health(address, client_tls(&pki.client, Some(&operator))).await.unwrap_err();
    let got = (denied.code(), reason(&denied));
    assert_eq!(got, (Code::PermissionDenied, "NOT_AUTHORISED".to_owned()));
    let info = denied.get_details_error_info().unwrap();
    assert_eq!(info.metadata["role"], "operator");
    assert_eq!(info.metadata["rpc"], "grpc.health.v1.Health/Check");
}

#[tokio::test]
async fn a_peer_is_dialled_under_its_own_name_only() {
    let pki = pki();
    let address = serve(peer_port_tls(&pki.tls).unwrap(), Port::Client);
    // The row of health lets a node in; what is tested is the name.
    assert_eq!(check_health(address, peer_dial_tls(&pki.tls, 11).unwrap()).await.unwrap(), 1);
    assert_no_connection(check_health(address, peer_dial_tls(&pki.tls, 12).unwrap()).await);
    // A client's certificate is worth nothing here.
    let officer = pki.client.issue(&["spiffe://carbon-registry/registry/officer-1"], &[]);
    let tls = client_tls(&pki.peer, Some(&officer)).domain_name("node-11.carbon-registry");
    assert_no_connection(check_health(address, tls).await);
}

#[test]
fn unusable_files_are_named() {
    let pki = pki();
    let refused = |change: &dyn Fn(&mut TlsConfig, &Path)| {
        let mut tls = pki.tls.clone();
        change(&mut tls, pki.folder.path());
        client_port_tls(&tls).expect_err("unusable").to_string()
    };
    let missing = refused(&|tls, folder| tls.client_key = folder.join("absent.key"));
    assert!(missing.contains("absent.key"), "{missing}");
    let swapped = refused(&|tls, _| tls.client_cert = tls.client_key.clone());
    assert!(swapped.contains("client.key is not a PEM file with a certificate"), "{swapped}");
    let swapped = refused(&|tls, _| tls.client_key = tls.client_ca.clone());
    assert!(swapped.contains("client-ca.pem is not a PEM file with a private key"), "{swapped}");
}
