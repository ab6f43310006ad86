//! What holds for the session table: it is bounded, it loses nothing that it must keep, and it believes no damaged byte.
//! What a session is plays no part here: a body is a small record that the tests rank by themselves.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::{collection::vec, prelude::*};
use session_risk::{
    bounds::{CAS_TRIES, KEY_BYTES, SESSION_BYTES},
    session::{
        bucket::{self, Bucket, BucketError, ENTRY_BYTES, HEADER_BYTES, Put, Rank},
        codec::VERSION,
        local::LocalStore,
        table::{self, Cas, Geometry, Request, Step, Store, StoreError, Update, Written},
    },
};
use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
};

type Key = [u8; KEY_BYTES];
type Body = [u8; SESSION_BYTES];

const NAME: &str = "sessions";

/// A body as these tests understand it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Record {
    level: u8,
    protected: bool,
    seen: u32,
    expires: u32,
    counter: u32,
}

impl Record {
    fn body(self) -> Body {
        let mut body = [0xa5; SESSION_BYTES];
        body[0] = self.level;
        body[1] = u8::from(self.protected);
        body[2..6].copy_from_slice(&self.seen.to_le_bytes());
        body[6..10].copy_from_slice(&self.expires.to_le_bytes());
        body[10..14].copy_from_slice(&self.counter.to_le_bytes());
        body
    }

    fn of(body: &Body) -> Self {
        let number = |at: usize| u32::from_le_bytes(body[at..at + 4].try_into().unwrap());
        Self { level: body[0], protected: body[1] == 1, seen: number(2), expires: number(6), counter: number(10) }
    }

    fn rank(self, now: u32) -> Rank {
        let expired = self.expires <= now;
        Rank { expired, protected: self.protected && !expired, level: self.level, last_seen: u64::from(self.seen) }
    }
}

fn rank_at(now: u32) -> impl Fn(&Body) -> Rank {
    move |body| Record::of(body).rank(now)
}

/// Key number `n`, of bucket `n` modulo the number of buckets.
fn key(n: u16) -> Key {
    let mut key = [0x5a; KEY_BYTES];
    key[..2].copy_from_slice(&n.to_le_bytes());
    key
}

fn geometry(buckets: u32, ways: u8) -> Geometry {
    Geometry::new(buckets, ways).unwrap()
}

/// Shared data as the two kinds of hosts keep it.
#[derive(Clone, Debug, Default)]
struct SharedData {
    /// Kong: the number must be exact, and none is for absent keys only. Envoy: checked only if there are both a value
    /// and a number.
    strict: bool,
    last: u32,
    values: BTreeMap<Vec<u8>, (Cas, Vec<u8>)>,
}

impl SharedData {
    fn seeded(strict: bool, geometry: Geometry) -> Self {
        let mut store = Self { strict, ..Self::default() };
        table::seed(&mut store, NAME, geometry).unwrap();
        store
    }
}

impl Store for SharedData {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        into.clear();
        Ok(self.values.get(key).map(|(cas, value)| {
            into.extend(value);
            *cas
        }))
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        let stored = self.values.get(key).map(|(cas, _)| *cas);
        let checked = self.strict || (stored.is_some() && cas.is_some());
        if checked && stored != cas {
            return Ok(Written::Mismatch);
        }
        self.last += 1;
        self.values.insert(key.to_vec(), (Cas::new(self.last).unwrap(), value.to_vec()));
        Ok(Written::Stored)
    }
}

fn update(
    store: &mut dyn Store,
    geometry: Geometry,
    key: &Key,
    now: u32,
    step: &mut dyn FnMut(Option<Record>) -> Option<Record>,
) -> Update {
    let request = Request { name: NAME, geometry, key };
    let mut step = |body: Option<&Body>| match step(body.map(Record::of)) {
        Some(record) => Step::Write(record.body()),
        None => Step::Keep,
    };
    table::update(store, request, CAS_TRIES, &mut Vec::new(), &rank_at(now), &mut step).unwrap()
}

fn put(store: &mut dyn Store, geometry: Geometry, key: &Key, now: u32, record: Record) -> Update {
    update(store, geometry, key, now, &mut |_| Some(record))
}

fn find(store: &mut dyn Store, geometry: Geometry, key: &Key) -> Option<Record> {
    let mut found = None;
    update(store, geometry, key, 0, &mut |record| {
        found = record;
        None
    });
    found
}

/// A sealed bucket with these entries, in this order.
fn sealed(index: u16, ways: u8, entries: &[(Key, Record)]) -> Vec<u8> {
    let mut blob = Vec::new();
    let mut bucket = Bucket::empty(&mut blob, index, ways, VERSION);
    for (key, record) in entries {
        assert_eq!(bucket.put(key, &record.body(), &rank_at(0)), Put::Inserted);
    }
    bucket.seal().to_vec()
}

fn open(blob: &[u8], index: u16, ways: u8) -> Result<(), BucketError> {
    Bucket::open(&mut blob.to_vec(), index, ways, VERSION, &rank_at(0)).map(|_| ())
}

/// Few levels and times, so that ties are common; clocks run to 20 below.
fn record() -> impl Strategy<Value = Record> {
    (0u8..4, prop::bool::weighted(0.3), 0u32..8, 1u32..30).prop_map(|(level, protected, seen, expires)| Record {
        level,
        protected,
        seen,
        expires,
        counter: 0,
    })
}

fn shape() -> impl Strategy<Value = Geometry> {
    (0u32..4, 1u8..=16).prop_map(|(log, ways)| geometry(1 << log, ways))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// While every bucket has room, the table is a map.
    #[test]
    fn with_room_the_table_is_a_map(
        shape in shape(),
        strict: bool,
        ops in vec((0u16..128, prop::option::of(record())), 1..80),
    ) {
        let mut store = SharedData::seeded(strict, shape);
        let mut model: HashMap<Key, Record> = HashMap::new();
        for (n, write) in ops {
            let n = n % u16::try_from(shape.capacity()).unwrap();
            let mut before = None;
            let done = update(&mut store, shape, &key(n), 0, &mut |old| { before = old; write });
            prop_assert_eq!(before, model.get(&key(n)).copied());
            let inserted = write.is_some() && before.is_none();
            prop_assert_eq!(done, Update { inserted, ..Update::default() });
            write.map(|record| model.insert(key(n), record));
        }
        for n in 0..128 {
            let n = n % u16::try_from(shape.capacity()).unwrap();
            prop_assert_eq!(find(&mut store, shape, &key(n)), model.get(&key(n)).copied());
        }
    }

    /// Beyond its room a bucket gives up one entry for a new one: an expired one if there is any, else the lowest
    /// (level, last seen) that is not protected. With only protected entries it refuses. Nothing else is ever lost,
    /// and memory stays within the number that the geometry promised.
    #[test]
    fn a_full_bucket_gives_up_the_least(
        ways in 1u8..=5,
        buckets in prop::sample::select(vec![1u32, 2]),
        ops in vec((0u16..20, record(), 0u32..2), 1..80),
    ) {
        let shape = geometry(buckets, ways);
        let mut store = SharedData::seeded(false, shape);
        let mut now = 0;
        let held = |store: &mut SharedData, bucket: u16| -> HashMap<u16, Record> {
            let own = (0..20).filter(|n| shape.bucket_of(&key(*n)) == bucket);
            own.filter_map(|n| Some((n, find(store, shape, &key(n))?))).collect()
        };
        for (n, record, pause) in ops {
            now += pause;
            let bucket = shape.bucket_of(&key(n));
            let before = held(&mut store, bucket);
            let done = put(&mut store, shape, &key(n), now, record);
            let after = held(&mut store, bucket);

            let mut expected = before.clone();
            let full = before.len() == usize::from(ways) && !before.contains_key(&n);
            let lost: Vec<u16> = before.keys().filter(|n| !after.contains_key(n)).copied().collect();
            let ranks = || before.values().map(|record| record.rank(now));
            let refused = full && ranks().all(|rank| rank.protected);
            prop_assert_eq!(done.refused, refused);
            prop_assert_eq!(lost.len(), usize::from(full && !refused));
            for lost in lost {
                let rank = expected.remove(&lost).unwrap().rank(now);
                prop_assert!(!rank.protected, "lost a protected entry");
                prop_assert_eq!(rank.expired, ranks().any(|rank| rank.expired));
                prop_assert_eq!(done.evicted, !rank.expired);
                let open = ranks().filter(|other| !other.protected && other.expired == rank.expired);
                if !rank.expired {
                    let least = open.map(|rank| (rank.level, rank.last_seen)).min();
                    prop_assert_eq!(Some((rank.level, rank.last_seen)), least);
                }
            }
            if !refused {
                expected.insert(n, record);
            }
            prop_assert_eq!(done.inserted, !refused && !before.contains_key(&n));
            prop_assert_eq!(after, expected);
            let bytes: usize = store.values.values().map(|(_, value)| value.len()).sum();
            prop_assert!(u64::try_from(bytes).unwrap() <= shape.memory_bytes());
            prop_assert_eq!(store.values.len(), usize::try_from(shape.buckets()).unwrap());
        }
    }

    /// One-off sessions of low level evict each other. While a bucket holds one of them, or has room, none of a higher
    /// level goes; a bucket of nothing but higher ones makes room once, by its lowest.
    #[test]
    fn a_flood_displaces_only_its_own_kind(
        ways in 2u8..=8,
        regulars in vec((1u8..4, 0u32..100), 1..=8),
        flood in vec(50u32..60, 1..300),
    ) {
        let shape = geometry(1, ways);
        let mut store = SharedData::seeded(true, shape);
        let forever = |level, seen| Record { level, seen, expires: u32::MAX, ..Record::default() };
        let regulars: Vec<Record> =
            regulars.into_iter().take(usize::from(ways)).map(|(level, seen)| forever(level, seen)).collect();
        for (n, record) in (0..).zip(&regulars) {
            put(&mut store, shape, &key(n), 0, *record);
        }
        for (n, seen) in (1_000..).zip(flood) {
            put(&mut store, shape, &key(n), 0, forever(0, seen));
        }
        let mut expected = regulars.clone();
        expected.sort_by_key(|record| Reverse((record.level, record.seen)));
        expected.truncate(usize::from(ways) - 1);
        let mut kept: Vec<Record> =
            (0..).take(regulars.len()).filter_map(|n| find(&mut store, shape, &key(n))).collect();
        kept.sort_by_key(|record| Reverse((record.level, record.seen)));
        prop_assert_eq!(kept, expected);
    }

    /// However writers interleave, whatever mismatches the host makes up, every increment that was asked for is in
    /// the table once those that gave up have been run again.
    #[test]
    fn rival_writers_lose_no_increment(
        strict: bool,
        ways in 6u8..=16,
        asked in vec(0u16..6, 1..40),
        script in vec(prop::option::weighted(0.7, prop::option::of(0u16..6)), 0..200),
    ) {
        let shape = geometry(1, ways);
        let mut host = SharedData::seeded(strict, shape);
        // Another filter's damage beside it makes no difference.
        host.write(b"session_risk/sessionz/0000", b"?", None).unwrap();
        let race = Race::new(host, shape, script);
        for n in &asked {
            race.increment(*n, 0);
        }
        race.script.borrow_mut().clear();
        let waiting: Vec<u16> = race.waiting.take().into();
        for n in waiting {
            race.increment(n, 0);
        }
        prop_assert!(race.waiting.take().is_empty(), "gave up without a rival");
        let race_asked = race.asked.borrow().clone();
        prop_assert!(race_asked.values().sum::<u32>() >= u32::try_from(asked.len()).unwrap());
        for (n, times) in race_asked {
            let found = find(&mut *race.host.borrow_mut(), shape, &key(n));
            prop_assert_eq!(found.map(|record| record.counter), Some(times));
        }
    }

    /// Half of one write and half of another is no bucket, wherever the seam is.
    #[test]
    fn torn_blobs_are_seen(
        old in vec(record(), 0..=4),
        new in vec(record(), 0..=4),
        seam in 0..HEADER_BYTES + 4 * ENTRY_BYTES,
    ) {
        let entries = |records: &[Record]| (1..).map(key).zip(records.iter().copied()).collect::<Vec<_>>();
        let old = sealed(3, 4, &entries(&old));
        let new = sealed(3, 4, &entries(&new));
        let torn = [&new[..seam], &old[seam..]].concat();
        let whole = torn == old || torn == new;
        prop_assert_eq!(open(&torn, 3, 4).is_ok(), whole);
    }

    /// Bytes that are no bucket are treated as an empty one, counted, and replaced.
    #[test]
    fn foreign_bytes_are_counted_and_replaced(mut blob in vec(any::<u8>(), 0..600), magic: bool, strict: bool) {
        if magic {
            // As far as the length, so that everything behind the first checks is reached too.
            for (slot, byte) in blob.iter_mut().zip(*b"SRBK\x01\x02\x00\x00") {
                *slot = byte;
            }
        }
        let shape = geometry(1, 2);
        let mut store = SharedData::seeded(strict, shape);
        let storage = store.values.keys().next().unwrap().clone();
        store.values.get_mut(&storage).unwrap().1 = blob;
        let record = Record { counter: 7, ..Record::default() };
        let mut before = Some(record);
        let done = update(&mut store, shape, &key(1), 0, &mut |old| { before = old; Some(record) });
        prop_assert_eq!(before, None);
        prop_assert_eq!(done, Update { discarded: 1, inserted: true, ..Update::default() });
        prop_assert_eq!(find(&mut store, shape, &key(1)), Some(record));
    }

    /// When `ways` was changed, the best entries are brought along: live before expired, then protected, then by level
    /// and last seen. Reading alone finds them; the first write makes the blob the new size.
    #[test]
    fn other_ways_keep_the_best_entries(from in vec(record(), 0..=16), ways in 1u8..=16, spare in 0u8..4, now in 0u32..20) {
        let entries: Vec<(Key, Record)> = (1..).map(key).zip(from).collect();
        let old = u8::try_from(entries.len()).unwrap().saturating_add(spare).clamp(1, 16);
        let mut blob = sealed(0, old, &entries);
        let bucket = Bucket::open(&mut blob, 0, ways, VERSION, &rank_at(now)).unwrap();
        let worth = |record: &Record| {
            let rank = record.rank(now);
            (!rank.expired, rank.protected, rank.level, rank.last_seen)
        };
        let find = |key: &Key| bucket.find(key).map(Record::of);
        let (kept, lost): (Vec<_>, Vec<_>) = entries.iter().partition(|(key, _)| find(key).is_some());
        prop_assert!(kept.iter().all(|(key, record)| find(key) == Some(*record)));
        prop_assert_eq!(kept.len(), entries.len().min(usize::from(ways)));
        let least_kept = kept.iter().map(|(_, record)| worth(record)).min();
        prop_assert!(lost.iter().all(|(_, record)| Some(worth(record)) <= least_kept));
        prop_assert_eq!(bucket.seal().len(), geometry(1, ways).blob_bytes());
    }

    /// Seeding again, even with other ways, changes nothing that is there.
    #[test]
    fn seeding_never_overwrites(shape in shape(), again in 1u8..=16, strict: bool, records in vec((any::<u16>(), record()), 0..20)) {
        let mut store = SharedData::seeded(strict, shape);
        for (n, record) in records {
            put(&mut store, shape, &key(n), 0, record);
        }
        let before = store.values.clone();
        table::seed(&mut store, NAME, geometry(shape.buckets(), again)).unwrap();
        prop_assert_eq!(before, store.values);
    }

    /// The store in the VM's own memory answers as Kong's shared data does.
    #[test]
    fn the_local_store_is_a_strict_store(ops in vec((0u8..3, prop::option::of(0usize..4), any::<u8>()), 1..60)) {
        let mut local = LocalStore::default();
        let mut model: HashMap<u8, (Cas, u8)> = HashMap::new();
        let mut seen: Vec<Cas> = Vec::new();
        for (name, number, byte) in ops {
            // A number read before, of any key and any age, or none.
            let number = number.and_then(|back| seen.iter().rev().nth(back)).copied();
            let expected = model.get(&name).map(|(cas, _)| *cas) == number;
            let written = local.write(&[name], &[byte], number).unwrap();
            prop_assert_eq!(written == Written::Stored, expected);
            let mut value = vec![9, 9];
            let cas = local.read(&[name], &mut value).unwrap();
            if expected {
                prop_assert_ne!(cas, number, "a write must change the number");
                model.insert(name, (cas.unwrap(), byte));
            }
            prop_assert_eq!(cas, model.get(&name).map(|(cas, _)| *cas));
            prop_assert_eq!(value, model.get(&name).map(|(_, byte)| vec![*byte]).unwrap_or_default());
            seen.extend(cas);
        }
    }
}

/// Writers that get in each other's way: before each write the script may run a rival's whole update, or make the host
/// report a mismatch that nobody caused.
struct Race {
    host: RefCell<SharedData>,
    geometry: Geometry,
    /// Outer `None`: let the write through. Inner `None`: a made-up mismatch.
    script: RefCell<VecDeque<Option<Option<u16>>>>,
    waiting: RefCell<VecDeque<u16>>,
    asked: RefCell<HashMap<u16, u32>>,
}

impl Race {
    fn new(host: SharedData, geometry: Geometry, script: Vec<Option<Option<u16>>>) -> Self {
        Self {
            host: RefCell::new(host),
            geometry,
            script: RefCell::new(script.into()),
            waiting: RefCell::default(),
            asked: RefCell::default(),
        }
    }

    fn increment(&self, n: u16, depth: usize) {
        let done = update(&mut Worker { race: self, depth }, self.geometry, &key(n), 0, &mut |old| {
            let old = old.unwrap_or(Record { expires: u32::MAX, ..Record::default() });
            Some(Record { counter: old.counter + 1, ..old })
        });
        assert!(!done.refused && !done.evicted && done.discarded == 0);
        if done.conflict {
            assert_eq!(done.mismatches, CAS_TRIES, "gave up early");
            self.waiting.borrow_mut().push_back(n);
        } else {
            *self.asked.borrow_mut().entry(n).or_default() += 1;
        }
    }
}

struct Worker<'a> {
    race: &'a Race,
    depth: usize,
}

impl Store for Worker<'_> {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        self.race.host.borrow_mut().read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        loop {
            let next = self.race.script.borrow_mut().pop_front();
            match next.flatten() {
                Some(Some(rival)) if self.depth < 4 => self.race.increment(rival, self.depth + 1),
                Some(None) => return Ok(Written::Mismatch),
                _ => return self.race.host.borrow_mut().write(key, value, cas),
            }
        }
    }
}

/// Two full entries and an empty place: every kind of byte that a blob has.
fn sample() -> Vec<u8> {
    let record = Record { level: 2, seen: 5, expires: 9, counter: 1, protected: true };
    sealed(0x0102, 3, &[(key(1), record), (key(2), Record::default())])
}

#[test]
fn every_flipped_bit_is_seen() {
    let mut blob = sample();
    assert_eq!(open(&blob, 0x0102, 3), Ok(()));
    for bit in 0..blob.len() * 8 {
        blob[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&blob, 0x0102, 3).is_err(), "bit {bit}");
        blob[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_other_length_is_seen() {
    let whole = sample();
    for length in 0..whole.len() {
        assert!(open(&whole[..length], 0x0102, 3).is_err(), "cut to {length} bytes");
    }
    for more in 1..=2 * ENTRY_BYTES {
        assert!(open(&[&whole[..], &vec![0; more]].concat(), 0x0102, 3).is_err(), "{more} bytes more");
    }
}

#[test]
fn a_bucket_of_another_place_or_version_is_not_believed() {
    let blob = sample();
    let open = |blob: &[u8], index, version| {
        Bucket::open(&mut blob.to_vec(), index, 3, version, &rank_at(0)).map(|_| ()).unwrap_err()
    };
    assert_eq!(open(&blob, 0x0103, VERSION), BucketError::Foreign);
    assert_eq!(open(&blob, 0x0102, VERSION + 1), BucketError::Version);
    assert_eq!(open(b"", 0x0102, VERSION), BucketError::Length);
    assert_eq!(open(&[b'x'; 64], 0x0102, VERSION), BucketError::Foreign);
    assert_eq!(open(&blob[..blob.len() - 1], 0x0102, VERSION), BucketError::Length);
    assert_eq!(open(&blob[..HEADER_BYTES], 0x0102, VERSION), BucketError::Torn);
}

#[test]
fn sealing_counts_writes() {
    let mut blob = sample();
    let epoch = |blob: &[u8]| u32::from_le_bytes(blob[8..12].try_into().unwrap());
    let first = epoch(&blob);
    for writes in 1..4 {
        Bucket::open(&mut blob, 0x0102, 3, VERSION, &rank_at(0)).unwrap().seal();
        assert_eq!(epoch(&blob), first + writes);
    }
}

/// What gateways keep must be readable by the next release, on any processor.
#[test]
fn the_bytes_of_a_seed_are_fixed() {
    let text: String = bucket::seed(0x0102, 8, 1).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, "5352424b01080201000000000000000087336074173fe7350000000000000000");
}

#[test]
fn a_geometry_is_in_range_and_says_its_memory() {
    for (buckets, ways) in [(0, 8), (3, 8), (131_072, 8), (1, 0), (1, 17)] {
        assert_eq!(Geometry::new(buckets, ways), None);
    }
    assert_eq!(geometry(65_536, 16).blob_bytes(), 32 + 16 * 272);
    assert_eq!(geometry(4_096, 8).memory_bytes(), 4_096 * (32 + 8 * 272));
    assert_eq!(geometry(4_096, 8).capacity(), 32_768);
    let used: BTreeSet<u16> = (0..=u16::MAX).map(|n| geometry(256, 1).bucket_of(&key(n))).collect();
    assert_eq!(used, (0..256).collect());
}

/// Kong's host compares keys by CRC32 alone.
#[test]
fn no_two_buckets_share_a_storage_key_or_its_crc32() {
    for name in ["s", "a-sixteen-letter"] {
        assert!(name.len() <= table::NAME_BYTES);
        let mut store = SharedData::default();
        table::seed(&mut store, name, geometry(65_536, 1)).unwrap();
        assert_eq!(store.values.len(), 65_536);
        for (index, key) in store.values.keys().enumerate() {
            assert_eq!(*key, format!("session_risk/{name}/{index:04x}").into_bytes());
        }
        let sums: BTreeSet<u32> = store.values.keys().map(|key| crc32(key)).collect();
        assert_eq!(sums.len(), 65_536);
        assert!(store.values.values().all(|(_, value)| value.len() == HEADER_BYTES));
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1)))
    })
}

/// Why `seed` is run before the first request: on Envoy two creators of one key do not see each other.
#[test]
fn the_kinds_of_hosts_are_told_apart() {
    for strict in [false, true] {
        let mut store = SharedData { strict, ..SharedData::default() };
        assert_eq!(table::strict(&mut store), Ok(strict));
        assert_eq!(table::strict(&mut store), Ok(strict), "a second VM finds the same");
    }
}

/// A host that fails as told.
struct Failing {
    inner: SharedData,
    read: bool,
}

impl Store for Failing {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        if self.read { Err(StoreError::Unsupported) } else { self.inner.read(key, into) }
    }

    fn write(&mut self, _: &[u8], _: &[u8], _: Option<Cas>) -> Result<Written, StoreError> {
        Err(StoreError::Failed(10))
    }
}

#[test]
fn a_host_that_fails_is_reported_and_nothing_is_stored() {
    let shape = geometry(1, 2);
    let inner = SharedData::seeded(true, shape);
    for (read, error) in [(true, StoreError::Unsupported), (false, StoreError::Failed(10))] {
        let mut store = Failing { inner: inner.clone(), read };
        let request = Request { name: NAME, geometry: shape, key: &key(1) };
        let mut step = |_: Option<&Body>| Step::Write(Record::default().body());
        let result = table::update(&mut store, request, CAS_TRIES, &mut Vec::new(), &rank_at(0), &mut step);
        assert_eq!(result, Err(error));
        assert_eq!(store.inner.values, inner.values);
    }
}
