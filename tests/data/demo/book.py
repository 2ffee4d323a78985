"""The rows as they are collected, and how they become files.

A row is a dict of texts as a clerk would type them. Which unions there are, which files, in which order they are
loaded, and which columns they have is said here and nowhere else.
"""

import csv
import io

UNIONS = {  # code: key prefix, short name, full name
    "100000": ("nation", "全国", "中华全国总工会"),
    "110000": ("beijing", "北京", "北京市总工会"),
    "110102": ("xicheng", "西城", "西城区总工会"),
    "110117": ("pinggu", "平谷", "平谷区总工会"),
    "320000": ("jiangsu", "江苏", "江苏省总工会"),
    "320900": ("yancheng", "盐城", "盐城市总工会"),
    "320922": ("binhai", "滨海", "滨海县总工会"),
    "320923": ("funing", "阜宁", "阜宁县总工会"),
}
# Load order within a union, and the columns of each file. A column that is empty throughout is not written.
KINDS = {
    "programme": ("01", "key code name year source standard_per_head census_on purpose rules_version doc_no"),
    "union": ("02", "key name form territory uscc status remarks"),
    "mediator": ("03", "key name id_no sex born education major retired retired_on skills eligible eligible_by "
                       "eligible_on remarks"),
    "engagement": ("04", "key mediator employer employment channel tier funded contract_no starts_on ends_on ended_on "
                         "end_reason end_doc_no monthly_pay pay_basis state consent_no consent_until other_employment "
                         "other_employer remarks"),
    "payer_share": ("05", "key engagement payer payer_name share from_on agreement_no"),
    "assignment": ("06", "key engagement service_region service_union zone from_on to_on enterprises"),
    "certificate": ("07", "key no mediator type exam_on exam_score issued_on expires_on status revoked_on"),
    "enterprise": ("08", "key name uscc region industry ownership employees employees_on above_scale over_hundred "
                         "remarks"),
    "rating": ("09", "key enterprise round rated_on total grade a_from b_from satisfied asked team"),
    "rating.items": ("09", "of no max score"),
    "work_entry": ("10", "key mediator duty subtype done_on minutes enterprise place participants guided "
                         "topics_collected cases workers_helped topics summary mandate"),
    "budget": ("11", "key programme year approved_on doc_no"),
    "budget.lines": ("11", "of category subject amount"),
    "fund_receipt": ("12", "key programme year amount received_on bank_serial subject allocation remitter"),
    "matching": ("13", "key programme year amount booked_on source doc_no voucher_no"),
    "expenditure": ("14", "key programme year category subject amount paid_on service_month payee_mediator payee_name "
                          "payee_uscc method voucher_no voucher_line invoice_type invoice_code invoice_no "
                          "invoice_total invoice_on memo reverses reason"),
    "expenditure.shares": ("14", "of payer share amount"),
    "allocation": ("15", "key to_union no programme year amount from_allocation basis_heads basis_factor doc_no paid_on "
                         "bank_serial subject reverses reason"),
    "filing": ("16", "key type year census_on note declare_funded"),
}
PLANTED = "rule role union level keys why_zh why_en"

PAY_PROGRAMME, PILOT = "@nation-g-01", "@nation-g-02"
STANDARD = 18000  # yuan a head and year; the demo's own, no text names one
TERM_ENDS = "2027-12-31"
CENSUS = "2025-12-31"
MONTHS = range(1, 13)

data = {code: {kind: [] for kind in KINDS} for code in UNIONS}
planted = []
shared = {}  # people two unions both know, by what they are there for


def prefix(union):
    return UNIONS[union][0]


def add(union, kind, **row):
    unknown = set(row) - set(KINDS[kind][1].split())
    assert not unknown, (kind, unknown)
    data[union][kind].append(row)
    return row.get("key")


def yuan(amount):
    """Whole yuan, as a clerk types them."""
    return "%d.00" % amount


def case(rule, role, union, level, keys, why_zh, why_en):
    planted.append(dict(rule=rule, role=role, union=union, level=level, keys=keys, why_zh=why_zh, why_en=why_en))


def in_order():
    """Log lines and payments as they happened, then numbered. One day's pay is one voucher with a line a head."""
    for union in UNIONS:
        log_lines = data[union]["work_entry"]
        log_lines.sort(key=lambda row: (row["done_on"], row["mediator"]))
        for n, row in enumerate(log_lines, 1):
            row["key"] = "%s-w-%04d" % (prefix(union), n)
        lines = data[union]["expenditure"]
        lines.sort(key=lambda row: row["paid_on"])
        count, last = {}, None
        for row in lines:
            year, group = row["paid_on"][:4], (row["paid_on"], row["programme"], row["category"] == "薪酬或补贴")
            if group != last or not group[2]:
                count[year], line = count.get(year, 0) + 1, 0
            line += 1
            last = group
            row["voucher_no"], row["voucher_line"] = "%s-记-%04d" % (year, count[year]), line


def text(columns, rows):
    columns = [c for c in columns if any(row.get(c, "") != "" for row in rows)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([row.get(c, "") for c in columns] for row in rows)
    return out.getvalue()


def written():
    """Every file's name and bytes."""
    made = {}
    for union in UNIONS:
        for kind, (number, columns) in KINDS.items():
            rows = data[union][kind]
            if rows:
                made["%s/%s-%s.csv" % (union, number, kind)] = text(columns.split(), rows)
    planted.sort(key=lambda row: (row["rule"], row["role"] != "planted", row["union"]))
    made["planted.csv"] = text(PLANTED.split(), [dict(row, keys=" ".join(row["keys"])) for row in planted])
    return {name: content.encode("utf-8") for name, content in made.items()}
