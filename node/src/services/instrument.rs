//! Instruments and their issuance.

use registry_ledger::Receipt;
use registry_proto::registry::instrument_service_server::InstrumentService;
use registry_proto::registry::{
    ListInstrumentsReply, ListInstrumentsRequest, RegisterInstrumentReply,
    RegisterInstrumentRequest, SetUsableUntilReply, SetUsableUntilRequest,
};
use registry_proto::storage::log_command::Command;
use tonic::{Request, Response, Status};

use crate::security::Caller;
use crate::services::encode;
use crate::services::gateway::{Gateway, unexpected};

pub(super) struct Instruments(pub(super) Gateway);

#[tonic::async_trait]
impl InstrumentService for Instruments {
    async fn register_instrument(
        &self,
        request: Request<RegisterInstrumentRequest>,
    ) -> Result<Response<RegisterInstrumentReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::RegisterInstrument(request.into_inner())).await? {
            (stamp, Receipt::Done) => {
                Ok(Response::new(RegisterInstrumentReply { stamp: Some(stamp) }))
            }
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn set_usable_until(
        &self,
        request: Request<SetUsableUntilRequest>,
    ) -> Result<Response<SetUsableUntilReply>, Status> {
        let caller = Caller::of(request.extensions())?;
        match self.0.write(&caller, Command::SetUsableUntil(request.into_inner())).await? {
            (stamp, Receipt::Done) => Ok(Response::new(SetUsableUntilReply { stamp: Some(stamp) })),
            (_, other) => Err(unexpected(&other)),
        }
    }

    async fn list_instruments(
        &self,
        request: Request<ListInstrumentsRequest>,
    ) -> Result<Response<ListInstrumentsReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let (stamp, instruments) = self
            .0
            .read(request.get_ref().consistency, |ledger| {
                Ok(ledger.instruments().iter().map(encode::instrument).collect())
            })
            .await?;
        Ok(Response::new(ListInstrumentsReply { stamp: Some(stamp), instruments }))
    }
}
