//! The price board.

use registry_ledger::{Date, InstrumentCode, Ledger, Reason, Rejection};
use registry_proto::registry::price_service_server::PriceService;
use registry_proto::registry::{
    GetDailyPriceReply, GetDailyPriceRequest, ListDailyPricesReply, ListDailyPricesRequest,
};
use tonic::{Request, Response, Status};

use crate::decode::fields;
use crate::security::Caller;
use crate::services::encode;
use crate::services::gateway::{Gateway, page_size};

pub(super) struct Prices(pub(super) Gateway);

#[tonic::async_trait]
impl PriceService for Prices {
    async fn get_daily_price(
        &self,
        request: Request<GetDailyPriceRequest>,
    ) -> Result<Response<GetDailyPriceReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let (stamp, price) = self
            .0
            .read(message.consistency, |ledger| {
                let instrument = known_instrument(ledger, &message.instrument)?;
                let date = fields::date(&message.date, "date")?;
                let price = ledger.daily_price(instrument, date).ok_or_else(|| {
                    let message = format!("{instrument} has no price on {date}");
                    Rejection::new(Reason::UnknownDay, "date", message)
                })?;
                Ok(encode::daily_price(&price))
            })
            .await?;
        Ok(Response::new(GetDailyPriceReply { stamp: Some(stamp), price: Some(price) }))
    }

    async fn list_daily_prices(
        &self,
        request: Request<ListDailyPricesRequest>,
    ) -> Result<Response<ListDailyPricesReply>, Status> {
        let _caller = Caller::of(request.extensions())?;
        let message = request.into_inner();
        let limit = page_size(message.page_size)?;
        let (stamp, (prices, next)) = self
            .0
            .read(message.consistency, |ledger| {
                let instrument = known_instrument(ledger, &message.instrument)?;
                let from = optional_date(&message.from_date, "from_date")?;
                let to = optional_date(&message.to_date, "to_date")?;
                let mut prices = ledger.daily_prices(instrument, from, to, limit + 1);
                let next = prices.get(limit).map(|price| price.date.to_string());
                prices.truncate(limit);
                Ok((prices.iter().map(encode::daily_price).collect(), next))
            })
            .await?;
        Ok(Response::new(ListDailyPricesReply {
            stamp: Some(stamp),
            prices,
            next_from_date: next.unwrap_or_default(),
        }))
    }
}

pub(super) fn known_instrument(ledger: &Ledger, code: &str) -> Result<InstrumentCode, Rejection> {
    const FIELD: &str = "instrument";
    let instrument = fields::instrument(code, FIELD)?;
    if ledger.instruments().iter().any(|view| view.code == instrument) {
        return Ok(instrument);
    }
    let message = format!("{instrument} is not registered");
    Err(Rejection::new(Reason::WrongInstrument, FIELD, message))
}

pub(super) fn optional_date(text: &str, field: &str) -> Result<Option<Date>, Rejection> {
    if text.is_empty() { Ok(None) } else { fields::date(text, field).map(Some) }
}
