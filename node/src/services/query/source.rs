//! What this node has applied, as histories read it.

use registry_ledger::history::Source;
use registry_ledger::journal::{Event, Subject};
use registry_ledger::{Ledger, Rejection};
use tonic::Status;

use crate::raft::Replica;
use crate::services::gateway::Gateway;
use crate::services::status;
use crate::storage::{Journal, StorageError};

/// This node's ledger and journal. Reading blocks: see [`LiveHistory::read`].
#[derive(Clone)]
pub(in crate::services) struct LiveHistory(Replica);

/// Why a history has no answer.
#[derive(Debug)]
pub(in crate::services) enum HistoryError {
    Refused(Rejection),
    Storage(StorageError),
}

impl From<Rejection> for HistoryError {
    fn from(rejection: Rejection) -> Self {
        Self::Refused(rejection)
    }
}

impl From<StorageError> for HistoryError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl HistoryError {
    pub(in crate::services) fn into_status(self) -> Status {
        match self {
            Self::Refused(rejection) => status::rejected(&rejection),
            Self::Storage(error) => status::fault(&error.to_string()),
        }
    }
}

impl LiveHistory {
    pub(in crate::services) fn of(gateway: &Gateway) -> Self {
        Self(gateway.replica.clone())
    }

    pub(in crate::services) fn journal(&self) -> &Journal {
        self.0.journal()
    }

    /// Reads where waiting for disk and decoding hold up nobody.
    pub(in crate::services) async fn read<T: Send + 'static>(
        self,
        read: impl FnOnce(&Self) -> Result<T, HistoryError> + Send + 'static,
    ) -> Result<T, Status> {
        let found = tokio::task::spawn_blocking(move || read(&self)).await;
        found.map_err(|e| status::fault(&e.to_string()))?.map_err(HistoryError::into_status)
    }
}

impl Source for LiveHistory {
    type Error = HistoryError;

    fn ledger<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.0.ledger().blocking_read().ledger)
    }

    fn event(&self, ordinal: u64) -> Result<Event, HistoryError> {
        let stored = self.journal().read(ordinal, 1, usize::MAX)?;
        let stored = stored.first().filter(|event| event.ordinal == ordinal);
        let stored = stored.ok_or_else(|| self.damaged(format!("event {ordinal} is missing")))?;
        Event::from_bytes(&stored.bytes).map_err(|error| self.damaged(error.to_string()))
    }

    fn about(&self, subject: Subject, after: u64, limit: usize) -> Result<Vec<u64>, HistoryError> {
        Ok(self.journal().history(subject, after, limit)?)
    }

    fn covering(&self, places: Subject) -> Result<Option<u64>, HistoryError> {
        Ok(self.journal().covering(places)?)
    }

    fn damaged(&self, what: String) -> HistoryError {
        HistoryError::Storage(StorageError::Corrupt { what: "the journal".into(), why: what })
    }
}
