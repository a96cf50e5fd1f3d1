//! Numbers as programs for tables write them: `1.234,50` here, `1,234.50` there.

use clap::ValueEnum;

/// The fields that are numbers.
pub const NUMBERS: [&str; 3] = ["value", "amount", "newValue"];

/// What stands before the decimals of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Decimals {
    /// As in 1234.50
    Point,
    /// As in 1234,50 or 1.234,50
    Comma,
}

/// The number as the API reads it. Fails if it can be read in two ways: files whose cells are not
/// separated by commas come from places where a point may stand between thousands.
pub fn plain(text: &str, decimals: Option<Decimals>, delimiter: u8) -> Result<String, String> {
    let name = "name what stands before decimals: --decimals point or --decimals comma";
    match decimals {
        Some(Decimals::Point) => Ok(text.to_owned()),
        Some(Decimals::Comma) => {
            let (whole, rest) = text.split_once(',').unwrap_or((text, ""));
            let mut groups = whole.split('.');
            let first = groups.next().unwrap_or_default();
            let is_grouped =
                !first.is_empty() && first.len() <= 3 && groups.all(|it| it.len() == 3);
            if rest.contains(['.', ',']) || whole.contains('.') && !is_grouped {
                return Err("is no number with a comma before its decimals".to_owned());
            }
            let point = if rest.is_empty() { "" } else { "." };
            Ok(format!("{}{point}{rest}", whole.replace('.', "")))
        }
        None if text.contains(',') => Err(format!("has a comma; {name}")),
        None if delimiter != b',' && is_unclear(text) => {
            Err(format!("may be some thousands, or a number with three decimals; {name}"))
        }
        None => Ok(text.to_owned()),
    }
}

/// Whether the point may stand between thousands.
fn is_unclear(text: &str) -> bool {
    text.split_once('.').is_some_and(|(before, after)| {
        (1..=3).contains(&before.len()) && after.len() == 3 && before != "0"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_can_be_read_in_two_ways_is_not_guessed() {
        let of = |text: &str, decimals, delimiter| plain(text, decimals, delimiter).ok();
        let is = |text: &str| Some(text.to_owned());
        for text in ["1.23", "1234.567", "1234", "12.5", "0.125", "-5", "much", "1.234.567"] {
            assert_eq!(of(text, None, b';'), is(text));
        }
        for delimiter in [b';', b'\t'] {
            assert_eq!(of("1.234", None, delimiter), None);
        }
        assert_eq!(of("1.234", None, b','), is("1.234"));
        assert_eq!(of("129,95", None, b';'), None);
        assert_eq!(of("1.234", Some(Decimals::Point), b';'), is("1.234"));
        let comma = |text: &str| of(text, Some(Decimals::Comma), b';');
        assert_eq!((comma("129,95"), comma("1.234,5")), (is("129.95"), is("1234.5")));
        assert_eq!((comma("1.234"), comma("12.345.678")), (is("1234"), is("12345678")));
        assert_eq!((comma("1234"), comma("7,")), (is("1234"), is("7")));
        for text in ["12.50", "1.5,5", "1,2,3", "1,234.50", ".500"] {
            assert_eq!(comma(text), None, "{text}");
        }
    }
}
