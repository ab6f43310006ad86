//! What the filter needs of a gateway, and no more. Everything else that a proxy-wasm host offers stays in `wasm/`.

use crate::{metrics::Counter, response::LocalReply, session::table::Store, time::Timestamp};

/// Something that the gateway is told to do. None of these returns anything.
#[derive(Clone, Copy, Debug)]
pub enum Effect<'a> {
    /// Sets a request header, replacing every copy of it.
    SetRequestHeader(&'a str, &'a str),
    /// Removes every copy of a request header.
    RemoveRequestHeader(&'a [u8]),
    /// Removes every copy of a response header.
    RemoveResponseHeader(&'a str),
    /// Answers the request instead of forwarding it.
    Reply(&'a LocalReply),
    /// Sets a filter state value that the access log can read.
    FilterState(&'a str, &'a str),
    /// Adds to a counter.
    Count(Counter, u32),
    /// Records a score in the histogram.
    Score(u8),
    /// Writes a line to the gateway's log.
    Log(LogLevel, &'a str),
}

/// Severity of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// A decision that was not `allow`.
    Info,
    /// Something to look at.
    Warn,
    /// Something that keeps the filter from working.
    Error,
}

/// A gateway, as the filter sees it. Shared data comes in through [`Store`].
pub trait Host: Store {
    /// The time.
    fn now(&mut self) -> Timestamp;
    /// A property of the connection or of the request's metadata; `None` when the host has none of that name.
    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>>;
    /// Has an effect. A failure is the host's to count; the filter could do nothing about it.
    fn apply(&mut self, effect: Effect<'_>);
}
