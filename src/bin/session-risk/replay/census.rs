//! How many sessions there are and what came of each, in memory that does not grow with the log.
//! Exact up to a limit; beyond it, of every second session, every fourth, and so on, and the figures say so.

use session_risk::replay::eval::Verdict;
use std::collections::{BTreeMap, HashMap};

/// Sessions remembered one by one. A hash map of them takes at most some 110 MB, while it grows included.
pub(crate) const LIMIT: usize = 3_500_000;
/// Kinds of session told apart; a log with more classes than this has something else in its labels.
const GROUPS: usize = 1000;

/// What a session counts with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Group {
    pub(crate) actor: &'static str,
    /// Where lines are labelled: the story that the session belongs to.
    pub(crate) class: String,
    /// Where lines are labelled: real, real+splice, synthetic.
    pub(crate) source: String,
}

/// Sessions of one kind. Estimates once [`Census::one_in`] is more than 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Sessions without an attack, or of which nothing is known.
    pub(crate) honest: u64,
    /// Honest ones that were not simply allowed, by inference.
    pub(crate) flagged: u64,
    /// Honest ones that only a hard criterion stopped.
    pub(crate) policy: u64,
    /// Sessions that a label says were attacked.
    pub(crate) attacked: u64,
    /// Of those, the ones that were not simply allowed at or after the attack's first request.
    pub(crate) caught: u64,
}

impl Row {
    /// Flagged honest sessions per 1,000.
    pub(crate) fn friction(&self) -> f64 {
        if self.honest == 0 { 0.0 } else { 1000.0 * float(self.flagged) / float(self.honest) }
    }
}

const FLAGGED: u8 = 1;
const POLICY: u8 = 2;
const ATTACKED: u8 = 4;
const CAUGHT: u8 = 8;

struct Fate {
    group: u16,
    bits: u8,
}

/// Every session seen, or a fair share of them: which ones depends on their digest alone, so that a session is counted
/// with its whole life or not at all (adaptive sampling; Wegman, in Flajolet 1990).
pub(crate) struct Census {
    limit: usize,
    halvings: u32,
    fates: HashMap<u64, Fate>,
    groups: Vec<Group>,
    numbers: HashMap<Group, u16>,
}

impl Census {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, halvings: 0, fates: HashMap::new(), groups: Vec::new(), numbers: HashMap::new() }
    }

    /// Takes one request of the session with this digest. Says whether the session was stopped before, as far as is
    /// known.
    pub(crate) fn take(
        &mut self,
        digest: [u8; 16],
        group: impl FnOnce() -> Group,
        verdict: Verdict,
        attack: bool,
    ) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = digest;
        let hash = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
        if hash.leading_zeros() < self.halvings {
            return false;
        }
        if !self.fates.contains_key(&hash) {
            let group = self.number(group());
            self.fates.insert(hash, Fate { group, bits: 0 });
        }
        let Some(fate) = self.fates.get_mut(&hash) else { return false };
        let before = fate.bits & (FLAGGED | POLICY | CAUGHT) != 0;
        if attack {
            fate.bits |= ATTACKED;
        }
        fate.bits |= match (verdict, fate.bits & ATTACKED != 0) {
            (Verdict::Pass, _) => 0,
            (_, true) => CAUGHT,
            (Verdict::Policy, false) => POLICY,
            (Verdict::Flag, false) => FLAGGED,
        };
        while self.fates.len() > self.limit && self.halvings < 63 {
            self.halvings = self.halvings.saturating_add(1);
            let least = self.halvings;
            self.fates.retain(|hash, _| hash.leading_zeros() >= least);
            // What was removed leaves marks that would make the map grow beyond what it holds.
            self.fates.shrink_to_fit();
        }
        before
    }

    /// One in how many sessions is counted; 1 is all of them.
    pub(crate) fn one_in(&self) -> u64 {
        1u64.checked_shl(self.halvings).unwrap_or(u64::MAX)
    }

    /// The sessions by what `name` makes of their group; `None` leaves a group out.
    pub(crate) fn rows(&self, name: impl Fn(&Group) -> Option<String>) -> BTreeMap<String, Row> {
        let names: Vec<Option<String>> = self.groups.iter().map(name).collect();
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let one = self.one_in();
        for fate in self.fates.values() {
            let Some(name) = names.get(usize::from(fate.group)).and_then(Option::as_ref) else { continue };
            if !rows.contains_key(name) {
                rows.insert(name.clone(), Row::default());
            }
            let Some(row) = rows.get_mut(name) else { continue };
            let has = |bit: u8| fate.bits & bit != 0;
            let mut add = |to: fn(&mut Row) -> &mut u64| *to(row) = to(row).saturating_add(one);
            if has(ATTACKED) {
                add(|row| &mut row.attacked);
                if has(CAUGHT) {
                    add(|row| &mut row.caught);
                }
                continue;
            }
            add(|row| &mut row.honest);
            if has(FLAGGED) {
                add(|row| &mut row.flagged);
            } else if has(POLICY) {
                add(|row| &mut row.policy);
            }
        }
        rows
    }

    /// All sessions together.
    pub(crate) fn total(&self) -> Row {
        self.rows(|_| Some(String::new())).into_values().next().unwrap_or_default()
    }

    fn number(&mut self, group: Group) -> u16 {
        if let Some(known) = self.numbers.get(&group) {
            return *known;
        }
        let full = self.groups.len() >= GROUPS;
        let group = if full { Group { class: "(other classes)".to_owned(), ..group } } else { group };
        if let Some(known) = self.numbers.get(&group) {
            return *known;
        }
        let number = u16::try_from(self.groups.len()).unwrap_or(u16::MAX);
        self.groups.push(group.clone());
        self.numbers.insert(group, number);
        number
    }
}

/// A count for arithmetic with fractions; exact up to 2^53.
pub(crate) fn float(count: u64) -> f64 {
    let (high, low) = (u32::try_from(count >> 32).unwrap_or(u32::MAX), u32::try_from(count & 0xffff_ffff).unwrap_or(0));
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    fn digest(number: u64) -> [u8; 16] {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(number.to_be_bytes());
        std::array::from_fn(|at| hash.get(at).copied().unwrap())
    }

    fn group(actor: &'static str) -> Group {
        Group { actor, ..Group::default() }
    }

    #[test]
    fn every_session_is_counted_once_with_the_worst_that_came_of_it() {
        let mut census = Census::new(100);
        let mut take = |session, verdict, attack| census.take(digest(session), || group("human"), verdict, attack);
        assert!(!take(1, Verdict::Pass, false));
        assert!(!take(1, Verdict::Flag, false));
        assert!(take(1, Verdict::Policy, false), "it was stopped before");
        take(2, Verdict::Policy, false);
        take(3, Verdict::Pass, false);
        // Stopped before the attack is not caught.
        take(4, Verdict::Flag, false);
        take(4, Verdict::Pass, true);
        take(5, Verdict::Pass, true);
        take(5, Verdict::Policy, false);
        let row = Row { honest: 3, flagged: 1, policy: 1, attacked: 2, caught: 1 };
        assert_eq!((census.one_in(), census.total()), (1, row));
        assert_eq!(census.rows(|group| Some(group.actor.to_owned())).get("human"), Some(&row));
        assert!(census.rows(|_| None).is_empty());
    }

    #[test]
    fn beyond_the_limit_figures_are_estimates_of_fixed_memory() {
        let mut census = Census::new(2000);
        for round in 0..2 {
            for session in 0..60_000u64 {
                let verdict = if session % 10 == 0 && round == 1 { Verdict::Flag } else { Verdict::Pass };
                census.take(
                    digest(session),
                    || group(if session < 45_000 { "human" } else { "agent" }),
                    verdict,
                    false,
                );
                assert!(census.fates.len() <= 2000 && census.fates.capacity() < 4096, "{}", census.fates.capacity());
            }
        }
        assert!(census.one_in() >= 32, "{}", census.one_in());
        let near = |value: u64, of: f64| (float(value) / of - 1.0).abs() < 0.2;
        let total = census.total();
        assert!(near(total.honest, 60_000.0) && near(total.flagged, 6000.0), "{total:?}");
        let rows = census.rows(|group| Some(group.actor.to_owned()));
        assert!(near(rows.get("human").unwrap().honest, 45_000.0), "{rows:?}");
        assert!((80.0..120.0).contains(&total.friction()), "{}", total.friction());
    }

    #[test]
    fn labels_without_end_do_not_take_memory_without_end() {
        let mut census = Census::new(1_000_000);
        for session in 0..3000u64 {
            let class = format!("class {session}");
            census.take(digest(session), || Group { class, ..group("human") }, Verdict::Pass, false);
        }
        assert!(census.groups.len() <= GROUPS + 16);
        assert_eq!(census.total().honest, 3000);
    }
}
