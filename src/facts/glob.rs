//! Patterns for names of tools and hosts in the configuration: `export_*`, `get_?`, `*`. Not for paths: those have a
//! router.

use std::fmt;
use std::str::Chars;

/// Longest pattern in bytes.
pub const MAX_PATTERN: usize = 128;

/// A compiled pattern: `*` stands for any run of characters, also none; `?` for exactly one; all else for itself, and
/// upper case is not lower case (MCP names are case-sensitive). There is no escape: tool names have no `*` and no `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(Box<str>);

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobError {
    /// It matches nothing but an empty name, which no tool has.
    Empty,
    /// It has more than [`MAX_PATTERN`] bytes.
    TooLong,
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the pattern is empty",
            Self::TooLong => "the pattern is longer than 128 bytes",
        })
    }
}

impl Glob {
    /// Compiles a pattern. Runs of `*` count as one.
    pub fn parse(pattern: &str) -> Result<Self, GlobError> {
        if pattern.is_empty() {
            return Err(GlobError::Empty);
        }
        if pattern.len() > MAX_PATTERN {
            return Err(GlobError::TooLong);
        }
        let mut compiled = String::with_capacity(pattern.len());
        for character in pattern.chars() {
            if character != '*' || !compiled.ends_with('*') {
                compiled.push(character);
            }
        }
        Ok(Self(compiled.into_boxed_str()))
    }

    /// Makes it a pattern of names that are compared in lower case.
    pub fn lower(&mut self) {
        self.0.make_ascii_lowercase();
    }

    /// The pattern as text.
    pub fn pattern(&self) -> &str {
        &self.0
    }

    /// Whether the pattern matches the whole name.
    ///
    /// Allocates nothing. Only the latest `*` is ever tried again, so the cost is at most the product of the two
    /// lengths: linear in the name, which the client chooses, by a constant that the configuration bounds.
    #[inline(never)]
    pub fn matches(&self, name: &str) -> bool {
        let mut pattern = self.0.chars();
        let mut rest = name.chars();
        let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
        loop {
            match pattern.next() {
                Some('*') => {
                    star = Some((pattern.clone(), rest.clone()));
                    continue;
                }
                Some(wanted) => match rest.next() {
                    Some(found) if wanted == '?' || wanted == found => continue,
                    Some(_) => {}
                    None => return false,
                },
                None if rest.as_str().is_empty() => return true,
                None => {}
            }
            // A mismatch: let the latest star stand for one character more.
            let Some((after, taken)) = &mut star else {
                return false;
            };
            if taken.next().is_none() {
                return false;
            }
            pattern = after.clone();
            rest = taken.clone();
        }
    }

    /// The pattern as compiled.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        for (pattern, yes, no) in [
            ("export_*", &["export_", "export_users", "export_*"][..], &["export", "Export_users", "re_export_x"][..]),
            ("get_?", &["get_a", "get_é"], &["get_", "get_ab"]),
            ("*", &["", "anything"], &[]),
            ("*_user", &["delete_user", "a_user_user"], &["delete_users", "_use"]),
            ("a*b?c", &["abxc", "a__b_bxc", "abbbc"], &["abc", "axbc", "abxcd"]),
            ("?*", &["a", "ab"], &[""]),
            ("delete_user", &["delete_user"], &["delete_user ", "delete_use"]),
        ] {
            let glob = Glob::parse(pattern).unwrap();
            for name in yes {
                assert!(glob.matches(name), "{pattern} should match {name}");
            }
            for name in no {
                assert!(!glob.matches(name), "{pattern} should not match {name}");
            }
        }
    }

    #[test]
    fn compiling_bounds_the_pattern() {
        assert_eq!(Glob::parse(""), Err(GlobError::Empty));
        assert_eq!(Glob::parse(&"x".repeat(MAX_PATTERN + 1)), Err(GlobError::TooLong));
        assert_eq!(Glob::parse("a***b**").unwrap().as_str(), "a*b*");
    }

    #[test]
    fn a_hostile_name_costs_no_more_than_the_product_of_the_lengths() {
        let glob = Glob::parse(&"*a".repeat(MAX_PATTERN / 2)).unwrap();
        assert!(!glob.matches(&("a".repeat(200_000) + "b")));
    }
}
