use proptest::prelude::*;

use super::*;
use crate::person::landing_url::LandingUrl;

const ID: &str = "f894f652ea334e739002f7167ab8f8e3";

fn cleaned(text: &str) -> Result<String, ClickIdError> {
    ClickId::parse(text).map(|id| id.to_string())
}

#[test]
fn cleaning() {
    for text in [
        ID,
        "f894f652-ea33-4e73-9002-f7167ab8f8e3",
        "_uetf894f652ea334e739002f7167ab8f8e3",
        "_uetf894f652-ea33-4e73-9002-f7167ab8f8e3-1N",
        "f894f652ea334e739002f7167ab8f8e3-0",
        "f894f652ea334e739002f7167ab8f8e3-1",
        "f894f652ea334e739002f7167ab8f8e3-0N",
        "f894f652ea334e739002f7167ab8f8e3-1N",
        "f894f652%2Dea33%2d4e73-9002-f7167ab8f8e3",
        "%66894f652ea334e739002f7167ab8f8e3",
        " f894f652ea334e739002f7167ab8f8e3\n",
    ] {
        assert_eq!(cleaned(text).as_deref(), Ok(ID), "{text}");
    }
}

#[test]
fn case_stays_but_keys_ignore_it() {
    let id = ClickId::parse("F894F652EA334E739002F7167AB8F8E3").expect("id");
    assert_eq!(id.as_str(), "F894F652EA334E739002F7167AB8F8E3");
    assert_eq!(id.key(), ID);
}

#[test]
fn ids_of_other_lengths_are_taken() {
    assert!(ClickId::parse("dd4afcccb1c9a4cad9544dd7e5006").is_ok(), "29 characters");
    assert!(ClickId::parse(&"z".repeat(64)).is_ok());
    assert!(ClickId::parse(&"z".repeat(16)).is_ok());
}

#[test]
fn refusals_have_a_reason() {
    use ClickIdError::{OtherCharacters, Placeholder, Template, TestId, TooLong, TooShort};
    let (long, dashes) = ("a".repeat(65), "a-".repeat(16));
    for (text, reason) in [
        ("N", Placeholder),
        ("_uetN", Placeholder),
        ("{msclkid}", Template),
        ("%7Bmsclkid%7D", Template),
        ("{{msclkid}}", Template),
        ("${msclkid}", Template),
        ("[msclkid]", Template),
        ("00000000-0000-0000-0000-000000000000", Template),
        ("XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX", Template),
        ("xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", Template),
        ("Example-123", TestId),
        ("01234567890123456789012345678901", TestId),
        ("", TooShort),
        ("undefined", TooShort),
        ("f894f652ea334e7", TooShort),
        (long.as_str(), TooLong),
        ("f894f652ea334e739002 f7167ab8f8e3", OtherCharacters),
        ("this-is-no-click-id-at-all", OtherCharacters),
        (dashes.as_str(), OtherCharacters),
        ("f894f652ea334e739002f7167ab8f8e3%", OtherCharacters),
        ("f894f652ea334e739002f7167ab8f8e3%2", OtherCharacters),
        ("f894f652ea334e739002f7167ab8f8e3%FF", OtherCharacters),
        ("f894f652%252Dea33%252D4e73-9002-f7167ab8f8e3", OtherCharacters),
        ("f894f652ea334e739002f7167ab8f8ä", OtherCharacters),
        ("jane.doe@contoso.com", OtherCharacters),
    ] {
        assert_eq!(cleaned(text), Err(reason), "{text}");
    }
}

#[test]
fn landing_addresses_keep_no_personal_query() {
    for (address, kept) in [
        (
            "https://Shop.example/a/b?utm_source=bing&msclkid=abc&email=j%40x.com&UTM_Campaign=x#top",
            "https://Shop.example/a/b?utm_source=bing&UTM_Campaign=x",
        ),
        ("https://user:secret@shop.example/", "https://shop.example/"),
        ("HTTP://shop.example", "http://shop.example"),
        ("https://shop.example:8443?x=1", "https://shop.example:8443"),
        ("https://shop.example?utm_term=a?b", "https://shop.example?utm_term=a?b"),
        ("https://shop.example/#/?utm_source=x&email=y", "https://shop.example/"),
        ("https://shop.example/a?xutm_source=1&utm=2", "https://shop.example/a"),
    ] {
        assert_eq!(LandingUrl::redact(address).as_ref().map(LandingUrl::as_str), Some(kept));
        assert_eq!(LandingUrl::redact(kept).as_ref().map(LandingUrl::as_str), Some(kept));
    }
    let long = format!("https://shop.example/{}", "a".repeat(3000));
    for none in
        ["", "shop.example/a", "javascript://x", "https://", "https:///a", "https://a b/", &long]
    {
        assert_eq!(LandingUrl::redact(none), None, "{none}");
    }
}

proptest! {
    #[test]
    fn cleaning_twice_is_cleaning_once(text in "(_uet)?[0-9A-Fa-f-]{10,70}(-[01]N?)?") {
        if let Ok(id) = ClickId::parse(&text) {
            prop_assert_eq!(ClickId::parse(id.as_str()), Ok(id));
        }
    }

    #[test]
    fn decoration_changes_nothing(id in "[0-9A-Za-z]{16,64}", tail in "(-[01]N?)?", uet: bool) {
        prop_assume!(!id.starts_with("0123456789"));
        let decorated = format!("{}{id}{tail}", if uet { "_uet" } else { "" });
        let escaped: String = decorated.bytes().map(|b| format!("%{b:02X}")).collect();
        prop_assert_eq!(cleaned(&decorated), Ok(id.clone()));
        prop_assert_eq!(cleaned(&escaped), Ok(id));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        if let Ok(id) = ClickId::parse(&text) {
            prop_assert!((16..=64).contains(&id.as_str().len()));
        }
    }

    #[test]
    fn no_query_value_survives(name in "[a-z]{1,8}", value in "[a-z0-9]{12}") {
        prop_assume!(!name.starts_with("utm"));
        let url = format!("https://shop.example/p?utm_source=bing&{name}={value}#{value}");
        let kept = LandingUrl::redact(&url).expect("an address");
        prop_assert!(!kept.as_str().contains(&value));
    }
}
