//! Every error that Microsoft documents, with its class, cause and cure.

use super::error_class::{Entry, ErrorClass, UNREADABLE, Wait};

const fn row(
    code: i64, symbol: &'static str, class: ErrorClass, cause: &'static str, cure: &'static str,
) -> Entry {
    Entry { code: Some(code), symbol, class, cause, cure }
}

const fn named(
    symbol: &'static str, class: ErrorClass, cause: &'static str, cure: &'static str,
) -> Entry {
    Entry { code: None, symbol, class, cause, cure }
}

const DEFECT: &str = "The request was built wrongly.";
const REPORT: &str =
    "Report it with the TrackingId; the row is kept and can be redriven after a fix.";
const IDENTITY: &str = "The user who gave consent can't be used with this customer.";
const CONSENT: &str = "Give consent again (infra/README.md) with a user who can manage the ad account; redrive what is dead by then.";
const ACCOUNT: &str = "The customer or account number in the account's secret is not accepted.";
const NUMBERS: &str =
    "Correct customer_id and account_id in the secret; redrive what is dead by then.";
const EXTERNAL: &str =
    "The goal expects externally attributed conversions, or the row's are wrong.";
const OTHER_GOAL: &str = "Use a goal that is not externally attributed, then redrive.";

const NOT_THERE: &str = "The service is not available at this address just now.";
const AWAIT_OR_ADDRESS: &str = "Nothing; it is retried. If it stays, correct MSADS_API_URL (unset, Microsoft's own address is used).";

/// Every error that Microsoft documents for these calls.
#[rustfmt::skip] // A line for each error, or three.
pub const TABLE: &[Entry] = &[
    // --- faults of a whole call
    row(0, "InternalError", ErrorClass::Retry,
        "Trouble inside Microsoft.",
        "Nothing; it is retried. Look at Microsoft's status page if it stays."),
    row(100, "NullRequest", ErrorClass::Defect, DEFECT, REPORT),
    row(105, "InvalidCredentials", ErrorClass::Token,
        "The access token or the developer token is wrong for this environment, or the account is inactive (often called AuthenticationFailed).",
        "See that developer_token and MSADS_ENVIRONMENT belong together, or give consent again (infra/README.md); redrive what is dead by then."),
    row(106, "UserIsNotAuthorized", ErrorClass::Account,
        "The user has no access to the ad account, or the two account headers don't belong together (often called AuthenticationFailed).",
        "Give the user access, or correct customer_id and account_id in the secret; redrive what is dead by then."),
    row(108, "UserCompromised", ErrorClass::Account, IDENTITY, CONSENT),
    row(109, "AuthenticationTokenExpired", ErrorClass::Token,
        "The access token ran out (often called AuthenticationFailed).",
        "Nothing; it is renewed. If it stays, give consent again (infra/README.md)."),
    row(113, "InvalidDateObject", ErrorClass::Defect,
        "A time in the request could not be read.", REPORT),
    row(116, "RequestMissingHeaders", ErrorClass::Defect, DEFECT, REPORT),
    row(117, "CallRateExceeded", ErrorClass::Throttled,
        "Too many calls within a minute.",
        "Nothing; the account pauses for a minute. Lower UploadConcurrency if it is frequent."),
    row(120, "UserLoginAccessDenied", ErrorClass::Account, IDENTITY, CONSENT),
    row(122, "PersonalIdentityNotAvailable", ErrorClass::Account, IDENTITY, CONSENT),
    row(123, "WorkIdentityNotAvailable", ErrorClass::Account, IDENTITY, CONSENT),
    row(124, "PersonalIdentityMigratedToWork", ErrorClass::Account, IDENTITY, CONSENT),
    row(125, "PersonalIdentityNotAllowedByCustomer", ErrorClass::Account, IDENTITY, CONSENT),
    row(126, "IdentityTypeMismatch", ErrorClass::Account, IDENTITY, CONSENT),
    row(201, "InvalidVersion", ErrorClass::Defect, DEFECT, REPORT),
    row(202, "NullArrayArgument", ErrorClass::Defect, DEFECT, REPORT),
    row(203, "BatchLimitExceeded", ErrorClass::Defect, DEFECT, REPORT),
    row(204, "InvalidParameters", ErrorClass::Defect, DEFECT, REPORT),
    row(206, "NullParameters", ErrorClass::Defect, DEFECT, REPORT),
    row(208, "InvalidAccount", ErrorClass::Account, ACCOUNT, NUMBERS),
    row(833, "ServiceTimeOut", ErrorClass::Retry,
        "Microsoft did not answer in time.", "Nothing; it is retried."),
    row(1008, "CampaignServiceInvalidAccountStatus", ErrorClass::Account,
        "The ad account is not active.",
        "Activate the account at Microsoft; redrive what is dead by then."),
    row(1009, "CampaignServiceAccountIdMissingInRequestHeader", ErrorClass::Account,
        ACCOUNT, NUMBERS),
    row(1010, "CampaignServiceSystemInReadOnlyMode", ErrorClass::Retry,
        "Microsoft is in maintenance.", "Nothing; it is retried."),
    row(1029, "CampaignServiceCustomerIdHasToBeSpecified", ErrorClass::Account, ACCOUNT, NUMBERS),
    row(1030, "CampaignServiceAccountIdHasToBeSpecified", ErrorClass::Account, ACCOUNT, NUMBERS),
    row(1102, "CampaignServiceInvalidAccountId", ErrorClass::Account, ACCOUNT, NUMBERS),
    row(1490, "CampaignServiceInvalidCustomerId", ErrorClass::Account, ACCOUNT, NUMBERS),
    row(4410, "InvalidHeader", ErrorClass::Account, ACCOUNT, NUMBERS),
    row(5314, "InvalidConversionGoalId", ErrorClass::Defect, DEFECT, REPORT),
    row(5315, "DuplicateConversionGoalId", ErrorClass::Defect, DEFECT, REPORT),
    row(5318, "ConversionGoalIdArrayExceedsLimit", ErrorClass::Defect, DEFECT, REPORT),
    row(5329, "ConversionGoalTypesNotPassed", ErrorClass::Defect, DEFECT, REPORT),
    row(5347, "ConversionGoalTypesDoNotMatchExistingValue", ErrorClass::Defect, DEFECT, REPORT),
    row(5613, "OfflineConversionPilotNotEnabledForCustomer", ErrorClass::Account,
        "Offline conversions are not enabled for this customer.",
        "Ask Microsoft to enable them; redrive what is dead by then."),
    // --- answers that say nothing but their HTTP status
    named(UNREADABLE, ErrorClass::Unknown,
        "Microsoft could not read the request and did not say why.",
        "Nothing at first; from the fourth try on the rows are sent in small calls, until the one that spoils them is alone. Report that one with its TrackingId."),
    named("HTTP 404", ErrorClass::Retry, NOT_THERE, AWAIT_OR_ADDRESS),
    named("HTTP 501", ErrorClass::Retry, NOT_THERE, AWAIT_OR_ADDRESS),
    named("HTTP 405", ErrorClass::Account,
        "The address is not that of the API: it does not accept such requests.",
        "Correct MSADS_API_URL (unset, Microsoft's own address is used); redrive what is dead by then."),
    named("HTTP 413", ErrorClass::Defect, "The request is too large for Microsoft.", REPORT),
    // --- errors of one row
    row(5600, "OfflineConversionsNullOrEmpty", ErrorClass::Defect, DEFECT, REPORT),
    row(5601, "OfflineConversionsLimitExceeded", ErrorClass::Defect, DEFECT, REPORT),
    row(5602, "OfflineConversionIsNull", ErrorClass::Defect, DEFECT, REPORT),
    row(5603, "OfflineConversionMicrosoftClickIdNullOrEmpty", ErrorClass::Final,
        "The row has no click id and its goal takes no hashes.",
        "Capture the click id, or turn on enhanced conversions for the goal."),
    row(5604, "OfflineConversionMicrosoftClickIdInvalid", ErrorClass::Final,
        "Microsoft does not recognise the click id.",
        "Check that the click id comes unchanged from the landing URL."),
    row(5605, "OfflineConversionNameNullOrEmpty", ErrorClass::GoalName,
        "The goal has no name.", "Correct the goal in the mapping, then redrive."),
    row(5606, "OfflineConversionNameInvalid", ErrorClass::GoalName,
        "No offline goal has exactly this name in the account (often called InvalidConversionName).",
        "Make the goal's name in the mapping equal the one at Microsoft, case and spaces included, then redrive. A correction of a conversion that Microsoft took under an older name keeps that name: rename the goal back at Microsoft, then redrive."),
    row(5607, "OfflineConversionTimeInvalid", ErrorClass::Defect,
        "The conversion time could not be read.", REPORT),
    row(5608, "OfflineConversionTimeNullOrEmpty", ErrorClass::Defect, DEFECT, REPORT),
    row(5609, "OfflineConversionTimeOutOfWindow", ErrorClass::Final,
        "The conversion is older than 90 days (often called ConversionTimeTooOld).",
        "Send conversions within 90 days; daily is best."),
    row(5610, "OfflineConversionValueInvalid", ErrorClass::Final,
        "Microsoft does not take this value.", "Check the value of the source event."),
    row(5611, "OfflineConversionCurrencyCodeInvalid", ErrorClass::Final,
        "Microsoft does not take this currency.",
        "Send the value in a currency that Microsoft lists."),
    row(5612, "OfflineConversionsApplyFailed", ErrorClass::Retry,
        "Trouble inside Microsoft.", "Nothing; it is retried."),
    row(5614, "FutureConversionTimeCannotBeSet", ErrorClass::Wait(Wait::TimeInFuture),
        "The conversion lies ahead of Microsoft's clock.",
        "Nothing; it is sent again when the time has passed. Check the source's clock if it is frequent."),
    row(5615, "OfflineConversionNotAcceptedForGoal", ErrorClass::Wait(Wait::GoalTooRecent),
        "The goal is younger than two hours.", "Nothing; it is sent again after two hours."),
    row(5616, "ConversionTimeEarlierThanClickTime", ErrorClass::Click,
        "The click happened after the conversion.",
        "Nothing: another click or the hashes are sent, or the row waits for one. If it is refused, check the source's clock and which click the sale belongs to."),
    row(5617, "ClickIdDateTimeOutsideGoalConversionWindow", ErrorClass::Final,
        "The click is older than the goal's conversion window.",
        "Widen the goal's conversion window if such sales should count."),
    row(5618, "OfflineConversionInvalidAdjustmentType", ErrorClass::Defect, DEFECT, REPORT),
    row(5619, "OfflineConversionAdjustmentTimeNullOrEmpty", ErrorClass::Defect, DEFECT, REPORT),
    row(5620, "OfflineConversionAdjustmentTimeEarlierThanConversionTime", ErrorClass::Defect,
        DEFECT, REPORT),
    row(5621, "OfflineConversionAdjustmentTimeInvalid", ErrorClass::Defect, DEFECT, REPORT),
    row(5622, "OfflineConversionFutureAdjustmentTimeCannotBeSet", ErrorClass::Wait(Wait::TimeInFuture),
        "The adjustment lies ahead of Microsoft's clock.",
        "Nothing; it is sent again when the time has passed."),
    row(5623, "OfflineConversionAdjustmentTimeOutOfWindow", ErrorClass::Final,
        "The correction comes too late for Microsoft.",
        "Nothing can be done at Microsoft; the ledger keeps the money."),
    row(5624, "OfflineConversionAdjustmentValueNotExpected", ErrorClass::Defect, DEFECT, REPORT),
    row(5625, "OfflineConversionAdjustmentValueRequired", ErrorClass::Defect, DEFECT, REPORT),
    row(5626, "OfflineConversionCurrencyValueRequired", ErrorClass::Defect, DEFECT, REPORT),
    row(5627, "OfflineConversionRestateRetractNotSupported", ErrorClass::Configuration,
        "This goal takes no corrections.", "Change the goal at Microsoft, then redrive."),
    // --- errors that Microsoft publishes without a number
    named("NotEligibleForEnhancedConversions", ErrorClass::Configuration,
        "The row has only hashes and its goal has enhanced conversions off.",
        "Turn on enhanced conversions for the goal at Microsoft, then redrive."),
    named("ConversionEmailAddressIsNotHashed", ErrorClass::Defect, DEFECT, REPORT),
    named("ConversionPhoneNumberIsNotHashed", ErrorClass::Defect, DEFECT, REPORT),
    named("ExternalAttributionRequiredFieldEmpty", ErrorClass::Configuration, EXTERNAL, OTHER_GOAL),
    named("ExternalAttributionModelTooLong", ErrorClass::Configuration, EXTERNAL, OTHER_GOAL),
    named("ExternalAttributionCreditValueInvalid", ErrorClass::Configuration, EXTERNAL, OTHER_GOAL),
    named("GoalNotEligibleForExternalAttribution", ErrorClass::Configuration, EXTERNAL, OTHER_GOAL),
    named("OfflineConversionGoalTooRecent", ErrorClass::Wait(Wait::GoalTooRecent),
        "The goal is younger than two hours.", "Nothing; it is sent again after two hours."),
];
