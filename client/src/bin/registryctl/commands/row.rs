//! Which line of a trade file a chunk's rejection is about.

use std::path::Path;

use registry_client::proto::Trade;
use registry_client::workflow::WorkflowError;
use registry_client::{ClientError, RejectedError};

use crate::exit::Place;

/// How a file was cut into chunks.
pub(crate) struct Cut<'a> {
    pub(crate) path: &'a Path,
    /// In the order of the file.
    pub(crate) trade_numbers: Vec<u64>,
    pub(crate) chunk_trades: usize,
    pub(crate) first_chunk: u32,
}

impl<'a> Cut<'a> {
    pub(crate) fn new(
        path: &'a Path,
        trades: &[Trade],
        chunk_trades: u32,
        first_chunk: u32,
    ) -> Self {
        Self {
            path,
            trade_numbers: trades.iter().map(|trade| trade.trade_number).collect(),
            chunk_trades: chunk_trades as usize,
            first_chunk,
        }
    }

    /// The error, with the line of the file when it names one.
    pub(crate) fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let cause = match error.downcast_ref::<WorkflowError>() {
            Some(WorkflowError::Call { cause, .. }) => Some(cause),
            _ => error.downcast_ref::<ClientError>(),
        };
        let place = match cause {
            Some(ClientError::Rejected(rejected)) => self.place(rejected),
            _ => None,
        };
        match place {
            Some(place) => error.context(Place(place)),
            None => error,
        }
    }

    /// The header is line 1.
    fn place(&self, rejected: &RejectedError) -> Option<String> {
        let (index, _) = rejected.field.strip_prefix("chunk.trades[")?.split_once(']')?;
        let index: usize = index.parse().ok()?;
        let chunk: u32 = rejected.metadata.get("chunk_number")?.parse().ok()?;
        let before = usize::try_from(chunk.checked_sub(self.first_chunk)?).ok()?;
        let row = before.checked_mul(self.chunk_trades)?.checked_add(index)?;
        let number = self.trade_numbers.get(row)?;
        let path = self.path.display();
        Some(format!("line {} of {path}, trade number {number}", row + 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(field: &str, chunk_number: &str) -> ClientError {
        ClientError::Rejected(Box::new(RejectedError {
            reason: "PRICE_LIMIT".to_owned(),
            field: field.to_owned(),
            message: "outside".to_owned(),
            code: tonic::Code::FailedPrecondition,
            metadata: [("chunk_number".to_owned(), chunk_number.to_owned())].into(),
        }))
    }

    #[test]
    fn the_line_follows_from_chunk_and_place() {
        let cut = Cut {
            path: Path::new("day.csv"),
            trade_numbers: (101..=109).collect(),
            chunk_trades: 4,
            first_chunk: 3,
        };
        let explained = cut.explain(rejected("chunk.trades[1].price_yuan", "4").into());
        let text = format!("{explained:#}");
        assert!(text.starts_with("line 7 of day.csv, trade number 106: PRICE_LIMIT"), "{text}");
        assert_eq!(crate::exit::code(&explained), 3);
        for (field, chunk) in
            [("chunk", "4"), ("chunk.trades[3]", "5"), ("chunk.trades[0]", "2"), ("date", "x")]
        {
            let text = cut.explain(rejected(field, chunk).into()).to_string();
            assert!(!text.contains("line"), "{text}");
        }
    }
}
