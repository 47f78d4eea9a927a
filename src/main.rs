//! The program around [`update_versions::run`].
//!
//! It brings C's `main`, since Rust's own opens `/dev/null` on each standard descriptor that is
//! closed: `>&-` would look like success, and `/dev/stdin` would exist.

#![no_main]

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::mem::ManuallyDrop;
use std::os::unix::prelude::*;

unsafe extern "C" {
    fn signal(number: c_int, handler: usize) -> usize;
}

#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    // From signal(7). Rust has no target for hppa, the other exception.
    let mips = std::env::consts::ARCH.starts_with("mips");
    let (sigpipe, sigxfsz) = (13, if mips { 31 } else { 25 });
    // A lost reader and a file at its size limit are write errors, as they are under Python.
    for number in [sigpipe, sigxfsz] {
        // SAFETY: 1 is SIG_IGN, no function that could be called.
        unsafe { signal(number, 1) };
    }
    let args = (1..argc as usize).map(|index| {
        // SAFETY: argv has argc strings, which live as long as the process (C11, 5.1.2.2.1).
        let arg = unsafe { CStr::from_ptr(*argv.add(index)) };
        OsStr::from_bytes(arg.to_bytes()).to_owned()
    });
    // std's own streams have buffers, and hide a descriptor that is closed.
    // SAFETY: 0 and 1 are nobody else's, and are not closed here.
    let [mut stdin, mut stdout] =
        [0, 1].map(|number| ManuallyDrop::new(unsafe { File::from_raw_fd(number) }));
    let (input, output) = (stdin.metadata(), stdout.metadata());
    // To the script a closed input (9: EBADF) is an empty one. The model may take its number.
    let closed = matches!(&input, Err(error) if error.raw_os_error() == Some(9));
    let mut empty = io::empty();
    let streams = update_versions::Streams {
        input_is_terminal: stdin.is_terminal(),
        output_is_terminal: stdout.is_terminal(),
        same_file: matches!((input, output), (Ok(a), Ok(b))
            if a.is_file() && (a.dev(), a.ino()) == (b.dev(), b.ino())),
        input: if closed { &mut empty } else { &mut *stdin },
        output: &mut *stdout,
    };
    update_versions::run(args.collect(), streams, &mut io::stderr()).into()
}
