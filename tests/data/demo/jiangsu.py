"""Jiangsu, and in it Yancheng, Binhai and Funing: who is there, what they do, what is spent."""

from book import MONTHS, PAY_PROGRAMME, PILOT, add, case, data, shared
from enterprises import enterprise, rate
from money import budget, file_report, invoice, match, pay, spend
from months import full_month, light_month
from people import assign, certify, engage, lower_union, mediator


def jiangsu():
    u = "320000"
    for n in range(1, 4):
        if n == 2:
            mediator(u, n, born="1960-11-20", retired_on="2020-12-01", remarks="企业离岗退休，返聘")
            engage(u, n, "省级", funded=True, pay=5000, channel="1 直接选聘", starts_on="2023-07-01", ends_on="2026-06-30",
                   other="离岗退休返聘")
        else:
            mediator(u, n, ages=(1974, 1988), education="研究生")
            engage(u, n, "省级", funded=True, pay=5000)
        certify(u, n)
        assign(u, n, service_region="320900" if n == 1 else "320000")
        for month in MONTHS:
            light_month(u, n, month, [], 2)
    budget(u, PAY_PROGRAMME, [("薪酬或补贴", 180000), ("差旅", 10000)])
    pilot_budget = budget(u, PILOT, [("培训", 50000), ("购买岗位或服务", 30000), ("办公条件", 20000)])
    match(u, 70000, "2025-01-06")
    match(u, 70000, "2025-07-02")
    for month in MONTHS:
        for n in range(1, 4):
            pay(u, n, month, 5000)
    spend(u, PAY_PROGRAMME, "差旅", 9600, "2025-11-21", "下市县督导差旅")
    spend(u, PILOT, "培训", 38000, "2025-05-28", "全省指导员示范培训班")
    spend(u, PILOT, "购买岗位或服务", 26000, "2025-07-22", "质效评价规范宣贯")
    spend(u, PILOT, "办公条件", 18000, "2025-09-19", "文书范本印制")
    file_report(u, "年度备案", "省总工会本级专职指导员3名。")
    case("FC-09", "look-alike", u, "320000", ["jiangsu-m-002", "jiangsu-n-002"],
         "2025年11月20日满65周岁，尚未满66周岁，聘期止于满66周岁之前。",
         "65 complete on 20 November 2025 and not yet 66; the term ends before the 66th birthday.")
    return pilot_budget


def yancheng():
    u = "320900"
    for n in range(1, 4):
        mediator(u, n, ages=(1975, 1990))
        engage(u, n, "地市级", funded=True, pay=4000)
        certify(u, n)
        assign(u, n, service_region=["320922", "320923", "320900"][n - 1])
        for month in MONTHS:
            light_month(u, n, month, [], 2)
    pay_budget = budget(u, PAY_PROGRAMME, [("薪酬或补贴", 144000), ("差旅", 8000)])
    pilot_budget = budget(u, PILOT, [("培训", 25000), ("购买岗位或服务", 15000)])
    match(u, 60000, "2025-01-07")
    match(u, 40000, "2025-07-03")
    for month in MONTHS:
        for n in range(1, 4):
            pay(u, n, month, 4000)
    spend(u, PAY_PROGRAMME, "差旅", 7500, "2025-10-24", "下县指导差旅")
    used = [spend(u, PILOT, "培训", 15000, "2025-06-19", "全市指导员提高班")["key"],
            spend(u, PILOT, "购买岗位或服务", 10000, "2025-10-16", "示范案例汇编")["key"]]
    file_report(u, "年度备案", "市总工会本级专职指导员3名。")
    return pay_budget, pilot_budget, used


def funing():
    """Ten groups of four. The seed's 40 come from towns, factories and enterprises: one full-time head a group."""
    u = "320923"
    town = [lower_union(u, n, "阜宁演示%s镇总工会" % "一二三四五六七八九十"[n - 1], "乡镇（街道）工会") for n in range(1, 11)]
    league = lower_union(u, 11, "阜宁重点企业工会联合会", "区域性工会联合会")
    for n in range(1, 101):
        enterprise(u, n)
    for n in range(1, 42):
        head = n <= 10
        if n == 3:
            who = mediator(u, n, born="1959-06-18", retired_on="2019-07-01", remarks="机关离岗退休，返聘任第3组组长")
        else:
            who = mediator(u, n, ages=(1972, 1994), eligible_on="2025-01-14" if n == 10 else "2024-11-20")
        if n == 7:
            shared["two posts"] = who
        if n == 41:
            shared["moved"] = who
        if n == 30:
            shared["part-time twice"] = who
        if n == 41:
            engage(u, n, "县级", funded=True, pay=3000, starts_on="2023-01-01", ended_on="2025-01-12", end_reason="调动",
                   end_doc_no="阜宁工调演〔2025〕1号", remarks="调往滨海")
            certify(u, n)
            continue
        group = (n - 1) % 10 + 1
        if n == 3:
            engage(u, n, "县级", funded=True, pay=3000, channel="1 直接选聘", starts_on="2022-01-01", other="离岗退休返聘")
        elif head:
            start = {10: "2025-02-01", 7: "2024-07-01"}.get(n)
            engage(u, n, "县级", funded=True, pay=3000, starts_on=start)
        elif n <= 30:
            engage(u, n, "乡镇（街道）/园区级", employer=town[group - 1], channel="1 直接选聘", other="其他兼职")
        else:
            firm = data[u]["enterprise"][10 * (group - 1)]["name"]
            engage(u, n, "企业级", employer=league, channel="1 直接选聘", other="企业在职职工", other_employer=firm)
        if n == 10:
            certify(u, n, exam_on="2025-01-16", issued_on="2025-01-22")
        else:
            certify(u, n)
        assign(u, n, zone="第%d组" % group, enterprises=10, from_on="2025-02-01" if n == 10 else "2025-01-01")
        for month in range(2 if n == 10 else 1, 13):
            light_month(u, n, month, list(range(10 * group - 9, 10 * group + 1)), 2 if head else 1)

    budget(u, PAY_PROGRAMME, [("薪酬或补贴", 360000), ("保险", 4000), ("交通", 6000)])
    budget(u, PILOT, [("培训", 60000), ("购买岗位或服务", 40000), ("办公条件", 10000)])
    match(u, 100000, "2025-01-09")
    match(u, 90000, "2025-07-07")
    late = []
    for month in MONTHS:
        for n in range(1, 11):
            if n == 10 and month == 1:
                continue  # in post from February
            if n == 8 and month >= 11:
                late.append(pay(u, n, month, 3000, "2026-01-09", memo="银行账户变更，补发"))
            else:
                pay(u, n, month, 3000)
    spend(u, PAY_PROGRAMME, "保险", 4000, "2025-03-28", "10名专职指导员意外险")
    spend(u, PAY_PROGRAMME, "交通", 6000, "2025-06-26", "上半年下企业租车")
    bill = invoice("25322000000099000002", 7500, "2025-06-12")
    wrong = spend(u, PILOT, "培训", 7500, "2025-06-12", "指导员专题培训", bill, subject="50602")
    undo = dict(wrong, key="funing-x-04", paid_on="2025-06-16", amount="-" + wrong["amount"], memo="冲销科目用错的支出",
                reverses="@" + wrong["key"], reason="科目应为50501，原记50602")
    for field in ("invoice_type", "invoice_code", "invoice_no", "invoice_total", "invoice_on"):
        undo[field] = ""
    add(u, "expenditure", **undo)
    right = spend(u, PILOT, "培训", 7500, "2025-06-16", "指导员专题培训（更正科目）", bill)
    spend(u, PILOT, "培训", 15000, "2025-07-10", "“1+N”实绩交流")
    shared["same number"] = spend(u, PILOT, "办公条件", 4200, "2025-08-20", "协商流程图册印制",
                                  invoice("00381207", 4200, "2025-08-20", "032002500205"))["key"]
    spend(u, PILOT, "购买岗位或服务", 12000, "2025-09-24", "100家企业协商数据整理")
    spend(u, PILOT, "培训", 16000, "2025-11-18", "年终综合考评与案例研讨")
    file_report(u, "聘任备案", "2025年度新聘第10组组长1名的聘任备案。")
    report = file_report(u, "年度备案", "指导员40名，分10组；各组组长10名为专职，其余30名为兼职，不计入补助人数。")
    case("FC-09", "planted", u, "320000", ["funing-m-003", "funing-n-003"],
         "第3组组长2025年6月18日满66周岁，仍在聘，无上一级工会延聘同意。",
         "The head of group 3 turned 66 on 18 June 2025 and is still in post without the consent of the union above.")
    case("FC-06", "look-alike", u, "320000", [report, "funing-n-008"] + late,
         "一名组长11、12月薪酬于2026年1月9日补发，在核实期内，人数可核实。",
         "One head's pay of November and December came in January 2026, within the window: the head is verifiable.")
    case("FC-14", "look-alike", u, "100000", [wrong["key"], undo["key"], right["key"]],
         "科目记错，红冲后重记；同一发票只有一行有效支出。", "A line booked to the wrong subject, reversed and booked again.")


def binhai():
    """22 full-time posts of the county, towns and parks; 84 others, whom a town or an enterprise pays."""
    u = "320922"
    town = [lower_union(u, n, "滨海演示%s镇总工会" % "一二三四五六七八九十甲乙丙丁"[n - 1], "乡镇（街道）工会") for n in range(1, 15)]
    park = [lower_union(u, n, "滨海演示第%d园区工会" % (n - 14), "园区（开发区）工会") for n in range(15, 20)]
    league = lower_union(u, 20, "滨海规模以上企业工会联合会", "区域性工会联合会")
    for n in range(1, 431):
        enterprise(u, n)
    for n in range(1, 118):
        funded, in_town, ended = n <= 22, 23 <= n <= 36 or n == 107, n > 106
        same = {5: shared["two posts"], 6: shared["moved"], 40: shared["part-time twice"]}.get(n)
        mediator(u, n, same_as=same, remarks="2025年1月由阜宁调入" if n == 6 else "")
        own = n if n <= 106 else 200 + n  # the enterprise an enterprise's mediator works for
        firm = data[u]["enterprise"][own - 1]["name"]
        more = {}
        if ended:
            more = dict(ended_on="2025-07-31" if n < 112 else "2025-12-15", end_reason="考核不称职解聘",
                        end_doc_no="滨海工解演〔2025〕%d号" % (n - 106))
        elif n == 6:
            more = dict(starts_on="2025-01-01")
        elif n == 5:
            more = dict(starts_on="2022-03-01")
        if n <= 3:
            engage(u, n, "县级", funded=True, pay=3000, **more)
        elif funded or in_town:
            body = (town + park)[(n - 4) % 19] if funded else town[(n - 23) % 14]
            if funded:
                engage(u, n, "乡镇（街道）/园区级", funded=True, pay=3000, employer=body, **more)
            else:
                engage(u, n, "乡镇（街道）/园区级", pay=3000, employer=body, channel="1 直接选聘", other="其他兼职", **more)
        else:
            engage(u, n, "企业级", pay=3000, employer=league, channel="1 直接选聘", other="企业在职职工", other_employer=firm,
                   **more)
        payer = dict(payer=u) if funded else dict(payer_name="所在镇工会（演示）" if in_town else firm)
        add(u, "payer_share", key="binhai-q-%03d" % n, engagement="@binhai-n-%03d" % n, share=100, **payer)
        if ended:
            certify(u, n, status="撤销", revoked_on=more["ended_on"])
        else:
            certify(u, n)
            assign(u, n, zone="%d片" % ((n - 1) % 10 + 1), enterprises=len(range(n, 431, 106)))
    rate(u, 430)
    for n in range(1, 107):
        for month in MONTHS:
            full_month(u, n, month, list(range(n, 431, 106)))
    for n in range(107, 118):  # fewer than one session a month is what they were dismissed for
        for month in (2, 4, 6) if n < 112 else (2, 5, 7, 10):
            light_month(u, n, month, [200 + n], 1)

    budget(u, PAY_PROGRAMME, [("薪酬或补贴", 792000), ("保险", 9000), ("交通", 10000), ("通信", 6000)])
    budget(u, PILOT, [("培训", 42000), ("伙食", 3000), ("购买岗位或服务", 25000), ("办公条件", 20000)])
    matched = match(u, 222000, "2025-01-08")
    match(u, 198000, "2025-07-04")
    first = [pay(u, n, month, 3000) for month in MONTHS for n in range(1, 23)][0]
    spend(u, PAY_PROGRAMME, "保险", 8800, "2025-03-28", "22名专职指导员意外险")
    spend(u, PAY_PROGRAMME, "交通", 9600, "2025-06-27", "上半年下企业租车")
    spend(u, PAY_PROGRAMME, "通信", 5280, "2025-12-05", "全年通信费")
    one_bill = invoice("25322000000099000001", 8400, "2025-05-16")
    split = [spend(u, PILOT, "培训", 6000, "2025-05-16", "年度集中培训：场地和讲课", one_bill)["key"],
             spend(u, PILOT, "伙食", 2400, "2025-05-16", "年度集中培训：工作餐", one_bill)["key"]]
    spend(u, PILOT, "购买岗位或服务", 18000, "2025-06-20", "430家企业质效评估数据整理")
    same_no = spend(u, PILOT, "办公条件", 9800, "2025-08-15", "集体合同示范文本印制",
                    invoice("00381207", 9800, "2025-08-15", "032002500101"))
    spend(u, PILOT, "培训", 22000, "2025-09-18", "协商实务培训班")
    spend(u, PILOT, "培训", 9000, "2025-11-14", "模拟协商演练")
    file_report(u, "聘任备案", "2025年度新聘专职指导员1名（由阜宁调入）的聘任备案。")
    file_report(u, "年度备案", "指导员106名，其中工会专职22名；其余84名由镇或企业发薪，不计入补助人数。")
    case("FC-16", "look-alike", u, "100000", [matched, first],
         "1至3月先于上级拨款发薪，由1月入账的本级配套垫付，余额始终不为负。",
         "Pay of January to March runs ahead of the allocation, covered by the county's own matching money.")
    case("FC-14", "look-alike", u, "100000", split, "同一张发票分两行列支，合计等于票面金额。",
         "One invoice split over two lines that add up to its total.")
    case("FC-14", "look-alike", "320923", "100000", [same_no["key"], shared["same number"]],
         "发票号码相同、发票代码不同，是两张发票。", "The same invoice number under different codes: two invoices.")
    case("FC-05", "planted", "320923", "320000", ["binhai-m-005", "binhai-n-005", "funing-m-007", "funing-n-007"],
         "同一身份证号在滨海、阜宁均为专职并计入补助人数，截止日都在聘，两处都领薪。",
         "One identity number, full-time and counted in Binhai and in Funing, in post and paid in both at the census.")
    case("FC-05", "look-alike", u, "320000", ["binhai-m-006", "binhai-n-006", "funing-m-041", "funing-n-041"],
         "由阜宁调往滨海，重叠12天，不超过15天。", "Moved from Funing to Binhai with an overlap of twelve days.")
    case("FC-05", "look-alike", "320923", "320000", ["binhai-m-040", "binhai-n-040", "funing-m-030", "funing-n-030"],
         "同一人在两县都是兼职，均不计入补助人数。", "Part-time in both counties and counted in neither.")
