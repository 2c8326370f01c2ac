//! The update of the history screen.

use crate::filter::TextFilter;
use crate::screens::{ActionOutcome, NavigationTarget};
use std::collections::BTreeSet;

use crate::action::Action;
use crate::dialogs::state::{Dialog, TextDialog};
use crate::layout;
use crate::layout::scrolled;
use crate::msg::Effect;
use crate::screens::change::state::ChangeId;
use crate::screens::history::selectors::items;
use crate::screens::history::state::HistoryRow;
use crate::screens::history::state::{HistoryScope, HistoryState};
use crate::selection::Selection;
use crate::state::{Screen, ScrollState, State};
use pinnace_core::finding::Severity;
use pinnace_core::sanitize::clean;

use crate::update::HISTORY_SUMMARY;
use crate::update::body;
use crate::update::copy;
use crate::update::motion;

/// The actions that only this screen has, without cursor movement.
pub(crate) const ACTIONS: &[Action] =
    &[Action::Open, Action::Filter, Action::ClearFilter, Action::Details, Action::Copy, Action::Left, Action::Right];

/// Opens the history: of one service from a screen about that service, else of the whole cluster.
pub(crate) fn open(state: &mut State) {
    let Selection { group, service, .. } = Selection::of(state);
    let span = match state.screens.last() {
        Some(Screen::Service(_) | Screen::Candidates(_) | Screen::Logs(_)) => match (group, service) {
            (Some(group), Some(service)) => HistoryScope::Service(group, service.name),
            _ => HistoryScope::All,
        },
        _ => HistoryScope::All,
    };
    state.screens.push(Screen::History(HistoryState {
        cluster: state.active,
        span,
        filter: TextFilter::default(),
        open: BTreeSet::new(),
        scroll: ScrollState::default(),
    }));
}

/// Sets the filter to the text typed so far.
pub(crate) fn set_filter(screen: &mut HistoryState, text: &str) {
    screen.filter = TextFilter::read(text);
    screen.scroll = ScrollState::default();
}

fn page(state: &State) -> usize {
    usize::from(layout::titled(body(state), HISTORY_SUMMARY).list.height)
}

/// Copies the record of the chosen change as JSON; its id, while the record is not read or no longer exists.
fn copy_record(state: &mut State, change: Option<String>, effects: &mut Vec<Effect>) {
    let (Some(change), Some(Screen::History(screen))) = (change, state.screens.last()) else { return };
    let list = items(state, screen);
    let entry = list.iter().map(|item| item.entry).find(|entry| entry.slot.change == change);
    let record = entry.and_then(|entry| serde_json::to_string_pretty(entry.record.as_ref()?).ok());
    match record {
        Some(record) => {
            let text = format!("sent to the terminal's clipboard: the record of change {change}");
            state.say(Severity::Info, text, "");
            effects.push(Effect::Copy(record));
        }
        None => copy(state, change, effects),
    }
}

pub(crate) fn run(state: &mut State, action: Action, effects: &mut Vec<Effect>) -> ActionOutcome {
    let page = page(state);
    let Some(Screen::History(screen)) = state.screens.last() else { return ActionOutcome::NotMine };
    let list = items(state, screen);
    let chosen = list.get(screen.scroll.at).map(|item| item.entry.slot.change.clone());
    let at = motion::moved(action, screen.scroll.at, list.len(), page);
    if action == Action::Copy {
        copy_record(state, chosen, effects);
        return ActionOutcome::Handled;
    }
    if action == Action::Details {
        details(state);
        return ActionOutcome::Handled;
    }
    if let (Action::Open, Some(opening)) = (action, unfinished(state, chosen.as_deref())) {
        return ActionOutcome::Open(opening);
    }
    let Some(Screen::History(screen)) = state.screens.last_mut() else { return ActionOutcome::NotMine };
    match action {
        Action::Open | Action::Left | Action::Right => {
            let Some(change) = chosen else { return ActionOutcome::NotMine };
            let open = screen.open.contains(&change);
            if open && action != Action::Right {
                screen.open.remove(&change);
            } else if action != Action::Left {
                screen.open.insert(change);
            }
        }
        Action::ClearFilter => set_filter(screen, ""),
        _ => {
            let Some(at) = at else { return ActionOutcome::NotMine };
            screen.scroll.at = at;
        }
    }
    keep_in_view(state, page);
    ActionOutcome::Handled
}

/// Returns the screen of the given change if it is running or unfinished.
fn unfinished(state: &State, change: Option<&str>) -> Option<NavigationTarget> {
    let Some(Screen::History(screen)) = state.screens.last() else { return None };
    let cluster = screen.cluster;
    let list = items(state, screen);
    let mut found = list.iter().filter(|item| Some(item.entry.slot.change.as_str()) == change);
    let entry = found.next()?.entry;
    let group = entry.slot.group().filter(|_| !entry.slot.labels.state.is_terminal())?;
    Some(NavigationTarget::Change(cluster, group, ChangeId::Change(entry.slot.change.clone())))
}

fn keep_in_view(state: &mut State, page: usize) {
    let Some(Screen::History(screen)) = state.screens.last() else { return };
    let list = items(state, screen);
    let at = screen.scroll.at.min(list.len().saturating_sub(1));
    let line = list.iter().take(at).map(HistoryRow::lines).sum();
    let lines = list.get(at).map_or(1, HistoryRow::lines);
    let total = list.iter().map(HistoryRow::lines).sum();
    let top = scrolled(screen.scroll.top, (line, lines), page, total);
    if let Some(Screen::History(screen)) = state.screens.last_mut() {
        screen.scroll = ScrollState { at, top };
    }
}

fn details(state: &mut State) {
    let Some(Screen::History(screen)) = state.screens.last() else { return };
    let list = items(state, screen);
    let Some(entry) = list.get(screen.scroll.at).map(|item| item.entry) else { return };
    let labels = &entry.slot.labels;
    let at = labels.at.or(entry.slot.created);
    let mut lines = vec![
        format!("change   {}", clean(&entry.slot.change)),
        format!("group    {}, number {}", clean(&labels.group), entry.slot.seq),
        format!("outcome  {}", labels.state.label()),
        format!("by       {}", clean(&labels.by)),
    ];
    lines.extend(at.map(|at| format!("when     {} {}", at.date(state.offset), at.clock(state.offset))));
    for (name, text) in [("reason", &labels.why), ("summary", &labels.sum)] {
        if !text.is_empty() {
            lines.push(format!("{name:<8} {}", clean(text)));
        }
    }
    let plan = entry.record.as_ref().map(|record| &record.plan);
    for unit in plan.iter().flat_map(|plan| &plan.units) {
        lines.push(String::new());
        lines.push(clean(&unit.service));
        lines.push(format!("  from   {}", clean(&unit.from.image)));
        lines.push(format!("  to     {}", clean(&unit.to.image)));
    }
    state.modal = Some(Dialog::Detail(TextDialog { title: "change".to_owned(), lines, top: 0 }));
}
