//! What is wrong with a configuration: every problem, each with its place.

use std::fmt;

/// A place in a JSON document, as a chain towards its root.
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
    /// The document itself.
    pub const ROOT: Self = Self { parent: None, step: Step::Root };

    /// A member of the object here.
    pub const fn member(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Member(name) }
    }

    /// An item of the list here.
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
            Step::Member(name) if inner.is_some() => write!(f, ".{name}"),
            Step::Member(name) => f.write_str(name),
            Step::Item(index) => write!(f, "[{index}]"),
        }
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

/// Problems found so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem.
    pub fn add(&mut self, path: &Path<'_>, message: impl Into<String>) {
        self.0.push(Problem { path: path.to_string(), message: message.into() });
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

/// A configuration that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// Problems shown; a hundred more would not help anybody.
const SHOWN: usize = 50;

impl ConfigError {
    /// One problem with the whole document.
    pub fn document(message: impl Into<String>) -> Self {
        Self { problems: vec![Problem { path: ".".to_owned(), message: message.into() }] }
    }

    /// The problems, in the order of the document's sections.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(SHOWN).enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}invalid config at `{}`: {}", problem.path, problem.message)?;
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}
