//! What a driver must be able to do, and what must be true of what it did.

use super::table::{Scenario, Step};
use std::collections::BTreeMap;

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// The upstream saw it, with these headers of ours.
    Forwarded(BTreeMap<String, String>),
    /// It was answered: status, details, headers, body.
    Replied(u16, String, Vec<(String, String)>, String),
}

/// Runs requests through one build of the filter.
pub trait Driver {
    fn step(&mut self, step: &Step) -> Became;
    /// Every bucket of the table that is not empty.
    fn table(&self) -> BTreeMap<Vec<u8>, Vec<u8>>;
}

pub fn run(scenario: &Scenario, driver: &mut dyn Driver) -> (Vec<Became>, BTreeMap<Vec<u8>, Vec<u8>>) {
    let mut all = Vec::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        let became = driver.step(step);
        let story = format!("{}, step {number}: {} {}", scenario.name, step.method, step.path);
        check(&story, step, &became);
        all.push(became);
    }
    (all, driver.table())
}

fn check(story: &str, step: &Step, became: &Became) {
    let Some(expected) = &step.expected else { return };
    match became {
        Became::Forwarded(headers) => {
            assert_eq!(expected.status, None, "{story}: was forwarded with {headers:?}");
            let action = headers.get("x-session-risk-action").map(String::as_str);
            assert_eq!(action, expected.action, "{story}: {headers:?}");
            assert_eq!(headers.get("x-session-risk-would").map(String::as_str), expected.would, "{story}: {headers:?}");
            let reasons = headers.get("x-session-risk-reasons").cloned().unwrap_or_default();
            for reason in &expected.reasons {
                assert!(reasons.split(',').any(|found| found == *reason), "{story}: no {reason} in `{reasons}`");
            }
            for (name, value) in &expected.headers {
                let found = headers.get(*name).map(String::as_str).unwrap_or_default();
                assert_eq!(found, value, "{story}: {name} in {headers:?}");
            }
        }
        Became::Replied(status, details, headers, body) => {
            assert_eq!(Some(*status), expected.status, "{story}: {details}");
            let action = expected.action.unwrap_or_default();
            assert_eq!(*details, format!("session_risk_{action}"), "{story}");
            for text in &expected.says {
                let found = body.contains(text) || headers.iter().any(|(_, value)| value.contains(text));
                assert!(found, "{story}: no `{text}` in {headers:?} {body}");
            }
            for (name, value) in &expected.headers {
                let found: Vec<_> = headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value).collect();
                let wanted: Vec<_> = Some(value).filter(|value| !value.is_empty()).into_iter().collect();
                assert_eq!(found, wanted, "{story}: {name} in {headers:?}");
            }
            if let Some(wanted) = &expected.body {
                assert_eq!(body, wanted, "{story}");
            }
        }
    }
}
