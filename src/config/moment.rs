//! A moment as people write it: `2026-11-25T08:00:00Z` (RFC 3339, in UTC and whole seconds), from 1970 to 2105.
//! Nothing here knows the time.

/// Seconds since the epoch; `None` for anything else, such as a 30th of February.
pub(super) fn seconds(text: &str) -> Option<u32> {
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', i0, i1, b':', s0, s1, b'Z'] = *text.as_bytes()
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u32, |sum, digit| {
            let digit = char::from(*digit).to_digit(10)?;
            sum.checked_mul(10)?.checked_add(digit)
        })
    };
    let (year, month, day) = (number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?);
    let (hour, minute, second) = (number(&[h0, h1])?, number(&[i0, i1])?, number(&[s0, s1])?);
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = |month: u32| match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let in_calendar = (1970..=2105).contains(&year) && (1..=12).contains(&month) && (1..=days(month)).contains(&day);
    if !in_calendar || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let years: u32 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let months: u32 = (1..month).map(days).sum();
    let whole = years.checked_add(months)?.checked_add(day)?.checked_sub(1)?;
    let hours = whole.checked_mul(24)?.checked_add(hour)?;
    hours.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn moments_are_read_and_nonsense_is_not() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-25T08:00:00Z", 1_795_593_600),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("2105-12-31T23:59:59Z", 4_291_747_199),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
        for bad in [
            "",
            "2026-11-25",
            "2026-11-25T08:00:00",
            "2026-11-25T08:00:00+01:00",
            "2026-11-25t08:00:00z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "2106-01-01T00:00:00Z",
            "+026-01-01T00:00:00Z",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
