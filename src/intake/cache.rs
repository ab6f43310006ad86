//! What one worker has read before: texts that come again and again and whose reading depends on nothing but themselves.
//! A text is found by its own bytes, a payload by a keyed digest of 128 bits, so what is found is what reading would give.
//! Nothing about a session is kept here.

use super::ClaimValue;
use crate::{
    bounds::{CACHED_PAYLOAD_BYTES, CACHED_PAYLOADS, CACHED_TEXT_BYTES, CACHED_TEXTS},
    facts::{
        ConfigId,
        device::UserAgent,
        digest::{DigestKey, Role},
    },
};
use std::sync::Arc;

/// The claims of one payload, by `ClaimId`.
pub(super) type Claims = Arc<[Option<ClaimValue>]>;

/// One worker's memory of what it has read.
#[derive(Debug, Default)]
pub struct Cache {
    pub(super) user_agents: Texts<Option<UserAgent>>,
    pub(super) fingerprints: Texts<u32>,
    /// Another configuration may ask a payload for other claims.
    config: ConfigId,
    payloads: Vec<Option<(ConfigId, [u8; 16], Claims)>>,
}

impl Cache {
    /// From now on requests are read under this configuration.
    pub fn under(&mut self, config: ConfigId) {
        self.config = config;
    }

    /// The claims of a payload: read now unless they were before. What cannot be read is not kept, nor what is long: whoever
    /// sends it must not fill the worker's memory, or have it digested first.
    pub(super) fn claims(
        &mut self,
        key: &DigestKey,
        payload: &[u8],
        read: impl FnOnce() -> Option<Claims>,
    ) -> Option<Claims> {
        if payload.len() > CACHED_PAYLOAD_BYTES {
            return read();
        }
        let digest = key.digest(Role::Payload, &[payload]);
        let [a, b, ..] = digest;
        let place = usize::from(u16::from_le_bytes([a, b])) % CACHED_PAYLOADS;
        if let Some(Some((config, known, claims))) = self.payloads.get(place)
            && (*config, *known) == (self.config, digest)
        {
            return Some(Arc::clone(claims));
        }
        let claims = read()?;
        if self.payloads.is_empty() {
            self.payloads.resize(CACHED_PAYLOADS, None);
        }
        if let Some(slot) = self.payloads.get_mut(place) {
            *slot = Some((self.config, digest, Arc::clone(&claims)));
        }
        Some(claims)
    }
}

/// Texts and what they say. Each has one place; a newcomer takes it over.
#[derive(Debug)]
pub(super) struct Texts<V> {
    slots: Vec<Option<(Vec<u8>, V)>>,
}

impl<V> Default for Texts<V> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<V: Copy> Texts<V> {
    /// What a text says: read now unless it was before.
    pub(super) fn get(&mut self, text: &[u8], read: impl FnOnce(&[u8]) -> V) -> V {
        if text.len() > CACHED_TEXT_BYTES {
            return read(text);
        }
        if self.slots.is_empty() {
            self.slots.resize_with(CACHED_TEXTS, || None);
        }
        match self.slots.get_mut(place(text)) {
            Some(Some((known, value))) if known == text => *value,
            Some(Some((known, value))) => {
                *value = read(text);
                known.clear();
                known.extend_from_slice(text);
                *value
            }
            Some(slot) => {
                let value = read(text);
                *slot = Some((text.to_vec(), value));
                value
            }
            None => read(text),
        }
    }
}

/// Where a text belongs. Who sends texts that share a place only makes this worker read them again.
fn place(text: &[u8]) -> usize {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let (words, rest) = text.as_chunks::<8>();
    let step = |sum: u64, word: u64| (sum ^ word).wrapping_mul(PRIME).rotate_left(29);
    let sum = words.iter().fold(0, |sum, word| step(sum, u64::from_le_bytes(*word)));
    let sum = step(sum, rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    usize::try_from(sum >> 40).unwrap_or(0) % CACHED_TEXTS
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_text_is_read_once_and_never_taken_for_another() {
        let reads = Cell::new(0);
        let length = |text: &[u8]| {
            reads.set(reads.get() + 1);
            text.len()
        };
        let mut texts = Texts::default();
        for _ in 0..3 {
            assert_eq!(texts.get(b"curl/8.5.0", length), 10);
        }
        assert_eq!(reads.get(), 1);
        // Far more texts than places: most have taken over another's.
        for number in 0..2_000 {
            let text = "x".repeat(number % 600);
            assert_eq!(texts.get(text.as_bytes(), length), text.len());
            let text = format!("agent/{number}");
            assert_eq!(texts.get(text.as_bytes(), length), text.len());
        }
    }

    #[test]
    fn a_payload_is_read_once_and_a_broken_one_every_time() {
        let (mut cache, key) = (Cache::default(), DigestKey::new(b"a secret of a test"));
        let claims = |number| Claims::from([Some(ClaimValue::Number(number))]);
        assert!(cache.claims(&key, b"one", || None).is_none());
        assert_eq!(cache.claims(&key, b"one", || Some(claims(1))), Some(claims(1)));
        assert_eq!(cache.claims(&key, b"one", || None), Some(claims(1)));
        // Another configuration wants other claims.
        cache.under(ConfigId(1));
        assert!(cache.claims(&key, b"one", || None).is_none());
        assert_eq!(cache.claims(&key, b"one", || Some(claims(3))), Some(claims(3)));
        // Far more payloads than places: most have taken over another's.
        for number in 0..3_000i64 {
            let payload = number.to_le_bytes();
            assert_eq!(cache.claims(&key, &payload, || Some(claims(number))), Some(claims(number)));
            assert_eq!(cache.claims(&key, &payload, || None), Some(claims(number)));
        }
        assert_eq!(cache.payloads.len(), CACHED_PAYLOADS);
    }

    #[test]
    fn a_long_payload_is_not_kept() {
        let (mut cache, key) = (Cache::default(), DigestKey::new(b"a secret of a test"));
        let claims = Claims::from([Some(ClaimValue::Number(1))]);
        let longest = vec![b'a'; CACHED_PAYLOAD_BYTES];
        let longer = vec![b'a'; CACHED_PAYLOAD_BYTES + 1];
        for payload in [&longest, &longer] {
            assert_eq!(cache.claims(&key, payload, || Some(Claims::clone(&claims))), Some(Claims::clone(&claims)));
        }
        assert!(cache.claims(&key, &longest, || None).is_some());
        assert!(cache.claims(&key, &longer, || None).is_none());
    }
}
