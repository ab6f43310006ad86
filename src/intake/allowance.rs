//! How much a token lets its session do in all: budgets in claims. What was done is counted in the baseline, and what goes
//! beyond is `signal/privilege.rs`'s business.

use super::{ClaimValue, Reader};
use crate::{
    bounds::TARGETS_MOST,
    config::ClaimId,
    facts::{Actor, Allowance},
};

impl Reader<'_, '_> {
    /// What the token states for sessions of this actor; where several claims say how much, the lowest.
    pub(super) fn allowance(&self, actor: Actor) -> Allowance {
        let mut most = Allowance::default();
        for stated in self.config.stated.iter().filter(|stated| stated.actor == actor) {
            let [writes, exports, targets] = stated.claims.map(|claim| claim.and_then(|claim| self.count(claim)));
            let targets = targets.filter(|targets| *targets <= TARGETS_MOST);
            let rows = [(&mut most.writes, writes), (&mut most.exports, exports), (&mut most.targets, targets)];
            for (lowest, stated) in rows {
                *lowest = lowest.iter().copied().chain(stated).min();
            }
        }
        most
    }

    /// A number that a claim states. More than can be counted is no limit, and what is no number, or below nothing, allows
    /// nothing.
    fn count(&self, claim: ClaimId) -> Option<u16> {
        match self.claims.get(claim.0)?.as_ref()? {
            ClaimValue::Number(number) if *number > i64::from(u16::MAX) => None,
            ClaimValue::Number(number) => Some(u16::try_from(*number).unwrap_or(0)),
            ClaimValue::Text(_) => Some(0),
        }
    }
}
