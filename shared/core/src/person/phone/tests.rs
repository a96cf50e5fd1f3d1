use super::*;
use crate::person::error::IdentityError::{AmbiguousPhone, Phone};

fn phone(text: &str, code: &str) -> Result<String, IdentityError> {
    e164(text, Some(code).filter(|code| !code.is_empty()))
}

/// Text, default country code, E.164.
const GOLDEN: &[(&str, &str, &str)] = &[
    // Microsoft's own sample, in all the ways it is written.
    ("1 425 555 1234", "", "+14255551234"),
    ("1 425 555 1234", "1", "+14255551234"),
    ("+1 (425) 555-1234", "49", "+14255551234"),
    ("425.555.1234", "1", "+14255551234"),
    ("001 425 555 1234", "49", "+14255551234"),
    // North America dials 011 abroad; who has no country can mean nothing else by it.
    ("011 49 171 2345678", "1", "+491712345678"),
    ("011 44 20 7946 0958", "", "+442079460958"),
    ("011 234 5678", "39", "+390112345678"),
    ("1 242 365 1234", "1", "+12423651234"),
    // Russia and Kazakhstan share +7 and dial 8.
    ("8 (912) 345-67-89", "7", "+79123456789"),
    ("812 345 67 89", "7", "+78123456789"),
    ("79123456789", "7", "+79123456789"),
    ("7 701 234 56 78", "7", "+77012345678"),
    // Germany dials 0, which many write in brackets.
    ("0171 234 5678", "49", "+491712345678"),
    ("+49 (0)171 234 5678", "", "+491712345678"),
    ("+49 0171 234 5678", "", "+491712345678"),
    ("0049 (0)171/2345678", "", "+491712345678"),
    ("49 (0)171 2345678", "49", "+491712345678"),
    ("49171 2345678", "49", "+491712345678"),
    ("030 123456", "49", "+4930123456"),
    // Italy's zero is part of the number, in brackets or not.
    ("06 1234 5678", "39", "+390612345678"),
    ("+39 (0)6 1234 5678", "", "+390612345678"),
    ("39 06 1234 5678", "39", "+390612345678"),
    ("391 234 5678", "39", "+393912345678"),
    ("39 391 234 5678", "39", "+393912345678"),
    ("0549 886377", "378", "+3780549886377"),
    // Short national numbers: complete ones have fewer than eleven digits.
    ("6591234567", "65", "+6591234567"),
    ("6123 4567", "65", "+6561234567"),
    ("65 1234 56", "65", "+6565123456"),
    ("4532123456", "45", "+4532123456"),
    ("45 12 34 56", "45", "+4545123456"),
    ("4740612345", "47", "+4740612345"),
    ("47 12 34 56", "47", "+4747123456"),
    ("3221234567", "32", "+3221234567"),
    ("32470123456", "32", "+32470123456"),
    ("0470 12 34 56", "32", "+32470123456"),
    ("3541234567", "354", "+3541234567"),
    ("354 1234", "354", "+3543541234"),
    ("37167123456", "371", "+37167123456"),
    ("85251234567", "852", "+85251234567"),
    // And the rest of the world.
    ("07911 123456", "44", "+447911123456"),
    ("+44 (0)20 7946 0958", "", "+442079460958"),
    ("06 12 34 56 78", "33", "+33612345678"),
    ("33612345678", "33", "+33612345678"),
    ("612 34 56 78", "34", "+34612345678"),
    ("06 30 123 4567", "36", "+36301234567"),
    ("+36 (06) 30 123 4567", "", "+36301234567"),
    ("8 612 34567", "370", "+37061234567"),
    ("8 029 491-19-11", "375", "+375294911911"),
    ("090-1234-5678", "81", "+819012345678"),
    ("138 0013 8000", "86", "+8613800138000"),
    ("8613800138000", "", "+8613800138000"),
    ("9876543210", "91", "+919876543210"),
    ("9198765432", "91", "+919198765432"),
    ("919876543210", "91", "+919876543210"),
    ("55 98765 4321", "55", "+5555987654321"),
    ("5511987654321", "55", "+5511987654321"),
    ("01 23 45 67 89", "225", "+2250123456789"),
    ("+2250123456789", "", "+2250123456789"),
    ("0412 345 678", "61", "+61412345678"),
    ("(0661) 212345", "92", "+92661212345"),
];

#[test]
fn golden_numbers_of_many_countries() {
    for (text, code, expected) in GOLDEN {
        assert_eq!(phone(text, code).as_deref(), Ok(*expected), "{text} in {code:?}");
    }
}

#[test]
fn numbers_that_can_not_exist_are_refused() {
    for (text, code) in [
        ("", ""),
        ("+", ""),
        ("00", "49"),
        ("call me", ""),
        ("+1 425 555 1234 at home", ""),
        ("ext. 5", ""),
        ("++14255551234", ""),
        ("1234567890123456", ""),
        ("12345", ""),
        // Without a country these begin with no code, or look like nobody's numbers.
        ("4255551234", ""),
        // These would be Belgium's, New Zealand's, Myanmar's, and are Los Angeles, New York, Miami.
        ("(323) 255-1234", ""),
        ("646 255 1234", ""),
        ("954 255 1234", ""),
        ("7 701 234 56 78", ""),
        ("2125551234", ""),
        ("0171 2345678", ""),
        ("+4255551234", ""),
        ("+999 1234567", ""),
        // Too long, too short, or with a zero that the country doesn't have.
        ("0425 555 1234", "1"),
        ("555 1234", "1"),
        ("+1 425 555 123", ""),
        ("+33 6 12 34 56 7", ""),
        ("+34 0612 345 678", ""),
        ("45 123 456", "34"),
        ("0171 2345678", "999"),
    ] {
        assert_eq!(phone(text, code), Err(Phone), "{text} in {code:?}");
    }
}

#[test]
fn a_number_that_is_two_is_refused_and_its_unmistakable_forms_are_taken() {
    // In Papenburg (04961), or in Wiesbaden (0611)?
    assert_eq!(phone("4961 12345", "49"), Err(AmbiguousPhone));
    assert_eq!(phone("04961 12345", "49").as_deref(), Ok("+49496112345"));
    assert_eq!(phone("0611 2345", "49").as_deref(), Ok("+496112345"));
    assert_eq!(phone("+49 611 2345", "49").as_deref(), Ok("+496112345"));
    let told = AmbiguousPhone.to_string();
    assert!(told.contains("international form"), "{told}");
}

#[test]
fn what_is_dialled_abroad_depends_on_the_country() {
    for (text, code) in
        [("0011 65 8123 4567", "61"), ("001 65 8123 4567", "852"), ("00 65 81234567", "82")]
    {
        assert_eq!(phone(text, code).as_deref(), Ok("+6581234567"), "{text} in {code}");
    }
}

#[test]
fn the_table_can_be_read_to_its_last_field() {
    let is_ranges = |text: &str, most: usize| {
        text.split(',')
            .flat_map(|range| range.split('-'))
            .all(|bound| bound.parse::<usize>().is_ok_and(|number| number <= most))
    };
    let mut codes = std::collections::BTreeSet::new();
    for line in PLANS.lines().filter(|line| !line.starts_with('#')) {
        for code in line.split(' ').next().expect("codes").split(',') {
            assert!(codes.insert(code), "{code} twice");
            let plan = Plan::of(code).expect("a plan");
            assert_eq!(plan.kinds().count(), plan.numbers.split(' ').count(), "{line}");
            for (firsts, lengths) in plan.kinds() {
                assert!(is_ranges(firsts, 9) && is_ranges(lengths, 15 - code.len()), "{line}");
            }
        }
    }
    assert!(codes.len() > 200, "{}", codes.len());
    let begins = |code: &&&str| (1..code.len()).any(|length| codes.contains(&code[..length]));
    assert_eq!(codes.iter().find(begins), None, "no code is the beginning of another");
}

proptest::proptest! {
    #[test]
    fn nothing_panics_and_what_is_taken_is_e164_and_stays_itself(
        text in r"\+?[0-9 ()/.ä-]{0,20}",
        code in proptest::sample::select(vec!["", "1", "7", "39", "45", "49", "65", "375"]),
    ) {
        if let Ok(number) = phone(&text, code) {
            let digits = number.strip_prefix('+').expect("a plus");
            proptest::prop_assert!(digits.len() <= 15 && digits.bytes().all(|b| b.is_ascii_digit()));
            proptest::prop_assert_eq!(phone(&number, code), Ok(number.clone()));
        }
    }
}
