"""CloudEvents made by the SDK of the CNCF for Python, in its three forms, sent to a server of Chronos.

    cloudevents_sdk.py <url> <key>
"""

import json
import sys
import urllib.error
import urllib.request

from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent

url, key = sys.argv[1], sys.argv[2]


def send(path, headers, body):
    request = urllib.request.Request(url + path, data=body, headers={**headers, "Authorization": "Bearer " + key})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def event(number):
    return CloudEvent(
        {"type": "sdk.sent", "source": "/sdk", "id": f"sdk-{number}", "subject": "sdk:1", "time": "2024-05-01T12:00:00Z"},
        {"number": number, "text": "grüß dich"},
    )


for number, form in enumerate([to_structured, to_binary], start=1):
    headers, body = form(event(number))
    status, answer = send("/api/v1/events", headers, body if isinstance(body, bytes) else body.encode())
    assert (status, answer.get("version")) == (200, number), (form.__name__, status, answer)
    status, again = send("/api/v1/events", headers, body if isinstance(body, bytes) else body.encode())
    assert again["duplicate"] and again["event_id"] == answer["event_id"], again

batch = [json.loads(to_structured(event(number))[1]) for number in (3, 4)]
status, answer = send(
    "/api/v1/events/batch", {"Content-Type": "application/cloudevents-batch+json"}, json.dumps(batch).encode()
)
assert (status, answer["total"], answer["events"][1]["version"]) == (200, 2, 4), (status, answer)
print("cloudevents 2.2.0: as it should be")
