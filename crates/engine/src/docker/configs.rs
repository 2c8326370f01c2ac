//! Swarm configs, the storage of the journal.
//!
//! A name is claimed atomically across all managers, data is immutable, and labels change by compare-and-swap on the
//! version index (observed on 20.10.24 and 26.1). A failed write does not tell whether it was carried out, or still
//! will be: read the config again.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::client::{Docker, encoded, filters};
use super::error::DockerError;
use super::read::each;
use pinnace_core::time::Time;

/// A stored config. Its labels are exact, not cleaned, as they are written back: clean them before they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigObject {
    /// The config's id.
    pub id: String,
    /// The version index, for the compare-and-swap of label updates.
    pub index: u64,
    /// The creation time by the leader's clock; `None` if it cannot be read.
    pub created: Option<Time>,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// The decoded data.
    pub data: Vec<u8>,
}

#[derive(Deserialize)]
struct DockerConfigBody {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Version")]
    version: ConfigVersion,
    #[serde(rename = "CreatedAt", default)]
    created: String,
    #[serde(rename = "Spec")]
    spec: ConfigSpec,
}

#[derive(Deserialize)]
struct ConfigVersion {
    #[serde(rename = "Index")]
    index: u64,
}

#[derive(Deserialize)]
struct ConfigSpec {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Labels", default)]
    labels: Option<BTreeMap<String, String>>,
    #[serde(rename = "Data", default)]
    data: Option<String>,
}

fn config(raw: &RawValue) -> Option<ConfigObject> {
    let body: DockerConfigBody = serde_json::from_str(raw.get()).ok()?;
    Some(ConfigObject {
        id: body.id,
        index: body.version.index,
        created: Time::parse(&body.created),
        name: body.spec.name,
        labels: body.spec.labels.unwrap_or_default(),
        data: STANDARD.decode(body.spec.data.unwrap_or_default()).ok()?,
    })
}

impl Docker {
    /// Lists the configs that have all these labels, each `key` or `key=value`, with their data.
    ///
    /// # Errors
    /// A fault if the list cannot be read.
    pub async fn configs(&self, labels: &[&str]) -> Result<Vec<ConfigObject>, DockerError> {
        let what = "reading the journal's configs";
        let body = self.get_bytes(what, &format!("/configs?{}", filters(&[("label", labels)]))).await?;
        each(what, &body, config)
    }

    /// Lists the configs whose names begin with `prefix`, with their data.
    ///
    /// # Errors
    /// A fault if the list cannot be read.
    pub(crate) async fn configs_named(&self, prefix: &str) -> Result<Vec<ConfigObject>, DockerError> {
        let what = "reading the journal's configs";
        let body = self.get_bytes(what, &format!("/configs?{}", filters(&[("name", &[prefix])]))).await?;
        let all = each(what, &body, config)?;
        Ok(all.into_iter().filter(|config| config.name.starts_with(prefix)).collect())
    }

    /// Reads the config with this id or exact name.
    ///
    /// # Errors
    /// A fault if it cannot be read or does not exist ([`DockerError::is_not_found`]).
    pub async fn config(&self, id_or_name: &str) -> Result<ConfigObject, DockerError> {
        let what = "reading a config of the journal";
        let body = self.get_bytes(what, &format!("/configs/{}", encoded(id_or_name))).await?;
        let raw: &RawValue = serde_json::from_slice(&body).map_err(|error| DockerError::bad(what, error))?;
        config(raw).ok_or_else(|| DockerError::bad(what, "it is not a config"))
    }

    /// Creates a config and returns its id. Data is 1 to 1,023,999 bytes, names up to 64 of `[a-zA-Z0-9-_.]`.
    ///
    /// # Errors
    /// [`DockerError::is_name_conflict`] if the name is taken. After a fault that is not [`DockerError::is_final`] the write may
    /// still be carried out.
    pub async fn create_config(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        data: &[u8],
    ) -> Result<String, DockerError> {
        #[derive(Deserialize)]
        struct CreatedConfig {
            #[serde(rename = "ID")]
            id: String,
        }
        let what = "writing to the journal";
        let body = json!({ "Name": name, "Labels": labels, "Data": STANDARD.encode(data) }).to_string();
        let answer = self.write(what, Method::POST, "/configs/create", Bytes::from(body), &[]).await?;
        let made: CreatedConfig = serde_json::from_slice(&answer).map_err(|error| DockerError::bad(what, error))?;
        Ok(made.id)
    }

    /// Replaces a config's labels, if its version index is still `index`.
    ///
    /// # Errors
    /// [`DockerError::is_out_of_sequence`] if the index has moved. After a fault that is not [`DockerError::is_final`] the write
    /// may still be carried out.
    pub async fn update_config_labels(
        &self,
        id: &str,
        index: u64,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<(), DockerError> {
        let path = format!("/configs/{}/update?version={index}", encoded(id));
        let body = json!({ "Name": name, "Labels": labels }).to_string();
        self.write("writing to the journal", Method::POST, &path, Bytes::from(body), &[]).await.map(drop)
    }

    /// Removes a config; succeeds if it does not exist.
    ///
    /// # Errors
    /// A fault if it cannot be removed.
    pub async fn remove_config(&self, id_or_name: &str) -> Result<(), DockerError> {
        let path = format!("/configs/{}", encoded(id_or_name));
        match self.write("pruning the journal", Method::DELETE, &path, Bytes::new(), &[]).await {
            Err(fault) if fault.is_not_found() => Ok(()),
            other => other.map(drop),
        }
    }
}
