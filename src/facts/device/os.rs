//! The operating system that a `User-Agent` names.

use super::lookup;

/// An operating system. An iPad that asks for desktop pages says that it is a Macintosh and cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Os {
    /// None is stated.
    Unknown,
    /// Windows.
    Windows,
    /// macOS, also before it was called so.
    Macos,
    /// iPhone and iPod.
    Ios,
    /// iPad.
    Ipados,
    /// Android.
    Android,
    /// Linux that is none of the others.
    Linux,
    /// ChromeOS.
    Chromeos,
    /// Another one: the BSDs, consoles, televisions.
    Other,
}

impl Os {
    const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Windows,
        Self::Macos,
        Self::Ios,
        Self::Ipados,
        Self::Android,
        Self::Linux,
        Self::Chromeos,
        Self::Other,
    ];

    /// The name for reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Windows => "windows",
            Self::Macos => "macos",
            Self::Ios => "ios",
            Self::Ipados => "ipados",
            Self::Android => "android",
            Self::Linux => "linux",
            Self::Chromeos => "chromeos",
            Self::Other => "other",
        }
    }

    /// The number to store, 0..=8.
    pub fn code(self) -> u8 {
        Self::ALL
            .iter()
            .position(|&os| os == self)
            .and_then(|at| u8::try_from(at).ok())
            .unwrap_or_default()
    }

    /// The system with this code; `Unknown` for a number that is none.
    pub fn from_code(code: u8) -> Self {
        Self::ALL
            .get(usize::from(code))
            .copied()
            .unwrap_or(Self::Unknown)
    }

    /// The first word that names a system for sure, else the first one that hints at it: Android also says `Linux`, an
    /// iPhone `like Mac OS X`.
    pub(super) fn of(text: &[u8]) -> Self {
        let mut hint = Self::Unknown;
        for word in text.split(|byte| !byte.is_ascii_alphanumeric()) {
            let digits = word
                .iter()
                .rev()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
            let name = word
                .get(..word.len().saturating_sub(digits))
                .unwrap_or_default();
            if let Some(os) = lookup(SYSTEMS, name) {
                return os;
            }
            if hint == Self::Unknown
                && let Some(os) = lookup(SYSTEM_HINTS, name)
            {
                hint = os;
            }
        }
        hint
    }
}

const SYSTEMS: &[(&str, Os)] = &[
    ("windows", Os::Windows),
    ("win", Os::Windows),
    ("iphone", Os::Ios),
    ("ipod", Os::Ios),
    ("ios", Os::Ios),
    ("ipad", Os::Ipados),
    ("ipados", Os::Ipados),
    ("macintosh", Os::Macos),
    ("macos", Os::Macos),
    ("android", Os::Android),
    ("cros", Os::Chromeos),
    ("freebsd", Os::Other),
    ("openbsd", Os::Other),
    ("netbsd", Os::Other),
    ("sunos", Os::Other),
    ("tizen", Os::Other),
    ("webos", Os::Other),
    ("kaios", Os::Other),
    ("playstation", Os::Other),
    ("nintendo", Os::Other),
];

const SYSTEM_HINTS: &[(&str, Os)] = &[
    ("mac", Os::Macos),
    ("darwin", Os::Macos),
    ("linux", Os::Linux),
    ("ubuntu", Os::Linux),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_place_in_the_list() {
        for (at, os) in Os::ALL.iter().enumerate() {
            assert_eq!(usize::from(os.code()), at);
            assert_eq!(Os::from_code(os.code()), *os);
        }
        assert_eq!(Os::from_code(255), Os::Unknown);
    }

    #[test]
    fn the_sure_word_beats_the_hint() {
        for (text, expected) in [
            ("Linux; Android 13", Os::Android),
            ("X11; CrOS x86_64 14541.0.0", Os::Chromeos),
            ("CPU iPhone OS 17_2 like Mac OS X", Os::Ios),
            ("CFNetwork/1410.0.3 Darwin/22.6.0", Os::Macos),
            ("x86_64-apple-darwin23", Os::Macos),
            ("os/linux#5.10.0", Os::Linux),
            ("Win32", Os::Windows),
            ("FreeBSD amd64", Os::Other),
            ("Linux; Tizen 2.3", Os::Other),
            ("curl/8.5.0 12345", Os::Unknown),
        ] {
            assert_eq!(Os::of(text.as_bytes()), expected, "{text}");
        }
    }
}
