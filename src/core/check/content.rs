//! Checks of what is in the image.

use super::case::{Case, Said};
use crate::core::finding::{Code, Finding, Severity};

/// The annotation an image tells its title in.
const TITLE: &str = "org.opencontainers.image.title";

/// Remarks about what is in the image, once that is known.
pub fn about(case: &Case<'_>) -> Vec<Finding> {
    no_command(case)
}

/// Extension-only images have no server and no shell: nothing in them can be started (CloudNativePG mounts them).
fn no_command(case: &Case<'_>) -> Vec<Finding> {
    let Some(about) = case.about().filter(|about| !about.has_command()) else { return Vec::new() };
    let extension = [about.note(TITLE).unwrap_or_default(), &case.image.path].iter().any(|name| name.ends_with("-ext"));
    case.each(|service| {
        if service.own_command && !extension {
            return None;
        }
        let (what, text) =
            (if extension { "an extension-only image" } else { "an image without a command" }, &case.image.text);
        let message = format!("image \"{text}\" has neither entry point nor command: {what} cannot run as a service");
        let hint = "pin the image of the server itself; what has to be added to it is built into that one";
        Some(Said::new(Severity::Error, Code::NoCommand, message, hint))
    })
}
