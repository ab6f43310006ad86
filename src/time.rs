//! Points in time and spans between them, in whole milliseconds, saturating.
//! Nothing here reads a clock: the host's time comes in as an argument.

/// A point in time: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// `ms` milliseconds after the Unix epoch.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// `s` seconds after the Unix epoch.
    pub const fn from_seconds(s: u32) -> Self {
        Self((s as u64).saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down; saturates in the year 2106.
    pub fn seconds(self) -> u32 {
        u32::try_from(self.0 / 1000).unwrap_or(u32::MAX)
    }

    /// How long ago `earlier` was. A clock that went backwards gives zero, never a negative span.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// The point `span` later.
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A length of time in milliseconds, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

impl Span {
    /// A span of `ms` milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// A span of `s` seconds.
    pub const fn from_seconds(s: u32) -> Self {
        Self((s as u64).saturating_mul(1000))
    }

    /// A span of `m` minutes.
    pub const fn from_minutes(m: u32) -> Self {
        Self((m as u64).saturating_mul(60_000))
    }

    /// The span in milliseconds.
    pub const fn millis(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_goes_backwards_gives_a_zero_span() {
        let late = Timestamp::from_millis(5_000);
        let early = Timestamp::from_millis(4_000);
        assert_eq!(early.since(late), Span::from_millis(0));
        assert_eq!(late.since(early), Span::from_seconds(1));
    }

    #[test]
    fn the_ends_of_the_range_saturate() {
        let end = Timestamp::from_millis(u64::MAX);
        assert_eq!(end.after(Span::from_minutes(1)), end);
        assert_eq!(end.seconds(), u32::MAX);
    }
}
