//! The dialogs over a screen, and their state.

use crate::action::KeyContext;
use pinnace_core::change::OperatorCommand;

use crate::dialogs::line_input::LineInput;
use crate::dialogs::login::state::LoginForm;
use crate::dialogs::palette::PaletteState;
use crate::state::ScrollState;

/// The open dialog; it receives all keys.
#[derive(Clone, Debug)]
pub enum Dialog {
    /// The keys of the current screen.
    Help(ScrollState),
    /// The list of commands.
    Palette(PaletteState),
    /// The list of themes, with the name of the theme to restore on cancel.
    Themes(PaletteState, String),
    /// The notices of this session.
    Messages(ScrollState),
    /// A text in full, such as the cause of a failure.
    Detail(TextDialog),
    /// An input line.
    Prompt(Prompt),
    /// A question to confirm.
    Ask(Confirmation),
    /// The form for a login to a registry.
    Login(Box<LoginForm>),
}

impl Dialog {
    /// Returns the section of the keymap for this dialog.
    pub fn context(&self) -> KeyContext {
        match self {
            Self::Help(_) | Self::Detail(_) => KeyContext::Help,
            Self::Palette(_) | Self::Themes(..) => KeyContext::Palette,
            Self::Messages(_) => KeyContext::Messages,
            Self::Prompt(_) | Self::Login(_) => KeyContext::Prompt,
            Self::Ask(_) => KeyContext::Ask,
        }
    }
}

/// A text in full, in a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextDialog {
    /// The title of the window.
    pub title: String,
    /// The lines of the text, before wrapping.
    pub lines: Vec<String>,
    /// The first line shown, counted after wrapping.
    pub top: usize,
}

/// An input line, shown in the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The purpose of the input.
    pub what: PromptPurpose,
    pub line: LineInput,
    /// The text before editing, to restore on cancel.
    pub before: String,
}

/// The purpose of an input line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptPurpose {
    /// The filter of the rows.
    Filter,
    /// The operator's reason for applying a plan.
    Reason,
}

impl PromptPurpose {
    /// Returns the label before the line, and a hint for typing it.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Filter => ("filter ", "text !not state: image: node: member: label:k=v"),
            Self::Reason => ("reason ", "shown in the history; press enter to keep it"),
        }
    }
}

/// A question that must be confirmed before an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirmation {
    /// The action to confirm.
    pub what: ActionToConfirm,
    /// The question, shown as the window's title.
    pub title: String,
    /// The lines of explanation.
    pub lines: Vec<String>,
}

/// The action that a question confirms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionToConfirm {
    /// Ending the console.
    Quit,
    /// Applying the plan.
    Apply,
    /// Sending this order to a change.
    OperatorCommand(OperatorCommand),
}
