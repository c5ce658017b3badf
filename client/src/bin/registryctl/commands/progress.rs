//! Progress bars, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};
use registry_client::workflow::{SettleProgress, Stage};

/// A bar on standard error; indicatif draws nothing when that is no terminal.
pub(crate) fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix:>12} {wide_bar} {pos}/{len} {per_sec}");
    let bar = ProgressBar::new(0).with_prefix(what);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// One bar per stage that counts trades.
#[derive(Default)]
pub(crate) struct StageBars {
    current: Option<(Stage, ProgressBar)>,
}

impl StageBars {
    pub(crate) fn show(&mut self, progress: SettleProgress) {
        let running = self.current.as_ref().is_some_and(|(stage, _)| *stage == progress.stage);
        if !running {
            self.finish();
            if progress.total > 0 {
                self.current = Some((progress.stage, bar(progress.stage.as_str())));
            }
        }
        if let Some((_, bar)) = &self.current {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    }

    pub(crate) fn finish(&mut self) {
        if let Some((_, bar)) = self.current.take() {
            bar.finish();
        }
    }
}
