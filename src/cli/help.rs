//! The help of the command line: the examples, and the flags that each verb shows.

use clap::{Arg, Command, CommandFactory as _, FromArgMatches as _};

use super::args::Args;

/// The examples under the help without a verb.
pub(super) const ALL: &str = "\
Examples:
  pinnace                          open the console on this manager
  pinnace demo                     try it on a simulated swarm
  pinnace status                   show what runs and what is wrong
  pinnace rollback web_api         roll a service back to the image that ran before

`pinnace COMMAND --help` explains a command.";

pub(super) const CONSOLE: &str = "\
Examples:
  pinnace --context manager-2      open the console on another manager";
pub(super) const DEMO: &str = "\
Examples:
  pinnace demo        press R to plan a rollback, then a to apply it";
pub(super) const STATUS: &str = "\
Examples:
  pinnace status                    every group; exit code 1 if a service needs attention
  pinnace status storefront --json";
pub(super) const PINS: &str = "\
Examples:
  pinnace pins storefront
  pinnace pins storefront --permanent    print what to change in the database's spec";
pub(super) const CHECK: &str = "\
Examples:
  pinnace check storefront
  pinnace check storefront --pin n1=ghcr.io/acme/postgres:17.9    check an edit before you plan it
  pinnace check --explain all";
pub(super) const PLAN: &str = "\
Examples:
  pinnace plan storefront --pin ghcr.io/acme/postgres:17.9
  pinnace plan storefront --pin n1=ghcr.io/acme/postgres:17.9 --out plan.json
  pinnace plan storefront --drift=accept";
pub(super) const APPLY: &str = "\
Examples:
  pinnace apply storefront --pin n1=ghcr.io/acme/postgres:17.9 --ack
  pinnace apply plan.json --reason \"ticket 4711\"
  pinnace apply web --unpin api --on-failure stop";
pub(super) const ROLLBACK: &str = "\
Examples:
  pinnace rollback storefront/n1            roll back to the last image that ran well
  pinnace rollback web_api --to 2.3.1 --dry-run
  pinnace history web_api                   list the rollback candidates of a service";
pub(super) const REDEPLOY: &str = "\
Examples:
  pinnace redeploy web_api              restart the tasks with the same digest
  pinnace redeploy web --newest         use the digests that the tags name now";
pub(super) const RESUME: &str = "\
Examples:
  pinnace resume 0198                   show what each choice would do
  pinnace resume 0198 --roll-back";
pub(super) const RECORD: &str = "\
Examples:
  docker stack deploy -c web.yml web && pinnace record web";
pub(super) const INSPECT: &str = "\
Examples:
  pinnace inspect ghcr.io/acme/postgres:17.9 --platform linux/arm64
  pinnace inspect registry.local:5000/app:2 --plain-http registry.local:5000 --files";
pub(super) const SIM: &str = "\
Examples:
  pinnace sim --socket /tmp/swarm.sock --registry 127.0.0.1:5000 --services 100
  pinnace --host unix:///tmp/swarm.sock";
pub(super) const HISTORY: &str = "\
Examples:
  pinnace history storefront
  pinnace history web_api --json        also list the rollback candidates of the service";

/// The verbs that do not use all the flags of [`CommonArgs`](super::args::CommonArgs), with the flags that their help leaves out.
const UNUSED: [(&str, &[&str]); 3] = [
    ("demo", &["context", "host", "journal"]),
    ("sim", &["context", "host", "journal", "read_only", "config"]),
    ("inspect", &["journal"]),
];

impl Args {
    /// Returns the command line, where each verb's help shows only the flags that the verb uses.
    pub fn command_line() -> Command {
        let command = Self::command();
        let common: Vec<Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
        UNUSED.iter().fold(command, |command, (verb, unused)| {
            // A flag that a verb has itself is not taken over from the global ones.
            let hidden = common.iter().filter(|arg| unused.contains(&arg.get_id().as_str()));
            let hidden: Vec<Arg> = hidden.map(|arg| arg.clone().hide(true)).collect();
            command.mut_subcommand(*verb, |sub| sub.args(hidden))
        })
    }

    /// Parses a command line.
    ///
    /// # Errors
    /// If the command line is invalid, or asks for help or the version.
    pub fn read(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command_line();
        let matches = command.try_get_matches_from_mut(args)?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}
