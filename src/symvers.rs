//! Text as a source of records: `Module.symvers` (the kernel's Documentation/kbuild/modules.rst),
//! or what `modprobe --show-modversions` prints. A line is a CRC in hex, a symbol, and what may
//! follow.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memchr3};

use crate::record::{Layout, Record};
use crate::table::{Kind, NEITHER, kind_of};

/// Bytes in one read.
const BLOCK: usize = 1 << 16;

const NO_CRC: &str = "no symbol with a CRC; does its kernel have CONFIG_MODVERSIONS?";

/// The symbols of a text with their CRCs, in elf32-little, and what the text is. Those that have
/// none come with that.
///
/// # Errors
/// A failed read, a line that is wrong, memory that ran out.
pub fn read(file: std::fs::File, target: Option<Layout>) -> io::Result<(Vec<Record>, Kind)> {
    // The bare ones have no CRC.
    let (mut text, mut records, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let (mut number, mut is_text, mut at_end) = (0_u64, true, false);
    while is_text && !at_end {
        // The line that has not ended is left from the block before.
        let (rest, mut start) = (text.len(), 0);
        text.try_reserve(BLOCK + 1)?;
        at_end = (&file).take(BLOCK as u64).read_to_end(&mut text)? < BLOCK;
        let kind = kind_of(&text, target);
        if number == 0 && !text.is_empty() && !matches!(kind, Kind::Text(_) | Kind::Unknown) {
            return Ok((records, kind));
        }
        // What has a NUL is no text, and may have no end.
        is_text = number > 0 || memchr(0, &text[rest..]).is_none();
        text.extend((at_end || !is_text).then_some(b'\n'));
        for end in memchr_iter(b'\n', &text[rest..]) {
            let line = text[start..rest + end].trim_ascii();
            (start, number) = (rest + end + 1, number + 1);
            let shown = line[..line.len().min(40)].escape_ascii();
            let wrong = |why| io::Error::other(format!("line {number}: {why}: {shown}"));
            if let Some(record) = parse(line).map_err(wrong)? {
                let has_crc = record[..4] != [0; 4];
                let list = if has_crc { &mut records } else { &mut bare };
                list.try_reserve(1)?;
                list.push(record);
            }
        }
        text.drain(..start);
    }
    let kind = match (&records[..], &bare[..]) {
        _ if !is_text => Kind::Wrong(NEITHER.into()),
        ([], []) => Kind::Wrong("empty".into()),
        ([], _) => Kind::Wrong(NO_CRC.into()),
        _ => Kind::Text(bare),
    };
    Ok((records, kind))
}

/// The record of the symbol in this line, if it has one.
fn parse(line: &[u8]) -> Result<Option<Record>, &'static str> {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line); // a byte order mark
    if line.is_empty() || line[0] == b'#' {
        return Ok(None);
    }
    let (digits, rest) = column(line);
    let (symbol, rest) = column(rest);
    let crc = hex(digits);
    // They print an address, a letter for the type, and the name; no address of what is undefined.
    // objdump begins with the format of the file.
    let letter = |column: &[u8]| matches!(column, [b'A'..=b'Z' | b'a'..=b'z']);
    if letter(symbol) || crc.is_none() && (letter(digits) || symbol == b"file") {
        return Err("is of nm or kallsyms; see MODELS in update_versions(1)");
    }
    let crc = crc.ok_or("does not begin with a CRC of 32 bits in hex")?;
    if symbol.is_empty() || rest.starts_with(b"\0") {
        return Err("no symbol after the CRC");
    }
    Ok(Layout::default().record(crc, symbol))
}

/// The first column of a text, up to a blank or a NUL, and what follows.
fn column(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    text.split_at(memchr3(b'\t', b' ', 0, text).unwrap_or(text.len()))
}

/// The value of hex digits, with `0x` before them or not.
fn hex(digits: &[u8]) -> Option<u32> {
    let prefix = digits.starts_with(b"0x") || digits.starts_with(b"0X");
    let rest = if prefix { &digits[2..] } else { digits };
    let add = |sum: u32, digit: &u8| Some(sum.checked_mul(16)? | char::from(*digit).to_digit(16)?);
    rest.iter().try_fold(0, add).filter(|_| !rest.is_empty())
}
