//! Tests of a change that asks about a stuck unit, and withdraws its question.

use pinnace_core::change::{ChangeEventKind, OperatorCommand};
use pinnace_tui::action::KeyContext;
use pinnace_tui::msg::Effect;

use crate::fixture::press;
use crate::scenario::{self, event};

fn orders(effects: &[Effect]) -> Vec<OperatorCommand> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::OperatorCommand { order, .. } = effect { Some(*order) } else { None })
        .collect()
}

#[test]
fn a_question_about_what_is_stuck_goes_by_itself() {
    let mut state = scenario::stuck(100, 30);
    press(&mut state, "C");
    assert_eq!(state.context(), KeyContext::Ask);
    event(&mut state, ChangeEventKind::Withdrawn);
    assert_eq!(state.context(), KeyContext::Change, "there is nothing to go past any more");
    assert_eq!(orders(&press(&mut state, "C")), []);
    assert!(!crate::screens::lines_of(&state).join("\n").contains("neither fails"));
    let mut state = scenario::stuck(100, 30);
    assert_eq!(orders(&press(&mut state, "C enter")), [OperatorCommand::Continue]);
    assert_eq!(orders(&press(&mut scenario::stuck(100, 30), "L")), [OperatorCommand::KeepAsIs]);
    assert_eq!(orders(&press(&mut scenario::stuck(100, 30), "R")), [OperatorCommand::RollBack]);
}
