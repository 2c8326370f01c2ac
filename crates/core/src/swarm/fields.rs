//! The fields of a service's spec that a change edits, and what an image makes of them.

use serde_json::Value;

use super::{Place, Places};
use crate::image::Platform;

/// The image text of a spec.
pub const IMAGE: &str = "/TaskTemplate/ContainerSpec/Image";
/// The platforms the scheduler goes by.
pub(crate) const PLATFORMS: &str = "/TaskTemplate/Placement/Platforms";

/// The places of a spec that runs a new image, with that image's platforms; removed when they are not known.
///
/// Written as `{Architecture, OS}` without variants, deduplicated: what the `docker` client writes, and what the
/// scheduler compares.
pub(crate) fn with_image(now: &Places, image: &str, platforms: Option<&[Platform]>) -> Places {
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
        Some(value) => Place { path: PLATFORMS.to_owned(), value: Some(value), alone: now.platforms.alone },
        None if now.platforms.path == PLATFORMS => Place { value: None, ..now.platforms.clone() },
        None => now.platforms.clone(),
    };
    Places { image: image.to_owned(), platforms: target, ..now.clone() }
}
