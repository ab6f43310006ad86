//! Small texts into values, for the headers and certificates of a request. What they mean is said in `intake.rs`.

use base64::Engine as _;

/// Decimal degrees in hundredths, rounded towards zero; `None` beyond `limit` and for anything but digits, one sign and
/// one dot. Whole numbers all the way: parsing floats would cost the module 20 KiB.
pub(super) fn hundredths(text: &str, limit: i16) -> Option<i16> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let numeric = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole) || !numeric(fraction) {
        return None;
    }
    let mut hundredths: i16 = whole.parse::<i16>().ok()?.checked_mul(100)?;
    for (digit, weight) in fraction.bytes().zip([10i16, 1]) {
        hundredths = hundredths.checked_add(i16::from(digit.wrapping_sub(b'0')).checked_mul(weight)?)?;
    }
    (hundredths <= limit).then(|| if negative { hundredths.saturating_neg() } else { hundredths })
}

/// Bytes in hexadecimal digits, in base64url without padding.
pub(super) fn base64url_of_hex(hex: &[u8]) -> Option<String> {
    let bytes: Option<Vec<u8>> = hex
        .chunks(2)
        .map(|pair| {
            std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2).and_then(|p| u8::from_str_radix(p, 16).ok())
        })
        .collect();
    Some(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_are_read_in_hundredths_and_nonsense_is_not() {
        let latitude = |text| hundredths(text, 9_000);
        assert_eq!(latitude("52.5200"), Some(5_252));
        assert_eq!(latitude("-33.8"), Some(-3_380));
        assert_eq!(latitude("90"), Some(9_000));
        assert_eq!(latitude("0.009"), Some(0));
        for bad in ["90.01", "91", "nan", "1e3", "", "-", ".", "1.", ".5", "+1", "1.2.3", "99999999999"] {
            assert_eq!(latitude(bad), None, "{bad}");
        }
    }
}
