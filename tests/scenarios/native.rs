//! The same filter built natively, over a host in memory.

use crate::{
    outcome::{Became, Driver},
    table::{Scenario, Step},
};
use session_risk::{
    facts::Outcome,
    filter::{Flow, Stream},
    host::{Effect, Host},
    root::Root,
    session::{
        local::LocalStore,
        table::{Cas, Store, StoreError, Written},
    },
    time::Timestamp,
};
use std::collections::BTreeMap;

#[derive(Default)]
struct Memory {
    now: u64,
    store: LocalStore,
    keys: BTreeMap<Vec<u8>, Vec<u8>>,
    headers: BTreeMap<String, String>,
    reply: Option<Became>,
}

impl Store for Memory {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        self.store.read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        let written = self.store.write(key, value, cas)?;
        if written == Written::Stored {
            self.keys.insert(key.to_vec(), value.to_vec());
        }
        Ok(written)
    }
}

impl Host for Memory {
    fn now(&mut self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn property(&mut self, _path: &[&str]) -> Option<Vec<u8>> {
        None
    }

    fn apply(&mut self, effect: Effect<'_>) {
        match effect {
            Effect::SetRequestHeader(name, value) => {
                self.headers.insert(name.to_owned(), value.to_owned());
            }
            Effect::RemoveRequestHeader(name) => {
                self.headers.remove(&String::from_utf8_lossy(name).to_ascii_lowercase());
            }
            Effect::Reply(reply) => {
                let headers = reply.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
                let details = reply.details.to_owned();
                self.reply = Some(Became::Replied(reply.status, details, headers, reply.body.clone()));
            }
            _ => {}
        }
    }
}

pub struct Native {
    root: Root,
    memory: Memory,
}

impl Native {
    pub fn new(scenario: &Scenario) -> Self {
        let mut memory = Memory { now: scenario.starts, ..Memory::default() };
        let root = Root::configure(&mut memory, scenario.configuration.as_bytes());
        Self { root: root.unwrap_or_else(|error| panic!("{}: {error}", scenario.name)), memory }
    }
}

impl Driver for Native {
    fn step(&mut self, step: &Step) -> Became {
        let (root, memory) = (&mut self.root, &mut self.memory);
        memory.now = step.at;
        let own = |name: &str| name.to_ascii_lowercase().starts_with("x-session-risk-");
        let sent = step.headers.iter().filter(|(name, _)| own(name));
        memory.headers = sent.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect();
        memory.reply = None;
        let mut pairs = vec![(":method", step.method), (":path", &step.path)];
        pairs.extend(step.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let (mut stream, mut flow) = Stream::request_headers(root, memory, blob(&pairs), step.body.is_empty());
        if stream.waiting_since().is_some() {
            let body = step.body.clone().into_bytes();
            (stream, flow) = stream.request_body(root, memory, body.len(), true, &mut |_| Some(body.clone()));
        }
        if flow == Flow::Replied {
            return memory.reply.take().expect("a refused request has a reply");
        }
        let outcome = Outcome { status: step.upstream, ..Outcome::default() };
        drop(stream.response_headers(root, memory, outcome));
        Became::Forwarded(std::mem::take(&mut memory.headers))
    }

    fn table(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let buckets = self.memory.keys.iter().filter(|(_, value)| value.len() > 32);
        buckets.map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// Headers as the ABI serialises them.
fn blob(pairs: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    let mut blob = u32::try_from(pairs.len()).unwrap().to_le_bytes().to_vec();
    pairs.iter().for_each(|(name, value)| blob.extend([length(name), length(value)].concat()));
    pairs.iter().for_each(|(name, value)| blob.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat()));
    blob
}
