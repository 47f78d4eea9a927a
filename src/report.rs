//! What is said of a run after its end: the first cause of all that went wrong, and it alone.

use crate::args::Options;
use crate::log::{Log, Result, STDIN, STDOUT, message, printable};
use crate::record::{Layout, Record};
use crate::table::Kind;

/// So many missing symbols are named.
pub const NAMED: usize = 20;

const NO_CRC: &str = "no symbol with a CRC; does its kernel have CONFIG_MODVERSIONS?";

/// Records of the input, counted.
#[derive(Default)]
pub struct Tally {
    /// Those whose symbol is in the model.
    pub found: usize,
    /// Those of them whose CRC changes.
    pub changed: usize,
    /// Those whose symbol is not in the model.
    pub missing: usize,
    /// The first of these.
    pub named: Vec<Record>,
}

/// The line of a CRC that changes.
pub fn change(layout: Layout, old: &Record, new: &Record) -> String {
    let (symbol, old, new) = (layout.symbol(old), layout.crc(old), layout.crc(new));
    format!("{symbol:<32}  {old:#010x} -> {new:#010x}")
}

/// Says what is wrong after a run with a model and an input of these `kinds`.
///
/// # Errors
/// Records that are not written. In a strict run, whatever is wrong but records that are kept.
pub fn report(
    options: &Options,
    layout: Layout,
    kinds: [&Kind; 2],
    tally: &Tally,
    log: &mut Log,
) -> Result<()> {
    let (strict, kept) = (options.strict, options.keep_missing);
    let (found, changed, missing) = (tally.found, tally.changed, tally.missing);
    let (total, unchanged) = (found + missing, found - changed);
    if options.verbose {
        let rest = if kept { "kept" } else { "missing" };
        let counts = format!("{changed} changed, {unchanged} unchanged, {missing} {rest}");
        log.line(format!("{total} records: {counts}"));
    }
    if let Some((what, name, reason)) = cause(options, layout, kinds, tally) {
        return log.complain(strict || missing > 0 && !kept, what, &name, &reason);
    }
    if missing == 0 {
        return Ok(());
    }
    let named = tally.named.iter().map(|record| layout.symbol(record));
    let more = (missing > NAMED).then(|| format!("and {} more", missing - NAMED));
    for symbol in named.chain(more) {
        log.line(message("symbol", &symbol, "not in the model"));
    }
    let end = match (kept, strict) {
        (true, _) => "kept with their old CRCs",
        (_, true) => "nothing written; join more models, or keep these symbols with -k",
        _ => "written up to the first; join more models, or keep these symbols with -k",
    };
    let reason = format!("{missing} of {total} symbols missing from the model; {end}");
    log.complain(!kept, "output", STDOUT, &reason)
}

/// What is at fault, its name, and the reason.
type Cause = (&'static str, String, String);

/// What is wrong with the model or the input, and explains all else that is.
fn cause(options: &Options, layout: Layout, kinds: [&Kind; 2], tally: &Tally) -> Option<Cause> {
    let [model, input] = kinds;
    let wrong = "another kernel, or the wrong module?";
    let reason = match (fault(model, options, layout, true), model, input) {
        (_, Kind::Table(model), Kind::Table(its)) if its != model => {
            let (its, model) = (its.name(), model.name());
            let advice = format!("take a model of its machine, and --target {its}");
            format!("seems {its}, but the model {model}; {advice}")
        }
        (Some(fault), ..) => return Some(("model", printable(&options.files[0]), fault)),
        _ => match fault(input, options, layout, false) {
            Some(fault) => fault,
            None if tally.found > 0 => return None,
            None => format!(
                "none of its {} symbols is in the model; {wrong}",
                tally.missing
            ),
        },
    };
    Some(("input", STDIN.to_owned(), reason))
}

/// What is wrong with a file of this kind as the model, or as the input.
pub fn fault(kind: &Kind, options: &Options, layout: Layout, is_model: bool) -> Option<String> {
    let text = options.symvers && is_model;
    let module = "a whole module; dump its section first, for ARM: \
        arm-linux-gnueabi-objcopy MODULE /dev/null --dump-section __versions=TABLE";
    let cut = "dump it again, unless its records vary in length, as in some Ubuntu kernels";
    Some(match kind {
        Kind::Module if text => format!("{module}, and leave out --symvers"),
        Kind::Module => module.into(),
        Kind::Compressed(program) => format!("compressed with {program}; unpack it first"),
        Kind::Table(_) if text => "a table, not text; leave out --symvers".into(),
        Kind::Table(its) if *its != layout && (options.symvers || !layout.serves(*its)) => {
            format!("seems {0}; try --target {0}", its.name())
        }
        Kind::Text if !text => "text, not a table; add --symvers if it is the model".into(),
        Kind::Empty if text => NO_CRC.into(),
        Kind::Empty => "empty; did objcopy fail, or is there no __versions section?".into(),
        Kind::Cut(rest) => format!("ends inside a record, {rest} bytes left over; {cut}"),
        _ => return None,
    })
}
