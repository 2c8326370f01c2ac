//! A filter that removes redundant colour sequences from a frame: over a slow connection, most
//! bytes of a cursor move are colours.
//!
//! Colours are written for the terminal's depth: none at all without colours, and with the
//! oldest codes for sixteen colours.

use std::borrow::Cow;

use pinnace_tui::config::ColorDepth;

/// The number of colour planes: text, background, and underline.
const PLANES: usize = 3;

/// Returns the frame with each colour set only where it changes, for a terminal of this depth. It looks the same.
pub fn thrifty(frame: &[u8], depth: ColorDepth) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.len());
    // The colours before the frame are not known.
    let mut now: [Option<&str>; PLANES] = [None; PLANES];
    let mut rest = frame;
    while let Some(at) = rest.windows(2).position(|pair| pair == b"\x1b[") {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let length = rest[2..].iter().position(|byte| !matches!(byte, b'0'..=b'9' | b';')).map_or(0, |at| at + 3);
        let (sequence, after) = rest.split_at(length.max(2));
        rest = after;
        let text = std::str::from_utf8(sequence).unwrap_or_default();
        match text.strip_prefix("\x1b[").and_then(|text| text.strip_suffix('m')) {
            None => out.extend_from_slice(sequence),
            Some(codes) => {
                if let Some(parts) = parts(codes) {
                    set(&parts, depth, &mut now, &mut out);
                } else {
                    now = [None; PLANES];
                    out.extend_from_slice(sequence);
                }
            }
        }
    }
    out.extend_from_slice(rest);
    out
}

/// One part of an SGR sequence: a colour with its plane and codes, or a modifier.
enum SgrAttribute<'a> {
    Color(usize, &'a str),
    Modifier(&'a str),
}

/// Splits an SGR sequence into its parts; `None` for a reset and for unknown codes.
fn parts(codes: &str) -> Option<Vec<SgrAttribute<'_>>> {
    let mut found = Vec::new();
    let mut rest = codes;
    while !rest.is_empty() {
        let end = |count: usize| rest.match_indices(';').nth(count - 1).map_or(rest.len(), |(at, _)| at);
        let first = &rest[..end(1)];
        let number: u8 = first.parse().ok()?;
        let length = match (number, rest.split(';').nth(1)) {
            (38 | 48 | 58, Some("2")) => end(5),
            (38 | 48 | 58, Some("5")) => end(3),
            (1..=9 | 21..=29 | 30..=37 | 39..=47 | 49 | 59 | 90..=107, _) => end(1),
            _ => return None,
        };
        found.push(match number {
            30..=39 | 90..=97 => SgrAttribute::Color(0, &rest[..length]),
            40..=49 | 100..=107 => SgrAttribute::Color(1, &rest[..length]),
            58 | 59 => SgrAttribute::Color(2, &rest[..length]),
            _ => SgrAttribute::Modifier(&rest[..length]),
        });
        rest = rest[length..].trim_start_matches(';');
    }
    (!found.is_empty()).then_some(found)
}

fn set<'a>(parts: &[SgrAttribute<'a>], depth: ColorDepth, now: &mut [Option<&'a str>; PLANES], out: &mut Vec<u8>) {
    let mut kept = Vec::new();
    for part in parts {
        match part {
            SgrAttribute::Modifier(codes) => kept.push(Cow::Borrowed(*codes)),
            SgrAttribute::Color(..) if depth == ColorDepth::None => {}
            SgrAttribute::Color(plane, codes) => {
                if now[*plane] != Some(codes) {
                    now[*plane] = Some(codes);
                    kept.push(if depth == ColorDepth::Ansi16 { short(codes) } else { Cow::Borrowed(codes) });
                }
            }
        }
    }
    if !kept.is_empty() {
        out.extend_from_slice(b"\x1b[");
        out.extend_from_slice(kept.join(";").as_bytes());
        out.push(b'm');
    }
}

/// Replaces the code of one of the sixteen basic colours by the code that every colour terminal knows: `38;5;1`
/// by `31`, and `38;5;9` by `91`.
fn short(codes: &str) -> Cow<'_, str> {
    let plain = |base: u8, at: u8| if at < 8 { base + at } else { base + 52 + at };
    let number = |at: &str| at.parse().ok().filter(|at| *at < 16);
    let text = codes.strip_prefix("38;5;").and_then(number).map(|at| plain(30, at));
    let ground = || codes.strip_prefix("48;5;").and_then(number).map(|at| plain(40, at));
    text.or_else(ground).map_or(Cow::Borrowed(codes), |code| Cow::Owned(code.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_that_are_set_are_not_set_again() {
        for (frame, thrift) in [
            ("plain", "plain"),
            (
                "\x1b[38;2;1;2;3;48;2;4;5;6ma\x1b[38;2;7;8;9;48;2;4;5;6mb\x1b[38;2;7;8;9;48;2;4;5;6mc",
                "\x1b[38;2;1;2;3;48;2;4;5;6ma\x1b[38;2;7;8;9mbc",
            ),
            ("\x1b[38;5;1ma\x1b[1m\x1b[38;5;1mb", "\x1b[38;5;1ma\x1b[1mb"),
            ("\x1b[31ma\x1b[0mb\x1b[31mc", "\x1b[31ma\x1b[0mb\x1b[31mc"),
            ("\x1b[31ma\x1b[39m\x1b[49mb\x1b[31mc", "\x1b[31ma\x1b[39m\x1b[49mb\x1b[31mc"),
            ("\x1b[3;4H\x1b[?25lé\x1b[", "\x1b[3;4H\x1b[?25lé\x1b["),
            ("\x1b[38;2;1ma\x1b[mb", "\x1b[38;2;1ma\x1b[mb"),
        ] {
            let got = String::from_utf8(thrifty(frame.as_bytes(), ColorDepth::True)).unwrap();
            assert_eq!(got, thrift, "{frame:?}");
        }
    }

    #[test]
    fn colours_are_written_as_the_terminal_knows_them() {
        let frame = "\x1b[1m\x1b[38;5;1;48;5;15ma\x1b[38;5;9;48;5;0mb\x1b[7;39m\x1b[49m\x1b[59m\x1b[0m";
        for (depth, expected) in [
            (ColorDepth::None, "\x1b[1mab\x1b[7m\x1b[0m"),
            (ColorDepth::Ansi16, "\x1b[1m\x1b[31;107ma\x1b[91;40mb\x1b[7;39m\x1b[49m\x1b[59m\x1b[0m"),
            (ColorDepth::Ansi256, frame),
            (ColorDepth::True, frame),
        ] {
            let got = String::from_utf8(thrifty(frame.as_bytes(), depth)).unwrap();
            assert_eq!(got, expected, "{depth:?}");
        }
    }
}
