//! Microsoft's published limits, and those that this simulator sets where none is published.

use time::Duration;

/// Dates that the header `Api-Revision` may carry
/// (<https://learn.microsoft.com/advertising/campaign-management-service/api-versioning>).
pub(crate) const API_REVISIONS: [&str; 3] = ["2026-08-17", "2026-09-28", "2026-10-12"];

/// Bytes of a body. Microsoft publishes no limit; a full Apply with every member stays far below it.
pub(crate) const MAX_BODY: usize = 4 * 1024 * 1024;

/// Rows of an Apply
/// (<https://learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions>).
pub(crate) const MAX_ROWS: usize = 1_000;

/// How old a conversion may be, and the click of a conversion that is adjusted.
pub(crate) const MAX_AGE: Duration = Duration::days(90);

/// Largest value of a conversion.
pub(crate) const MAX_VALUE: i64 = 999_999_999_999;

/// Decimals of a value.
pub(crate) const MAX_DECIMALS: u32 = 3;

/// Characters of an attribution model. Microsoft publishes no limit; goal names may be as long.
pub(crate) const MAX_MODEL: usize = 100;

/// Goals that one `ConversionGoals/QueryByIds` may ask for.
pub(crate) const MAX_GOAL_IDS: usize = 100;

/// Goals of one report
/// (<https://learn.microsoft.com/advertising/campaign-management-service/getofflineconversionreportbygoalids>).
pub(crate) const MAX_REPORT_GOALS: usize = 20;

/// Time between the two dates of a report.
pub(crate) const MAX_REPORT_RANGE: Duration = Duration::days(7);
