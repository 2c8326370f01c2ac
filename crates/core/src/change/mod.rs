//! A change: a plan being carried out. Events fold into progress; progress decides the next step.

mod cause;
mod event;
mod helps;
mod judge;
mod next;
mod offer;
mod others;
mod progress;

pub use cause::{Asked, Host, cause};
pub use event::{Choice, Event, Kind, Order, Phase, Question, TaskLine, WAITS};
pub use helps::{after, stuck};
pub use judge::{Look, Spot, Verdict, judge};
pub use next::{Mode, OnFailure, Step, next};
pub use offer::{Offered, image_at, offer, unit_name};
pub use others::{MEDDLED, meddled, overtaken};
pub use progress::{Progress, UnitProgress};
