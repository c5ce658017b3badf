//! Commands that go on until they are told to end.

use tokio::signal::unix::{SignalKind, signal};

/// Ctrl-C, or the service manager.
pub(super) async fn stop_asked() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}
