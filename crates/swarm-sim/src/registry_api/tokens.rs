//! Bearer tokens: issued for a password or a refresh token, and verified.

use std::collections::BTreeMap;

use http::{Method, Response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::super::http::{Body, HttpRequest, full_body, respond};
use super::super::world::images::{Registry, digest};
use super::super::world::model::{Nanos, SECOND};
use super::super::world::time::rfc3339;

/// Lifetime of a token, in seconds.
const GOOD: u64 = 300;

/// Separator of the repositories in a token; it cannot occur in a repository name.
const JOIN: &str = "~";

/// Returns a token that holds its issue time and repositories, and a proof that only this registry can make.
fn token(login: &(String, String), repositories: &str, made: Nanos) -> String {
    let (user, password) = login;
    let proof = digest(format!("{user}:{password}:{made}:{repositories}").as_bytes()).replace(':', ".");
    format!("{made}.{proof}.{repositories}")
}

fn refresh_token(user: &str, password: &str) -> String {
    digest(format!("refresh {user}:{password}").as_bytes()).replace(':', ".")
}

/// Verifies a token: its proof, its lifetime and its repositories.
///
/// # Errors
/// Returns the error code of RFC 6750: `invalid_token` or `insufficient_scope`.
pub(super) fn judge(
    given: &str,
    login: &(String, String),
    repository: Option<&str>,
    now: Nanos,
) -> Result<(), &'static str> {
    let mut words = given.splitn(4, '.');
    let made = words.next().and_then(|made| made.parse::<Nanos>().ok()).ok_or("invalid_token")?;
    let repositories = words.nth(2).unwrap_or_default();
    if given != token(login, repositories, made) || now >= made + GOOD * SECOND {
        return Err("invalid_token");
    }
    let opens = repository.is_none_or(|wanted| repositories.split(JOIN).any(|name| name == wanted));
    if opens { Ok(()) } else { Err("insufficient_scope") }
}

/// Returns the repositories of the scopes that allow pull; scopes are `repository:NAME:ACTIONS`, separated by spaces.
fn repositories(scopes: &str) -> String {
    let name = |scope: &str| {
        let (name, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
        actions.split(',').any(|action| action == "pull" || action == "*").then(|| name.to_owned())
    };
    scopes.split(' ').filter_map(name).collect::<Vec<_>>().join(JOIN)
}

/// Answers a token request: GET with basic auth, or POST with a form that has a password or a refresh token.
pub(super) fn hand_out(registry: &Registry, asked: &HttpRequest, now: Nanos) -> Response<Body> {
    let reply = |told: serde_json::Value| respond(200, "application/json", full_body(told.to_string()));
    let Some(login @ (user, password)) = &registry.login else { return reply(json!({ "token": "anybody" })) };
    let form = form(asked);
    let value = |key: &str| form.get(key).map_or("", String::as_str);
    let scopes = if asked.method == Method::POST { value("scope") } else { asked.value("scope") };
    let is_let_in = match (asked.method == Method::POST, value("grant_type")) {
        (true, "refresh_token") => value("refresh_token") == refresh_token(user, password),
        (true, "password") => value("username") == user && value("password") == password,
        (true, _) => return super::error(400, "UNSUPPORTED", "unsupported grant_type"),
        (false, _) => super::basic(asked).as_ref() == Some(login),
    };
    if !is_let_in {
        return super::error(401, "UNAUTHORIZED", "authentication required");
    }
    let token = token(login, &repositories(scopes), now);
    let mut told = json!({ "token": token, "access_token": token, "expires_in": GOOD, "issued_at": rfc3339(now) });
    if asked.method == Method::POST || asked.value("offline_token") == "true" {
        told["refresh_token"] = json!(refresh_token(user, password));
    }
    reply(told)
}

fn form(asked: &HttpRequest) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&asked.body).replace('+', " ");
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decoded(key), decoded(value))).collect()
}
