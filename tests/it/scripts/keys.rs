//! The console without a terminal: keys go in, messages and effects run in the same loop, frames come out as text.

use pinnace_tui::clusters::ClusterId;
use std::sync::mpsc::Receiver;

use pinnace::console::event_loop::MsgSender;
use pinnace::console::{ConsoleCluster, EffectRunner};
use pinnace_core::swarm::GroupKey;
use pinnace_engine::clock::Clock;
use pinnace_tui::config::{Config, ConfigTexts, Key, SourceText, load};
use pinnace_tui::layout::TerminalSize;
use pinnace_tui::msg::{ArrivedMsg, Effect, Msg};
use pinnace_tui::state::State;
use pinnace_tui::state::{ClusterState, WriteProtection};
use pinnace_tui::update::update;
use tokio::runtime::Handle;

use super::*;
use crate::drawing;

/// A console with a simulated user.
pub(super) struct Desk {
    state: State,
    effects: EffectRunner,
    messages: Receiver<ArrivedMsg>,
    clock: Clock,
    quit: bool,
}

impl Desk {
    pub(super) fn open(operator: &Operator, size: (u16, u16)) -> Self {
        Self::with(&operator.given, size)
    }

    /// Opens a console on the given cluster.
    pub(super) fn with(given: &TestContext, size: (u16, u16)) -> Self {
        Self::configured(given, size, "settle_seconds = 0\n")
    }

    /// Opens a console on the given cluster, with this text as `config.toml`.
    pub(super) fn configured(given: &TestContext, size: (u16, u16), text: &str) -> Self {
        let texts = ConfigTexts { settings: Some(SourceText { file: "config.toml", text }), ..ConfigTexts::default() };
        let (config, warnings): (Config, _) = load(&texts);
        assert!(warnings.is_empty(), "{warnings:?}");
        let settings = config.settings.clone();
        let (inbox, messages) = MsgSender::new();
        let clock = given.cluster.docker.clock();
        let size = TerminalSize { width: size.0, height: size.1 };
        let state = State::new(vec![ClusterState::new("sim", "memory")], config, size, clock.now(), 0);
        let parts = ConsoleCluster { name: "sim".into(), cluster: given.cluster.clone(), guard: WriteProtection::None };
        let effects = EffectRunner::start(Handle::current(), inbox, vec![parts], Some(given.state.clone()), &settings);
        Self { state, effects, messages, clock, quit: false }
    }

    /// Simulates a lost terminal or SIGTERM; returns when all running effects have finished.
    pub(super) async fn hang_up(mut self) {
        self.take(Msg::Terminate);
        assert!(self.quit);
        self.effects.finished().await;
    }

    fn take(&mut self, msg: Msg) {
        for effect in update(&mut self.state, ArrivedMsg { at: self.clock.now(), msg }) {
            if effect == Effect::Quit {
                self.quit = true;
            }
            self.effects.run(effect);
        }
    }

    pub(super) fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let key: Key = key.parse().unwrap();
            self.take(Msg::Key(key));
        }
    }

    pub(super) fn type_in(&mut self, text: &str) {
        self.take(Msg::Paste(text.to_owned()));
    }

    /// Types a text key by key.
    pub(super) fn key_in(&mut self, text: &str) {
        for c in text.chars() {
            self.press(&match c {
                ' ' => "space".to_owned(),
                '\n' => "enter".to_owned(),
                c => c.to_string(),
            });
        }
    }

    /// Returns true if the registry has answered about an image.
    pub(super) fn knows(&self, image: &str) -> bool {
        self.state.clusters[ClusterId::FIRST].facts.image(image).answered()
    }

    pub(super) fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Returns the lines of the screen.
    pub(super) fn lines(&self) -> Vec<String> {
        let size = (self.state.size.width, self.state.size.height);
        drawing::lines(&drawing::draw_at(&self.state, size, &self.state.config.theme))
    }

    /// Lets time pass; `look` is called after each batch of messages, and every half second.
    pub(super) async fn pass(&mut self, milliseconds: u64, mut look: impl FnMut(&Self)) {
        for step in 0..milliseconds.div_ceil(50) {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let mut came = false;
            while let Ok(stamped) = self.messages.try_recv() {
                came = true;
                self.take(stamped.msg);
            }
            self.take(Msg::Tick);
            if came || step % 10 == 9 {
                look(self);
            }
        }
    }

    /// Lets time pass until the screen is as wanted; panics after the timeout.
    pub(super) async fn wait(&mut self, what: &str, seconds: u64, wanted: impl Fn(&str) -> bool) {
        let began = Instant::now();
        loop {
            while let Ok(stamped) = self.messages.try_recv() {
                self.take(stamped.msg);
            }
            let text = self.text();
            if wanted(&text) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(seconds), "no {what} in {seconds} s:\n{text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.take(Msg::Tick);
        }
    }

    /// Waits until the final journal entry of a database's newest change is shown; it arrives with its own event.
    async fn settled(&mut self, database: &str) {
        let group = GroupKey::parse(&format!("database/{database}")).unwrap();
        let is_over = |state: &State| {
            let newest = state.clusters[ClusterId::FIRST].world.history(&group).newest();
            newest.is_some_and(|entry| entry.slot.labels.state.is_terminal())
        };
        for _ in 0..200 {
            if is_over(&self.state) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            while let Ok(stamped) = self.messages.try_recv() {
                self.take(stamped.msg);
            }
        }
        panic!("the journal does not say in 10 s that the change is over");
    }

    /// Moves from the first screen to the plan of another image for `n1`.
    pub(super) async fn plan(&mut self, tag: &str) {
        self.wait("first screen", 10, |text| text.contains("storefront")).await;
        self.press("/");
        self.type_in("storefront member:n1");
        self.press("enter");
        self.wait("the member alone", 10, |text| text.contains("3 shown")).await;
        self.press("g g j p");
        self.wait("the pins", 10, |text| text.contains("[node.n1]")).await;
        // Removes the comment sign and a space, then replaces the tag and the closing quote.
        self.press("delete delete end backspace backspace");
        self.type_in(&format!("{tag}\""));
        self.wait("the registry's answer", 10, |text| text.contains("linux/amd64") || text.contains("● n1 on")).await;
        self.press("esc P");
        self.wait("the plan", 10, |text| text.contains("plan up to date")).await;
    }
}

pub(super) const DATABASE: [&str; 3] = ["postgres-n1-a", "postgres-n1-b", "postgres-n1-c"];

#[tokio::test(start_paused = true)]
async fn there_and_back_by_keys() {
    for size in [(80, 24), (120, 40)] {
        let swarm = Swarm::start();
        let operator = swarm.at("node-1");
        let before = swarm.specs(&DATABASE).await;
        let (_, new) = swarm.image("pg:2");
        let mut desk = Desk::open(&operator, size);
        desk.plan("2").await;
        desk.press("s a");
        desk.wait("the outcome", 120, |text| text.contains("Done.")).await;
        assert!(swarm.tasks(&DATABASE).await.iter().all(|(.., image)| *image == new));
        desk.press("esc g g");
        desk.wait("the fleet", 30, |text| text.contains("3 shown")).await;
        desk.settled("storefront").await;
        desk.press("R");
        desk.wait("the plan back", 10, |text| text.contains("plan up to date")).await;
        desk.press("s a");
        desk.wait("the outcome", 120, |text| text.contains("Done.")).await;
        assert_eq!(swarm.specs(&DATABASE).await, before, "to the letter");
        desk.press("q");
        assert!(desk.quit, "{}", desk.text());
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_pin_ends_in_a_question() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let before = swarm.specs(&DATABASE).await;
    let mut desk = Desk::open(&operator, (100, 30));
    desk.plan("bad").await;
    desk.press("a");
    desk.wait("the task's own error and the question", 30, |text| {
        text.contains("non-zero exit (3)") && text.contains("L  keep")
    })
    .await;
    assert_eq!(swarm.specs(&DATABASE).await, before, "back on the old text");
    desk.press("L");
    desk.wait("the outcome", 30, |text| text.contains("no service has the new spec")).await;
    desk.press("q");
    assert!(desk.quit, "{}", desk.text());
}

#[tokio::test(start_paused = true)]
async fn an_image_is_looked_into_by_keys() {
    let swarm = Swarm::start();
    let operator = swarm.at("node-1");
    let mut desk = Desk::open(&operator, (120, 40));
    desk.wait("first screen", 10, |text| text.contains("storefront")).await;
    desk.press("/");
    desk.type_in("postgres-n1-a");
    desk.press("enter");
    desk.wait("the service alone", 10, |text| text.contains("1 shown")).await;
    desk.press("g g G i");
    desk.wait("what it is", 10, |text| text.contains("PLATFORMS") && text.contains("base       unknown")).await;
    desk.press("f");
    desk.wait("that its layers were read", 10, |text| !text.contains("being read")).await;
    desk.press("G");
    desk.wait("its files", 10, |text| text.contains("FILES") && text.contains(" unpacked")).await;
    desk.press("esc");
    assert!(desk.text().contains("1 shown"), "{}", desk.text());
}
