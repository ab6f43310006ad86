//! A JSON document as it was written: members in their order, and twice if they are there twice. What it may say is
//! decided by the sections.

use crate::{bounds::CONFIG_BYTES, config::error::ConfigError};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A JSON value. Unlike `serde_json::Value` it keeps a member that is there twice: of the two, whoever reads the file
/// would believe the wrong one, so that sections refuse it.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number, as text.
    Number(String),
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
            let least = r#"empty, expected at least `{"secret": "<16 or more random characters>"}`"#;
            return Err(ConfigError::document(least));
        }
        let text = str::from_utf8(text).map_err(|_| ConfigError::document("not UTF-8"))?;
        serde_json::from_str(text).map_err(|error| ConfigError::document(format!("not valid JSON: {error}")))
    }

    /// What kind of value it is, in a message. What it says is not told: it may be a secret in a wrong place.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "`null`",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
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
        Ok(i64::try_from(value).map_or_else(|_| Json::Number(value.to_string()), Json::Whole))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // `10.0` rather than `10`, which would be a whole number, and `1e300` rather than all its digits.
        Ok(Json::Number(format!("{value:?}")))
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
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}
