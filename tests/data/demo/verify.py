"""Judges the files on disk, knowing nothing of how they were made: only the CSV, the record kinds and the rules.

Four parts: the files are what the record kinds allow; the numbers are the ones README.md promises; no account runs
below nought where nothing is planted; and the eight rules, evaluated for every union over what reaches it, find the
planted cases and nothing else. Where a rule can be read in two ways, both readings must agree.
"""

import csv
import re
from collections import Counter, defaultdict
from datetime import date, timedelta

from ident import org_check, resident_check, uscc_check
from workday import is_workday

TODAY = "2026-03-31"
CENSUS = "2025-12-31"
PAY_PROGRAMME, PILOT = "@nation-g-01", "@nation-g-02"
BINHAI, FUNING, PINGGU, XICHENG = "320922", "320923", "110117", "110102"
PARENT = {"110000": "100000", "320000": "100000", "110102": "110000", "110117": "110000", "320900": "320000",
          "320922": "320900", "320923": "320900"}
UNIONS = ["100000"] + sorted(PARENT)
# The program fills these in itself.
COUNTED = {"filing": {"roster", "full_time", "part_time", "funded_heads"}}
DETAILS = {"rating.items": "RatingItem", "budget.lines": "BudgetLine", "expenditure.shares": "CostShare"}


class Data:
    def __init__(self, folder):
        self.rows, self.by_key, self.order = defaultdict(list), {}, []
        for path in sorted(folder.glob("*/*.csv")):
            raw = path.read_bytes()
            assert b"\r" not in raw and not raw.startswith(b"\xef\xbb\xbf"), path
            union, kind = path.parent.name, path.name[3:-4]
            for row in csv.DictReader(raw.decode("utf-8").splitlines()):
                assert None not in row and None not in row.values(), (path, row)
                row = {field: value for field, value in row.items() if value != ""}
                row.update({"": union, "kind": kind})
                self.rows[kind].append(row)
                self.order.append(row)
                if "key" in row:
                    assert row["key"] not in self.by_key, row["key"]
                    self.by_key[row["key"]] = row
        raw = (folder / "planted.csv").read_bytes().decode("utf-8")
        self.planted = list(csv.DictReader(raw.splitlines()))

    def of(self, kind, union=None):
        return [row for row in self.rows[kind] if union is None or row[""] == union]

    def at(self, reference):
        return self.by_key[reference[1:]]


def fen(text):
    assert re.fullmatch(r"-?\d+\.\d\d", text), text
    return int(text.replace(".", ""))


def day(text):
    return date.fromisoformat(text)


def age(born, on):
    return int(on[:4]) - int(born[:4]) - (on[5:] < born[5:])


def months(first, last):
    year, month = int(first[:4]), int(first[5:7])
    while "%d-%02d" % (year, month) <= last[:7]:
        yield "%d-%02d" % (year, month)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


# ---------------------------------------------------------------- the record kinds

def record_kinds(folder):
    """Fields of every message and choices of every enum, as the .proto files declare them."""
    fields, enums, meta = {}, {}, {}
    for path in sorted(folder.glob("*.proto")):
        text = re.sub(r"//[^\n]*", "", path.read_text(encoding="utf-8"))
        for name, body in re.findall(r"\nenum (\w+) \{(.*?)\n\}", text, re.S):
            choices = re.findall(r'= (\d+) \[\(choice\) = \{ zh: "([^"]*)"', body)
            enums[name] = {zh: int(number) for number, zh in choices}
        for name, body in re.findall(r"\nmessage (\w+) \{(.*?)\n\}", text, re.S):
            found = re.search(r"option \(kind\) = \{(.*?)\};", body, re.S)
            if found:
                meta[path.stem] = (name, re.findall(r'natural_key: "(\w+)"', found.group(1)), found.group(1))
                body = body.replace(found.group(0), "")
            fields[name] = {}
            for kind, field, options in re.findall(r"(\w+) (\w+) = \d+ \[\(field\) = \{(.*?)\}\];", body, re.S):
                bare = re.sub(r"help: \{.*?\}", "", options)
                says = lambda word: (re.findall(r'\b%s: "?([\w-]+)"?' % word, bare) or [""])[0]
                fields[name][field] = dict(type=kind, **{
                    word: says(word) for word in ("required", "format", "max", "min", "ref", "set_of", "with")})
    return fields, enums, meta


def check_kinds(data, protos):
    fields, enums, meta = record_kinds(protos)
    assert len(meta) >= 20 and len(enums["DutySubtype"]) == 21, "the .proto files are no longer read right"
    seen = set()
    for row in data.order:
        kind = row["kind"]
        message = DETAILS.get(kind) or meta[kind][0]
        rules = fields[message]
        given = {field for field in row if field not in ("", "kind", "key", "of", "declare_funded")}
        assert given <= set(rules), (kind, given - set(rules))
        if "of" in row:
            parent = data.by_key[row["of"]]
            assert parent["kind"] == kind.split(".")[0] and parent[""] == row[""], row
        for field, rule in rules.items():
            where = (row.get("key", row.get("of")), field, row.get(field))
            inside = any(k.startswith(kind + ".") and k.split(".")[1] == field for k in DETAILS)
            if field not in row:
                assert rule["required"] != "true" or inside or field in COUNTED.get(kind, ()), where
                continue
            value = row[field]
            if rule["with"] and rule["with"] not in row:
                raise AssertionError(where)
            if rule["ref"]:
                target = data.at(value)
                assert value[0] == "@" and target["kind"] == rule["ref"], where
                assert target["key"] in seen, where  # said before it is pointed at
                assert target[""] == row[""] or target["kind"] in ("programme", "allocation"), where
            elif rule["format"] == "CHOICES":
                chosen = value.split("、")
                assert set(chosen) <= set(enums[rule["set_of"]]) and len(set(chosen)) == len(chosen), where
            elif rule["type"] in enums:
                assert value in enums[rule["type"]], where
            elif rule["type"] == "bool":
                assert value in ("是", "否"), where
            elif rule["format"] == "DATE":
                day(value)
            elif rule["format"] == "MONTH":
                assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", value), where
            elif rule["format"] == "FEN":
                fen(value)
            elif rule["format"] == "REGION":
                assert value in UNIONS, where
            elif rule["format"] == "RESIDENT_ID":
                assert re.fullmatch(r"\d{17}[\dX]", value) and resident_check(value[:17]) == value[17], where
            elif rule["format"] == "CREDIT_CODE":
                assert len(value) == 18 and uscc_check(value[:17]) == value[17], where
                assert org_check(value[8:16]) == value[16], where
            elif rule["type"] in ("int32", "int64", "uint32"):
                number = int(value)
                if rule["max"] and rule["format"] != "PERCENT":
                    assert int(rule["min"] or 0) <= number <= int(rule["max"]), where
            elif rule["max"]:
                assert len(value) <= int(rule["max"]), where
        for field, rule in rules.items():  # required once the other is filled
            if rule["with"] and field not in row and row.get(rule["with"], "否") != "否":
                raise AssertionError((row.get("key"), field))
        if kind == "work_entry":  # the tens digit of the work done is the duty
            assert enums["DutySubtype"][row["subtype"]] // 10 == enums["Duty"][row["duty"]], row
        if "invoice_no" in row:
            assert len(row["invoice_no"]) == (8 if "invoice_code" in row else 20), row
        if "key" in row:
            seen.add(row["key"])
    for kind, (_, natural, _) in meta.items():
        if natural:
            names = Counter((row[""],) + tuple(row.get(field) for field in natural) for row in data.of(kind))
            assert not names or max(names.values()) == 1, (kind, names.most_common(2))


# ---------------------------------------------------------------- the numbers

def check_numbers(data):
    posts = lambda union: [e for e in data.of("engagement", union) if e["state"] == "在聘"]
    funded = lambda union: [e for e in posts(union) if e["funded"] == "是"]
    tiers = lambda union: Counter(e["tier"] for e in posts(union))
    paid = lambda union: sum(fen(x["amount"]) for x in data.of("expenditure", union) if "payee_mediator" in x)

    for e in data.of("engagement"):
        assert e["funded"] == "否" or e["employment"] == "专职", e
        assert e["ends_on"] >= CENSUS and ("ended_on" in e) == (e["state"] == "终止"), e
        assert e["starts_on"] <= e.get("ended_on", e["ends_on"]), e
        assert e["employment"] == "兼职" or e["other_employment"] in ("无其他任职", "离岗退休返聘"), e
    identities = Counter()
    for m in data.of("mediator"):
        number = m["id_no"]
        assert number[6:14] == m["born"].replace("-", "") and (int(number[16]) % 2 == 1) == (m["sex"] == "男"), m
        assert number[2:6] == "0000", "an address code in real use"
        identities[number] += 1
    shared = [n for n in identities.values() if n > 1]
    assert shared == [2] * 6, shared  # two posts, moved, part-time twice, three from Beijing in Pinggu
    names = defaultdict(set)
    for m in data.of("mediator"):
        names[m["name"]].add(m["id_no"])
    assert all(len(ids) == 1 for ids in names.values())
    codes = Counter(r["uscc"] for kind in ("enterprise", "union") for r in data.of(kind))
    assert max(codes.values()) == 1

    # Binhai
    assert len(posts(BINHAI)) == 106 and len(data.of("engagement", BINHAI)) == 117
    assert len(funded(BINHAI)) == 22 == sum(e["employment"] == "专职" for e in posts(BINHAI))
    assert tiers(BINHAI) == {"县级": 3, "乡镇（街道）/园区级": 19 + 14, "企业级": 70}
    gone = [e for e in data.of("engagement", BINHAI) if e["state"] == "终止"]
    assert len(gone) == 11 and {e["end_reason"] for e in gone} == {"考核不称职解聘"}
    assert all(e["ended_on"][:4] == "2025" for e in gone)
    assert all(e["monthly_pay"] == "3000.00" for e in data.of("engagement", BINHAI))
    assert paid(BINHAI) == 22 * 12 * 3000_00
    grades = Counter(r["grade"] for r in data.of("rating"))
    assert len(data.of("enterprise", BINHAI)) == 430 and grades == {"A": 136, "B": 178, "C": 116}
    assert len({r["enterprise"] for r in data.of("rating")}) == 430
    items = defaultdict(list)
    for item in data.of("rating.items"):
        assert int(item["score"]) <= int(item["max"])
        items[item["of"]].append(item)
    for r in data.of("rating"):
        sheet, total = items[r["key"]], int(r["total"])
        assert [int(i["no"]) for i in sheet] == list(range(1, 10)) and sum(int(i["max"]) for i in sheet) == 100
        assert sum(int(i["score"]) for i in sheet) == total and int(r["satisfied"]) <= int(r["asked"])
        assert r["grade"] == ("A" if total >= int(r["a_from"]) else "B" if total >= int(r["b_from"]) else "C")
    month = defaultdict(lambda: [0, 0, set()])
    cases = Counter()
    for w in data.of("work_entry"):
        assert is_workday(day(w["done_on"])) and w["done_on"][:4] == "2025", w
        assert ("enterprise" in w) != ("place" in w), w
        e = [e for e in data.of("engagement", w[""]) if e["mediator"] == w["mediator"]] if w[""] != BINHAI else []
        assert w[""] == BINHAI or e[0]["starts_on"] <= w["done_on"], w
        m = month[w["mediator"], w["done_on"][:7]]
        m[0] += int(w.get("guided", 0))
        m[1] += int(w.get("topics_collected", 0))
        if "enterprise" in w:
            m[2].add(w["done_on"])
        cases[w["mediator"]] += int(w.get("cases", 0))
    for e in posts(BINHAI):
        for served in months("2025-01", "2025-12"):
            guided, topics, days = month[e["mediator"], served]
            assert guided >= 2 and topics >= 1 and len(days) >= 5, (e["mediator"], served)
        assert cases[e["mediator"]] >= 3
    assert 6500 <= len(data.of("work_entry", BINHAI)) <= 8000
    texts = Counter(w["summary"] for w in data.of("work_entry"))
    assert len(texts) > 0.85 * len(data.of("work_entry")), len(texts)
    for e in data.of("engagement"):  # nobody is paid for a quarter without a line in the log
        if e["funded"] == "是" and e["state"] == "在聘":
            assert all(month[e["mediator"], m] != [0, 0, set()] or any(
                w["mediator"] == e["mediator"] and w["done_on"][:7] == m for w in data.of("work_entry", e[""]))
                for m in months(max(e["starts_on"], "2025-01"), "2025-12")), e

    # Funing
    assert len(posts(FUNING)) == 40 and len(funded(FUNING)) == 10 and len(data.of("enterprise", FUNING)) == 100
    groups = Counter(s["zone"] for s in data.of("assignment", FUNING))
    assert groups == {"第%d组" % n: 4 for n in range(1, 11)}
    assert all(s["enterprises"] == "10" for s in data.of("assignment", FUNING))
    heads = Counter(s["zone"] for s in data.of("assignment", FUNING) if data.at(s["engagement"])["funded"] == "是")
    assert set(heads.values()) == {1} and len(heads) == 10
    assert paid(FUNING) == (10 * 12 - 1) * 3000_00

    # Pinggu
    assert len(posts(PINGGU)) == 279 and len(funded(PINGGU)) == 12
    assert tiers(PINGGU) == {"省级": 3, "县级": 12, "乡镇（街道）/园区级": 76, "企业级": 188}
    assert sum(e["employment"] == "专职" for e in posts(PINGGU)) == 15
    exemplars = Counter(e["remarks"] for e in data.of("enterprise", PINGGU))
    assert exemplars == {"2025年%s示范典型企业" % zone: 5 for zone in ("东区", "中区", "西区")}

    # Xicheng
    assert len(posts(XICHENG)) == len(funded(XICHENG)) == 18 and len(data.of("union", XICHENG)) == 17
    assert len({s["service_union"] for s in data.of("assignment", XICHENG)}) == 17
    assert all(12 * fen(e["monthly_pay"]) == 66720_00 and e["pay_basis"] == "税后" for e in posts(XICHENG))
    each = Counter()
    for x in data.of("expenditure", XICHENG):
        each[x.get("payee_mediator")] += fen(x["amount"]) if "payee_mediator" in x else 0
    assert {v for k, v in each.items() if k} == {33360_00} and sum(each.values()) == 600480_00
    split = defaultdict(int)
    for s in data.of("expenditure.shares", XICHENG):
        assert s["payer"] == "110000" and fen(s["amount"]) == fen(data.by_key[s["of"]]["amount"])
        split[s["payer"]] += fen(s["amount"])
    assert split == {"110000": 600480_00}
    halves = Counter()
    for q in data.of("payer_share"):
        halves[q["engagement"]] += int(q["share"])
    assert set(halves.values()) == {100}

    # The others
    assert all(len(posts(u)) == len(funded(u)) == 3 for u in ("110000", "320000", "320900"))
    assert all(f["census_on"] == CENSUS for f in data.of("filing"))
    certificates = {c["mediator"] for c in data.of("certificate") if c["status"] == "有效"}
    assert all(e["mediator"] in certificates for u in UNIONS for e in posts(u))

    # Every allocation of the pay programme is half of heads × standard.
    standard = fen(data.by_key["nation-g-01"]["standard_per_head"])
    for a in data.of("allocation"):
        if a["programme"] == PAY_PROGRAMME:
            assert fen(a["amount"]) * 2 == int(a["basis_heads"]) * standard
    for u in UNIONS[1:]:
        below = sum(len(funded(v)) for v in UNIONS if v == u or PARENT.get(v) == u or PARENT.get(PARENT.get(v)) == u)
        given = sum(fen(a["amount"]) for a in data.of("allocation")
                    if a["to_union"] == u and a["programme"] == PAY_PROGRAMME)
        assert given == below * standard, (u, given, below)

    # Payments: in post, once a month, a voucher line each, within the budget.
    once = Counter((x["payee_mediator"], x["service_month"]) for x in data.of("expenditure") if "payee_mediator" in x)
    assert set(once.values()) == {1}
    for x in data.of("expenditure"):
        if "payee_mediator" in x:
            e = [e for e in data.of("engagement", x[""]) if e["mediator"] == x["payee_mediator"]]
            assert len(e) == 1 and e[0]["funded"] == "是" and e[0]["starts_on"][:7] <= x["service_month"], x
            assert x["service_month"] <= e[0].get("ended_on", "9")[:7] and x["service_month"] <= x["paid_on"][:7], x
        assert is_workday(day(x["paid_on"])), x
    lines = Counter((x[""], x["voucher_no"], x["voucher_line"]) for x in data.of("expenditure"))
    assert max(lines.values()) == 1
    assert all(is_workday(day(row[field])) for kind, field in (
        ("allocation", "paid_on"), ("fund_receipt", "received_on"), ("matching", "booked_on")) for row in data.of(kind))
    for u in UNIONS:
        room, used = Counter(), Counter()
        for line in data.of("budget.lines", u):
            room[data.by_key[line["of"]]["programme"], line["category"], line["subject"]] += fen(line["amount"])
        for x in live(data.of("expenditure", u)):
            used[x["programme"], x["category"], x["subject"]] += fen(x["amount"])
        assert all(used[line] <= room[line] for line in used), (u, used - room)


def live(rows):
    """Neither reversed nor a reversal."""
    reversed_keys = {row["reverses"][1:] for row in rows if "reverses" in row}
    return [row for row in rows if "reverses" not in row and row["key"] not in reversed_keys]


def check_cash(data):
    """Money in hand of each union and programme, allocations counted, day by day: below nought only where planted."""
    for u in UNIONS[1:]:
        for programme in (PAY_PROGRAMME, PILOT):
            for pick_rows in (live, list):  # as it stands today, and as it stood on each day
                moves = []
                for kind, field, sign in (("fund_receipt", "received_on", 1), ("matching", "booked_on", 1),
                                          ("expenditure", "paid_on", -1), ("allocation", "paid_on", -1)):
                    moves += [(row[field], sign * fen(row["amount"])) for row in pick_rows(data.of(kind, u))
                              if row["programme"] == programme]
                days = Counter()
                for on, amount in moves:
                    days[on] += amount
                balance, low = 0, set()
                for on in sorted(days):
                    balance += days[on]
                    if balance < 0:
                        low.add(on)
                planted = (u, programme) == (XICHENG, PILOT)
                assert bool(low) == planted, (u, programme, low)
                assert not planted or low == {"2025-05-20"}, low


# ---------------------------------------------------------------- the eight rules

class View:
    """What reaches one union: the branch below it, what its superiors said to it, programmes."""

    def __init__(self, data, hub):
        self.hub = hub
        self.branch = [u for u in UNIONS if u == hub or self.above(hub, u)]
        self.data = data

    @staticmethod
    def above(high, low):
        while low in PARENT:
            low = PARENT[low]
            if low == high:
                return True
        return False

    def all(self, kind):
        rows = [row for row in self.data.of(kind) if row[""] in self.branch]
        if kind == "allocation":
            rows += [row for row in self.data.of(kind) if row["to_union"] in self.branch and row[""] not in self.branch]
        return rows

    def people(self, kind):
        """Kinds that go no higher than the province."""
        return [] if self.hub == "100000" else [row for row in self.all(kind) if row[""] != "100000"]


def working_days_after(start, count, holidays):
    on = day(start)
    while count:
        on += timedelta(1)
        count -= is_workday(on) if holidays else on.weekday() < 5
    return on.isoformat()


def fc01(view, holidays=True):
    receipts = live(view.all("fund_receipt"))
    for a in live(view.all("allocation")):
        if a["to_union"] not in view.branch or working_days_after(a["paid_on"], 20, holidays) >= TODAY:
            continue
        due = working_days_after(a["paid_on"], 20, holidays)
        got = sum(fen(f["amount"]) for f in receipts if f[""] == a["to_union"] and f["received_on"] <= due and (
            f.get("allocation") == "@" + a["key"] or f["bank_serial"] == a["bank_serial"]))
        if got != fen(a["amount"]):
            yield a["to_union"], {a["key"]}


def fc02(view):
    allocations = live(view.all("allocation"))
    for f in live(view.all("fund_receipt")):
        if not any(a["to_union"] == f[""] and (
                a["bank_serial"] == f["bank_serial"] or a["amount"] == f["amount"] and
                abs((day(a["paid_on"]) - day(f["received_on"])).days) <= 30) for a in allocations):
            yield f[""], {f["key"]}


def fc04(view, spent_too=True, answered=False):
    for u in view.branch:
        for programme in (PAY_PROGRAMME, PILOT):
            mine = lambda kind, field: [r for r in live(view.all(kind)) if r[""] == u and r["programme"] == programme
                                        and r[field] <= "2025-12-31"]
            got = mine("fund_receipt", "received_on")
            on = mine("allocation", "paid_on")
            if answered:
                serials = {f["bank_serial"] for f in view.all("fund_receipt") if f[""] != u}
                on = [a for a in on if a["bank_serial"] in serials]
            kept = sum(fen(r["amount"]) for r in got) - sum(fen(r["amount"]) for r in on)
            kept -= sum(fen(r["amount"]) for r in view.all("budget.lines") if r[""] == u
                        and view.data.by_key[r["of"]]["programme"] == programme)
            if spent_too:
                kept -= sum(fen(r["amount"]) for r in mine("expenditure", "paid_on"))
            if kept > 0:
                yield u, {r["key"] for r in got}


def fc05(view):
    counted = [e for e in view.people("engagement") if e["employment"] == "专职" and e["funded"] == "是"]
    end = lambda e: e.get("ended_on", e["ends_on"])
    number = lambda e: view.data.at(e["mediator"])["id_no"]
    for i, a in enumerate(counted):
        for b in counted[i + 1:]:
            if a[""] == b[""] or number(a) != number(b):
                continue
            first, last = max(a["starts_on"], b["starts_on"]), min(end(a), end(b))
            if (day(last) - day(first)).days + 1 > 15 and first <= CENSUS <= last:
                yield max(a, b, key=lambda e: e["starts_on"])[""], {a["key"], b["key"]}


def fc06(view, by_service=True):
    window = {"2025-11", "2025-12", "2026-01"}
    paid = {x["payee_mediator"] for x in live(view.all("expenditure")) if "payee_mediator" in x and fen(x["amount"]) > 0
            and (x["service_month"] if by_service else x["paid_on"][:7]) in window}
    certified = {c["mediator"] for c in view.people("certificate") if c["status"] == "有效"
                 and c["issued_on"] <= CENSUS <= c.get("expires_on", "9")}
    if view.hub == "100000":
        return
    for f in view.all("filing"):
        serving = [e for e in view.people("engagement") if e[""] == f[""]
                   and e["starts_on"] <= CENSUS <= e.get("ended_on", e["ends_on"])]
        declared = int(f.get("declare_funded", sum(e["funded"] == "是" for e in serving)))
        if declared > sum(e["mediator"] in paid and e["mediator"] in certified for e in serving):
            yield f[""], {f["key"]}


def fc09(view, last=TODAY):
    for e in view.people("engagement"):
        born = view.data.at(e["mediator"])["born"]
        until = min(last, e.get("ended_on", e["ends_on"]))
        covered = e.get("consent_until", "")
        if age(born, until) > 68 or age(born, until) > 65 and covered < until:
            yield e[""], {e["key"]}


def fc14(view):
    lines = defaultdict(list)
    for x in live(view.all("expenditure")):
        if "invoice_no" in x:
            lines[x.get("invoice_code", ""), x["invoice_no"]].append(x)
    for same in lines.values():
        if len(same) > 1 and sum(fen(x["amount"]) for x in same) > fen(same[0]["invoice_total"]):
            yield max(same, key=lambda x: x["paid_on"])[""], {x["key"] for x in same}


def fc16(view, pick_rows=live):
    for u in view.branch:
        for programme in (PAY_PROGRAMME, PILOT):
            mine = lambda kind: [r for r in pick_rows(view.all(kind)) if r[""] == u and r["programme"] == programme]
            money = [(r["received_on"], fen(r["amount"])) for r in mine("fund_receipt")]
            money += [(r["booked_on"], fen(r["amount"])) for r in mine("matching")]
            spent = 0
            for x in sorted(mine("expenditure"), key=lambda r: r["paid_on"]):
                spent += fen(x["amount"])
                if spent > sum(amount for on, amount in money if on <= x["paid_on"]):
                    yield u, {x["key"]}
                    break


READINGS = [
    ("FC-01", lambda v: fc01(v)), ("FC-01", lambda v: fc01(v, holidays=False)), ("FC-02", fc02), ("FC-04", fc04),
    ("FC-04", lambda v: fc04(v, spent_too=False)), ("FC-04", lambda v: fc04(v, answered=True)), ("FC-05", fc05),
    ("FC-06", fc06), ("FC-06", lambda v: fc06(v, by_service=False)), ("FC-09", fc09),
    ("FC-09", lambda v: fc09(v, last="2027-12-31")), ("FC-14", fc14), ("FC-16", fc16),
    ("FC-16", lambda v: fc16(v, pick_rows=list)),
]


def check_rules(data):
    truth = {}
    for row in data.planted:
        assert all(key in data.by_key for key in row["keys"].split()), row
        assert row["role"] in ("planted", "look-alike") and row["why_zh"] and row["why_en"]
        if row["role"] == "planted":
            assert row["rule"] not in truth
            truth[row["rule"]] = row
    rules = {rule for rule, _ in READINGS}
    assert set(truth) == rules == {row["rule"] for row in data.planted if row["role"] == "look-alike"}
    seen_by = defaultdict(list)
    for hub in UNIONS:
        view = View(data, hub)
        for rule, reading in READINGS:
            row = truth[rule]
            found = list(reading(view))
            for union, core in found:
                assert union == row["union"] and core <= set(row["keys"].split()), (hub, rule, union, core)
            assert len(found) <= 1, (hub, rule, found)
            if found:
                seen_by[rule].append(hub)
            assert hub != row["level"] or found, (hub, rule)
    return {rule: sorted(set(hubs)) for rule, hubs in seen_by.items()}


def verify(folder):
    data = Data(folder)
    assert sum(path.stat().st_size for path in folder.rglob("*.csv")) < 2_500_000
    check_kinds(data, folder.parents[2] / "proto" / "huiliu" / "v1" / "records")
    check_numbers(data)
    check_cash(data)
    for rule, hubs in sorted(check_rules(data).items()):
        print("%s: the planted case and no other; seen by %s" % (rule, " ".join(hubs)))
    print("%d records, %d log lines, all as promised" % (len(data.by_key), len(data.of("work_entry"))))
