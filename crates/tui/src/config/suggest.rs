//! "Did you mean" hints: the known name nearest to a mistyped one.

use strsim::osa_distance;

/// Finds the known name nearest to `wrong`, if it is near enough for a typing mistake.
pub(super) fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = fold(wrong);
    // At most a third of the letters may be wrong; with more it is another word.
    let limit = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (osa_distance(&wrong, &fold(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Returns the hint for a mistyped name, if a known name is near.
pub(super) fn did_you_mean<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(wrong, known).map(|name| format!("did you mean `{name}`?"))
}

/// Removes differences of case and of `-` and `_`, the most frequent mistakes, before a comparison.
fn fold(name: &str) -> String {
    name.chars().map(|c| if c == '_' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["ctrl", "rollback", "page-down", "read_only", "up"];
        for (wrong, expected) in [
            ("crtl", Some("ctrl")),
            ("rolback", Some("rollback")),
            ("Page_Down", Some("page-down")),
            ("read-only", Some("read_only")),
            ("readonly", Some("read_only")),
            ("pu", Some("up")),
            ("launch", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known), expected, "{wrong}");
        }
    }
}
