"""Makes calls through Microsoft's own SDK (PyPI `msads`) and prints what it reads of the answers.

Standard input: {"url", "calls": [{"call": name, …}]}, rows with names of their own, so that every
member of the JSON on the wire is the SDK's. Standard output: a list with one answer for each call.
"""

import json
import sys
from datetime import datetime
from importlib import import_module

from bingads import authorization
from bingads.authorization import AuthorizationData, OAuthWebAuthCodeGrant
from bingads.service_client import ServiceClient
from openapi_client.exceptions import ApiException

# The SDK has a class module of the same name that hides the package from a plain import.
campaign = import_module("openapi_client.models.campaign")


def named(row, names):
    """The row under the SDK's names; a member that the row lacks is not set at all."""
    values = {names[name]: value for name, value in row.items()}
    for name in ("ConversionTime", "AdjustmentTime"):
        if name in values:
            values[name] = datetime.fromisoformat(values[name].replace("Z", "+00:00"))
    return values


KEY = {
    "goal": "ConversionName",
    "time": "ConversionTime",
    "click": "MicrosoftClickId",
    "email": "HashedEmailAddress",
    "phone": "HashedPhoneNumber",
}
CONVERSION = KEY | {"value": "ConversionValue", "currency": "ConversionCurrencyCode"}
ADJUSTMENT = KEY | {
    "kind": "AdjustmentType",
    "at": "AdjustmentTime",
    "value": "AdjustmentValue",
    "currency": "AdjustmentCurrencyCode",
}


def errors(answer):
    return [
        {"index": e.index, "code": e.code, "symbol": e.error_code, "type": e.type}
        for e in answer.partial_errors or []
    ]


def conversions(service, call):
    rows = [campaign.OfflineConversion(**named(row, CONVERSION)) for row in call["rows"]]
    request = campaign.ApplyOfflineConversionsRequest(OfflineConversions=rows)
    return {"errors": errors(service.apply_offline_conversions(request))}


def adjustments(service, call):
    rows = [campaign.OfflineConversionAdjustment(**named(row, ADJUSTMENT)) for row in call["rows"]]
    request = campaign.ApplyOfflineConversionAdjustmentsRequest(OfflineConversionAdjustments=rows)
    return {"errors": errors(service.apply_offline_conversion_adjustments(request))}


def goals(service, call):
    fields = campaign.ConversionGoalAdditionalField
    request = campaign.GetConversionGoalsByIdsRequest(
        ConversionGoalTypes=campaign.ConversionGoalType.OFFLINECONVERSION,
        ReturnAdditionalFields=fields.ISEXTERNALLYATTRIBUTED | fields.ISENHANCEDCONVERSIONSENABLED,
        **({"ConversionGoalIds": call["ids"]} if "ids" in call else {}),
    )
    answer = service.get_conversion_goals_by_ids(request)
    found = [goal and {
        "class": type(goal).__name__,
        "id": goal.id,
        "name": goal.name,
        "status": goal.status.value,
        "scope": goal.scope.value,
        "count": goal.count_type.value,
        "window": goal.conversion_window_in_minutes,
        "revenue": goal.revenue.type.value,
        "enhanced": goal.is_enhanced_conversions_enabled,
        "external": goal.is_externally_attributed,
    } for goal in answer.conversion_goals]
    return {"goals": found, "errors": errors(answer)}


def properties(service, call):
    name = campaign.AccountPropertyName.MSCLKIDAUTOTAGGINGENABLED
    request = campaign.GetAccountPropertiesRequest(AccountPropertyNames=[name])
    answer = service.get_account_properties(request)
    found = {entry.name.value: entry.value for entry in answer.account_properties}
    return {"properties": found, "errors": errors(answer)}


def report(service, call):
    moment = lambda name: datetime.fromisoformat(call[name].replace("Z", "+00:00"))
    request = campaign.GetOfflineConversionReportByGoalIdsRequest(
        StartDateUtc=moment("start"),
        EndDateUtc=moment("end"),
        GoalIds=call["ids"],
        UploadChannelFilter=campaign.OfflineConversionUploadChannel.CAMPAIGNMANAGEMENTAPI,
    )
    answer = service.get_offline_conversion_report_by_goal_ids(request)
    alerts = lambda found: {a.unattributed_reason.value: a.count for a in found}
    summaries = [{
        "id": goal.goal_id,
        "name": goal.conversion_name,
        "successes": goal.overall_success_count,
        "unattributed": goal.overall_unattributed_count,
        "rate": goal.overall_success_rate,
        "reasons": alerts(goal.overall_alerts),
        "days": [
            [day.upload_date.isoformat(), day.success_count, day.unattributed_count, day.success_rate]
            for day in goal.daily_summaries
        ],
    } for goal in answer.offline_goal_conversion_summaries]
    return {"goals": summaries, "errors": errors(answer)}


CALLS = {f.__name__: f for f in (conversions, adjustments, goals, properties, report)}


def answer(service, call):
    try:
        return CALLS[call["call"]](service, call)
    except ApiException as error:
        # The SDK reads a fault as the class of this name in another service, without its errors.
        fault = campaign.ApplicationFault.from_json(error.body)
        found = [[e.code, e.error_code] for e in fault.errors]
        return {"status": error.status, "fault": type(fault).__name__,
                "tracking_id": fault.tracking_id, "errors": found}


def main():
    order = json.load(sys.stdin)
    token_urls = authorization._UriOAuthService.AUTH_TOKEN_URI
    for key in token_urls:
        token_urls[key] = order["url"] + "/common/oauth2/v2.0/token"
    consent = OAuthWebAuthCodeGrant("local-client", None, "http://localhost/")
    tokens = consent.request_oauth_tokens_by_refresh_token("local-refresh-token")
    assert tokens.refresh_token, "no new refresh token"
    who = AuthorizationData(
        account_id="7654321",
        customer_id="1234567",
        developer_token="local-developer-token",
        authentication=consent,
    )
    service = ServiceClient("CampaignManagementService", 13, who, location=order["url"])
    json.dump([answer(service, call) for call in order["calls"]], sys.stdout)


main()
