//! From evidence to a number that a person can read: points, level, contributions.
//! What to do about it is policy's business.

use crate::{
    bounds::{LEDGER_LINES, LEVEL_HOLD_SECONDS, LEVEL_MARGIN, RELAPSE_HEALS_SECONDS, RELAPSES, SCORE_MAX},
    evidence::Ledger,
    signal::{Change, Decibans, Kind, Signals},
    time::Timestamp,
};

/// Points, 0..=100. Ten points: the odds that the session is in the wrong hands have grown tenfold since it was issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Score(u8);

impl Score {
    /// `points`, clamped to 0..=100.
    pub const fn new(points: u8) -> Self {
        Self(if points > SCORE_MAX { SCORE_MAX } else { points })
    }

    /// The score in points.
    pub const fn points(self) -> u8 {
        self.0
    }

    /// The score of a ledger at `now`: groups add, as log-odds of independent evidence do.
    pub fn of(ledger: &Ledger, now: Timestamp) -> Self {
        let units = ledger.groups(now).iter().fold(0u32, |sum, group| sum.saturating_add(u32::from(group.units())));
        // To the nearest point: a weight of 15 counts as 15 during its first second, not as 14.
        Self::new(u8::try_from(units.saturating_add(16) / 32).unwrap_or(SCORE_MAX))
    }
}

/// The score through thresholds, with hysteresis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Nothing to see.
    #[default]
    Low = 0,
    /// Worth a look.
    Elevated = 1,
    /// Worth a question.
    High = 2,
    /// Worth a stop.
    Critical = 3,
}

/// Every level with its word, by number.
pub const LEVELS: [(Level, &str); 4] =
    [(Level::Low, "low"), (Level::Elevated, "elevated"), (Level::High, "high"), (Level::Critical, "critical")];

impl Level {
    /// The level's number, 0..=3.
    pub const fn number(self) -> u8 {
        match self {
            Self::Low => 0,
            Self::Elevated => 1,
            Self::High => 2,
            Self::Critical => 3,
        }
    }

    /// The level's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Elevated => "elevated",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Scores at which the levels begin, rising.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// `elevated` from here.
    pub elevated: Score,
    /// `high` from here.
    pub high: Score,
    /// `critical` from here.
    pub critical: Score,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { elevated: Score::new(10), high: Score::new(20), critical: Score::new(35) }
    }
}

impl Thresholds {
    /// The level that `score` alone would give.
    pub fn level(&self, score: Score) -> Level {
        if score >= self.critical {
            Level::Critical
        } else if score >= self.high {
            Level::High
        } else if score >= self.elevated {
            Level::Elevated
        } else {
            Level::Low
        }
    }

    /// The level after one at `held` since `since`: up at once, down only 5 points below and after the time for which a
    /// session with this many relapses is held.
    pub fn next(&self, score: Score, held: Level, since: u32, relapses: u8, now: Timestamp) -> (Level, u32) {
        let entered = self.level(score);
        let left = self.level(Score::new(score.points().saturating_add(LEVEL_MARGIN)));
        if entered > held {
            (entered, now.seconds())
        } else if left < held && now.seconds().saturating_sub(since) >= hold(relapses) {
            (left, now.seconds())
        } else {
            (held, since)
        }
    }
}

/// Seconds for which a level is held at least: five minutes the first time, and twice as long with each relapse.
pub fn hold(relapses: u8) -> u32 {
    LEVEL_HOLD_SECONDS.wrapping_shl(u32::from(relapses.saturating_sub(1)))
}

/// One relapse more, up to the last that is counted.
pub fn relapsed(relapses: u8) -> u8 {
    relapses.saturating_add(1).min(RELAPSES)
}

/// What is left of `relapses` at `low` since `since`, and since when: each whole week there takes one off.
pub fn heal(since: u32, relapses: u8, now: Timestamp) -> (u32, u8) {
    let weeks = now.seconds().saturating_sub(since) / RELAPSE_HEALS_SECONDS;
    let healed = relapses.min(u8::try_from(weeks).unwrap_or(u8::MAX));
    let until = since.saturating_add(RELAPSE_HEALS_SECONDS.saturating_mul(u32::from(healed)));
    (until, relapses.saturating_sub(healed))
}

/// One reason for a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// What.
    pub kind: Kind,
    /// How much of it is left now.
    pub strength: Decibans,
    /// Raised by this very request.
    pub fresh: bool,
    /// When its line was written, in seconds since the epoch.
    pub at: u32,
    /// What changed, where this request shows it.
    pub change: Change,
}

/// Why a score is what it is, strongest first. Empty when nothing is held against the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contributions {
    items: [Option<Contribution>; LEDGER_LINES],
}

impl Contributions {
    /// The contributions of `ledger` at `now`; `signals` are those of this request.
    pub fn of(ledger: &Ledger, signals: &Signals, now: Timestamp) -> Self {
        let mut contributions = Self::default();
        for line in ledger.lines() {
            let strength = line.value(now);
            // Less than half a point explains nothing.
            if strength.units() >= 16 {
                let signal = signals.find(line.kind);
                let change = signal.map_or(Change::None, |signal| signal.change);
                let fresh = signal.is_some();
                contributions.insert(Contribution { kind: line.kind, strength, fresh, at: line.at, change });
            }
        }
        contributions
    }

    /// Puts one in its place: the strongest first, equals in the order in which they came.
    fn insert(&mut self, item: Contribution) {
        let mut carried = Some(item);
        for slot in &mut self.items {
            let weaker = slot.is_none_or(|slot| carried.is_some_and(|carried| carried.strength > slot.strength));
            if weaker {
                carried = std::mem::replace(slot, carried);
            }
            if carried.is_none() {
                return;
            }
        }
    }

    /// The contributions, strongest first.
    pub fn iter(&self) -> impl Iterator<Item = &Contribution> {
        self.items.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_left_five_points_lower_and_five_minutes_later() {
        let thresholds = Thresholds::default();
        let t = |seconds| Timestamp::from_seconds(1_000_000u32.saturating_add(seconds));
        let (level, since) = thresholds.next(Score::new(20), Level::Low, 0, 0, t(0));
        assert_eq!(level, Level::High);
        assert_eq!(thresholds.next(Score::new(16), level, since, 1, t(900)).0, Level::High, "within the margin");
        assert_eq!(thresholds.next(Score::new(0), level, since, 1, t(299)).0, Level::High, "held");
        assert_eq!(thresholds.next(Score::new(14), level, since, 1, t(300)).0, Level::Elevated);
        assert_eq!(thresholds.next(Score::new(40), level, since, 1, t(1)).0, Level::Critical, "up at once");
    }

    #[test]
    fn each_relapse_doubles_the_hold_and_a_quiet_week_takes_one_off() {
        assert_eq!([0, 1, 2, 3, 4, 5].map(hold), [300, 300, 600, 1200, 2400, 4800]);
        let now = |weeks: u32, seconds| Timestamp::from_seconds(1000 + weeks * RELAPSE_HEALS_SECONDS + seconds);
        assert_eq!(heal(1000, 3, Timestamp::from_seconds(999 + RELAPSE_HEALS_SECONDS)), (1000, 3));
        assert_eq!(heal(1000, 3, now(1, 0)), (1000 + RELAPSE_HEALS_SECONDS, 2));
        assert_eq!(heal(1000, 3, now(60, 7)), (1000 + 3 * RELAPSE_HEALS_SECONDS, 0));
        assert_eq!(heal(1000, 0, now(60, 7)), (1000, 0), "nothing to heal moves nothing");
    }
}
