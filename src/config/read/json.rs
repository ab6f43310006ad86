//! A JSON document as it was written, and how its values are told in a message. What it may say is decided by the
//! sections.

use crate::{
    bounds::CONFIG_BYTES,
    config::error::{ConfigError, Excerpt},
};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value. Unlike `serde_json::Value` it refuses an object that has a member twice: of the two, whoever reads
/// the file would believe the wrong one.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number: none is expected anywhere.
    Fraction,
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in its own order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses a document of at most [`CONFIG_BYTES`], nested at most 127 deep.
    ///
    /// # Errors
    /// What is wrong with it, and in which line and column.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        if text.len() > CONFIG_BYTES {
            let message = format!("expected at most {CONFIG_BYTES} bytes, found {}", text.len());
            return Err(ConfigError::document(message));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            let least = r#"empty; the least is {"secret": "<16 or more random characters>"}"#;
            return Err(ConfigError::document(least));
        }
        let text = str::from_utf8(text).map_err(|_| ConfigError::document("not UTF-8"))?;
        serde_json::from_str(text).map_err(|error| ConfigError::document(format!("not valid JSON: {error}")))
    }

    /// A member of an object.
    pub fn find(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Takes a member out of an object.
    pub fn take(&mut self, name: &str) -> Option<Self> {
        let Self::Object(members) = self else { return None };
        let at = members.iter().position(|(other, _)| other == name)?;
        Some(members.remove(at).1)
    }

    /// Takes a merge patch in (RFC 7396).
    pub fn merge(&mut self, patch: Self) {
        let Self::Object(changes) = patch else {
            *self = patch;
            return;
        };
        if !matches!(self, Self::Object(_)) {
            *self = Self::Object(Vec::new());
        }
        for (name, change) in changes {
            let value = self.take(&name);
            if change != Self::Null
                && let Self::Object(members) = self
            {
                let mut value = value.unwrap_or(Self::Null);
                value.merge(change);
                members.push((name, value));
            }
        }
    }

    /// The document as it was read; a fraction, which is nowhere expected, as `null`.
    #[cfg(not(target_os = "wasi"))]
    pub fn write(&self) -> serde_json::Value {
        match self {
            Self::Null | Self::Fraction => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Whole(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
            Self::List(items) => items.iter().map(Self::write).collect(),
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.clone(), value.write()));
                serde_json::Value::Object(members.collect())
            }
        }
    }

    /// What it is, without what it says: it may be a secret.
    pub(super) const fn sort(&self) -> &'static str {
        match self {
            Self::Null => "`null`",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Fraction => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// The value in a message: shortened, in backticks.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Bool(value) => format!("`{value}`"),
            Self::Whole(value) => format!("`{value}`"),
            Self::Text(value) => format!("`{}`", Excerpt(value)),
            // Its text would cost the module the code that writes floats.
            Self::Fraction => "a fraction".to_owned(),
            Self::Null | Self::List(_) | Self::Object(_) => self.sort().to_owned(),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Whole(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        // Out of every range that there is, which is all that matters.
        Ok(Json::Whole(i64::try_from(value).unwrap_or(i64::MAX)))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Fraction)
    }
    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object: Vec<(String, Json)> = Vec::new();
        while let Some((name, value)) = members.next_entry::<String, Json>()? {
            if object.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!("the member `{}` occurs twice", Excerpt(&name))));
            }
            object.push((name, value));
        }
        Ok(Json::Object(object))
    }
}
