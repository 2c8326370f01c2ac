//! The update of the pins screen: opening, typing, and the checks and drafts after a pause.

use crate::action::Action;
use crate::clusters::ClusterId;
use crate::dialogs::state::{Dialog, TextDialog};
use crate::layout;
use crate::msg::Effect;
use crate::screens::pins::editor::Editor;
use crate::screens::pins::selectors::keys_of;
use crate::screens::pins::state::{EditedPins, PinsMode, PinsPane, PinsState, QUIET, SavedDraft};
use crate::screens::{ActionOutcome, NavigationTarget};
use crate::selection::Selection;
use crate::state::{Screen, State};
use pinnace_core::finding::Severity;
use pinnace_core::pins;
use pinnace_core::plan::{Goal, plural};
use pinnace_core::sanitize::clean;
use pinnace_core::swarm::GroupKey;

use crate::update::body;
use crate::update::copy;
use crate::update::motion;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[
    Action::Plan,
    Action::Revert,
    Action::Complete,
    Action::Undo,
    Action::Redo,
    Action::LeaveEditor,
    Action::Edit,
    Action::NextPane,
    Action::PreviousPane,
    Action::NextTrouble,
    Action::PreviousTrouble,
    Action::Copy,
    Action::Details,
    Action::Open,
];

/// Opens the pins of the selected group, with the cursor on the selected service.
pub(crate) fn open(state: &mut State, effects: &mut Vec<Effect>) {
    let Selection { cluster, group: Some(group), service, .. } = Selection::of(state) else { return };
    let service = service.map(|service| service.name);
    effects.push(Effect::LoadDraft { cluster, group: group.clone() });
    state.screens.push(Screen::Pins(Box::new(PinsState {
        cluster,
        group,
        service,
        text: None,
        draft: SavedDraft::Asked,
        mode: PinsMode::Editing,
        pane: PinsPane::Text,
        top: 0,
        complete: None,
    })));
}

/// Stores the answer to the look-up of the draft.
pub(crate) fn take_draft(state: &mut State, cluster: ClusterId, group: &GroupKey, kept: &SavedDraft) {
    for screen in &mut state.screens {
        if let Screen::Pins(pins) = screen
            && pins.cluster == cluster
            && pins.group == *group
            && pins.draft == SavedDraft::Asked
        {
            pins.draft = kept.clone();
        }
    }
}

/// Updates the pins screens after every message: opens a text whose data is complete, checks the text on the
/// screen, and saves drafts after the pause.
pub(crate) fn after_message(state: &mut State, effects: &mut Vec<Effect>) {
    for at in 0..state.screens.len() {
        let is_shown = at + 1 == state.screens.len();
        let Some(Screen::Pins(screen)) = state.screens.get(at) else { continue };
        let keys = keys_of(state, screen);
        let Some(cluster) = state.clusters.get(screen.cluster) else { continue };
        let world = &cluster.world;
        let known = world.knows_journal().then(|| world.history(&screen.group).pins().ok()).flatten();
        // A pins screen below another screen is parsed and checked when it is on top again.
        let fresh = known.filter(|_| is_shown).map(|text| match text {
            Some(text) => (text.to_owned(), pins::read(text)),
            None => (pins::template(world, &screen.group), pins::PinDoc::default()),
        });
        let Some(Screen::Pins(screen)) = state.screens.get_mut(at) else { continue };
        follow(screen, fresh, &keys);
        if let (true, Some(text), Some(cluster)) = (is_shown, &mut screen.text, state.clusters.get(screen.cluster)) {
            text.check(&screen.group, cluster);
        }
        if screen.text.as_ref().is_some_and(|text| text.edited.is_some_and(|at| state.now.since(at) >= QUIET)) {
            flush(screen, effects);
        }
    }
}

/// Opens the text once its data is complete. Later, follows changes of the pins in force; an edited text stays.
fn follow(screen: &mut PinsState, fresh: Option<(String, pins::PinDoc)>, keys: &[pins::PinScope]) {
    let Some((start, in_force)) = fresh else { return };
    match &mut screen.text {
        None if screen.draft != SavedDraft::Asked => {
            let mut text = EditedPins::open(&start, in_force, &screen.draft);
            text.go_to(keys);
            screen.text = Some(text);
        }
        Some(text) if !text.in_force.means_as(&in_force) => {
            if text.is_edited() {
                text.in_force = in_force;
            } else {
                let cursor = text.editor.cursor();
                *text = EditedPins::open(&start, in_force, &SavedDraft::None);
                text.editor.jump(cursor.0, cursor.1);
            }
        }
        _ => {}
    }
}

/// Saves the draft, or deletes it if the text is unchanged; ends the pause, so that images are looked up.
fn flush(screen: &mut PinsState, effects: &mut Vec<Effect>) {
    let Some(text) = &mut screen.text else { return };
    text.edited = None;
    let (cluster, group) = (screen.cluster, screen.group.clone());
    let now = text.editor.text();
    if now == text.start {
        if text.saved.take().is_some() {
            effects.push(Effect::DropDraft { cluster, group });
        }
    } else if text.saved.as_ref() != Some(&now) {
        text.saved = Some(now.clone());
        effects.push(Effect::SaveDraft { cluster, group, text: now });
    }
}

/// Saves the typed text of every pins screen.
pub(crate) fn flush_all(state: &mut State, effects: &mut Vec<Effect>) {
    for screen in &mut state.screens {
        if let Screen::Pins(screen) = screen
            && screen.text.as_ref().is_some_and(|text| text.edited.is_some())
        {
            flush(screen, effects);
        }
    }
}

/// Deletes the draft of a group after its pins were applied.
pub(crate) fn applied(state: &mut State, cluster: ClusterId, group: &GroupKey, effects: &mut Vec<Effect>) {
    let mine =
        |screen: &Screen| matches!(screen, Screen::Pins(pins) if pins.cluster == cluster && pins.group == *group);
    // If the group's pins are open again, that is a new edit, and its draft stays.
    if !state.screens.iter().any(mine) {
        effects.push(Effect::DropDraft { cluster, group: group.clone() });
    }
}

/// Returns the text that takes typed input, if one does.
fn typing(state: &mut State) -> Option<&mut EditedPins> {
    match (&state.modal, state.screens.last_mut()) {
        (None, Some(Screen::Pins(screen))) if screen.mode == PinsMode::Editing => screen.text.as_mut(),
        _ => None,
    }
}

/// Changes the text that takes typed input; returns false if none does.
pub(crate) fn edit(state: &mut State, change: impl FnOnce(&mut Editor)) -> bool {
    let now = state.now;
    let Some(text) = typing(state) else { return false };
    let before = text.editor.text();
    change(&mut text.editor);
    if text.editor.text() != before {
        text.edited = Some(now);
    }
    true
}

/// Inserts a pasted text; returns false if no text takes input.
///
/// A database spec from pgEdge's API is converted to a pin document. Other JSON is rejected: it is no pin
/// document, and it may contain passwords, which a draft would store on disk.
pub(crate) fn paste(state: &mut State, pasted: &str) -> bool {
    if typing(state).is_none() || !pins::is_json(pasted) {
        return edit(state, |editor| editor.paste(pasted));
    }
    let Some(Screen::Pins(screen)) = state.screens.last() else { return false };
    let Some(cluster) = state.clusters.get(screen.cluster) else { return false };
    match pins::import(pasted, &screen.group, &cluster.world) {
        Err(error) => state.say(Severity::Warning, format!("not pasted: {error}"), error.hint()),
        Ok(taken) => {
            let count = taken.remarks.len();
            for remark in &taken.remarks {
                state.say(Severity::Info, remark.message.clone(), remark.hint.clone());
            }
            edit(state, |editor| {
                editor.replace(&taken.text);
                editor.jump(0, 0);
            });
            let more =
                if count == 0 { String::new() } else { format!("; press m for {count} {}", plural(count, "finding")) };
            state.say(Severity::Info, taken.told, format!("press ctrl-z twice to undo it{more}"));
        }
    }
    true
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let parts = layout::pins(state.size, body(state));
    let page = usize::from(parts.text.height);
    let mut typed = false;
    edit(state, |editor| typed = editor.run(action, page));
    if typed {
        return ActionOutcome::Handled;
    }
    let Some(Screen::Pins(screen)) = state.screens.last_mut() else { return ActionOutcome::NotMine };
    match action {
        Action::Plan => {
            if let Some(opening) = planned(state, effects) {
                return ActionOutcome::Open(opening);
            }
        }
        Action::Revert => revert(state, effects),
        Action::Complete => crate::screens::pins::completion_update::open(state),
        Action::LeaveEditor => {
            screen.mode = PinsMode::Reading;
            flush(screen, effects);
        }
        Action::Edit => (screen.mode, screen.pane) = (PinsMode::Editing, PinsPane::Text),
        Action::NextPane | Action::PreviousPane => {
            screen.pane = if screen.pane == PinsPane::Text { PinsPane::Images } else { PinsPane::Text };
        }
        Action::NextTrouble | Action::PreviousTrouble => next_trouble(screen, action == Action::NextTrouble),
        Action::Copy => {
            if let Some(text) = screen.text.as_ref().map(|text| text.editor.text()) {
                copy(state, text, effects);
            }
        }
        Action::Details => details(state),
        _ if screen.pane == PinsPane::Images && !parts.is_both() => {
            return ActionOutcome::handled(motion::slide(&mut screen.top, action, usize::MAX / 2, page));
        }
        _ => {
            let text = screen.text.as_mut();
            return ActionOutcome::handled(text.is_some_and(|text| text.editor.run(action, page)));
        }
    }
    ActionOutcome::Handled
}

fn next_trouble(screen: &mut PinsState, forward: bool) {
    let Some(text) = &mut screen.text else { return };
    let mut lines: Vec<usize> = text.placed.iter().map(|placed| text.line_of(placed.at.start)).collect();
    lines.dedup();
    let here = text.editor.cursor().0;
    let next = if forward {
        lines.iter().find(|line| **line > here).or(lines.first())
    } else {
        lines.iter().rev().find(|line| **line < here).or(lines.last())
    };
    if let Some(line) = next {
        text.editor.jump(*line, 0);
    }
}

/// Opens a dialog with the findings of the cursor's line, or with all findings if the line has none.
fn details(state: &mut State) {
    let Some(Screen::Pins(screen)) = state.screens.last() else { return };
    let Some(text) = &screen.text else { return };
    let line = text.editor.cursor().0;
    let all = |here: bool| text.placed.iter().filter(move |placed| !here || text.line_of(placed.at.start) == line);
    let here = all(true).next().is_some();
    let lines = all(here).flat_map(|placed| {
        let finding = &placed.finding;
        let mut lines = vec![format!("{} {}", finding.severity, clean(&finding.code)), clean(&finding.subject)];
        lines.push(clean(&finding.message));
        if !finding.hint.is_empty() {
            lines.push(format!("hint: {}", clean(&finding.hint)));
        }
        lines.push(String::new());
        lines
    });
    let lines = lines.collect();
    let title = if here { format!("line {}", line + 1) } else { "all findings".to_owned() };
    state.modal = Some(Dialog::Detail(TextDialog { title, lines, top: 0 }));
}

/// Returns the screen of the plan for the edited pins, after saving the draft.
fn planned(state: &mut State, effects: &mut Vec<Effect>) -> Option<NavigationTarget> {
    flush_all(state, effects);
    let Some(Screen::Pins(screen)) = state.screens.last() else { return None };
    let text = screen.text.as_ref()?;
    let goal = Goal::Pins { group: screen.group.clone(), text: text.editor.text() };
    Some(NavigationTarget::Plan(screen.cluster, goal))
}

/// Restores the pins in force, or the template; undo takes this back like an edit.
fn revert(state: &mut State, effects: &mut Vec<Effect>) {
    let Some(Screen::Pins(screen)) = state.screens.last_mut() else { return };
    let Some(text) = &mut screen.text else { return };
    let cursor = text.editor.cursor();
    text.editor.replace(&text.start.clone());
    text.editor.jump(cursor.0, cursor.1);
    text.from_draft = None;
    flush(screen, effects);
    state.say(Severity::Info, "draft deleted; the text is the pins in force again", "");
}
