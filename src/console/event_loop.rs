//! The loop: one channel in, one owner of the state, effects out, drawn when something changed.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use pinnace_core::time::Time;
use pinnace_engine::clock::now;
use pinnace_tui::config::Key;
use pinnace_tui::layout::Size;
use pinnace_tui::msg::{Effect, Msg, Stamped};
use pinnace_tui::state::State;
use pinnace_tui::update::{Pace, pace, update};

use super::terminal::Console;

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(50);
/// How many frames may follow one another without that time between them.
const AT_ONCE: usize = 5;
/// How often a terminal that is behind is looked at again.
const BEHIND: Duration = Duration::from_millis(20);
/// How many messages are taken in before a frame is due anyway.
const BATCH: usize = 4096;

/// Sends messages into the loop, each with the moment it came.
#[derive(Clone, Debug)]
pub struct Inbox(Sender<Stamped>);

impl Inbox {
    /// Makes both ends.
    pub fn new() -> (Self, Receiver<Stamped>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self(sender), receiver)
    }

    /// Sends a message; `false` once the loop has ended.
    pub fn send(&self, msg: Msg) -> bool {
        self.0.send(Stamped { at: now(), msg }).is_ok()
    }
}

/// Takes messages in until the console is to end. Blocks; everything slow is done elsewhere.
///
/// `carry_out` gets every effect but those of the terminal itself, and must return at once.
pub fn run(
    state: &mut State,
    messages: &Receiver<Stamped>,
    console: &mut Console,
    mut carry_out: impl FnMut(Effect),
) -> io::Result<()> {
    let mut frames = Frames { dirty: true, last: VecDeque::new() };
    let mut ticked = now();
    // What was there before the first frame is wished for by an empty message.
    let mut first = Some(Stamped { at: ticked, msg: Msg::Tick });
    loop {
        let wait = frames.wait(console).min(until_tick(pace(state), now()));
        let mut next = match first.take() {
            Some(first) => Some(first),
            None => match messages.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            },
        };
        if next.is_none() && is_due(pace(state), ticked, now()) {
            ticked = now();
            next = Some(Stamped { at: ticked, msg: Msg::Tick });
        }
        let mut taken = 0;
        while let Some(message) = next {
            frames.dirty = true;
            if take_in(state, message, console, &mut carry_out)?.is_break() {
                return Ok(());
            }
            taken += 1;
            next = if taken < BATCH { messages.try_recv().ok() } else { None };
        }
        if frames.is_due(console) {
            // The frame's size is the terminal's at this moment; a message about it may be on its way or outdated.
            let size = size()?;
            if size != state.size {
                let resize = Stamped { at: now(), msg: Msg::Resize(size) };
                if take_in(state, resize, console, &mut carry_out)?.is_break() {
                    return Ok(());
                }
            }
            frames.draw(state, console)?;
        }
    }
}

/// Takes in a message and carries out its effects; breaks when the console is to end.
fn take_in(
    state: &mut State,
    message: Stamped,
    console: &mut Console,
    carry_out: &mut impl FnMut(Effect),
) -> io::Result<ControlFlow<()>> {
    // A terminal that was resized, even back to its size before, may have cut off or moved the last frame.
    if matches!(message.msg, Msg::Resize(_)) {
        console.redraw();
    }
    for effect in update(state, message) {
        match effect {
            Effect::Quit => return Ok(ControlFlow::Break(())),
            Effect::Redraw => console.redraw(),
            Effect::Copy(text) => console.copy(&text)?,
            other => carry_out(other),
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// When to draw.
struct Frames {
    dirty: bool,
    /// When the last ones were drawn, the oldest first.
    last: VecDeque<Instant>,
}

impl Frames {
    /// How long until a frame may be drawn, if one is due.
    ///
    /// A few may follow one another at once, so that what comes piece by piece right after the first, as the first lists
    /// do, is not held up; over any longer time they keep to their distance.
    fn wait(&self, console: &Console) -> Duration {
        match (self.dirty, console.is_ready()) {
            (false, _) => Duration::MAX,
            (true, false) => BEHIND,
            (true, true) if self.last.len() < AT_ONCE => Duration::ZERO,
            (true, true) => {
                let room = FRAME * u32::try_from(AT_ONCE).unwrap_or(1);
                self.last.front().map_or(Duration::ZERO, |oldest| room.saturating_sub(oldest.elapsed()))
            }
        }
    }

    /// Returns whether a frame is to be drawn now.
    fn is_due(&self, console: &Console) -> bool {
        self.dirty && self.wait(console).is_zero()
    }

    fn draw(&mut self, state: &State, console: &mut Console) -> io::Result<()> {
        console.draw(state)?;
        self.dirty = false;
        self.last.push_back(Instant::now());
        if self.last.len() > AT_ONCE {
            self.last.pop_front();
        }
        Ok(())
    }
}

/// The time to the next tick; ticks by the minute come with the minute, so that the clock on the screen is right.
fn until_tick(pace: Pace, now: Time) -> Duration {
    let interval = i64::try_from(pace.interval().as_millis()).unwrap_or(i64::MAX);
    let past = now.0.rem_euclid(interval);
    Duration::from_millis(u64::try_from(interval - past).unwrap_or(0))
}

fn is_due(pace: Pace, ticked: Time, now: Time) -> bool {
    let interval = i64::try_from(pace.interval().as_millis()).unwrap_or(i64::MAX);
    ticked.0.div_euclid(interval) != now.0.div_euclid(interval)
}

/// Reads keys, pastes and sizes for as long as the loop takes them.
pub fn read_terminal(inbox: Inbox) -> io::Result<()> {
    thread::Builder::new().name("keys".into()).spawn(move || {
        loop {
            let sent = if let Ok(event) = event::read() {
                message(event).is_none_or(|msg| inbox.send(msg))
            } else {
                // The terminal is gone: nobody can press a key any more.
                inbox.send(Msg::Terminate);
                false
            };
            if !sent {
                return;
            }
        }
    })?;
    Ok(())
}

fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) => Key::from_event(key).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(width, height) => Some(Msg::Resize(Size { width, height })),
        _ => None,
    }
}

/// Turns SIGTERM and SIGHUP into a message, so that the loop can end in order.
pub fn watch_signals(handle: &Handle, inbox: &Inbox) -> io::Result<()> {
    let _entered = handle.enter();
    for kind in [SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals = signal(kind)?;
        let inbox = inbox.clone();
        handle.spawn(async move {
            while signals.recv().await.is_some() {
                if !inbox.send(Msg::Terminate) {
                    return;
                }
            }
        });
    }
    Ok(())
}

/// The terminal's size now.
pub fn size() -> io::Result<Size> {
    let (width, height) = crossterm::terminal::size()?;
    Ok(Size { width, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_come_with_the_minute() {
        assert_eq!(until_tick(Pace::Minutes, Time(1_000_000 * 60_000 + 59_000)), Duration::from_secs(1));
        assert_eq!(until_tick(Pace::Seconds, Time(1_500)), Duration::from_millis(500));
        assert!(is_due(Pace::Minutes, Time(59_999), Time(60_000)));
        assert!(!is_due(Pace::Minutes, Time(60_000), Time(119_999)));
    }
}
