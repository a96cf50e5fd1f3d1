//! Every code that Microsoft documents is known, with its symbol and what follows from it.

use tracklayer_core::microsoft::errors::ErrorClass::*;
use tracklayer_core::microsoft::errors::Wait::{GoalTooRecent, TimeInFuture};
use tracklayer_core::microsoft::errors::{ErrorClass, TABLE, classify, look_up};

/// From the operation pages and the list of operation error codes.
const NUMBERED: &[(i64, &str, ErrorClass)] = &[
    (0, "InternalError", Retry),
    (100, "NullRequest", Defect),
    (105, "InvalidCredentials", Token),
    (106, "UserIsNotAuthorized", Account),
    (108, "UserCompromised", Account),
    (109, "AuthenticationTokenExpired", Token),
    (113, "InvalidDateObject", Defect),
    (116, "RequestMissingHeaders", Defect),
    (117, "CallRateExceeded", Throttled),
    (120, "UserLoginAccessDenied", Account),
    (122, "PersonalIdentityNotAvailable", Account),
    (123, "WorkIdentityNotAvailable", Account),
    (124, "PersonalIdentityMigratedToWork", Account),
    (125, "PersonalIdentityNotAllowedByCustomer", Account),
    (126, "IdentityTypeMismatch", Account),
    (208, "InvalidAccount", Account),
    (833, "ServiceTimeOut", Retry),
    (1008, "CampaignServiceInvalidAccountStatus", Account),
    (1009, "CampaignServiceAccountIdMissingInRequestHeader", Account),
    (1010, "CampaignServiceSystemInReadOnlyMode", Retry),
    (1029, "CampaignServiceCustomerIdHasToBeSpecified", Account),
    (1030, "CampaignServiceAccountIdHasToBeSpecified", Account),
    (1102, "CampaignServiceInvalidAccountId", Account),
    (1490, "CampaignServiceInvalidCustomerId", Account),
    (4410, "InvalidHeader", Account),
    (5314, "InvalidConversionGoalId", Defect),
    (5315, "DuplicateConversionGoalId", Defect),
    (5318, "ConversionGoalIdArrayExceedsLimit", Defect),
    (5329, "ConversionGoalTypesNotPassed", Defect),
    (5347, "ConversionGoalTypesDoNotMatchExistingValue", Defect),
    (5600, "OfflineConversionsNullOrEmpty", Defect),
    (5601, "OfflineConversionsLimitExceeded", Defect),
    (5602, "OfflineConversionIsNull", Defect),
    (5603, "OfflineConversionMicrosoftClickIdNullOrEmpty", Final),
    (5604, "OfflineConversionMicrosoftClickIdInvalid", Final),
    (5605, "OfflineConversionNameNullOrEmpty", GoalName),
    (5606, "OfflineConversionNameInvalid", GoalName),
    (5607, "OfflineConversionTimeInvalid", Defect),
    (5608, "OfflineConversionTimeNullOrEmpty", Defect),
    (5609, "OfflineConversionTimeOutOfWindow", Final),
    (5610, "OfflineConversionValueInvalid", Final),
    (5611, "OfflineConversionCurrencyCodeInvalid", Final),
    (5612, "OfflineConversionsApplyFailed", Retry),
    (5613, "OfflineConversionPilotNotEnabledForCustomer", Account),
    (5614, "FutureConversionTimeCannotBeSet", Wait(TimeInFuture)),
    (5615, "OfflineConversionNotAcceptedForGoal", Wait(GoalTooRecent)),
    (5616, "ConversionTimeEarlierThanClickTime", Click),
    (5617, "ClickIdDateTimeOutsideGoalConversionWindow", Final),
    (5618, "OfflineConversionInvalidAdjustmentType", Defect),
    (5619, "OfflineConversionAdjustmentTimeNullOrEmpty", Defect),
    (5620, "OfflineConversionAdjustmentTimeEarlierThanConversionTime", Defect),
    (5621, "OfflineConversionAdjustmentTimeInvalid", Defect),
    (5622, "OfflineConversionFutureAdjustmentTimeCannotBeSet", Wait(TimeInFuture)),
    (5623, "OfflineConversionAdjustmentTimeOutOfWindow", Final),
    (5624, "OfflineConversionAdjustmentValueNotExpected", Defect),
    (5625, "OfflineConversionAdjustmentValueRequired", Defect),
    (5626, "OfflineConversionCurrencyValueRequired", Defect),
    (5627, "OfflineConversionRestateRetractNotSupported", Configuration),
];

const NAMED: &[(&str, ErrorClass)] = &[
    ("NotEligibleForEnhancedConversions", Configuration),
    ("ConversionEmailAddressIsNotHashed", Defect),
    ("ConversionPhoneNumberIsNotHashed", Defect),
    ("ExternalAttributionRequiredFieldEmpty", Configuration),
    ("ExternalAttributionModelTooLong", Configuration),
    ("ExternalAttributionCreditValueInvalid", Configuration),
    ("GoalNotEligibleForExternalAttribution", Configuration),
    ("OfflineConversionGoalTooRecent", Wait(GoalTooRecent)),
];

#[test]
fn every_numbered_error_has_its_symbol_and_class() {
    for (code, symbol, class) in NUMBERED {
        let entry = look_up(Some(*code), None).unwrap_or_else(|| panic!("{code} is missing"));
        assert_eq!((entry.symbol, entry.class), (*symbol, *class), "{code}");
        assert_eq!(classify(None, Some(symbol)), *class, "{symbol}");
    }
}

#[test]
fn defects_of_a_call_are_known_by_number() {
    for code in [201, 202, 203, 204, 206] {
        assert_eq!(classify(Some(code), None), Defect, "{code}");
    }
}

#[test]
fn every_error_without_a_number_is_known_by_symbol() {
    for (symbol, class) in NAMED {
        assert_eq!(classify(None, Some(symbol)), *class, "{symbol}");
        assert_eq!(classify(Some(-1), Some(symbol)), *class, "{symbol}");
    }
}

#[test]
fn every_line_says_cause_and_cure() {
    for entry in TABLE {
        for text in [entry.cause, entry.cure] {
            assert!(text.ends_with('.') && text.len() > 15, "{}: {text}", entry.symbol);
        }
    }
}

#[test]
fn everyday_names_are_found_in_the_texts() {
    let all: String = TABLE.iter().map(|entry| entry.cause).collect();
    for name in ["AuthenticationFailed", "InvalidConversionName", "ConversionTimeTooOld"] {
        assert!(all.contains(name), "{name}");
    }
}

#[test]
fn the_unknown_is_told_apart() {
    assert_eq!(classify(None, None), Unknown);
    assert_eq!(classify(Some(98_765), None), Unknown);
    assert_eq!(classify(None, Some("SomethingNew")), Unknown);
}
