//! Waiting on state, with a deadline; nothing here waits a fixed time and hopes.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::bail;

/// Time between two looks at the awaited state.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Polls `probe` until it answers `Ok(Some(_))`, at most until `timeout` has passed.
///
/// # Errors
/// When the deadline passes; names `what` was awaited and the last thing the
/// probe said. An `Err` of the probe means "not yet", not a failure.
pub async fn eventually<T, F, P>(what: &str, timeout: Duration, mut probe: P) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
    P: FnMut() -> F,
{
    let deadline = Instant::now() + timeout;
    loop {
        let last = match tokio::time::timeout_at(deadline.into(), probe()).await {
            Ok(Ok(Some(value))) => return Ok(value),
            Ok(Ok(None)) => "not yet".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(_) => "the last look did not answer".to_owned(),
        };
        if Instant::now() >= deadline {
            bail!("waited {} ms for {what}: {last}", timeout.as_millis());
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
