//! The snippet in a real browser. Where there is none, these tests say `skipped: …`.
//!
//! - `landing`: which click is found, and that it is posted once
//! - `consent`: what is sent when
//! - `tcf`: the same of IAB banners
//! - `withdrawal`: what is taken back
//! - `delivery`: what a browser refuses, and what fails
//! - `forms`: hidden fields
//! - `recipes`: what functions/RECIPES.md tells people to paste
//! - `journey`: from the ad to Microsoft, through the whole system

mod consent;
mod delivery;
pub mod driver;
pub mod engine;
mod forms;
mod journey;
mod landing;
mod recipes;
mod site;
mod tcf;
mod withdrawal;

use serde_json::Value;

/// The reference of a post, which must be one of the snippet's own.
fn reference(body: &Value) -> String {
    let reference = body["sessionId"].as_str().unwrap_or_else(|| panic!("{body}"));
    let digits = reference.strip_prefix("tl.").unwrap_or_else(|| panic!("{body}"));
    assert_eq!(digits.len(), 32, "{body}");
    assert!(digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{body}");
    reference.to_owned()
}
