//! The terminal: set up for the console, written to, and restored in every case.
//!
//! Frames are rendered in memory and written by a separate thread, so that a terminal which takes no bytes (a stopped
//! one, a broken SSH connection) never blocks anything else: frames are skipped, not queued.

use std::io::{self, IsTerminal as _, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};
use std::time::Duration;

use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{Command as _, cursor, queue, style};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use rustix::process::{Signal, kill_current_process_group};

use pinnace_tui::config::ColorDepth;
use pinnace_tui::state::State;
use pinnace_tui::view as ui;

use super::sgr_dedup::thrifty;

/// True while the console owns the terminal; nothing is written to it otherwise.
static OURS: AtomicBool = AtomicBool::new(false);
/// The thread that draws; only a panic of this thread ends the console.
static DRAWS: OnceLock<ThreadId> = OnceLock::new();

/// The timeout for a terminal that takes no bytes while it is restored.
const PATIENCE: Duration = Duration::from_secs(1);

/// The terminal while the console owns it; restored on drop.
pub struct ConsoleTerminal {
    terminal: Terminal<CrosstermBackend<FrameWriter>>,
    outlet: FrameWriter,
    /// Set when the screen may differ from the last frame.
    is_stale: bool,
}

impl ConsoleTerminal {
    /// Sets up the terminal for this colour depth. Fails if stdin or stdout is not a terminal.
    pub fn enter(depth: ColorDepth) -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the console needs a terminal, but stdin or stdout is not one (over ssh, use `ssh -t`); \
                 `pinnace status` needs none",
            ));
        }
        // Colours depend on the depth alone; otherwise crossterm reads `NO_COLOR` and writes resets instead of colours.
        style::force_color_output(true);
        let mut outlet = FrameWriter::new(depth)?;
        enable_raw_mode()?;
        OURS.store(true, Ordering::SeqCst);
        let entered = Self::start(&mut outlet);
        if entered.is_err() {
            restore();
        }
        entered
    }

    fn start(outlet: &mut FrameWriter) -> io::Result<Self> {
        queue!(outlet, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        outlet.flush()?;
        // A fixed viewport, which only `draw` resizes: ratatui must not use another size than the state's.
        let options = TerminalOptions { viewport: Viewport::Fixed(Rect::ZERO) };
        let terminal = Terminal::with_options(CrosstermBackend::new(outlet.clone()), options)?;
        Ok(Self { terminal, outlet: outlet.clone(), is_stale: true })
    }

    /// Gives the terminal back to the shell and stops the process group; returns once it was continued, with the
    /// terminal taken back.
    pub fn suspend(&mut self) -> io::Result<()> {
        self.wait_for_frames();
        restore();
        kill_current_process_group(Signal::STOP)?;
        self.take_back()
    }

    /// Sets the terminal up again, whatever became of it while the process was stopped.
    pub fn take_back(&mut self) -> io::Result<()> {
        // Without this, raw mode counts as set.
        disable_raw_mode()?;
        enable_raw_mode()?;
        OURS.store(true, Ordering::SeqCst);
        queue!(self.outlet, EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        self.outlet.flush()?;
        self.is_stale = true;
        Ok(())
    }

    /// Waits until the terminal has taken all frames, but not for ever.
    fn wait_for_frames(&self) {
        let mut waited = Duration::ZERO;
        while !self.is_ready() && waited < PATIENCE {
            thread::sleep(Duration::from_millis(5));
            waited += Duration::from_millis(5);
        }
    }

    /// Returns whether the terminal has taken all frames.
    pub fn is_ready(&self) -> bool {
        self.outlet.waiting.load(Ordering::SeqCst) == 0
    }

    /// Draws the state in the size of its layout.
    pub fn draw(&mut self, state: &State) -> io::Result<()> {
        let area = Rect::new(0, 0, state.size.width, state.size.height);
        if self.is_stale || self.terminal.get_frame().area() != area {
            // `Terminal::clear` is no alternative: it asks the terminal for its cursor position and fails
            // without an answer in time, and a slow connection must not keep the console from starting.
            self.terminal.resize(area)?;
            self.is_stale = false;
        }
        self.terminal.draw(|frame| ui::view(frame, state, &state.config.theme))?;
        Ok(())
    }

    /// Marks the screen as unknown, so that the next frame is drawn in full.
    pub fn redraw(&mut self) {
        self.is_stale = true;
    }

    /// Asks the terminal to copy a text to the clipboard of the operator's machine (OSC 52). Whether it did cannot be
    /// known.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let mut sequence = String::new();
        CopyToClipboard::to_clipboard_from(text).write_ansi(&mut sequence).map_err(io::Error::other)?;
        let around = Multiplexer::of(|name| std::env::var_os(name).is_some());
        self.outlet.write_all(around.passed_through(&sequence).as_bytes())?;
        self.outlet.flush()
    }
}

/// The program between the console and the terminal, which may keep control sequences for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Multiplexer {
    None,
    Tmux,
    Screen,
}

impl Multiplexer {
    /// Tells it by the environment variables that are set.
    fn of(is_set: impl Fn(&str) -> bool) -> Self {
        match (is_set("TMUX"), is_set("STY")) {
            (true, _) => Self::Tmux,
            (false, true) => Self::Screen,
            (false, false) => Self::None,
        }
    }

    /// Returns the sequence as it is, and once more wrapped for the terminal around the multiplexer: tmux takes the first
    /// if `set-clipboard` is on and passes the second on if `allow-passthrough` is; GNU screen passes on at most 768
    /// bytes at a time.
    fn passed_through(self, sequence: &str) -> String {
        match self {
            Self::None => sequence.to_owned(),
            Self::Tmux => format!("{sequence}\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")),
            Self::Screen => {
                let parts = sequence.as_bytes().chunks(760).map(String::from_utf8_lossy);
                parts.flat_map(|part| ["\x1bP".to_owned(), part.into_owned(), "\x1b\\".to_owned()]).collect()
            }
        }
    }
}

impl Drop for ConsoleTerminal {
    fn drop(&mut self) {
        // The last frame must not arrive after the terminal was restored.
        self.wait_for_frames();
        restore();
    }
}

/// Restores the terminal once, with a timeout for a terminal that takes no bytes.
fn restore() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = disable_raw_mode();
    let (done, wait) = mpsc::channel();
    let writer = thread::Builder::new().name("restore".into()).spawn(move || {
        let mut out = io::stdout();
        let _ = queue!(out, DisableBracketedPaste, cursor::Show, LeaveAlternateScreen);
        let _ = out.flush();
        let _ = done.send(());
    });
    if writer.is_ok() {
        let _ = wait.recv_timeout(PATIENCE);
    }
}

/// Installs a panic hook: a panic of the calling thread restores the terminal first, and is reported then.
///
/// A panic of any other thread ends only the work of that thread: it is passed to `report`, and the screen stays.
pub fn install_panic_hook(report: impl Fn(String) + Send + Sync + 'static) {
    let _ = DRAWS.set(thread::current().id());
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let drawing = DRAWS.get() == Some(&thread::current().id());
        if OURS.load(Ordering::SeqCst) && !drawing {
            report(info.to_string());
            return;
        }
        restore();
        before(info);
    }));
}

/// The output of the terminal library: collects the bytes of a frame, and hands it to the writing thread when flushed.
#[derive(Clone)]
pub struct FrameWriter {
    depth: ColorDepth,
    gathered: Vec<u8>,
    to: Sender<Vec<u8>>,
    waiting: Arc<AtomicUsize>,
}

impl FrameWriter {
    fn new(depth: ColorDepth) -> io::Result<Self> {
        let (to, frames) = mpsc::channel::<Vec<u8>>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&waiting);
        thread::Builder::new().name("terminal".into()).spawn(move || {
            let mut out = io::stdout();
            for frame in frames {
                if OURS.load(Ordering::SeqCst) {
                    // A closed terminal is reported by the next read, and by a signal.
                    let _ = out.write_all(&frame).and_then(|()| out.flush());
                }
                count.fetch_sub(1, Ordering::SeqCst);
            }
        })?;
        Ok(Self { depth, gathered: Vec::new(), to, waiting })
    }
}

impl Write for FrameWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let frame = std::mem::take(&mut self.gathered);
        if says_nothing(&frame) && self.waiting.load(Ordering::SeqCst) == 0 && OURS.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        if self.to.send(thrifty(&frame, self.depth)).is_err() {
            self.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Returns whether a frame holds only resets and cursor hiding: an unchanged screen is not written.
fn says_nothing(frame: &[u8]) -> bool {
    const TRIMMINGS: [&[u8]; 6] = [b"\x1b[39m", b"\x1b[49m", b"\x1b[59m", b"\x1b[0m", b"\x1b[m", b"\x1b[?25l"];
    let mut rest = frame;
    while !rest.is_empty() {
        let Some(next) = TRIMMINGS.iter().find_map(|part| rest.strip_prefix(*part)) else { return false };
        rest = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unchanged_screen_costs_nothing() {
        assert!(says_nothing(b""));
        assert!(says_nothing(b"\x1b[39m\x1b[49m\x1b[0m\x1b[?25l"));
        assert!(!says_nothing(b"\x1b[39mx"));
        assert!(!says_nothing(b"\x1b[?25h"));
    }

    #[test]
    fn a_multiplexer_gets_the_sequence_for_itself_and_for_the_terminal_around_it() {
        for (set, sent) in [
            (&[][..], "\x1b]52;c;YQ==\x1b\\"),
            (&["TMUX"], "\x1b]52;c;YQ==\x1b\\\x1bPtmux;\x1b\x1b]52;c;YQ==\x1b\x1b\\\x1b\\"),
            (&["STY"], "\x1bP\x1b]52;c;YQ==\x1b\\\x1b\\"),
        ] {
            let around = Multiplexer::of(|name| set.contains(&name));
            assert_eq!(around.passed_through("\x1b]52;c;YQ==\x1b\\"), sent, "{set:?}");
        }
    }

    #[test]
    fn what_an_unchanged_frame_writes_is_known() {
        let (to, frames) = mpsc::channel();
        let outlet =
            FrameWriter { depth: ColorDepth::True, gathered: Vec::new(), to, waiting: Arc::new(AtomicUsize::new(0)) };
        let mut backend = CrosstermBackend::new(outlet);
        ratatui::backend::Backend::draw(&mut backend, std::iter::empty()).unwrap();
        ratatui::backend::Backend::hide_cursor(&mut backend).unwrap();
        ratatui::backend::Backend::flush(&mut backend).unwrap();
        for frame in frames.try_iter() {
            assert!(says_nothing(&frame), "{:?}", String::from_utf8_lossy(&frame));
        }
    }
}
