//! The threads that own databases. A process must not end before they have
//! closed them: RocksDB's own cleanup at exit and an open database do not mix.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

/// Every storage thread of one node. Clones share the list.
#[derive(Clone, Default)]
pub(crate) struct StorageThreads {
    running: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl StorageThreads {
    /// Starts a named thread.
    pub(super) fn spawn(
        &self,
        name: &str,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let handle = thread::Builder::new().name(name.to_owned()).spawn(work)?;
        self.running.lock().push(handle);
        Ok(())
    }

    /// Waits until every thread has closed its database, which it does once
    /// nobody can send it work any more.
    pub(crate) fn join(&self) {
        for handle in std::mem::take(&mut *self.running.lock()) {
            if handle.join().is_err() {
                tracing::error!("a storage thread panicked");
            }
        }
    }
}
