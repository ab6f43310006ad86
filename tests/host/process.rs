//! What all workers of one gateway process share: shared data, metrics, clock, logs, and the
//! faults that a test has asked for. No module code runs here.

use super::abi::{Profile, crc32, status};
use std::collections::BTreeMap;

/// A line that the module logged, or wrote to stdout or stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `None`: the canary VM.
    pub worker: Option<usize>,
    /// 0 trace, 1 debug, 2 info, 3 warn, 4 error, 5 critical.
    pub level: u32,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    Counter(u64),
    Gauge(u64),
    /// Every value recorded, in order.
    Histogram(Vec<u64>),
}

/// Which calls of a host function a fault hits, counted from when the fault was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Every,
    /// Only the n-th call from now; 1 is the next one.
    Nth(u64),
    /// The next n calls.
    Next(u64),
}

/// What a host call comes to, other than `Ok`.
pub(super) enum Fail {
    Status(u32),
    Trap(String),
}

impl From<wasmtime::Error> for Fail {
    fn from(error: wasmtime::Error) -> Fail {
        Fail::Trap(format!("{error:#}"))
    }
}

pub(super) fn trap<T>(text: impl Into<String>) -> Result<T, Fail> {
    Err(Fail::Trap(text.into()))
}

pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) cas: u32,
}

pub(super) struct Fault {
    when: When,
    status: u32,
    seen: u64,
}

#[derive(Default)]
pub(super) struct Process {
    pub(super) profile: Profile,
    pub(super) now_ms: u64,
    pub(super) logs: Vec<Log>,
    pub(super) metrics: Vec<(String, Metric)>,
    pub(super) shared: BTreeMap<Vec<u8>, Entry>,
    pub(super) hostcalls: BTreeMap<&'static str, u64>,
    /// How many coming writes another worker gets ahead of.
    pub(super) rival_writes: u64,
    pub(super) last_cas: u32,
    pub(super) faults: BTreeMap<String, Fault>,
}

impl Process {
    pub(super) fn fail(&mut self, hostcall: &str, when: When, status: u32) {
        let fault = Fault { when, status, seen: 0 };
        self.faults.insert(hostcall.to_owned(), fault);
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.rival_writes = 0;
    }

    /// Counts the call; `Some` if it is to fail.
    pub(super) fn enter(&mut self, hostcall: &'static str) -> Option<u32> {
        *self.hostcalls.entry(hostcall).or_default() += 1;
        let fault = self.faults.get_mut(hostcall)?;
        fault.seen += 1;
        let hit = match fault.when {
            When::Every => true,
            When::Nth(n) => fault.seen == n,
            When::Next(n) => fault.seen <= n,
        };
        hit.then_some(fault.status)
    }

    /// ngx_wasm_module looks keys up by their CRC32 alone, so two keys may be one.
    fn slot(&self, key: &[u8]) -> Vec<u8> {
        match self.profile {
            Profile::Kong => crc32(key).to_be_bytes().to_vec(),
            _ => key.to_vec(),
        }
    }

    pub(super) fn read(&self, key: &[u8]) -> Option<&Entry> {
        self.shared.get(&self.slot(key))
    }

    /// A write by a module. `value: None` is a null pointer: a delete in Kong, an empty value in Envoy.
    pub(super) fn write(&mut self, key: &[u8], value: Option<&[u8]>, cas: u32) -> Result<(), Fail> {
        if self.rival_writes > 0 && self.read(key).is_some() {
            self.rival_writes -= 1;
            self.edit(key, |_| {});
        }
        let current = self.read(key).map(|entry| entry.cas);
        let matches = match (self.profile, current) {
            (Profile::Kong, current) => cas == current.unwrap_or(0),
            (_, Some(current)) => cas == 0 || cas == current,
            (_, None) => true,
        };
        let deleting = self.profile == Profile::Kong && value.is_none();
        if !matches || (deleting && current.is_none()) {
            return Err(Fail::Status(status::CAS_MISMATCH));
        }
        if deleting {
            self.evict(key);
        } else {
            self.edit(key, |bytes| *bytes = value.unwrap_or_default().to_vec());
        }
        Ok(())
    }

    /// Changes a value as another writer would, with a new CAS number; creates it if absent.
    pub(super) fn edit(&mut self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        self.last_cas += 1;
        let (profile, next) = (self.profile, self.last_cas);
        let entry =
            self.shared.entry(self.slot(key)).or_insert_with(|| Entry { key: key.to_vec(), value: Vec::new(), cas: 0 });
        // Envoy numbers all writes of the process, nginx the writes of one key.
        entry.cas = if profile == Profile::Kong { entry.cas + 1 } else { next };
        change(&mut entry.value);
    }

    pub(super) fn evict(&mut self, key: &[u8]) {
        let slot = self.slot(key);
        self.shared.remove(&slot);
    }

    pub(super) fn define_metric(&mut self, kind: u32, name: String) -> Result<u32, Fail> {
        let metric = match kind {
            0 => Metric::Counter(0),
            1 => Metric::Gauge(0),
            2 => Metric::Histogram(Vec::new()),
            _ => return self.refuse(status::BAD_ARGUMENT, "unknown metric type"),
        };
        if self.profile == Profile::Kong && "pw:session_risk:".len() + name.len() > 256 {
            return trap(format!("could not define metric: name `{name}` too long"));
        }
        // nginx answers with whatever has that name, of whatever type.
        let same_kind = |other: &Metric| {
            self.profile == Profile::Kong || std::mem::discriminant(other) == std::mem::discriminant(&metric)
        };
        let known = self.metrics.iter().position(|(n, m)| *n == name && same_kind(m));
        Ok(known.unwrap_or_else(|| {
            self.metrics.push((name, metric));
            self.metrics.len() - 1
        }) as u32)
    }

    pub(super) fn increment_metric(&mut self, id: u32, offset: i64) -> Result<(), Fail> {
        match (self.metrics.get_mut(id as usize).map(|(_, m)| m), self.profile) {
            (Some(Metric::Counter(total)), _) if offset > 0 => *total += offset as u64,
            (Some(Metric::Counter(_)), Profile::Kong) if offset == 0 => {}
            (Some(Metric::Gauge(value)), Profile::Envoy | Profile::Bare) => {
                *value = value.saturating_add_signed(offset);
            }
            (Some(_), _) => return self.refuse(status::BAD_ARGUMENT, "metric not a counter"),
            (None, _) => return self.refuse(status::NOT_FOUND, "metric not found"),
        }
        Ok(())
    }

    pub(super) fn record_metric(&mut self, id: u32, value: u64) -> Result<(), Fail> {
        match (self.metrics.get_mut(id as usize).map(|(_, m)| m), self.profile) {
            (Some(Metric::Gauge(current)), _) => *current = value,
            (Some(Metric::Histogram(values)), _) => values.push(value),
            (Some(Metric::Counter(_)), Profile::Kong) => return trap("metric is a counter"),
            (Some(Metric::Counter(total)), _) => *total += value,
            (None, _) => return self.refuse(status::NOT_FOUND, "metric not found"),
        }
        Ok(())
    }

    pub(super) fn metric_value(&self, id: u32) -> Result<u64, Fail> {
        match self.metrics.get(id as usize) {
            Some((_, Metric::Counter(value) | Metric::Gauge(value))) => Ok(*value),
            Some(_) => self.refuse(status::BAD_ARGUMENT, "metric is a histogram"),
            None => self.refuse(status::NOT_FOUND, "metric not found"),
        }
    }

    /// Where Envoy returns a status, ngx_wasm_module traps.
    fn refuse<T>(&self, status: u32, text: &str) -> Result<T, Fail> {
        match self.profile {
            Profile::Kong => trap(text),
            _ => Err(Fail::Status(status)),
        }
    }
}
