//! Claims of a JWT that somebody in front of the filter has verified (RFC 7519). Nothing is verified here: never read a
//! payload that did not come from the verifier, save to count how often it could not be read.

mod claims;
mod path;

pub use claims::{Claim, read_claims};
pub use path::{ClaimPath, ClaimPathError};

use super::credential::{Scheme, scheme};
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::fmt;

/// Longest payload in bytes, decoded. Proxies accept 60 KiB of headers in all; real tokens stay below 8 KiB.
pub const MAX_PAYLOAD: usize = 16 * 1024;

const MAX_ENCODED: usize = MAX_PAYLOAD.div_ceil(3) * 4;

/// Padding is optional: RFC 7515 section 2 has none, Envoy may be told to add it. Loose trailing bits are accepted,
/// since the verifier has, and nobody else can have set them.
static URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why a payload could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It has more than [`MAX_PAYLOAD`] bytes.
    TooLong,
    /// It is not base64url.
    NotBase64,
    /// It is not exactly one JSON object in UTF-8.
    NotJson,
    /// A claim that was asked for, or an object that holds one, is there twice.
    DuplicateClaim,
    /// More than 64 paths were asked for: an error of the caller.
    TooManyPaths,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the token payload is longer than 16 KiB",
            Self::NotBase64 => "the token payload is not base64url",
            Self::NotJson => "the token payload is not a JSON object",
            Self::DuplicateClaim => "the token has a claim twice",
            Self::TooManyPaths => "more than 64 claims are asked for",
        })
    }
}

/// The payload segment, still encoded, of the token in an `Authorization` value with the scheme `Bearer` or `DPoP`.
/// `None` if the token is not a JWS in compact form (RFC 7515 section 3.1: three segments, none of them empty here, so
/// no unsigned tokens), for example an opaque one or a JWE.
pub fn payload_segment(authorization: &[u8]) -> Option<&[u8]> {
    match scheme(authorization)? {
        (Scheme::Bearer | Scheme::Dpop, token) => jws_payload(token),
        _ => None,
    }
}

/// The payload segment, still encoded, of a JWS in compact form (RFC 7515 section 3.1).
pub fn jws_payload(token: &[u8]) -> Option<&[u8]> {
    let mut segments = token.split(|&byte| byte == b'.');
    let (header, payload, signature) = (segments.next()?, segments.next()?, segments.next()?);
    let is_jws = segments.next().is_none()
        && !header.is_empty()
        && !payload.is_empty()
        && !signature.is_empty();
    is_jws.then_some(payload)
}

/// Decodes a base64url payload (RFC 7515 section 2), with or without padding, into `out`, whose old content is dropped
/// and whose capacity is used again. After an error `out` is empty.
pub fn decode_payload(base64url: &[u8], out: &mut Vec<u8>) -> Result<(), TokenError> {
    out.clear();
    if base64url.len() > MAX_ENCODED {
        return Err(TokenError::TooLong);
    }
    let decoded = match URL_SAFE.decode_vec(base64url, out) {
        Err(_) => Err(TokenError::NotBase64),
        Ok(()) if out.len() > MAX_PAYLOAD => Err(TokenError::TooLong),
        Ok(()) => return Ok(()),
    };
    out.clear();
    decoded
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The example of RFC 7515 appendix A.1.
    const RFC7515: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    #[test]
    fn the_payload_of_a_bearer_or_dpop_token_is_found_and_decoded() {
        let mut out = Vec::new();
        for scheme in ["Bearer", "bearer", "DPoP"] {
            let value = format!("{scheme} {RFC7515}");
            let segment = payload_segment(value.as_bytes()).unwrap();
            decode_payload(segment, &mut out).unwrap();
            assert_eq!(
                out,
                b"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
            );
        }
    }

    #[test]
    fn what_is_no_signed_token_has_no_payload() {
        for value in [
            "",
            "Bearer",
            "Bearer opaque",
            "Bearer a.b",
            "Bearer a.b.",
            "Bearer .b.c",
            "Bearer a..c",
            "Bearer a.b.c.d.e",
            "Basic a.b.c",
            "a.b.c",
            "Bearer a.b.c,Bearer d.e.f",
        ] {
            assert_eq!(payload_segment(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn padding_is_optional_and_the_alphabet_is_not() {
        let mut out = Vec::new();
        for text in [&b"_-8"[..], b"_-8="] {
            assert_eq!(decode_payload(text, &mut out), Ok(()));
            assert_eq!(out, [0xff, 0xef]);
        }
        for text in [&b"/+8="[..], b"a", b"ab c", b"ab\n", b"\xff\xff", b"===="] {
            assert_eq!(decode_payload(text, &mut out), Err(TokenError::NotBase64));
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_payload_is_bounded_and_the_buffer_is_used_again() {
        let mut out = Vec::new();
        let longest = URL_SAFE.encode(vec![b'x'; MAX_PAYLOAD]);
        assert_eq!(decode_payload(longest.as_bytes(), &mut out), Ok(()));
        assert_eq!(out.len(), MAX_PAYLOAD);
        let capacity = out.capacity();
        let longer = URL_SAFE.encode(vec![b'x'; MAX_PAYLOAD + 1]);
        assert_eq!(
            decode_payload(longer.as_bytes(), &mut out),
            Err(TokenError::TooLong)
        );
        assert!(out.is_empty());
        assert_eq!(
            decode_payload(&[b'A'; 1_000_000], &mut out),
            Err(TokenError::TooLong)
        );
        assert_eq!(out.capacity(), capacity);
    }
}
