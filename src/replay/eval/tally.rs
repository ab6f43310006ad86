//! Sessions that are counted together, and how many of each group a detector flagged: friction and detection.

use super::{corpus::Corpus, stories};
use std::collections::BTreeMap;

/// Sessions that are counted together: the attacks of one scenario, or its honest sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The scenario's name, or where there is no label the actor's.
    pub name: String,
    /// Where its sessions come from.
    pub source: String,
    /// They are attacks.
    pub attack: bool,
    /// How many there are.
    pub sessions: u32,
}

/// The groups of a corpus, or of a part of it.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// In the order of their names, honest ones first.
    pub groups: Vec<Group>,
    /// The group of each session of the corpus; `None` for one that is not counted.
    pub of: Vec<Option<usize>>,
}

/// How many sessions of each group were flagged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(pub Vec<u32>);

impl Groups {
    /// Groups the sessions for which `counted` holds, by their index.
    pub fn new(corpus: &Corpus, counted: impl Fn(usize) -> bool) -> Self {
        let mut groups: BTreeMap<(bool, &str), Group> = BTreeMap::new();
        let lives = || corpus.lives.iter().enumerate();
        for (_, life) in lives().filter(|(at, _)| counted(*at)) {
            let attack = life.onset.is_some();
            let group = groups.entry((attack, life.class())).or_insert_with(|| Group {
                name: life.class().to_owned(),
                source: life.source.clone(),
                attack,
                sessions: 0,
            });
            group.sessions = group.sessions.saturating_add(1);
        }
        let places: BTreeMap<(bool, &str), usize> = groups.keys().copied().zip(0..).collect();
        let of = lives().map(|(at, life)| {
            counted(at).then(|| places.get(&(life.onset.is_some(), life.class())).copied()).flatten()
        });
        let of = of.collect();
        Self { groups: groups.into_values().collect(), of }
    }

    /// Counts verdicts, one a session of the corpus.
    pub fn tally(&self, flagged: impl Iterator<Item = bool>) -> Tally {
        let mut counts = vec![0u32; self.groups.len()];
        for (group, flagged) in self.of.iter().zip(flagged) {
            if let Some(count) = group.and_then(|group| counts.get_mut(group)) {
                *count = count.saturating_add(u32::from(flagged));
            }
        }
        Tally(counts)
    }

    /// Every group with how many of it were flagged.
    pub fn rows<'a>(&'a self, tally: &'a Tally) -> impl Iterator<Item = (&'a Group, u32)> {
        self.groups.iter().zip(tally.0.iter().copied())
    }

    /// Honest sessions flagged, of how many.
    pub fn friction(&self, tally: &Tally) -> (u32, u32) {
        self.rows(tally).filter(|(group, _)| !group.attack).fold((0, 0), |(flagged, of), (group, found)| {
            (flagged.saturating_add(found), of.saturating_add(group.sessions))
        })
    }

    /// The mean of the detection rates of the attacks that `which` names, each scenario counting once.
    pub fn detection(&self, tally: &Tally, which: impl Fn(&Group) -> bool) -> Option<f64> {
        let rates: Vec<f64> = self
            .rows(tally)
            .filter(|(group, _)| group.attack && which(group))
            .map(|(group, found)| share(found, group.sessions))
            .collect();
        (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / f64::from(count(rates.len())))
    }

    /// [`Groups::detection`] of the scenarios in which a session is hijacked.
    pub fn macro_hijack(&self, tally: &Tally) -> Option<f64> {
        self.detection(tally, |group| stories::hijack(&group.name))
    }
}

/// `part` of `of`, 0..=1.
pub fn share(part: u32, of: u32) -> f64 {
    if of == 0 { 0.0 } else { f64::from(part) / f64::from(of) }
}

/// Flagged sessions per 1,000.
pub fn per_1000((flagged, of): (u32, u32)) -> f64 {
    1000.0 * share(flagged, of)
}

/// A number of things as it is calculated with.
pub fn count(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// To four places.
pub fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
