//! The decayed ledger of what signals said: absorb and read. It knows neither requests nor thresholds.
//!
//! A line keeps the strength at the time it was written; its value now is computed, never integrated.

use crate::{
    bounds::LEDGER_LINES,
    signal::{Decibans, GROUPS, Group, Kind, Signal},
    time::{Span, Timestamp},
};

/// One kind's evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is evidence of.
    pub kind: Kind,
    /// How strong it was at `at`. Zero is a cleared line, kept so that merging an older copy cannot revive it.
    pub strength: Decibans,
    /// When it was written, in seconds since the epoch.
    pub at: u32,
}

impl Line {
    /// The strength left at `now`.
    pub fn value(&self, now: Timestamp) -> Decibans {
        decay(self.strength, now.since(Timestamp::from_seconds(self.at)), self.kind.row().half_life)
    }

    /// Which of two lines of one kind stays: the later, and of one second the stronger.
    fn rank(&self) -> (u32, Decibans) {
        (self.at, self.strength)
    }

    /// Which lines stay when there are too many: the latest, and of one second those whose kind weighs most. The strength
    /// itself does not count, because an answer clears it, and then copies that are merged in another order would keep
    /// other lines.
    fn age(&self) -> (u32, u8, Kind) {
        (self.at, self.kind.row().weight, self.kind)
    }
}

/// The evidence that a session carries: at most one line a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    lines: [Option<Line>; LEDGER_LINES],
}

/// Two to the power of minus `n / 16`, in 1/65536.
const HALVING: [u32; 17] = [
    65536, 62757, 60097, 57549, 55109, 52772, 50535, 48393, 46341, 44376, 42495, 40693, 38968, 37316, 35734, 34219,
    32768,
];

/// `strength` after `elapsed`, halved every `half_life`. Falls with `elapsed`, never below zero; zero after 12 half-lives.
pub fn decay(strength: Decibans, elapsed: Span, half_life: Span) -> Decibans {
    let steps = elapsed.millis().saturating_mul(4096).checked_div(half_life.millis()).unwrap_or(u64::MAX);
    let halvings = u32::try_from(steps >> 12).unwrap_or(u32::MAX);
    if halvings >= 12 {
        return Decibans::ZERO;
    }
    let within = usize::try_from(steps & 4095).unwrap_or(0);
    let entry = |index: usize| HALVING.get(index).copied().unwrap_or(32768);
    let (above, below) = (entry(within >> 8), entry((within >> 8).saturating_add(1)));
    let part = u32::try_from(within & 255).unwrap_or(0);
    let factor = above.saturating_sub(above.saturating_sub(below).saturating_mul(part) >> 8);
    let value = u64::from(strength.units()).saturating_mul(u64::from(factor)) >> 16;
    Decibans::raw(u16::try_from(value).unwrap_or(u16::MAX) >> halvings)
}

impl Ledger {
    /// A ledger of these lines; a kind that comes twice is kept once.
    pub fn from_lines(lines: impl Iterator<Item = Line>) -> Self {
        let mut ledger = Self::default();
        lines.for_each(|line| ledger.place(line));
        ledger
    }

    /// The lines, cleared ones included, in order of kind.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().flatten()
    }

    /// The line of `kind`.
    pub fn line(&self, kind: Kind) -> Option<&Line> {
        self.lines().find(|line| line.kind == kind)
    }

    /// Takes a signal in. Evidence of one kind does not add up: saying a thing twice does not make it truer. Only a first
    /// use of another sensitive endpoint is another thing each time.
    pub fn absorb(&mut self, signal: &Signal, now: Timestamp) {
        let left = self.line(signal.kind).map_or(Decibans::ZERO, |line| line.value(now));
        let strength = match signal.kind {
            Kind::SensitiveFirstUse if signal.weight < left => left.plus(signal.weight).min(ADDED_CAP).max(left),
            _ => left.max(signal.weight),
        };
        self.place(Line { kind: signal.kind, strength, at: now.seconds() });
    }

    /// Clears the lines that `answered` names.
    pub fn clear(&mut self, answered: impl Fn(&Line) -> bool) {
        for line in self.lines.iter_mut().flatten() {
            if answered(line) {
                line.strength = Decibans::ZERO;
            }
        }
    }

    /// What each group adds at `now`: its strongest line plus a quarter of the others, capped.
    pub fn groups(&self, now: Timestamp) -> [Decibans; GROUPS] {
        let mut largest = [Decibans::ZERO; GROUPS];
        let mut sum = [0u16; GROUPS];
        for line in self.lines() {
            let group = group_index(line.kind.row().group);
            let value = line.value(now);
            if let (Some(top), Some(all)) = (largest.get_mut(group), sum.get_mut(group)) {
                *top = value.max(*top);
                *all = all.saturating_add(value.units());
            }
        }
        let mut total = [Decibans::ZERO; GROUPS];
        for ((out, top), all) in total.iter_mut().zip(largest).zip(sum) {
            let rest = all.saturating_sub(top.units()) / 4;
            *out = top.plus(Decibans::raw(rest)).min(GROUP_CAP);
        }
        total
    }

    /// The law of merging two copies: latest line a kind, the latest lines of all. Commutative, associative, idempotent.
    pub fn merge(self, other: Self) -> Self {
        Self::from_lines(self.lines().chain(other.lines()).copied())
    }

    /// Keeps the lines in order of kind, one a kind, and when there are too many, the latest.
    fn place(&mut self, line: Line) {
        let mut kept = [None; LEDGER_LINES.saturating_add(1)];
        let mut next = Some(line);
        let mut slots = kept.iter_mut();
        for old in self.lines.iter().flatten() {
            match next {
                Some(new) if new.kind == old.kind => {
                    next = None;
                    push(&mut slots, if new.rank() >= old.rank() { new } else { *old });
                }
                Some(new) if new.kind < old.kind => {
                    next = None;
                    push(&mut slots, new);
                    push(&mut slots, *old);
                }
                _ => push(&mut slots, *old),
            }
        }
        if let Some(new) = next {
            push(&mut slots, new);
        }
        if let [.., Some(_)] = kept {
            let oldest = kept.iter().flatten().map(Line::age).min();
            let mut left = kept.iter().flatten().filter(|line| Some(line.age()) != oldest).copied();
            self.lines.iter_mut().for_each(|slot| *slot = left.next());
        } else {
            self.lines.iter_mut().zip(kept).for_each(|(slot, line)| *slot = line);
        }
    }
}

/// The most that a line can add up to.
const ADDED_CAP: Decibans = Decibans::points(30);

/// The most that one group can add: 40 points, so that no single kind of evidence alone reaches the top of the scale.
const GROUP_CAP: Decibans = Decibans::points(40);

fn push<'a>(slots: &mut impl Iterator<Item = &'a mut Option<Line>>, line: Line) {
    if let Some(slot) = slots.next() {
        *slot = Some(line);
    }
}

const fn group_index(group: Group) -> usize {
    match group {
        Group::Network => 0,
        Group::Device => 1,
        Group::Privilege => 2,
        Group::Behaviour => 3,
        Group::Identity => 4,
        Group::Reported => 5,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::signal::Change;

    fn signal(kind: Kind, points: u8) -> Signal {
        Signal { kind, weight: Decibans::points(points), change: Change::None }
    }

    #[test]
    fn a_line_halves_every_half_life() {
        let mut ledger = Ledger::default();
        let start = Timestamp::from_seconds(1_000_000);
        ledger.absorb(&signal(Kind::NewAsn, 16), start);
        let at = |minutes| ledger.line(Kind::NewAsn).unwrap().value(start.after(Span::from_minutes(minutes)));
        assert_eq!(at(0), Decibans::points(16));
        assert_eq!(at(30), Decibans::points(8));
        assert_eq!(at(60), Decibans::points(4));
        assert_eq!(at(24 * 60), Decibans::ZERO);
    }

    #[test]
    fn saying_a_thing_twice_does_not_make_it_truer() {
        let mut ledger = Ledger::default();
        let now = Timestamp::from_seconds(1_000_000);
        (0..100).for_each(|_| ledger.absorb(&signal(Kind::NewAsn, 15), now));
        assert_eq!(ledger.groups(now)[0], Decibans::points(15));
    }

    #[test]
    fn a_group_counts_its_strongest_line_and_a_quarter_of_the_rest() {
        let mut ledger = Ledger::default();
        let now = Timestamp::from_seconds(1_000_000);
        ledger.absorb(&signal(Kind::NewAsn, 16), now);
        ledger.absorb(&signal(Kind::NewCountry, 20), now);
        ledger.absorb(&signal(Kind::UserAgentChanged, 22), now);
        assert_eq!(ledger.groups(now)[..2], [Decibans::points(24), Decibans::points(22)]);
    }

    #[test]
    fn a_full_ledger_drops_its_oldest_line() {
        let mut ledger = Ledger::default();
        let kinds: Vec<Kind> = crate::signal::CATALOGUE.iter().map(|row| row.kind).collect();
        for (seconds, kind) in kinds.iter().enumerate() {
            ledger.absorb(&signal(*kind, 5), Timestamp::from_seconds(u32::try_from(seconds).unwrap()));
        }
        let kept: Vec<Kind> = ledger.lines().map(|line| line.kind).collect();
        assert_eq!(kept, kinds[kinds.len() - LEDGER_LINES..]);
    }
}
