//! The program around [`update_versions::run`].
//!
//! It brings C's `main`, since Rust's own opens `/dev/null` on each standard descriptor that is
//! closed: `>&-` would look like success, and `/dev/stdin` would exist.

#![no_main]

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::prelude::*;

/// Bad file descriptor: errno(3).
const EBADF: i32 = 9;
/// From signal(7).
const SIGPIPE: c_int = 13;
const SIG_IGN: usize = 1;

unsafe extern "C" {
    fn signal(number: c_int, handler: usize) -> usize;
}

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    // From signal(7). Rust has no target for hppa, the other exception.
    let mips = std::env::consts::ARCH.starts_with("mips");
    let sigxfsz = if mips { 31 } else { 25 };
    // A lost reader and a file at its size limit are write errors, as they are under Python.
    for number in [SIGPIPE, sigxfsz] {
        // SAFETY: SIG_IGN is no function that could be called.
        unsafe { signal(number, SIG_IGN) };
    }
    let args = (1..argc as usize).map(|index| {
        // SAFETY: argv has argc strings, which live as long as the process (C11, 5.1.2.2.1).
        let arg = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsStr::from_bytes(arg.to_bytes()).to_owned()
    });
    let streams = update_versions::Streams {
        input: &mut Stream(io::stdin(), None),
        output: &mut Stream(io::stdout(), None),
        input_is_terminal: io::stdin().is_terminal(),
        output_is_terminal: io::stdout().is_terminal(),
        same_file: file("/dev/fd/0").is_some_and(|input| file("/dev/fd/1") == Some(input)),
    };
    update_versions::run(args.collect(), streams, &mut io::stderr()).into()
}

/// The identity of a regular file, without opening it.
fn file(path: &str) -> Option<(u64, u64)> {
    let file = fs::metadata(path).ok()?;
    file.is_file().then(|| (file.dev(), file.ino()))
}

/// A standard stream without std's buffer, which also hides a bad descriptor. It is duplicated
/// when it is first used: until the model is open, no number is taken that `/dev/fd` would show.
struct Stream<S>(S, Option<File>);

impl<S: AsFd> Stream<S> {
    fn file(&mut self) -> io::Result<&mut File> {
        match &mut self.1 {
            Some(file) => Ok(file),
            none => Ok(none.insert(self.0.as_fd().try_clone_to_owned()?.into())),
        }
    }
}

impl<S: AsFd> Read for Stream<S> {
    /// A closed standard input is an empty one: to the script, whose model takes its number.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.file() {
            Err(error) if error.raw_os_error() == Some(EBADF) => Ok(0),
            file => file?.read(buffer),
        }
    }
}

impl<S: AsFd> Write for Stream<S> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.file()?.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
