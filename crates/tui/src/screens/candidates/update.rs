//! The update of the candidates screen: opening the list, and choosing from it.

use crate::action::Action;
use crate::dialogs::state::{Dialog, TextDialog};
use crate::msg::Effect;
use crate::screens::candidates::selectors::{listable, page};
use crate::screens::candidates::state as earlier;
use crate::screens::candidates::state::{CandidatesState, about, goal};
use crate::selection::Selection;
use crate::state::{Screen, State};
use pinnace_core::sanitize::clean;

use crate::screens::{ActionOutcome, NavigationTarget};
use crate::update::copy;
use crate::update::motion;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] = &[Action::Open, Action::Copy, Action::Details];

/// Opens the list for the selected service.
pub(crate) fn open(state: &mut State) {
    let Ok((cluster, group, id)) = listable(state) else { return };
    let Some(one) = state.clusters.get(cluster) else { return };
    let Some(service) = one.world.services.get(&id) else { return };
    let screen = CandidatesState::new(cluster, one, group, service);
    state.screens.push(Screen::Candidates(Box::new(screen)));
}

/// Rebuilds the open lists after new observations or facts.
pub(crate) fn after_message(state: &mut State) {
    let page = page(state);
    for screen in &mut state.screens {
        if let Screen::Candidates(screen) = screen
            && let Some(one) = state.clusters.get(screen.cluster)
        {
            screen.look(one);
            screen.top = screen.scroll(page).top;
        }
    }
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let page = page(state);
    let Some(Screen::Candidates(screen)) = state.screens.last_mut() else { return ActionOutcome::NotMine };
    match action {
        Action::Open => {
            if let Ok((cluster, goal)) = goal(screen) {
                return ActionOutcome::Open(NavigationTarget::Plan(cluster, goal));
            }
        }
        Action::Copy => {
            if let Some(image) = Selection::of(state).image {
                let text = clean(&image.text);
                copy(state, text, effects);
            }
        }
        Action::Details => details(state),
        _ => {
            let Some(at) = motion::moved(action, screen.at(), screen.rows.len(), page) else {
                return ActionOutcome::NotMine;
            };
            screen.chosen = screen.rows.get(at).map(|one| one.places.image.clone());
            screen.top = screen.scroll(page).top;
        }
    }
    ActionOutcome::Handled
}

/// Opens a dialog with all details of the chosen image.
fn details(state: &mut State) {
    let Some(Screen::Candidates(screen)) = state.screens.last() else { return };
    let (Some(one), Some(row)) = (state.clusters.get(screen.cluster), screen.choice()) else { return };
    let [image, more] = about(one, row);
    let when = row.last.map(|at| format!("{} {}", at.date(state.offset), at.clock(state.offset)));
    let mut lines = vec![format!("image    {image}"), format!("result   {}", row.fared.describe())];
    lines.extend(when.map(|when| format!("last ran {when}")));
    lines.push(format!("registry {}", earlier::pullable(one, row).0));
    lines.extend(more.split(" · ").map(|part| format!("         {part}")));
    let title = format!("image of {}", clean(&screen.name));
    state.modal = Some(Dialog::Detail(TextDialog { title, lines, top: 0 }));
}
