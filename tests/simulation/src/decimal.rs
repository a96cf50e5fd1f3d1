//! Amounts as whole thousandths, so that they can be compared and added.

/// A decimal text in thousandths.
#[must_use]
pub fn thousandths(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{part:0<3}");
    digits.parse().unwrap_or(i64::MIN)
}

/// Thousandths as a decimal text.
#[must_use]
pub fn decimal(thousandths: i64) -> String {
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}
