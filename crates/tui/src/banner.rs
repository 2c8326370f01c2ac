//! The banner: one line under the header for a problem that concerns everything on the screen.

use pinnace_core::sanitize::clean;
use pinnace_core::time::age;
use pinnace_core::world::ConnectionState;

use crate::state::State;

/// A problem that concerns everything on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// The problem, in one line.
    pub text: String,
    /// The recommended action.
    pub hint: String,
    /// The full cause.
    pub cause: String,
}

/// Returns the most important problem of the cluster shown: a lost connection, else an unreachable registry that services run
/// from.
pub fn banner(state: &State) -> Option<Banner> {
    let cluster = state.cluster();
    if let ConnectionState::Lost { why, hint } = &cluster.world.link {
        let old = match cluster.world.heard {
            Some(at) => format!("data is {} old: ", age(state.now.since(at))),
            None => String::new(),
        };
        return Some(Banner { text: format!("{old}{}", clean(why)), hint: clean(hint), cause: clean(why) });
    }
    let (host, outage) = cluster.registry_outage()?;
    Some(Banner {
        text: format!("{} unreachable from this machine since {}", clean(host), &outage.since.clock(state.offset)[..5]),
        hint: "if the nodes cannot reach it either, restarts work only where the image is cached".to_owned(),
        cause: clean(&outage.why),
    })
}
