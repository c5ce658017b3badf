//! The end of a compliance year, for tests and the demonstration: provinces with
//! tonnes to give, firms that emit, and surrenders that provinces approve.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use registry_client::pki::{self, Role};
use registry_client::proto::controlled_command::Command;
use registry_client::proto::{
    AccountKind, AllocationKind, AllocationOrder, ApplySurrenderRequest, ApproveSurrenderRequest,
    AssignProvinceRequest, Issuance, OpenAccountRequest, RecordEmissionsRequest,
    RegisterInstrumentRequest, Surrender, SurrenderState,
};
use registry_client::{ProvinceClient, RegistryClient, TwoOfficers};

use crate::cluster::Cluster;

/// The year, its officers and its provinces.
pub struct YearEnd {
    year: u32,
    officers: TwoOfficers,
    provinces: BTreeMap<u32, ProvinceClient>,
}

impl YearEnd {
    /// Gives each province, named by its administrative code, a certificate.
    ///
    /// # Errors
    /// When a certificate cannot be made.
    pub fn new(cluster: &Cluster, year: u32, provinces: &[u32]) -> anyhow::Result<Self> {
        let mut clients = BTreeMap::new();
        for code in provinces {
            pki::issue_user(&cluster.plan().pki_dir(), Role::Province, &code.to_string())?;
            let connector = cluster.connect_as(&format!("province-{code}"))?;
            clients.insert(*code, ProvinceClient::new(connector));
        }
        Ok(Self { year, officers: cluster.officers()?, provinces: clients })
    }

    /// Every province and its client.
    #[must_use]
    pub fn provinces(&self) -> &BTreeMap<u32, ProvinceClient> {
        &self.provinces
    }

    /// Two officers of the registry.
    #[must_use]
    pub fn officers(&self) -> &TwoOfficers {
        &self.officers
    }

    /// One of them.
    #[must_use]
    pub fn registry(&self) -> &RegistryClient {
        self.officers.maker()
    }

    fn province(&self, code: u32) -> anyhow::Result<&ProvinceClient> {
        self.provinces.get(&code).with_context(|| format!("province {code}"))
    }

    /// Registers an instrument at the market's usual price.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn register(&self, instrument: &str) -> anyhow::Result<()> {
        let request = RegisterInstrumentRequest {
            instrument: instrument.to_owned(),
            reference_price_yuan: crate::market::REFERENCE_PRICE_YUAN.to_owned(),
            ..Default::default()
        };
        self.registry().register_instrument(request).await?;
        Ok(())
    }

    /// Opens the account from which a province allocates.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn open_authority(&self, province: u32, uscc: String) -> anyhow::Result<u64> {
        let request = OpenAccountRequest {
            uscc,
            name: format!("Authority {province}"),
            kind: AccountKind::Province.into(),
            ..Default::default()
        };
        let account_id = self.registry().open_account(request).await?.account_id;
        self.assign(account_id, province).await?;
        Ok(account_id)
    }

    /// Puts an account under a province.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn assign(&self, account_id: u64, province: u32) -> anyhow::Result<()> {
        let document = "letter 1".to_owned();
        let request =
            AssignProvinceRequest { account_id, province, document, ..Default::default() };
        self.registry().assign_province(request).await?;
        Ok(())
    }

    /// Issues tonnes into an account.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn issue(
        &self,
        account_id: u64,
        instrument: &str,
        quantity_tco2e: i64,
    ) -> anyhow::Result<()> {
        let units = Issuance {
            account_id,
            instrument: instrument.to_owned(),
            quantity_tco2e,
            document: format!("plan {}", self.year),
        };
        self.officers.issue("", units).await?;
        Ok(())
    }

    /// A province's pre-allocation to a firm.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn allocate(
        &self,
        province: u32,
        account_id: u64,
        instrument: &str,
        quantity_tco2e: i64,
    ) -> anyhow::Result<()> {
        let order = AllocationOrder {
            province,
            account_id,
            instrument: instrument.to_owned(),
            kind: AllocationKind::PreAllocation.into(),
            quantity_tco2e,
            document: "pre-allocation".to_owned(),
        };
        self.officers.carry_out("", Command::Allocation(order)).await?;
        Ok(())
    }

    /// What a firm emitted, verified.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn verify_emissions(
        &self,
        province: u32,
        account_id: u64,
        verified_tco2e: i64,
    ) -> anyhow::Result<()> {
        let request = RecordEmissionsRequest {
            province,
            account_id,
            year: self.year,
            verified_tco2e,
            report_sha256: vec![7; 32].into(),
            ..Default::default()
        };
        self.province(province)?.record_emissions(request).await?;
        Ok(())
    }

    /// A firm asks to surrender.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn apply(
        &self,
        account_id: u64,
        instrument: &str,
        quantity_tco2e: i64,
    ) -> anyhow::Result<Surrender> {
        let request = ApplySurrenderRequest {
            account_id,
            year: self.year,
            instrument: instrument.to_owned(),
            quantity_tco2e,
            ..Default::default()
        };
        let applied = self.registry().apply_surrender(request).await?;
        applied.surrender.context("an answer without its surrender")
    }

    /// A firm asks to surrender and its province approves.
    ///
    /// # Errors
    /// When the cluster refuses or does not answer.
    pub async fn surrender(
        &self,
        province: u32,
        account_id: u64,
        instrument: &str,
        quantity_tco2e: i64,
    ) -> anyhow::Result<()> {
        let asked = self.apply(account_id, instrument, quantity_tco2e).await?;
        let surrender_id = asked.surrender_id;
        let request = ApproveSurrenderRequest { province, surrender_id, ..Default::default() };
        let done = self.province(province)?.approve_surrender(request).await?.surrender;
        let state = done.unwrap_or_default().state();
        ensure!(state == SurrenderState::Approved, "surrender {surrender_id} is {state:?}");
        Ok(())
    }
}
