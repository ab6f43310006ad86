//! The compiled module in the embedded proxy-wasm host.

use crate::{
    host::{Gateway, Module, Options, Outcome, Profile, Request, Response},
    outcome::{Became, Driver},
    table::{Scenario, Step},
};
use std::collections::BTreeMap;

pub struct OnHost {
    gateway: Gateway,
}

impl OnHost {
    pub fn new(scenario: &Scenario, module: &Module, profile: Profile) -> Self {
        let options = Options { now_ms: scenario.starts, ..Options::default() };
        let configuration = scenario.configuration.as_bytes();
        let gateway = Gateway::start_with(profile, module, configuration, options);
        Self { gateway: gateway.unwrap_or_else(|error| panic!("{}: {error}", scenario.name)) }
    }
}

impl Driver for OnHost {
    fn step(&mut self, step: &Step) -> Became {
        self.gateway.at(step.at);
        let mut request = Request::new(step.method, &step.path);
        request.body = step.body.clone().into_bytes();
        for (name, value) in &step.headers {
            request = request.header(name, value);
        }
        let response = Response::new(step.upstream);
        match self.gateway.exchange(0, request, response).outcome {
            Outcome::Forwarded { headers, .. } => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                let ours = headers.into_iter().map(|(name, value)| (text(name), text(value)));
                Became::Forwarded(ours.filter(|(name, _)| name.starts_with("x-session-risk-")).collect())
            }
            Outcome::LocalReply(reply) => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let headers = reply.headers.iter().map(|(name, value)| (text(name), text(value))).collect();
                Became::Replied(reply.status, text(reply.details.as_ref()), headers, text(&reply.body))
            }
            other => panic!("{} {}: {other:?}", step.method, step.path),
        }
    }

    fn table(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let shared = self.gateway.shared_data().into_iter();
        shared.map(|(key, (value, _))| (key, value)).filter(|(_, value)| value.len() > 32).collect()
    }
}
