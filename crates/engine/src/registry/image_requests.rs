//! The requests for one image reference, with authentication and redirects.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use ::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::auth::{self, Challenge};
use super::error::{RegistryHttpError, refusal};
use super::http::{HttpResponse, StreamedResponse};
use super::image_config::{self, ParsedImageConfig};
use super::manifest_parser::{self, Manifest};
use super::{RegistryClientInner, lock};
use crate::credentials::RegistryCredential;
use pinnace_core::image::{Digest, ImageRef, Platform};
use pinnace_core::registry::{LookupError, RateLimit, ResolvedImage};
use pinnace_core::swarm::hex;

/// The size limit of a manifest or a config, in bytes: the minimum that the distribution-spec asks registries to
/// accept.
const MOST: usize = 4 << 20;
/// The size limit of a token server's answer, in bytes.
const TOKEN: usize = 1 << 20;
/// The maximum number of redirects per request.
const HOPS: usize = 5;
/// The time for which refused credentials are not sent again, as many references must not lock an account.
const REFUSED: Duration = Duration::from_secs(30);

/// The authorization for one repository.
#[derive(Clone, Default)]
pub(super) struct RepositoryAuth {
    /// The `Authorization` header; `None` until the registry has asked for one.
    header: Option<HeaderValue>,
    /// Set when credentials were used to get the header.
    shown: bool,
    /// The number of renewals; shows whether another request has renewed the grant in the meantime.
    turn: u64,
}

impl RegistryClientInner {
    /// Resolves a reference: HEAD by tag or digest, then GET of the manifest if that digest is not cached.
    /// A failed HEAD decides nothing, but for a rate limit: a GET may serve it, or say why not (crazy-max/diun#1614).
    pub(super) async fn learn(&self, image: &ImageRef) -> Result<ResolvedImage, LookupError> {
        let path = format!("manifests/{}", image.wanted());
        let head = self.ask(image, Method::HEAD, self.uri(image, &path)?, &manifest_parser::accepted()).await?;
        let named = match head.status {
            StatusCode::OK => digest_header(&head),
            // A GET of a manifest counts as a pull at Docker Hub.
            StatusCode::TOO_MANY_REQUESTS => return Err(self.refused(image, head.status, &head.body)),
            _ => None,
        };
        let (digest, kind, body) = if let Some(digest) = named {
            (digest, manifest_parser::content_type(&head.headers), None)
        } else {
            let (digest, answer) = self.get(image, &path, &manifest_parser::accepted()).await?;
            (digest, manifest_parser::content_type(&answer.headers), Some(answer.body))
        };
        if body.as_ref().is_some_and(|body| manifest_parser::read(body) == Manifest::Other) {
            return Err(manifest_parser::no_manifest(&kind));
        }
        if let Some(wanted) = image.digest.as_ref().filter(|wanted| **wanted != digest) {
            return Err(LookupError::Other(format!("asked for {wanted}, {} answered with {digest}", image.host)));
        }
        let manifest = self.manifest(image, &digest, body).await?;
        let mut fact = ResolvedImage::new(digest, None);
        match &*manifest {
            Manifest::Index(index) => {
                fact.platforms = index.platforms();
                fact.children = index.images().map(|entry| entry.digest.clone()).collect();
            }
            Manifest::Image(single) => {
                fact.size = single.size;
                fact.platforms = self.platform(image, single).await?.map(|platform| vec![platform]);
            }
            Manifest::Other => return Err(manifest_parser::no_manifest(&kind)),
        }
        fact.allowance = lock(&self.allowances).get(&image.host).copied();
        Ok(fact)
    }

    async fn platform(
        &self,
        image: &ImageRef,
        single: &manifest_parser::ParsedImageManifest,
    ) -> Result<Option<Platform>, LookupError> {
        let Some(config) = &single.config else { return Ok(None) };
        match self.configuration(image, config).await {
            Ok(read) => Ok(read.platform.clone()),
            // If the config is missing, the platform is unknown; the manifest is still valid.
            Err(LookupError::NotFound) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Returns the manifest with this digest, read once per process; `body` is its text if the caller already has
    /// it.
    pub(super) async fn manifest(
        &self,
        image: &ImageRef,
        digest: &Digest,
        body: Option<Bytes>,
    ) -> Result<Arc<Manifest>, LookupError> {
        let cell = self.manifests.cell(digest);
        let read = cell.get_or_try_init(|| async {
            let body = match body {
                Some(body) => body,
                None => {
                    self.get_checked(image, &format!("manifests/{digest}"), &manifest_parser::accepted(), digest)
                        .await?
                }
            };
            Ok(Arc::new(manifest_parser::read(&body)))
        });
        read.await.cloned()
    }

    /// Returns the image configuration with this digest, read once per process.
    pub(super) async fn configuration(
        &self,
        image: &ImageRef,
        digest: &Digest,
    ) -> Result<Arc<ParsedImageConfig>, LookupError> {
        let cell = self.configs.cell(digest);
        let read = cell.get_or_try_init(|| async {
            let body = self.get_checked(image, &format!("blobs/{digest}"), "*/*", digest).await?;
            Ok(Arc::new(image_config::read(&body)))
        });
        read.await.cloned()
    }

    /// Sends a GET, and returns the answer with the computed digest of its body.
    async fn get(&self, image: &ImageRef, path: &str, accept: &str) -> Result<(Digest, HttpResponse), LookupError> {
        let answer = self.ask(image, Method::GET, self.uri(image, path)?, accept).await?;
        if answer.status != StatusCode::OK {
            return Err(self.refused(image, answer.status, &answer.body));
        }
        let digest = Digest::parse(&format!("sha256:{}", hex(&Sha256::digest(&answer.body))));
        digest.map(|digest| (digest, answer)).ok_or_else(|| LookupError::Other("no digest".to_owned()))
    }

    /// Sends a GET and checks the body against the digest: neither the registry nor a cache in between is trusted.
    async fn get_checked(
        &self,
        image: &ImageRef,
        path: &str,
        accept: &str,
        digest: &Digest,
    ) -> Result<Bytes, LookupError> {
        let (found, answer) = self.get(image, path, accept).await?;
        if found == *digest {
            Ok(answer.body)
        } else {
            Err(LookupError::Other(format!(
                "the content that {} serves as {digest} has another digest: {found}",
                image.host
            )))
        }
    }

    pub(super) fn refused(&self, image: &ImageRef, status: StatusCode, body: &[u8]) -> LookupError {
        if status == StatusCode::BAD_REQUEST && self.policy.is_insecure(&image.host) {
            // TLS servers answer 400 to plain HTTP. The engine tries both schemes, so it may still reach the
            // registry.
            let host = &image.host;
            return LookupError::Unreachable(format!("{host} answers plain http with 400: it may accept TLS only"));
        }
        refusal(status, body)
    }

    /// Builds the URL of a path below a repository (`manifests/…`, `blobs/…`, `tags/list`).
    pub(super) fn uri(&self, image: &ImageRef, path: &str) -> Result<Uri, LookupError> {
        let server = self.policy.server_of(&image.host);
        let url = format!("{}://{}/v2/{}/{path}", server.scheme, server.authority, image.path);
        url.parse().map_err(|_| LookupError::Other(format!("{} is not a host name", image.host)))
    }

    /// Sends one request to a repository, reads the whole answer, and records the rate limit that it reports.
    async fn ask(&self, image: &ImageRef, method: Method, uri: Uri, accept: &str) -> Result<HttpResponse, LookupError> {
        let asks_anew = method == Method::HEAD;
        let answer = self.open(image, method, uri, accept).await?.whole(MOST).await?;
        let told = allowance(&answer.headers);
        let mut allowances = lock(&self.allowances);
        match told {
            Some(told) => drop(allowances.insert(image.host.clone(), told)),
            // The registry no longer reports a limit, so an earlier one does not apply to the present login.
            None if asks_anew => drop(allowances.remove(&image.host)),
            None => {}
        }
        Ok(answer)
    }

    /// Sends one request to a repository, and logs in where the registry asks for it.
    ///
    /// Never returns an answer with status 401: that becomes an error.
    pub(super) async fn open(
        &self,
        image: &ImageRef,
        method: Method,
        uri: Uri,
        accept: &str,
    ) -> Result<StreamedResponse, LookupError> {
        let cell = {
            let key = (image.host.clone(), image.path.clone());
            lock(&self.grants).entry(key).or_default().clone()
        };
        let mut grant = cell.lock().await.clone();
        // Two attempts: the token may have expired, and the renewed one may be refused.
        for attempt in 0..2 {
            let answer = self.follow(&method, uri.clone(), accept, grant.header.as_ref()).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            let challenge = Challenge::of(&answer.headers);
            let _ = answer.whole(MOST).await;
            if attempt == 0 {
                grant = self.renew(image, &cell, grant.turn, challenge).await?;
            }
        }
        Err(self.turned_away(image, &grant))
    }

    /// Returns the error for a 401 to a fresh grant; refused basic credentials are remembered.
    fn turned_away(&self, image: &ImageRef, grant: &RepositoryAuth) -> LookupError {
        if !grant.shown {
            return LookupError::NoCredentials;
        }
        if grant.header.as_ref().is_some_and(|it| it.as_bytes().starts_with(b"Basic")) {
            self.note_refused(image);
        }
        LookupError::Denied
    }

    fn note_refused(&self, image: &ImageRef) {
        lock(&self.refused).insert(image.host.clone(), Instant::now());
    }

    /// Renews the grant, unless another request did so in the meantime (`turn` has moved).
    async fn renew(
        &self,
        image: &ImageRef,
        cell: &Arc<tokio::sync::Mutex<RepositoryAuth>>,
        turn: u64,
        challenge: Option<Challenge>,
    ) -> Result<RepositoryAuth, LookupError> {
        let mut kept = cell.lock().await;
        if kept.turn != turn {
            return Ok(kept.clone());
        }
        if lock(&self.refused).get(&image.host).is_some_and(|at| at.elapsed() < REFUSED) {
            return Err(LookupError::Denied);
        }
        let credential = self.credentials.get(self.policy.server_of(&image.host).login).await;
        let secret = credential.as_ref().ok().and_then(Option::as_ref);
        let header = match (challenge, secret) {
            (None | Some(Challenge::Basic), Some(RegistryCredential::Basic { user, password })) => {
                Ok(auth::basic(user, password))
            }
            (_, Some(RegistryCredential::Token(token))) => auth::bearer(token.reveal()),
            (Some(Challenge::Bearer { realm, service, scope }), secret) => {
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", image.path));
                self.token(image, &realm, service.as_deref(), &scope, secret).await
            }
            // The registry wants a password, but the stored secret is a token, which is of no use here.
            (None | Some(Challenge::Basic), Some(_)) => Err(LookupError::Denied),
            (None | Some(Challenge::Basic), None) => Err(LookupError::NoCredentials),
        };
        let header = header.map_err(|why| match (&credential, why) {
            // Report the unreadable credentials: the registry's refusal only follows from that.
            (Err(error), LookupError::NoCredentials) => LookupError::Other(error.to_string()),
            (_, why) => why,
        })?;
        *kept = RepositoryAuth { header: Some(header), shown: secret.is_some(), turn: turn + 1 };
        Ok(kept.clone())
    }

    async fn token(
        &self,
        image: &ImageRef,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        secret: Option<&RegistryCredential>,
    ) -> Result<HeaderValue, LookupError> {
        let clear = |host: &str| self.policy.is_insecure(host);
        let mut request = auth::token_request(realm, service, scope, secret, clear)?;
        request.headers_mut().insert(header::USER_AGENT, self.user_agent());
        let answer = self.http.send(&request, TOKEN).await.map_err(LookupError::from)?;
        let token = auth::token_of(&answer, secret.is_some());
        if token == Err(LookupError::Denied) {
            self.note_refused(image);
        }
        token
    }

    /// Sends a request and follows redirects.
    ///
    /// The grant goes to the registry's own scheme and authority only, and a 401 from any other host is an error:
    /// its challenge would name where this registry's credentials are sent (CVE-2020-15157).
    async fn follow(
        &self,
        method: &Method,
        mut uri: Uri,
        accept: &str,
        grant: Option<&HeaderValue>,
    ) -> Result<StreamedResponse, LookupError> {
        let home = (uri.scheme_str() == Some("https"), uri.authority().cloned());
        for _ in 0..=HOPS {
            let is_home = home == (uri.scheme_str() == Some("https"), uri.authority().cloned());
            let mut build = Request::builder().method(method).uri(uri.clone());
            build = build.header(header::ACCEPT, accept).header(header::USER_AGENT, self.user_agent());
            if let Some(grant) = grant.filter(|_| is_home) {
                build = build.header(header::AUTHORIZATION, grant.clone());
            }
            let request = build.body(Bytes::new()).map_err(|error| RegistryHttpError::Request(error.to_string()))?;
            let answer = self.http.open(&request).await?;
            let location = match answer.status.as_u16() {
                301 | 302 | 303 | 307 | 308 => answer.headers.get(header::LOCATION).cloned(),
                _ => None,
            };
            let Some(location) = location else {
                if answer.status == StatusCode::UNAUTHORIZED && !is_home {
                    let from = home.1.as_ref().map_or("", |it| it.as_str());
                    let to = answer.host();
                    let text =
                        format!("{from} redirects to {to}, which requires a login; no credentials were sent there");
                    return Err(LookupError::Other(text));
                }
                return Ok(answer);
            };
            // Read to its end, so that the connection can be reused; the content does not matter.
            let _ = answer.whole(MOST).await;
            uri = join(&uri, &location)
                .ok_or_else(|| LookupError::Other("a redirect to an unusable address".to_owned()))?;
            let host = uri.authority().map_or("", |it| it.as_str());
            if home.0 && uri.scheme_str() == Some("http") && !self.policy.is_insecure(host) {
                return Err(LookupError::Other(format!(
                    "a redirect from https to plain http at {host} was not followed"
                )));
            }
        }
        Err(LookupError::Other(format!("more than {HOPS} redirects")))
    }

    pub(super) fn user_agent(&self) -> HeaderValue {
        let default = HeaderValue::from_static(concat!("pinnace/", env!("CARGO_PKG_VERSION")));
        if self.policy.user_agent.is_empty() {
            return default;
        }
        HeaderValue::from_str(&self.policy.user_agent).unwrap_or(default)
    }
}

/// Reads the rate limit from the headers: `100;w=21600`, the window in seconds
/// (draft-ietf-httpapi-ratelimit-headers-03).
fn allowance(headers: &HeaderMap) -> Option<RateLimit> {
    let read = |name: &str| {
        let text = headers.get(name)?.to_str().ok()?;
        // Several windows may be listed; the first one is in force.
        let mut parts = text.split(',').next()?.split(';').map(str::trim);
        let count: u64 = parts.next()?.parse().ok()?;
        Some((count, parts.find_map(|part| part.strip_prefix("w=")?.trim().parse().ok())))
    };
    let ((limit, window), (remaining, _)) = (read("ratelimit-limit")?, read("ratelimit-remaining")?);
    Some(RateLimit { limit, remaining, window })
}

fn digest_header(answer: &HttpResponse) -> Option<Digest> {
    Digest::parse(answer.headers.get("docker-content-digest")?.to_str().ok()?)
}

/// Resolves a `Location` header against the request's URL: an absolute URL, `//host/path`, an absolute or a relative
/// path.
///
/// `None` if it is no usable URL.
pub(super) fn join(from: &Uri, location: &HeaderValue) -> Option<Uri> {
    let (location, scheme, host) = (location.to_str().ok()?, from.scheme_str()?, from.authority()?);
    let location = location.split('#').next()?;
    let text = if location.starts_with("http://") || location.starts_with("https://") {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{host}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{host}{folder}/{location}")
    };
    text.parse().ok().filter(|uri: &Uri| uri.authority().is_some())
}

/// The grants by (host, repository).
pub(super) type AuthCache = HashMap<(String, String), Arc<tokio::sync::Mutex<RepositoryAuth>>>;

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
