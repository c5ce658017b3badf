//! A settlement bank's side: what it needs to see.

use registry_proto::registry::{
    Bank, Consistency, DailyPrice, GetDailyPriceRequest, ListBanksRequest,
};

use crate::connect::Connector;
use crate::error::ClientError;
use crate::reads::ReadClient;

/// Linearizable reads with a settlement bank's identity.
#[derive(Clone, Debug)]
pub struct BankClient {
    reads: ReadClient,
}

impl BankClient {
    /// A client over these channels.
    #[must_use]
    pub fn new(connector: Connector) -> Self {
        Self { reads: ReadClient::new(connector) }
    }

    /// All settlement banks; figures only of the caller's own.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`.
    pub async fn banks(&self) -> Result<Vec<Bank>, ClientError> {
        let consistency = Consistency::Linearizable.into();
        Ok(self.reads.list_banks(ListBanksRequest { consistency }).await?.banks)
    }

    /// One line of the price board.
    ///
    /// # Errors
    /// Any [`ClientError`] but `Unknown`.
    pub async fn daily_price(
        &self,
        instrument: &str,
        date: &str,
    ) -> Result<DailyPrice, ClientError> {
        let request = GetDailyPriceRequest {
            instrument: instrument.to_owned(),
            date: date.to_owned(),
            consistency: Consistency::Linearizable.into(),
        };
        let reply = self.reads.get_daily_price(request).await?;
        let nothing = || ClientError::Protocol("the answer holds no price".to_owned());
        reply.price.ok_or_else(nothing)
    }
}
