//! Points in time and lengths of it, as people read them. UTC.

use jiff::Timestamp;

/// A point in time in milliseconds since the epoch, to the second.
pub(crate) fn moment(millis: u64) -> String {
    let at = i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok());
    match at {
        Some(at) => at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => format!("{millis} ms"),
    }
}

/// A length of time in milliseconds, in its largest unit that leaves no rest.
pub(crate) fn length(millis: u64) -> String {
    for (unit, name) in [(604_800_000, "week"), (86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute")] {
        if millis >= unit && millis.checked_rem(unit) == Some(0) {
            return counted(millis.checked_div(unit).unwrap_or(0), name);
        }
    }
    counted(millis.checked_div(1000).unwrap_or(0), "second")
}

/// Time since a beginning, as `h:mm:ss`.
pub(crate) fn since(millis: u64) -> String {
    let seconds = millis.checked_div(1000).unwrap_or(0);
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A number with its noun.
pub(crate) fn counted(count: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// A number with its digits in groups of three.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_people_read_it() {
        assert_eq!(moment(1_770_000_000_123), "2026-02-02 02:40:00");
        assert_eq!(moment(u64::MAX), "18446744073709551615 ms");
        assert_eq!([length(15_000), length(60_000), length(14_400_000)], ["15 seconds", "1 minute", "4 hours"]);
        assert_eq!(since(3_723_000), "1:02:03");
        assert_eq!([grouped(999), grouped(1000), grouped(12_345_678)], ["999", "1,000", "12,345,678"]);
    }
}
