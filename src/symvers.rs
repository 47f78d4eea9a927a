//! Text as a source of records: `Module.symvers` (the kernel's Documentation/kbuild/modules.rst),
//! or what `modprobe --dump-modversions` prints. A line is a CRC in hex, a symbol, and what may
//! follow.

use std::io::{Error, Read, Result};

use memchr::{memchr_iter, memchr3};

use crate::record::{Layout, Record};
use crate::table::Kind;

/// Hands each record of the text to `add`, in this layout. Returns what the text is; it is empty
/// if it has no record.
///
/// # Errors
/// A failed read, a line that is wrong, an error of `add`.
pub fn read(
    mut reader: impl Read,
    layout: Layout,
    mut add: impl FnMut(&Record) -> Result<()>,
) -> Result<Kind> {
    let (mut kind, mut number, mut text, mut at_end) = (Kind::Empty, 0, Vec::new(), false);
    while !at_end {
        // The line that has not ended is left from the read before.
        let (rest, mut start) = (text.len(), 0);
        at_end = reader.by_ref().take(1 << 16).read_to_end(&mut text)? == 0;
        if number == 0 {
            let seen = Kind::of(&text, layout);
            if !matches!(seen, Kind::Text | Kind::Unknown) {
                return Ok(seen);
            }
        }
        text.extend(at_end.then_some(b'\n'));
        for end in memchr_iter(b'\n', &text[rest..]) {
            let line = text[start..rest + end].trim_ascii();
            start = rest + end + 1;
            number += 1;
            let wrong = |why| Error::other(format!("line {number}: {why}"));
            if let Some(record) = record(line, layout).map_err(wrong)? {
                add(&record)?;
                kind = Kind::Text;
            }
        }
        text.drain(..start);
    }
    Ok(kind)
}

/// The record that a line stands for, if it does for one.
fn record(line: &[u8], layout: Layout) -> std::result::Result<Option<Record>, &'static str> {
    if line.is_empty() || line[0] == b'#' {
        return Ok(None);
    }
    let (digits, rest) = column(line);
    let (symbol, rest) = column(rest);
    let crc = hex(digits).ok_or("does not begin with a CRC of 32 bits in hex")?;
    if symbol.is_empty() || rest.starts_with(b"\0") {
        return Err("no symbol after the CRC");
    }
    // A CRC of 0 is that of a symbol without a version.
    Ok(layout.record(crc, symbol).filter(|_| crc != 0))
}

/// The first column of a text, up to a blank or a NUL, and what follows.
fn column(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    text.split_at(memchr3(b'\t', b' ', 0, text).unwrap_or(text.len()))
}

/// The value of hex digits, with `0x` before them or not.
fn hex(digits: &[u8]) -> Option<u32> {
    let prefix = digits.starts_with(b"0x") || digits.starts_with(b"0X");
    let digits = if prefix { &digits[2..] } else { digits };
    let value = digits.iter().try_fold(0_u32, |value, digit| {
        Some(value.checked_mul(16)? | char::from(*digit).to_digit(16)?)
    });
    value.filter(|_| !digits.is_empty())
}
