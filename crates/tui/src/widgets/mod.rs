//! Widgets: drawing code shared by several views.

pub(crate) mod detail_panel;
pub(crate) mod finding;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod line_builder;
pub(crate) mod popup;
pub(crate) mod symbols;
pub(crate) mod table;
pub(crate) mod tour;
pub mod width;
