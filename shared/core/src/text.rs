//! Texts that look like something and say nothing: what scripts, templates and exports write where
//! a value is missing. As an id they would be shared by everybody.

/// Words for a missing value, as letters and digits alone: `n/a` is `na`.
pub(crate) const WORDS_FOR_NOTHING: [&str; 14] = [
    "null",
    "undefined",
    "none",
    "nil",
    "nan",
    "na",
    "notset",
    "unknown",
    "empty",
    "true",
    "false",
    // What PHP leaves of a cookie that it takes away, and what shops call everybody without a login.
    "deleted",
    "guest",
    "anonymous",
];

/// Whether a character is copied along with a text but seen by nobody: marks of direction, joiners,
/// soft hyphens, byte order marks, control characters and Unicode's letters without a shape.
pub(crate) fn is_invisible(c: char) -> bool {
    let is_shapeless = matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}');
    is_shapeless || c.is_control()
}

/// The text without blanks and invisible characters around it.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
}

/// Whether the text stands for a missing value: it has no letters or digits, its digits are zeros
/// only (`0` is how shops write "no number yet"), it is one of the words above, or a template's
/// placeholder that was not filled in.
pub fn says_nothing(text: &str) -> bool {
    signs(text).all(|c| c == '0') || stands_for_nothing(text)
}

/// Whether the text is one of the words above, or a placeholder.
pub(crate) fn stands_for_nothing(text: &str) -> bool {
    let spells = |word: &&str| signs(text).flat_map(char::to_lowercase).eq(word.chars());
    WORDS_FOR_NOTHING.iter().any(spells) || is_placeholder(trim(text))
}

/// Its letters and digits.
fn signs(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric() && !is_invisible(*c))
}

/// Whether the text is a name in brackets or between signs, such as `{{order_id}}`, `${orderId}`,
/// `%ORDER_ID%`, `[order]`, JavaScript's `[object Object]` or a spreadsheet's `#REF!`. A GUID in braces and a number in
/// brackets hold digits; a doubled brace is a template whatever it holds.
fn is_placeholder(text: &str) -> bool {
    let opens = text.starts_with(['{', '[', '<', '(', '%', '$', '#', '*']);
    let closes = text.ends_with(['}', ']', '>', ')', '%', '$', '#', '*', '!', '?']);
    let is_name = !text.contains(char::is_numeric);
    opens && closes && (is_name || text.starts_with("{{") || text.starts_with("${"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_and_templates_say_nothing() {
        for nothing in [
            "",
            " ",
            "\u{200b}",
            "\u{feff}\u{ad}",
            "\u{3164}",
            "-",
            "--",
            "\u{2014}",
            "#",
            "?",
            "0",
            "000",
            "0.00",
            "00000000-0000-0000-0000-000000000000",
            "null",
            " NULL ",
            "nu\u{200b}ll",
            "undefined",
            "#undefined",
            "\"undefined\"",
            "None",
            "nil",
            "<nil>",
            "NaN",
            "n/a",
            "#N/A",
            "(not set)",
            "not set",
            "Unknown",
            "false",
            "[object Object]",
            "[object Undefined]",
            "{{order_id}}",
            "{{Order ID}}",
            "{{ steps.order1.id }}",
            "${orderId}",
            "${order.items[0].id}",
            "#{order_id}",
            "{order_id}",
            "{!Order.Id}",
            "%ORDER_ID%",
            "%%order%%",
            "<%= order %>",
            "<order_id>",
            "[order-id]",
            "*|ORDER|*",
            "$order$",
            "#REF!",
            "#NAME?",
            "deleted",
            "Guest",
            "anonymous",
        ] {
            assert!(says_nothing(nothing), "{nothing:?}");
        }
    }

    #[test]
    fn ids_say_something() {
        for id in [
            "1",
            "10",
            "4711",
            "#1001",
            "0-1",
            "A",
            "gid://shopify/Order/123",
            "{3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
            "[4711]",
            "[٤٧١١]",
            "[٤٧١١]",
            "(12)",
            "%7Bab",
            "annulled",
            "none-1",
            "na1",
            "guest-1",
            "#1001!",
            "注文",
            "٤٧١١",
            "jane@example.com",
            "\u{feff}4711",
        ] {
            assert!(!says_nothing(id), "{id:?}");
        }
    }

    proptest! {
        #[test]
        fn what_holds_a_digit_above_0_outside_a_template_is_an_id(
            before in "[A-Za-z0-9/:._#-]{0,8}", digit in "[1-9]", after in "[A-Za-z0-9/:._-]{0,8}",
        ) {
            let text = format!("{before}{digit}{after}");
            prop_assert!(!says_nothing(&text));
        }

        #[test]
        fn what_is_not_seen_does_not_count(
            at in 0_usize..=4, unseen in "[\u{ad}\u{200b}-\u{200f}\u{2060}\u{feff}\u{3164}]{0,4}",
            text in prop::sample::select(vec!["null", "nil", "0", "4711", "--", "a-1"]),
        ) {
            let at = at.min(text.len());
            let mixed = format!("{}{unseen}{}", &text[..at], &text[at..]);
            prop_assert_eq!(says_nothing(&mixed), says_nothing(text));
            let framed = format!("{unseen} {text}\n{unseen}");
            prop_assert_eq!(trim(&framed), text);
        }
    }
}
