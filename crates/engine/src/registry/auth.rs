//! Registry authentication: the challenge of a 401, and the token for it (docs.docker.com, "Registry token
//! authentication").

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use oci_distribution::token_cache::RegistryToken;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::status_line;
use super::http::HttpResponse;
use crate::credentials::{Redacted, RegistryCredential};
use pinnace_core::registry::LookupError;

/// The authentication scheme that a registry demands in `WWW-Authenticate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// HTTP basic authentication: user and password with every request.
    Basic,
    /// A bearer token, issued by a token server.
    Bearer {
        /// The URL of the token server.
        realm: String,
        /// The `service` parameter: the registry that the token is for.
        service: Option<String>,
        /// The `scope` parameter: the access that the token must grant, such as `repository:a/b:pull`.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the challenge from the headers of a 401: a token where the registry offers both a token and a password.
    ///
    /// `None` when there is no usable challenge; a `Bearer` without a realm is unusable.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for value in headers.get_all(header::WWW_AUTHENTICATE) {
            for (scheme, params) in challenges(&String::from_utf8_lossy(value.as_bytes())) {
                let param = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
                match (scheme.as_str(), param("realm")) {
                    ("bearer", Some(realm)) => {
                        return Some(Self::Bearer { realm, service: param("service"), scope: param("scope") });
                    }
                    ("basic", _) => basic = Some(Self::Basic),
                    _ => {}
                }
            }
        }
        basic
    }
}

type AuthParams = Vec<(String, String)>;

/// Parses `Scheme key="value", key=value, Scheme …` (RFC 9110 §11.6.1): names in lower case, values unquoted.
fn challenges(text: &str) -> Vec<(String, AuthParams)> {
    let mut found: Vec<(String, AuthParams)> = Vec::new();
    let mut rest = text.trim_start_matches([' ', ',', '\t']);
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', ',', '\t']).unwrap_or(rest.len());
        let word = rest[..end].to_ascii_lowercase();
        let after = rest[end..].trim_start();
        rest = match (after.strip_prefix('='), found.last_mut()) {
            (Some(value), Some((_, params))) => {
                let (value, left) = value_of(value.trim_start());
                params.push((word, value));
                left
            }
            // A parameter before any scheme is ignored, together with its value.
            (Some(value), None) => value_of(value.trim_start()).1,
            (None, _) => {
                if !word.is_empty() {
                    found.push((word, AuthParams::new()));
                }
                after
            }
        }
        .trim_start_matches([' ', ',', '\t']);
    }
    found
}

fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// Builds the `Authorization` value `Basic …` for a user and a password.
pub(super) fn basic(user: &str, password: &Redacted) -> HeaderValue {
    sensitive(&format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.reveal()))))
        .unwrap_or(HeaderValue::from_static("Basic"))
}

/// Builds the `Authorization` value `Bearer …`; an error if the token holds characters that no header can carry.
pub(super) fn bearer(token: &str) -> Result<HeaderValue, LookupError> {
    sensitive(&format!("Bearer {token}"))
        .ok_or_else(|| LookupError::Other("the token is not valid in a header".to_owned()))
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Builds the request to a token server: a GET, with user and password where they are known, or a POST with a
/// refresh token.
///
/// `clear` returns true if credentials may go to this host over plain HTTP.
pub(super) fn token_request(
    realm: &str,
    service: Option<&str>,
    scope: &str,
    secret: Option<&RegistryCredential>,
    clear: impl Fn(&str) -> bool,
) -> Result<Request<Bytes>, LookupError> {
    let odd = || LookupError::Other("the registry names no usable token server".to_owned());
    let uri: Uri = realm.parse().map_err(|_| odd())?;
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.authority()) else { return Err(odd()) };
    if scheme != "https" && secret.is_some() && !clear(host.as_str()) {
        return Err(LookupError::Other(format!("{host} asks for credentials over plain http; they were not sent")));
    }
    let mut pairs = vec![("scope", Cow::from(scope))];
    pairs.extend(service.map(|service| ("service", Cow::from(service))));
    let build = Request::builder().header(header::ACCEPT, "application/json");
    let request = if let Some(RegistryCredential::Identity(token)) = secret {
        pairs.extend([
            ("grant_type", Cow::from("refresh_token")),
            ("client_id", Cow::from("pinnace")),
            ("refresh_token", Cow::from(token.reveal())),
        ]);
        let build = build.method(Method::POST).uri(uri);
        build.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(Bytes::from(form(&pairs)))
    } else {
        let mark = if realm.contains('?') { '&' } else { '?' };
        let mut build = build.method(Method::GET).uri(format!("{realm}{mark}{}", form(&pairs)));
        if let Some(RegistryCredential::Basic { user, password }) = secret {
            build = build.header(header::AUTHORIZATION, basic(user, password));
        }
        build.body(Bytes::new())
    };
    request.map_err(|_| odd())
}

fn form(pairs: &[(&str, Cow<'_, str>)]) -> String {
    let encoded = pairs.iter().map(|(key, value)| format!("{key}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
    encoded.collect::<Vec<_>>().join("&")
}

/// Reads the token from the answer of a token server; `shown` is true if credentials were sent.
///
/// A refusal is `Denied` if credentials were sent, else `NoCredentials`.
pub(super) fn token_of(answer: &HttpResponse, shown: bool) -> Result<HeaderValue, LookupError> {
    match answer.status {
        StatusCode::OK => {
            let token: RegistryToken = serde_json::from_slice(&answer.body)
                .map_err(|_| LookupError::Other("the token server's answer has no token".to_owned()))?;
            bearer(token.token())
        }
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST if shown => Err(LookupError::Denied),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(LookupError::NoCredentials),
        StatusCode::TOO_MANY_REQUESTS => Err(LookupError::RateLimited),
        status => Err(LookupError::Other(format!("no token: {}", status_line(status, &answer.body)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(values: &[&'static str]) -> Option<Challenge> {
        let values = values.iter().map(|value| (header::WWW_AUTHENTICATE, HeaderValue::from_static(value)));
        Challenge::of(&values.collect())
    }

    #[test]
    fn challenges_are_read() {
        let hub = challenge(&[
            r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#,
        ]);
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            Some(Challenge::Bearer { realm: realm.into(), service: owned(service), scope: owned(scope) })
        };
        let scope = Some("repository:a/b:pull,push");
        assert_eq!(hub, bearer("https://auth.docker.io/token", Some("registry.docker.io"), scope));
        assert_eq!(challenge(&[r#"Basic realm="Registry, \"Realm\"""#]), Some(Challenge::Basic));
        assert_eq!(challenge(&["basic realm=x", "bearer REALM=y"]), bearer("y", None, None));
        assert_eq!(challenge(&[r#"Basic realm="a", Bearer realm = "b" , service=c"#]), bearer("b", Some("c"), None));
        for none in [&[][..], &["Negotiate"], &["Bearer"], &[r#"realm="x""#], &["Bearer realm"], &[",,="]] {
            assert_eq!(challenge(none), None, "{none:?}");
        }
    }

    #[test]
    fn token_requests() {
        let secret = RegistryCredential::Basic { user: "u".into(), password: Redacted::new("p?~") };
        let ask = |realm: &str, secret: Option<&RegistryCredential>| {
            token_request(realm, Some("reg x"), "repository:a/b:pull", secret, |host| host == "10.0.0.1:1")
        };
        let request = ask("https://auth/token?x=1", Some(&secret)).unwrap();
        assert_eq!(request.uri(), "https://auth/token?x=1&scope=repository%3Aa%2Fb%3Apull&service=reg%20x");
        assert_eq!(request.headers()[header::AUTHORIZATION], "Basic dTpwP34=");
        let refresh = ask("https://auth/token", Some(&RegistryCredential::Identity(Redacted::new("r/t")))).unwrap();
        assert_eq!((refresh.method(), refresh.uri().query()), (&Method::POST, None));
        assert!(refresh.body().ends_with(b"&grant_type=refresh%5Ftoken&client_id=pinnace&refresh_token=r%2Ft"));
        assert!(matches!(ask("http://evil/token", Some(&secret)), Err(LookupError::Other(_))), "not in the clear");
        assert!(ask("http://evil/token", None).is_ok());
        assert!(ask("http://10.0.0.1:1/token", Some(&secret)).is_ok());
        assert!(ask("/token", None).is_err() && ask("", None).is_err());
    }
}
