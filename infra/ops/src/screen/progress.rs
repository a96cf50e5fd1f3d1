//! How far long work is, on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const KNOWN: &str = "{msg} [{bar:30}] {pos}/{len}, {eta} left";
const UNKNOWN: &str = "{msg} {spinner} {pos}";
/// Work that is done sooner shows nothing moving.
const TICK: Duration = Duration::from_millis(120);

/// How far long work is; shown on a terminal only, and gone when it is done.
pub struct Progress(ProgressBar);

impl Progress {
    /// Begins to show work of `total` steps; 0 where nobody knows how many there are.
    pub fn new(what: &'static str, total: u64) -> Self {
        let (bar, template) = match total {
            0 => (ProgressBar::new_spinner(), UNKNOWN),
            total => (ProgressBar::new(total), KNOWN),
        };
        let style = ProgressStyle::with_template(template);
        let bar = bar.with_message(what).with_style(style.unwrap_or_else(|_| {
            // A template that can't be read shows the default one.
            ProgressStyle::default_bar()
        }));
        bar.enable_steady_tick(TICK);
        Progress(bar)
    }

    /// So many more steps are done.
    pub fn add(&self, steps: u64) {
        // What is counted every six hours may be too small by now.
        let done = self.0.position() + steps;
        if self.0.length().is_some_and(|length| length < done) {
            self.0.set_length(done);
        }
        self.0.inc(steps);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
