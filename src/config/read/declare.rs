//! The macros that declare what can be configured: `section!` an object, `choice!` a word or an object with one
//! member, `words!` a closed set of words, `ranged!` a number, `worded!` a text. One declaration gives the type, its
//! reader, its schema and its writer. The code that they make is thin: it calls the functions of `read.rs`.

#[cfg(not(target_os = "wasi"))]
use serde_json::{Map, Value, json};

/// What documentation comments say, in one line.
#[cfg(not(target_os = "wasi"))]
pub fn description(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The schema of a section while its members are declared.
#[cfg(not(target_os = "wasi"))]
#[derive(Debug, Default)]
pub struct SectionSchema {
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

#[cfg(not(target_os = "wasi"))]
impl SectionSchema {
    /// Adds a member; one without a default is required.
    pub fn member(&mut self, name: &'static str, doc: &[&str], mut schema: Value, default: Option<Value>) {
        if default.is_none() {
            self.required.push(name);
        }
        if let Some(schema) = schema.as_object_mut() {
            schema.insert("description".to_owned(), description(doc).into());
            // The members of a section state their own defaults.
            if let Some(default) = default.filter(|_| !schema.contains_key("properties")) {
                schema.insert("default".to_owned(), default);
            }
        }
        self.properties.insert(name.to_owned(), schema);
    }

    /// The whole.
    pub fn finish(self, doc: &[&str]) -> Value {
        json!({
            "description": description(doc),
            "type": "object",
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

/// Declares an object: its members with their documentation, types and defaults. A member without a default is
/// required. `: Default` says that none is, and gives the section itself a default.
macro_rules! section {
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
                let mut section =
                    $crate::config::read::Section::new(json, &[$(stringify!($field)),*], at, problems)?;
                // All are read before one is missed, so that every problem is found.
                $(let $field: Option<$type> = section!(@read section, $field $(, $default)?);)*
                Some(Self { $($field: $field?,)* })
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                let mut schema = $crate::config::read::SectionSchema::default();
                $(schema.member(
                    stringify!($field),
                    &[$($field_doc),*],
                    <$type as $crate::config::read::Field>::schema(),
                    section!(@default $type $(, $default)?),
                );)*
                schema.finish(&[$($doc),*])
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
    (@read $section:ident, $field:ident) => { $section.required(stringify!($field)) };
    (@read $section:ident, $field:ident, $default:expr) => { Some($section.optional(stringify!($field), || $default)) };
    (@default $type:ty) => { None };
    (@default $type:ty, $default:expr) => {{
        let default: $type = $default;
        Some($crate::config::read::Field::write(&default))
    }};
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
                const VARIANTS: &[$type] = &[$($variant),*];
                let number = $crate::config::read::word(json, &[$($word),*], at, problems)?;
                VARIANTS.get(number).copied()
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
                match $crate::config::read::chosen(json, &[$($word),*], &[$($member),*], at, problems)? {
                    $(($word, None) => Some(Self::$plain),)*
                    $(($member, Some(value)) => {
                        $crate::config::read::Field::read(value, &at.member($member), problems).map(Self::$holder)
                    })*
                    _ => None,
                }
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                use $crate::config::read::description;
                serde_json::json!({"description": description(&[$($doc),*]), "oneOf": [
                    $({"description": description(&[$($word_doc),*]), "const": $word},)*
                    $({
                        "description": description(&[$($member_doc),*]),
                        "type": "object",
                        "properties": {$member: <$type as $crate::config::read::Field>::schema()},
                        "required": [$member],
                        "additionalProperties": false,
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
                let value = $crate::config::read::whole(json, $low..=$high, at, problems)?;
                <$type>::try_from(value).ok().map(Self)
            }
            #[cfg(not(target_os = "wasi"))]
            fn schema() -> serde_json::Value {
                let description = $crate::config::read::description(&[$($doc),*]);
                serde_json::json!({"description": description, "type": "integer", "minimum": $low, "maximum": $high})
            }
            #[cfg(not(target_os = "wasi"))]
            fn write(&self) -> serde_json::Value {
                self.0.into()
            }
        }
    };
}

/// Declares text of a bounded length in characters that passes a check.
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
                let description = $crate::config::read::description(&[$($doc),*]);
                serde_json::json!({"description": description, "type": "string", "minLength": $low, "maxLength": $high})
            }
            #[cfg(not(target_os = "wasi"))]
            fn write(&self) -> serde_json::Value {
                self.0.clone().into()
            }
        }
    };
}

pub(in crate::config) use {choice, ranged, section, worded, words};
