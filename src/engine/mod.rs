//! Use-cases: what is done with the adapters, step by step. Depends on adapters and core.

pub mod execute;
pub mod observe;
pub mod prepare;
pub mod resolve;
