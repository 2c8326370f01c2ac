//! How long the console takes when every service fails: to take the news in, to work out what follows, to answer a key
//! and to draw. `cargo bench --bench all_failing`.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Instant;

use pinnace_core::swarm::TaskState;
use pinnace_core::world::Observation;
use pinnace_tui::clusters::ClusterId;
use pinnace_tui::msg::{ArrivedMsg, Msg};
use pinnace_tui::state::State;
use pinnace_tui::update::{follow_up, take_in};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

#[path = "../crates/tui/tests/it/fixture.rs"]
#[expect(clippy::unwrap_used, dead_code, reason = "a fixture of the tests, which use more of it")]
mod fixture;

use fixture::{NOW, One};

/// Returns a service whose two tasks failed five times each, after an image that ran for a day.
fn failing(at: usize) -> One {
    let stack = format!("s{}", at / 10);
    let mut one = One::new(&format!("{stack}_x{at}"), "r.example/app:bad", 2).stack(&stack);
    for nth in 0..5 {
        one = one.task("mgr-1", TaskState::Failed, 10 + nth * 10, "task: non-zero exit (1)");
    }
    one.before("mgr-1", "r.example/app:1", 600)
}

fn observe(state: &mut State, seen: Vec<Observation>) {
    take_in(state, ArrivedMsg { at: NOW, msg: Msg::Observed { cluster: ClusterId::FIRST, seen } });
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let since = Instant::now();
    let result = work();
    println!("  {what:<34} {:>8.1} ms", since.elapsed().as_secs_f64() * 1000.0);
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut terminal = Terminal::new(TestBackend::new(120, 40))?;
    for count in [100, 1000, 5000] {
        println!("{count} services, all failing:");
        let all: Vec<One> = (0..count).map(failing).collect();
        let mut state = fixture::console(120, 40, fixture::seen(Vec::new(), fixture::six_nodes(), Vec::new()));
        observe(&mut state, vec![Observation::Services(all.iter().map(|one| one.service.clone()).collect())]);
        follow_up(&mut state);
        timed("the tasks of each, one by one", || {
            for one in all {
                observe(&mut state, vec![Observation::Tasks { service: one.service.id, tasks: one.tasks }]);
            }
        });
        timed("what follows from all of them", || follow_up(&mut state));
        observe(&mut state, Vec::new());
        timed("a key after more news", || fixture::press(&mut state, "j"));
        timed("a key", || fixture::press(&mut state, "j"));
        timed("a frame", || {
            terminal.draw(|frame| pinnace_tui::view::view(frame, &state, &state.config.theme)).map(|_| ())
        })?;
    }
    Ok(())
}
