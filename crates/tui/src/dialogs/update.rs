//! Updates of the dialogs: their actions, and typing into them.

use crate::action::Action;
use crate::dialogs::line_input::LineInput;
use crate::dialogs::palette::{PaletteChoice, PaletteState};
use crate::dialogs::state::PromptPurpose;
use crate::dialogs::state::{ActionToConfirm, Dialog, Prompt, TextDialog};
use crate::layout;
use crate::msg::Effect;
use crate::screens;
use crate::state::{ScrollState, State};
use crate::wrap::wrapped;
use pinnace_core::change::OperatorCommand;

use crate::dialogs::login::update as login;
use crate::update::body;
use crate::update::copy;
use crate::update::motion;

/// Opens the messages, with the newest one selected.
pub(crate) fn open_messages(state: &mut State) {
    let len = state.messages.len();
    let at = len.saturating_sub(1);
    state.modal = Some(Dialog::Messages(ScrollState { at, top: len.saturating_sub(popup_page(state)) }));
}

/// Opens the input line for this purpose, if the top screen has one.
pub(crate) fn open_line(state: &mut State, what: PromptPurpose) {
    let Some(before) = screens::line(state, what).map(str::to_owned) else { return };
    state.modal = Some(Dialog::Prompt(Prompt { what, line: LineInput::new(&before), before }));
}

/// Returns how many lines a window's list has room for.
pub(crate) fn popup_page(state: &State) -> usize {
    usize::from(layout::popup(body(state), u16::MAX, u16::MAX).height.saturating_sub(2))
}

/// The number of items that a list to pick from shows below the typed text.
pub(crate) const PICKS: usize = 12;

/// Inserts a character into the open dialog, if it takes text.
pub(crate) fn type_in(state: &mut State, c: char) {
    edit(state, |line| line.insert(c));
}

/// Inserts a pasted text into the open dialog, if it takes text.
pub(crate) fn paste(state: &mut State, text: &str) {
    edit(state, |line| line.paste(text));
}

/// Edits the line of the open dialog, and updates what depends on it.
fn edit(state: &mut State, change: impl FnOnce(&mut LineInput)) {
    match &mut state.modal {
        Some(Dialog::Prompt(prompt)) => {
            change(&mut prompt.line);
            let (what, text) = (prompt.what, prompt.line.text().to_owned());
            screens::take_line(state, what, &text);
        }
        Some(Dialog::Palette(palette)) => {
            change(&mut palette.line);
            palette.at = 0;
        }
        Some(Dialog::Themes(palette, _)) => {
            change(&mut palette.line);
            palette.at = 0;
            show_theme(state);
        }
        Some(Dialog::Login(form)) => login::edit(form, change),
        _ => {}
    }
}

/// Uses the selected theme at once, as a preview.
fn show_theme(state: &mut State) {
    let Some(Dialog::Themes(palette, _)) = &state.modal else { return };
    let name = palette.chosen().map(|item| item.name.clone());
    if let Some(theme) = state.config.themes.iter().find(|theme| Some(theme.name()) == name.as_deref()) {
        state.config.theme = theme.clone();
    }
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    if let Some(change) = editing(action)
        && matches!(state.modal, Some(Dialog::Prompt(_) | Dialog::Palette(_) | Dialog::Themes(..) | Dialog::Login(_)))
    {
        return edit(state, change);
    }
    if action == Action::Back {
        return close(state);
    }
    match &state.modal {
        Some(Dialog::Prompt(_)) if action == Action::Open => state.modal = None,
        Some(Dialog::Palette(_) | Dialog::Themes(..)) => pick(state, action, effects),
        Some(Dialog::Login(_)) => login::run(state, action, effects),
        Some(Dialog::Messages(_)) => messages(state, action, effects),
        Some(Dialog::Ask(question)) => answer(state, &question.what.clone(), action, effects),
        Some(Dialog::Help(_) | Dialog::Detail(_)) => slide(state, action),
        _ => {}
    }
}

/// Answers a question: yes is enter, or the key that asked the question.
fn answer(state: &mut State, asked: &ActionToConfirm, action: Action, effects: &mut Vec<Effect>) {
    let is_yes = match asked {
        ActionToConfirm::OperatorCommand(OperatorCommand::Continue) => {
            matches!(action, Action::Open | Action::ResumeContinue)
        }
        ActionToConfirm::OperatorCommand(OperatorCommand::RollBack) => {
            matches!(action, Action::Open | Action::ResumeRollBack)
        }
        ActionToConfirm::OperatorCommand(OperatorCommand::KeepAsIs) => {
            matches!(action, Action::Open | Action::ResumeKeep)
        }
        _ => action == Action::Open,
    };
    match asked {
        _ if !is_yes => {}
        ActionToConfirm::Quit => effects.push(Effect::Quit),
        ActionToConfirm::Apply => crate::screens::plan::update::apply(state, effects),
        ActionToConfirm::OperatorCommand(order) => crate::screens::change::update::order(state, *order, effects),
    }
}

fn editing(action: Action) -> Option<fn(&mut LineInput)> {
    Some(match action {
        Action::CursorLeft => LineInput::left,
        Action::CursorRight => LineInput::right,
        Action::CursorHome => LineInput::home,
        Action::CursorEnd => LineInput::end,
        Action::CursorWordLeft => LineInput::word_left,
        Action::CursorWordRight => LineInput::word_right,
        Action::DeleteBack => LineInput::delete_back,
        Action::DeleteForward => LineInput::delete_forward,
        Action::DeleteWordBack => LineInput::delete_word_back,
        Action::DeleteLine => LineInput::clear,
        _ => return None,
    })
}

/// Closes the dialog, and reverts what was only a preview.
fn close(state: &mut State) {
    match state.modal.take() {
        Some(Dialog::Prompt(prompt)) => screens::take_line(state, prompt.what, &prompt.before),
        Some(Dialog::Themes(_, before)) => {
            if let Some(theme) = state.config.themes.iter().find(|theme| theme.name() == before) {
                state.config.theme = theme.clone();
            }
        }
        _ => {}
    }
}

fn pick(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let Some(Dialog::Palette(palette) | Dialog::Themes(palette, _)) = &mut state.modal else { return };
    if action != Action::Open {
        let len = palette.matches().len();
        if let Some(at) = motion::moved(action, palette.at, len, PICKS) {
            palette.at = at;
        }
        return show_theme(state);
    }
    let chosen: Option<PaletteChoice> = PaletteState::chosen(palette).map(|item| item.pick.clone());
    match chosen {
        Some(PaletteChoice::Action(action)) => {
            state.modal = None;
            crate::update::try_run(state, action, effects);
        }
        Some(PaletteChoice::Theme(_)) => state.modal = None,
        None => {}
    }
}

fn messages(state: &mut State, action: Action, effects: &mut Vec<Effect>) {
    let page = popup_page(state);
    let len = state.messages.len();
    let Some(Dialog::Messages(scroll)) = &mut state.modal else { return };
    if motion::scroll(scroll, action, len, page) {
        return;
    }
    let Some(notice) = state.messages.get(scroll.at).cloned() else { return };
    match action {
        Action::Details => {
            let lines = vec![notice.text, notice.hint].into_iter().filter(|line| !line.is_empty()).collect();
            let title = format!("{} at {}", notice.severity, notice.at.clock(state.offset));
            state.modal = Some(Dialog::Detail(TextDialog { title, lines, top: 0 }));
        }
        Action::Copy => copy(state, notice.text, effects),
        _ => {}
    }
}

fn slide(state: &mut State, action: Action) {
    let page = popup_page(state);
    let width = usize::from(body(state).width).saturating_sub(6).max(1);
    let help = crate::dialogs::palette::help(state).len();
    match &mut state.modal {
        Some(Dialog::Help(scroll)) => {
            motion::slide(&mut scroll.top, action, help, page);
        }
        Some(Dialog::Detail(detail)) => {
            // Long lines are wrapped, so the lines are counted after wrapping.
            let lines = detail.lines.iter().map(|line| wrapped(line, width).len()).sum();
            motion::slide(&mut detail.top, action, lines, page);
        }
        _ => {}
    }
}
