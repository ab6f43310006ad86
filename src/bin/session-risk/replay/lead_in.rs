//! The last few requests of sessions that have nothing against them yet, so that a timeline shows what the session
//! was like before. A fixed number of places: a session may lose its own to another, and then its timeline begins
//! later.

use super::timeline::Point;
use session_risk::facts::SessionKey;
use std::collections::VecDeque;

/// Places; one takes some 4 KB when it is full.
const PLACES: usize = 8192;
/// Requests kept of a session.
const REQUESTS: usize = 16;

#[derive(Default)]
struct Place {
    key: SessionKey,
    points: VecDeque<Point>,
}

/// What came before.
pub(crate) struct LeadIn {
    places: Vec<Place>,
}

impl Default for LeadIn {
    fn default() -> Self {
        Self { places: std::iter::repeat_with(Place::default).take(PLACES).collect() }
    }
}

impl LeadIn {
    /// Takes one request of the session.
    pub(crate) fn take(&mut self, key: SessionKey, point: Point) {
        let Some(place) = self.place(key) else { return };
        if place.key != key {
            place.key = key;
            place.points.clear();
        }
        if place.points.len() >= REQUESTS {
            place.points.pop_front();
        }
        place.points.push_back(point);
    }

    /// The session's last requests, which are then forgotten.
    pub(crate) fn remove(&mut self, key: SessionKey) -> VecDeque<Point> {
        let place = self.place(key).filter(|place| place.key == key);
        place.map(|place| std::mem::take(&mut place.points)).unwrap_or_default()
    }

    /// The key is a digest, so any of its bytes spread the sessions evenly.
    fn place(&mut self, key: SessionKey) -> Option<&mut Place> {
        let [.., a, b] = key.0;
        let at = usize::from(u16::from_le_bytes([a, b])).checked_rem(PLACES)?;
        self.places.get_mut(at)
    }
}
