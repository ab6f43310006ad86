//! What can be configured of signals, as people write it: weights, just-in-time grants, budgets, the upstream's reports.

use super::super::{
    error::{Path, Problems},
    moment,
    read::{self, Field, Json, ranged, section, worded},
};
use super::{ClaimName, ClaimText, Weight};
use crate::{
    facts::{Actor, Tier},
    signal::{CATALOGUE, Kind},
};

section! {
    /// Just-in-time grants: requests of a tier need a window that is open, by the verified token or by this configuration.
    pub struct RawGrant {
        /// Claim with the start of the token's window, in seconds since the epoch. Absent: it is open from the beginning.
        from: Option<ClaimName> = None,
        /// Claim with its end, in seconds since the epoch. A token without it states no window.
        until: Option<ClaimName> = None,
        /// Windows for those whose token says a thing.
        given: Vec<RawGiven> = Vec::new(),
        /// Requests of this tier or a higher one need it.
        tier: Tier = Tier::Sensitive,
    }
}

section! {
    /// A window that the configuration gives.
    pub struct RawGiven {
        /// Claim of the verified token.
        claim: ClaimName,
        /// Its value, or an entry of it where it is a list.
        is: ClaimText,
        /// When the window opens: `2026-11-25T08:00:00Z`, always in UTC. Absent: it is open from the beginning.
        from: Option<Moment> = None,
        /// When it ends.
        until: Moment,
    }
}

section! {
    /// How much a session may do in all. What was let through counts.
    pub struct RawBudget: Default {
        /// Sessions of these actors; absent: of any.
        actor: Option<Vec<Actor>> = None,
        /// Writes and administration; absent: any number.
        writes: Option<Count> = None,
        /// Claim in which the token states its own number of writes. The lower of both holds.
        writes_claim: Option<ClaimName> = None,
        /// Exports; absent: any number.
        exports: Option<Count> = None,
        /// Claim in which the token states its own number of exports. The lower of both holds.
        exports_claim: Option<ClaimName> = None,
        /// Different objects touched, reads included; absent: any number. Up to a dozen never too early, above that within a
        /// tenth or so.
        targets: Option<Objects> = None,
        /// Claim in which the token states its own number of objects, up to 200. The lower of both holds.
        targets_claim: Option<ClaimName> = None,
    }
}

section! {
    /// The upstream's own reports, in its response header `x-session-risk-signal`. Clients never see it.
    pub struct RawReported: Default {
        /// The words and the points that each stands for. Several may come in one header, separated by commas: the
        /// strongest counts. Others are counted as malformed.
        words: RawWords = default_words(),
    }
}

ranged! { /// A number of requests.
pub struct Count(u16) in 0..=65_535 }
ranged! { /// A number of objects.
pub struct Objects(u16) in 0..=200 }
worded! { /// A moment in UTC, such as `2026-11-25T08:00:00Z`.
pub struct Moment in 1..=64, |text| if moment::seconds(text).is_some() { Ok(()) } else { Err("a moment in UTC such as `2026-11-25T08:00:00Z`") } }
worded! { /// A word of a report.
pub struct Word in 1..=64, |text| if text.bytes().all(super::is_token) { Ok(()) } else { Err("a word without spaces and commas") } }

fn default_words() -> RawWords {
    let words = [("fraud", 25), ("credential_stuffing", 25), ("suspicious", 10)];
    RawWords(words.into_iter().map(|(word, points)| (word.to_owned(), Weight(points))).collect())
}

/// Words with the points that they stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct RawWords(pub Vec<(String, Weight)>);

impl Field for RawWords {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let Json::Object(members) = json else { return read::expected("an object", json, at, problems) };
        let mut words = Vec::new();
        for (name, value) in members {
            let at = at.member(name);
            let word = Word::read(&Json::Text(name.clone()), &at, problems);
            words.extend(word.zip(Weight::read(value, &at, problems)).map(|(word, points)| (word.0, points)));
        }
        (words.len() == members.len()).then_some(Self(words))
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "object", "propertyNames": Word::schema(), "additionalProperties": Weight::schema()})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        let members: serde_json::Map<_, _> =
            self.0.iter().map(|(word, points)| (word.clone(), points.write())).collect();
        members.into()
    }
}

/// Weights by the name of their kind.
#[derive(Clone, Debug, PartialEq)]
pub struct RawWeights(pub Vec<(Kind, Weight)>);

impl Field for RawWeights {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let names: Vec<&str> = CATALOGUE.iter().map(|row| row.name).collect();
        let members = read::members(json, &names, at, problems)?;
        let read = members.iter().filter_map(|(name, value)| {
            let weight = Weight::read(value, &at.member(name), problems)?;
            Some((Kind::from_name(name)?, weight))
        });
        Some(Self(read.collect()))
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        let of = |row: &crate::signal::Row| {
            let mut schema = Weight::schema();
            if let Some(schema) = schema.as_object_mut() {
                schema.insert("description".to_owned(), row.reason.into());
                schema.insert("default".to_owned(), row.weight.into());
            }
            (row.name.to_owned(), schema)
        };
        let properties: serde_json::Map<_, _> = CATALOGUE.iter().map(of).collect();
        serde_json::json!({"type": "object", "properties": properties, "additionalProperties": false})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        let members: serde_json::Map<_, _> =
            self.0.iter().map(|(kind, weight)| (kind.row().name.to_owned(), weight.write())).collect();
        members.into()
    }
}

impl Field for Kind {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let Json::Text(word) = json else { return read::expected("a kind of signal", json, at, problems) };
        let names: Vec<&str> = CATALOGUE.iter().map(|row| row.name).collect();
        Self::from_name(word).or_else(|| read::unknown_word(word, &names, at, problems))
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"enum": CATALOGUE.iter().map(|row| row.name).collect::<Vec<_>>()})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        self.row().name.into()
    }
}
