#!/usr/bin/env python3
"""Writes history.ndjson and the questions about it, one file for each tier.

    tests/agents/make_questions.py        in its own folder; the same seed gives the same files

What the answers must hold is worked out here, from the events alone, so it does not depend on the tools.
"""
import json
import random
from datetime import datetime, timedelta, timezone
from pathlib import Path

HERE = Path(__file__).parent
random.seed(20260131)
START = datetime(2026, 1, 5, 8, 0, tzinfo=timezone.utc)
UNTIL = "2026-03-01T00:00:00Z"
PEOPLE = ["ada", "bob", "chen", "dora", "emil"]
REASONS = {
    "order.repriced": ["typing error in the catalogue", "discount for a regular customer", "currency was wrong"],
    "order.cancelled": ["customer changed their mind", "out of stock", "payment was refused"],
    "order.address_changed": ["customer moved", "street number was missing"],
    "incident.severity_changed": ["more customers are affected", "a workaround was found", "only one region is affected"],
    "incident.assigned": ["on call this week", "knows the service", "the first assignee is ill"],
    "incident.reopened": ["the error came back", "the fix was rolled back"],
    "incident.resolved": ["certificate was renewed", "disk was enlarged", "bad release was rolled back"],
}


def text(time):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def event(entity, kind, time, payload, actor, reason=None, correlation=None):
    metadata = {"actor": actor}
    if reason:
        metadata["reason"] = reason
    if correlation:
        metadata["correlation_id"] = correlation
    return {"entity_id": entity, "event_type": kind, "occurred_at": text(time), "payload": payload,
            "metadata": metadata}


def order(number):
    entity, time, events = f"order:{number}", START + timedelta(hours=7 * (number - 1000)), []

    def add(kind, hours, payload, with_reason=False):
        nonlocal time
        time += timedelta(hours=hours)
        reason = random.choice(REASONS[kind]) if with_reason else None
        events.append(event(entity, kind, time, payload, random.choice(PEOPLE), reason, f"req-{number}"))

    total = round(random.uniform(10, 400), 2)
    add("order.placed", 0, {"status": "placed", "total": total, "customer": f"customer:{number % 7}"})
    for _ in range(random.randint(0, 2)):
        total = round(total * random.choice([0.9, 1.1, 0.5]), 2)
        add("order.repriced", random.randint(1, 30), {"total": total}, True)
    if random.random() < 0.3:
        add("order.address_changed", random.randint(1, 20), {"address": {"city": random.choice(["Bern", "Graz", "Kiel"])}},
            True)
    if random.random() < 0.2:
        add("order.cancelled", random.randint(2, 50), {"status": "cancelled"}, True)
        return events
    add("order.paid", random.randint(1, 48), {"status": "paid"})
    if random.random() < 0.8:
        add("order.shipped", random.randint(10, 90), {"status": "shipped", "carrier": random.choice(["post", "courier"])})
        if random.random() < 0.7:
            add("order.delivered", random.randint(20, 100), {"status": "delivered"})
    return events


def incident(number):
    entity, time, events = f"incident:{number}", START + timedelta(hours=31 * (number - 1), minutes=17), []

    def add(kind, minutes, payload, with_reason=False):
        nonlocal time
        time += timedelta(minutes=minutes)
        reason = random.choice(REASONS[kind]) if with_reason else None
        events.append(event(entity, kind, time, payload, random.choice(PEOPLE), reason, f"inc-{number}"))

    add("incident.opened", 0, {"status": "open", "severity": random.choice(["low", "medium", "high"]),
                               "service": random.choice(["checkout", "search", "login"])})
    add("incident.assigned", random.randint(2, 40), {"assignee": random.choice(PEOPLE)}, True)
    if random.random() < 0.7:
        severities = [s for s in ["low", "medium", "high", "critical"] if s != events[0]["payload"]["severity"]]
        add("incident.severity_changed", random.randint(5, 200), {"severity": random.choice(severities)}, True)
    if random.random() < 0.4:
        add("incident.assigned", random.randint(10, 300), {"assignee": random.choice(PEOPLE)}, True)
    if random.random() < 0.85:
        add("incident.mitigated", random.randint(10, 500), {"status": "mitigated"})
        add("incident.resolved", random.randint(30, 2_000), {"status": "resolved"}, True)
        if random.random() < 0.3:
            add("incident.reopened", random.randint(60, 3_000), {"status": "open"}, True)
    return events


streams = [order(n) for n in range(1000, 1040)] + [incident(n) for n in range(1, 21)]
history = sorted((e for stream in streams for e in stream), key=lambda e: (e["occurred_at"], e["entity_id"]))
by_entity = {}
for position, e in enumerate(history):
    e["position"] = position
    by_entity.setdefault(e["entity_id"], []).append(e)


def seconds(a, b):
    form = "%Y-%m-%dT%H:%M:%SZ"
    return int((datetime.strptime(b, form) - datetime.strptime(a, form)).total_seconds())


def changes(entity, field):
    """Events that set the field to another value, with the value before."""
    value, found = None, []
    for e in by_entity[entity]:
        if field in e["payload"] and e["payload"][field] != value:
            found.append((e, value, e["payload"][field]))
            value = e["payload"][field]
    return found


def state(entity, until=None):
    folded = {}
    for e in by_entity[entity]:
        if until is None or e["occurred_at"] <= until:
            folded.update(e["payload"])
    return folded


def is_at(at, value, call=0):
    return {"call": call, "at": at, "is": value}


def has(within, subset, call=0):
    return {"call": call, "in": within, "has": subset}


tiers = {"current": [], "previous": [], "why": [], "when": [], "premise": []}


def ask(tier, question, calls, facts):
    tiers[tier].append({"id": f"{tier}-{len(tiers[tier]) + 1:02}", "question": question,
                        "calls": [{"tool": t, "arguments": a} for t, a in calls], "facts": facts})


orders = [e for e in by_entity if e.startswith("order:")]
incidents = [e for e in by_entity if e.startswith("incident:")]

# Current state.
for entity in random.sample(orders, 6):
    ask("current", f"What is the status of {entity}, and what does it cost?", [("get_state", {"entity_id": entity})],
        [is_at("/untrusted/state/status", state(entity)["status"]), is_at("/untrusted/state/total", state(entity)["total"]),
         is_at("/version", len(by_entity[entity]))])
for entity in random.sample(incidents, 5):
    ask("current", f"Who works on {entity}, and how severe is it?",
        [("get_state", {"entity_id": entity, "fields": ["assignee", "severity"]})],
        [is_at("/untrusted/state/~1assignee", state(entity)["assignee"]),
         is_at("/untrusted/state/~1severity", state(entity)["severity"])])
for kind in ["order.cancelled", "incident.reopened"]:
    count = sum(e["event_type"] == kind for e in history)
    ask("current", f"How often was there {kind}?", [("aggregate", {"op": "count", "event_type": kind})],
        [is_at("/result/count", count)])
most = max(PEOPLE, key=lambda p: sum(e["metadata"]["actor"] == p for e in history))
ask("current", "Who recorded most events, and how many?", [("aggregate", {"op": "count", "by": "actor"})],
    [has("/untrusted/groups", {"group": most, "count": sum(e["metadata"]["actor"] == most for e in history)})])
sums = sum(round(e["payload"]["total"] * 100) for e in history if e["event_type"] == "order.placed")
ask("current", "What is the total of all orders as they were placed?",
    [("aggregate", {"op": "sum", "field": "/total", "event_type": "order.placed"})], [is_at("/result/sum", sums / 100)])

# The value before.
repriced = [e for e in orders if len(changes(e, "total")) > 1]
for entity in random.sample(repriced, 6):
    last, before, after = changes(entity, "total")[-1]
    ask("previous", f"What did {entity} cost before its price was changed last?",
        [("get_history", {"entity_id": entity, "field": "total"})],
        [has("/untrusted/entries", {"version": by_entity[entity].index(last) + 1,
                                    "changes": [{"field": "/total", "before": before, "after": after}]})])
moved = [e for e in incidents if len(changes(e, "severity")) > 1]
for entity in random.sample(moved, 4):
    last, before, after = changes(entity, "severity")[-1]
    ask("previous", f"How severe was {entity} before it was {after}?",
        [("get_history", {"entity_id": entity, "field": "severity"})],
        [has("/untrusted/periods", {"value": before}), has("/untrusted/periods", {"value": after, "until": "still so"})])
for entity in random.sample(orders, 5):
    middle = by_entity[entity][len(by_entity[entity]) // 2]["occurred_at"]
    then = state(entity, middle)
    ask("previous", f"What was the status of {entity} at {middle}?", [("get_state", {"entity_id": entity, "as_of": middle})],
        [is_at("/untrusted/state/status", then["status"]), is_at("/untrusted/state/total", then["total"])])

# Why, and who.
for entity in random.sample(repriced, 5):
    last = changes(entity, "total")[-1][0]
    ask("why", f"Why does {entity} cost what it costs now, and who decided that?",
        [("get_history", {"entity_id": entity, "field": "total"})],
        [has("/untrusted/entries", {"reason": last["metadata"]["reason"], "actor": last["metadata"]["actor"],
                                    "event_type": "order.repriced"})])
cancelled = [e for e in orders if state(e)["status"] == "cancelled"]
for entity in cancelled[:4]:
    last = by_entity[entity][-1]
    ask("why", f"Why was {entity} cancelled?", [("get_history", {"entity_id": entity, "field": "status"})],
        [has("/untrusted/periods", {"value": "cancelled", "reason": last["metadata"]["reason"],
                                    "actor": last["metadata"]["actor"]})])
for entity in random.sample(moved, 4):
    last = changes(entity, "severity")[-1][0]
    ask("why", f"Who changed the severity of {entity}, and why?",
        [("get_history", {"entity_id": entity, "field": "severity"})],
        [has("/untrusted/entries", {"reason": last["metadata"]["reason"], "actor": last["metadata"]["actor"]})])
resolved = [e for e in incidents if any(x["event_type"] == "incident.resolved" for x in by_entity[e])]
for entity in random.sample(resolved, 3):
    first = next(x for x in by_entity[entity] if x["event_type"] == "incident.resolved")
    ask("why", f"How was {entity} resolved?",
        [("query_events", {"entity_id": entity, "event_type": "incident.resolved"})],
        [has("/untrusted/events", {"metadata": {"reason": first["metadata"]["reason"]}})])

# When, and how long.
for entity in random.sample([e for e in orders if "order.shipped" in [x["event_type"] for x in by_entity[e]]], 4):
    paid = next(x for x in by_entity[entity] if x["event_type"] == "order.paid")
    shipped = next(x for x in by_entity[entity] if x["event_type"] == "order.shipped")
    ask("when", f"How long did it take from the payment of {entity} to its shipping?",
        [("aggregate", {"op": "duration", "from_type": "order.paid", "to_type": "order.shipped", "entity_id": entity})],
        [is_at("/result/max/seconds", seconds(paid["occurred_at"], shipped["occurred_at"])), is_at("/result/pairs", 1)])
for entity in random.sample(resolved, 4):
    opened, resolved_event = by_entity[entity][0], next(x for x in by_entity[entity] if x["payload"].get("status") == "mitigated")
    ask("when", f"For how long was {entity} open before it was mitigated, and when was that?",
        [("get_history", {"entity_id": entity, "field": "status", "as_of": UNTIL})],
        [has("/untrusted/periods", {"value": "open", "from": opened["occurred_at"],
                                    "lasted": {"seconds": seconds(opened["occurred_at"], resolved_event["occurred_at"])}})])
for entity in random.sample(orders, 3):
    first, last = by_entity[entity][0]["occurred_at"], by_entity[entity][-1]["occurred_at"]
    ask("when", f"Over what time did things happen to {entity}?", [("get_history", {"entity_id": entity})],
        [is_at("/first_occurred_at", first), is_at("/last_occurred_at", last),
         is_at("/span/seconds", seconds(first, last)), is_at("/events", len(by_entity[entity]))])
for entity in random.sample(moved, 2):
    periods = changes(entity, "severity")
    ask("when", f"Since when, and for how long until March, has {entity} the severity it has?",
        [("get_history", {"entity_id": entity, "field": "/severity", "as_of": UNTIL})],
        [has("/untrusted/periods", {"value": periods[-1][2], "from": periods[-1][0]["occurred_at"], "until": "still so",
                                    "lasted": {"seconds": seconds(periods[-1][0]["occurred_at"], UNTIL)}})])
day = history[40]["occurred_at"][:10]
ask("when", f"How much happened on {day}?", [("aggregate", {"op": "count", "by": "day"})],
    [has("/untrusted/groups", {"group": day, "count": sum(e["occurred_at"].startswith(day) for e in history)})])
spans = []
for entity in incidents:
    begun = None
    for e in by_entity[entity]:
        if e["event_type"] == "incident.opened":
            begun = e["occurred_at"]
        if e["event_type"] == "incident.resolved" and begun:
            spans.append((seconds(begun, e["occurred_at"]), entity))
            begun = None
ask("when", "How long do incidents take to be resolved, which took longest, and how many are not resolved?",
    [("aggregate", {"op": "duration", "from_type": "incident.opened", "to_type": "incident.resolved"})],
    [is_at("/result/pairs", len(spans)), is_at("/result/max/seconds", max(spans)[0]),
     is_at("/result/min/seconds", min(spans)[0]), is_at("/untrusted/longest/entity_id", max(spans)[1]),
     is_at("/result/begun_not_ended", len(incidents) - len(spans))])

# What the question takes for granted did not happen.
for entity in random.sample(incidents, 4):
    ask("premise", f"When was the customer told about {entity}?",
        [("get_history", {"entity_id": entity, "expect_types": ["customer.notified"]})],
        [is_at("/absent_types", ["customer.notified"])])
for entity in random.sample([e for e in orders if state(e)["status"] != "cancelled"], 4):
    ask("premise", f"Why was {entity} cancelled after it was placed?",
        [("get_history", {"entity_id": entity, "expect_types": ["order.cancelled", "order.placed"]})],
        [is_at("/absent_types", ["order.cancelled"]), is_at("/present_types", {"order.placed": 1})])
for entity in random.sample(orders, 2):
    ask("premise", f"Who changed the tax of {entity}?", [("get_history", {"entity_id": entity, "field": "tax"})],
        [is_at("/field_ever_set", False), is_at("/changes_of_field", 0)])
ask("premise", "What happened to order:10077?", [("get_history", {"entity_id": "order:10077"}),
                                                 ("find_entities", {"text": "order:10077"})],
    [is_at("/exists", False), is_at("/exists_later", False), {"call": 1, "at": "/how",
     "is": "no id holds the text; these are spelled nearly so"}])
ask("premise", "What was the state of order:1039 on New Year's Day?",
    [("get_state", {"entity_id": "order:1039", "as_of": "2026-01-01"})],
    [is_at("/exists", False), is_at("/exists_later", True),
     is_at("/first_event_at", by_entity["order:1039"][0]["occurred_at"])])
ask("premise", "How many refunds were there?", [("query_events", {"event_type": "order.refunded", "limit": 0})],
    [is_at("/count", 0), is_at("/searched/events", len(history))])
ask("premise", "Which orders were cancelled by zoe?",
    [("find_entities", {"event_type": "order.cancelled", "actor": "zoe"})], [is_at("/found", 0)])

with open(HERE / "history.ndjson", "w") as out:
    for e in history:
        out.write(json.dumps({k: v for k, v in e.items() if k != "position"}) + "\n")
for tier, questions in tiers.items():
    with open(HERE / f"{tier}.json", "w") as out:
        out.write("[\n" + ",\n".join("  " + json.dumps(q) for q in questions) + "\n]\n")
print({tier: len(questions) for tier, questions in tiers.items()}, len(history), "events")
