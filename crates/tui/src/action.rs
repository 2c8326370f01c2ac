//! The list of all actions that a key can be bound to.
//!
//! Keymap files, the footer, the palette, the help screen and the README all read it. Only actions of this list
//! can be bound, and each must be carried out by a screen (its `ACTIONS`) or by `update`.

use crate::config::named_enum::named;

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
    Rollback, "rollback", "roll back", "Opens the plan that rolls back to what ran before.";
    Candidates, "candidates", "other images", "Lists the images this service can be rolled back to: those it ran, and tags of its repository.";
    Pins, "pins", "pins", "Opens the pins of this group, with the cursor on this member.";
    Plan, "plan", "plan", "Opens the plan for the edited pins.";
    ToPin, "to-pin", "to pin", "Opens the plan that undoes drift: it updates the services back to their pins.";
    AcceptDrift, "accept-drift", "accept", "Opens the plan that pins what another client deployed; it updates no service.";
    Redeploy, "redeploy", "redeploy", "Opens the plan that restarts the tasks of this service, or of its group.";
    Open, "open", "open", "Opens the selected row, or confirms the choice.";
    Logs, "logs", "logs", "Shows the logs of this service.";
    History, "history", "history", "Shows all changes, by every operator and from every manager.";
    Filter, "filter", "filter", "Shows only the rows that match the typed text.";
    ClearFilter, "clear-filter", "clear filter", "Shows all rows again.";
    Inspect, "inspect", "image details", "Shows details of the image under the cursor, from its registry.";
    Files, "files", "files", "Lists the files of the image, read from its layers.";
    Details, "details", "details", "Shows the full text of the selected row or of the problem.";
    Login, "login", "log in", "Logs in to a registry, for this console only; the password is never saved.";
    Copy, "copy", "copy", "Copies the selected row, or the plan as docker commands, to the clipboard.";
    CopyFix, "copy-fix", "permanent fix", "Copies the permanent fix: the text for the stack file, or for the database's spec.";

    // The plan.
    Apply, "apply", "apply", "Applies the plan.";
    Acknowledge, "acknowledge", "acknowledge", "Acknowledges the warnings, so that the plan can be applied.";
    AcceptUnverified, "accept-unverified", "unverified", "Accepts rollback images that no registry confirms: they ran here before.";
    StepMode, "step-mode", "pause per unit", "Switches between pauses after each unit and no pauses.";
    MoveUnitDown, "move-unit-down", "move down", "Moves this unit after the next one.";
    MoveUnitUp, "move-unit-up", "move up", "Moves this unit before the previous one.";

    Credentials, "credentials", "send my login", "Switches between the credentials stored in the services and your own.";
    StartFirst, "start-first", "set start-first", "Switches between the services' own update order and starting new tasks before old ones stop.";
    Newest, "newest", "newest", "Switches between the digests that run and those the tags name now.";
    Reason, "reason", "reason", "Edits the reason for the change, which the history shows.";
    SavePlan, "save-plan", "save", "Saves the plan to a file, for `pinnace apply FILE`.";

    // A running change, or one left unfinished.
    ContinuePastFailure, "continue-past-failure", "continue", "Continues with the other units after one failed.";
    Stop, "stop", "stop after unit", "Stops after the current unit; press it again to detach from the change at once.";
    ResumeContinue, "resume-continue", "finish", "Resumes an unfinished change.";
    ResumeRollBack, "resume-roll-back", "roll back", "Rolls back the services that an unfinished change updated.";
    ResumeKeep, "resume-keep", "keep as is", "Closes an unfinished change and keeps all services as they are.";

    // The pins' text.
    Complete, "complete", "complete", "Lists images to insert: those of the version manifest, and tags of the repository.";
    Edit, "edit", "edit", "Moves the cursor into the text of the pins.";
    LeaveEditor, "leave-editor", "leave editor", "Leaves the editor: single keys are commands again. The draft is saved.";
    Revert, "revert", "revert", "Discards the draft and shows the pins in force.";
    Undo, "undo", "undo", "Undoes the last edit.";
    Redo, "redo", "redo", "Repeats the edit that was undone last.";

    // Navigation.
    Back, "back", "back", "Closes this screen or window.";
    NextTrouble, "next-trouble", "next trouble", "Moves to the next row or line with a problem.";
    PreviousTrouble, "previous-trouble", "previous trouble", "Moves to the previous row or line with a problem.";
    ToggleFold, "toggle-fold", "fold", "Folds or unfolds the selected row.";
    NextPane, "next-pane", "next pane", "Moves to the next pane.";
    PreviousPane, "previous-pane", "previous pane", "Moves to the previous pane.";
    Down, "down", "down", "Moves down by one.";
    Up, "up", "up", "Moves up by one.";
    PageDown, "page-down", "page down", "Moves down by a screen.";
    PageUp, "page-up", "page up", "Moves up by a screen.";
    Top, "top", "top", "Moves to the first row or line.";
    Bottom, "bottom", "bottom", "Moves to the last row or line; logs follow from there.";
    Left, "left", "left", "Folds the selected row, or moves left or to the parent.";
    Right, "right", "right", "Unfolds the selected row, or moves right or to the first child.";

    // The console itself.
    Palette, "palette", "commands", "Opens the list of commands.";
    Help, "help", "keys", "Shows the keys that work here.";
    Messages, "messages", "messages", "Shows the messages of this session.";
    ToggleNodes, "toggle-nodes", "nodes", "Shows or hides the nodes.";
    Tour, "tour", "tour", "Shows or hides the tour of the demo.";
    ThemePicker, "theme-picker", "theme", "Lists the themes to choose from.";
    Refresh, "refresh", "refresh", "Reads the swarm again, at once.";
    Redraw, "redraw", "redraw", "Draws the whole screen again.";
    Quit, "quit", "quit", "Ends the console; asks first while a change is running.";
    ForceQuit, "force-quit", "quit now", "Ends the console from anywhere, also from a text; asks first while a change is running.";
    Suspend, "suspend", "suspend", "Gives the terminal back to the shell until `fg`; not while a change is running.";

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
        Complete, "complete", "The list of images over the text of the pins; other keys continue typing.";
        Plan, "plan", "A plan.";
        Change, "change", "A change: running, unfinished or ended.";
        History, "history", "The history of changes.";
        Candidates, "candidates", "The rollback candidates of a service.";
        Logs, "logs", "The logs of a service.";
        Image, "image", "The details of an image.";
        Messages, "messages", "The messages of this session.";
        Help, "help", "The keys that work here.";
        Ask, "ask", "A question that waits for an answer.";
        Prompt, "prompt", "A line to type into, such as the filter.";
        Palette, "palette", "The list of commands, and other lists to pick from by typing.";
        Global, "global", "Everywhere, unless the screen has its own use for the key.";
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
        assert!(error.starts_with("unknown name `fly`"), "{error}");
    }
}
