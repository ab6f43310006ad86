//! What the upstream itself says of a request, in its answer. Which words count, and how much, is the configuration's;
//! how they are read is in `filter.rs`.

use crate::{
    facts::Outcome,
    signal::{Change, Kind, Signal, Weights},
};

/// `reported`, as strong as the upstream's word. The kind's own weight scales all words: its catalogue weight leaves them
/// as they are configured.
pub fn observe(outcome: &Outcome, weights: &Weights) -> Signal {
    let (kind, points) = (Kind::Reported, u16::from(outcome.reported));
    let weight = weights.of(kind).scaled(points, u16::from(kind.row().weight));
    Signal { kind, weight, change: Change::None }
}
