//! One bucket of the session table as bytes: a header, then entries of a key and a body.
//! It is edited in place. What an entry's body means is not known here.
//!
//! Header, 32 bytes, little-endian: magic `SRBK`, layout version, ways, bucket index (u16), epoch (u32, counts writes),
//! 4 zero bytes, checksum (u64), 8 zero bytes. A bucket that was only seeded is a header without entries.

use crate::bounds::{KEY_BYTES, SESSION_BYTES};

/// Bytes of the header.
pub const HEADER_BYTES: usize = 32;
/// Bytes of an entry.
pub const ENTRY_BYTES: usize = KEY_BYTES + SESSION_BYTES;

const MAGIC: [u8; 4] = *b"SRBK";
const EMPTY: [u8; KEY_BYTES] = [0; KEY_BYTES];

/// Why a blob is not a bucket that can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BucketError {
    /// Not ours, or another bucket.
    Foreign,
    /// Written by another version.
    Version,
    /// Its length does not fit its header.
    Length,
    /// Its checksum is wrong: torn or damaged.
    Torn,
}

/// How much an entry is worth keeping; computed from its body by whoever knows what that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rank {
    /// Of no use any more.
    pub expired: bool,
    /// Must not be evicted.
    pub protected: bool,
    /// Higher is kept longer.
    pub level: u8,
    /// Later is kept longer.
    pub last_seen: u64,
}

/// What putting an entry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The entry was there and has a new body.
    Updated,
    /// It took an empty or expired place.
    Inserted,
    /// It took the place of another.
    Evicted,
    /// Every other entry is protected: nothing changed.
    Refused,
}

/// A bucket being read and edited.
#[derive(Debug)]
pub struct Bucket<'a> {
    blob: &'a mut Vec<u8>,
}

impl<'a> Bucket<'a> {
    /// Opens what the store gave for bucket `index`. Other numbers of ways than configured are brought along: the best
    /// entries stay.
    ///
    /// # Errors
    /// [`BucketError`] for anything that is not wholly and exactly a bucket of this index and `version`.
    pub fn open(
        blob: &'a mut Vec<u8>,
        index: u16,
        ways: u8,
        version: u8,
        rank: &dyn Fn(&[u8; SESSION_BYTES]) -> Rank,
    ) -> Result<Self, BucketError> {
        let (header, entries) = blob.split_first_chunk::<HEADER_BYTES>().ok_or(BucketError::Length)?;
        let [m0, m1, m2, m3, layout, stored_ways, i0, i1, ..] = *header;
        if [m0, m1, m2, m3] != MAGIC || u16::from_le_bytes([i0, i1]) != index {
            return Err(BucketError::Foreign);
        }
        if layout != version {
            return Err(BucketError::Version);
        }
        if !entries.is_empty() && entries.len() != usize::from(stored_ways).saturating_mul(ENTRY_BYTES) {
            return Err(BucketError::Length);
        }
        if checksum(blob) != stored_checksum(header) {
            return Err(BucketError::Torn);
        }
        let seeded_only = entries.is_empty();
        let mut bucket = Self { blob };
        if seeded_only || stored_ways != ways {
            bucket.resize(ways, rank);
        }
        Ok(bucket)
    }

    /// Goes on with a blob that was opened a moment ago.
    pub(super) fn resume(blob: &'a mut Vec<u8>) -> Self {
        Self { blob }
    }

    /// An empty bucket, written over whatever `blob` held.
    pub fn empty(blob: &'a mut Vec<u8>, index: u16, ways: u8, version: u8) -> Self {
        blob.clear();
        blob.extend(header(index, ways, version));
        blob.resize(HEADER_BYTES.saturating_add(usize::from(ways).saturating_mul(ENTRY_BYTES)), 0);
        Self { blob }
    }

    /// The body stored under `key`.
    pub fn find(&self, key: &[u8; KEY_BYTES]) -> Option<&[u8; SESSION_BYTES]> {
        self.entries().find(|(other, _)| *other == key).map(|(_, body)| body)
    }

    /// Stores a body under `key`, which must not be all zero. Evicts, in this order: an empty place, an expired entry,
    /// the lowest (level, last seen) that is not protected.
    pub fn put(
        &mut self,
        key: &[u8; KEY_BYTES],
        body: &[u8; SESSION_BYTES],
        rank: &dyn Fn(&[u8; SESSION_BYTES]) -> Rank,
    ) -> Put {
        let place = |put: Put, rank: Option<Rank>| match (put, rank) {
            (Put::Inserted, None) => (1, 0, 0),
            (Put::Inserted, Some(rank)) => (2, 0, rank.last_seen),
            (_, rank) => rank.map_or((4, 0, 0), |rank| (3, rank.level, rank.last_seen)),
        };
        let known = self.entries().position(|(other, _)| other == key).map(|way| (way, Put::Updated));
        // Ranking reads every body, which an update has no need of.
        let choice = known.or_else(|| {
            let places = self.entries().enumerate().filter_map(|(way, (other, old))| {
                let (put, rank) = if *other == EMPTY {
                    (Put::Inserted, None)
                } else {
                    let rank = rank(old);
                    match (rank.expired, rank.protected) {
                        (true, _) => (Put::Inserted, Some(rank)),
                        (false, true) => return None,
                        (false, false) => (Put::Evicted, Some(rank)),
                    }
                };
                Some((place(put, rank), way, put))
            });
            places.min_by_key(|(place, ..)| *place).map(|(_, way, put)| (way, put))
        });
        let Some((way, put)) = choice else { return Put::Refused };
        let start = HEADER_BYTES.saturating_add(way.saturating_mul(ENTRY_BYTES));
        let middle = start.saturating_add(KEY_BYTES);
        if let Some(slot) = self.blob.get_mut(start..middle) {
            slot.copy_from_slice(key);
        }
        if let Some(slot) = self.blob.get_mut(middle..middle.saturating_add(SESSION_BYTES)) {
            slot.copy_from_slice(body);
        }
        put
    }

    /// Counts one more write and makes the blob whole. Gives the bytes to store.
    pub fn seal(self) -> &'a [u8] {
        if let Some(epoch) = self.blob.get_mut(8..12) {
            let old = epoch.try_into().map_or(0, u32::from_le_bytes);
            epoch.copy_from_slice(&old.wrapping_add(1).to_le_bytes());
        }
        sign(self.blob);
        self.blob
    }

    /// The occupied and empty places, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&[u8; KEY_BYTES], &[u8; SESSION_BYTES])> {
        self.blob.get(HEADER_BYTES..).unwrap_or_default().chunks_exact(ENTRY_BYTES).filter_map(|entry| {
            let (key, body) = entry.split_first_chunk::<KEY_BYTES>()?;
            Some((key, body.first_chunk::<SESSION_BYTES>()?))
        })
    }

    fn resize(&mut self, ways: u8, rank: &dyn Fn(&[u8; SESSION_BYTES]) -> Rank) {
        // The best first, by insertion: a bucket has few entries, and this runs once after `ways` has changed.
        let worth = |body: &[u8; SESSION_BYTES]| {
            let rank = rank(body);
            (!rank.expired, rank.protected, rank.level, rank.last_seen)
        };
        let mut kept: Vec<([u8; KEY_BYTES], [u8; SESSION_BYTES])> = Vec::new();
        for (key, body) in self.entries().filter(|(key, _)| **key != EMPTY) {
            let place = kept.iter().take_while(|(_, other)| worth(other) >= worth(body)).count();
            kept.insert(place, (*key, *body));
        }
        kept.truncate(usize::from(ways));
        self.blob.truncate(HEADER_BYTES);
        if let Some(slot) = self.blob.get_mut(5) {
            *slot = ways;
        }
        for (key, body) in kept {
            self.blob.extend(key);
            self.blob.extend(body);
        }
        self.blob.resize(HEADER_BYTES.saturating_add(usize::from(ways).saturating_mul(ENTRY_BYTES)), 0);
    }
}

/// A bucket without entries: what an unused bucket is seeded with.
pub fn seed(index: u16, ways: u8, version: u8) -> [u8; HEADER_BYTES] {
    let mut blob = header(index, ways, version);
    let sum = checksum(&blob).to_le_bytes();
    if let Some(slot) = blob.get_mut(16..24) {
        slot.copy_from_slice(&sum);
    }
    blob
}

fn header(index: u16, ways: u8, version: u8) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let [m0, m1, m2, m3] = MAGIC;
    let [i0, i1] = index.to_le_bytes();
    for (slot, byte) in header.iter_mut().zip([m0, m1, m2, m3, version, ways, i0, i1]) {
        *slot = byte;
    }
    header
}

fn sign(blob: &mut [u8]) {
    let sum = checksum(blob).to_le_bytes();
    if let Some(slot) = blob.get_mut(16..24) {
        slot.copy_from_slice(&sum);
    }
}

fn stored_checksum(header: &[u8; HEADER_BYTES]) -> u64 {
    header.get(16..24).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

/// A checksum over the blob except the checksum itself. It finds torn writes and damage, not forgery: who can write
/// shared data runs in the gateway already. Four lanes of multiply and rotate, so that 4 KiB cost well under a
/// microsecond.
fn checksum(blob: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let step = |lane: u64, word: u64| (lane ^ word).wrapping_mul(PRIME).rotate_left(29);
    let mut lanes = (1u64, 2u64, 3u64, 4u64);
    for part in [blob.get(..16).unwrap_or(blob), blob.get(24..).unwrap_or_default()] {
        // Four words at a time and by name: through iterators over lanes and words it takes three times as many operations.
        let (blocks, rest) = part.as_chunks::<32>();
        for block in blocks {
            if let ([a, b, c, d], _) = block.as_chunks::<8>() {
                lanes.0 = step(lanes.0, u64::from_le_bytes(*a));
                lanes.1 = step(lanes.1, u64::from_le_bytes(*b));
                lanes.2 = step(lanes.2, u64::from_le_bytes(*c));
                lanes.3 = step(lanes.3, u64::from_le_bytes(*d));
            }
        }
        // Entries and header are whole words, so a short one is damage and padded with zeros.
        let mut words = rest.chunks(8).map(padded);
        for lane in [&mut lanes.0, &mut lanes.1, &mut lanes.2, &mut lanes.3] {
            if let Some(word) = words.next() {
                *lane = step(*lane, word);
            }
        }
    }
    let length = u64::try_from(blob.len()).unwrap_or(0);
    [lanes.0, lanes.1, lanes.2, lanes.3]
        .iter()
        .fold(length, |sum, lane| (sum ^ lane).wrapping_mul(PRIME).rotate_left(31))
}

fn padded(word: &[u8]) -> u64 {
    word.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}
