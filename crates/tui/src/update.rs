//! The update function: the only writer of the state. It takes a message and returns the effects to carry out.

pub(crate) mod motion;
pub(crate) mod polling;

use crate::clusters::ClusterId;
use crate::dialogs::login::update as login;
use crate::dialogs::update as modal;
use crate::screens::candidates::update as earlier;
use crate::screens::change::update as change;
use crate::screens::fleet::update as fleet;
use crate::screens::history::update as history;
use crate::screens::image::update as image;
use crate::screens::logs::update as logs;
use crate::screens::pins::completion_update as complete;
use crate::screens::pins::update as pins;
use crate::screens::plan::update as plan;
use crate::screens::{self, ActionOutcome, NavigationTarget};
use std::time::Duration;

use crate::action::{Action, KeyContext};
use crate::config::{Key, KeyMatch};
use pinnace_core::finding::Severity;
use pinnace_core::registry::{Fact, FactQuery, FactSource, FactUpdate, LookupError};

use crate::availability::{Unavailable, available};
use crate::dialogs::palette;
use crate::dialogs::state::{ActionToConfirm, Confirmation, Dialog, PromptPurpose};
use crate::layout;
use crate::layout::Area;
use crate::msg::{ArrivedMsg, Effect, Msg};
use crate::screens::pins::state::SavedDraft;
use crate::state::{Screen, State};
use crate::{banner, external_deploys as noting, tour};

/// The number of lines of the service screen's summary.
pub(crate) const SERVICE_SUMMARY: u16 = 8;
/// The number of lines above the list of changes.
pub(crate) const HISTORY_SUMMARY: u16 = 2;

/// The number of lines above the content of the image screen.
pub(crate) const IMAGE_SUMMARY: u16 = 1;

pub(crate) use crate::dialogs::update::{PICKS, popup_page};
pub use crate::screens::fleet::update::nodes;
pub use motion::moved;

/// Updates the state by a message and returns the effects to carry out, in order.
pub fn update(state: &mut State, stamped: ArrivedMsg) -> Vec<Effect> {
    let mut effects = take_in(state, stamped);
    if !effects.contains(&Effect::Quit) {
        effects.extend(follow_up(state));
    }
    effects
}

/// The work that follows from messages and is due before the next key or frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is work of its own")]
pub struct FollowUp {
    /// Set once any message was taken in.
    is_due: bool,
    /// Set if the fleet's rows are out of date.
    rows: bool,
    /// Set if what is known of the swarm or of images changed.
    knowledge: bool,
    /// Set if the screen of an image may show something else.
    image: bool,
}

/// Takes a message in and returns its own effects. [`follow_up`] must be called before the next frame: what follows from
/// many messages is worked out once, so that a thousand failing services do not keep a key waiting.
pub fn take_in(state: &mut State, stamped: ArrivedMsg) -> Vec<Effect> {
    let by_operator = matches!(stamped.msg, Msg::Key(_) | Msg::Paste(_));
    // The operator acts on what is true now.
    let mut effects = if by_operator && state.follow_up.is_due { follow_up(state) } else { Vec::new() };
    state.now = state.now.max(stamped.at);
    let due = &mut state.follow_up;
    due.is_due = true;
    due.knowledge |= matches!(stamped.msg, Msg::Observed { .. } | Msg::QueryAnswered { .. } | Msg::LoggedIn { .. });
    due.image |=
        matches!(stamped.msg, Msg::QueryAnswered { .. } | Msg::LoggedIn { .. } | Msg::Tick | Msg::Files { .. });
    match stamped.msg {
        Msg::Key(key) => press(state, key, &mut effects),
        Msg::Paste(text) => {
            if !pins::paste(state, &text) {
                modal::paste(state, &text);
            }
        }
        Msg::Resize(size) => {
            state.size = size;
            state.follow_up.rows = true;
        }
        Msg::Tick => state.follow_up.rows = true,
        Msg::Suspend => suspend(state, &mut effects),
        Msg::Continued => {
            effects.push(Effect::Redraw);
            effects.extend(state.clusters.iter().map(|(cluster, _)| Effect::Refresh { cluster }));
        }
        Msg::Terminate => {
            pins::flush_all(state, &mut effects);
            effects.push(Effect::Quit);
        }
        Msg::Observed { cluster, seen } => see(state, cluster, seen),
        Msg::QueryAnswered { cluster, learned } => learn(state, cluster, learned),
        Msg::RegistryPinged { cluster, host, down } => pinged(state, cluster, &host, down.as_deref()),
        Msg::QueryFailed { cluster, want, why } => failed(state, cluster, want, why),
        Msg::LogLines { cluster, service, lines } => logs::take(state, cluster, &service, lines),
        Msg::LogEnded { cluster, service, why } => logs::end(state, cluster, &service, why),
        Msg::Files { cluster, image, manifest, files } => image::take(state, cluster, &image, &manifest, &files),
        Msg::Draft { cluster, group, text, at } => {
            let kept = text.map_or(SavedDraft::None, |text| SavedDraft::Text(text, at));
            pins::take_draft(state, cluster, &group, &kept);
        }
        Msg::ChangeStarted { cluster, plan, change } => change::started(state, cluster, &plan, &change),
        Msg::ChangeRefused { cluster, plan, why, hint } => change::refused(state, cluster, &plan, &why, &hint),
        Msg::ChangeEnded { cluster, change, text } => change::finished(state, cluster, &change, &text),
        Msg::ChangeEvent { cluster, change, event } => change::take(state, cluster, &change, &event, &mut effects),
        Msg::LoggedIn { cluster, host, user } => login::done(state, cluster, &host, &user),
        Msg::Notice(notice) => state.note(notice),
    }
    effects
}

/// Works out what follows from the messages taken in since the last call, and returns its effects; does nothing if
/// there were none.
pub fn follow_up(state: &mut State) -> Vec<Effect> {
    let due = std::mem::take(&mut state.follow_up);
    let mut effects = Vec::new();
    if !due.is_due {
        return effects;
    }
    if due.rows {
        fleet::rebuild(state);
    }
    tour::advance(state);
    change::settle_question(state);
    pins::after_message(state, &mut effects);
    complete::after_message(state, due.knowledge);
    if due.knowledge {
        plan::after_message(state);
        earlier::after_message(state);
    }
    if due.image {
        image::after_message(state);
    }
    fleet::keep_in_view(state);
    if due.rows {
        polling::watch_registries(state, &mut effects);
    }
    polling::watch(state, &mut effects);
    noting::after_message(state, &mut effects);
    effects
}

/// The rate of [`Msg::Tick`]: how often time alone changes the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TickRate {
    /// Every minute: only ages change.
    Minutes,
    /// Every second: a change is running.
    Seconds,
    /// Every 150 ms: an edit of the pins waits for a pause in typing.
    Quiet,
}

impl TickRate {
    /// Returns the time between two ticks.
    pub fn interval(self) -> Duration {
        match self {
            Self::Minutes => Duration::from_secs(60),
            Self::Seconds => Duration::from_secs(1),
            Self::Quiet => Duration::from_millis(150),
        }
    }
}

/// Returns the rate at which to send [`Msg::Tick`].
pub fn pace(state: &State) -> TickRate {
    let typed = |screen: &Screen| match screen {
        Screen::Pins(pins) => pins.text.as_ref().is_some_and(|text| text.edited.is_some()),
        _ => false,
    };
    if state.screens.iter().any(typed) {
        TickRate::Quiet
    } else if change::is_moving(state) {
        TickRate::Seconds
    } else {
        TickRate::Minutes
    }
}

/// Returns the body of the screen, between header, banner and footer.
pub(crate) fn body(state: &State) -> Area {
    layout::frame(state.size, banner::banner(state).is_some(), tour::is_shown(state)).body
}

fn see(state: &mut State, cluster: ClusterId, seen: Vec<pinnace_core::world::Observation>) {
    let now = state.now;
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    for seen in seen {
        one.world.apply(seen, now);
    }
    state.follow_up.rows |= cluster == state.active;
}

fn pinged(state: &mut State, cluster: ClusterId, host: &str, down: Option<&str>) {
    let now = state.now;
    if state.clusters.get_mut(cluster).is_some_and(|one| one.note_registry(host, now, down)) {
        // What the registry confirmed counts no longer, or may be asked for again.
        (state.follow_up.knowledge, state.follow_up.rows) = (true, true);
    }
}

fn failed(state: &mut State, cluster: ClusterId, want: FactQuery, why: String) {
    let now = state.now;
    if let Some(one) = state.clusters.get_mut(cluster) {
        one.facts.fail(want, LookupError::Unreachable(why), now);
    }
}

fn learn(state: &mut State, cluster: ClusterId, learned: FactUpdate) {
    let Some(one) = state.clusters.get_mut(cluster) else { return };
    if let FactUpdate::Image(reference, fact) = &learned
        && let Ok(image) = pinnace_core::image::ImageRef::parse(reference)
    {
        match fact {
            Fact::Failed { why, at } if why.is_server_error() || matches!(why, LookupError::Unreachable(_)) => {
                one.note_registry(&image.host, *at, Some(why.text()));
            }
            Fact::Known { at, via: FactSource::Registry, .. } | Fact::Failed { at, .. } => {
                one.note_registry(&image.host, *at, None);
            }
            // The engine's answer says nothing about this machine.
            Fact::Known { .. } | Fact::Unknown | Fact::Pending => {}
        }
    }
    one.facts.take(learned);
    state.follow_up.rows |= cluster == state.active;
}

/// Looks a key up in the current context and runs its action.
fn press(state: &mut State, key: Key, effects: &mut Vec<Effect>) {
    state.last_key = Some(state.now);
    state.notice = None;
    let context = state.context();
    state.pending.push(key);
    match state.config.keymap.lookup(context, &state.pending) {
        KeyMatch::Pending => {}
        KeyMatch::Run(action) => {
            state.pending.clear();
            try_run(state, action, effects);
        }
        KeyMatch::None => {
            let alone = state.pending.len() == 1;
            state.pending.clear();
            match key.text() {
                Some(c) if matches!(context, KeyContext::Editor | KeyContext::Complete) => {
                    pins::edit(state, |editor| editor.insert(c));
                }
                Some(c) if context.takes_text() => modal::type_in(state, c),
                // A sequence without a binding is dropped, and its last key is looked up alone.
                _ if !alone => press(state, key, effects),
                _ => {}
            }
        }
    }
}

/// Runs an action if it is possible now; else shows the reason.
pub(crate) fn try_run(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    match available(state, action) {
        Ok(()) => run(state, action, effects),
        Err(reason) => refuse(state, action, &reason),
    }
}

/// Shows the reason why an action is not possible.
fn refuse(state: &mut State, action: Action, reason: &Unavailable) {
    state.say(Severity::Info, format!("{}: {reason}", action.label()), "");
}

fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    if state.screens.is_empty() {
        fleet::hold_cursor(state);
    }
    match action {
        Action::Quit | Action::ForceQuit => quit(state, effects),
        Action::Suspend => suspend(state, effects),
        Action::Redraw => effects.push(Effect::Redraw),
        Action::Refresh => {
            polling::refresh(state, effects);
            plan::again(state);
            image::after_message(state);
        }
        Action::Tour => tour::toggle(state),
        Action::Help => state.modal = Some(Dialog::Help(crate::state::ScrollState::default())),
        Action::Messages => modal::open_messages(state),
        Action::Palette => state.modal = Some(Dialog::Palette(palette::commands(state))),
        Action::ThemePicker => {
            let before = state.config.theme.name().to_owned();
            state.modal = Some(Dialog::Themes(palette::themes(state), before));
        }
        _ if state.modal.is_some() => modal::run(state, action, effects),
        _ if complete::run(state, action) => {}
        _ if screens::opened(state, action, effects) => {}
        Action::Filter => modal::open_line(state, PromptPurpose::Filter),
        Action::Login => login::open(state),
        Action::CopyFix => copy_fix(state, effects),
        Action::Back => leave(state, effects),
        _ => run_on_screen(state, action, effects),
    }
}

fn run_on_screen(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let outcome = screens::run(state, action, effects);
    match outcome {
        ActionOutcome::Handled => {}
        // A motion key needs no message if nothing can move.
        ActionOutcome::NotMine if palette::is_motion(action) || palette::is_typing(action) => {}
        ActionOutcome::NotMine => refuse(state, action, &Unavailable::NotHere),
        ActionOutcome::Open(opening) => open(state, opening),
    }
}

/// Opens a screen over the others.
fn open(state: &mut State, opening: NavigationTarget) {
    match opening {
        NavigationTarget::Service(screen) => state.screens.push(Screen::Service(screen)),
        NavigationTarget::History => history::open(state),
        NavigationTarget::Change(cluster, group, id) => change::open(state, cluster, group, id),
        NavigationTarget::Plan(cluster, goal) => plan::open(state, cluster, goal),
    }
}

/// Closes the top screen; the fleet stays.
fn leave(state: &mut State, effects: &mut Vec<Effect>) {
    pins::flush_all(state, effects);
    match state.screens.pop() {
        Some(Screen::Logs(_)) => effects.push(Effect::StopLogs),
        Some(Screen::Image(screen)) if screen.is_reading() => effects.push(Effect::StopFiles),
        Some(_) => {}
        None => state.fleet.pane = crate::screens::fleet::state::FleetPane::Services,
    }
}

fn quit(state: &mut State, effects: &mut Vec<Effect>) {
    pins::flush_all(state, effects);
    match change::at_work_told(state) {
        None => effects.push(Effect::Quit),
        Some(change) => {
            state.modal = Some(Dialog::Ask(Confirmation {
                what: ActionToConfirm::Quit,
                title: "Quit while a change is running?".to_owned(),
                lines: vec![
                    change,
                    "pinnace finishes the current unit first. Any manager can resume the change later.".to_owned(),
                ],
            }));
        }
    }
}

/// Gives the terminal back to the shell, unless that would stop a change.
fn suspend(state: &mut State, effects: &mut Vec<Effect>) {
    if change::at_work_told(state).is_some() {
        let hint = "wait for its end, or detach from it with `x`";
        state.say(Severity::Warning, "not suspended: the running change would stop with the console", hint);
        return;
    }
    effects.push(Effect::Suspend);
}

/// Sends a text to the terminal's clipboard and shows it in a notice.
pub(crate) fn copy(state: &mut State, text: String, effects: &mut Vec<Effect>) {
    state.say(Severity::Info, format!("sent to the terminal's clipboard: {text}"), "");
    effects.push(Effect::Copy(text));
}

/// Copies the permanent fix for the subject of the screen, and shows its notes in a notice.
pub(crate) fn copy_fix(state: &mut State, effects: &mut Vec<Effect>) {
    match crate::permanent_fix::here(state) {
        Err(reason) => refuse(state, Action::CopyFix, &reason),
        Ok(fix) => {
            state.say(
                Severity::Info,
                format!("sent to the terminal's clipboard: {}", fix.describe()),
                fix.notes.join("; "),
            );
            effects.push(Effect::Copy(fix.text));
        }
    }
}
