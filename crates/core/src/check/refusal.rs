//! Failed look-ups in words: what, and what to do.

use super::subject::Said;
use crate::finding::{Code, Severity};
use crate::image::ImageRef;
use crate::registry::Why;

/// What stands behind a look-up that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its kind.
    pub code: Code,
    /// What, without the image.
    pub cause: String,
    /// What to do.
    pub hint: String,
}

/// A look-up that failed, in words.
pub fn refusal(image: &ImageRef, why: &Why) -> Refusal {
    let host = &image.host;
    let cause = why.sentence(host, &format!("`{}` of `{}`", image.wanted(), image.path));
    let (code, hint) = match why {
        Why::NotFound => (
            Code::NotFound,
            format!("no node could start it; check the spelling, or whether the build has been pushed to {host}"),
        ),
        Why::Denied => (
            Code::Denied,
            format!(
                "missing rights or an expired token: log in again with `docker login {host}`, or with `L` in the console"
            ),
        ),
        Why::NoCredentials => {
            (Code::NoCredentials, format!("`docker login {host}` as the user that runs pinnace, or `L` in the console"))
        }
        Why::Unreachable(_) => (
            Code::Unreachable,
            "check the registry's name, the network and its certificate; restarts work only where the image is cached"
                .to_owned(),
        ),
        Why::RateLimited => {
            (Code::RateLimited, "wait, or log in: most registries allow more to known users".to_owned())
        }
        Why::Other(_) => {
            (Code::RegistryFailed, "the registry itself has a fault; try again, or look at its status page".to_owned())
        }
    };
    Refusal { code, cause, hint }
}

/// A look-up that failed: what, and what to do. An image that `ran` here can run without our credentials: the service
/// has its own.
pub fn failure(image: &ImageRef, why: &Why, ran: bool) -> Said {
    let Refusal { code, cause, hint } = refusal(image, why);
    let message = format!("image \"{}\" could not be verified: {cause}", image.text);
    let ours_only = matches!(why, Why::NoCredentials | Why::RateLimited);
    let severity = if ran && ours_only { Severity::Warning } else { Severity::Error };
    Said::new(severity, code, message, hint)
}
