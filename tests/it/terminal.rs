//! A terminal for the console: a PTY with a screen emulator.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::lab::Lab;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// A program in a terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn std::io::Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    /// All bytes that the program wrote.
    bytes: Arc<Mutex<Vec<u8>>>,
    changed: mpsc::Receiver<()>,
    /// Set while the output is not read.
    unread: Arc<AtomicBool>,
    before: String,
}

impl Terminal {
    /// Starts a program in a terminal of this size. A terminal of 0x0 has no size; its screen has 80x24.
    pub fn start(program: &Path, args: &[&str], environment: &[(String, String)], (width, height): (u16, u16)) -> Self {
        let size = PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = settings(&*pair.master);
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env_remove("COLORTERM");
        command.env_remove("NO_COLOR");
        for (key, value) in environment {
            command.env(key, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (rows, columns) = if width == 0 { (24, 80) } else { (height, width) };
        let screen = Arc::new(Mutex::new(vt100::Parser::new(rows, columns, 0)));
        let (tell, changed) = mpsc::channel();
        let mut output = pair.master.try_clone_reader().unwrap();
        let written = Arc::clone(&screen);
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bytes);
        let unread = Arc::new(AtomicBool::new(false));
        let waits = Arc::clone(&unread);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                while waits.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(20));
                }
                kept.lock().unwrap().extend_from_slice(&buffer[..count]);
                written.lock().unwrap().process(&buffer[..count]);
                if tell.send(()).is_err() {
                    return;
                }
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Self { master: pair.master, child, keys, screen, bytes, changed, unread, before }
    }

    /// Starts the console on the lab's first manager, with its own folders and configuration file.
    pub fn console(lab: &Lab, size: (u16, u16), config: &str) -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = |sub: &str| folder.path().join(sub);
        std::fs::create_dir_all(path("config/pinnace")).unwrap();
        std::fs::write(path("config/pinnace/config.toml"), config).unwrap();
        let text = |sub: &str| path(sub).display().to_string();
        let environment = [
            ("DOCKER_HOST".to_owned(), format!("unix://{}", lab.socket(1).display())),
            ("XDG_STATE_HOME".to_owned(), text("state")),
            ("XDG_CONFIG_HOME".to_owned(), text("config")),
            ("DOCKER_CONFIG".to_owned(), text("docker")),
        ];
        (Self::start(Path::new(env!("CARGO_BIN_EXE_pinnace")), &[], &environment, size), folder)
    }

    /// Stops or resumes reading the program's output.
    pub fn leave_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::SeqCst);
    }

    /// Returns the text on the screen.
    pub fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Returns all output so far, with its escape sequences.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Returns the rows that are reversed over at least half of their width.
    pub fn reversed_rows(&self) -> Vec<u16> {
        let parser = self.screen.lock().unwrap();
        let (height, width) = parser.screen().size();
        let is_reversed = |row, column| parser.screen().cell(row, column).is_some_and(vt100::Cell::inverse);
        let cells = |row: u16| (0..width).filter(|column| is_reversed(row, *column)).count();
        (0..height).filter(|row| 2 * cells(*row) >= usize::from(width)).collect()
    }

    /// Resizes the terminal as a window does: its content first, then the program is notified.
    pub fn resize(&self, (width, height): (u16, u16)) {
        self.screen.lock().unwrap().screen_mut().set_size(height, width);
        let size = PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).unwrap();
    }

    /// Returns the program's process id.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.process_id().unwrap()).unwrap()
    }

    /// Does what a shell does when its job is stopped: the terminal reads whole lines again, and the shell writes this.
    pub fn take_over(&self, text: &str) {
        let tty = self.tty();
        let mut modes = tcgetattr(&tty).unwrap();
        modes.local_modes |= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG;
        tcsetattr(&tty, OptionalActions::Now, &modes).unwrap();
        self.screen.lock().unwrap().process(text.as_bytes());
    }

    /// Returns whether keys reach the program one by one.
    pub fn is_raw(&self) -> bool {
        !tcgetattr(self.tty()).unwrap().local_modes.contains(LocalModes::ICANON)
    }

    /// Opens the program's side of the terminal.
    fn tty(&self) -> File {
        File::options().read(true).write(true).open(self.master.tty_name().unwrap()).unwrap()
    }

    /// Waits until the screen is as wanted; panics with the screen after the timeout.
    pub fn wait(&mut self, what: &str, within: Duration, wanted: impl Fn(&str) -> bool) -> Duration {
        let limit = if std::env::var_os("CI").is_some() { 2 * within } else { within };
        let began = Instant::now();
        loop {
            let text = self.text();
            if wanted(&text) {
                return began.elapsed();
            }
            let left = limit.checked_sub(began.elapsed());
            let Some(left) = left else { panic!("no {what} within {limit:?}:\n{text}") };
            let _ = self.changed.recv_timeout(left.min(Duration::from_millis(200)));
        }
    }

    /// Returns true if the program writes anything within this time.
    pub fn changed_within(&self, time: Duration) -> bool {
        let changed = self.changed.recv_timeout(time).is_ok();
        while self.changed.try_recv().is_ok() {}
        changed
    }

    /// Sends keys as a terminal does.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until the program ends; returns its exit code.
    pub fn end(&mut self, within: Duration) -> u32 {
        let limit = if std::env::var_os("CI").is_some() { 2 * within } else { within };
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // The last output may still be in transit.
                while self.changed.recv_timeout(Duration::from_millis(200)).is_ok() {}
                return status.exit_code();
            }
            assert!(began.elapsed() < limit, "it does not end:\n{}", self.text());
            let _ = self.changed.recv_timeout(Duration::from_millis(50));
        }
    }

    /// Panics unless the terminal has the same state as before the program.
    pub fn assert_given_back(&self) {
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left");
        assert!(!screen.hide_cursor(), "the cursor is shown");
        assert!(!screen.bracketed_paste(), "pastes come plain");
        assert_eq!(settings(&*self.master), self.before, "the line settings are as before");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn settings(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios())
}
