//! Roles of colours. They are an enum, so that a mistyped role does not compile.

use ratatui::style::Modifier;

use crate::config::named::named;

named! {
    /// The purpose of a colour.
    pub enum StyleRole {
        Screen, "screen", "The whole screen, under everything.";
        Text, "text", "What is well, and everything without a role of its own.";
        Dim, "dim", "What is secondary: ages, digests that do not matter now, hints.";
        Title, "title", "The title of a screen or pane.";
        Border, "border", "The lines between panes.";
        Header, "header", "The top line while all is well.";
        HeaderTrouble, "header-trouble", "What concerns everything and is wrong.";
        TableHeader, "table-header", "The names of columns.";
        Selection, "selection", "The row the keys act on; laid over the row's own colours.";
        SelectionInactive, "selection-inactive", "The selected row of a pane that does not have the keys.";
        Ok, "ok", "A status that is well.";
        Updating, "updating", "A status on its way.";
        Waiting, "waiting", "A status that waits for something, or cannot go on by itself.";
        Failing, "failing", "A status that needs somebody.";
        Stopped, "stopped", "A status that is finished or stopped on purpose.";
        Unknown, "unknown", "A status nobody knows, and data that is old.";
        Error, "error", "An error finding or message.";
        Warning, "warning", "A warning finding or message.";
        Info, "info", "An info finding or message.";
        Hint, "hint", "What to do now.";
        Key, "key", "A key in the footer and in help.";
        KeyLabel, "key-label", "What a key does.";
        KeyDim, "key-dim", "A key whose action is not possible now.";
        Accent, "accent", "The one thing to look at that is not trouble.";
        Code, "code", "Images, digests and commands inside of sentences.";
        Added, "added", "What a plan brings.";
        Removed, "removed", "What a plan takes away.";
        Shadowed, "shadowed", "A pin that another one wins over.";
        Match, "match", "What the filter found.";
        Cursor, "cursor", "The cursor in a text.";
        LineNumber, "line-number", "The numbers beside a text.";
        Comment, "comment", "A comment in the pins.";
        TextKey, "text-key", "A key or section in the pins.";
        TextValue, "text-value", "A value in the pins.";
        Popup, "popup", "The ground of a window; laid over `screen`, which goes first there too.";
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
