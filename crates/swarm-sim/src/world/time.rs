//! Times as text, in the formats of the engine and of HTTP.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::tz::TimeZone;

use super::model::Nanos;

/// Converts a time to jiff's type, which can hold every [`Nanos`].
fn timestamp(at: Nanos) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(at)).unwrap_or_default()
}

/// Formats as RFC 3339 in UTC, with up to nine decimals and no trailing zeros, as Go's `RFC3339Nano` does.
pub fn rfc3339(at: Nanos) -> String {
    timestamp(at).to_string()
}

/// Formats the date in UTC as `20261120`.
pub fn date(at: Nanos) -> String {
    timestamp(at).strftime("%Y%m%d").to_string()
}

/// Formats as an HTTP date (RFC 9110, `IMF-fixdate`).
pub fn http_date(at: Nanos) -> String {
    DateTimePrinter::new().timestamp_to_rfc9110_string(&timestamp(at)).unwrap_or_default()
}

/// Parses RFC 3339, a date, or a date with a time in UTC; `None` for times before 1970.
pub fn parse(text: &str) -> Option<Nanos> {
    let in_utc = |at: DateTime| at.to_zoned(TimeZone::UTC).map(|at| at.timestamp());
    let at = text.parse::<Timestamp>().or_else(|_| text.parse::<DateTime>().and_then(in_utc)).ok()?;
    Nanos::try_from(at.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_survive_the_round_trip_through_text() {
        for text in ["2026-11-20T08:54:20.605175672Z", "1970-01-01T00:00:00Z", "2024-02-29T23:59:59.5Z"] {
            assert_eq!(rfc3339(parse(text).unwrap()), text);
        }
        for text in ["2026-11-20", "2026-11-20T00:00:00", "2026-11-20T01:00:00+01:00"] {
            assert_eq!(parse(text), parse("2026-11-20T00:00:00Z"), "{text}");
        }
        assert_eq!(parse("yesterday").or(parse("1969-12-31T23:59:59Z")), None);
    }

    #[test]
    fn trailing_zeros_are_dropped_and_the_largest_moment_has_a_text() {
        assert_eq!(rfc3339(1_120_000_000), "1970-01-01T00:00:01.12Z");
        assert_eq!(rfc3339(Nanos::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn dates_have_the_forms_of_http_and_of_tags() {
        let at = parse("2026-11-02T12:22:28Z").unwrap();
        assert_eq!(http_date(at), "Mon, 02 Nov 2026 12:22:28 GMT");
        assert_eq!(date(at), "20261102");
    }
}
