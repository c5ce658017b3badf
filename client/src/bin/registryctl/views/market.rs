//! The price board.

use registry_client::proto::DailyPrice;

use crate::output::Record;

pub(crate) fn price(price: &DailyPrice) -> Record {
    Record::default()
        .with("instrument", price.instrument.as_str())
        .with("date", price.date.as_str())
        .with("previous_close_yuan", price.previous_close_yuan.as_str())
        .with("open_yuan", price.open_yuan.as_str())
        .with("high_yuan", price.high_yuan.as_str())
        .with("low_yuan", price.low_yuan.as_str())
        .with("close_yuan", price.close_yuan.as_str())
        .with("listed_tco2e", price.listed_tco2e.to_string())
        .with("listed_yuan", price.listed_yuan.as_str())
        .with("block_tco2e", price.block_tco2e.to_string())
        .with("block_yuan", price.block_yuan.as_str())
        .with("settled", price.settled)
}
