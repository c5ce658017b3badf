//! What exists already with other content is told, not taken for the load's.

use std::time::Duration;

use registry_proto::registry::{Bank, Instrument};

use super::{LoadOptions, WorkflowError, load_population};
use crate::fake_node::{FakeNode, Script};
use crate::sample::{Population, SETTLEMENT_BANKS};
use crate::{Connector, RegistryClient, TwoOfficers};

/// Loads no firms into a registry that holds these already.
async fn load(banks: Vec<Bank>, instruments: Vec<Instrument>) -> Result<(), WorkflowError> {
    let node = FakeNode::start(Script { banks, instruments, ..Default::default() }).await;
    let connector =
        Connector::plaintext(std::slice::from_ref(&node.address), Duration::from_secs(20));
    let population = Population::generate(0, 1);
    let options = LoadOptions::new("1", 4306);
    let officer = RegistryClient::new(connector);
    let officers = TwoOfficers::new(officer.clone(), officer);
    load_population(&officers, &population, &options, |_| {}).await?;
    Ok(())
}

fn bank(name: &str) -> Bank {
    Bank { bank_id: SETTLEMENT_BANKS[0].bank_id, name: name.to_owned(), ..Default::default() }
}

fn instrument(last_close_yuan: &str, last_close_date: &str) -> Instrument {
    Instrument {
        instrument: LoadOptions::new("1", 1).instrument,
        last_close_yuan: last_close_yuan.to_owned(),
        last_close_date: last_close_date.to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn the_same_bank_and_instrument_are_as_good_as_new() {
    load(vec![bank(SETTLEMENT_BANKS[0].name)], vec![instrument("43.06", "")])
        .await
        .expect("nothing differs");
}

#[tokio::test]
async fn a_bank_of_another_name_is_told() {
    let error = load(vec![bank("Bank of Elsewhere")], Vec::new()).await.expect_err("it differs");
    let told = error.to_string();
    assert!(told.contains("Bank of Elsewhere"), "{told}");
    assert!(told.contains(SETTLEMENT_BANKS[0].name), "{told}");
}

#[tokio::test]
async fn an_instrument_with_another_price_is_told() {
    for (date, words) in
        [("", "the reference price 40.00 yuan"), ("2021-12-15", "the close of 2021-12-15 40.00")]
    {
        let error =
            load(Vec::new(), vec![instrument("40.00", date)]).await.expect_err("it differs");
        let told = error.to_string();
        assert!(told.contains(words), "{told}");
        assert!(told.contains("43.06"), "{told}");
    }
}
