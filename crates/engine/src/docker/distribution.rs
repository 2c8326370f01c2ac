//! The requests made by `bollard`: the engine's version, and its view of a registry (`/distribution`).
//!
//! `bollard` sends no API version, and encodes credentials in standard base64, which engines from 26.1 on treat as
//! no credentials. Our transport corrects both.

use bollard::BollardRequest;
use bytes::Bytes;
use http::header::HeaderValue;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Full};
use tokio::time::timeout;

use super::client::{Docker, LOOKUP, READ};
use super::error::DockerError;
use super::http_client::{CallLimits, failed};
use crate::credentials::Redacted;
use pinnace_core::image::{Digest, ImageRef, Platform};
use pinnace_core::sanitize::clean;

/// The versions and the platform of an engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineVersion {
    /// The release version of the engine, such as `20.10.24`.
    pub engine: String,
    /// The highest API version of the engine.
    pub api: String,
    /// The lowest API version that the engine accepts.
    pub min_api: String,
    /// The engine's platform; `None` where the engine does not state one.
    pub platform: Option<Platform>,
}

/// The engine's answer about an image reference, which the engine got from the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The digest of the reference: of its index if it has one, else of its manifest.
    pub digest: Digest,
    /// The media type of the object with this digest.
    pub media_type: String,
    /// The platforms, without attestations; `None` if the engine does not know them (a single OCI manifest).
    pub platforms: Option<Vec<Platform>>,
}

impl Docker {
    /// Requests the engine's version.
    ///
    /// # Errors
    /// A fault if the engine does not answer.
    pub async fn version(&self) -> Result<EngineVersion, DockerError> {
        let what = "asking the engine for its version";
        let client = self.bollard(what, READ, None).await?;
        let told = limited(what, READ, client.version()).await?;
        let word = |text: Option<String>| text.map(|text| clean(&text)).unwrap_or_default();
        Ok(EngineVersion {
            engine: word(told.version),
            api: word(told.api_version),
            min_api: word(told.min_api_version),
            platform: Some(Platform::new(&word(told.os), &word(told.arch))).filter(|platform| !platform.is_unknown()),
        })
    }

    /// Makes the engine ask a registry about a reference.
    ///
    /// For a name that does not resolve this takes up to 40 s, and delays every other lookup and pull on that engine
    /// (20.10): ask for one such name at a time.
    ///
    /// # Errors
    /// 404 if the reference does not exist, 401 or 500 if the registry refuses (the message holds the reason), 400
    /// if the text is not a reference.
    pub async fn distribution(&self, reference: &str, auth: Option<&Redacted>) -> Result<Distribution, DockerError> {
        let what = format!("asking the registry about {}", clean(reference));
        let parsed = ImageRef::parse(reference).map_err(|error| DockerError::Http {
            what: what.clone(),
            status: 400,
            message: error.to_string(),
        })?;
        drop(parsed);
        let client = self.bollard(&what, LOOKUP, auth).await?;
        let told = limited(&what, LOOKUP, client.inspect_registry_image(reference, None)).await?;
        let digest = told.descriptor.digest.as_deref().and_then(Digest::parse);
        let platforms: Vec<_> = told
            .platforms
            .iter()
            .map(|platform| {
                Platform::new(platform.os.as_deref().unwrap_or(""), platform.architecture.as_deref().unwrap_or(""))
            })
            .filter(|platform| !platform.is_unknown())
            .collect();
        Ok(Distribution {
            digest: digest.ok_or_else(|| DockerError::bad(&what, "it has no digest"))?,
            media_type: told.descriptor.media_type.map(|text| clean(&text)).unwrap_or_default(),
            platforms: Some(platforms).filter(|platforms| !platforms.is_empty()),
        })
    }

    /// Creates a bollard client on our transport.
    async fn bollard(
        &self,
        what: &str,
        limit: CallLimits,
        auth: Option<&Redacted>,
    ) -> Result<bollard::Docker, DockerError> {
        let prefix = format!("{}/v{}", self.base(), self.api().await?);
        let http = self.http().clone();
        let auth = auth.and_then(|auth| HeaderValue::from_str(auth.reveal()).ok());
        let transport = move |request: BollardRequest| {
            let (http, prefix, auth) = (http.clone(), prefix.clone(), auth.clone());
            async move {
                let request = mended(request, &prefix, auth).await?;
                http.client().request(request).await.map_err(bollard::errors::Error::from)
            }
        };
        bollard::Docker::connect_with_custom_transport(
            transport,
            Some("http://docker"),
            limit.time.as_secs(),
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| DockerError::bad(what, error))
    }
}

/// Adds the engine's API version to the path, and replaces the credentials by an encoding that the engine can read.
async fn mended(
    request: BollardRequest,
    prefix: &str,
    auth: Option<HeaderValue>,
) -> Result<Request<Full<Bytes>>, bollard::errors::Error> {
    let (mut head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = format!("{prefix}{path}").parse::<Uri>().map_err(http::Error::from)?;
    head.headers.remove("x-registry-auth");
    if let Some(auth) = auth {
        head.headers.insert("x-registry-auth", auth);
    }
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    Ok(Request::from_parts(head, Full::new(body)))
}

/// Limits the time of a whole bollard call: bollard's own limit covers the head only, not the body.
async fn limited<T>(
    what: &str,
    limit: CallLimits,
    call: impl Future<Output = Result<T, bollard::errors::Error>>,
) -> Result<T, DockerError> {
    use bollard::errors::Error;
    let late = || DockerError::Timeout { what: what.to_owned(), after: limit.time };
    match timeout(limit.time, call).await {
        Err(_) | Ok(Err(Error::RequestTimeoutError)) => Err(late()),
        Ok(Err(Error::DockerResponseServerError { status_code, message })) => {
            Err(DockerError::Http { what: what.to_owned(), status: status_code, message: clean(message.trim()) })
        }
        Ok(Err(Error::HyperLegacyError { err })) => Err(failed(what, "the engine", &err)),
        Ok(Err(error)) => Err(DockerError::bad(what, error)),
        Ok(Ok(told)) => Ok(told),
    }
}
