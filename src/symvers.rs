//! A model as text: `Module.symvers` (the kernel's Documentation/kbuild/modules.rst), or what
//! `modprobe --show-modversions` prints. A line is a CRC in hex, a symbol, and what may follow.

use std::io::{self, BufRead, BufReader, Read};

use memchr::{memchr, memchr2};

use crate::messages::Failure;
use crate::model::Model;
use crate::record::{Layout, RECORD_SIZE, Record};

/// Bytes of a line that are looked at: both columns, unless the symbol is too long by far.
const LINE_SIZE: u64 = 4096;

/// Adds the symbols of a text to a model. `name` is for messages.
///
/// # Errors
/// A line that cannot be read, with its number; a failed read; memory that ran out.
pub fn read(
    model: &mut Model,
    layout: Layout,
    source: impl Read,
    name: &str,
) -> Result<(), Failure> {
    let failure = |error: io::Error| Failure::io("model", name, error);
    let mut source = BufReader::new(source);
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        let mut start = (&mut source).take(LINE_SIZE);
        start.read_until(b'\n', &mut line).map_err(failure)?;
        match line.last() {
            None => return Ok(()),
            Some(b'\n') => {}
            // A symbol that is cut here must not pass for another one: make it too long.
            Some(_) => match source.skip_until(b'\n').map_err(failure)? {
                0 => {}
                _ => line.extend([b'x'; RECORD_SIZE]),
            },
        }
        number += 1;
        let entry = entry(layout, &line)
            .map_err(|why| Failure::new("model", name, format_args!("line {number}: {why}")))?;
        model.add(entry.as_slice()).map_err(failure)?;
    }
}

/// The record that a line stands for, if it does for one.
fn entry(layout: Layout, line: &[u8]) -> Result<Option<Record>, &'static str> {
    let line = line.trim_ascii();
    if line.is_empty() || line[0] == b'#' {
        return Ok(None);
    }
    let (crc, rest) = column(line);
    let (symbol, _) = column(rest.trim_ascii_start());
    let digits = crc.strip_prefix(b"0x").or(crc.strip_prefix(b"0X"));
    let digits = digits.unwrap_or(crc);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err("does not begin with a CRC in hex; is it text?");
    }
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    let crc = u32::from_str_radix(digits, 16).map_err(|_| "a CRC of more than 32 bits")?;
    if symbol.is_empty() || memchr(0, symbol).is_some() {
        return Err("no symbol after the CRC");
    }
    // A CRC of 0 is that of a symbol without a version.
    Ok(layout.record(crc, symbol).filter(|_| crc != 0))
}

/// Splits a text after its first column.
fn column(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(memchr2(b'\t', b' ', text).unwrap_or(text.len()))
}
