//! The way to a claim, as configurations write it: `sub`, `act.sub`, `https://example\.com/roles`.

use std::fmt;

/// Most segments of a path: how deep [`super::read_claims`] may descend.
const MAX_SEGMENTS: usize = 8;

/// The names to follow from the top of the claims set to a claim. Prints as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Box<[Box<str>]>);

/// Why a text is no path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimPathError {
    /// A name is empty: an empty text, a dot at either end, or two in a row.
    EmptyName,
    /// A backslash stands before something else than `.` or `\`.
    BadEscape,
    /// More than eight names.
    TooDeep,
}

impl fmt::Display for ClaimPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyName => "a claim name is empty",
            Self::BadEscape => "a backslash stands before something else than `.` or `\\`",
            Self::TooDeep => "the path has more than 8 names",
        })
    }
}

impl ClaimPath {
    /// Compiles a path: names separated by dots. A dot that belongs to a name is written `\.`, a backslash `\\`.
    pub fn parse(text: &str) -> Result<Self, ClaimPathError> {
        let mut names: Vec<Box<str>> = Vec::new();
        let mut name = String::new();
        let mut characters = text.chars();
        loop {
            let character = characters.next();
            match character {
                Some('\\') => match characters.next() {
                    Some(escaped @ ('.' | '\\')) => name.push(escaped),
                    _ => return Err(ClaimPathError::BadEscape),
                },
                Some('.') | None => {
                    if name.is_empty() {
                        return Err(ClaimPathError::EmptyName);
                    }
                    if names.len() == MAX_SEGMENTS {
                        return Err(ClaimPathError::TooDeep);
                    }
                    names.push(std::mem::take(&mut name).into_boxed_str());
                    if character.is_none() {
                        return Ok(Self(names.into_boxed_slice()));
                    }
                }
                Some(other) => name.push(other),
            }
        }
    }

    /// Whether the name at `depth` (0 is the top) is `name`, and if so, whether it is the last one.
    pub(super) fn step(&self, depth: usize, name: &str) -> Step {
        match self.0.get(depth) {
            Some(own) if **own == *name => {
                if depth.saturating_add(1) == self.0.len() {
                    Step::Arrives
                } else {
                    Step::Continues
                }
            }
            _ => Step::Misses,
        }
    }
}

/// Where one name takes a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Elsewhere.
    Misses,
    /// To an object on the way.
    Continues,
    /// To the claim.
    Arrives,
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            for character in name.chars() {
                if matches!(character, '.' | '\\') {
                    f.write_str("\\")?;
                }
                fmt::Write::write_char(f, character)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_path_prints_as_it_is_written() {
        for text in [
            "sub",
            "act.sub",
            "cnf.x5t#S256",
            "https://example\\.com/roles.0",
            "a\\\\b",
            "a.b.c.d.e.f.g.h",
        ] {
            assert_eq!(ClaimPath::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_text_that_leads_nowhere_is_refused() {
        for (text, error) in [
            ("", ClaimPathError::EmptyName),
            (".", ClaimPathError::EmptyName),
            ("a.", ClaimPathError::EmptyName),
            (".a", ClaimPathError::EmptyName),
            ("a..b", ClaimPathError::EmptyName),
            ("a\\b", ClaimPathError::BadEscape),
            ("a\\", ClaimPathError::BadEscape),
            ("a.b.c.d.e.f.g.h.i", ClaimPathError::TooDeep),
        ] {
            assert_eq!(ClaimPath::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn an_escaped_dot_belongs_to_the_name() {
        let path = ClaimPath::parse("a\\.b.c").unwrap();
        assert!(path.step(0, "a.b") == Step::Continues);
        assert!(path.step(1, "c") == Step::Arrives);
        assert!(path.step(0, "a") == Step::Misses);
        assert!(path.step(2, "c") == Step::Misses);
    }
}
