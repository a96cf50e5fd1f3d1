//! Who converted: a click id, or hashes of an e-mail address or phone number, made exactly as
//! Microsoft makes them (learn.microsoft.com/advertising/guides/uet-conversion-api-integration and
//! learn.microsoft.com/advertising/campaign-management-service/offlineconversion).
//!
//! Addresses and numbers live only inside the two hash functions; nothing else of them is kept.

use std::{fmt, sync::LazyLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::person::{click_id::ClickId, error::IdentityError, phone::e164};
use crate::text::{WORDS_FOR_NOTHING, is_invisible, trim};

/// SHA-256 of a normalised e-mail address or phone number. Stored and sent as 64 lower-case hex
/// digits; `Debug` redacts it, since it still names a person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sha256Hash(#[serde(with = "hex")] [u8; 32]);

impl Sha256Hash {
    /// Reads 64 hex digits of either case.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdentityError::Hash)?;
        Ok(Self(bytes))
    }

    /// Reads a hash that an event brings. The hash of an empty field, or of a word that stands for
    /// one, is nobody's: it would be the same for everybody.
    pub fn of_person(text: &str) -> Result<Self, IdentityError> {
        static NOBODY: LazyLock<Vec<Sha256Hash>> = LazyLock::new(|| {
            let cases = |word: &str| {
                let (first, rest) = word.split_at(1);
                [word.to_owned(), word.to_uppercase(), format!("{}{rest}", first.to_uppercase())]
            };
            let words = WORDS_FOR_NOTHING.iter().chain(&["n/a"]).flat_map(|word| cases(word));
            words.chain([String::new()]).map(|word| Sha256Hash::of(&word)).collect()
        });
        let hash = Self::parse(trim(text))?;
        if NOBODY.contains(&hash) { Err(IdentityError::Nobody) } else { Ok(hash) }
    }

    /// 64 lower-case hex digits, as Microsoft expects them.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn of(normalised: &str) -> Self {
        Self(Sha256::digest(normalised.as_bytes()).into())
    }
}

impl fmt::Debug for Sha256Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256Hash(…)")
    }
}

/// Normalises and hashes an e-mail address; 64 hex digits are a hash already and stay what they
/// are.
///
/// Normalising: trim, lower case, no spaces, no accents, nothing from `+` to `@`, no dot before
/// `@` whatever the domain.
pub fn hash_email(text: &str) -> Result<Sha256Hash, IdentityError> {
    match Sha256Hash::of_person(text) {
        Err(IdentityError::Hash) => {
            let email = normalise_email(text.trim()).ok_or(IdentityError::Email)?;
            Ok(Sha256Hash::of(&email))
        }
        hash => hash,
    }
}

fn normalise_email(text: &str) -> Option<String> {
    let plain = without_accents_and_spaces(text).to_lowercase();
    let (local, domain) = plain.split_once('@')?;
    let local = local.split('+').next()?.replace('.', "");
    let dots_inside = domain.contains('.') && !domain.split('.').any(str::is_empty);
    let is_name = |c: char| c.is_alphanumeric() || "-.".contains(c);
    let one_address = domain.chars().all(is_name) && !plain.contains(is_foreign);
    let valid = !local.is_empty() && dots_inside && one_address;
    valid.then(|| format!("{local}@{domain}"))
}

/// Separators and brackets: what is more than an address, such as `mailto:` or a list.
fn is_foreign(c: char) -> bool {
    "<>()[],;:\"\\".contains(c)
}

fn without_accents_and_spaces(text: &str) -> String {
    let wanted = |c: &char| !c.is_whitespace() && !is_combining_mark(*c) && !is_invisible(*c);
    if text.is_ascii() {
        return text.chars().filter(wanted).collect();
    }
    // Composed again, so that letters other than accented ones keep their usual bytes.
    text.nfkd().filter(wanted).nfc().collect()
}

/// The digit 0 of the scripts in which phone numbers are written: Arabic, Persian, Devanagari, Bengali,
/// Thai. Those of Chinese and Japanese keyboards are forms of the usual ones.
const ZEROS: [char; 5] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{e50}'];

fn ascii_digit(c: char) -> char {
    let value = |zero: &char| u32::from(c).checked_sub(u32::from(*zero)).filter(|it| *it < 10);
    ZEROS.iter().find_map(value).and_then(|it| char::from_digit(it, 10)).unwrap_or(c)
}

/// Normalises a phone number to E.164 with its leading `+` and hashes it; 64 hex digits are a hash
/// already and stay what they are.
///
/// A number without `+` or `00` is completed with `default_country_code` (digits such as `1` or
/// `49`), unless it begins with it. Without one it must begin with its country code.
pub fn hash_phone(
    text: &str, default_country_code: Option<&str>,
) -> Result<Sha256Hash, IdentityError> {
    match Sha256Hash::of_person(text) {
        Err(IdentityError::Hash) => {
            // Other scripts' digits, and what phones put around a number that is copied.
            let text: String = text.nfkc().filter(|c| !is_invisible(*c)).map(ascii_digit).collect();
            e164(text.trim(), default_country_code).map(|number| Sha256Hash::of(&number))
        }
        hash => hash,
    }
}

/// Everything by which Microsoft may find the click of a conversion. It is part of the key of the
/// conversion, so it is one tuple: sent whole or not at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    pub click_id: Option<ClickId>,
    pub email: Option<Sha256Hash>,
    pub phone: Option<Sha256Hash>,
}

impl Identity {
    /// Whether there is anything by which Microsoft could match.
    pub fn is_matchable(&self) -> bool {
        self.click_id.is_some() || self.has_hashes()
    }

    /// Whether there are hashes.
    pub fn has_hashes(&self) -> bool {
        self.email.is_some() || self.phone.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOHN: &str = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";
    const SMITH: &str = "9df35a0e22cfcb3edad75b601100188ed4fddcf2ae7a9c0aa322ef20e2bcfeec";
    const PHONE: &str = "c59475d96e9f01d7d18d06cfad84dd02333207f02c0c2c5663ef2782cda0390e";

    fn email(text: &str) -> String {
        hash_email(text).expect(text).hex()
    }

    #[test]
    fn what_nobody_sees_is_no_part_of_an_address_and_what_surrounds_it_none_either() {
        for text in ["\u{feff}john@contoso.com", "jo\u{200b}hn@con\u{ad}toso.com\u{200f}"] {
            assert_eq!(email(text), JOHN, "{text:?}");
        }
        for text in ["<john@contoso.com>", "mailto:john@contoso.com", "john@contoso.com,"] {
            assert_eq!(hash_email(text), Err(IdentityError::Email), "{text}");
        }
    }

    #[test]
    fn golden_addresses() {
        assert_eq!(email("john@contoso.com"), JOHN);
        assert_eq!(email("John.Smith+ads@Contoso.com "), SMITH);
        let test = "f25ad364d33972379a7a4f4df33db142205f5c40eb19cfdb2fc5aaf117e10101";
        assert_eq!(email("test@contoso.com"), test);
        let example = "e2e7dbfa5e7b07f94e15295f700a2a9b486799848797cf3e0ddeae7425862f93";
        assert_eq!(email("example@outlook.com"), example);
    }

    #[test]
    fn golden_phone_keeps_its_plus() {
        for (text, code) in [
            ("1 425 555 1234", None),
            ("1 425 555 1234", Some("1")),
            ("+1 (425) 555-1234", None),
            ("425.555.1234", Some("1")),
            ("001 425 555 1234", Some("49")),
        ] {
            assert_eq!(hash_phone(text, code).expect(text).hex(), PHONE, "{text}");
        }
    }

    #[test]
    fn a_hash_is_never_hashed_again() {
        let upper = format!(" {} ", JOHN.to_uppercase());
        assert_eq!(email(&upper), JOHN);
        assert_eq!(hash_phone(PHONE, Some("1")).expect("hash").hex(), PHONE);
    }

    #[test]
    fn every_dot_before_the_at_goes_not_only_the_first() {
        assert_eq!(email("j.o.h.n.s.mith@contoso.com"), SMITH);
        assert_eq!(normalise_email("a.b@mail.contoso.com").as_deref(), Some("ab@mail.contoso.com"));
    }

    #[test]
    fn spaces_accents_and_case_go() {
        assert_eq!(normalise_email(" Jöhn @ Contoso.COM").as_deref(), Some("john@contoso.com"));
        assert_eq!(normalise_email("jo\u{308}hn@contoso.com").as_deref(), Some("john@contoso.com"));
        assert_eq!(normalise_email("İ@contoso.com").as_deref(), Some("i@contoso.com"));
    }

    #[test]
    fn no_addresses() {
        for text in [
            "",
            "john",
            "@x.com",
            "+a@x.com",
            "...@x.com",
            "a@b@x.com",
            "a@x",
            "a@.x.com",
            "a@x.com.",
            "a@x..com",
        ] {
            assert_eq!(hash_email(text), Err(IdentityError::Email), "{text}");
        }
    }

    #[test]
    fn hashes_hide_in_debug_output() {
        let identity =
            Identity { email: hash_email("john@contoso.com").ok(), ..Identity::default() };
        let shown = format!("{identity:?}");
        assert!(!shown.contains("ec81") && !shown.contains("john"), "{shown}");
        assert!(identity.is_matchable());
        assert!(!Identity::default().is_matchable());
    }

    #[test]
    fn stored_as_hex() {
        let hash = hash_email("john@contoso.com").expect("hash");
        let text = serde_json::to_string(&hash).expect("text");
        assert_eq!(text, format!("\"{JOHN}\""));
        assert_eq!(serde_json::from_str::<Sha256Hash>(&text).expect("hash"), hash);
        assert!(Sha256Hash::parse(&JOHN[1..]).is_err());
    }
}
