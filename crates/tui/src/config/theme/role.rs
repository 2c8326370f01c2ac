//! Roles of colours. They are an enum, so that a mistyped role does not compile.

use ratatui::style::Modifier;

use crate::config::named_enum::named;

named! {
    /// The purpose of a colour.
    pub enum StyleRole {
        Screen, "screen", "The background of the whole screen.";
        Text, "text", "Healthy things, and all text without another role.";
        Dim, "dim", "Secondary text: ages, less important digests, notes.";
        Title, "title", "The title of a screen or pane.";
        Border, "border", "The lines between panes.";
        Header, "header", "The top line while everything is healthy.";
        HeaderTrouble, "header-trouble", "Problems that concern the whole cluster.";
        TableHeader, "table-header", "The headings of columns.";
        Selection, "selection", "The selected row; applied over the row's own colours.";
        SelectionInactive, "selection-inactive", "The selected row of a pane without focus.";
        Ok, "ok", "A healthy status.";
        Updating, "updating", "A status in transition, such as an update.";
        Waiting, "waiting", "A status that is pending, paused or waits for an answer.";
        Failing, "failing", "A status that needs attention.";
        Stopped, "stopped", "A status that is finished or stopped on purpose.";
        Unknown, "unknown", "An unknown status, and old data.";
        Error, "error", "An error finding or message.";
        Warning, "warning", "A warning finding or message.";
        Info, "info", "An info finding or message.";
        Hint, "hint", "A recommended action.";
        Key, "key", "A key in the footer and in help.";
        KeyLabel, "key-label", "The label of a key.";
        KeyDim, "key-dim", "A key whose action is not possible now.";
        Accent, "accent", "The one thing to notice that is not a problem.";
        Code, "code", "Images, digests and commands within sentences.";
        Added, "added", "What a plan adds.";
        Removed, "removed", "What a plan removes.";
        Shadowed, "shadowed", "A pin that another pin overrides.";
        Match, "match", "Text that matches the filter.";
        Cursor, "cursor", "The cursor in a text.";
        LineNumber, "line-number", "The numbers beside a text.";
        Comment, "comment", "A comment in the pins.";
        TextKey, "text-key", "A key or section in the pins.";
        TextValue, "text-value", "A value in the pins.";
        Popup, "popup", "The background of a window; applied over `screen`.";
    }
}

impl StyleRole {
    /// Returns the modifier that marks the role where there are no colours.
    pub(super) const fn without_color(self) -> Modifier {
        match self {
            Self::Selection | Self::Cursor | Self::HeaderTrouble => Modifier::REVERSED,
            Self::SelectionInactive | Self::Match => Modifier::UNDERLINED,
            Self::Failing | Self::Error | Self::Title | Self::Key | Self::Accent => Modifier::BOLD,
            Self::Dim | Self::Border | Self::Stopped | Self::KeyDim | Self::LineNumber | Self::Comment => Modifier::DIM,
            Self::Shadowed => Modifier::CROSSED_OUT,
            _ => Modifier::empty(),
        }
    }

    /// Returns whether the role sets only a background, for text that keeps its colour.
    pub(super) const fn is_overlay(self) -> bool {
        matches!(self, Self::Selection | Self::SelectionInactive | Self::Popup)
    }
}
