//! `ferrovia explain`.

use ferrovia_dsl::diagnostic::{codes, page};

use crate::args::ExplainArgs;
use crate::exit::Exit;

/// Prints the page about a code.
pub(crate) fn explain(args: &ExplainArgs) -> Exit {
    match page(&canonical(&args.code)) {
        Some(page) => {
            anstream::print!("{page}");
            Exit::Completed
        }
        None => {
            let given = &args.code;
            let codes = codes::TABLE
                .iter()
                .map(|(code, title)| format!("  {code}  {title}\n"));
            let codes: String = codes.collect();
            anstream::eprint!("error: there is no code `{given}`; these exist:\n{codes}");
            Exit::Refused
        }
    }
}

/// As it is copied from a message: `error[FV0301]:`, or typed: `fv0301`, `301`.
fn canonical(given: &str) -> String {
    let inside = given.split_once('[').map_or(given, |(_, rest)| rest);
    let code = inside.trim_end_matches([':', ']']).to_uppercase();
    match code.parse::<u16>() {
        Ok(number) => format!("FV{number:04}"),
        Err(_) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_however_it_is_written() {
        for given in [
            "FV0301",
            "fv0301",
            "0301",
            "301",
            "[FV0301]",
            "error[FV0301]:",
        ] {
            assert_eq!(canonical(given), "FV0301", "{given}");
        }
        assert_eq!(canonical("FV9999"), "FV9999");
    }
}
