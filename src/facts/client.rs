//! Where a request comes from: the client's address in the spellings that gateways use, and which entry of
//! `x-forwarded-for` may be believed. Not for geography or networks: those arrive as headers of the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest text that can be an address: bracketed IPv6 with a zone id and a port, with room to spare.
const MAX_TEXT: usize = 96;

/// The address in `text`, which may carry a port: `192.0.2.7`, `192.0.2.7:443`, `2001:db8::7`, `[2001:db8::7]:443`.
///
/// Surrounding white space is ignored, a zone id (RFC 4007 section 11, `fe80::1%eth0`) is dropped, and an
/// IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2) becomes the IPv4 address that it stands for, so that a
/// dual-stack listener does not make two clients out of one. `None` for everything else.
pub fn address(text: &[u8]) -> Option<IpAddr> {
    let text = text.trim_ascii();
    if text.len() > MAX_TEXT {
        return None;
    }
    let text = str::from_utf8(text).ok()?;
    let found = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        if !after.is_empty() && !after.strip_prefix(':').is_some_and(is_port) {
            return None;
        }
        IpAddr::V6(v6(host)?)
    } else {
        match text.split_once(':') {
            None => IpAddr::V4(text.parse::<Ipv4Addr>().ok()?),
            Some((host, port)) if !port.contains(':') => {
                let host = host.parse::<Ipv4Addr>().ok()?;
                is_port(port).then_some(IpAddr::V4(host))?
            }
            Some(_) => IpAddr::V6(v6(text)?),
        }
    };
    Some(found.to_canonical())
}

/// The client's address by `x-forwarded-for`: the entry that stands `hops` places left of the rightmost one.
///
/// `hops` = 0 is the rightmost entry, 1 the one before it. Every proxy appends the address that it was reached from, so
/// the rightmost entry is the peer of the last proxy that wrote the header, and each trusted proxy in front of that
/// one moves the client one place further left. The header is read as it arrives at the filter, that is, after Envoy's
/// connection manager has appended to it; then `hops` has the value of `xff_num_trusted_hops`, with
/// `use_remote_address: true` (Envoy appends its peer) as well as with `false` (it does not, and counts one more).
/// Only with `skip_xff_append` is it one less.
///
/// Entries left of the chosen one were written by the client and are never looked at. `None` if the header is absent,
/// has too few entries, or if the chosen one is no address: falling back to another entry would let a client choose it.
pub fn trusted(xff: Option<&[u8]>, hops: usize) -> Option<IpAddr> {
    address(xff?.rsplit(|&byte| byte == b',').nth(hops)?)
}

/// The network of an address, to be digested: family (4 or 6), then the bytes of the /24 or of the /48, then zeros.
///
/// /24 is the longest IPv4 prefix that is routed between networks; /48 is what a site gets (RFC 6177).
pub fn prefix(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            [4, a, b, c, 0, 0, 0, 0]
        }
        IpAddr::V6(v6) => {
            let [a, b, c, d, e, f, ..] = v6.octets();
            [6, a, b, c, d, e, f, 0]
        }
    }
}

fn v6(text: &str) -> Option<Ipv6Addr> {
    let host = text.split_once('%').map_or(text, |(host, _)| host);
    host.parse().ok()
}

/// Digits only, since `parse` also takes a sign.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn every_spelling_of_an_address_is_read() {
        for (text, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("192.0.2.7:443", "192.0.2.7"),
            ("  192.0.2.7\t", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("[::ffff:c000:207]:1", "192.0.2.7"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25eth0]:443", "fe80::1"),
            ("::1", "::1"),
        ] {
            assert_eq!(address(text.as_bytes()), ip(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_guessed() {
        for text in [
            "",
            " ",
            "unknown",
            "_hidden",
            "localhost",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.07",
            "192.0.2.7:",
            "192.0.2.7:+80",
            "192.0.2.7:65536",
            "192.0.2.7%eth0",
            "[192.0.2.7]:80",
            "[2001:db8::7",
            "[2001:db8::7]443",
            "[2001:db8::7]:",
            "[2001:db8::7]:x",
            "2001:db8::7::",
            "192.0.2.7, 192.0.2.8",
            "/var/run/envoy.sock",
        ] {
            assert_eq!(address(text.as_bytes()), None, "{text}");
        }
        assert_eq!(address(b"192.0.2.\xff"), None);
        assert_eq!(address(&[b'1'; 100_000]), None);
    }

    #[test]
    fn hops_count_from_the_right_and_the_client_cannot_shift_them() {
        let xff = b"198.51.100.1, 192.0.2.7 ,[2001:db8::7]:9";
        assert_eq!(trusted(Some(xff), 0), ip("2001:db8::7"));
        assert_eq!(trusted(Some(xff), 1), ip("192.0.2.7"));
        assert_eq!(trusted(Some(xff), 2), ip("198.51.100.1"));
        assert_eq!(trusted(Some(xff), 3), None);
        assert_eq!(trusted(Some(xff), usize::MAX), None);
        assert_eq!(trusted(Some(b"192.0.2.7"), 0), ip("192.0.2.7"));
        assert_eq!(trusted(Some(b"evil,,\xff, 192.0.2.7"), 0), ip("192.0.2.7"));
        assert_eq!(trusted(Some(b"192.0.2.7, unknown"), 0), None);
        assert_eq!(trusted(Some(b"192.0.2.7,"), 0), None);
        assert_eq!(trusted(Some(b""), 0), None);
        assert_eq!(trusted(None, 0), None);
    }

    #[test]
    fn neighbours_share_a_prefix_and_families_do_not() {
        let of = |text: &str| prefix(text.parse().unwrap());
        assert_eq!(of("192.0.2.7"), of("192.0.2.250"));
        assert_ne!(of("192.0.2.7"), of("192.0.3.7"));
        assert_eq!(of("2001:db8:5::7"), of("2001:db8:5:ffff::1"));
        assert_ne!(of("2001:db8:5::7"), of("2001:db8:6::7"));
        assert_eq!(of("::ffff:192.0.2.7"), of("192.0.2.7"));
        assert_ne!(of("0.0.0.0"), of("::"));
    }
}
