//! Tokens, as a registry's token server hands them out: to a password, and to the refresh token one gets for it.

use std::collections::BTreeMap;

use http::{Method, Response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::super::http::{Asked, Body, answer, whole};
use super::super::world::images::{Registry, digest};
use super::super::world::model::{Nanos, SECOND};
use super::super::world::moment::rfc3339;

/// How long a token is good, in seconds.
const GOOD: u64 = 300;

/// A token that tells when it was made, to whom only this registry gives it.
fn token(user: &str, password: &str, made: Nanos) -> String {
    format!("{made}.{}", digest(format!("{user}:{password}:{made}").as_bytes()).replace(':', "."))
}

fn refresh_token(user: &str, password: &str) -> String {
    digest(format!("refresh {user}:{password}").as_bytes()).replace(':', ".")
}

/// Whether a token is one of this registry's, and has not run out.
pub(super) fn is_good(given: &str, user: &str, password: &str, now: Nanos) -> bool {
    let made = given.split('.').next().and_then(|made| made.parse::<Nanos>().ok());
    made.is_some_and(|made| given == token(user, password, made) && now < made + GOOD * SECOND)
}

/// Answers at the token server: GET with a password, POST with one or with a refresh token in a form.
pub(super) fn hand_out(registry: &Registry, asked: &Asked, now: Nanos) -> Response<Body> {
    let reply = |told: serde_json::Value| answer(200, "application/json", whole(told.to_string()));
    let Some((user, password)) = &registry.login else { return reply(json!({ "token": "anybody" })) };
    let form = form(asked);
    let value = |key: &str| form.get(key).map_or("", String::as_str);
    let is_let_in = match (asked.method == Method::POST, value("grant_type")) {
        (true, "refresh_token") => value("refresh_token") == refresh_token(user, password),
        (true, "password") => value("username") == user && value("password") == password,
        (true, _) => return super::error(400, "UNSUPPORTED", "unsupported grant_type"),
        (false, _) => super::basic(asked).is_some_and(|given| given == (user.clone(), password.clone())),
    };
    if !is_let_in {
        return super::error(401, "UNAUTHORIZED", "authentication required");
    }
    let token = token(user, password, now);
    let mut told = json!({ "token": token, "access_token": token, "expires_in": GOOD, "issued_at": rfc3339(now) });
    if asked.method == Method::POST || asked.value("offline_token") == "true" {
        told["refresh_token"] = json!(refresh_token(user, password));
    }
    reply(told)
}

fn form(asked: &Asked) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(&asked.body).replace('+', " ");
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (decoded(key), decoded(value))).collect()
}
