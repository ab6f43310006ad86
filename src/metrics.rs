//! What is counted: a fixed set of counters and one histogram, each with its name. No name depends on a request.

use crate::{
    policy::{ACTIONS, Action},
    signal::CATALOGUE,
};

/// Why a request has no score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Unscored {
    /// It carries nothing that names a session.
    NoSession = 0,
    /// The host does not show its headers.
    HostError = 1,
    /// The host does not show the table.
    TableError = 2,
    /// It carries a credential that cannot be read, and nothing else that names a session.
    Malformed = 3,
}

/// Every cause with its word, by number.
pub const CAUSES: [(Unscored, &str); 4] = [
    (Unscored::NoSession, "no_session"),
    (Unscored::HostError, "host_error"),
    (Unscored::TableError, "table_error"),
    (Unscored::Malformed, "malformed"),
];

impl Unscored {
    /// The cause's word.
    pub fn name(self) -> &'static str {
        CAUSES.get(usize::from(self as u8)).map_or("", |(_, word)| word)
    }
}

/// A counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Requests that reached the filter.
    Requests,
    /// Requests without a score, by cause.
    Unscored(Unscored),
    /// Decisions, by action and by whether they were enforced (`enforce`) or not (`shadow`).
    Decision(Action, bool),
    /// Signals raised, by the kind's number.
    Signal(u8),
    /// Entries inserted into the table.
    Inserted,
    /// Entries evicted from the table.
    Evicted,
    /// Entries refused because every other in the bucket is under a sanction: raise `table.buckets` or `table.ways`.
    Refused,
    /// Buckets found torn, foreign or of another version, and treated as empty.
    Discarded,
    /// Compare-and-swap mismatches.
    Conflict,
    /// Updates that waited for a tick after losing every try.
    Deferred,
    /// Updates dropped because too many waited.
    Dropped,
    /// Tokens, bodies or headers that could not be parsed.
    Malformed,
    /// Requests resumed without their body, because the host never delivered it.
    BodyTimeout,
    /// Calls in which an MCP header contradicts the body.
    Mismatch,
    /// Configurations refused.
    ConfigError,
}

/// Name of the score histogram.
pub const SCORE: &str = "session_risk.score";

impl Counter {
    /// Every counter, in a fixed order.
    pub fn all() -> Vec<Self> {
        use Counter::{
            BodyTimeout, ConfigError, Conflict, Decision, Deferred, Discarded, Dropped, Evicted, Inserted, Malformed,
            Mismatch, Refused, Requests, Signal, Unscored as Without,
        };
        let mut all = vec![Requests];
        all.extend(CAUSES.iter().map(|(cause, _)| Without(*cause)));
        all.extend(ACTIONS.iter().flat_map(|(action, _)| [Decision(*action, true), Decision(*action, false)]));
        all.extend(CATALOGUE.iter().map(|row| Signal(row.kind.number())));
        all.extend([Inserted, Evicted, Refused, Discarded, Conflict, Deferred, Dropped]);
        all.extend([Malformed, BodyTimeout, Mismatch, ConfigError]);
        all
    }

    /// Its name in the gateway's statistics.
    pub fn name(self) -> String {
        let fixed = match self {
            Self::Requests => "requests",
            Self::Unscored(cause) => return format!("session_risk.unscored.cause.{}", cause.name()),
            Self::Inserted => "table.inserted",
            Self::Evicted => "table.evicted",
            Self::Refused => "table.refused",
            Self::Discarded => "table.discarded",
            Self::Conflict => "table.conflicts",
            Self::Deferred => "table.deferred",
            Self::Dropped => "table.dropped",
            Self::Malformed => "malformed",
            Self::BodyTimeout => "mcp.body_timeout",
            Self::Mismatch => "mcp.header_mismatch",
            Self::ConfigError => "config_errors",
            Self::Decision(action, enforced) => {
                let mode = if enforced { "enforce" } else { "shadow" };
                return format!("session_risk.decisions.action.{}.mode.{mode}", action.name());
            }
            Self::Signal(number) => {
                let name = CATALOGUE.iter().find(|row| row.kind.number() == number).map_or("none", |row| row.name);
                return format!("session_risk.signals.kind.{name}");
            }
        };
        format!("session_risk.{fixed}")
    }

    /// Its place in [`Counter::all`].
    pub fn index(self) -> usize {
        let actions = ACTIONS.len().saturating_mul(2);
        let signals = CATALOGUE.len();
        let after_causes = CAUSES.len().saturating_add(1);
        let after_signals = after_causes.saturating_add(actions).saturating_add(signals);
        let tail = |place: usize| after_signals.saturating_add(place);
        match self {
            Self::Requests => 0,
            Self::Unscored(cause) => usize::from(cause as u8).saturating_add(1),
            Self::Decision(action, enforced) => {
                let place = ACTIONS.iter().position(|(other, _)| *other == action).unwrap_or(0);
                after_causes.saturating_add(place.saturating_mul(2)).saturating_add(usize::from(!enforced))
            }
            Self::Signal(number) => {
                let place = CATALOGUE.iter().position(|row| row.kind.number() == number).unwrap_or(0);
                after_causes.saturating_add(actions).saturating_add(place)
            }
            Self::Inserted => tail(0),
            Self::Evicted => tail(1),
            Self::Refused => tail(2),
            Self::Discarded => tail(3),
            Self::Conflict => tail(4),
            Self::Deferred => tail(5),
            Self::Dropped => tail(6),
            Self::Malformed => tail(7),
            Self::BodyTimeout => tail(8),
            Self::Mismatch => tail(9),
            Self::ConfigError => tail(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_place_and_name() {
        let all = Counter::all();
        let mut names: Vec<String> = all.iter().map(|counter| counter.name()).collect();
        for (place, counter) in all.iter().enumerate() {
            assert_eq!(counter.index(), place, "{}", counter.name());
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all.len());
    }
}
