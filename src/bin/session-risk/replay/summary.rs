//! What a replay came to, collected in one pass and in bounded memory.
//! How it is told is `text.rs` for a terminal and the report for a browser.

use super::{
    census::{Census, Group, LIMIT},
    over_time::OverTime,
    suspects::{self, Suspects},
};
use crate::trace::Lines;
use serde_json::Value;
use session_risk::{
    config::Config,
    facts::ConfigId,
    policy::{ACTIONS, Action, Mode},
    replay::{self, Step, eval, record::Record},
    score::Thresholds,
    signal::Kind,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What the replay ran with.
pub(crate) struct Settings {
    /// SHA-256 of the configuration, as `eval` has it too.
    pub(crate) digest: String,
    pub(crate) mode: Mode,
    pub(crate) thresholds: Thresholds,
    config: Config,
}

impl Settings {
    /// The settings of a configuration.
    ///
    /// # Errors
    /// Every problem that keeps it from being used.
    pub(crate) fn of(config: &Value) -> Result<Self, String> {
        let text = replay::gateway_config(config.clone()).to_string();
        let compiled =
            Config::from_json(text.as_bytes()).map_err(|error| format!("the configuration cannot be used\n{error}"))?;
        let digest = Sha256::digest(config.to_string().as_bytes());
        Ok(Self {
            digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            mode: compiled.engine.mode,
            thresholds: compiled.engine.thresholds,
            config: compiled,
        })
    }

    /// The name of a decision's rule.
    pub(crate) fn rule(&self, rule: Option<(ConfigId, u8)>) -> Option<&str> {
        let (config, index) = rule?;
        self.config.of(config).engine.rules.get(usize::from(index)).map(|rule| rule.name.as_str())
    }

    /// How far decisions are enforced, in words.
    pub(crate) fn mode(&self) -> String {
        let rules = self.config.engine.rules.iter().filter(|rule| rule.mode != Mode::Enforce).count();
        let partly = if rules == 0 { String::new() } else { format!(", {rules} rules not for every session") };
        match self.mode {
            Mode::Enforce => format!("enforce{partly}"),
            Mode::Shadow => "shadow: nothing is enforced".to_owned(),
            Mode::Percent(percent) => format!("enforced for {percent} percent of the sessions{partly}"),
        }
    }
}

/// Decisions of one action.
#[derive(Clone, Copy, Default)]
pub(crate) struct Decided {
    pub(crate) enforced: u64,
    pub(crate) shadow: u64,
}

/// Everything that a replay is asked about.
pub(crate) struct Summary {
    pub(crate) settings: Settings,
    pub(crate) lines: Lines,
    pub(crate) unscored: u64,
    /// The earliest and the latest line, in milliseconds.
    pub(crate) range: Option<(u64, u64)>,
    /// Decisions, by number of the action.
    decisions: [Decided; ACTIONS.len()],
    reasons: BTreeMap<(Action, Kind), u64>,
    pub(crate) census: Census,
    pub(crate) over_time: OverTime,
    pub(crate) suspects: Suspects,
    /// How many of the worst sessions are told of.
    pub(crate) worst: usize,
    /// A line had a label.
    pub(crate) labelled: bool,
}

impl Summary {
    pub(crate) fn new(settings: Settings, worst: usize, timelines: bool) -> Self {
        Self {
            settings,
            lines: Lines::default(),
            unscored: 0,
            range: None,
            decisions: Default::default(),
            reasons: BTreeMap::new(),
            census: Census::new(LIMIT),
            over_time: OverTime::default(),
            suspects: Suspects::new(worst, timelines),
            worst,
            labelled: false,
        }
    }

    /// Takes one request; `None` is one that could not be scored.
    pub(crate) fn take(&mut self, record: &Record, step: Option<&Step>) {
        let (first, last) = self.range.unwrap_or((record.ts, record.ts));
        self.range = Some((first.min(record.ts), last.max(record.ts)));
        self.labelled |= record.label.is_some();
        let Some(step) = step else {
            self.unscored = self.unscored.saturating_add(1);
            return;
        };
        let decision = &step.assessment.decision;
        let number = number(decision.action);
        self.over_time.take(record.ts, number);
        if let Some(decided) = self.decisions.get_mut(usize::from(number)) {
            let count = if decision.enforced { &mut decided.enforced } else { &mut decided.shadow };
            *count = count.saturating_add(1);
        }
        if decision.action != Action::Allow {
            for contribution in step.assessment.contributions.iter().take(2) {
                let count = self.reasons.entry((decision.action, contribution.kind)).or_default();
                *count = count.saturating_add(1);
            }
        }
        let verdict = eval::verdict(step, &self.settings.config.of(step.facts.config).engine.rules);
        let attack = record.label.as_ref().is_some_and(|label| label.attack);
        let stopped = self.census.take(step.facts.key.0, || group(record, step), verdict, attack);
        self.suspects.take(record, step, stopped);
    }

    /// The decisions that occurred, mildest first.
    pub(crate) fn decisions(&self) -> impl Iterator<Item = (Action, Decided)> {
        let all = ACTIONS.iter().map(|(action, _)| *action).zip(self.decisions);
        all.filter(|(_, decided)| decided.enforced > 0 || decided.shadow > 0)
    }

    /// The signals that weighed most in decisions of this action, with how many of them; most frequent first.
    pub(crate) fn reasons(&self, action: Action) -> Vec<(&'static str, u64)> {
        let of_action = self.reasons.iter().filter(|((of, _), _)| *of == action);
        let mut reasons: Vec<_> = of_action.map(|((_, kind), count)| (kind.row().name, *count)).collect();
        reasons.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
        reasons
    }
}

/// The number of an action, as in [`ACTIONS`].
pub(crate) fn number(action: Action) -> u8 {
    (0u8..).zip(ACTIONS).find(|(_, (other, _))| *other == action).map_or(0, |(number, _)| number)
}

fn group(record: &Record, step: &Step) -> Group {
    let short = |text: &str| text.chars().take(80).collect::<String>();
    let (class, source) =
        record.label.as_ref().map_or_else(Default::default, |label| (short(&label.scenario), short(&label.source)));
    Group { actor: suspects::actor(step), class, source }
}
