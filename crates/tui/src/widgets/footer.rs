//! The footer: the keys of the current context in the keymap's order, or the last notice.

use ratatui::Frame;
use ratatui::layout::Rect;

use crate::action::{Action, KeyContext};
use crate::availability::available;
use crate::config::{StyleRole, Theme};
use crate::dialogs::login::state as login;
use crate::dialogs::palette::{is_command, is_motion};
use crate::dialogs::state::Dialog;
use crate::rollback_target::{back_label, is_choice};
use crate::screens::fleet::state::FleetPane;
use crate::state::State;
use pinnace_core::finding::Severity;

use crate::widgets::line_builder::{LineBuilder, draw};
use crate::widgets::width::{middle, width};

/// Draws the footer.
pub fn view(frame: &mut Frame<'_>, area: Rect, state: &State, theme: &Theme) {
    let room = usize::from(area.width);
    let mut pen = LineBuilder::new(theme, room);
    pen.gap(1);
    if let Some(Dialog::Prompt(prompt)) = &state.modal {
        let (before, after) = prompt.line.parts();
        let mut rest = after.chars();
        let under = rest.next().map_or(" ".to_owned(), String::from);
        let (label, hint) = prompt.what.words();
        pen.put(StyleRole::Key, label).put(StyleRole::Text, before);
        pen.put(StyleRole::Cursor, &under).put(StyleRole::Text, rest.as_str());
        pen.until(room.saturating_sub(width(hint) + 1).max(room - pen.room() + 2)).put(StyleRole::Dim, hint);
    } else if let Some(notice) = &state.notice {
        let role = match notice.severity {
            Severity::Error => StyleRole::Error,
            Severity::Warning => StyleRole::Warning,
            Severity::Info => StyleRole::Info,
        };
        pen.put(role, &notice.text);
        if !notice.hint.is_empty() {
            pen.put(StyleRole::Dim, " · ").put(StyleRole::Hint, &notice.hint);
        }
    } else {
        keys(&mut pen, state, room);
    }
    draw(frame, area, 0, &pen.line());
}

/// Appends as many keys as fit; the keys that lead out and to all others are always shown.
fn keys(pen: &mut LineBuilder<'_>, state: &State, room: usize) {
    let context = state.context();
    let keymap = &state.config.keymap;
    let bindings = keymap.bindings_for(context);
    let key = |action| keymap.keys_for(context, action).map(ToString::to_string);
    let mut last = Vec::new();
    let tour = state.tour.is_some().then_some((Action::Tour, "tour"));
    // The key out of a screen is always shown, and so are the keys that list all others.
    let out = (context != KeyContext::Fleet).then_some((Action::Back, Action::Back.label()));
    let always = [(Action::Palette, "commands"), (Action::Help, "keys")];
    for (action, label) in out.into_iter().chain(tour).chain(always) {
        if let Some(key) = key(action).filter(|_| state.modal.is_none()) {
            last.push((key, if room < 100 && action == Action::Palette { "" } else { label }));
        }
    }
    let reserved: usize = last.iter().map(|(key, label)| width(key) + width(label) + 3).sum();
    let mut seen = Vec::new();
    let mut wanted = Vec::new();
    for binding in bindings.iter().filter(|binding| is_shown(context, binding.context, binding.action)) {
        if seen.contains(&binding.action) || (binding.action == Action::Back && state.modal.is_none()) {
            continue;
        }
        seen.push(binding.action);
        let possible = available(state, binding.action).is_ok();
        if !possible && context == KeyContext::Fleet && state.fleet.pane != FleetPane::Services {
            continue;
        }
        let one = (binding.keys.to_string(), label(state, binding.action, room), possible);
        match binding.action {
            // Near the front if a registry refuses something; otherwise nobody needs this key.
            Action::Login if login::is_needed(state.cluster()) => wanted.insert(wanted.len().min(1), one),
            Action::Login => {}
            // Hidden while not possible, because few plans and services need these keys.
            Action::AcceptUnverified | Action::ToPin | Action::AcceptDrift if !possible => {}
            // A change that is over takes no orders.
            Action::ContinuePastFailure
            | Action::ResumeContinue
            | Action::ResumeRollBack
            | Action::ResumeKeep
            | Action::Stop
            | Action::NextTrouble
                if !possible && context == KeyContext::Change => {}
            // Near the front if there is drift to resolve.
            Action::ToPin => wanted.insert(wanted.len().min(1), one),
            _ => wanted.push(one),
        }
    }
    let fits = fitting(&wanted, pen.room().saturating_sub(reserved));
    for (keys, label, possible) in wanted.into_iter().zip(fits).filter_map(|(one, fits)| fits.then_some(one)) {
        let (key_role, label_role) =
            if possible { (StyleRole::Key, StyleRole::KeyLabel) } else { (StyleRole::KeyDim, StyleRole::KeyDim) };
        pen.put(key_role, &keys).put(StyleRole::KeyLabel, " ").put(label_role, &label).gap(2);
    }
    for (key, label) in last {
        pen.put(StyleRole::Key, &key)
            .put(StyleRole::KeyLabel, " ")
            .put(StyleRole::KeyLabel, label)
            .gap(if label.is_empty() { 1 } else { 2 });
    }
}

/// Returns which keys fit, first those that can be pressed now; the help shows the rest.
fn fitting(wanted: &[(String, String, bool)], mut room: usize) -> Vec<bool> {
    let mut fits = vec![false; wanted.len()];
    for now in [true, false] {
        for (at, (keys, label, possible)) in wanted.iter().enumerate() {
            let cells = width(keys) + width(label) + 3;
            // A shorter entry may still fit.
            if *possible == now && cells <= room {
                fits[at] = true;
                room -= cells;
            }
        }
    }
    fits
}

/// Returns whether an action is shown in the footer: the purpose of the screen, not navigation.
fn is_shown(context: KeyContext, section: KeyContext, action: Action) -> bool {
    let panes = matches!(context, KeyContext::Fleet | KeyContext::Service) && action == Action::NextPane;
    let own = section == context || panes;
    let always = matches!(action, Action::Back) && section == KeyContext::Global && context != KeyContext::Fleet;
    let noise = matches!(action, Action::PreviousTrouble | Action::Help | Action::Palette);
    let motion = is_motion(action) && !matches!(action, Action::Back | Action::NextPane);
    ((own && (is_command(action) || matches!(action, Action::Back | Action::NextPane))) || always) && !noise && !motion
}

/// Returns the label of a key; that of `R` names the rollback target before it is pressed.
fn label(state: &State, action: Action, room: usize) -> String {
    let target = (action == Action::Rollback && state.modal.is_none()).then(|| back_label(state)).flatten();
    let Some(target) = target else {
        return match (state.context(), action) {
            (KeyContext::Fleet | KeyContext::Service, Action::Rollback) if is_choice(state) => "choose a rollback",
            (KeyContext::Change, Action::Rollback) if available(state, Action::Stop).is_ok() => "roll back now",
            (KeyContext::Change, Action::Copy) => "copy id",
            (KeyContext::History, Action::Copy) => "copy record",
            (KeyContext::Plan, Action::Copy) => "copy commands",
            (KeyContext::History, Action::Open) => "fold/unfold",
            (KeyContext::Change, Action::NextTrouble) => "next failed",
            (KeyContext::Editor, Action::LeaveEditor) => "leave text (then P: plan)",
            _ => action.label(),
        }
        .to_owned();
    };
    let most = if room < 100 { 14 } else { 30 };
    let digest = target.digest.map(|digest| format!(" @{}", &digest[..4])).unwrap_or_default();
    let note = if room < 100 || target.note.is_empty() { String::new() } else { format!(" ({})", target.note) };
    format!("roll back to {}{digest}{note}", middle(&target.image, most))
}
