//! The fields of a service spec that a change edits, and their values for a new image.

use serde_json::Value;

use super::{EditableFields, SpecField};
use crate::image::Platform;

/// The JSON pointer of the image reference in a service spec.
pub const IMAGE: &str = "/TaskTemplate/ContainerSpec/Image";
/// The JSON pointer of the platforms that the scheduler filters nodes by.
pub(crate) const PLATFORMS: &str = "/TaskTemplate/Placement/Platforms";

/// Returns the editable fields of a spec after a change to this image and its platforms. Unknown
/// platforms remove the platform filter from the spec.
///
/// The platforms are written as `{Architecture, OS}` without variants, sorted and without duplicates: the `docker`
/// client writes this form, and the scheduler compares these two values.
pub(crate) fn with_image(now: &EditableFields, image: &str, platforms: Option<&[Platform]>) -> EditableFields {
    let mut list: Vec<&Platform> =
        platforms.unwrap_or_default().iter().filter(|platform| !platform.is_unknown()).collect();
    list.sort();
    list.dedup();
    let value = (!list.is_empty()).then(|| {
        list.iter()
            .map(|platform| serde_json::json!({ "Architecture": platform.architecture, "OS": platform.os }))
            .collect::<Value>()
    });
    let target = match value {
        Some(value) => SpecField { path: PLATFORMS.to_owned(), value: Some(value), alone: now.platforms.alone },
        None if now.platforms.path == PLATFORMS => SpecField { value: None, ..now.platforms.clone() },
        None => now.platforms.clone(),
    };
    EditableFields { image: image.to_owned(), platforms: target, ..now.clone() }
}
