//! The session table on the hosts that there are: Envoy checks a compare-and-swap number only where there is one, Kong
//! always, some have no shared data, any may fail. What holds for a bucket by itself is in `table_properties.rs`.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::{collection::vec, prelude::*};
use session_risk::{
    bounds::{CAS_TRIES, KEY_BYTES, SESSION_BYTES},
    session::{
        bucket::{self, Bucket, HEADER_BYTES, Put, Rank},
        local::LocalStore,
        table::{self, Cas, Geometry, Request, Step, Store, StoreError, Update, Written},
    },
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap, VecDeque},
};

type Key = [u8; KEY_BYTES];
type Body = [u8; SESSION_BYTES];

const NAME: &str = "a-sixteen-letter";

/// Key number `n`, of bucket `n` modulo the number of buckets.
fn key(n: u16) -> Key {
    let mut key = [0x5a; KEY_BYTES];
    key[..2].copy_from_slice(&n.to_le_bytes());
    key
}

/// A body is a counter here, and all are worth the same.
fn body(counter: u32) -> Body {
    let mut body = [0xa5; SESSION_BYTES];
    body[..4].copy_from_slice(&counter.to_le_bytes());
    body
}

fn counter(body: &Body) -> u32 {
    u32::from_le_bytes(body[..4].try_into().unwrap())
}

fn rank(_: &Body) -> Rank {
    Rank { expired: false, protected: false, level: 0, last_seen: 0 }
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
    n: u16,
    step: &mut dyn FnMut(Option<u32>) -> Option<u32>,
) -> Result<Update, StoreError> {
    let request = Request { name: NAME, geometry, key: &key(n) };
    let mut step = |old: Option<&Body>| step(old.map(counter)).map_or(Step::Keep, |new| Step::Write(body(new)));
    table::update(store, request, CAS_TRIES, &mut Vec::new(), &rank, &mut step)
}

fn find(store: &mut dyn Store, geometry: Geometry, n: u16) -> Option<u32> {
    let mut found = None;
    let mut look = |old| {
        found = old;
        None
    };
    update(store, geometry, n, &mut look).unwrap();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// However writers interleave, whatever mismatches the host makes up, every increment is in the table once those
    /// that gave up have been run again. On Envoy this is so because the table is seeded first.
    #[test]
    fn rival_writers_lose_no_increment(
        strict: bool,
        work in vec(0u16..6, 1..40),
        script in vec(prop::option::weighted(0.7, prop::option::of(0u16..6)), 0..200),
    ) {
        let shape = geometry(1, 6);
        let race = Race::new(SharedData::seeded(strict, shape), shape, script);
        work.iter().for_each(|n| race.increment(*n, 0));
        race.script.take();
        race.waiting.take().into_iter().for_each(|n| race.increment(n, 0));
        prop_assert!(race.waiting.take().is_empty(), "gave up without a rival");
        let made = race.made.take();
        prop_assert!(made.values().sum::<u32>() >= u32::try_from(work.len()).unwrap());
        for (n, times) in made {
            prop_assert_eq!(find(&mut *race.host.borrow_mut(), shape, n), Some(times));
        }
    }

    /// Seeding again, even with other ways, changes no byte.
    #[test]
    fn seeding_never_overwrites(strict: bool, log in 0u32..4, again in 1u8..=16, keys in vec(any::<u16>(), 0..20)) {
        let shape = geometry(1 << log, 4);
        let mut store = SharedData::seeded(strict, shape);
        for n in keys {
            update(&mut store, shape, n, &mut |_| Some(1)).unwrap();
        }
        let before = store.values.clone();
        table::seed(&mut store, NAME, geometry(1 << log, again)).unwrap();
        prop_assert_eq!(before, store.values);
    }

    /// What is no bucket is replaced with its own number, on either kind of host.
    #[test]
    fn foreign_bytes_are_replaced(strict: bool, blob in vec(any::<u8>(), 0..600)) {
        let shape = geometry(1, 2);
        let mut store = SharedData::seeded(strict, shape);
        store.values.values_mut().for_each(|(_, value)| value.clone_from(&blob));
        let done = update(&mut store, shape, 1, &mut |old| { assert_eq!(old, None); Some(7) });
        prop_assert_eq!(done, Ok(Update { discarded: 1, inserted: true, ..Update::default() }));
        prop_assert_eq!(find(&mut store, shape, 1), Some(7));
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
    made: RefCell<HashMap<u16, u32>>,
}

impl Race {
    fn new(host: SharedData, geometry: Geometry, script: Vec<Option<Option<u16>>>) -> Self {
        Self {
            host: RefCell::new(host),
            geometry,
            script: RefCell::new(script.into()),
            waiting: RefCell::default(),
            made: RefCell::default(),
        }
    }

    fn increment(&self, n: u16, depth: usize) {
        let mut worker = Worker { race: self, depth };
        let done = update(&mut worker, self.geometry, n, &mut |old| Some(old.unwrap_or(0) + 1)).unwrap();
        assert!(!done.refused && !done.evicted && done.discarded == 0);
        if done.conflict {
            assert_eq!(done.mismatches, CAS_TRIES, "gave up early");
            self.waiting.borrow_mut().push_back(n);
        } else {
            *self.made.borrow_mut().entry(n).or_default() += 1;
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

/// A second VM must find what the first found.
#[test]
fn the_kinds_of_hosts_are_told_apart_again_and_again() {
    for strict in [false, true] {
        let mut store = SharedData { strict, ..SharedData::default() };
        assert_eq!(table::strict(&mut store), Ok(strict));
        assert_eq!(table::strict(&mut store), Ok(strict));
    }
}

/// A root of another release finds the same buckets, also under the longest name.
#[test]
fn the_names_of_buckets_are_fixed() {
    let store = SharedData::seeded(true, geometry(32, 1));
    let names: Vec<_> = (0..32).map(|index| format!("session_risk/{NAME}/{index:04x}").into_bytes()).collect();
    assert_eq!(NAME.len(), table::NAME_BYTES);
    assert_eq!(store.values.into_keys().collect::<Vec<_>>(), names);
}

/// What a gateway keeps is read by the next release, on any processor. The sums were computed apart from this code.
#[test]
fn the_bytes_of_a_bucket_are_fixed() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let seed = "5352424b01080201000000000000000087336074173fe7350000000000000000";
    assert_eq!(hex(&bucket::seed(0x0102, 8, 1)), seed);

    let mut blob = Vec::new();
    let mut bucket = Bucket::empty(&mut blob, 0x0102, 2, 1);
    assert_eq!(bucket.put(&key(1), &body(2), &rank), Put::Inserted);
    bucket.seal();
    assert_eq!(hex(&blob[..HEADER_BYTES]), "5352424b01020201010000000000000008831b9572a15b6a0000000000000000");
    assert_eq!(blob[HEADER_BYTES..], [&key(1)[..], &body(2), &[0; KEY_BYTES + SESSION_BYTES]].concat());
}

#[test]
fn a_host_that_fails_is_reported_and_nothing_is_stored() {
    let shape = geometry(1, 2);
    let inner = SharedData::seeded(true, shape);
    for (read, error) in [(true, StoreError::Unsupported), (false, StoreError::Failed(10))] {
        let mut store = Failing { inner: inner.clone(), read };
        assert_eq!(update(&mut store, shape, 1, &mut |_| Some(1)), Err(error));
        assert_eq!(store.inner.values, inner.values);
    }
}
