//! A change: a plan being carried out. Events fold into progress; progress decides the next step.

mod conflict;
mod diagnosis;
mod event;
mod judge;
mod next;
mod offer;
mod progress;
mod remediation;
mod unit_view;

pub use conflict::{MEDDLED, meddled, overtaken};
pub use diagnosis::{Asked, Host, cause};
pub use event::{Choice, Event, Kind, Order, Phase, Question, TaskLine, WAITS};
pub use judge::{Verdict, judge};
pub use next::{Mode, OnFailure, Step, next};
pub use offer::{Offered, image_at, offer, unit_name};
pub use progress::{Progress, UnitProgress};
pub use remediation::{after, stuck};
pub use unit_view::{Look, Spot};
