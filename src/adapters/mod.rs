//! What touches the world: registries, credentials, files. Depends on the core only.

pub mod clock;
pub mod credentials;
pub mod docker;
pub mod drafts;
pub mod files;
pub mod journal;
pub mod registry;
pub mod versions;
