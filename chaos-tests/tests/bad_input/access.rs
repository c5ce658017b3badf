//! Callers that may not ask: wrong role, no certificate, a stranger's certificate.

use std::time::Duration;

use registry_chaos_tests::cluster::Cluster;
use registry_chaos_tests::market::{bank_of, open_day};
use registry_client::proto::cluster_service_client::ClusterServiceClient;
use registry_client::proto::{
    Consistency, DepositRequest, GetStatusRequest, ListAccountsRequest, OpenBankRequest,
    SettleTradeRequest,
};
use registry_client::{ExchangeClient, Identity, OperatorClient, RegistryClient, SERVER_NAME, pki};
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic_types::StatusExt as _;

use super::{Bench, immediate, trade};

const CALL_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn tables(bench: &mut Bench) -> anyhow::Result<()> {
    wrong_roles(bench).await?;
    no_certificate(bench).await?;
    strangers(bench).await
}

async fn wrong_roles(bench: &mut Bench) -> anyhow::Result<()> {
    let deposit = DepositRequest {
        account_id: 1,
        bank_id: bank_of(1),
        amount_yuan: "1.00".to_owned(),
        ..Default::default()
    };
    let bank =
        OpenBankRequest { bank_id: 310, name: "Another bank".to_owned(), ..Default::default() };
    for user in ["exchange-sh", "operator-1", "auditor-1", "bank-102"] {
        let registry = RegistryClient::new(bench.cluster.connect_as(user)?);
        bench
            .refusals
            .denied(&format!("deposit as {user}"), registry.deposit(deposit.clone()).await, DENIED)
            .await;
        bench
            .refusals
            .denied(&format!("bank as {user}"), registry.open_bank(bank.clone()).await, DENIED)
            .await;
        let day = open_day("2021-12-17");
        bench
            .refusals
            .denied(&format!("day as {user}"), registry.open_day(day).await, DENIED)
            .await;
    }
    for user in ["registry-officer-1", "operator-1", "auditor-1", "bank-102"] {
        let exchange = ExchangeClient::new(bench.cluster.connect_as(user)?);
        let request: SettleTradeRequest = immediate("", trade(900));
        bench
            .refusals
            .denied(&format!("trade as {user}"), exchange.settle_trade(request).await, DENIED)
            .await;
    }
    for user in ["exchange-sh", "bank-102"] {
        let registry = RegistryClient::new(bench.cluster.connect_as(user)?);
        let request =
            ListAccountsRequest { consistency: Consistency::StaleOk.into(), ..Default::default() };
        let outcome = registry.reads().list_accounts(request).await;
        bench.refusals.denied(&format!("all accounts as {user}"), outcome, DENIED).await;
    }
    let operator = OperatorClient::new(bench.cluster.connect_as("registry-officer-1")?);
    bench.refusals.denied("bootstrap as an officer", operator.bootstrap("").await, DENIED).await;
    Ok(())
}

const DENIED: &str = "NOT_AUTHORISED";

/// A channel to one node with a user's certificate, or with none.
pub(super) fn channel(
    cluster: &Cluster,
    node_id: u64,
    user: Option<&str>,
) -> anyhow::Result<Channel> {
    let pki = cluster.plan().pki_dir();
    let authority = Certificate::from_pem(std::fs::read_to_string(pki.join("client-ca.pem"))?);
    let mut tls = ClientTlsConfig::new().ca_certificate(authority).domain_name(SERVER_NAME);
    if let Some(user) = user {
        let file =
            |ending: &str| std::fs::read_to_string(pki.join(format!("users/{user}.{ending}")));
        tls = tls.identity(tonic::transport::Identity::from_pem(file("pem")?, file("key")?));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", cluster.endpoint(node_id)?))?;
    Ok(endpoint.timeout(CALL_TIMEOUT).tls_config(tls)?.connect_lazy())
}

/// Code, reason and field of a raw answer.
pub(super) fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> String {
    let status = match outcome {
        Ok(answer) => return format!("{answer:?}"),
        Err(status) => status,
    };
    let details = status.get_error_details();
    let info = details.error_info();
    let reason = info.map_or("", |info| info.reason.as_str());
    let field = info.and_then(|info| info.metadata.get("field")).map_or("", String::as_str);
    format!("{:?} {reason} {field:?}", status.code())
}

async fn no_certificate(bench: &mut Bench) -> anyhow::Result<()> {
    for node_id in bench.cluster.node_ids() {
        let channel = channel(&bench.cluster, node_id, None)?;
        let outcome =
            ClusterServiceClient::new(channel).get_status(GetStatusRequest::default()).await;
        let found = if outcome.is_err() { "refused" } else { "answered" };
        bench
            .refusals
            .compare(&format!("node {node_id} without a certificate"), found, "refused")
            .await;
    }
    // The same call with one is answered, so it was the certificate.
    let channel = channel(&bench.cluster, bench.cluster.node_ids()[0], Some("operator-1"))?;
    ClusterServiceClient::new(channel).get_status(GetStatusRequest::default()).await?;
    Ok(())
}

async fn strangers(bench: &mut Bench) -> anyhow::Result<()> {
    let ours = bench.cluster.plan().pki_dir();
    let theirs = bench.cluster.plan().work_dir().join("foreign-pki");
    pki::init(&theirs, &pki::Layout::dual_city())?;
    let operator = theirs.join("users/operator-1");
    let peer = ours.join("nodes/sh-1/peer");
    // Another authority's operator, and a peer certificate on the client port.
    for (what, certificate) in [("a stranger", operator), ("a peer", peer)] {
        let identity = Identity::from_files(
            &ours.join("client-ca.pem"),
            &certificate.with_extension("pem"),
            &certificate.with_extension("key"),
        )?;
        let mut cluster = registry_client::Cluster::new(bench.cluster.plan().endpoints(), identity);
        cluster.attempt_timeout = CALL_TIMEOUT;
        let operator = OperatorClient::new(cluster.connector()?);
        for node in operator.statuses(0).await {
            let found = if node.status.is_err() { "refused" } else { "answered" };
            bench.refusals.compare(&format!("{what} at {}", node.endpoint), found, "refused").await;
        }
    }
    // A client does not believe a node of another authority either.
    let users = ours.join("users");
    let identity = Identity::from_files(
        &theirs.join("client-ca.pem"),
        &users.join("operator-1.pem"),
        &users.join("operator-1.key"),
    )?;
    let operator = OperatorClient::new(
        registry_client::Cluster::new(bench.cluster.plan().endpoints(), identity).connector()?,
    );
    for node in operator.statuses(0).await {
        let found = if node.status.is_err() { "refused" } else { "answered" };
        bench
            .refusals
            .compare(&format!("a false node at {}", node.endpoint), found, "refused")
            .await;
    }
    Ok(())
}
