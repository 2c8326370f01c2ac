//! The diagnosis of a failed image pull on a node.
//!
//! The engine reports every such failure as `No such image`: a missing tag, credentials, a name, a
//! certificate, a platform. Two look-ups distinguish most of them: one with the operator's credentials, and
//! one by the engine without any.

use crate::check::refusal;
use crate::image::{ImageRef, Platform};
use crate::registry::{Fact, LookupError, ResolvedImage};

/// The look-ups of an image that a diagnosis is based on.
#[derive(Clone, Debug)]
pub struct ImageLookups {
    /// The result with the operator's credentials, from the registry or else from the engine.
    pub ours: Fact<ResolvedImage>,
    /// The engine's result without credentials; unknown if the engine was not asked.
    pub bare: Fact<ResolvedImage>,
}

/// The node that the task was assigned to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AssignedNode {
    /// The node's host name.
    pub name: String,
    /// The node's operating system and architecture; `None` if unknown.
    pub platform: Option<Platform>,
}

/// Returns the likely cause and its remediation; `None` if nothing is known about the image.
pub fn cause(image: &ImageRef, asked: &ImageLookups, node: &AssignedNode) -> Option<(String, String)> {
    let host = &image.host;
    let known = match (&asked.ours, asked.ours.failed()) {
        (_, Some(why)) => {
            let refusal = refusal(image, why);
            return Some((refusal.cause, refusal.hint));
        }
        (Fact::Known { value, .. }, _) => value,
        _ => return None,
    };
    if let (Some(platforms), Some(platform)) = (&known.platforms, &node.platform)
        && !platforms.contains(platform)
    {
        let has = platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Some((
            format!("the registry has it for {has}, but {} is {platform}", node.name),
            "pin an image that is built for its nodes' platform".into(),
        ));
    }
    match asked.bare.failed() {
        Some(LookupError::NoCredentials | LookupError::Denied) => Some((
            format!("{host} has it, but requires credentials: the service has none that work"),
            format!("run `docker login {host}` here and plan again, so that the update sends credentials"),
        )),
        Some(LookupError::NotFound) => Some((
            format!("{host} has it with the credentials used here, but not without credentials"),
            format!("run `docker login {host}` here and plan again, so that the update sends credentials"),
        )),
        Some(why) => Some((
            format!("{host} has it, but the engine here cannot get it: {}", why.text()),
            format!("check the engine's connection to {host}: DNS, network, certificate, `insecure-registries`"),
        )),
        None => Some((
            format!("{host} has it, but the node could not get it"),
            format!(
                "on {}, check the engine's log, the disk, and the connection to {host} (DNS, network, certificate)",
                node.name
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;
    use crate::registry::FactSource;
    use crate::time::Time;

    fn known(platforms: &[&str]) -> Fact<ResolvedImage> {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        let platforms = platforms.iter().map(|arch| Platform::new("linux", arch)).collect();
        Fact::Known { value: ResolvedImage::new(digest, Some(platforms)), at: Time(0), via: FactSource::Registry }
    }

    fn failed(why: LookupError) -> Fact<ResolvedImage> {
        Fact::Failed { why, at: Time(0) }
    }

    #[test]
    fn each_cause_behind_no_such_image() {
        let image = ImageRef::parse("r.example/team/pg:2").unwrap();
        let node = AssignedNode { name: "node-2".into(), platform: Some(Platform::new("linux", "amd64")) };
        let amd = || known(&["amd64"]);
        let lost = || LookupError::Unreachable("connection refused".into());
        for (ours, bare, wanted) in [
            (failed(LookupError::NotFound), Fact::Unknown, "r.example has no `2` of `team/pg`"),
            (failed(LookupError::NoCredentials), Fact::Unknown, "requires a login, and pinnace has none"),
            (failed(LookupError::Denied), Fact::Unknown, "refuses the credentials"),
            (failed(lost()), Fact::Unknown, "cannot be reached: connection refused"),
            (failed(LookupError::RateLimited), Fact::Unknown, "accepts no more requests"),
            (known(&["arm64"]), Fact::Unknown, "has it for linux/arm64, but node-2 is linux/amd64"),
            (amd(), failed(LookupError::NoCredentials), "requires credentials: the service has none that work"),
            (amd(), failed(lost()), "the engine here cannot get it: connection refused"),
            (amd(), amd(), "but the node could not get it"),
        ] {
            let (why, hint) = cause(&image, &ImageLookups { ours, bare }, &node).unwrap();
            assert!(why.contains(wanted) && !hint.is_empty(), "{why}");
        }
        let nothing = ImageLookups { ours: Fact::Unknown, bare: Fact::Unknown };
        assert_eq!(cause(&image, &nothing, &node), None);
    }
}
