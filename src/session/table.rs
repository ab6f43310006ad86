//! The session table: buckets in a store with compare-and-swap. Bounded, and nothing in it is trusted unread.
//! What a session is, is not known here; where the store is (shared data, memory), neither.

pub use super::bucket::Rank;
use super::{
    bucket::{self, Bucket, ENTRY_BYTES, HEADER_BYTES, Put},
    codec,
};
use crate::bounds::{KEY_BYTES, SESSION_BYTES};
use std::num::NonZeroU32;

/// A compare-and-swap number.
pub type Cas = NonZeroU32;

/// Why a store did not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// This host has no shared data.
    Unsupported,
    /// The host's own status.
    Failed(u32),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsupported => f.write_str("the host has no shared data"),
            Self::Failed(status) => write!(f, "the host answered with status {status}"),
        }
    }
}

/// Whether a write took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It did.
    Stored,
    /// Somebody else wrote first.
    Mismatch,
}

/// Values under keys, shared by everyone who knows the key.
pub trait Store {
    /// Reads the value of `key` into `into`, whatever that held. `None`: there is none, and `into` is empty.
    ///
    /// # Errors
    /// [`StoreError`] when the host refuses.
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError>;

    /// Writes a value if the number is still the one read; `None` is for a key that was absent.
    ///
    /// # Errors
    /// [`StoreError`] when the host refuses.
    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError>;
}

/// How many buckets of how many entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    buckets: u32,
    ways: u8,
}

impl Geometry {
    /// `buckets` must be a power of two in 1..=65,536, `ways` in 1..=16.
    pub fn new(buckets: u32, ways: u8) -> Option<Self> {
        let good = buckets.is_power_of_two() && buckets <= 65_536 && (1..=16).contains(&ways);
        good.then_some(Self { buckets, ways })
    }

    /// Number of buckets.
    pub fn buckets(self) -> u32 {
        self.buckets
    }

    /// Entries in a bucket.
    pub fn ways(self) -> u8 {
        self.ways
    }

    /// Sessions that fit when they spread evenly.
    pub fn capacity(self) -> u64 {
        u64::from(self.buckets).saturating_mul(u64::from(self.ways))
    }

    /// Bytes of one bucket's value.
    pub fn blob_bytes(self) -> usize {
        usize::from(self.ways).saturating_mul(ENTRY_BYTES).saturating_add(HEADER_BYTES)
    }

    /// Bytes of all values when every bucket has been used. The host's own cost of a key comes on top.
    pub fn memory_bytes(self) -> u64 {
        u64::from(self.buckets).saturating_mul(u64::try_from(self.blob_bytes()).unwrap_or(u64::MAX))
    }

    /// The bucket of a session key.
    pub fn bucket_of(self, key: &[u8; KEY_BYTES]) -> u16 {
        let [a, b, ..] = *key;
        let mask = u16::try_from(self.buckets.saturating_sub(1)).unwrap_or(u16::MAX);
        u16::from_le_bytes([a, b]) & mask
    }
}

/// What to do with a session.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack for a moment; a box would allocate")]
pub enum Step {
    /// Leave it as it is.
    Keep,
    /// Store this body.
    Write([u8; SESSION_BYTES]),
}

/// Which session of which table.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The table's name.
    pub name: &'a str,
    /// Its geometry.
    pub geometry: Geometry,
    /// The session's key; not all zero.
    pub key: &'a [u8; KEY_BYTES],
}

/// What an update met with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// Every try was lost: nothing is stored.
    pub conflict: bool,
    /// Tries lost.
    pub mismatches: u32,
    /// Blobs found that were no bucket, and treated as empty.
    pub discarded: u32,
    /// A new entry was made.
    pub inserted: bool,
    /// Another entry made room for it.
    pub evicted: bool,
    /// There was no room: every other entry is protected.
    pub refused: bool,
}

/// Runs `step` on the stored body of a session and stores what it gives; again, on the newer body, when somebody else
/// wrote first, up to `tries` times. `blob` is scratch. `step` must be pure: only its last run counts.
///
/// # Errors
/// [`StoreError`] when the host refuses; nothing is stored then.
pub fn update(
    store: &mut dyn Store,
    request: Request<'_>,
    tries: u32,
    blob: &mut Vec<u8>,
    rank: &dyn Fn(&[u8; SESSION_BYTES]) -> Rank,
    step: &mut dyn FnMut(Option<&[u8; SESSION_BYTES]>) -> Step,
) -> Result<Update, StoreError> {
    let Request { name, geometry, key } = request;
    let index = geometry.bucket_of(key);
    let mut buffer = [0; STORAGE_KEY_BYTES];
    let storage_key = storage_key(name, index, &mut buffer);
    let mut update = Update::default();
    for _ in 0..tries {
        let cas = store.read(storage_key, blob)?;
        let opened = cas.is_some() && Bucket::open(blob, index, geometry.ways, codec::VERSION, rank).is_ok();
        update.discarded = update.discarded.saturating_add(u32::from(cas.is_some() && !opened));
        let mut bucket =
            if opened { Bucket::resume(blob) } else { Bucket::empty(blob, index, geometry.ways, codec::VERSION) };
        let body = match step(bucket.find(key)) {
            Step::Keep => return Ok(update),
            Step::Write(body) => body,
        };
        let put = bucket.put(key, &body, rank);
        if put == Put::Refused {
            update.refused = true;
            return Ok(update);
        }
        match store.write(storage_key, bucket.seal(), cas)? {
            Written::Stored => {
                update.inserted = matches!(put, Put::Inserted | Put::Evicted);
                update.evicted = put == Put::Evicted;
                return Ok(update);
            }
            Written::Mismatch => update.mismatches = update.mismatches.saturating_add(1),
        }
    }
    update.conflict = true;
    Ok(update)
}

/// Shows `look` every entry of up to `most` buckets from `from` on. Gives the bucket to go on with, or `None` when that was
/// the last one. Nothing is written; blobs that are no bucket are passed over.
///
/// # Errors
/// The first [`StoreError`].
pub fn visit(
    store: &mut dyn Store,
    (name, geometry): (&str, Geometry),
    from: u32,
    most: u32,
    rank: &dyn Fn(&[u8; SESSION_BYTES]) -> Rank,
    look: &mut dyn FnMut(&[u8; KEY_BYTES], &[u8; SESSION_BYTES]),
) -> Result<Option<u32>, StoreError> {
    let end = from.saturating_add(most).min(geometry.buckets);
    let mut blob = Vec::new();
    let mut buffer = [0; STORAGE_KEY_BYTES];
    for index in from..end {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        let found = store.read(storage_key(name, index, &mut buffer), &mut blob)?.is_some();
        if found && let Ok(bucket) = Bucket::open(&mut blob, index, geometry.ways, codec::VERSION, rank) {
            bucket.entries().filter(|(key, _)| **key != [0; KEY_BYTES]).for_each(|(key, body)| look(key, body));
        }
    }
    Ok((end < geometry.buckets).then_some(end))
}

/// Puts an empty bucket under every key that has none. On Envoy two creators of one key would not see each other
/// (compare-and-swap is not checked there for absent keys), so this runs once, before the first request. It never
/// overwrites.
///
/// # Errors
/// The first [`StoreError`].
pub fn seed(store: &mut dyn Store, name: &str, geometry: Geometry) -> Result<(), StoreError> {
    let mut blob = Vec::new();
    let mut buffer = [0; STORAGE_KEY_BYTES];
    for index in 0..geometry.buckets {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        let key = storage_key(name, index, &mut buffer);
        if store.read(key, &mut blob)?.is_none() {
            // A mismatch means that somebody else has just seeded it.
            store.write(key, &bucket::seed(index, geometry.ways, codec::VERSION), None)?;
        }
    }
    Ok(())
}

/// Whether the store checks the number of a key that is written as if it were absent. Kong's does (ngx_wasm_module),
/// Envoy's does not, and this is how the two are told apart: by what they do, not by name.
///
/// # Errors
/// The first [`StoreError`].
pub fn strict(store: &mut dyn Store) -> Result<bool, StoreError> {
    const PROBE: &[u8] = b"session_risk/probe";
    store.write(PROBE, b"1", None)?;
    Ok(store.write(PROBE, b"1", None)? == Written::Mismatch)
}

/// Longest table name.
pub const NAME_BYTES: usize = 16;
const PREFIX: &[u8] = b"session_risk/";
const STORAGE_KEY_BYTES: usize = 34;

/// The shared-data key of a bucket: a constant prefix and four hex digits. Keys that differ only within 32 bits never
/// share a CRC32, which is all that Kong's host compares.
fn storage_key<'a>(name: &str, index: u16, buffer: &'a mut [u8; STORAGE_KEY_BYTES]) -> &'a [u8] {
    let digits = [12u32, 8, 4, 0].map(|shift| {
        let digit = index.wrapping_shr(shift) & 15;
        u8::try_from(char::from_digit(u32::from(digit), 16).unwrap_or('0')).unwrap_or(b'0')
    });
    let name = name.as_bytes();
    let parts = PREFIX.iter().chain(name).chain(b"/").chain(&digits);
    let mut length = 0usize;
    for (slot, byte) in buffer.iter_mut().zip(parts) {
        *slot = *byte;
        length = length.saturating_add(1);
    }
    buffer.get(..length).unwrap_or_default()
}
