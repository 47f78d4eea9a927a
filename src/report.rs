//! What is said of a run after its end: the first cause of all that went wrong, and it alone.

use crate::args::Options;
use crate::filter::Tally;
use crate::log::{Log, Result, STDIN, STDOUT, message, printable};
use crate::record::{Layout, Record};
use crate::table::Kind;

/// Says what is wrong after a run with a model and an input of these `kinds`.
///
/// # Errors
/// Records that are not written. In a strict run, whatever is wrong but records that are kept.
pub fn report(options: &Options, kinds: [&Kind; 2], tally: &Tally, log: &mut Log) -> Result<()> {
    let (strict, kept) = (options.strict, options.keep_missing);
    let (found, changed, missing) = (tally.found, tally.changed, tally.missing);
    let (total, unchanged) = (found + missing, found - changed);
    if options.verbose {
        let rest = if kept { "kept" } else { "missing" };
        let counts = format!("{changed} changed, {unchanged} unchanged, {missing} {rest}");
        log.line(format!("{total} records: {counts}"));
    }
    let fatal = strict || missing > 0 && !kept;
    match cause(options, kinds, tally) {
        Some((what, name, reason)) => return log.complain(fatal, what, &name, &reason),
        None if missing == 0 => return Ok(()),
        None => {}
    }
    for record in &tally.named {
        // In elf32-little the name field is the longest.
        let same = |bare: &Record| bare[4..].starts_with(&record[tally.layout.crc_size()..]);
        let listed = matches!(kinds[0], Kind::Text(bare) if bare.iter().any(same));
        let lacks = if listed { "has no CRC" } else { "not" };
        let symbol = tally.layout.symbol(record).to_string();
        log.line(message("symbol", &symbol, &format!("{lacks} in the model")));
    }
    if tally.unnamed > 0 {
        let more = format!("{} more symbols are not in the model", tally.unnamed);
        log.line(format!("update_versions: {more}"));
    }
    let advice = "use Module.symvers, join more models with cat, or keep the old CRCs with -k";
    let end = match (kept, strict) {
        (true, _) => "kept with their old CRCs",
        (_, true) => &format!("nothing written; {advice}"),
        _ => &format!("written up to the first; {advice}"),
    };
    let reason = format!("{missing} of {total} symbols missing from the model; {end}");
    log.complain(!kept, "output", STDOUT, &reason)
}

/// What is at fault, its name, and the reason.
type Cause = (&'static str, String, String);

/// What is wrong with the model or the input, and explains all else that is.
fn cause(options: &Options, kinds: [&Kind; 2], tally: &Tally) -> Option<Cause> {
    let ([model, input], layout) = (kinds, tally.layout);
    let fits = |its| its == layout || !options.symvers && layout.can_read(its);
    let foreign = "has no symbol of the model; another kernel, or the wrong module?";
    let faults = [fault(model, options, true), fault(input, options, false)];
    let reason = match (model, input, faults) {
        (Kind::Table(model), Kind::Table(its), _) if its != model => {
            let (its, model) = (its.name(), model.name());
            format!("is {its}, but the model is {model}; use a model of the module's machine")
        }
        (.., [Some(fault), _]) => return Some(("model", printable(&options.files[0]), fault)),
        (.., [_, Some(fault)]) => fault,
        (_, Kind::Table(it), _) if !fits(*it) => format!("seems {0}; try --target {0}", it.name()),
        _ if tally.found == 0 => foreign.to_owned(),
        // No byte shows the order of a 32-bit CRC. But tables of two kernels have some in common.
        _ if layout.crc_size() == 4 && tally.reversed > tally.found - tally.changed => {
            let advice = match (options.symvers, layout) {
                (true, Layout::Elf32Big) => "try --target elf32-little",
                (true, _) => "try --target elf32-big",
                _ => "use a model of the module's machine",
            };
            format!("has the model's CRCs with their bytes reversed; {advice}")
        }
        _ => return None,
    };
    Some(("input", STDIN.to_owned(), reason))
}

const MODULE: &str = "a whole module; dump its section first, for ARM: \
    arm-linux-gnueabi-objcopy MODULE /dev/null --dump-section __versions=TABLE";

/// What is wrong with a file of this kind as the model, or as the input.
pub fn fault(kind: &Kind, options: &Options, is_model: bool) -> Option<String> {
    let reason = match (kind, options.symvers, is_model) {
        (Kind::Wrong(reason), ..) => reason,
        (Kind::Module, true, true) => &format!("{MODULE}, and leave out --symvers"),
        (Kind::Module, ..) => MODULE,
        (Kind::Table(_), true, true) => "a table, not text; leave out --symvers",
        (Kind::Text(_), true, false) => "text, not a table; give the dumped section",
        (Kind::Text(_), false, _) => "text, not a table; add --symvers if it is the model",
        _ => return None,
    };
    Some(reason.to_owned())
}
