//! The list of all actions that a key can be bound to.
//!
//! Keymap files, the footer, the palette, the help screen and the README all read it. Only actions of this list
//! can be bound, and each must be carried out by a screen (its `ACTIONS`) or by `update`.

use crate::config::named::named;

/// Declares the actions. Each has a variant, a name in keymap files, a short label for footer and palette, and
/// a sentence for the help.
macro_rules! actions {
    ($($Variant:ident, $name:literal, $label:literal, $help:literal;)+) => {
        named! {
            /// An action that a key can be bound to.
            pub enum Action { $($Variant, $name, $help;)+ }
        }

        impl Action {
            /// Returns the short label for the footer and the palette.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$Variant => $label,)+ }
            }
        }
    };
}

actions! {
    // Actions for an engineer on call.
    Rollback, "rollback", "go back", "Opens the plan that goes back to what ran before.";
    Earlier, "earlier", "earlier", "Lists what this service may go back to: what ran in it, and tags of its repository.";
    Pins, "pins", "pins", "Opens the pins of this group, with the cursor on this member.";
    Plan, "plan", "plan", "Opens the plan for the pins as they are edited.";
    ToPin, "to-pin", "to its pin", "Opens the plan that takes what somebody else changed back to its pin.";
    AcceptDrift, "accept-drift", "accept", "Opens the plan that makes what somebody else brought the pin; no service is touched.";
    Redeploy, "redeploy", "redeploy", "Opens the plan that starts the tasks of this service, or of its group, anew.";
    Open, "open", "open", "Opens what is selected, or takes the choice.";
    Logs, "logs", "logs", "Shows the logs of this service.";
    History, "history", "history", "Shows every change, by whomever and from whichever manager.";
    Filter, "filter", "filter", "Shows only the rows that match what is typed.";
    ClearFilter, "clear-filter", "clear filter", "Shows all rows again.";
    Inspect, "inspect", "image", "Shows what the image under the cursor is, as its registry tells it.";
    Files, "files", "files", "Reads the files of the image from its layers, and lists them.";
    Details, "details", "details", "Shows the full cause of what is wrong here.";
    Login, "login", "log in", "Logs in to a registry, for this console only; nothing of it is written down.";
    Copy, "copy", "copy", "Copies this, or the plan as docker commands, to the clipboard.";
    CopyFix, "copy-fix", "copy fix", "Copies the permanent fix: what to put into the stack file, or into the database's spec.";

    // The plan.
    Apply, "apply", "apply", "Carries out the plan.";
    Acknowledge, "acknowledge", "acknowledge", "Acknowledges the warnings, so that the plan can be applied.";
    Unchecked, "unchecked", "no registry", "Accepts that no registry answers for what the plan goes back to: it ran here.";
    StepMode, "step-mode", "step mode", "Switches between stopping after each unit and going through.";
    MoveUnitDown, "move-unit-down", "later", "Moves this unit after the next one.";
    MoveUnitUp, "move-unit-up", "earlier", "Moves this unit before the one above.";

    Credentials, "credentials", "credentials", "Switches between the credentials stored in the services and sending yours.";
    StartFirst, "start-first", "start first", "Switches between the services' own order and starting new tasks before old ones stop.";
    Newest, "newest", "newest", "Starts tasks anew by what their tags name now, or by the digests they run.";
    Reason, "reason", "reason", "Lets you type why, for the history.";
    SavePlan, "save-plan", "save", "Saves the plan to a file, for `pinnace apply FILE`.";

    // A running change, or one left unfinished.
    ContinuePastFailure, "continue-past-failure", "go on", "Goes on with the other units past one that failed.";
    Stop, "stop", "stop", "Stops after the unit in work; the second time stops watching it too.";
    ResumeContinue, "resume-continue", "finish", "Finishes a change that was left unfinished.";
    ResumePutBack, "resume-put-back", "put back", "Puts back what an unfinished change has changed.";
    ResumeLeave, "resume-leave", "leave", "Leaves an unfinished change as it stands.";

    // The pins' text.
    Complete, "complete", "complete", "Lists images to put in: the version manifest's, and the tags of the repository.";
    Edit, "edit", "edit", "Puts the cursor into the text of the pins.";
    LeaveText, "leave-text", "leave the text", "Leaves the text and keeps the draft; keys are keys again.";
    Revert, "revert", "revert", "Throws the draft away and shows the pins in force.";
    Undo, "undo", "undo", "Takes back the last edit.";
    Redo, "redo", "redo", "Makes the edit again that was taken back.";

    // Navigation.
    Back, "back", "back", "Closes this and shows what was before.";
    NextTrouble, "next-trouble", "next trouble", "Moves to the next row or line with something wrong.";
    PreviousTrouble, "previous-trouble", "previous trouble", "Moves to the previous row or line with something wrong.";
    ToggleFold, "toggle-fold", "fold", "Folds or unfolds what is selected.";
    NextPane, "next-pane", "next pane", "Moves to the next pane.";
    PreviousPane, "previous-pane", "previous pane", "Moves to the previous pane.";
    Down, "down", "down", "Moves down by one.";
    Up, "up", "up", "Moves up by one.";
    PageDown, "page-down", "page down", "Moves down by a screen.";
    PageUp, "page-up", "page up", "Moves up by a screen.";
    Top, "top", "top", "Moves to the first row or line.";
    Bottom, "bottom", "bottom", "Moves to the last row or line; logs follow from there.";
    Left, "left", "left", "Folds what is selected, or moves left or to the parent.";
    Right, "right", "right", "Unfolds what is selected, or moves right or to the first child.";

    // The console itself.
    Palette, "palette", "commands", "Opens the list of commands.";
    Help, "help", "keys", "Shows the keys that work here.";
    Messages, "messages", "messages", "Shows the messages of this session.";
    ToggleNodes, "toggle-nodes", "nodes", "Shows or hides the nodes.";
    Tour, "tour", "tour", "Shows or hides the tour through the demo.";
    ThemePicker, "theme-picker", "theme", "Lets you choose the colours.";
    Refresh, "refresh", "refresh", "Asks the swarm anew, at once.";
    Redraw, "redraw", "redraw", "Draws the whole screen anew.";
    Quit, "quit", "quit", "Ends the console; asks first while a change is at work.";
    ForceQuit, "force-quit", "quit now", "Ends the console from anywhere, also from a text; asks first while a change is at work.";

    // Inside a text.
    CursorLeft, "cursor-left", "left", "Moves the cursor left by a character.";
    CursorRight, "cursor-right", "right", "Moves the cursor right by a character.";
    CursorUp, "cursor-up", "up", "Moves the cursor up by a line.";
    CursorDown, "cursor-down", "down", "Moves the cursor down by a line.";
    CursorHome, "cursor-home", "line start", "Moves the cursor to the start of the line.";
    CursorEnd, "cursor-end", "line end", "Moves the cursor to the end of the line.";
    CursorWordLeft, "cursor-word-left", "word left", "Moves the cursor left by a word.";
    CursorWordRight, "cursor-word-right", "word right", "Moves the cursor right by a word.";
    DeleteBack, "delete-back", "delete back", "Deletes the character before the cursor.";
    DeleteForward, "delete-forward", "delete", "Deletes the character under the cursor.";
    DeleteWordBack, "delete-word-back", "delete word", "Deletes the word before the cursor.";
    DeleteLine, "delete-line", "delete line", "Deletes the line.";
    Newline, "newline", "new line", "Breaks the line at the cursor.";
}

named! {
    /// The context in which a key is pressed; each has one section in a keymap file.
    pub enum KeyContext {
        Fleet, "fleet", "The fleet: clusters, nodes, and all services.";
        Service, "service", "One service: its tasks, labels and update policy.";
        Pins, "pins", "The pins, while the cursor is not in their text.";
        Editor, "editor", "The text of the pins.";
        Complete, "complete", "The list of images over the text of the pins; other keys go on typing.";
        Plan, "plan", "A plan.";
        Change, "change", "A change at work, or as it was.";
        History, "history", "The changes there were.";
        Earlier, "earlier", "What a service may go back to.";
        Logs, "logs", "The logs of a service.";
        Image, "image", "What an image is.";
        Messages, "messages", "The messages of this session.";
        Help, "help", "The keys that work here.";
        Ask, "ask", "A question that waits for an answer.";
        Prompt, "prompt", "A line to type into, such as the filter.";
        Palette, "palette", "The list of commands, and other lists to pick from by typing.";
        Global, "global", "Everywhere, unless the screen has the key for itself.";
    }
}

impl KeyContext {
    /// Returns whether plain keys are text in this context. If so, only keys that cannot be text reach
    /// [`KeyContext::Global`].
    pub(crate) const fn takes_text(self) -> bool {
        matches!(self, Self::Editor | Self::Complete | Self::Prompt | Self::Palette)
    }

    /// Returns the context that receives the keys this one does not bind, before [`KeyContext::Global`].
    pub const fn under(self) -> Option<Self> {
        match self {
            Self::Complete => Some(Self::Editor),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_has_one_kebab_case_name_and_short_words() {
        let names: BTreeSet<_> = Action::names().collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            let name = action.name();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert!((1..=16).contains(&action.label().len()), "{name}");
            assert!(action.help().ends_with('.'), "{name}");
            assert_eq!(Action::from_name(name), Some(*action));
        }
        assert_eq!(Action::from_name("none"), None, "that word unbinds");
    }

    #[test]
    fn is_written_by_name() {
        let json = serde_json::to_string(&Action::MoveUnitDown).unwrap();
        assert_eq!(json, "\"move-unit-down\"");
        assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), Action::MoveUnitDown);
        let error = serde_json::from_str::<Action>("\"fly\"").unwrap_err().to_string();
        assert!(error.starts_with("`fly` is not known here"), "{error}");
    }
}
