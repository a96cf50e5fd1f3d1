//! Phone numbers as Microsoft hashes them: E.164, with the leading `+`.
//!
//! How numbers look in each country is data (`PLANS`): which calling codes there are, how long the
//! national numbers under them are, and what is dialled before those inside the country. In most cases
//! that distinguishes a number with its country code from one without; what could be both is refused.

use crate::person::error::IdentityError;

/// One line for all calling codes whose numbers look alike.
const PLANS: &str = include_str!("calling_codes.txt");

/// From this many digits on a number that could be both is taken to begin with its country code:
/// where national numbers can be as long, people write them with the digit dialled before them.
const LONG: usize = 11;

/// The number as E.164. One without `+` or an international prefix is completed with
/// `default_country_code`, unless it has it already; without one it must begin with its own.
pub(crate) fn e164(
    text: &str, default_country_code: Option<&str>,
) -> Result<String, IdentityError> {
    let text = without_extension(without_note(without_label(text)));
    let text = text.trim_start_matches(['(', ' ']);
    if let Some(text) = text.strip_prefix('+') {
        return international(text, "").ok_or(IdentityError::Phone);
    }
    let digits = digits_of(text).ok_or(IdentityError::Phone)?;
    if let Some(prefix) = dialled_abroad(&digits, default_country_code) {
        return international(text, prefix).ok_or(IdentityError::Phone);
    }
    match default_country_code {
        Some(code) => with_country_code(&digits, code),
        None => complete(&digits).ok_or(IdentityError::Phone),
    }
}

/// What a number's extension begins with, without points, commas, semicolons and blanks.
const EXTENSIONS: [&str; 7] = ["x", "ext", "extn", "extension", "#", "ext=", ""];

/// Whether a text beside a number is no part of it: it has no digit.
fn is_label(text: &str) -> bool {
    !text.contains(|c: char| c.is_ascii_digit())
}

/// The number without what it is called, such as `tel:` or `Germany` before a `+`.
fn without_label(text: &str) -> &str {
    let labelled = text.split_once(':').filter(|(label, _)| is_label(label));
    let text = labelled.map_or(text, |(_, number)| number);
    let plus = text.find('+').filter(|at| is_label(&text[..*at]));
    plus.map_or(text, |at| &text[at..])
}

/// The number without a note behind it, such as `(mobile)`.
fn without_note(text: &str) -> &str {
    let noted = text.trim_end().strip_suffix(')').and_then(|text| text.rsplit_once('('));
    noted.filter(|(_, note)| is_label(note)).map_or(text, |(number, _)| number)
}

/// The number without the extension behind it, such as `ext. 7` or `x104`.
fn without_extension(text: &str) -> &str {
    let begins = |c: char| c.is_ascii_alphabetic() || "#;,".contains(c);
    let Some((number, extension)) = text.find(begins).map(|at| text.split_at(at)) else {
        return text;
    };
    let extension = extension.trim_end_matches([')', ' ']);
    let word = extension.trim_end_matches(|c: char| c.is_ascii_digit());
    let word_of = word.to_ascii_lowercase().replace(['.', ':', ',', ';', ' '], "");
    // Longer ones are another number; an empty one is what a form leaves of its second field.
    let is_short = extension.len() - word.len() <= 7;
    let is_extension = is_short && EXTENSIONS.contains(&word_of.as_str());
    if is_extension { number } else { text }
}

/// Whether a country has this calling code.
pub(crate) fn is_calling_code(code: &str) -> bool {
    Plan::of(code).is_some()
}

/// What is dialled before a country code: `00` nearly everywhere, some countries' own. In North
/// America nothing else begins with `011`, and without a country nothing else can be meant.
fn dialled_abroad(digits: &str, default_country_code: Option<&str>) -> Option<&'static str> {
    let own = match default_country_code {
        None | Some("1") => "011",
        Some("61") => "0011",
        Some("65" | "66" | "82" | "852" | "855") => "001",
        Some("81") => "010",
        Some(_) => "00",
    };
    [own, "00"].into_iter().find(|prefix| digits.starts_with(prefix))
}

/// A number after its `+` or with the `prefix` that replaces it. In "+44 (0)20 …" the zero in
/// brackets is dialled inside the country only; in "+39 (0)6 …" it is part of the number.
fn international(text: &str, prefix: &str) -> Option<String> {
    let digits = digits_of(text)?;
    let plan = Plan::at(digits.strip_prefix(prefix)?)?;
    let bare = digits_of(&text.replacen("(0)", "", 1))?;
    let digits = if plan.keeps_zero() { &digits } else { &bare };
    let national = digits.strip_prefix(prefix)?.strip_prefix(plan.code)?;
    plan.national(national).map(|national| plan.number(national))
}

/// A number that begins with its country code, though nothing says so. Any ten digits begin with
/// some code; only what is longer than national numbers are written, or has North America's 1 in
/// front, is taken for complete, and must look as numbers of its country do.
fn complete(digits: &str) -> Option<String> {
    let plan = Plan::at(digits)?;
    let american = plan.code == "1" && digits.len() == LONG;
    if !american && digits.len() <= LONG {
        return None;
    }
    let national = plan.national(digits.strip_prefix(plan.code)?)?;
    plan.is_usual(national).then(|| plan.number(national))
}

/// National digits with their country code, or digits that begin with it.
fn with_country_code(digits: &str, code: &str) -> Result<String, IdentityError> {
    let plan = Plan::of(code).ok_or(IdentityError::Phone)?;
    let without = plan.national(digits);
    let with = digits.strip_prefix(code).and_then(|rest| plan.national(rest));
    let national = match (without, with) {
        (None, None) => return Err(IdentityError::Phone),
        (Some(only), None) | (None, Some(only)) => only,
        (Some(without), Some(with)) => match (plan.is_usual(without), plan.is_usual(with)) {
            _ if without == with => with,
            (true, false) => without,
            (false, true) => with,
            _ if digits.len() >= LONG => with,
            _ => return Err(IdentityError::AmbiguousPhone),
        },
    };
    Ok(plan.number(national))
}

/// The digits, when nothing but the usual separators is between them.
fn digits_of(text: &str) -> Option<String> {
    let separator = |c: &char| c.is_whitespace() || "-–‐‑−·./()_".contains(*c);
    let digits: String = text.chars().filter(|c| !separator(c)).collect();
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)
}

/// How numbers look under one calling code.
struct Plan<'a> {
    code: &'a str,
    /// What is dialled before a national number, `-` for nothing; the older ones after a slash.
    trunks: &'static str,
    /// `<first digits>:<lengths> …`
    numbers: &'static str,
}

impl<'a> Plan<'a> {
    fn of(code: &'a str) -> Option<Self> {
        let lines = PLANS.lines().filter(|line| !line.starts_with('#'));
        let fields = lines.filter_map(|line| line.split_once(' '));
        let (_, rest) =
            fields.into_iter().find(|(codes, _)| codes.split(',').any(|c| c == code))?;
        let (trunks, numbers) = rest.split_once(' ')?;
        Some(Plan { code, trunks, numbers })
    }

    /// The plan whose code these digits begin with; no code is the beginning of another.
    fn at(digits: &'a str) -> Option<Self> {
        (1..=3).find_map(|length| Plan::of(digits.get(..length)?))
    }

    fn number(&self, national: &str) -> String {
        format!("+{}{national}", self.code)
    }

    /// The national number in these digits, without what is dialled before it.
    fn national<'d>(&self, digits: &'d str) -> Option<&'d str> {
        let trunks = self.trunks.split('/').filter(|trunk| *trunk != "-");
        let stripped = trunks.filter_map(|trunk| digits.strip_prefix(trunk));
        stripped.chain([digits]).find(|national| self.is_possible(national))
    }

    /// Whether some number here is as long; a leading zero is part of few.
    fn is_possible(&self, national: &str) -> bool {
        let zero_fits = !national.starts_with('0') || self.keeps_zero();
        zero_fits && self.kinds().any(|(_, lengths)| is_in(lengths, national.len()))
    }

    /// Whether numbers with this first digit are as long.
    fn is_usual(&self, national: &str) -> bool {
        let first = national.bytes().next().map_or(0, |digit| usize::from(digit - b'0'));
        self.kinds().any(|(firsts, lengths)| is_in(firsts, first) && is_in(lengths, national.len()))
    }

    /// Whether numbers here keep a leading zero after the country code, as in Italy.
    fn keeps_zero(&self) -> bool {
        self.kinds().any(|(firsts, _)| is_in(firsts, 0))
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.numbers.split(' ').filter_map(|kind| kind.split_once(':'))
    }
}

/// Whether `ranges`, such as `2,5-9`, hold this number.
fn is_in(ranges: &str, number: usize) -> bool {
    ranges.split(',').any(|range| {
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let bound = |text: &str| text.parse::<usize>().ok();
        bound(from).is_some_and(|from| from <= number) && bound(to).is_some_and(|to| number <= to)
    })
}

#[cfg(test)]
mod tests;
