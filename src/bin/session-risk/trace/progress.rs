//! A bar on standard error while a log is read: how much of the files, as they lie on the disk, and how many requests a
//! second. Only a terminal gets one.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    cell::Cell,
    io::{self, IsTerminal},
    path::PathBuf,
    rc::Rc,
    time::Instant,
};

/// The bar of one run.
pub(super) struct Progress {
    bar: ProgressBar,
    taken: Rc<Cell<u64>>,
    requests: u64,
    began: Instant,
}

impl Progress {
    /// A bar over these files. Of standard input nobody knows the length.
    pub(super) fn over(files: &[PathBuf], quiet: bool) -> Self {
        let bytes = files.iter().map(|file| file.metadata().ok().map(|data| data.len()));
        let all: Option<u64> = bytes.sum();
        let (bar, template) = match all {
            Some(all) => (ProgressBar::new(all), "{bar:30} {bytes} of {total_bytes}, {msg}, {eta} left"),
            None => (ProgressBar::no_length(), "{spinner} {bytes}, {msg}"),
        };
        bar.set_draw_target(if quiet || !io::stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(5)
        });
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar, taken: Rc::default(), requests: 0, began: Instant::now() }
    }

    /// Where the files count the bytes that are taken from them.
    pub(super) fn counter(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.taken)
    }

    /// One more request was read.
    pub(super) fn step(&mut self) {
        self.requests = self.requests.saturating_add(1);
        if self.requests.is_multiple_of(4096) && !self.bar.is_hidden() {
            let millis = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
            let rate = self.requests.saturating_mul(1000).checked_div(millis).unwrap_or(0);
            self.bar.set_message(format!("{rate} requests/s"));
            self.bar.set_position(self.taken.get());
        }
    }

    /// Writes something else to the terminal, the bar out of the way.
    pub(super) fn beside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
