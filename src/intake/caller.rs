//! What a request says of who asks: what a refusal is worded by and what joins its record to the access log. Read when a
//! request is refused or recorded, so that one that is simply allowed does not pay for it. Nothing is decided by it.

use crate::config::ClaimId;

/// Who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asker<'a> {
    /// It speaks gRPC.
    pub grpc: bool,
    /// `:path` when a browser asks for a page: a GET that accepts `text/html`.
    pub page: Option<&'a [u8]>,
    /// `x-request-id`, unless it is longer than 64 bytes or holds more than letters, digits, `-`, `_` and `.`: it may come
    /// from the client.
    pub request_id: Option<&'a str>,
    /// Its MCP version has the error that asks for a visit to an address: 2025-11-25 brought it, the next one took it
    /// away.
    pub elicits: bool,
}

/// Reads the headers once. The first of several counts.
pub fn asker<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Asker<'a> {
    const NAMES: [&[u8]; 6] =
        [b":method", b":path", b"content-type", b"accept", b"x-request-id", b"mcp-protocol-version"];
    let mut values: [Option<&[u8]>; 6] = [None; 6];
    for (name, value) in pairs {
        for (wanted, slot) in NAMES.iter().zip(&mut values) {
            if slot.is_none() && wanted.eq_ignore_ascii_case(name) {
                *slot = Some(value);
            }
        }
    }
    let [method, path, content_type, accept, request_id, version] = values;
    let page =
        method == Some(b"GET") && accept.is_some_and(|accept| accept.windows(9).any(|part| part == b"text/html"));
    Asker {
        grpc: content_type.is_some_and(grpc),
        page: path.filter(|_| page),
        request_id: request_id.and_then(self::request_id),
        elicits: version == Some(b"2025-11-25"),
    }
}

impl super::Reader<'_, '_> {
    /// The token says that its client takes claims challenges.
    pub(super) fn takes_claims(&self) -> bool {
        self.lists(self.config.session.standard.xms_cc, "cp1")
    }

    /// The token satisfies the authentication context that a claims challenge asks for.
    pub(super) fn answers_claims(&self) -> bool {
        let entra = self.config.step_up.entra.as_ref();
        entra.is_some_and(|entra| self.lists(self.config.session.standard.acrs, &entra.acrs))
    }

    /// A claim that is a list of words, also where metadata brings it with its framing.
    pub(super) fn lists(&self, claim: Option<ClaimId>, wanted: &str) -> bool {
        let words = claim.and_then(|claim| self.text(claim)).unwrap_or_default();
        words.split(|letter: char| letter.is_ascii_control() || letter == ' ').any(|word| word == wanted)
    }
}

/// `application/grpc`, alone or with a format as in `application/grpc+proto`; not gRPC-Web, whose clients read the HTTP
/// status and expect trailers in the body.
fn grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
        && matches!(content_type.get(GRPC.len()), None | Some(b'+' | b';' | b' '))
}

/// An `x-request-id` that is fit for a log.
pub fn request_id(id: &[u8]) -> Option<&str> {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if id.len() > 64 || !id.iter().all(good) {
        return None;
    }
    std::str::from_utf8(id).ok().filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(pairs: &'a [(&'a str, &'a str)]) -> Asker<'a> {
        asker(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
    }

    #[test]
    fn grpc_is_told_by_its_content_type() {
        for yes in ["application/grpc", "application/grpc+proto", "Application/gRPC; charset=x"] {
            assert!(of(&[("Content-Type", yes)]).grpc, "{yes}");
        }
        for no in ["application/grpc-web", "application/grpcish", "application/json", "application/grp", ""] {
            assert!(!of(&[("content-type", no)]).grpc, "{no}");
        }
    }

    #[test]
    fn one_version_of_mcp_asks_for_a_visit_to_an_address() {
        assert!(of(&[("MCP-Protocol-Version", "2025-11-25")]).elicits);
        for no in ["2025-06-18", "2026-07-28", "2025-11-25, 2025-11-25", ""] {
            assert!(!of(&[("mcp-protocol-version", no)]).elicits, "{no}");
        }
        assert!(!of(&[]).elicits);
    }

    #[test]
    fn a_page_is_a_get_that_accepts_html() {
        let asks = |method, accept| {
            let sent = [(":method", method), (":path", "/a?b"), ("accept", accept)];
            of(&sent).page.is_some_and(|path| path == b"/a?b")
        };
        assert!(asks("GET", "text/html,application/xhtml+xml"));
        assert!(!asks("POST", "text/html"));
        assert!(!asks("GET", "application/json, */*"));
    }

    #[test]
    fn a_request_id_holds_nothing_but_an_id() {
        assert_eq!(of(&[("x-request-id", "6a0f-B_1.2")]).request_id, Some("6a0f-B_1.2"));
        for bad in ["", "a b", "a\"b", "\u{e9}", &"a".repeat(65)] {
            assert_eq!(of(&[("x-request-id", bad)]).request_id, None, "{bad}");
        }
    }
}
