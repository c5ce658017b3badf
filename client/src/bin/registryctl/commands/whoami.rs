//! `whoami`: what the caller's certificate says; no node is asked.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use crate::args::Global;
use crate::output::{Page, Record};

pub(crate) fn run(global: &Global) -> Result<Page> {
    let holder = global.own_identity()?.holder()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let expired = u128::try_from(holder.expires_at_ms).is_ok_and(|end| end < now.as_millis());
    let record = Record::default()
        .with("role", holder.role)
        .with("name", holder.name)
        .with("issuer", holder.issuer)
        .with("expires_at_ms", holder.expires_at_ms)
        .with("expired", expired);
    Ok(Page::default().one(record))
}
