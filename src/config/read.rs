//! JSON into typed sections: unknown members refused, every problem noted, defaults filled in. The same declaration
//! gives the JSON schema and writes a section back. What the sections are is in `raw.rs`.
//!
//! The macros of `declare.rs` write the [`Field`]s; the functions here are what their code calls. These are not
//! generic, because the module pays for every instance of a generic one.

mod declare;
mod json;
#[cfg(all(test, not(target_family = "wasm")))]
mod tests;

use super::error::{ConfigError, Excerpt, Path, Problems};
use std::ops::RangeInclusive;

#[cfg(not(target_os = "wasi"))]
pub use declare::{SectionSchema, description};
pub(super) use declare::{choice, ranged, section, worded, words};
pub use json::Json;

/// Most items of a list; as many as the longest list of all, the routes, may have.
const ITEMS: usize = crate::bounds::ROUTES;

/// Reads a document.
///
/// # Errors
/// Every problem in it.
pub fn read<T: Field>(text: &[u8]) -> Result<T, ConfigError> {
    let json = Json::parse(text)?;
    let mut problems = Problems::default();
    let value = T::read(&json, &Path::ROOT, &mut problems);
    problems.or(value)
}

/// Something that can be configured.
pub trait Field: Sized {
    /// Reads it; `None` when there was a problem, which is then noted.
    fn read(json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<Self>;
    /// Its JSON schema: an object.
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value;
    /// Itself as JSON, such that reading it gives the same.
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value;
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

/// `null` says the same as leaving it out.
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
        let items = items(json, at, problems)?;
        let mut read = Self::new();
        // Every item is read, also after one that could not be, so that every problem is found.
        for (index, item) in items.iter().enumerate() {
            read.extend(T::read(item, &at.item(index), problems));
        }
        (read.len() == items.len()).then_some(read)
    }
    #[cfg(not(target_os = "wasi"))]
    fn schema() -> serde_json::Value {
        serde_json::json!({"type": "array", "items": T::schema(), "maxItems": ITEMS})
    }
    #[cfg(not(target_os = "wasi"))]
    fn write(&self) -> serde_json::Value {
        self.iter().map(T::write).collect()
    }
}

/// Notes that something else was expected.
pub fn expected<T>(what: &str, json: &Json, at: &Path<'_>, problems: &mut Problems) -> Option<T> {
    mismatch(what, json.kind(), at, problems);
    None
}

/// Notes that a word is not one of those known.
pub fn unknown_word<T>(word: &str, known: &[&str], at: &Path<'_>, problems: &mut Problems) -> Option<T> {
    unknown(word, known, &[], at, problems);
    None
}

/// The members of an object; those that are not known or there twice are noted.
#[inline(never)]
pub fn members<'a>(
    json: &'a Json,
    known: &[&str],
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<&'a [(String, Json)]> {
    let Json::Object(members) = json else { return expected("an object", json, at, problems) };
    for (name, _) in members.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        let hint = match near(name, known.iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("expected {}", one_of(known, &[])),
        };
        problems.add(&at.member(name), format!("unknown field `{}`, {hint}", Excerpt(name)));
    }
    for name in known.iter().filter(|known| members.iter().filter(|(name, _)| name == *known).count() > 1) {
        problems.add(&at.member(name), "stated more than once");
    }
    Some(members)
}

/// An object while its members are read into a section.
#[derive(Debug)]
pub struct Section<'a> {
    members: &'a [(String, Json)],
    at: &'a Path<'a>,
    problems: &'a mut Problems,
}

impl<'a> Section<'a> {
    /// The object at a place, with these members known.
    pub fn new(json: &'a Json, known: &[&str], at: &'a Path<'a>, problems: &'a mut Problems) -> Option<Self> {
        members(json, known, at, problems).map(|members| Self { members, at, problems })
    }

    #[inline(never)]
    fn find(&self, name: &str) -> Option<&'a Json> {
        self.members.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Reads a member that must be there.
    #[inline(never)]
    pub fn required<T: Field>(&mut self, name: &str) -> Option<T> {
        let at = self.at.member(name);
        match self.find(name) {
            Some(json) => T::read(json, &at, self.problems),
            None => {
                self.problems.add(&at, "required, but absent");
                None
            }
        }
    }

    /// Reads a member that may be left out.
    #[inline(never)]
    pub fn optional<T: Field>(&mut self, name: &str, default: fn() -> T) -> Option<T> {
        match self.find(name) {
            Some(json) => T::read(json, &self.at.member(name), self.problems),
            None => Some(default()),
        }
    }
}

/// The items of a list, of which there are not too many.
#[inline(never)]
fn items<'a>(json: &'a Json, at: &Path<'_>, problems: &mut Problems) -> Option<&'a [Json]> {
    let Json::List(items) = json else { return expected("a list", json, at, problems) };
    if items.len() > ITEMS {
        mismatch(&format!("at most {ITEMS} items"), &items.len().to_string(), at, problems);
        return None;
    }
    Some(items)
}

/// Reads a whole number in a range.
#[inline(never)]
pub fn whole(json: &Json, range: RangeInclusive<i64>, at: &Path<'_>, problems: &mut Problems) -> Option<i64> {
    let found = match json {
        Json::Whole(value) if range.contains(value) => return Some(*value),
        Json::Whole(value) => format!("`{value}`"),
        Json::Number(value) => format!("`{value}`"),
        other => other.kind().to_owned(),
    };
    mismatch(&format!("a whole number in {}..={}", range.start(), range.end()), &found, at, problems);
    None
}

/// Reads text of a length in characters that passes a check; the check says what it expects instead. Text that is a
/// secret must pass every check: a message about one quotes it.
#[inline(never)]
pub fn text(
    json: &Json,
    lengths: RangeInclusive<usize>,
    check: fn(&str) -> Result<(), &'static str>,
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<String> {
    let Json::Text(text) = json else { return expected("a string", json, at, problems) };
    let length = text.chars().count();
    if !lengths.contains(&length) {
        mismatch(&format!("{} to {} characters", lengths.start(), lengths.end()), &length.to_string(), at, problems);
        return None;
    }
    match check(text) {
        Ok(()) => Some(text.clone()),
        Err(what) => {
            mismatch(what, &format!("`{}`", Excerpt(text)), at, problems);
            None
        }
    }
}

/// Reads a word of a closed set, as its number.
#[inline(never)]
pub fn word(json: &Json, words: &[&str], at: &Path<'_>, problems: &mut Problems) -> Option<usize> {
    let Json::Text(word) = json else {
        mismatch(&one_of(words, &[]), json.kind(), at, problems);
        return None;
    };
    words.iter().position(|known| known == word).or_else(|| unknown_word(word, words, at, problems))
}

/// Reads a choice: one of the words, or one of the names in an object that holds the rest.
#[inline(never)]
pub fn chosen<'a>(
    json: &'a Json,
    words: &[&str],
    names: &[&str],
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<(&'a str, Option<&'a Json>)> {
    let (name, value) = match json {
        Json::Text(word) => (word.as_str(), None),
        Json::Object(members) => match members.as_slice() {
            [(name, value)] => (name.as_str(), Some(value)),
            _ => {
                mismatch("an object with one member", &members.len().to_string(), at, problems);
                return None;
            }
        },
        other => {
            mismatch(&one_of(words, names), other.kind(), at, problems);
            return None;
        }
    };
    match (words.contains(&name), names.contains(&name), value) {
        (true, _, None) | (_, true, Some(_)) => return Some((name, value)),
        (true, _, Some(_)) => mismatch(&format!("the word `{name}` alone"), "an object", at, problems),
        (_, true, None) => mismatch(&format!("an object `{{\"{name}\": ...}}`"), "the word alone", at, problems),
        (false, false, _) => unknown(name, words, names, at, problems),
    }
    None
}

#[inline(never)]
fn mismatch(what: &str, found: &str, at: &Path<'_>, problems: &mut Problems) {
    problems.add(at, format!("expected {what}, found {found}"));
}

#[inline(never)]
fn unknown(word: &str, words: &[&str], names: &[&str], at: &Path<'_>, problems: &mut Problems) {
    let near = near(word, words.iter().chain(names));
    let hint = near.map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
    mismatch(&one_of(words, names), &format!("`{}`{hint}", Excerpt(word)), at, problems);
}

/// ``one of `enforce`, `shadow`, `{"percent": ...}` ``
fn one_of(words: &[&str], names: &[&str]) -> String {
    let words = words.iter().map(|word| format!("`{word}`"));
    let names = names.iter().map(|name| format!("`{{\"{name}\": ...}}`"));
    let all: Vec<String> = words.chain(names).collect();
    format!("{}{}", if all.len() > 1 { "one of " } else { "" }, all.join(", "))
}

/// The known word that was probably meant.
fn near<'a>(word: &str, known: impl Iterator<Item = &'a &'a str>) -> Option<&'a str> {
    let (distance, near) = known.map(|other| (distance(word, other), *other)).min()?;
    (distance <= near.len().div_ceil(3)).then_some(near)
}

/// Edits that turn one word into the other (Levenshtein, 1966), over bytes. Of a long word only the beginning counts.
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
