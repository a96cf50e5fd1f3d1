"""The yardstick of `cargo bench-functions`: the jobs of capture, enqueue and upload in Python with boto3.

A Lambda bootstrap like the functions' own, and as plain as a careful first version would be: clients are
made once, connections are kept, requests are batched as far as AWS allows. It leaves the same conversions
at Microsoft and as many items in the tables. It knows none of the rules for corrections, identities,
consent or doubtful answers, which the functions do apply.
"""

import decimal
import hashlib
import json
import os
import re
import sys
import time
import urllib.parse
from http.client import HTTPConnection

import boto3
import urllib3

FUNCTION = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
CLICKS = os.environ["TRACKLAYER_CLICKS_TABLE"]
CONVERSIONS = os.environ["TRACKLAYER_CONVERSIONS_TABLE"]
QUEUE = os.environ["TRACKLAYER_QUEUE_URL"]
SECRETS = os.environ["TRACKLAYER_SECRET_PREFIX"]
DAY = 86_400
# What AWS takes in one request.
STATEMENTS, KEYS, MESSAGES = 25, 100, 10

dynamodb = boto3.client("dynamodb")
cache = {}


def sqs():
    return cached("sqs", lambda: boto3.client("sqs"))


def cached(name, make):
    if name not in cache:
        cache[name] = make()
    return cache[name]


def secret(name):
    def read():
        client = cached("secrets", lambda: boto3.client("secretsmanager"))
        return json.loads(client.get_secret_value(SecretId=f"{SECRETS}/{name}")["SecretString"])

    return cached(f"secret {name}", read)


def chunks(things, size):
    return (things[at : at + size] for at in range(0, len(things), size))


def answer(status, body=None):
    text = "" if body is None else json.dumps(body)
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": text}


# --- capture


def capture(event):
    landing = json.loads(event["body"])
    click, session = landing.get("msclkid"), landing.get("sessionId")
    if not re.fullmatch(r"[0-9a-f]{29,32}", click or "") or not session:
        return answer(422)
    now = int(time.time())
    dynamodb.put_item(
        TableName=CLICKS,
        Item={
            "pk": {"S": f"session {session}"},
            "sk": {"S": f"{now:012} {click}"},
            "msclkid": {"S": click},
            "landingUrl": {"S": landing.get("landingUrl", "")},
            "ttl": {"N": str(now + 92 * DAY)},
        },
    )
    return answer(204)


# --- enqueue


def authorized(event):
    key = event["headers"].get("authorization", "").removeprefix("Bearer ")
    digest = hashlib.sha256(key.encode()).hexdigest()
    return any(known["sha256"] == digest for known in secret("ingest-keys")["keys"])


def row(event, now):
    """The item of an event; raises where a field is missing or wrong."""
    at = event["occurredAt"]
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", at):
        raise ValueError("occurredAt")
    value = decimal.Decimal(str(event["value"]))
    if value < 0 or not re.fullmatch(r"[A-Z]{3}", event["currency"]):
        raise ValueError("value")
    if not re.fullmatch(r"[0-9a-f]{29,32}", event["msclkid"]):
        raise ValueError("msclkid")
    return {
        "pk": {"S": f"event {event['source']} {event['eventId']}"},
        "sk": {"S": event["event"]},
        "goal": {"S": "Purchase"},
        "click": {"S": event["msclkid"]},
        "conversionTime": {"S": at},
        "value": {"N": str(value)},
        "currency": {"S": event["currency"]},
        "recordedAt": {"N": str(now)},
        "ttl": {"N": str(now + 395 * DAY)},
        "state": {"S": "queued"},
    }


def claim(row, now):
    """The item that keeps a second conversion of the same click and time from being sent."""
    name = f"second {row['click']['S']} {row['conversionTime']['S']}"
    return {"pk": {"S": name}, "sk": {"S": "claim"}, "ttl": {"N": str(now + 395 * DAY)}}


def insert(items):
    """Writes items that are not there; answers with those that are."""
    known = []
    for chunk in chunks(items, STATEMENTS):
        statements = []
        for item in chunk:
            names = ", ".join(f"'{name}': ?" for name in item)
            statements.append(
                {
                    "Statement": f'INSERT INTO "{CONVERSIONS}" VALUE {{{names}}}',
                    "Parameters": list(item.values()),
                }
            )
        replies = dynamodb.batch_execute_statement(Statements=statements)["Responses"]
        for item, reply in zip(chunk, replies):
            code = reply.get("Error", {}).get("Code")
            if code == "DuplicateItem":
                known.append(item["pk"]["S"])
            elif code:
                raise RuntimeError(code)
    return set(known)


def send(rows):
    for chunk in chunks(rows, MESSAGES):
        entries = [
            {"Id": str(at), "MessageBody": json.dumps({"pk": row["pk"]["S"], "sk": row["sk"]["S"]})}
            for at, row in enumerate(chunk)
        ]
        if sqs().send_message_batch(QueueUrl=QUEUE, Entries=entries).get("Failed"):
            raise RuntimeError("not sent")


def enqueue(request):
    if not authorized(request):
        return answer(401)
    events = json.loads(request["body"])
    is_one = isinstance(events, dict)
    now = int(time.time())
    rows = [row(event, now) for event in ([events] if is_one else events)]
    insert([claim(row, now) for row in rows])
    known = insert(rows)
    send([row for row in rows if row["pk"]["S"] not in known])
    answers = [
        {"eventId": row["pk"]["S"].split(" ")[2], "status": "duplicate" if row["pk"]["S"] in known else "queued"}
        for row in rows
    ]
    return answer(202, answers[0]) if is_one else answer(200, {"results": answers})


# --- upload


def token():
    held = cache.get("token")
    if held and held[1] > time.time():
        return held[0]
    account = secret("main")
    form = urllib.parse.urlencode(
        {
            "client_id": account["client_id"],
            "grant_type": "refresh_token",
            "refresh_token": account["refresh_token"],
            "scope": "https://ads.microsoft.com/msads.manage offline_access",
        }
    )
    reply = microsoft().request(
        "POST",
        os.environ["MSADS_TOKEN_URL"],
        body=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    got = json.loads(reply.data)
    cache["token"] = (got["access_token"], time.time() + got["expires_in"] - 300)
    return got["access_token"]


def microsoft():
    return cached("microsoft", lambda: urllib3.PoolManager(retries=False, timeout=25))


def read(keys):
    rows = []
    for chunk in chunks(keys, KEYS):
        asked = {CONVERSIONS: {"Keys": chunk, "ConsistentRead": True}}
        while asked:
            got = dynamodb.batch_get_item(RequestItems=asked)
            rows += got["Responses"][CONVERSIONS]
            asked = got.get("UnprocessedKeys")
    return rows


def move(rows, before, after):
    """Moves rows from one state to the next; answers with those that were in it."""
    moved = []
    text = f'UPDATE "{CONVERSIONS}" SET "state"=? SET "since"=? WHERE pk=? AND sk=? AND "state"=?'
    now = {"N": str(int(time.time()))}
    for chunk in chunks(rows, STATEMENTS):
        statements = [
            {"Statement": text, "Parameters": [{"S": after}, now, row["pk"], row["sk"], {"S": before}]}
            for row in chunk
        ]
        replies = dynamodb.batch_execute_statement(Statements=statements)["Responses"]
        moved += [row for row, reply in zip(chunk, replies) if "Error" not in reply]
    return moved


def apply(rows):
    """Sends rows to Microsoft; answers with the positions of those that it refused."""
    account = secret("main")
    conversions = [
        {
            "ConversionName": row["goal"]["S"],
            "ConversionTime": row["conversionTime"]["S"],
            "MicrosoftClickId": row["click"]["S"],
            "ConversionValue": float(row["value"]["N"]),
            "ConversionCurrencyCode": row["currency"]["S"],
        }
        for row in rows
    ]
    reply = microsoft().request(
        "POST",
        os.environ["MSADS_API_URL"] + "/CampaignManagement/v13/OfflineConversions/Apply",
        body=json.dumps({"OfflineConversions": conversions}),
        headers={
            "Authorization": f"Bearer {token()}",
            "DeveloperToken": account["developer_token"],
            "CustomerId": account["customer_id"],
            "CustomerAccountId": account["account_id"],
            "Content-Type": "application/json",
        },
    )
    if reply.status != 200:
        raise RuntimeError(f"HTTP {reply.status}")
    return {error["Index"] for error in json.loads(reply.data)["PartialErrors"] or [] if error}


def upload(event):
    signals = {}
    for record in event["Records"]:
        signal = json.loads(record["body"])
        signals[signal["pk"]] = (signal["sk"], record["messageId"])
    keys = [{"pk": {"S": pk}, "sk": {"S": sk}} for pk, (sk, _) in signals.items()]
    claimed = move([row for row in read(keys) if row["state"]["S"] == "queued"], "queued", "sending")
    refused = apply(claimed) if claimed else set()
    move([row for at, row in enumerate(claimed) if at not in refused], "sending", "accepted")
    failed = [{"itemIdentifier": signals[claimed[at]["pk"]["S"]][1]} for at in refused]
    return {"batchItemFailures": failed}


# --- the runtime API of Lambda


def run(handler):
    connection = urllib.parse.urlsplit("http://" + os.environ["AWS_LAMBDA_RUNTIME_API"])
    runtime = HTTPConnection(connection.hostname, connection.port)
    base = "/2018-06-01/runtime/invocation/"
    while True:
        runtime.request("GET", base + "next")
        reply = runtime.getresponse()
        invocation, event = reply.headers["Lambda-Runtime-Aws-Request-Id"], json.loads(reply.read())
        try:
            where, body = "response", handler(event)
        except Exception as error:  # noqa: BLE001
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            where, body = "error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        runtime.request("POST", base + invocation + "/" + where, json.dumps(body))
        runtime.getresponse().read()


HANDLERS = {"capture": capture, "enqueue": enqueue, "upload": upload}
if FUNCTION == "enqueue":
    sqs()
run(HANDLERS[FUNCTION])
