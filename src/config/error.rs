//! What is wrong with a configuration: every problem, each with its place. What counts as a problem is decided where
//! the configuration is read and compiled.

use std::fmt::{self, Write};

/// A place in a JSON document, as a chain towards its root: `rules[3].when.tool[0]`.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Member(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    /// The document itself; written `.`.
    pub const ROOT: Self = Self { parent: None, step: Step::Root };

    /// A member of the object here.
    pub const fn member(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Member(name) }
    }

    /// An item of the list here, from 0.
    pub const fn item(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Item(index) }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.parent.filter(|parent| !matches!(parent.step, Step::Root));
        if let Some(parent) = inner {
            write!(f, "{parent}")?;
        }
        match self.step {
            Step::Root => f.write_str("."),
            Step::Item(index) => write!(f, "[{index}]"),
            // Whoever wrote the document chose the name: it must not look like two steps, or like two lines of a log.
            Step::Member(name) if !is_plain(name) => write!(f, "[\"{}\"]", Excerpt(name)),
            Step::Member(name) if inner.is_some() => write!(f, ".{name}"),
            Step::Member(name) => f.write_str(name),
        }
    }
}

fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'$');
    (1..=Excerpt::LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

/// Somebody else's text in a message: on one line, and not longer than a reader wants.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a>(pub &'a str);

impl Excerpt<'_> {
    /// Characters shown.
    const LONGEST: usize = 40;
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cut, more) = match self.0.char_indices().nth(Self::LONGEST) {
            Some((end, _)) => (self.0.get(..end).unwrap_or_default(), "..."),
            None => (self.0, ""),
        };
        for char in cut.chars() {
            if char.is_control() { write!(f, "{}", char.escape_default())? } else { f.write_char(char)? }
        }
        f.write_str(more)
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where: `rules[3].when.tier_at_least`, or `.` for the document.
    pub path: String,
    /// What: lower case, no full stop.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid config at `{}`: {}", self.path, self.message)
    }
}

/// Problems found so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem.
    #[inline(never)]
    pub fn add(&mut self, path: &Path<'_>, message: impl Into<String>) {
        self.0.push(Problem { path: path.to_string(), message: message.into() });
    }

    /// Notes a problem of a document that stands at `at` in this one.
    pub fn place(&mut self, at: &Path<'_>, problem: &Problem) {
        let dot = if problem.path.starts_with('[') { "" } else { "." };
        let path = if problem.path == "." { at.to_string() } else { format!("{at}{dot}{}", problem.path) };
        self.0.push(Problem { path, message: problem.message.clone() });
    }

    /// Whether something at `path` or below it is wrong.
    pub fn touch(&self, path: &Path<'_>) -> bool {
        let path = path.to_string();
        self.0.iter().any(|problem| {
            problem.path.strip_prefix(&path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// `value` if there was no problem.
    ///
    /// # Errors
    /// All the problems. Having neither a value nor a problem is a problem too.
    pub fn or<T>(mut self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                if self.0.is_empty() {
                    self.add(&Path::ROOT, "cannot be used");
                }
                Err(ConfigError { problems: self.0 })
            }
        }
    }
}

/// A configuration that cannot be used. It is written one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// Problems written; a hundred more would not help anybody.
const SHOWN: usize = 50;

impl ConfigError {
    /// One problem with the whole document.
    pub fn document(message: impl Into<String>) -> Self {
        Self { problems: vec![Problem { path: Path::ROOT.to_string(), message: message.into() }] }
    }

    /// The problems, in the order of the sections' declaration; at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(SHOWN).enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_path_reads_as_one_would_write_it_down() {
        let rule = Path::ROOT.member("rules");
        let rule = rule.item(3);
        let when = rule.member("when");
        assert_eq!(when.member("tool").item(0).to_string(), "rules[3].when.tool[0]");
        assert_eq!(Path::ROOT.to_string(), ".");
        assert_eq!(Path::ROOT.item(2).member("a").to_string(), "[2].a");
    }

    #[test]
    fn a_name_from_outside_stays_one_step_on_one_line() {
        let levels = Path::ROOT.member("levels");
        assert_eq!(levels.member("a.b").to_string(), r#"levels["a.b"]"#);
        assert_eq!(levels.member("a\nb").to_string(), r#"levels["a\nb"]"#);
        assert_eq!(levels.member("").to_string(), r#"levels[""]"#);
        assert_eq!(levels.member(&"x".repeat(41)).to_string(), format!(r#"levels["{}..."]"#, "x".repeat(40)));
    }

    #[test]
    fn problems_are_written_one_a_line_in_the_order_found() {
        let mut problems = Problems::default();
        problems.add(&Path::ROOT.member("mode"), "absent");
        problems.add(&Path::ROOT, "odd");
        let error = problems.or(Some(1)).unwrap_err();
        assert_eq!(error.to_string(), "invalid config at `mode`: absent\ninvalid config at `.`: odd");
    }

    #[test]
    fn fifty_problems_are_written_and_the_rest_counted() {
        let mut problems = Problems::default();
        (0..53).for_each(|index| problems.add(&Path::ROOT.item(index), "odd"));
        let error = problems.or(None::<()>).unwrap_err();
        assert_eq!(error.problems().len(), 53);
        assert!(error.to_string().ends_with("invalid config at `[49]`: odd\nand 3 more"), "{error}");
    }

    #[test]
    fn no_value_is_never_without_a_problem() {
        assert_eq!(Problems::default().or(Some(7)), Ok(7));
        let error = Problems::default().or(None::<()>).unwrap_err();
        assert_eq!(error, ConfigError::document("cannot be used"));
    }
}
