"""A mediator's month: how many log lines, on which days, of which kind. The words are worklog's."""

import worklog
from book import UNIONS, data, prefix
from enterprises import short_name
from ident import draw, pick
from workday import workdays

VISITS = ["走访调研", "走访调研", "数据采集", "合同履行检查", "督促整改", "政策宣讲", "指导要约", "化解争议", "走访调研"]
DESK = ["参加培训", "模拟协商与案例研讨", "起草审核方案文本", "授课"]


def log(union, number, day, subtype, enterprise_no=None):
    who = prefix(union)
    lines = data[union]["work_entry"]
    lines.append(worklog.line(
        subtype, "%s-m-%03d" % (who, number), day, UNIONS[union][1], "%s-w-%04d" % (who, len(lines) + 1),
        "%s-e-%03d" % (who, enterprise_no) if enterprise_no else None,
        short_name(union, enterprise_no) if enterprise_no else ""))


def spread(days, count, key):
    """`count` different days, in order, over the whole month."""
    size = len(days)
    return [days[i * size // count + draw((i + 1) * size // count - i * size // count, key, i)] for i in range(count)]


def full_month(union, number, month, portfolio):
    """A month that meets the county's own rule: two sessions guided, one topic gathered, five days in enterprises."""
    key = (prefix(union), number, month)
    work = ["征集议题", "现场指导协商", "现场指导协商"] + [pick(VISITS, key, "visit", i) for i in range(2)]
    extra = month in (3, 7, 11) and "撰写报告" or (draw(6, key, "desk") == 0 and pick(DESK, key, "which"))
    if draw(14, key, "third") == 0:
        work.append("现场指导协商")
    for i, day in enumerate(spread(workdays(2025, month), len(work) + bool(extra), key)):
        if i == len(work):
            log(union, number, day, extra)
        else:
            log(union, number, day, work[i], portfolio[(month + i) % len(portfolio)])


def light_month(union, number, month, portfolio, lines):
    key = (prefix(union), number, month)
    for i, day in enumerate(spread(workdays(2025, month), lines, key)):
        if portfolio and (i or draw(4, key, "field")):
            log(union, number, day, pick(["现场指导协商", "征集议题"] + VISITS, key, "work", i), pick(portfolio, key, "at", i))
        else:
            log(union, number, day, pick(DESK + ["撰写报告"], key, "work", i))
