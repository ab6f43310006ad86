//! What drives a request: client family, operating system and version by `User-Agent`, and the posture of the device.
//! Not for telling people from bots: every word is the client's own claim. What counts is whether it stays the same.

mod family;
mod os;

pub use family::Family;
pub use os::Os;

use family::{Rank, known};

/// The parts of a JA4 fingerprint that stay while the TLS library does: its transport (`t` or `q`) and the digest of its
/// cipher suites. Version, extensions and ALPN change with resumption and with each server's offer. A value of another
/// form is taken whole.
pub fn tls_stack(ja4: &[u8]) -> (&[u8], &[u8]) {
    let mut sections = ja4.split(|byte| *byte == b'_');
    match (ja4.get(..1), sections.nth(1)) {
        (Some(transport), Some(ciphers)) => (transport, ciphers),
        _ => (b"", ja4),
    }
}

/// Bytes of a `User-Agent` that are looked at. Browsers stay below 300; in-app browsers of phones come near 500.
const MAX_TEXT: usize = 512;

/// What a `User-Agent` says (RFC 9110 section 10.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserAgent {
    /// The program.
    pub family: Family,
    /// The operating system.
    pub os: Os,
    /// Grows with the version; 0 if none is stated. Browsers ([`Family::is_browser`]): the major version. All others:
    /// `major * 64 + minor`, minor at most 63, since tools move in minor steps (`curl/8.5.0` is 517). Ends at
    /// `u16::MAX`. Only versions of one family compare.
    pub version: u16,
}

impl UserAgent {
    /// Reads a `User-Agent` value. `None` if it is blank. Looks at the first 512 bytes and allocates nothing.
    ///
    /// A value that begins with another product than `Mozilla` names its program first, and that is the family, known
    /// or not (`terraform-provider-app/1.9.2`, `MyApp/3.2 okhttp/4.12.0`); the few libraries that put their platform
    /// first are looked up anywhere. Behind `Mozilla/5.0` a browser also claims to be each one that it descends from
    /// (Edge: Chrome, Safari), so the most derived product that we know wins, and the word after `compatible;`
    /// (crawlers, MSIE) beats them all.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let text = text.get(..MAX_TEXT).unwrap_or(text);
        if text.is_empty() {
            return None;
        }
        let mut found = Product { family: Family::hashed(text), rank: Rank::Nothing, version: None };
        let mut rank_of_unknown = Rank::First;
        let mut version_word = None;
        let mut web_view = false;
        let mut words = Words(text);
        while let Some(word) = words.next() {
            let (name, version) = match word.iter().position(|&byte| byte == b'/') {
                Some(slash) => {
                    let (name, rest) = word.split_at_checked(slash).unwrap_or((word, b""));
                    (name, Version::parse(rest.get(1..).unwrap_or_default()))
                }
                None => (word, None),
            };
            if name.eq_ignore_ascii_case(b"compatible") {
                rank_of_unknown = Rank::Named;
                continue;
            }
            if name.eq_ignore_ascii_case(b"version") {
                version_word = version_word.or(version);
            }
            web_view |= name == b"wv";
            let (family, rank) = match known(name) {
                Some((family, Rank::Mozilla)) => (family, Rank::Mozilla),
                Some((family, rank)) => (family, rank.max(rank_of_unknown)),
                None => (Family::hashed(name), rank_of_unknown),
            };
            rank_of_unknown = Rank::Nothing;
            if rank > found.rank {
                // `MSIE 10.0`, `OpenAI/Python 1.40.0`: the version may be a word of its own.
                let version = version.or_else(|| words.clone().next().and_then(Version::parse));
                found = Product { family, rank, version };
            }
        }
        Some(found.settle(Os::of(text), version_word, web_view))
    }
}

/// Whether the device meets what its management asks for: the words of CAEP 1.0, `device-compliance-change`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Posture {
    /// Nothing usable was said.
    Unknown,
    /// `compliant`.
    Compliant,
    /// `not-compliant`.
    NotCompliant,
}

impl Posture {
    /// Reads a header or claim: `compliant`, `not-compliant` (also `not_compliant`, `noncompliant`), in any case.
    pub fn parse(text: &[u8]) -> Self {
        let text = text.trim_ascii();
        let is = |word: &str| text.eq_ignore_ascii_case(word.as_bytes());
        if is("compliant") {
            Self::Compliant
        } else if is("not-compliant") || is("not_compliant") || is("noncompliant") {
            Self::NotCompliant
        } else {
            Self::Unknown
        }
    }

    /// The word of the standard; `unknown` for none.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Compliant => "compliant",
            Self::NotCompliant => "not-compliant",
        }
    }
}

struct Product {
    family: Family,
    rank: Rank,
    version: Option<Version>,
}

impl Product {
    /// The rules that need the whole text: Safari has its version in a word of its own, and an Android web view is a
    /// Chrome that says `wv`, or, in older ones, `Version/`, which no Chrome does.
    fn settle(self, os: Os, version_word: Option<Version>, web_view: bool) -> UserAgent {
        let old_web_view = os == Os::Android && version_word.is_some();
        let (family, version) = match self.family {
            Family::CHROME if web_view || old_web_view => (Family::WEB_VIEW, self.version),
            Family::SAFARI if os == Os::Android => (Family::WEB_VIEW, version_word),
            Family::SAFARI => (Family::SAFARI, version_word.or(self.version)),
            family => (family, self.version),
        };
        let version = version.map_or(0, |version| {
            if family.is_browser() {
                version.major
            } else {
                let minor = version.minor.min(63);
                version.major.saturating_mul(64).saturating_add(minor)
            }
        });
        UserAgent { family, os, version }
    }
}

#[derive(Clone, Copy)]
struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// `8.5.0`, `v1.29.0`, `13`: `None` if it does not begin with a digit.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = text.strip_prefix(b"v").or_else(|| text.strip_prefix(b"V")).unwrap_or(text);
        if !text.first()?.is_ascii_digit() {
            return None;
        }
        let mut parts = text.split(|&byte| byte == b'.');
        Some(Self { major: leading_number(parts.next()), minor: leading_number(parts.next()) })
    }
}

fn leading_number(text: Option<&[u8]>) -> u16 {
    text.unwrap_or_default().iter().map_while(|&byte| char::from(byte).to_digit(10)).fold(0, |number: u16, digit| {
        number.saturating_mul(10).saturating_add(u16::try_from(digit).unwrap_or_default())
    })
}

/// The words of a `User-Agent`: products, and what comments hold, alike.
#[derive(Clone)]
struct Words<'a>(&'a [u8]);

impl<'a> Iterator for Words<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let separates = |byte: &u8| byte.is_ascii_whitespace() || b"();,[]\"".contains(byte);
        let start = self.0.iter().position(|byte| !separates(byte))?;
        let (_, rest) = self.0.split_at_checked(start)?;
        let end = rest.iter().position(separates).unwrap_or(rest.len());
        let (word, rest) = rest.split_at_checked(end)?;
        self.0 = rest;
        Some(word)
    }
}

/// What the table says of a name, in any case.
fn lookup<T: Copy>(table: &[(&str, T)], name: &[u8]) -> Option<T> {
    let row = |(row, _): &&(&str, T)| row.as_bytes().eq_ignore_ascii_case(name);
    table.iter().find(row).map(|(_, found)| *found)
}

#[cfg(test)]
mod tests;
