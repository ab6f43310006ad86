//! The request headers that the configuration asks for, found in one pass over all of them.
//! It copies nothing and interprets nothing.

/// Most headers that one configuration can ask for.
pub const WANTED: usize = 32;

/// Names of our own headers begin with this. Clients may not send them.
pub const OWN_PREFIX: &[u8] = b"x-session-risk-";

/// A header that the configuration asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderId(usize);

/// The names asked for, lower-case, each once.
#[derive(Clone, Debug)]
pub struct HeaderNames {
    names: Vec<Box<[u8]>>,
    /// Which names have a length, one bit a name; the last place is for all longer ones.
    by_length: [u32; LENGTHS],
}

/// Lengths of names that are told apart. A header of a length that no name has is passed over without a look at it.
const LENGTHS: usize = 40;

/// Where a length is in [`HeaderNames::by_length`].
fn place(length: usize) -> usize {
    length.min(LENGTHS.saturating_sub(1))
}

impl Default for HeaderNames {
    fn default() -> Self {
        Self { names: Vec::new(), by_length: [0; LENGTHS] }
    }
}

impl HeaderNames {
    /// The id of `name` (any case); `None` when there are [`WANTED`] already.
    pub fn want(&mut self, name: &str) -> Option<HeaderId> {
        let name = name.to_ascii_lowercase().into_bytes().into_boxed_slice();
        let known = self.names.iter().position(|other| *other == name);
        let id = known.unwrap_or(self.names.len());
        if known.is_none() {
            if id >= WANTED {
                return None;
            }
            if let (Some(names), Ok(bit)) = (self.by_length.get_mut(place(name.len())), u32::try_from(id)) {
                *names |= 1u32.wrapping_shl(bit);
            }
            self.names.push(name);
        }
        Some(HeaderId(id))
    }

    /// The names asked for.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| std::str::from_utf8(name).ok())
    }

    /// Picks the wanted ones out of a request's headers. Kong leaves names as the client
    /// wrote them, so case does not count.
    #[inline(never)]
    pub fn pick<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Headers<'a> {
        let mut headers = Headers::default();
        for (name, value) in pairs {
            headers.count = headers.count.saturating_add(1);
            if is_own(name) {
                headers.own.push(name);
                continue;
            }
            let Some(id) = self.id_of(name) else { continue };
            let Some(slot) = headers.values.get_mut(id) else { continue };
            match slot {
                None => *slot = Some(value),
                Some(_) => headers.further.push((id, value)),
            }
        }
        headers
    }

    fn id_of(&self, name: &[u8]) -> Option<usize> {
        let mut left = self.by_length.get(place(name.len())).copied()?;
        while left != 0 {
            let id = usize::try_from(left.trailing_zeros()).ok()?;
            let wanted = self.names.get(id)?;
            // Envoy writes names in small letters, so the first comparison is most often the last.
            if **wanted == *name || wanted.eq_ignore_ascii_case(name) {
                return Some(id);
            }
            left &= left.wrapping_sub(1);
        }
        None
    }
}

/// Whether a name begins with [`OWN_PREFIX`]. Its last letters tell more headers apart than its first ones.
fn is_own(name: &[u8]) -> bool {
    name.get(..OWN_PREFIX.len()).is_some_and(|start| start.ends_with(b"-") && start.eq_ignore_ascii_case(OWN_PREFIX))
}

/// One request's wanted headers.
#[derive(Clone, Debug, Default)]
pub struct Headers<'a> {
    values: [Option<&'a [u8]>; WANTED],
    /// Further values of headers that came more than once, in order.
    further: Vec<(usize, &'a [u8])>,
    own: Vec<&'a [u8]>,
    count: usize,
}

impl<'a> Headers<'a> {
    /// The first value of a header.
    pub fn value(&self, id: HeaderId) -> Option<&'a [u8]> {
        self.values.get(id.0).copied().flatten()
    }

    /// Every value of a header, in order: HTTP lets cookies come in several lines (RFC 9113 section 8.2.3).
    pub fn values(&self, id: HeaderId) -> impl Iterator<Item = &'a [u8]> {
        let further = self.further.iter().filter(move |(other, _)| *other == id.0).map(|(_, value)| *value);
        self.value(id).into_iter().chain(further)
    }

    /// Whether it came more than once.
    pub fn repeated(&self, id: HeaderId) -> bool {
        self.further.iter().any(|(other, _)| *other == id.0)
    }

    /// How many headers there were in all.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Headers with our own prefix that the client sent.
    pub fn own(&self) -> &[&'a [u8]] {
        &self.own
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn wanted_headers_are_found_repetitions_and_our_own_are_noted() {
        let mut names = HeaderNames::default();
        let (a, b) = (names.want("X-A").unwrap(), names.want("x-b").unwrap());
        assert_eq!(names.want("x-a"), Some(a));
        let sent: [(&[u8], &[u8]); 4] =
            [(b"x-a", b"1"), (b"x-session-risk-score", b"0"), (b"x-c", b"3"), (b"x-a", b"\xff")];
        let headers = names.pick(sent.into_iter());
        assert_eq!(headers.value(a), Some(b"1".as_slice()));
        assert!(headers.repeated(a) && !headers.repeated(b));
        assert_eq!(headers.value(b), None);
        assert_eq!(headers.own(), [b"x-session-risk-score"]);
    }
}
