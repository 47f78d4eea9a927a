//! What is said of a run after its end: the first cause alone of all that went wrong.

use crate::args::Options;
use crate::messages::{self, Log, Result, STDIN, STDOUT, misfit, printable};
use crate::table::Kind;
use crate::tally::Tally;

/// Says what is wrong after a run with a model and an input of these `kinds`.
///
/// # Errors
/// Records that are not written. In a strict run, whatever is wrong but records that are kept.
pub fn report(options: &Options, kinds: [&Kind; 2], tally: &Tally, log: &mut Log) -> Result<()> {
    let (layout, strict, kept) = (options.layout, options.strict, options.keep_missing);
    let (missing, total) = (tally.missing, tally.found + tally.missing);
    if options.verbose {
        log.line(messages::summary(tally, kept));
    }
    if let Some((what, name, reason)) = cause(options, kinds, tally) {
        return log.complain(strict || missing > 0 && !kept, what, &name, &reason);
    }
    let named = tally.named.iter();
    let named = named.map(|record| layout.symbol(record).escape_ascii().to_string());
    let more = missing - named.len() as u64;
    let more = (more > 0).then(|| format!("and {more} more"));
    for symbol in named.chain(more) {
        log.say("symbol", symbol, "not in the model");
    }
    let end = match missing {
        0 => return Ok(()),
        _ if kept => "kept with their old CRCs",
        _ if strict => messages::NOTHING,
        _ => messages::UP_TO,
    };
    let reason = format!("{missing} of {total} symbols missing from the model; {end}");
    log.complain(!kept, "output", STDOUT, &reason)
}

/// What is at fault, its name, and the reason.
type Cause = (&'static str, String, String);

/// What explains the rest.
fn cause(options: &Options, kinds: [&Kind; 2], tally: &Tally) -> Option<Cause> {
    let layout = options.layout;
    let input = |reason| Some(("input", STDIN.to_owned(), reason));
    match (misfit(kinds[0], layout, options.symvers), kinds) {
        (_, [Kind::Table(model), Kind::Table(its)]) if its != model => {
            input(messages::mismatch(*its, *model))
        }
        (Some(fault), _) => Some(("model", printable(&options.files[0]), fault)),
        (_, [Kind::Text, Kind::Table(its)]) if *its != layout => input(messages::target(*its)),
        (_, [_, kind]) => input(misfit(kind, layout, false).or_else(|| messages::none(tally))?),
    }
}
