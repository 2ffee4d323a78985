"""Enterprises and the county's score sheets for them."""

from book import UNIONS, add, prefix
from ident import between, credit_code, draw, pick
from workday import workdays

TRADES = [
    ("纺织", "制造业"), ("服装", "制造业"), ("机械", "制造业"), ("阀门", "制造业"), ("化工", "制造业"), ("食品", "制造业"),
    ("建材", "制造业"), ("家具", "制造业"), ("物流", "交通运输、仓储和邮政业"), ("商贸", "批发和零售业"), ("餐饮", "住宿和餐饮业"),
    ("建筑", "建筑业"), ("软件", "信息传输、软件和信息技术服务业"), ("水产", "农、林、牧、渔业"), ("环保", "水利、环境和公共设施管理业"),
    ("热力", "电力、热力、燃气及水生产和供应业"),
]


def short_name(union, number):
    return "演示%s%03d" % (pick(TRADES, prefix(union), "trade", number)[0], number)


def enterprise(union, number, remarks=""):
    who = prefix(union)
    small = draw(10, who, "size", number) < 6
    heads = between(12, 90, who, "few", number) if small else between(100, 860, who, "many", number)
    return add(
        union, "enterprise", key="%s-e-%03d" % (who, number), name=UNIONS[union][1] + short_name(union, number) + "公司",
        uscc=credit_code("91", union, "XN%06d" % number), region=union,
        industry=pick(TRADES, who, "trade", number)[1],
        ownership=pick(["私营"] * 7 + ["外商投资", "国有", "港澳台资", "混合所有"], who, "ownership", number),
        employees=heads, employees_on="2024-12-31", above_scale="是" if heads >= 60 else "否",
        over_hundred="是" if heads >= 100 else "否", remarks=remarks)


ITEM_MAX = [10, 10, 12, 12, 12, 12, 12, 10, 10]
GRADES = [("A", 136, 85, 98), ("B", 178, 70, 84), ("C", 116, 45, 69)]  # domain §1.5


def rate(union, enterprises):
    """One sheet for every enterprise. Which enterprise gets which grade is a draw, how many do is the source's."""
    who = prefix(union)
    order = sorted(range(1, enterprises + 1), key=lambda n: (draw(1 << 40, who, "grade", n), n))
    grade_of = {}
    for grade, count, low, high in GRADES:
        for n in order[:count]:
            grade_of[n] = (grade, between(low, high, who, "total", n))
        order = order[count:]
    assert not order
    for n in range(1, enterprises + 1):
        grade, total = grade_of[n]
        scores = [total * most // 100 for most in ITEM_MAX]
        at = draw(9, who, "item", n)
        while sum(scores) < total:
            if scores[at] < ITEM_MAX[at]:
                scores[at] += 1
            at = (at + 1) % 9
        team, asked = between(1, 10, who, "team", n), between(10, 40, who, "asked", n)
        days = workdays(2025, between(4, 6, who, "month", n))
        key = add(union, "rating", key="%s-r-%03d" % (who, n), enterprise="@%s-e-%03d" % (who, n), round="2025年度",
                  rated_on=pick(days, who, "rated", n), total=total, grade=grade, a_from=85, b_from=70,
                  satisfied=asked * between(max(total - 8, 40), min(total + 6, 100), who, "satisfied", n) // 100,
                  asked=asked, team="第%d评估小组" % team)
        for no, (most, score) in enumerate(zip(ITEM_MAX, scores), 1):
            add(union, "rating.items", of=key, no=no, max=most, score=score)
