//! What several views draw.

pub mod detail_panel;
pub mod finding;
pub mod footer;
pub mod header;
pub mod line_builder;
pub mod popup;
pub mod symbols;
pub mod tour;
pub mod width;
