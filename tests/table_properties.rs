//! Laws of the session table: it is bounded, keeps what is worth keeping, believes only whole buckets, and loses no
//! update. The bodies here are no sessions: the table does not know what it keeps.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::collection::vec;
use proptest::prelude::*;
use session_risk::bounds::{KEY_BYTES, SESSION_BYTES};
use session_risk::session::bucket::{Bucket, BucketError, ENTRY_BYTES, HEADER_BYTES, Put, Rank};
use session_risk::session::codec::VERSION;
use session_risk::session::local::LocalStore;
use session_risk::session::table::{self, Cas, Geometry, Request, Step, Store, StoreError, Update, Written};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Mutex;

type Key = [u8; KEY_BYTES];
type Body = [u8; SESSION_BYTES];

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

/// A key that falls into bucket 0 of any table, as long as `number` says so.
fn key(number: u8) -> Key {
    let mut key = [0; KEY_BYTES];
    key[2] = number;
    key[15] = 1;
    key
}

/// What a body of these tests says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Worth {
    expired: bool,
    protected: bool,
    level: u8,
    last_seen: u32,
}

impl Worth {
    fn body(self) -> Body {
        let mut body = [0xa5; SESSION_BYTES];
        body[0] = u8::from(self.expired) | u8::from(self.protected) << 1;
        body[1] = self.level;
        body[2..6].copy_from_slice(&self.last_seen.to_le_bytes());
        body
    }

    fn of(body: &Body) -> Self {
        let last_seen = u32::from_le_bytes(body[2..6].try_into().unwrap());
        Self { expired: body[0] & 1 != 0, protected: body[0] & 2 != 0, level: body[1], last_seen }
    }
}

fn rank(body: &Body) -> Rank {
    let Worth { expired, protected, level, last_seen } = Worth::of(body);
    Rank { expired, protected, level, last_seen: u64::from(last_seen) }
}

fn worth() -> impl Strategy<Value = Worth> {
    let flag = |weight| prop_oneof![10 => Just(false), weight => Just(true)];
    (flag(2), flag(2), 0..4u8).prop_map(|(expired, protected, level)| Worth { expired, protected, level, last_seen: 0 })
}

/// Worths with times of their own, so that no two tie.
fn worths(sizes: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Worth>> {
    vec(worth(), sizes)
        .prop_map(|worths| {
            let stamped = (1..).zip(worths).map(|(last_seen, worth)| Worth { last_seen, ..worth });
            stamped.collect::<Vec<_>>()
        })
        .prop_shuffle()
}

/// Stores `body` under `key` in the first table, if `step` is not asked to do more.
fn put(store: &mut dyn Store, geometry: Geometry, key: &Key, body: Body) -> Update {
    let request = Request { name: "t", geometry, key };
    table::update(store, request, 3, &mut Vec::new(), &rank, &mut |_| Step::Write(body)).unwrap()
}

fn find(store: &mut dyn Store, geometry: Geometry, key: &Key) -> Option<Body> {
    let mut found = None;
    let request = Request { name: "t", geometry, key };
    let mut look = |body: Option<&Body>| {
        found = body.copied();
        Step::Keep
    };
    table::update(store, request, 1, &mut Vec::new(), &rank, &mut look).unwrap();
    found
}

/// The table as its documentation tells it, for one bucket.
#[derive(Default)]
struct Model(Vec<(Key, Worth)>);

impl Model {
    fn put(&mut self, ways: usize, key: Key, worth: Worth) -> Put {
        if let Some((_, old)) = self.0.iter_mut().find(|(other, _)| *other == key) {
            *old = worth;
            return Put::Updated;
        }
        let mut done = Put::Inserted;
        if self.0.len() == ways {
            let expired = self.0.iter().filter(|(_, old)| old.expired).min_by_key(|(_, old)| old.last_seen);
            let lowest = self.0.iter().filter(|(_, old)| !old.protected && !old.expired);
            let lowest = lowest.min_by_key(|(_, old)| (old.level, old.last_seen));
            let Some((victim, _)) = expired.or(lowest).copied() else { return Put::Refused };
            done = if expired.is_some() { Put::Inserted } else { Put::Evicted };
            self.0.retain(|(other, _)| *other != victim);
        }
        self.0.push((key, worth));
        done
    }
}

/// A bucket of these worths, whole, as it is stored.
fn bucket_of(worths: &[Worth], ways: u8) -> Vec<u8> {
    let mut blob = Vec::new();
    let mut bucket = Bucket::empty(&mut blob, 0, ways, VERSION);
    for (number, worth) in (0..).zip(worths) {
        bucket.put(&key(number), &worth.body(), &rank);
    }
    bucket.seal();
    blob
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_bucket_is_what_its_model_is(ways in 1..=6u8, operations in worths(1..80), keys in vec(0..10u8, 80)) {
        let geometry = Geometry::new(1, ways).unwrap();
        let (mut store, mut model) = (LocalStore::default(), Model::default());
        table::seed(&mut store, "t", geometry).unwrap();
        for (worth, number) in operations.into_iter().zip(keys) {
            let protected: Vec<_> = model.0.iter().filter(|(_, old)| old.protected && !old.expired).map(|(key, _)| *key).collect();
            let update = put(&mut store, geometry, &key(number), worth.body());
            let expected = model.put(usize::from(ways), key(number), worth);
            let done = match update {
                Update { refused: true, .. } => Put::Refused,
                Update { evicted: true, .. } => Put::Evicted,
                Update { inserted: true, .. } => Put::Inserted,
                _ => Put::Updated,
            };
            prop_assert_eq!(done, expected);
            prop_assert_eq!((update.discarded, update.mismatches, update.conflict), (0, 0, false));
            let mut entries = 0;
            for number in 0..10 {
                let kept = find(&mut store, geometry, &key(number)).map(|body| Worth::of(&body));
                let expected = model.0.iter().find(|(other, _)| *other == key(number)).map(|(_, worth)| *worth);
                prop_assert_eq!(kept, expected);
                entries += usize::from(kept.is_some());
            }
            prop_assert!(entries <= usize::from(ways));
            for key in protected {
                prop_assert!(find(&mut store, geometry, &key).is_some(), "a protected entry gave way");
            }
        }
    }

    #[test]
    fn a_flood_of_new_sessions_evicts_none_of_a_higher_level(
        ways in 2..=16u8, kept in 1..16u8, flood in 1..200u32, level in 1..4u8,
    ) {
        let kept = kept.min(ways - 1);
        let geometry = Geometry::new(1, ways).unwrap();
        let mut store = LocalStore::default();
        table::seed(&mut store, "t", geometry).unwrap();
        for number in 0..kept {
            let worth = Worth { expired: false, protected: false, level, last_seen: 1 };
            put(&mut store, geometry, &key(number), worth.body());
        }
        for number in 0..flood {
            let mut invented = key(255);
            invented[4..8].copy_from_slice(&number.to_le_bytes());
            let worth = Worth { expired: false, protected: false, level: 0, last_seen: 1000 + number };
            prop_assert!(put(&mut store, geometry, &invented, worth.body()).inserted);
        }
        for number in 0..kept {
            prop_assert!(find(&mut store, geometry, &key(number)).is_some());
        }
    }

    #[test]
    fn more_or_fewer_ways_keep_the_best_entries(worths in worths(0..12), stored in 1..=12u8, wanted in 1..=12u8) {
        let worths = &worths[..worths.len().min(usize::from(stored))];
        let mut blob = bucket_of(worths, stored);
        let bucket = Bucket::open(&mut blob, 0, wanted, VERSION, &rank).unwrap();
        let mut best: Vec<_> = (0..).zip(worths).collect();
        best.sort_by_key(|(_, worth)| std::cmp::Reverse((!worth.expired, worth.protected, worth.level, worth.last_seen)));
        for (place, (number, worth)) in best.into_iter().enumerate() {
            let kept = bucket.find(&key(number)).map(Worth::of);
            prop_assert_eq!(kept, (place < usize::from(wanted)).then_some(*worth));
        }
        bucket.seal();
        prop_assert_eq!(blob.len(), Geometry::new(1, wanted).unwrap().blob_bytes());
        prop_assert!(Bucket::open(&mut blob, 0, wanted, VERSION, &rank).is_ok());
    }

    #[test]
    fn a_torn_bucket_is_empty_and_counted(old in worths(1..4), new in worths(1..4), at in any::<prop::sample::Index>()) {
        let geometry = Geometry::new(1, 4).unwrap();
        let (old, new) = (bucket_of(&old, 4), bucket_of(&new, 4));
        let at = at.index(old.len());
        let torn = [&new[..at], &old[at..]].concat();
        if torn != old && torn != new {
            prop_assert_eq!(met(&torn, geometry), (1, None));
        }
    }

    #[test]
    fn bytes_that_nobody_wrote_are_no_bucket(bytes in vec(any::<u8>(), 0..2500)) {
        let mut blob = bytes;
        prop_assert!(Bucket::open(&mut blob, 0, 8, VERSION, &rank).is_err());
        // Not even behind the beginning of one.
        let mut blob = [&table_header(0, 8)[..16], &blob].concat();
        prop_assert!(Bucket::open(&mut blob, 0, 8, VERSION, &rank).is_err());
    }

    #[test]
    fn no_increment_is_lost_to_writers_who_come_between(
        plan in vec(prop_oneof![3 => Just(None), 2 => (0..3u8).prop_map(Some)], 0..200), work in vec(0..3u8, 1..60),
    ) {
        let geometry = Geometry::new(1, 4).unwrap();
        let mut store = Rivals { inner: LocalStore::default(), plan: plan.into(), geometry, done: BTreeMap::new() };
        table::seed(&mut store.inner, "t", geometry).unwrap();
        let mut expected: BTreeMap<u8, u32> = BTreeMap::new();
        let mut waiting: VecDeque<u8> = work.into();
        while let Some(number) = waiting.pop_front() {
            // An update that lost every try waits and is run again, as the filter does on its tick.
            match increment(&mut store, geometry, number) {
                Update { conflict: true, mismatches, .. } => {
                    prop_assert_eq!(mismatches, 3);
                    waiting.push_back(number);
                }
                _ => *expected.entry(number).or_default() += 1,
            }
        }
        for (number, rivals) in &store.done {
            *expected.entry(*number).or_default() += rivals;
        }
        for (number, count) in expected {
            let body = find(&mut store.inner, geometry, &key(number));
            prop_assert_eq!(body.map(|body| Worth::of(&body).last_seen), Some(count));
        }
    }

    #[test]
    fn seeding_again_keeps_what_is_there(worths in worths(1..20), buckets in 0..4u32) {
        let geometry = Geometry::new(1 << buckets, 16).unwrap();
        let mut store = LocalStore::default();
        table::seed(&mut store, "t", geometry).unwrap();
        let spread = |number: u8| {
            let mut key = key(number);
            key[0] = number;
            key
        };
        for (number, worth) in (0..).zip(&worths) {
            put(&mut store, geometry, &spread(number), worth.body());
        }
        let before: Vec<_> = (0..20).map(|number| find(&mut store, geometry, &spread(number))).collect();
        table::seed(&mut store, "t", geometry).unwrap();
        let after: Vec<_> = (0..20).map(|number| find(&mut store, geometry, &spread(number))).collect();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn a_table_never_holds_more_than_its_geometry_says(buckets in 0..5u32, ways in 1..=16u8, keys in vec(any::<Key>(), 1..300)) {
        let geometry = Geometry::new(1 << buckets, ways).unwrap();
        let mut store = Watched::default();
        table::seed(&mut store, "t", geometry).unwrap();
        for (number, key) in (1..).zip(&keys) {
            let worth = Worth { expired: false, protected: false, level: 0, last_seen: number };
            put(&mut store, geometry, key, worth.body());
            prop_assert_eq!(find(&mut store, geometry, key), Some(worth.body()), "the newest is there");
        }
        prop_assert_eq!(store.0.len(), usize::try_from(geometry.buckets()).unwrap());
        let bytes: usize = store.0.values().map(|(_, value)| value.len()).sum();
        prop_assert!(u64::try_from(bytes).unwrap() <= geometry.memory_bytes());
        let kept: HashSet<_> = keys.iter().filter(|key| find(&mut store, geometry, key).is_some()).collect();
        prop_assert!(u64::try_from(kept.len()).unwrap() <= geometry.capacity());
    }
}

/// The header of an empty bucket.
fn table_header(index: u16, ways: u8) -> Vec<u8> {
    let mut blob = Vec::new();
    Bucket::empty(&mut blob, index, ways, VERSION).seal();
    blob.truncate(HEADER_BYTES);
    blob
}

/// What an update meets when `blob` is stored: how many buckets it discarded, and what it found under key 0.
fn met(blob: &[u8], geometry: Geometry) -> (u32, Option<Body>) {
    let mut store = Watched::default();
    store.write(b"session_risk/t/0000", blob, None).unwrap();
    let mut found = None;
    let mut step = |body: Option<&Body>| {
        found = body.copied();
        Step::Write([1; SESSION_BYTES])
    };
    let key = key(0);
    let request = Request { name: "t", geometry, key: &key };
    let update = table::update(&mut store, request, 3, &mut Vec::new(), &rank, &mut step).unwrap();
    // Whatever was there, what is there now is whole.
    assert!(find(&mut store, geometry, &key).is_some() && !update.conflict);
    (update.discarded, found)
}

#[test]
fn a_bucket_cut_short_at_any_length_is_empty_and_counted() {
    let geometry = Geometry::new(1, 3).unwrap();
    let worth = Worth { expired: false, protected: true, level: 3, last_seen: 9 };
    let whole = bucket_of(&[worth; 3], 3);
    assert_eq!(whole.len(), HEADER_BYTES + 3 * ENTRY_BYTES);
    assert_eq!(met(&whole, geometry), (0, Some(worth.body())));
    for length in 0..whole.len() {
        assert_eq!(met(&whole[..length], geometry), (1, None), "{length} bytes");
    }
    assert_eq!(met(&[&whole[..], &[0]].concat(), geometry), (1, None));
    assert_eq!(met(&[&whole[..], &[0; ENTRY_BYTES]].concat(), geometry), (1, None));
}

#[test]
fn a_bucket_with_any_bit_turned_is_no_bucket() {
    let geometry = Geometry::new(1, 3).unwrap();
    let whole = bucket_of(&[Worth { expired: false, protected: false, level: 1, last_seen: 9 }; 2], 3);
    let mut blob = Vec::new();
    for bit in 0..whole.len() * 8 {
        blob.clone_from(&whole);
        blob[bit / 8] ^= 1 << (bit % 8);
        assert!(Bucket::open(&mut blob, 0, 3, VERSION, &rank).is_err(), "bit {bit}");
        if bit % 61 == 0 {
            assert_eq!(met(&blob, geometry), (1, None), "bit {bit}");
        }
    }
    let seeded = session_risk::session::bucket::seed(0, 3, VERSION);
    for bit in 0..seeded.len() * 8 {
        let mut blob = seeded.to_vec();
        blob[bit / 8] ^= 1 << (bit % 8);
        assert!(Bucket::open(&mut blob, 0, 3, VERSION, &rank).is_err(), "bit {bit} of a seed");
    }
}

#[test]
fn a_bucket_of_another_place_or_version_is_told_apart() {
    let mut blob = Vec::new();
    Bucket::empty(&mut blob, 7, 2, VERSION).seal();
    let mut open = |index, version| Bucket::open(&mut blob, index, 2, version, &rank).map(|_| ());
    assert_eq!(open(7, VERSION), Ok(()));
    assert_eq!(open(8, VERSION), Err(BucketError::Foreign));
    assert_eq!(open(7, VERSION + 1), Err(BucketError::Version));
}

#[test]
fn storage_keys_differ_in_their_last_four_bytes_alone_and_in_their_crc32() {
    let mut store = Watched::default();
    table::seed(&mut store, "default", Geometry::new(65_536, 1).unwrap()).unwrap();
    assert_eq!(store.0.len(), 65_536);
    let first = store.0.keys().next().unwrap().clone();
    let constant = &first[..first.len() - 4];
    let mut sums = HashSet::new();
    for key in store.0.keys() {
        assert_eq!(key.len(), first.len());
        assert!(key.starts_with(constant));
        assert!(sums.insert(crc32(key)), "Kong would take {} for another", String::from_utf8_lossy(key));
    }
    // Two tables in one store do not meet either.
    table::seed(&mut store, "other", Geometry::new(4, 1).unwrap()).unwrap();
    assert_eq!(store.0.len(), 65_540);
}

#[test]
fn threads_lose_no_increment() {
    let geometry = Geometry::new(1, 4).unwrap();
    let shared = Mutex::new(LocalStore::default());
    table::seed(&mut Locked(&shared), "t", geometry).unwrap();
    let done: u32 = std::thread::scope(|scope| {
        let worker = |worker: u8| {
            let shared = &shared;
            scope.spawn(move || {
                let tries = (0..300).map(|_| {
                    let mut tries = 1;
                    while increment(&mut Locked(shared), geometry, worker % 2).conflict {
                        tries += 1;
                    }
                    assert!(tries < 10_000);
                });
                u32::try_from(tries.count()).unwrap()
            })
        };
        let workers: Vec<_> = (0..4).map(worker).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    let mut store = shared.into_inner().unwrap();
    let kept = [0, 1].map(|number| Worth::of(&find(&mut store, geometry, &key(number)).unwrap()).last_seen);
    assert_eq!(kept, [600, 600]);
    assert_eq!(done, 1200);
}

/// Adds one to what is kept under key `number`.
fn increment(store: &mut dyn Store, geometry: Geometry, number: u8) -> Update {
    let key = key(number);
    let request = Request { name: "t", geometry, key: &key };
    let mut step = |body: Option<&Body>| {
        let count = body.map_or(0, |body| Worth::of(body).last_seen);
        Step::Write(Worth { expired: false, protected: false, level: 0, last_seen: count + 1 }.body())
    };
    table::update(store, request, 3, &mut Vec::new(), &rank, &mut step).unwrap()
}

/// A store in which somebody else writes first whenever the plan says so.
struct Rivals {
    inner: LocalStore,
    plan: VecDeque<Option<u8>>,
    geometry: Geometry,
    done: BTreeMap<u8, u32>,
}

impl Store for Rivals {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        self.inner.read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        if let Some(Some(rival)) = self.plan.pop_front() {
            assert!(!increment(&mut self.inner, self.geometry, rival).conflict);
            *self.done.entry(rival).or_default() += 1;
        }
        self.inner.write(key, value, cas)
    }
}

/// A store that can be looked into.
#[derive(Default)]
struct Watched(BTreeMap<Vec<u8>, (Cas, Vec<u8>)>);

impl Store for Watched {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        into.clear();
        Ok(self.0.get(key).map(|(cas, value)| {
            into.extend(value);
            *cas
        }))
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        let stored = self.0.get(key).map(|(cas, _)| *cas);
        if stored != cas {
            return Ok(Written::Mismatch);
        }
        let next = stored.map_or(Cas::MIN, |cas| cas.checked_add(1).unwrap());
        self.0.insert(key.to_vec(), (next, value.to_vec()));
        Ok(Written::Stored)
    }
}

/// One thread's way to a store that others use too. Every call is atomic by itself, as on a gateway.
struct Locked<'a>(&'a Mutex<LocalStore>);

impl Store for Locked<'_> {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        self.0.lock().unwrap().read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        self.0.lock().unwrap().write(key, value, cas)
    }
}

/// CRC-32 as nginx computes it (IEEE 802.3, reflected).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}
