//! The pages of `docs/errors/`, as the program carries them. Their index, the README, is not among them.

/// A macro, because the names of included files must be literals.
macro_rules! pages {
    ($($code:literal),* $(,)?) => {
        &[$(($code, include_str!(concat!("../../../../docs/errors/", $code, ".md")))),*]
    };
}

const PAGES: &[(&str, &str)] = pages![
    "FV0101", "FV0102", "FV0103", "FV0104", "FV0105", "FV0106", "FV0107", "FV0108", "FV0109",
    "FV0110", "FV0111", "FV0112", "FV0113", "FV0114", "FV0115", "FV0116", "FV0201", "FV0202",
    "FV0203", "FV0204", "FV0205", "FV0206", "FV0207", "FV0208", "FV0209", "FV0210", "FV0211",
    "FV0212", "FV0213", "FV0214", "FV0215", "FV0216", "FV0217", "FV0218", "FV0219", "FV0220",
    "FV0301", "FV0302", "FV0303", "FV0304", "FV0305", "FV0306", "FV0307", "FV0308", "FV0309",
    "FV0311", "FV0312", "FV0313", "FV0314", "FV0315", "FV0401", "FV0402", "FV0403", "FV0404",
    "FV0405", "FV0406", "FV0407", "FV0408", "FV0501", "FV0502", "FV0503", "FV0601", "FV0602",
    "FV0603", "FV0604", "FV0605", "FV1000", "FV1001", "FV1002", "FV1003", "FV1004", "FV1005",
    "FV1006", "FV1007", "FV1008",
];

/// The page about `code`, in Markdown.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(c, _)| *c == code)
        .map(|(_, page)| *page)
}
