//! The event loop: receives messages from one channel, updates the state, sends effects out, and draws after changes.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crossterm::event::{self, Event};
use rustix::process::{Signal, getpgid, getpgrp, getsid};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};

use pinnace_core::finding::Severity;
use pinnace_core::time::Time;
use pinnace_engine::clock::now;
use pinnace_tui::config::Key;
use pinnace_tui::layout::TerminalSize;
use pinnace_tui::msg::{ArrivedMsg, Effect, Msg};
use pinnace_tui::state::{Notice, State};
use pinnace_tui::update::{self, TickRate, pace};

use super::terminal::ConsoleTerminal;

/// The minimum average interval between frames.
const FRAME: Duration = Duration::from_millis(50);
/// The number of frames that may be drawn without that interval.
const AT_ONCE: usize = 5;
/// The poll interval while the terminal has not taken the last frame.
const BEHIND: Duration = Duration::from_millis(20);
/// The number of messages after which a frame is drawn even if more are waiting.
const BATCH: usize = 4096;

/// The sending end of the loop's channel; it stamps each message with its time.
#[derive(Clone, Debug)]
pub struct MsgSender(Sender<ArrivedMsg>);

impl MsgSender {
    /// Creates the channel.
    pub fn new() -> (Self, Receiver<ArrivedMsg>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Self(sender), receiver)
    }

    /// Sends a message; returns `false` once the loop has ended.
    pub fn send(&self, msg: Msg) -> bool {
        self.0.send(ArrivedMsg { at: now(), msg }).is_ok()
    }
}

/// Processes messages until the console ends. Blocks its thread; everything slow is done elsewhere.
///
/// `carry_out` receives all effects except those on the terminal itself, and must return at once.
pub fn run(
    state: &mut State,
    messages: &Receiver<ArrivedMsg>,
    console: &mut ConsoleTerminal,
    mut carry_out: impl FnMut(Effect),
) -> io::Result<()> {
    let mut frames = FrameScheduler { dirty: true, last: VecDeque::new() };
    let mut ticked = now();
    // An empty message triggers the effects of the initial state.
    let mut first = Some(ArrivedMsg { at: ticked, msg: Msg::Tick });
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
            next = Some(ArrivedMsg { at: ticked, msg: Msg::Tick });
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
        if follow(state, console, &mut carry_out)?.is_break() {
            return Ok(());
        }
        if frames.is_due(console) {
            // The frame must have the terminal's current size; a message about it may be pending or outdated.
            let size = size()?;
            if size != state.size {
                let resize = ArrivedMsg { at: now(), msg: Msg::Resize(size) };
                if take_in(state, resize, console, &mut carry_out)?.is_break()
                    || follow(state, console, &mut carry_out)?.is_break()
                {
                    return Ok(());
                }
            }
            frames.draw(state, console)?;
        }
    }
}

/// Processes one message and its effects; breaks if the console has to end.
fn take_in(
    state: &mut State,
    message: ArrivedMsg,
    console: &mut ConsoleTerminal,
    carry_out: &mut impl FnMut(Effect),
) -> io::Result<ControlFlow<()>> {
    // A resize, even one back to the old size, may have cut off or moved the last frame.
    if matches!(message.msg, Msg::Resize(_)) {
        console.redraw();
    }
    // Whoever stopped the process may have changed the terminal since.
    if matches!(message.msg, Msg::Continued) {
        console.take_back()?;
    }
    let effects = update::take_in(state, message);
    perform(effects, state, console, carry_out)
}

/// Works out what follows from the messages taken in, once for all of them; breaks if the console has to end.
fn follow(
    state: &mut State,
    console: &mut ConsoleTerminal,
    carry_out: &mut impl FnMut(Effect),
) -> io::Result<ControlFlow<()>> {
    let effects = update::follow_up(state);
    perform(effects, state, console, carry_out)
}

fn perform(
    effects: Vec<Effect>,
    state: &mut State,
    console: &mut ConsoleTerminal,
    carry_out: &mut impl FnMut(Effect),
) -> io::Result<ControlFlow<()>> {
    for effect in effects {
        match effect {
            Effect::Quit => return Ok(ControlFlow::Break(())),
            Effect::Redraw => console.redraw(),
            Effect::Suspend if has_shell() => console.suspend()?,
            Effect::Suspend => state.note(Notice {
                at: now(),
                severity: Severity::Warning,
                text: "not suspended: no shell here could continue it".to_owned(),
                hint: "start pinnace from a shell".to_owned(),
            }),
            Effect::Copy(text) => {
                console.copy(&text)?;
                carry_out(Effect::Copy(text));
            }
            other => carry_out(other),
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The schedule of frames.
struct FrameScheduler {
    dirty: bool,
    /// The times of the last frames, the oldest first; at most `AT_ONCE`.
    last: VecDeque<Instant>,
}

impl FrameScheduler {
    /// Returns the time until the next frame may be drawn; [`Duration::MAX`] if nothing changed.
    ///
    /// A few frames may follow each other at once, so that data which arrives piece by piece after the first frame,
    /// as the first lists do, appears without delay. Over any longer time the interval between frames is kept.
    fn wait(&self, console: &ConsoleTerminal) -> Duration {
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

    /// Returns whether a frame has to be drawn now.
    fn is_due(&self, console: &ConsoleTerminal) -> bool {
        self.dirty && self.wait(console).is_zero()
    }

    fn draw(&mut self, state: &State, console: &mut ConsoleTerminal) -> io::Result<()> {
        console.draw(state)?;
        self.dirty = false;
        self.last.push_back(Instant::now());
        if self.last.len() > AT_ONCE {
            self.last.pop_front();
        }
        Ok(())
    }
}

/// Returns the time until the next tick. Ticks are aligned with full seconds or minutes, so that the clock is right.
fn until_tick(pace: TickRate, now: Time) -> Duration {
    let interval = i64::try_from(pace.interval().as_millis()).unwrap_or(i64::MAX);
    let past = now.0.rem_euclid(interval);
    Duration::from_millis(u64::try_from(interval - past).unwrap_or(0))
}

fn is_due(pace: TickRate, ticked: Time, now: Time) -> bool {
    let interval = i64::try_from(pace.interval().as_millis()).unwrap_or(i64::MAX);
    ticked.0.div_euclid(interval) != now.0.div_euclid(interval)
}

/// Starts the thread that reads keys, pastes and sizes from the terminal, until the loop ends.
pub fn read_terminal(inbox: MsgSender) -> io::Result<()> {
    thread::Builder::new().name("keys".into()).spawn(move || {
        loop {
            let sent = if let Ok(event) = event::read() {
                message(event).is_none_or(|msg| inbox.send(msg))
            } else {
                // The terminal was closed: no more keys can come.
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
        Event::Resize(width, height) => Some(Msg::Resize(drawable(width, height))),
        _ => None,
    }
}

/// Returns whether a shell with job control started this process, so that a stopped one can be continued: the leader of
/// the session is in another process group.
fn has_shell() -> bool {
    let leader = getsid(None).and_then(|leader| getpgid(Some(leader)));
    leader.is_ok_and(|leader| leader != getpgrp())
}

/// Turns signals into messages, so that the loop can end, or give the terminal back, in an orderly way.
pub fn watch_signals(handle: &Handle, inbox: &MsgSender) -> io::Result<()> {
    let _entered = handle.enter();
    let stop = SignalKind::from_raw(Signal::TSTP.as_raw());
    let go_on = SignalKind::from_raw(Signal::CONT.as_raw());
    let ends = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()];
    let all = ends.map(|kind| (kind, Msg::Terminate)).into_iter();
    for (kind, msg) in all.chain([(stop, Msg::Suspend), (go_on, Msg::Continued)]) {
        let mut signals = signal(kind)?;
        let inbox = inbox.clone();
        handle.spawn(async move {
            while signals.recv().await.is_some() {
                if !inbox.send(msg.clone()) {
                    return;
                }
            }
        });
    }
    Ok(())
}

/// Returns the current size of the terminal.
pub fn size() -> io::Result<TerminalSize> {
    let (width, height) = crossterm::terminal::size()?;
    Ok(drawable(width, height))
}

/// Returns a size to draw in: a terminal that does not know its own (0x0, as serial lines and some containers have) is
/// taken as 80x24.
fn drawable(width: u16, height: u16) -> TerminalSize {
    match (width, height) {
        (0, _) | (_, 0) => TerminalSize { width: 80, height: 24 },
        _ => TerminalSize { width, height },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_come_with_the_minute() {
        assert_eq!(until_tick(TickRate::Minutes, Time(1_000_000 * 60_000 + 59_000)), Duration::from_secs(1));
        assert_eq!(until_tick(TickRate::Seconds, Time(1_500)), Duration::from_millis(500));
        assert!(is_due(TickRate::Minutes, Time(59_999), Time(60_000)));
        assert!(!is_due(TickRate::Minutes, Time(60_000), Time(119_999)));
    }
}
