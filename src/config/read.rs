//! JSON into typed sections: unknown members refused, every problem noted, defaults filled in. The same declaration
//! gives the JSON schema and writes a section back. What the sections are is in `raw.rs`.

use super::error::{ConfigError, Path, Problems};
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
    /// Parses a document.
    ///
    /// # Errors
    /// What is wrong with it, and in which line.
    pub fn parse(text: &[u8]) -> Result<Self, ConfigError> {
        if text.iter().all(u8::is_ascii_whitespace) {
            let least = r#"empty; the least is {"secret": "<16 or more random characters>"}"#;
            return Err(ConfigError::document(least));
        }
        str::from_utf8(text).map_err(|_| ConfigError::document("not UTF-8")).and_then(|text| {
            serde_json::from_str(text).map_err(|error| ConfigError::document(format!("not valid JSON: {error}")))
        })
    }

    /// What it is, without what it says: it may be a secret.
    const fn sort(&self) -> &'static str {
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
    fn shown(&self) -> String {
        let text = match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Whole(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::Fraction => return "a fraction".to_owned(),
            Self::List(_) | Self::Object(_) => return self.sort().to_owned(),
        };
        let cut: String = text.chars().take(40).collect();
        if cut == text { format!("`{text}`") } else { format!("`{cut}...`") }
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
                return Err(A::Error::custom(format!("the member `{name}` occurs twice")));
            }
            object.push((name, value));
        }
        Ok(Json::Object(object))
    }
}

/// Something that can be configured.
pub trait Field: Sized {
    /// Reads it; `None` when there was a problem, which is then noted.
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self>;
    /// Its JSON schema.
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value;
    /// Itself as JSON, such that reading it gives the same.
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value;
}

/// Notes that something else was expected.
pub fn expected<T>(what: &str, json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<T> {
    problems.add(at, format!("expected {what}, found {}", json.shown()));
    None
}

impl Field for bool {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        match json {
            Json::Bool(value) => Some(*value),
            other => expected("`true` or `false`", other, at, problems),
        }
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "boolean"})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        (*self).into()
    }
}

impl<T: Field> Field for Option<T> {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        if *json == Json::Null { Some(None) } else { T::read(json, at, problems).map(Some) }
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"anyOf": [T::schema(), {"type": "null"}]})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        self.as_ref().map_or(serde_json::Value::Null, T::write)
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self> {
        let Json::List(items) = json else { return expected("a list", json, at, problems) };
        // Every item is read, so that every problem is found.
        let read: Vec<Option<T>> =
            items.iter().enumerate().map(|(index, item)| T::read(item, &at.item(index), problems)).collect();
        read.into_iter().collect()
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "array", "items": T::schema()})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        self.iter().map(T::write).collect()
    }
}

/// Reads a whole number in a range.
pub fn whole(json: &Json, low: i64, high: i64, at: &Path<'_>, problems: &mut Problems) -> Option<i64> {
    match json {
        Json::Whole(value) if (low..=high).contains(value) => Some(*value),
        other => expected(&format!("a whole number in {low}..={high}"), other, at, problems),
    }
}

/// Reads text of a length in bytes that passes a check; the check says what it expects instead.
pub fn text(
    json: &Json,
    lengths: std::ops::RangeInclusive<usize>,
    check: fn(&str) -> Result<(), &'static str>,
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<String> {
    let Json::Text(text) = json else {
        problems.add(at, format!("expected a string, found {}", json.sort()));
        return None;
    };
    if !lengths.contains(&text.len()) {
        let found = text.len();
        problems.add(at, format!("expected {} to {} bytes, found {found}", lengths.start(), lengths.end()));
        return None;
    }
    match check(text) {
        Ok(()) => Some(text.clone()),
        Err(what) => expected(what, json, at, problems),
    }
}

/// The members of an object, with unknown ones noted.
pub fn members<'a>(
    json: &'a Json,
    known: &[&str],
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<&'a [(String, Json)]> {
    let Json::Object(members) = json else { return expected("an object", json, at, problems) };
    for (name, _) in members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        problems.add(&at.member(name), format!("unknown field, {}", suggestion(name, known)));
    }
    Some(members)
}

/// One member of an object: what it says, else its default. A bad member is noted and its default taken, so that the
/// rest can be looked at too; a required one that is absent is noted.
#[inline(never)]
pub fn member<T: Field>(
    members: &[(String, Json)],
    name: &str,
    default: Option<fn() -> T>,
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<T> {
    let read = match members.iter().find(|(other, _)| other == name) {
        Some((_, value)) => T::read(value, &at.member(name), problems),
        None => {
            if default.is_none() {
                problems.add(&at.member(name), "required, but absent");
            }
            None
        }
    };
    read.or_else(|| default.map(|default| default()))
}

/// Notes a word that is not one of those known.
pub fn unknown_word<T>(word: &str, known: &[&str], at: &Path<'_>, problems: &mut Problems) -> Option<T> {
    problems.add(at, format!("unknown word `{word}`, {}", suggestion(word, known)));
    None
}

/// Notes a word that stands alone and may not.
pub fn wants_value<T>(word: &str, at: &Path<'_>, problems: &mut Problems) -> Option<T> {
    problems.add(at, format!("`{word}` needs a value, as in `{{\"{word}\": ...}}`"));
    None
}

/// Notes a word that has a value and may not.
pub fn wants_no_value<T>(word: &str, at: &Path<'_>, problems: &mut Problems) -> Option<T> {
    problems.add(at, format!("`{word}` takes no value, write `\"{word}\"`"));
    None
}

fn suggestion(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|other| (distance(word, other), *other)).min();
    match near {
        Some((distance, other)) if distance <= other.len().div_ceil(3) => format!("did you mean `{other}`?"),
        _ => format!("expected one of {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
    }
}

/// Edits that turn one word into the other (Levenshtein, 1966), over bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (slot, to) in row.iter_mut().skip(1).zip(b.bytes()) {
            let substituted = diagonal.saturating_add(usize::from(from != to));
            diagonal = *slot;
            *slot = substituted.min(diagonal.saturating_add(1)).min(left.saturating_add(1));
            left = *slot;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Declares an object: its members with their documentation, types and defaults. A member without a default is required.
macro_rules! section {
    // All of whose members have defaults, so that the section itself has one.
    ($(#[doc = $doc:literal])* pub struct $name:ident: Default {
        $($(#[doc = $field_doc:literal])* $field:ident: $type:ty = $default:expr,)*
    }) => {
        section! {
            $(#[doc = $doc])* pub struct $name { $($(#[doc = $field_doc])* $field: $type = $default,)* }
        }
        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
    ($(#[doc = $doc:literal])* pub struct $name:ident {
        $($(#[doc = $field_doc:literal])* $field:ident: $type:ty $(= $default:expr)?,)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $($(#[doc = $field_doc])* pub $field: $type,)* }

        impl $crate::config::read::Field for $name {
            fn read(
                json: &$crate::config::read::Json,
                at: &$crate::config::error::Path<'_>,
                problems: &mut $crate::config::error::Problems,
            ) -> Option<Self> {
                let members = $crate::config::read::members(json, &[$(stringify!($field)),*], at, problems)?;
                $(let $field: Option<$type> = $crate::config::read::member(
                    members, stringify!($field), section!(@default $type $(, $default)?), at, problems,
                );)*
                Some(Self { $($field: $field?,)* })
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                let required: Vec<&str> = vec![$(section!(@required $field $(, $default)?),)*].into_iter().flatten().collect();
                $(
                    let mut schema = <$type as $crate::config::read::Field>::schema();
                    let description = concat!($($field_doc, "\n"),*).trim().to_owned();
                    if let Some(object) = schema.as_object_mut() {
                        object.insert("description".to_owned(), description.into());
                        section!(@schema_default object, $type $(, $default)?);
                    }
                    properties.insert(stringify!($field).to_owned(), schema);
                )*
                serde_json::json!({
                    "type": "object", "properties": properties, "required": required, "additionalProperties": false,
                })
            }
            #[cfg(not(target_os = "wasi"))]
            fn write(&self) -> serde_json::Value {
                let mut members = serde_json::Map::new();
                $(members.insert(
                    stringify!($field).to_owned(), $crate::config::read::Field::write(&self.$field));)*
                members.into()
            }
        }
    };
    (@default $type:ty) => { None };
    (@default $type:ty, $default:expr) => {{
        let default: fn() -> $type = || $default;
        Some(default)
    }};
    (@required $field:ident) => { Some(stringify!($field)) };
    (@required $field:ident, $default:expr) => { None };
    (@schema_default $object:ident, $type:ty) => {};
    (@schema_default $object:ident, $type:ty, $default:expr) => {
        let default: $type = $default;
        $object.insert("default".to_owned(), $crate::config::read::Field::write(&default));
    };
}

/// Declares a closed set of words for an existing enum.
macro_rules! words {
    ($type:ty { $($variant:path => $word:literal,)* }) => {
        impl $crate::config::read::Field for $type {
            fn read(
                json: &$crate::config::read::Json,
                at: &$crate::config::error::Path<'_>,
                problems: &mut $crate::config::error::Problems,
            ) -> Option<Self> {
                const WORDS: &[&str] = &[$($word),*];
                match json {
                    $crate::config::read::Json::Text(word) => match word.as_str() {
                        $($word => Some($variant),)*
                        _ => $crate::config::read::unknown_word(word, WORDS, at, problems),
                    },
                    other => $crate::config::read::expected("a word", other, at, problems),
                }
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                serde_json::json!({"enum": [$($word),*]})
            }
            #[cfg(not(target_os = "wasi"))]
            fn write(&self) -> serde_json::Value {
                match self { $($variant => $word.into(),)* }
            }
        }
    };
}

/// Declares a choice: a plain word, or an object with one member that says which and holds the rest.
macro_rules! choice {
    ($(#[doc = $doc:literal])* pub enum $name:ident {
        $($(#[doc = $word_doc:literal])* $word:literal => $plain:ident,)*
        ; $($(#[doc = $member_doc:literal])* $member:literal => $holder:ident($type:ty),)*
    }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub enum $name { $($(#[doc = $word_doc])* $plain,)* $($(#[doc = $member_doc])* $holder($type),)* }

        impl $crate::config::read::Field for $name {
            fn read(
                json: &$crate::config::read::Json,
                at: &$crate::config::error::Path<'_>,
                problems: &mut $crate::config::error::Problems,
            ) -> Option<Self> {
                use $crate::config::read::Json;
                const WORDS: &[&str] = &[$($word,)* $($member),*];
                match json {
                    Json::Text(word) => match word.as_str() {
                        $($word => Some(Self::$plain),)*
                        $($member => $crate::config::read::wants_value($member, at, problems),)*
                        _ => $crate::config::read::unknown_word(word, WORDS, at, problems),
                    },
                    Json::Object(members) => match members.as_slice() {
                        $([(name, value)] if name == $member => {
                            let value = $crate::config::read::Field::read(value, &at.member(name), problems)?;
                            Some(Self::$holder(value))
                        })*
                        $([(name, _)] if name == $word => $crate::config::read::wants_no_value($word, at, problems),)*
                        [(name, _)] => $crate::config::read::unknown_word(name, WORDS, at, problems),
                        _ => $crate::config::read::expected("an object with one member", json, at, problems),
                    },
                    other => $crate::config::read::expected("a word or an object with one member", other, at, problems),
                }
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                serde_json::json!({"oneOf": [
                    $({"const": $word, "description": concat!($($word_doc),*).trim()},)*
                    $({
                        "type": "object", "required": [$member], "additionalProperties": false,
                        "properties": {$member: <$type as $crate::config::read::Field>::schema()},
                        "description": concat!($($member_doc),*).trim(),
                    },)*
                ]})
            }
            #[cfg(not(target_os = "wasi"))]
            fn write(&self) -> serde_json::Value {
                match self {
                    $(Self::$plain => $word.into(),)*
                    $(Self::$holder(value) => serde_json::json!({$member: $crate::config::read::Field::write(value)}),)*
                }
            }
        }
    };
}

/// Declares a whole number in a range.
macro_rules! ranged {
    ($(#[doc = $doc:literal])* pub struct $name:ident($type:ty) in $low:literal..=$high:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(pub $type);

        impl $crate::config::read::Field for $name {
            fn read(
                json: &$crate::config::read::Json,
                at: &$crate::config::error::Path<'_>,
                problems: &mut $crate::config::error::Problems,
            ) -> Option<Self> {
                let value = $crate::config::read::whole(json, i64::from($low), i64::from($high), at, problems)?;
                <$type>::try_from(value).ok().map(Self)
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                serde_json::json!({"type": "integer", "minimum": $low, "maximum": $high})
            }
            #[cfg(not(target_os = "wasi"))]
            fn write(&self) -> serde_json::Value {
                self.0.into()
            }
        }
    };
}

/// Declares text of a bounded length that passes a check.
macro_rules! worded {
    ($(#[doc = $doc:literal])* pub struct $name:ident in $low:literal..=$high:literal, $check:expr) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name(pub String);

        impl $crate::config::read::Field for $name {
            fn read(
                json: &$crate::config::read::Json,
                at: &$crate::config::error::Path<'_>,
                problems: &mut $crate::config::error::Problems,
            ) -> Option<Self> {
                $crate::config::read::text(json, $low..=$high, $check, at, problems).map(Self)
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                serde_json::json!({"type": "string", "minLength": $low, "maxLength": $high})
            }
            #[cfg(not(target_os = "wasi"))]
            fn write(&self) -> serde_json::Value {
                self.0.clone().into()
            }
        }
    };
}

pub(super) use {choice, ranged, section, worded, words};
