//! Why a node could not get an image.
//!
//! The engine's word for every such failure is `No such image`: a tag that is not there, credentials, a name, a
//! certificate, a platform. What the registry says to the operator, and what the engine gets to hear without any
//! credentials, tells most of them apart.

use crate::check::refusal;
use crate::image::{ImageRef, Platform};
use crate::registry::{Fact, ImageFact, Why};

/// What was found out about the image.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What it names for the operator: by the registry, else by the engine, with the operator's credentials.
    pub ours: Fact<ImageFact>,
    /// What it names for an engine without credentials; unknown where it was not asked.
    pub bare: Fact<ImageFact>,
}

/// Where the task was to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// The host's name.
    pub name: String,
    /// What it runs.
    pub platform: Option<Platform>,
}

/// The cause as far as it shows from here, and what to do; `None` where nothing was learned.
pub fn cause(image: &ImageRef, asked: &Asked, node: &Host) -> Option<(String, String)> {
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
            format!("the registry has it for {has}, and {} is {platform}", node.name),
            "pin an image that is built for its nodes' platform".into(),
        ));
    }
    match asked.bare.failed() {
        Some(Why::NoCredentials | Why::Denied) => Some((
            format!("{host} has it, and wants credentials: none that work are stored in the service"),
            format!("have credentials sent with the update: `docker login {host}` here, then plan again"),
        )),
        Some(Why::NotFound) => Some((
            format!("{host} has it for the credentials used here, and not for everybody"),
            format!("have credentials sent with the update: `docker login {host}` here, then plan again"),
        )),
        Some(why) => Some((
            format!("{host} has it, and the engine here does not get it: {}", why.text()),
            format!("look at the engine's way to {host}: name, network, certificate, `insecure-registries`"),
        )),
        None => Some((
            format!("{host} has it: the node itself could not get it"),
            format!(
                "on {}, look at its engine's log and its way to {host}: name, network, certificate, disk",
                node.name
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Digest;
    use crate::registry::Via;
    use crate::time::Time;

    fn known(platforms: &[&str]) -> Fact<ImageFact> {
        let digest = Digest::parse(&format!("sha256:{}", "a".repeat(64))).unwrap();
        let platforms = platforms.iter().map(|arch| Platform::new("linux", arch)).collect();
        Fact::Known { value: ImageFact::new(digest, Some(platforms)), at: Time(0), via: Via::Registry }
    }

    fn failed(why: Why) -> Fact<ImageFact> {
        Fact::Failed { why, at: Time(0) }
    }

    #[test]
    fn each_cause_behind_no_such_image() {
        let image = ImageRef::parse("r.example/team/pg:2").unwrap();
        let node = Host { name: "node-2".into(), platform: Some(Platform::new("linux", "amd64")) };
        let amd = || known(&["amd64"]);
        let lost = || Why::Unreachable("connection refused".into());
        for (ours, bare, wanted) in [
            (failed(Why::NotFound), Fact::Unknown, "r.example has no `2` of `team/pg`"),
            (failed(Why::NoCredentials), Fact::Unknown, "wants a login, and there is none here"),
            (failed(Why::Denied), Fact::Unknown, "refuses the credentials"),
            (failed(lost()), Fact::Unknown, "cannot be reached: connection refused"),
            (failed(Why::RateLimited), Fact::Unknown, "no more requests"),
            (known(&["arm64"]), Fact::Unknown, "has it for linux/arm64, and node-2 is linux/amd64"),
            (amd(), failed(Why::NoCredentials), "none that work are stored in the service"),
            (amd(), failed(lost()), "the engine here does not get it: connection refused"),
            (amd(), amd(), "the node itself could not get it"),
        ] {
            let (why, hint) = cause(&image, &Asked { ours, bare }, &node).unwrap();
            assert!(why.contains(wanted) && !hint.is_empty(), "{why}");
        }
        let nothing = Asked { ours: Fact::Unknown, bare: Fact::Unknown };
        assert_eq!(cause(&image, &nothing, &node), None);
    }
}
