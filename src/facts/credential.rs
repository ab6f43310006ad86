//! Where a request carries its credential: `Authorization`, `Cookie`, `x-forwarded-client-cert`. Values are cut out and
//! handed on as they are, to be digested; nothing is verified here.

/// The authentication scheme of an `Authorization` value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 6750 section 2.1.
    Bearer,
    /// RFC 9449 section 7.1.
    Dpop,
    /// RFC 7617 section 2.
    Basic,
    /// Any other scheme, or a bare key without one.
    Other,
    /// Two `Authorization` headers that a host has joined with a comma: which of them the upstream believes is unknown.
    Duplicate,
}

/// The scheme and the credentials of an `Authorization` value (RFC 9110 section 11.4). `None` if it is blank.
///
/// For `Bearer`, `Dpop` and `Basic` the credentials are what follows the scheme, possibly nothing; for `Other` and
/// `Duplicate` they are the whole value, scheme included, since a bare key has none.
///
/// The credentials of the three named schemes are token68 text, which never has a comma in it: one means two headers.
/// Other schemes separate their parameters with commas (`Digest`, `AWS4-HMAC-SHA256`); there, a second header is seen by
/// an element that begins with a word and a space instead of `name=`.
pub fn scheme(authorization: &[u8]) -> Option<(Scheme, &[u8])> {
    let value = authorization.trim_ascii();
    if value.is_empty() {
        return None;
    }
    let (word, credentials) = first_word(value);
    let known = known(word);
    let duplicate = match known {
        Scheme::Other => word.contains(&b',') || second_challenge(credentials),
        _ => credentials.contains(&b','),
    };
    Some(match known {
        _ if duplicate => (Scheme::Duplicate, value),
        Scheme::Other => (Scheme::Other, value),
        _ => (known, credentials),
    })
}

/// The value of the first pair called `name` in a `Cookie` header (RFC 6265 section 5.4), as it stands: quotes, if
/// any, belong to the value. Names are case-sensitive. An empty value counts as absent.
pub fn cookie<'a>(header: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    pairs(header, b';')
        .find_map(|(key, value)| (key == name).then_some(value))
        .filter(|value| !value.is_empty())
}

/// Whether a `Cookie` header gives `name` two different values: then the upstream may take the one that [`cookie`] does
/// not. Browsers do so for one name under two paths; whoever hides a stolen session behind another one does so too.
pub fn cookie_is_ambiguous(header: &[u8], name: &[u8]) -> bool {
    let mut values = pairs(header, b';').filter_map(|(key, value)| (key == name).then_some(value));
    values
        .next()
        .is_some_and(|first| values.any(|other| other != first))
}

/// The `Hash` (hex SHA-256 of the client certificate) of the nearest hop in an `x-forwarded-client-cert` header.
///
/// Elements are separated by commas, their pairs by semicolons, and a value in double quotes may have both in it
/// (`Subject`). Each proxy appends, so the nearest hop is the last element. It is found from the right, because text
/// further left comes from the client, who could swallow the last element with a quote that is never closed.
pub fn xfcc_hash(header: &[u8]) -> Option<&[u8]> {
    let element = last_element(header);
    let (_, value) =
        pairs_outside_quotes(element).find(|(key, _)| key.eq_ignore_ascii_case(b"hash"))?;
    let bare = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value);
    (!bare.is_empty()).then_some(bare)
}

fn known(word: &[u8]) -> Scheme {
    if word.eq_ignore_ascii_case(b"bearer") {
        Scheme::Bearer
    } else if word.eq_ignore_ascii_case(b"dpop") {
        Scheme::Dpop
    } else if word.eq_ignore_ascii_case(b"basic") {
        Scheme::Basic
    } else {
        Scheme::Other
    }
}

/// The text up to the first white space, and what follows it.
fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, rest.trim_ascii_start())
}

/// Whether a list of parameters holds, after a comma outside quotes, something that begins another scheme.
fn second_challenge(parameters: &[u8]) -> bool {
    let mut quotes = Quotes::default();
    parameters
        .split(|&byte| quotes.outside(byte) && byte == b',')
        .skip(1)
        .any(|element| {
            let (word, rest) = first_word(element.trim_ascii());
            known(word) != Scheme::Other
                || (!word.is_empty()
                    && !word.contains(&b'=')
                    && !rest.is_empty()
                    && !rest.starts_with(b"="))
        })
}

fn pairs(text: &[u8], separator: u8) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(move |&byte| byte == separator)
        .filter_map(key_and_value)
}

fn pairs_outside_quotes(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut quotes = Quotes::default();
    text.split(move |&byte| quotes.outside(byte) && byte == b';')
        .filter_map(key_and_value)
}

fn key_and_value(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = pair.iter().position(|&byte| byte == b'=')?;
    let (key, rest) = pair.split_at_checked(equals)?;
    Some((key.trim_ascii(), rest.get(1..)?.trim_ascii()))
}

/// What stands after the last comma that is outside quotes, counted from the right.
fn last_element(header: &[u8]) -> &[u8] {
    let mut quoted = false;
    let mut left = header;
    while let Some((&byte, before)) = left.split_last() {
        match byte {
            b'"' if !is_escaped(before) => quoted = !quoted,
            b',' if !quoted => return header.get(left.len()..).unwrap_or_default(),
            _ => {}
        }
        left = before;
    }
    header
}

/// Whether the byte after `before` is escaped: an odd number of backslashes stands in front of it.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before
        .iter()
        .rev()
        .take_while(|&&byte| byte == b'\\')
        .count();
    backslashes % 2 == 1
}

/// Follows quoted strings from left to right (RFC 9110 section 5.6.4).
#[derive(Default)]
struct Quotes {
    inside: bool,
    escaped: bool,
}

impl Quotes {
    /// Takes the next byte; true if it stands outside quotes.
    fn outside(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
        } else if self.inside && byte == b'\\' {
            self.escaped = true;
        } else if byte == b'"' {
            self.inside = !self.inside;
        }
        !self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_known_in_any_case() {
        for (value, expected, credentials) in [
            ("Bearer abc", Scheme::Bearer, "abc"),
            ("bearer   abc ", Scheme::Bearer, "abc"),
            ("BEARER", Scheme::Bearer, ""),
            ("DPoP a.b.c", Scheme::Dpop, "a.b.c"),
            ("dpop\ta.b.c", Scheme::Dpop, "a.b.c"),
            ("Basic dXNlcjpwYXNz==", Scheme::Basic, "dXNlcjpwYXNz=="),
            ("sk_live_123", Scheme::Other, "sk_live_123"),
            ("Token abc", Scheme::Other, "Token abc"),
            ("Bearerx abc", Scheme::Other, "Bearerx abc"),
        ] {
            let found = scheme(value.as_bytes());
            assert_eq!(found, Some((expected, credentials.as_bytes())), "{value}");
        }
        assert_eq!(scheme(b""), None);
        assert_eq!(scheme(b"  \t"), None);
        assert_eq!(scheme(b"Bearer \xff"), Some((Scheme::Bearer, &b"\xff"[..])));
    }

    #[test]
    fn two_joined_authorization_headers_are_seen() {
        for value in [
            "Bearer a.b.c,Bearer d.e.f",
            "Bearer a.b.c, Basic eA==",
            "Basic eA==,",
            ",Bearer a.b.c",
            ", Bearer a.b.c",
            "key1,key2",
            "key1,Bearer a.b.c",
            "Digest username=\"x\", realm=\"y\",Bearer a.b.c",
            "Digest username=\"x\", Token abc",
            "Digest a=\"1\",Bearer",
        ] {
            assert_eq!(
                scheme(value.as_bytes()),
                Some((Scheme::Duplicate, value.as_bytes())),
                "{value}"
            );
        }
    }

    #[test]
    fn schemes_with_parameters_are_one_header() {
        for value in [
            "Digest username=\"Mufasa, Bearer x\", realm=\"a \\\", Bearer b\", qop=auth",
            "AWS4-HMAC-SHA256 Credential=AKID/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=fe5f",
            "Signature keyId = \"a\" , algorithm = \"b\"",
        ] {
            let expected = Some((Scheme::Other, value.as_bytes()));
            assert_eq!(scheme(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_cookie_is_found_by_its_exact_name() {
        let header = b"theme=dark; session=abc=1; Session=other;empty=; broken; x=\"q\"";
        assert_eq!(cookie(header, b"session"), Some(&b"abc=1"[..]));
        assert_eq!(cookie(header, b"Session"), Some(&b"other"[..]));
        assert_eq!(cookie(header, b"x"), Some(&b"\"q\""[..]));
        assert_eq!(cookie(header, b"sess"), None);
        assert_eq!(cookie(header, b"empty"), None);
        assert_eq!(cookie(header, b"broken"), None);
        assert_eq!(cookie(b"", b"session"), None);
    }

    #[test]
    fn a_cookie_with_two_values_is_ambiguous() {
        assert!(cookie_is_ambiguous(b"s=decoy; a=b; s=stolen", b"s"));
        assert!(!cookie_is_ambiguous(b"s=same; a=b; s=same", b"s"));
        assert!(!cookie_is_ambiguous(b"s=one; S=two", b"s"));
        assert!(!cookie_is_ambiguous(b"a=b", b"s"));
    }

    #[test]
    fn the_certificate_hash_is_that_of_the_nearest_hop() {
        let one = b"By=spiffe://a/b;Hash=468ed33b;Subject=\"\";URI=spiffe://c/d";
        assert_eq!(xfcc_hash(one), Some(&b"468ed33b"[..]));
        let two =
            b"Hash=0ld;URI=x,By=y;hash=\"new\";Subject=\"/C=US,O=A;Hash=no,CN=\\\"q\\\" \\\\\"";
        assert_eq!(xfcc_hash(two), Some(&b"new"[..]));
        assert_eq!(xfcc_hash(b"Hash=aa,By=x;Subject=\"y\""), None);
        assert_eq!(xfcc_hash(b"Hash="), None);
        assert_eq!(xfcc_hash(b"Hash=\"\""), None);
        assert_eq!(xfcc_hash(b""), None);
    }

    #[test]
    fn an_open_quote_of_the_client_does_not_hide_the_nearest_hop() {
        let forged = b"By=x;Hash=forged;Subject=\"open,By=y;Hash=real;Subject=\"CN=z\"";
        assert_eq!(xfcc_hash(forged), Some(&b"real"[..]));
    }
}
