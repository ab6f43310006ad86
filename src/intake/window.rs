//! Until when a session has a just-in-time grant: by its token, or by the configuration. Which requests need one is said
//! in `intake.rs`, what becomes of one without in `signal/privilege.rs`.

use super::Reader;
use crate::{
    config::{Given, Window},
    time::Timestamp,
};

impl Reader<'_, '_> {
    /// When the open window ends, the last of several. What cannot be read as a time opens nothing.
    pub(super) fn open_until(&self, window: Window, now: Timestamp) -> Option<u32> {
        let now = now.seconds();
        let begun = window.from.is_none_or(|claim| self.seconds(claim).is_some_and(|from| from <= now));
        let stated = window.until.filter(|_| begun).and_then(|claim| self.seconds(claim));
        let says =
            |given: &Given| self.text(given.claim) == Some(&given.value) || self.lists(Some(given.claim), &given.value);
        let holds = |given: &&Given| given.from <= now && says(given);
        let given = self.config.given.iter().filter(holds).map(|given| given.until);
        stated.into_iter().chain(given).filter(|until| now < *until).max()
    }
}
