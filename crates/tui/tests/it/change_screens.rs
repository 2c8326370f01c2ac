//! Snapshots of the screens of pins, plans and changes: text and styles.

use crate::scenario;
use crate::screens::picture;

#[test]
fn from_pins_to_a_change() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        for name in ["pins", "pins-bad", "plan", "working", "asking", "stuck", "done", "left"] {
            let state = scenario::told(name, width, height).unwrap();
            insta::assert_snapshot!(format!("{}_{width}x{height}", name.replace('-', "_")), picture(&state));
        }
    }
}
