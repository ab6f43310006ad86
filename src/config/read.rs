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

/// Most items of a list. More than those lists may have whose own limit is checked later, and said in their own words.
const ITEMS: usize = 4 * crate::bounds::ROUTES;

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
    /// Reads it and notes every problem. `None` when there was one and nothing can stand in; what a problem left standing
    /// is good for one thing, to find more of them.
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
    mismatch(what, &json.shown(), at, problems);
    None
}

/// Notes that a word is not one of those known.
pub fn unknown_word<T>(word: &str, known: &[&str], at: &Path<'_>, problems: &mut Problems) -> Option<T> {
    unknown(word, known, at, problems);
    None
}

/// The members of an object; those that are not known are noted.
#[inline(never)]
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

    /// Reads a member that may be left out. A bad one is noted and its default taken, so that the rest can be looked at
    /// too.
    #[inline(never)]
    pub fn optional<T: Field>(&mut self, name: &str, default: fn() -> T) -> T {
        let read = self.find(name).and_then(|json| T::read(json, &self.at.member(name), self.problems));
        read.unwrap_or_else(default)
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
    match json {
        Json::Whole(value) if range.contains(value) => Some(*value),
        other => expected(&format!("a whole number in {}..={}", range.start(), range.end()), other, at, problems),
    }
}

/// Reads text of a length in bytes that passes a check; the check says what it expects instead. Text that is a secret
/// must pass every check: a message about one quotes it.
#[inline(never)]
pub fn text(
    json: &Json,
    lengths: RangeInclusive<usize>,
    check: fn(&str) -> Result<(), &'static str>,
    at: &Path<'_>,
    problems: &mut Problems,
) -> Option<String> {
    let Json::Text(text) = json else {
        mismatch("a string", json.sort(), at, problems);
        return None;
    };
    if !lengths.contains(&text.len()) {
        let what = format!("{} to {} bytes", lengths.start(), lengths.end());
        mismatch(&what, &text.len().to_string(), at, problems);
        return None;
    }
    match check(text) {
        Ok(()) => Some(text.clone()),
        Err(what) => expected(what, json, at, problems),
    }
}

/// Reads a word of a closed set, as its number.
#[inline(never)]
pub fn word(json: &Json, words: &[&str], at: &Path<'_>, problems: &mut Problems) -> Option<usize> {
    let Json::Text(word) = json else { return expected("a word", json, at, problems) };
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
            _ => return expected("an object with one member", json, at, problems),
        },
        other => return expected("a word or an object with one member", other, at, problems),
    };
    match (words.contains(&name), names.contains(&name), value) {
        (true, _, None) | (_, true, Some(_)) => return Some((name, value)),
        (true, _, Some(_)) => problems.add(at, format!("`{name}` takes no value, write `\"{name}\"`")),
        (_, true, None) => problems.add(at, format!("`{name}` needs a value, as in `{{\"{name}\": ...}}`")),
        (false, false, _) => return unknown_word(name, &[words, names].concat(), at, problems),
    }
    None
}

#[inline(never)]
fn mismatch(what: &str, found: &str, at: &Path<'_>, problems: &mut Problems) {
    problems.add(at, format!("expected {what}, found {found}"));
}

#[inline(never)]
fn unknown(word: &str, known: &[&str], at: &Path<'_>, problems: &mut Problems) {
    problems.add(at, format!("unknown word `{}`, {}", Excerpt(word), suggestion(word, known)));
}

/// What was probably meant, or else all that is known.
#[inline(never)]
fn suggestion(word: &str, known: &[&str]) -> String {
    let near = known.iter().map(|other| (distance(word, other), *other)).min();
    match near {
        Some((distance, near)) if distance <= near.len().div_ceil(3) => format!("did you mean `{near}`?"),
        _ => format!("expected one of `{}`", known.join("`, `")),
    }
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
