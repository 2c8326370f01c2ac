//! Docker engines, registries, credentials and the journal, and the use-cases over them: observe, resolve, prepare,
//! execute. Depends on the core only.

pub mod clock;
pub mod credentials;
pub mod docker;
pub mod drafts;
pub mod execute;
pub mod files;
pub mod identity;
pub mod journal;
pub mod observe;
pub mod prepare;
pub mod registry;
pub mod resolve;
pub mod versions;
