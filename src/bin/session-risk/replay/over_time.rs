//! Decisions over time: a histogram whose bars get wider as the log gets longer, so that there are never many.
//! How it is drawn is the report's.

use std::collections::BTreeMap;

/// Bars at most.
const BARS: usize = 120;
/// Widths in milliseconds; each divides the next, so that bars can be put together. Then doubled.
const WIDTHS: [u64; 10] =
    [1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000, 604_800_000];

/// Requests by action, by number of the action.
pub(crate) type Bar = [u64; 6];

/// Decisions by time.
pub(crate) struct OverTime {
    width: u64,
    bars: BTreeMap<u64, Bar>,
}

impl Default for OverTime {
    fn default() -> Self {
        Self { width: 1_000, bars: BTreeMap::new() }
    }
}

impl OverTime {
    /// Counts a decision at `ts`, in milliseconds.
    pub(crate) fn take(&mut self, ts: u64, action: u8) {
        let bar = self.bars.entry(ts.checked_div(self.width).unwrap_or(0)).or_default();
        if let Some(count) = bar.get_mut(usize::from(action)) {
            *count = count.saturating_add(1);
        }
        while self.bars.len() > BARS {
            self.widen();
        }
    }

    fn widen(&mut self) {
        let wider = WIDTHS.into_iter().find(|width| *width > self.width);
        let wider = wider.unwrap_or(self.width.saturating_mul(2));
        let ratio = wider.checked_div(self.width).unwrap_or(1);
        for (at, bar) in std::mem::take(&mut self.bars) {
            let sum = self.bars.entry(at.checked_div(ratio).unwrap_or(0)).or_default();
            sum.iter_mut().zip(bar).for_each(|(sum, count)| *sum = sum.saturating_add(count));
        }
        self.width = wider;
    }

    /// How much time a bar stands for, in milliseconds.
    pub(crate) fn width(&self) -> u64 {
        self.width
    }

    /// The bars that hold something, by when they begin, in milliseconds.
    pub(crate) fn bars(&self) -> impl Iterator<Item = (u64, &Bar)> {
        self.bars.iter().map(|(at, bar)| (at.saturating_mul(self.width), bar))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn bars_get_wider_and_lose_nothing() {
        let mut over_time = OverTime::default();
        for second in 0..1000u64 {
            over_time.take(1_000_000_000 + second * 1000, u8::from(second == 700));
        }
        assert_eq!(over_time.width(), 15_000);
        assert!(over_time.bars().count() <= BARS);
        assert_eq!(over_time.bars().map(|(_, bar)| bar.iter().sum::<u64>()).sum::<u64>(), 1000);
        let (at, _) = over_time.bars().find(|(_, bar)| bar.get(1) == Some(&1)).unwrap();
        assert_eq!(at, (1_000_000_000 + 700_000) / 15_000 * 15_000);
    }

    #[test]
    fn any_time_is_taken() {
        let mut over_time = OverTime::default();
        for power in 0..64 {
            for more in 0..10 {
                over_time.take((1u64 << power).saturating_add(more * 700_000_000_000), 0);
            }
        }
        over_time.take(u64::MAX, 5);
        assert!(over_time.bars().count() <= BARS);
        assert_eq!(over_time.bars().map(|(_, bar)| bar.iter().sum::<u64>()).sum::<u64>(), 641);
    }
}
