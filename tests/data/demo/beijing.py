"""Beijing, and in it Pinggu and Xicheng: who is there, what they do, what is spent."""

from book import MONTHS, PAY_PROGRAMME, PILOT, add, case, shared, yuan
from enterprises import enterprise
from ident import credit_code, pick
from money import budget, file_report, invoice, match, pay, spend
from months import light_month
from people import assign, certify, engage, lower_union, mediator
from workday import payday


def beijing():
    u = "110000"
    shared["beijing"] = []
    for n in range(1, 4):
        shared["beijing"].append(mediator(u, n, ages=(1974, 1988)))
        engage(u, n, "省级", funded=True, pay=5560, basis="税后", starts_on="2022-01-01")
        certify(u, n)
        assign(u, n, service_region="110117")
        for month in MONTHS:
            light_month(u, n, month, [], 2)
    budget(u, PAY_PROGRAMME, [("薪酬或补贴", 800640), ("差旅", 6000), ("办公条件", 4000)])
    pilot_budget = budget(u, PILOT, [("培训", 50000), ("购买岗位或服务", 50000)])
    match(u, 400000, "2025-01-07")
    match(u, 360000, "2025-07-03")
    for month in MONTHS:
        for n in range(1, 4):
            pay(u, n, month, 5560)
        key = add(u, "expenditure", key="beijing-y-%02d-900" % month, programme=PAY_PROGRAMME, year=2025,
                  category="薪酬或补贴", subject="50504", amount=yuan(18 * 2780), paid_on=payday(2025, month),
                  service_month="2025-%02d" % month, payee_name="西城区总工会",
                  payee_uscc=credit_code("13", "110102", "XN700001"), method="转账", memo="西城18名指导员薪酬市级负担50%")
        add(u, "expenditure.shares", of=key, payer="110102", share=50, amount=yuan(18 * 2780))
    spend(u, PAY_PROGRAMME, "差旅", 6000, "2025-09-12", "下区指导差旅")
    spend(u, PAY_PROGRAMME, "办公条件", 4000, "2025-10-17", "指导员工作手册印制")
    spend(u, PILOT, "培训", 26000, "2025-06-12", "全市指导员集中授课")
    spend(u, PILOT, "购买岗位或服务", 14000, "2025-09-10", "行业协商调研服务")
    file_report(u, "年度备案", "市总工会本级专职指导员3名，分派平谷。")
    return pilot_budget


def pinggu():
    """Four tiers. The three of the municipal tier are Beijing's own; the district uses them and does not count them."""
    u = "110117"
    town = [lower_union(u, n, "平谷演示第%d镇街工会" % n, "乡镇（街道）工会") for n in range(1, 17)]
    town.append(lower_union(u, 17, "平谷国资系统工会", "产业工会"))
    town.append(lower_union(u, 18, "平谷开发区工会", "园区（开发区）工会"))
    league = lower_union(u, 19, "平谷企业工会联合会", "区域性工会联合会")
    zones = ["东区", "中区", "西区"]
    for n in range(1, 16):
        enterprise(u, n, remarks="2025年%s示范典型企业" % zones[(n - 1) // 5])
    for n in range(1, 280):
        if n <= 3:
            mediator(u, n, same_as=shared["beijing"][n - 1], remarks="市总工会聘任，派本区使用")
            engage(u, n, "省级", full_time=True, starts_on="2022-01-01", remarks="聘任、发薪和人数计列均在市总工会，本区为用人单位")
        elif n == 9:
            mediator(u, n, born="1959-09-10", retired_on="2019-10-01", remarks="企业离岗退休，返聘")
            engage(u, n, "县级", funded=True, pay=4000, channel="1 直接选聘", starts_on="2022-01-01", ends_on="2026-12-31",
                   other="离岗退休返聘", consent_no="京工延演〔2025〕3号", consent_until="2026-12-31")
        elif n <= 15:
            mediator(u, n, ages=(1970, 1994))
            engage(u, n, "县级", funded=True, pay=4000)
        elif n <= 91:
            mediator(u, n, ages=(1968, 1995))
            engage(u, n, "乡镇（街道）/园区级", employer=town[(n - 16) % 18], channel="1 直接选聘", other="其他兼职")
        else:
            mediator(u, n, ages=(1968, 1997), education=pick(["高中及以下", "大专", "本科"], u, n, "education"))
            engage(u, n, "企业级", employer=league, channel="1 直接选聘", other="企业在职职工",
                   other_employer="平谷演示企业%03d" % (n - 91))
        certify(u, n)
        zone = (n - 1) % 3
        assign(u, n, zone=zones[zone])
        if n <= 15:
            for month in MONTHS:
                light_month(u, n, month, list(range(5 * zone + 1, 5 * zone + 6)), 2)
    budget(u, PAY_PROGRAMME, [("薪酬或补贴", 576000), ("办公条件", 10000), ("交通", 8000)])
    budget(u, PILOT, [("培训", 70000), ("购买岗位或服务", 40000)])
    match(u, 190000, "2025-01-08")
    match(u, 190000, "2025-07-08")
    for month in MONTHS:
        for n in range(4, 16):
            pay(u, n, month, 4000)
    spend(u, PAY_PROGRAMME, "办公条件", 9000, "2025-04-18", "指导员工作站耗材")
    spend(u, PAY_PROGRAMME, "交通", 7200, "2025-09-26", "下企业租车")
    spend(u, PILOT, "培训", 18000, "2025-05-22", "四级指导员轮训（一期）")
    spend(u, PILOT, "培训", 15000, "2025-06-24", "四级指导员轮训（二期）")
    joint = invoice("25112000000099000003", 12000, "2025-09-16")
    half = spend(u, PILOT, "培训", 7000, "2025-09-16", "与西城合办模拟协商，本区分摊", joint, supplier_of="110000")
    twice = invoice("60031207", 9600, "2025-10-20", "011002500104")
    first = spend(u, PILOT, "培训", 9600, "2025-10-22", "集体协商专题研修", twice, supplier_of="110000")
    spend(u, PILOT, "购买岗位或服务", 24000, "2025-11-12", "三个区域15家示范企业跟踪指导")
    spend(u, PILOT, "培训", 6000, "2025-12-09", "年终案例研讨")
    report = file_report(u, "年度备案", "四级指导员279名；申报补助人数15名。", declare_funded=15)
    case("FC-06", "planted", u, "110000", [report, "pinggu-n-001", "pinggu-n-002", "pinggu-n-003"],
         "申报15名，可核实12名：市级3名由市总工会聘任、发薪和计列，本区专项经费未付其薪酬。",
         "15 declared, 12 verifiable: the three municipal ones are engaged, paid and counted by the municipal union.")
    case("FC-05", "look-alike", u, "110000",
         ["pinggu-n-00%d" % n for n in (1, 2, 3)] + ["beijing-n-00%d" % n for n in (1, 2, 3)],
         "两级管理：市总工会聘任并计列，派平谷使用；平谷的记录不计入补助人数。",
         "Engaged and counted by the municipal union, recorded in Pinggu where they serve, and not counted there.")
    case("FC-09", "look-alike", u, "110000", ["pinggu-m-009", "pinggu-n-009"],
         "2025年9月10日满66周岁，上一级工会同意延聘至2026年12月31日。",
         "66 on 10 September 2025, with the consent of the union above until 31 December 2026.")
    return joint, half["key"], twice, first["key"]


def xicheng(joint, half, twice, first):
    """18 social workers at 17 stations, the pay borne half and half with the municipal union."""
    u = "110102"
    station = [lower_union(u, n, "西城演示第%02d街道工会服务站" % n, "乡镇（街道）工会") for n in range(1, 18)]
    for n in range(1, 18):
        enterprise(u, n)
    half_pay = [("110000", 50, 2780)]
    for n in range(1, 19):
        post = (n - 1) % 17
        mediator(u, n, ages=(1980, 1997))
        engage(u, n, "县级", funded=True, pay=5560, basis="税后", remarks="社会工作者，税后年66720元，区、市各负担50%")
        for payer in (u, "110000"):
            add(u, "payer_share", key="xicheng-q-%03d%s" % (n, "a" if payer == u else "b"),
                engagement="@xicheng-n-%03d" % n, payer=payer, share=50, from_on="2025-01-01",
                agreement_no="京西分演〔2025〕1号")
        assign(u, n, service_union=station[post], zone="南片" if post < 8 else "北片")
        if n == 5:
            certify(u, n, exam_on="2021-12-10", issued_on="2021-12-20", expires_on="2024-12-31", status="过期",
                    part="-2021")
        certify(u, n)
        for month in MONTHS:
            light_month(u, n, month, [post + 1], 2)
    budget(u, PAY_PROGRAMME, [("薪酬或补贴", 600480)])
    budget(u, PILOT, [("培训", 55000), ("购买岗位或服务", 40000)])
    match(u, 250000, "2025-01-09")
    last_match = match(u, 26480, "2025-07-09")
    keys = [pay(u, n, month, 2780, shares=half_pay) for month in MONTHS for n in range(1, 19)]
    early = [spend(u, PILOT, "培训", 12000, "2025-04-25", "街道工会干部“四必谈”培训")["key"],
             spend(u, PILOT, "购买岗位或服务", 24000, "2025-05-20", "两轮走访数据服务")["key"]]
    other_half = spend(u, PILOT, "培训", 5000, "2025-09-16", "与平谷合办模拟协商，本区分摊", joint, supplier_of="110000")
    second = spend(u, PILOT, "培训", 9600, "2025-11-05", "集体协商专题研修", twice, supplier_of="110000")
    spend(u, PILOT, "培训", 14000, "2025-11-20", "社会工作者业务培训")
    file_report(u, "年度备案", "17个街道工会服务站，专职指导员18名。")
    case("FC-14", "planted", u, "100000", [first, second["key"]],
         "平谷、西城各按全额列支同一张发票（9600元），合计19200元，大于票面。",
         "Pinggu and Xicheng each charged the whole of one invoice: 19,200 yuan against a total of 9,600.")
    case("FC-14", "look-alike", u, "100000", [half, other_half["key"]],
         "两区合办培训，一张发票按7000元和5000元分摊，合计等于票面12000元。",
         "A joint course: one invoice shared 7,000 and 5,000, which is its total.")
    case("FC-16", "look-alike", u, "100000", [last_match, keys[-1]],
         "人员经费全年收支相等，年末余额恰为零，不为负。", "The pay programme ends the year at exactly nought, never below.")
    case("FC-06", "look-alike", u, "110000", ["xicheng-c-005-2021", "xicheng-c-005"],
         "旧证2024年底过期，新证已于2024年12月20日发放，截止日持有效证书。",
         "The old certificate ran out, the new one was valid on the census day.")
    return early
