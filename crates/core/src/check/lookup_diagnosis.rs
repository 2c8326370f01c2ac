//! Messages and hints for failed look-ups.

use super::subject::ServiceFinding;
use crate::finding::{Code, Severity};
use crate::image::ImageRef;
use crate::registry::LookupError;

/// The description of a failed look-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupDiagnosis {
    /// The finding code for this kind of failure.
    pub code: Code,
    /// The cause in one sentence, such as `ghcr.io refuses the credentials used here`.
    pub cause: String,
    /// The next step for the operator.
    pub hint: String,
}

/// Describes a failed look-up of an image.
pub fn refusal(image: &ImageRef, why: &LookupError) -> LookupDiagnosis {
    let host = &image.host;
    let cause = why.sentence(host, &format!("`{}` of `{}`", image.wanted(), image.path));
    let (code, hint) = match why {
        LookupError::NotFound => (
            Code::NotFound,
            format!("no node could start it; check the spelling, and that the build was pushed to {host}"),
        ),
        LookupError::Denied => (
            Code::Denied,
            format!("missing rights or an expired token: run `docker login {host}` again, or press `L` in the console"),
        ),
        LookupError::NoCredentials => (
            Code::NoCredentials,
            format!("run `docker login {host}` as the user that runs pinnace, or press `L` in the console"),
        ),
        LookupError::Unreachable(_) => (
            Code::Unreachable,
            "check the registry's name, the network and its certificate; restarts work only where the image is cached"
                .to_owned(),
        ),
        LookupError::RateLimited => {
            (Code::RateLimited, "wait, or log in: most registries allow logged-in users more requests".to_owned())
        }
        LookupError::Other(_) if why.is_server_error() => {
            (Code::RegistryFailed, "the registry failed; try again, or check its status page".to_owned())
        }
        LookupError::Other(_) => (
            Code::RegistryFailed,
            format!("what answers at {host} is not a registry, or not for this image: check its address and any proxy"),
        ),
    };
    LookupDiagnosis { code, cause, hint }
}

/// Builds the finding for a failed look-up: an error, which blocks the unit. It is only a warning if the
/// image `ran` here and pinnace has no credentials or is rate limited, because the service pulls with its
/// own credentials.
pub fn failure(image: &ImageRef, why: &LookupError, ran: bool) -> ServiceFinding {
    let LookupDiagnosis { code, cause, hint } = refusal(image, why);
    let message = format!("image \"{}\" could not be verified: {cause}", image.text);
    let ours_only = matches!(why, LookupError::NoCredentials | LookupError::RateLimited);
    let severity = if ran && ours_only { Severity::Warning } else { Severity::Error };
    ServiceFinding::new(severity, code, message, hint)
}
