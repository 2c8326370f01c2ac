//! Drafts of pin documents: edits that are not applied yet, kept on disk per swarm and group.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::clock;
use super::private_files::{private_folder, replace, safe_name};
use pinnace_core::swarm::GroupKey;
use pinnace_core::time::Time;

/// The largest size of a draft, in bytes; a larger file was not written by this program.
const MOST: u64 = 1 << 20;

/// The drafts of one swarm.
#[derive(Clone, Debug)]
pub struct PinDraftStore {
    folder: PathBuf,
    read_only: bool,
}

impl PinDraftStore {
    /// Makes the handle of the drafts of this swarm in `folder` (`$XDG_STATE_HOME/pinnace`); touches no file.
    ///
    /// With `read_only`, saving and removing do nothing.
    pub fn new(folder: &Path, swarm: &str, read_only: bool) -> Self {
        Self { folder: folder.join("drafts").join(safe_name(swarm)), read_only }
    }

    /// Saves a group's draft. The old one stays until the new one is complete (a file beside it, then a
    /// rename).
    pub async fn save(&self, group: &GroupKey, text: String) -> io::Result<()> {
        if self.read_only {
            return Ok(());
        }
        let (path, folder) = (self.path(group), self.folder.clone());
        off_thread(move || {
            private_folder(&folder)?;
            replace(&path, &text)
        })
        .await
    }

    /// Loads a group's draft and the time it was saved, if there is one.
    pub async fn load(&self, group: &GroupKey) -> io::Result<Option<(String, Option<Time>)>> {
        let path = self.path(group);
        off_thread(move || match fs::metadata(&path) {
            Ok(about) if about.len() > MOST => Err(io::Error::other("the draft is larger than 1 MiB")),
            Ok(about) => fs::read_to_string(&path).map(|text| Some((text, about.modified().ok().map(clock::at)))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    /// Removes a group's draft, after it was applied or discarded.
    pub async fn remove(&self, group: &GroupKey) -> io::Result<()> {
        if self.read_only {
            return Ok(());
        }
        let path = self.path(group);
        off_thread(move || match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        })
        .await
    }

    fn path(&self, group: &GroupKey) -> PathBuf {
        self.folder.join(format!("{}.toml", group.hash()))
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(io::Error::other("pinnace is shutting down")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use pinnace_core::swarm::GroupKind;

    #[tokio::test]
    async fn saved_loaded_removed() {
        let home = tempfile::tempdir().unwrap();
        let drafts = PinDraftStore::new(home.path(), "swarm/../x", false);
        let group = GroupKey { kind: GroupKind::Database, name: "storefront".into() };
        assert_eq!(drafts.load(&group).await.unwrap(), None);
        drafts.save(&group, "image = \"pg:1\"".into()).await.unwrap();
        drafts.save(&group, "image = \"pg:2\"".into()).await.unwrap();
        assert_eq!(drafts.load(&group).await.unwrap().map(|kept| kept.0).as_deref(), Some("image = \"pg:2\""));
        let path = drafts.path(&group);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing beside it");

        let reader = PinDraftStore::new(home.path(), "swarm/../x", true);
        reader.save(&group, "other".into()).await.unwrap();
        reader.remove(&group).await.unwrap();
        assert_eq!(reader.load(&group).await.unwrap().map(|kept| kept.0).as_deref(), Some("image = \"pg:2\""));

        drafts.remove(&group).await.unwrap();
        drafts.remove(&group).await.unwrap();
        assert_eq!(drafts.load(&group).await.unwrap(), None);
    }
}
