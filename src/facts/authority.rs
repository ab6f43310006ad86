//! The host that a request is for, as it is compared: lower case, without port and final dot. What a host means is for
//! the configuration; nothing here resolves or checks a name.

/// The host of an authority (RFC 3986 section 3.2.2); an IPv6 address keeps its brackets. `None` when it is no text.
pub fn host(authority: &[u8]) -> Option<String> {
    let digits = authority.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = authority.len().saturating_sub(digits);
    let host = match authority.get(..before) {
        // The last part of an address in brackets is no port.
        Some([host @ .., b':']) if host.first() != Some(&b'[') || host.last() == Some(&b']') => host,
        _ => authority,
    };
    let host = host.strip_suffix(b".").unwrap_or(host);
    String::from_utf8(host.to_ascii_lowercase()).ok()
}

/// Whether a pattern can match a host: names beyond ASCII come as `xn--`, and colons only inside of brackets.
pub fn is_host_pattern(pattern: &str) -> bool {
    let (colons, inner) = match pattern.as_bytes() {
        [b'[', inner @ .., b']'] => (true, inner),
        whole => (false, whole),
    };
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._*?".contains(byte) || colons && *byte == b':';
    inner.last() != Some(&b'.') && inner.iter().all(good)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_case_port_and_final_dot() {
        for (authority, expected) in [
            ("Admin.Example.com:8443", "admin.example.com"),
            ("admin.example.com.", "admin.example.com"),
            ("admin.example.com.:443", "admin.example.com"),
            ("admin.example.com:", "admin.example.com"),
            ("[2001:DB8::1]:443", "[2001:db8::1]"),
            ("[2001:db8::1]", "[2001:db8::1]"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("a:b", "a:b"),
            ("", ""),
        ] {
            assert_eq!(host(authority.as_bytes()).unwrap(), expected, "{authority}");
        }
        assert_eq!(host(b"\xff.example.com"), None);
    }

    #[test]
    fn a_pattern_is_written_like_what_it_matches() {
        for good in ["*.Example.com", "[2001:db8::*]", "[::1]", "10.0.0.?", "xn--bcher-kva.example", "*"] {
            assert!(is_host_pattern(good), "{good}");
        }
        for bad in ["a.example:443", "https://a.example", "a.example.", "::1", "b\u{fc}cher.example", "a/b", "a[b]"] {
            assert!(!is_host_pattern(bad), "{bad}");
        }
    }
}
