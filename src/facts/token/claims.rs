//! One pass over a claims set that hands out the claims asked for and skips all else.

use super::path::Step;
use super::{ClaimPath, MAX_PAYLOAD, TokenError};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The value of a claim, or a piece of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// A string; borrowed from the payload unless it has escapes.
    Text(Cow<'a, str>),
    /// A number; fractions are cut off, what is out of range ends at `i64::MIN` or `i64::MAX`.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// A list begins. Its strings follow, one [`Claim::Item`] each; a list without any is only announced.
    List,
    /// A string of the list announced before. Elements of other kinds are skipped.
    Item(Cow<'a, str>),
    /// An object, of which only paths that lead into it see the content.
    Object,
}

/// Reads the claims at `paths` (at most 64) and gives each with the index of its path, in the order of the payload.
///
/// A claim that is absent or `null` is not given. A list is given as [`Claim::List`] and then item by item, so that
/// `scope` as one string and `scp`, `amr`, `xms_cc` as lists need no joined copy. The same path may be asked for twice.
///
/// RFC 7519 section 4 lets a reader refuse a claim that is there twice or take the last one. It is refused, since the
/// upstream's reader may take another one than ours; twice the same object on the way to a claim counts as well. What
/// nobody asked for may repeat. After an error, forget what was given. Anything after the object is an error.
///
/// Allocates for strings with escapes, and a few bytes for nesting that is skipped. Descends no deeper than the longest
/// path; deeper nesting is skipped without recursion.
pub fn read_claims<'a>(
    payload: &'a [u8],
    paths: &[ClaimPath],
    on: &mut dyn FnMut(usize, Claim<'a>),
) -> Result<(), TokenError> {
    if payload.len() > MAX_PAYLOAD {
        return Err(TokenError::TooLong);
    }
    let all = match u32::try_from(paths.len()) {
        Ok(0) => Indexes(0),
        Ok(count @ 1..=64) => Indexes(u64::MAX >> 64_u32.saturating_sub(count)),
        _ => return Err(TokenError::TooManyPaths),
    };
    let text = str::from_utf8(payload).map_err(|_| TokenError::NotJson)?;
    if !text.trim_ascii_start().starts_with('{') {
        return Err(TokenError::NotJson);
    }
    let mut reader = Reader { paths, on, duplicate: false };
    let mut json = serde_json::Deserializer::from_str(text);
    let read = Value { reader: &mut reader, depth: 0, here: Indexes(0), below: all, in_list: false }
        .deserialize(&mut json)
        .and_then(|()| json.end());
    match read {
        Ok(()) => Ok(()),
        Err(_) if reader.duplicate => Err(TokenError::DuplicateClaim),
        Err(_) => Err(TokenError::NotJson),
    }
}

/// A set of indexes into the list of paths.
#[derive(Clone, Copy)]
struct Indexes(u64);

impl Indexes {
    fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let lowest = usize::try_from(rest.trailing_zeros()).ok();
            let found = lowest.filter(|_| rest != 0);
            rest &= rest.wrapping_sub(1);
            found
        })
    }
}

struct Reader<'r, 'de> {
    paths: &'r [ClaimPath],
    on: &'r mut dyn FnMut(usize, Claim<'de>),
    duplicate: bool,
}

/// A value that paths lead to or through.
struct Value<'v, 'r, 'de> {
    reader: &'v mut Reader<'r, 'de>,
    /// How many names lead here.
    depth: usize,
    /// Paths that end here.
    here: Indexes,
    /// Paths that go on below.
    below: Indexes,
    in_list: bool,
}

impl<'de> Value<'_, '_, 'de> {
    fn give(self, claim: Claim<'de>) {
        for index in self.here.iter() {
            (self.reader.on)(index, claim.clone());
        }
    }

    fn text(self, text: Cow<'de, str>) {
        let claim = if self.in_list { Claim::Item(text) } else { Claim::Text(text) };
        self.give(claim);
    }

    /// Gives what a list does not hold.
    fn outside_lists(self, claim: Claim<'de>) {
        if !self.in_list {
            self.give(claim);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claim")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.outside_lists(Claim::Number(number));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.visit_i64(i64::try_from(number).unwrap_or(i64::MAX))
    }

    #[expect(clippy::cast_possible_truncation, reason = "the cast cuts off and saturates; std has no other")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.visit_i64(number as i64)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<(), E> {
        self.outside_lists(Claim::Flag(flag));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.in_list || self.here.is_empty() {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        for index in self.here.iter() {
            (self.reader.on)(index, Claim::List);
        }
        while list
            .next_element_seed(Value {
                reader: &mut *self.reader,
                depth: self.depth,
                here: self.here,
                below: Indexes(0),
                in_list: true,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        if !self.in_list {
            for index in self.here.iter() {
                (self.reader.on)(index, Claim::Object);
            }
        }
        let mut seen = 0;
        while let Some((here, below)) =
            object.next_key_seed(Name { paths: self.reader.paths, depth: self.depth, of: self.below })?
        {
            let found = here.0 | below.0;
            if found == 0 {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            if seen & found != 0 {
                self.reader.duplicate = true;
                return Err(Error::custom("duplicate"));
            }
            seen |= found;
            object.next_value_seed(Value {
                reader: &mut *self.reader,
                depth: self.depth.saturating_add(1),
                here,
                below,
                in_list: false,
            })?;
        }
        Ok(())
    }
}

/// A name in an object: which paths end at it, and which go through it.
struct Name<'r> {
    paths: &'r [ClaimPath],
    depth: usize,
    of: Indexes,
}

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = (Indexes, Indexes);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = (Indexes, Indexes);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let (mut here, mut below) = (0, 0);
        for index in self.of.iter() {
            let bit = 1 << index;
            match self.paths.get(index).map(|path| path.step(self.depth, name)) {
                Some(Step::Arrives) => here |= bit,
                Some(Step::Continues) => below |= bit,
                Some(Step::Misses) | None => {}
            }
        }
        Ok((Indexes(here), Indexes(below)))
    }
}

#[cfg(test)]
mod tests;
