//! What lies over a screen and has the keys.

use crate::action::Context;
use pinnace_core::change::Order;

use crate::dialogs::line::Line;
use crate::dialogs::login::state::Login;
use crate::dialogs::palette::PaletteState;
use crate::state::Scroll;

/// What lies over a screen and has the keys.
#[derive(Clone, Debug)]
pub enum Modal {
    /// The keys that work here.
    Help(Scroll),
    /// The list of commands.
    Palette(PaletteState),
    /// The themes, with the name of the one to return to.
    Themes(PaletteState, String),
    /// All that was said.
    Messages(Scroll),
    /// A text in full.
    Detail(Detail),
    /// A line being typed.
    Prompt(Prompt),
    /// A question.
    Ask(Question),
    /// The form of a log-in to a registry.
    Login(Box<Login>),
}

impl Modal {
    /// The section of the keymap that is its own.
    pub fn context(&self) -> Context {
        match self {
            Self::Help(_) | Self::Detail(_) => Context::Help,
            Self::Palette(_) | Self::Themes(..) => Context::Palette,
            Self::Messages(_) => Context::Messages,
            Self::Prompt(_) | Self::Login(_) => Context::Prompt,
            Self::Ask(_) => Context::Ask,
        }
    }
}

/// A text in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// What it is about.
    pub title: String,
    /// The text, by lines.
    pub lines: Vec<String>,
    /// The first line shown.
    pub top: usize,
}

/// A line being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What it is for.
    pub what: LineUse,
    /// The line.
    pub line: Line,
    /// What was there before, to go back to.
    pub before: String,
}

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineUse {
    /// To show only the rows that match.
    Filter,
    /// To say why a plan is carried out.
    Reason,
}

impl LineUse {
    /// What stands before the line, and what helps to type it.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Filter => ("filter ", "text !not state: image: node: member: label:k=v"),
            Self::Reason => ("why ", "for the history; enter keeps it"),
        }
    }
}

/// A question that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What is asked.
    pub what: Asked,
    /// The question.
    pub title: String,
    /// What to know first, by lines.
    pub lines: Vec<String>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Whether to end the console.
    Quit,
    /// Whether to apply the plan.
    Apply,
    /// Whether to give a change this order.
    Order(Order),
}
