//! Text as a source of records: `Module.symvers` (the kernel's Documentation/kbuild/modules.rst),
//! or what `modprobe --dump-modversions` prints. A line is a CRC in hex, a symbol, and what may
//! follow.

use std::fs::File;
use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr3};

use crate::record::{Layout, Record};
use crate::table::Kind;

/// Bytes that are read at once, but for a line that is longer.
const BLOCK: usize = 1 << 16;

/// The symbols of a text, and what it is: empty if no symbol in it has a CRC.
///
/// # Errors
/// A failed read, a line that is wrong, memory that ran out.
pub fn read(file: File, layout: Layout) -> io::Result<(Vec<Record>, Kind)> {
    let (mut kind, mut records, mut number, mut at_end) = (Kind::Empty, Vec::new(), 0, false);
    // Whole lines are taken out of it, and the rest waits for the next read.
    let mut text = Vec::new();
    while !at_end {
        let rest = text.len();
        // With room to spare, reading does not need more memory on its own.
        text.try_reserve(2 * BLOCK)?;
        at_end = (&file).take(BLOCK as u64).read_to_end(&mut text)? < BLOCK;
        if number == 0 && rest == 0 {
            let seen = Kind::of(&text, layout);
            if !matches!(seen, Kind::Text | Kind::Unknown) {
                return Ok((records, seen));
            }
            // In what is no text the next line end can be far.
            at_end |= memchr(0, &text).is_some();
        }
        text.extend(at_end.then_some(b'\n'));
        let mut start = 0;
        for end in memchr_iter(b'\n', &text[rest..]) {
            let line = text[start..rest + end].trim_ascii();
            start = rest + end + 1;
            number += 1;
            let wrong = |why| io::Error::other(format!("line {number}: {why}"));
            if let Some(record) = record(line, layout).map_err(wrong)? {
                records.try_reserve(1)?;
                records.push(record);
                kind = Kind::Text;
            }
        }
        text.drain(..start);
    }
    Ok((records, kind))
}

/// The record of the symbol in this line, if it has one with a CRC.
fn record(line: &[u8], layout: Layout) -> Result<Option<Record>, &'static str> {
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
    let digits = std::str::from_utf8(digits).ok()?;
    let prefix = digits.starts_with("0x") || digits.starts_with("0X");
    let digits = if prefix { &digits[2..] } else { digits };
    let value = u32::from_str_radix(digits, 16).ok();
    value.filter(|_| !digits.starts_with('+'))
}
