//! "Did you mean": the known name nearest to one that was mistyped.

use strsim::osa_distance;

/// Finds the known name nearest to `wrong`, if one is near enough to be what was meant.
pub(super) fn nearest<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let wrong = fold(wrong);
    // A third of the letters may be wrong; more than that is another word.
    let limit = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (osa_distance(&wrong, &fold(name)), name))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Makes the hint for a mistyped name.
pub(super) fn did_you_mean<'n>(wrong: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    nearest(wrong, known).map(|name| format!("did you mean `{name}`?"))
}

/// Takes case and the choice of `-` or `_` out of a comparison, as they are what is mistaken most.
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
