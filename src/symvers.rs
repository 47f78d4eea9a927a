//! Models that are text: the kernel's `Module.symvers` (Documentation/kbuild/modules.rst), what
//! `modprobe --show-modversions` and `--show-exports` print, and lists of symbols whose addresses
//! are CRCs (nm(1), `/proc/kallsyms`).

use std::io::{self, Read};

use memchr::{memchr, memchr2, memrchr};

use crate::kind::Kind;
use crate::record::{Symbol, Version};

/// Bytes to read at a time. Every line must fit: real ones do, but binary data may go on without a
/// newline.
const BLOCK_SIZE: usize = 1 << 16;

/// What a line holds.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// A CRC and a symbol.
    Version(Version),
    /// A symbol as nm and kallsyms list it. It may be a CRC: that of X is the address of `__crc_X`.
    Address(Option<Version>),
    /// Nothing for a table: the line is empty or a comment, or its symbol is too long.
    Nothing,
}

/// Reads a text model to its end. Its kind is [`Kind::Addresses`] if it has any [`Line::Address`],
/// otherwise [`Kind::Text`].
///
/// # Errors
/// If a read fails, a line is wrong, or memory runs out.
pub fn read(mut text: impl Read) -> io::Result<(Kind, Vec<Version>)> {
    let mut contents = Contents {
        kind: Kind::Text,
        versions: Vec::new(),
        lines: 0,
    };
    let mut block = Vec::new();
    block.try_reserve_exact(BLOCK_SIZE)?;
    loop {
        let room = BLOCK_SIZE - block.len();
        let size = text.by_ref().take(room as u64).read_to_end(&mut block)?;
        if size < room {
            // The end of the text. Its last line may lack a newline.
            contents.add_lines(&block)?;
            return Ok((contents.kind, contents.versions));
        }
        let Some(newline) = memrchr(b'\n', &block) else {
            let number = contents.lines + 1;
            return Err(io::Error::other(format!("line {number}: is too long")));
        };
        contents.add_lines(&block[..=newline])?;
        block.drain(..=newline);
    }
}

/// What a text model holds, as far as it has been read.
struct Contents {
    kind: Kind,
    versions: Vec<Version>,
    /// How many lines have been read.
    lines: u64,
}

impl Contents {
    fn add_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut rest = lines;
        while !rest.is_empty() {
            let size = match memchr(b'\n', rest) {
                Some(newline) => newline + 1,
                None => rest.len(),
            };
            self.add_line(&rest[..size])?;
            rest = &rest[size..];
        }
        Ok(())
    }

    fn add_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.lines += 1;
        let version = match parse(line) {
            Ok(Line::Version(version)) => Some(version),
            Ok(Line::Address(version)) => {
                self.kind = Kind::Addresses;
                version
            }
            Ok(Line::Nothing) => None,
            Err(reason) => {
                let line = line.trim_ascii();
                let shown = line[..line.len().min(40)].escape_ascii();
                let reason = format!("line {}: {reason}: {shown}", self.lines);
                return Err(io::Error::other(reason));
            }
        };
        if let Some(version) = version {
            self.versions.try_reserve(1)?;
            self.versions.push(version);
        }
        Ok(())
    }
}

/// Reads a line.
///
/// # Errors
/// What is wrong with the line.
pub fn parse(line: &[u8]) -> Result<Line, &'static str> {
    // The byte order mark of UTF-8 can begin any line, since text models may be joined.
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(Line::Nothing);
    }
    let (first, rest) = split_column(line);
    let (second, rest) = split_column(rest);
    // nm prints an undefined symbol without an address, and kallsyms of some kernels (null) for 0.
    if matches!(first, b"U" | b"v" | b"w" | b"(null)") {
        return Ok(Line::Address(None));
    }
    // Otherwise nm and kallsyms print an address without 0x, the type of the symbol, and its name.
    // If there is no third column, the second is not a type, but the symbol of a CRC.
    if is_type(second) && first.iter().all(u8::is_ascii_hexdigit) {
        let (third, _) = split_column(rest);
        if !third.is_empty() {
            return parse_address(first, second, third);
        }
    }
    match parse_version(first, second)? {
        Some(version) => Ok(Line::Version(version)),
        None => Ok(Line::Nothing),
    }
}

/// Reads the address, the type and the name of a symbol. A CRC is an absolute symbol (A, or a if it
/// is local). With another type, the address is only where the CRC is stored.
fn parse_address(address: &[u8], symbol_type: &[u8], name: &[u8]) -> Result<Line, &'static str> {
    match (symbol_type, name.strip_prefix(b"__crc_")) {
        (b"A" | b"a", Some(name)) => Ok(Line::Address(parse_version(address, name)?)),
        _ => Ok(Line::Address(None)),
    }
}

/// Reads a CRC and a name. Returns `None` if no record has room for the name and a NUL after it.
/// modpost refuses such a symbol, or leaves it out of the table (scripts/mod/modpost.c,
/// `add_versions`).
fn parse_version(crc: &[u8], name: &[u8]) -> Result<Option<Version>, &'static str> {
    let crc = parse_hex(crc).ok_or("does not begin with a CRC of 32 bits in hex")?;
    if name.is_empty() {
        return Err("has no symbol after the CRC");
    }
    let mut symbol = [0; size_of::<Symbol>()];
    if name.len() >= symbol.len() {
        return Ok(None);
    }
    symbol[..name.len()].copy_from_slice(name);
    Ok(Some(Version { crc, symbol }))
}

/// Splits text after its first column, which ends at a space or a tab.
fn split_column(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let end = memchr2(b' ', b'\t', text).unwrap_or(text.len());
    text.split_at(end)
}

/// Whether nm has this for the type of a symbol: a letter, `?` if it is unknown, or `-` for stabs.
fn is_type(column: &[u8]) -> bool {
    matches!(column, [b'A'..=b'Z' | b'a'..=b'z' | b'?' | b'-'])
}

/// The value of hex digits, with or without `0x`, if it fits 32 bits.
fn parse_hex(digits: &[u8]) -> Option<u32> {
    let digits = match digits {
        [b'0', b'x' | b'X', rest @ ..] => rest,
        _ => digits,
    };
    if digits.is_empty() {
        return None;
    }
    let mut value = 0_u32;
    for &digit in digits {
        value = value.checked_mul(16)? | char::from(digit).to_digit(16)?;
    }
    Some(value)
}
