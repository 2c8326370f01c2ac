//! Snapshots of the screens of pins, plans and changes: text and styles.

use crate::screens::picture;
use crate::tale;

#[test]
fn from_pins_to_a_change() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        for name in ["pins", "pins-bad", "plan", "working", "asking", "stuck", "done", "left"] {
            let state = tale::told(name, width, height).unwrap();
            insta::assert_snapshot!(format!("{}_{width}x{height}", name.replace('-', "_")), picture(&state));
        }
    }
}
