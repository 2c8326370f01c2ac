//! Swarm configs, which the journal is kept in.
//!
//! A name is claimed atomically across all managers, data is immutable, labels change by compare-and-swap on the
//! version index (observed on 20.10.24 and 26.1). A failed write says nothing about whether it was, or will be, carried
//! out: read again.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::{Docker, encoded, filters};
use super::error::Fault;
use super::read::each;
use pinnace_core::time::Time;

/// A config as the engine keeps it. Labels are exact, not cleaned, as they are written back: clean what is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The engine's id.
    pub id: String,
    /// The version index: the compare-and-swap of label updates.
    pub index: u64,
    /// When it was made, by the leader's clock.
    pub created: Option<Time>,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its data.
    pub data: Vec<u8>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Version")]
    version: Version,
    #[serde(rename = "CreatedAt", default)]
    created: String,
    #[serde(rename = "Spec")]
    spec: Spec,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "Index")]
    index: u64,
}

#[derive(Deserialize)]
struct Spec {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "Data", default)]
    data: Option<String>,
}

fn config(raw: &RawValue) -> Option<Config> {
    let body: Body = serde_json::from_str(raw.get()).ok()?;
    Some(Config {
        id: body.id,
        index: body.version.index,
        created: Time::parse(&body.created),
        name: body.spec.name,
        labels: body.spec.labels.unwrap_or_default(),
        data: STANDARD.decode(body.spec.data.unwrap_or_default()).ok()?,
    })
}

impl Docker {
    /// The configs that carry all these labels, each `key` or `key=value`; their data comes with them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn configs(&self, labels: &[&str]) -> Result<Vec<Config>, Fault> {
        let what = "reading the journal's configs";
        let body = self.get_bytes(what, &format!("/configs?{}", filters(&[("label", labels)]))).await?;
        each(what, &body, config)
    }

    /// The configs whose names begin so; their data comes with them.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) async fn configs_named(&self, prefix: &str) -> Result<Vec<Config>, Fault> {
        let what = "reading the journal's configs";
        let body = self.get_bytes(what, &format!("/configs?{}", filters(&[("name", &[prefix])]))).await?;
        let all = each(what, &body, config)?;
        Ok(all.into_iter().filter(|config| config.name.starts_with(prefix)).collect())
    }

    /// The config with this id or exact name.
    ///
    /// # Errors
    /// When it cannot be read, or is not there ([`Fault::is_not_found`]).
    pub async fn config(&self, id_or_name: &str) -> Result<Config, Fault> {
        let what = "reading a config of the journal";
        let body = self.get_bytes(what, &format!("/configs/{}", encoded(id_or_name))).await?;
        let raw: &RawValue = serde_json::from_slice(&body).map_err(|error| Fault::bad(what, error))?;
        config(raw).ok_or_else(|| Fault::bad(what, "it is no config"))
    }

    /// Makes a config and returns its id. Data is 1 to 1,023,999 bytes, names up to 64 of `[a-zA-Z0-9-_.]`.
    ///
    /// # Errors
    /// [`Fault::is_name_conflict`] where the name is taken; any that is not [`Fault::is_final`] may still be carried out.
    pub async fn create_config(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &[u8],
    ) -> Result<String, Fault> {
        #[derive(Deserialize)]
        struct Made {
            #[serde(rename = "ID")]
            id: String,
        }
        let what = "writing to the journal";
        let body = json!({ "Name": name, "Labels": labels, "Data": STANDARD.encode(data) }).to_string();
        let answer = self.write(what, Method::POST, "/configs/create", Bytes::from(body), &[]).await?;
        let made: Made = serde_json::from_slice(&answer).map_err(|error| Fault::bad(what, error))?;
        Ok(made.id)
    }

    /// Replaces a config's labels, if its version index is still this one.
    ///
    /// # Errors
    /// [`Fault::is_out_of_sequence`] where it is not; any that is not [`Fault::is_final`] may still be carried out.
    pub async fn update_config_labels(
        &self,
        id: &str,
        index: u64,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let path = format!("/configs/{}/update?version={index}", encoded(id));
        let body = json!({ "Name": name, "Labels": labels }).to_string();
        self.write("writing to the journal", Method::POST, &path, Bytes::from(body), &[]).await.map(drop)
    }

    /// Removes a config; one that is not there is a success.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove_config(&self, id_or_name: &str) -> Result<(), Fault> {
        let path = format!("/configs/{}", encoded(id_or_name));
        match self.write("pruning the journal", Method::DELETE, &path, Bytes::new(), &[]).await {
            Err(fault) if fault.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }
}
