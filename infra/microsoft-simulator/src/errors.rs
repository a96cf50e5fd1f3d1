//! Microsoft's codes with their symbols, and the two places where they occur: faults and row errors.
//!
//! <https://learn.microsoft.com/advertising/guides/operation-error-codes>

use serde::Serialize;

use crate::fault_rule::ForcedError;

/// The number of errors for which Microsoft publishes only a symbol. No published list has it, so
/// that a reader has to use the symbol.
pub(crate) const UNPUBLISHED: i64 = 5699;

const KNOWN: &[(i64, &str, &str)] = &[
    (0, "InternalError", "An internal error has occurred."),
    (100, "NullRequest", "The request message is null or can't be read."),
    (
        105,
        "InvalidCredentials",
        "Authentication failed: the credentials are invalid or the account is inactive.",
    ),
    (106, "UserIsNotAuthorized", "The user may not do this in the account."),
    (108, "UserCompromised", "The user is compromised."),
    (109, "AuthenticationTokenExpired", "The access token has expired."),
    (113, "InvalidDateObject", "A date of the request is not valid."),
    (116, "RequestMissingHeaders", "The request lacks headers."),
    (117, "CallRateExceeded", "Too many calls; wait 60 seconds."),
    (120, "UserLoginAccessDenied", "The user may not sign in."),
    (122, "PersonalIdentityNotAvailable", "The user has no personal identity."),
    (123, "WorkIdentityNotAvailable", "The user has no work identity."),
    (124, "PersonalIdentityMigratedToWork", "The personal identity became a work identity."),
    (125, "PersonalIdentityNotAllowedByCustomer", "The customer allows work identities only."),
    (126, "IdentityTypeMismatch", "The identity is of another type."),
    (201, "InvalidVersion", "The version of the service is not valid."),
    (202, "NullArrayArgument", "A list of the request is missing or empty."),
    (203, "BatchLimitExceeded", "The request has too many items."),
    (204, "InvalidParameters", "A member of the request is not valid."),
    (206, "NullParameters", "The request lacks a member."),
    (208, "InvalidAccount", "The account is not valid."),
    (833, "ServiceTimeOut", "The service timed out."),
    (1008, "CampaignServiceInvalidAccountStatus", "The account's status does not allow this."),
    (
        1009,
        "CampaignServiceAccountIdMissingInRequestHeader",
        "The header CustomerAccountId is missing.",
    ),
    (1010, "CampaignServiceSystemInReadOnlyMode", "The system is in read-only mode."),
    (1029, "CampaignServiceCustomerIdHasToBeSpecified", "The header CustomerId is missing."),
    (1030, "CampaignServiceAccountIdHasToBeSpecified", "The account id is missing."),
    (1102, "CampaignServiceInvalidAccountId", "The account id is not valid."),
    (1490, "CampaignServiceInvalidCustomerId", "The customer id is not valid."),
    (4410, "InvalidHeader", "A header of the request is not valid."),
    (5314, "InvalidConversionGoalId", "The conversion goal's id is not valid."),
    (5315, "DuplicateConversionGoalId", "A conversion goal's id is given twice."),
    (5318, "ConversionGoalIdArrayExceedsLimit", "Too many conversion goal ids."),
    (5329, "ConversionGoalTypesNotPassed", "The conversion goal types are missing."),
    (
        5347,
        "ConversionGoalTypesDoNotMatchExistingValue",
        "The conversion goal is not of the types asked for.",
    ),
    (5600, "OfflineConversionsNullOrEmpty", "The list of offline conversions is null or empty."),
    (5601, "OfflineConversionsLimitExceeded", "More than 1,000 rows in one call."),
    (5602, "OfflineConversionIsNull", "The row is null."),
    (
        5603,
        "OfflineConversionMicrosoftClickIdNullOrEmpty",
        "The row has neither a click id nor hashed data.",
    ),
    (5604, "OfflineConversionMicrosoftClickIdInvalid", "The click id is not valid."),
    (5605, "OfflineConversionNameNullOrEmpty", "The conversion name is missing."),
    (5606, "OfflineConversionNameInvalid", "No offline conversion goal has this name."),
    (5607, "OfflineConversionTimeInvalid", "The conversion time is not valid."),
    (5608, "OfflineConversionTimeNullOrEmpty", "The conversion time is missing."),
    (5609, "OfflineConversionTimeOutOfWindow", "The conversion time is more than 90 days ago."),
    (5610, "OfflineConversionValueInvalid", "The value is not valid."),
    (5611, "OfflineConversionCurrencyCodeInvalid", "The currency code is not valid."),
    (5612, "OfflineConversionsApplyFailed", "The conversions could not be applied."),
    (
        5613,
        "OfflineConversionPilotNotEnabledForCustomer",
        "Offline conversions are not enabled for the customer.",
    ),
    (5614, "FutureConversionTimeCannotBeSet", "The conversion time lies in the future."),
    (5615, "OfflineConversionNotAcceptedForGoal", "The goal is too young; wait two hours."),
    (5616, "ConversionTimeEarlierThanClickTime", "The conversion is earlier than the click."),
    (5617, "ClickIdDateTimeOutsideGoalConversionWindow", "The click is outside the goal's window."),
    (5618, "OfflineConversionInvalidAdjustmentType", "The adjustment type is not valid."),
    (5619, "OfflineConversionAdjustmentTimeNullOrEmpty", "The adjustment time is missing."),
    (
        5620,
        "OfflineConversionAdjustmentTimeEarlierThanConversionTime",
        "The adjustment is earlier than its conversion.",
    ),
    (5621, "OfflineConversionAdjustmentTimeInvalid", "The adjustment time is not valid."),
    (
        5622,
        "OfflineConversionFutureAdjustmentTimeCannotBeSet",
        "The adjustment time lies in the future.",
    ),
    (5623, "OfflineConversionAdjustmentTimeOutOfWindow", "The adjustment time is too long ago."),
    (5624, "OfflineConversionAdjustmentValueNotExpected", "A Retract carries no value."),
    (5625, "OfflineConversionAdjustmentValueRequired", "A Restate needs a value."),
    (5626, "OfflineConversionCurrencyValueRequired", "A Restate needs a currency."),
    (5627, "OfflineConversionRestateRetractNotSupported", "The goal takes no adjustments."),
];

/// Symbols that Microsoft publishes without a number, with their messages.
const SYMBOLS: &[(&str, &str)] = &[
    ("ConversionEmailAddressIsNotHashed", "The e-mail address is not hashed."),
    ("ConversionPhoneNumberIsNotHashed", "The phone number is not hashed."),
    ("ExternalAttributionCreditValueInvalid", "The credit is not above 0 and at most 1."),
    ("ExternalAttributionModelTooLong", "The attribution model's name is too long."),
    ("ExternalAttributionRequiredFieldEmpty", "The goal needs a credit and an attribution model."),
    ("GoalNotEligibleForExternalAttribution", "The goal is not attributed externally."),
    ("NotEligibleForEnhancedConversions", "The goal takes no rows with hashed data alone."),
    ("OfflineConversionGoalTooRecent", "The goal is too young; wait two hours."),
];

/// The symbol of a code; `InternalError` for one the table lacks.
pub(crate) fn symbol(code: i64) -> &'static str {
    known(code).map_or("InternalError", |known| known.1)
}

/// The message of a code.
pub(crate) fn message(code: i64) -> &'static str {
    known(code).map_or("An error has occurred.", |known| known.2)
}

/// The message of a code, or of the symbol if the code is unknown.
fn message_of(code: i64, error_code: &str) -> &'static str {
    let by_symbol = SYMBOLS.iter().find(|(symbol, _)| *symbol == error_code);
    by_symbol.filter(|_| known(code).is_none()).map_or_else(|| message(code), |known| known.1)
}

fn known(code: i64) -> Option<&'static (i64, &'static str, &'static str)> {
    KNOWN.iter().find(|known| known.0 == code)
}

/// One error of one row: the entries of `PartialErrors`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct BatchError {
    pub(crate) code: i64,
    details: Option<String>,
    pub(crate) error_code: String,
    field_path: Option<String>,
    forward_compatibility_map: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) index: Option<i64>,
    pub(crate) message: String,
    r#type: &'static str,
}

impl BatchError {
    /// An error by its number.
    pub(crate) fn numbered(code: i64, field: &str) -> Self {
        Self::new(code, symbol(code), field)
    }

    /// An error for which Microsoft publishes only a symbol.
    pub(crate) fn symbolic(error_code: &str, field: &str) -> Self {
        Self::new(UNPUBLISHED, error_code, field)
    }

    fn new(code: i64, error_code: &str, field: &str) -> Self {
        Self {
            code,
            details: None,
            error_code: error_code.to_owned(),
            field_path: (!field.is_empty()).then(|| field.to_owned()),
            forward_compatibility_map: None,
            index: None,
            message: message_of(code, error_code).to_owned(),
            r#type: "BatchError",
        }
    }

    /// Adds the row, as the index and in front of the field path.
    pub(crate) fn at(mut self, list: &str, index: usize) -> Self {
        self.index = i64::try_from(index).ok();
        self.field_path = self.field_path.map(|field| format!("{list}[{index}].{field}"));
        self
    }
}

impl From<&ForcedError> for BatchError {
    /// The error of a rule; without an `index` the member is left out.
    fn from(forced: &ForcedError) -> Self {
        let error_code = forced.error_code.as_deref();
        let mut error = Self::new(forced.code, error_code.unwrap_or(symbol(forced.code)), "");
        error.index = forced.index;
        error
    }
}

/// A call that failed as a whole.
#[derive(Clone, Debug)]
pub(crate) struct ApiFault {
    pub(crate) status: u16,
    pub(crate) code: i64,
    pub(crate) detail: Option<String>,
}

impl ApiFault {
    pub(crate) fn new(status: u16, code: i64) -> Self {
        Self { status, code, detail: None }
    }

    pub(crate) fn because(status: u16, code: i64, detail: impl Into<String>) -> Self {
        Self { status, code, detail: Some(detail.into()) }
    }
}
