"""Mediators, what they are engaged as, where they serve, what they hold; and the lower unions that engage them."""

from book import TERM_ENDS, UNIONS, add, prefix, yuan
from ident import between, credit_code, draw, pick, resident_id

STEMS, BRANCHES, SURNAMES = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥", "例示样拟虚演仿试"
people = 0


def person(union, born, male, key):
    """A new person. No surname here is one people bear, and the six digits of a province stand in no real number."""
    global people
    n, people = people, people + 1
    assert n < 60 * len(SURNAMES)
    sequence = 2 * between(450, 494, key, "sequence") + (1 if male else 0)
    return {
        "name": SURNAMES[n // 60] + STEMS[n % 10] + BRANCHES[n % 12],
        "id_no": resident_id(union[:2] + "0000", born, sequence), "sex": "男" if male else "女", "born": born,
    }


def birthday(low, high, key):
    return "%d-%02d-%02d" % (between(low, high, key, "year"), between(1, 12, key, "month"), between(1, 28, key, "day"))


def mediator(union, number, ages=(1978, 1996), born=None, same_as=None, retired_on=None, education=None,
             eligible_on="2024-11-20", remarks=""):
    key = "%s-m-%03d" % (prefix(union), number)
    who = same_as or person(union, born or birthday(*ages, key), draw(2, key, "sex") == 0, key)
    skills = pick(["劳动法律", "工资薪酬", "争议调解", "劳动法律、争议调解", "工资薪酬、财务", "劳动安全卫生"], key, "skills")
    row = dict(
        who, key=key, education=education or pick(["大专", "本科", "本科", "本科", "研究生"], key, "education"),
        major=pick(["法学", "人力资源管理", "劳动与社会保障", "会计学", "社会工作", "行政管理", "工商管理"], key, "major"),
        skills=skills, eligible="是", eligible_by=UNIONS[union][1] + "资格审查组（演示）", eligible_on=eligible_on,
        retired="是" if retired_on else "", retired_on=retired_on or "", remarks=remarks)
    add(union, "mediator", **row)
    return {field: row[field] for field in ("name", "id_no", "sex", "born")}


def engage(union, number, tier, funded=False, full_time=None, pay=0, basis="税前", channel="2b 设置专业岗位",
           starts_on=None, ends_on=TERM_ENDS, ended_on="", end_reason="", end_doc_no="", other="无其他任职",
           other_employer="", employer="", consent_no="", consent_until="", remarks=""):
    who, n = prefix(union), number
    full_time = funded if full_time is None else full_time
    return add(
        union, "engagement", key="%s-n-%03d" % (who, n), mediator="@%s-m-%03d" % (who, n), employer=employer,
        employment="专职" if full_time else "兼职", channel=channel, tier=tier, funded="是" if funded else "否",
        contract_no="%s聘演%03d" % (UNIONS[union][1], n),
        starts_on=starts_on or "%d-%02d-01" % (between(2017, 2024, who, n, "start"), between(1, 11, who, n, "start")),
        ends_on=ends_on, ended_on=ended_on, end_reason=end_reason, end_doc_no=end_doc_no,
        monthly_pay=yuan(pay) if pay else "", pay_basis=basis if pay else "", state="终止" if ended_on else "在聘",
        consent_no=consent_no, consent_until=consent_until, other_employment=other, other_employer=other_employer,
        remarks=remarks)


def certify(union, number, exam_on="2024-12-12", issued_on="2024-12-20", expires_on=TERM_ENDS, status="有效",
            revoked_on="", part=""):
    who = prefix(union)
    add(union, "certificate", key="%s-c-%03d%s" % (who, number, part),
        no="%s证演%03d%s" % (UNIONS[union][1], number, part),
        mediator="@%s-m-%03d" % (who, number), type="聘任证书", exam_on=exam_on,
        exam_score=between(62, 98, who, number, part, "exam"), issued_on=issued_on, expires_on=expires_on,
        status=status, revoked_on=revoked_on)


def assign(union, number, **where):
    who = prefix(union)
    where.setdefault("service_region", union)
    where.setdefault("from_on", "2025-01-01")
    add(union, "assignment", key="%s-s-%03d" % (who, number), engagement="@%s-n-%03d" % (who, number), **where)


def lower_union(union, number, name, form):
    return "@" + add(
        union, "union", key="%s-u-%02d" % (prefix(union), number), name=name + "（演示）", form=form, territory=union,
        uscc=credit_code("81", union, "XN9%05d" % number), status="在用")
