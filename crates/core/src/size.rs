//! Sizes in bytes, formatted for people and parsed from configuration.

/// Formats a size in the largest decimal unit it reaches: `999 B`, `1.5 kB`, `412 MB`, `2.1 GB`.
/// Digits are cut off, not rounded.
pub fn size(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| bytes >= *unit) else { return format!("{bytes} B") };
    let tenths = bytes / (unit / 10);
    // Tenths are shown only below 100 of a unit.
    if tenths.is_multiple_of(10) || tenths >= 1000 {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// Parses `10 MB`, `1.5GB`, `512 KiB` or a plain number of bytes; `None` for anything else.
pub fn read(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let unit: u64 = match text[end..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    let (whole, part) = text[..end].split_once('.').unwrap_or((&text[..end], "0"));
    let whole: u64 = whole.parse().ok()?;
    // Decimals beyond the ninth amount to about one byte at most, and are ignored.
    let part: u64 = part.chars().chain("000000000".chars()).take(9).collect::<String>().parse().ok()?;
    let part = u128::from(part) * u128::from(unit) / 1_000_000_000;
    whole.checked_mul(unit)?.checked_add(u64::try_from(part).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 kB"),
            (1540, "1.5 kB"),
            (10_000_000, "10 MB"),
            (10_050_000, "10 MB"),
            (12_345_678, "12.3 MB"),
            (123_456_789, "123 MB"),
            (2_150_000_000, "2.1 GB"),
            (u64::MAX, "18446744073 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn from_people() {
        for (text, bytes) in [
            ("10 MB", Some(10_000_000)),
            (" 1.5GB ", Some(1_500_000_000)),
            ("512 kib", Some(524_288)),
            ("1 GiB", Some(1 << 30)),
            ("7", Some(7)),
            ("0.5 B", Some(0)),
            ("1.0000000019 GB", Some(1_000_000_001)),
            ("", None),
            ("MB", None),
            ("10 apples", None),
            ("-1 MB", None),
            ("1.2.3 MB", None),
            ("99999999999 GB", None),
        ] {
            assert_eq!(read(text), bytes, "{text}");
        }
    }
}
