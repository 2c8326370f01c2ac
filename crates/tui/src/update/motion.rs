//! Navigation in lists and texts, the same on all screens.

use crate::action::Action;
use crate::layout::scrolled;
use crate::state::ScrollState;

/// Returns the index in a list of `len` after a motion; `None` if the action is no motion.
pub fn moved(action: Action, at: usize, len: usize, page: usize) -> Option<usize> {
    let last = len.saturating_sub(1);
    let page = page.saturating_sub(1).max(1);
    Some(match action {
        Action::Down => (at + 1).min(last),
        Action::Up => at.saturating_sub(1),
        Action::PageDown => (at + page).min(last),
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => last,
        _ => return None,
    })
}

/// Moves the cursor of a list whose items take one line each; returns whether the action was a motion.
pub(crate) fn scroll(scroll: &mut ScrollState, action: Action, len: usize, page: usize) -> bool {
    let Some(at) = moved(action, scroll.at, len, page) else { return false };
    scroll.at = at;
    scroll.top = scrolled(scroll.top, (at, 1), page, len);
    true
}

/// Moves the first line of a text without a cursor; returns whether the action was a motion.
pub(crate) fn slide(top: &mut usize, action: Action, len: usize, page: usize) -> bool {
    let most = len.saturating_sub(page);
    match moved(action, *top, most + 1, page) {
        Some(at) => *top = at,
        None => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_stay_within_the_list() {
        for (action, at, to) in [
            (Action::Down, 9, 9),
            (Action::Down, 3, 4),
            (Action::Up, 0, 0),
            (Action::PageDown, 0, 4),
            (Action::PageUp, 9, 5),
            (Action::Bottom, 0, 9),
            (Action::Top, 9, 0),
        ] {
            assert_eq!(moved(action, at, 10, 5), Some(to), "{action}");
        }
        assert_eq!(moved(Action::Down, 0, 0, 5), Some(0));
        assert_eq!(moved(Action::Open, 0, 10, 5), None);
    }
}
