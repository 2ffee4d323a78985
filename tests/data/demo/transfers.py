"""The two programmes of the national union, and their money from level to level."""

from book import PAY_PROGRAMME, PILOT, STANDARD, add, case, yuan
from money import allocate, call_back, pass_on, receive


def programmes():
    add("100000", "programme", key="nation-g-01", code="ZZZD-2025", name="2025年专职集体协商指导员补助（演示）", year=2025,
        source="全国总工会", standard_per_head=yuan(STANDARD), census_on="2024-12-31",
        purpose="补助各级工会聘用的专职集体协商指导员薪酬和工作经费", rules_version="总工发〔2019〕19号", doc_no="演示〔2025〕1号")
    add("100000", "programme", key="nation-g-02", code="NLTS-2025", name="2025年集体协商能力提升与示范培育（演示）", year=2025,
        source="全国总工会", purpose="集体协商指导员培训、模拟协商、示范典型企业培育和质效评估", rules_version="总工发〔2019〕19号",
        doc_no="演示〔2025〕2号")


def transfers(pay_budget, yancheng_budget, used, jiangsu_budget, beijing_budget, early):
    """The money on its way down, after everything it is spent on: two instalments a head, one pilot programme."""
    factor = "核定%d人×%d元×50%%"

    def instalment(payer, payee, heads, paid_on, received_on):
        return pass_on(payer, payee, PAY_PROGRAMME, heads * STANDARD // 2, paid_on, received_on, heads,
                       factor % (heads, STANDARD))

    # 2025-02 and 2025-08. Heads: Jiangsu 3 + Yancheng 3 + Binhai 22 + Funing 10; Beijing 3 + Pinggu 12 + Xicheng 18.
    down, kept = [], []
    down.append(instalment("100000", "320000", 38, "2025-02-17", "2025-02-18"))
    instalment("100000", "110000", 33, "2025-02-17", "2025-02-18")
    down.append(instalment("320000", "320900", 35, "2025-03-03", "2025-03-04"))
    late = instalment("110000", "110102", 18, "2025-03-11", "2025-04-08")
    instalment("110000", "110117", 12, "2025-03-11", "2025-03-13")
    kept += [instalment("320900", "320922", 22, "2025-03-14", "2025-03-17")[0],
             instalment("320900", "320923", 10, "2025-03-14", "2025-03-18")[0]]
    case("FC-01", "look-alike", "110102", "100000", list(late), "拨款后第19个工作日到账，在20个工作日之内。",
         "Credited on the nineteenth working day, within the twenty.")

    # The pilot programme.
    to_jiangsu = pass_on("100000", "320000", PILOT, 400000, "2025-03-20", "2025-03-21")
    to_beijing = pass_on("100000", "110000", PILOT, 260000, "2025-03-20", "2025-03-21")
    to_yancheng = pass_on("320000", "320900", PILOT, 300000, "2025-04-08", "2025-04-09")
    on = [pass_on("320900", "320922", PILOT, 90000, "2025-04-22", "2025-04-23")[0],
          pass_on("320900", "320923", PILOT, 60000, "2025-04-22", "2025-04-23")[0]]
    spring = [pass_on("110000", "110117", PILOT, 50000, "2025-04-10", "2025-04-11"),
              pass_on("110000", "110102", PILOT, 30000, "2025-04-10", "2025-04-11")]
    summer = pass_on("110000", "110102", PILOT, 50000, "2025-07-04", "2025-07-08")
    case("FC-16", "planted", "110102", "100000", [spring[1][1]] + early,
         "2025年5月20日累计支出36000元，当时到账仅30000元，无配套；7月8日才再到账50000元。",
         "36,000 yuan spent by 20 May 2025 with 30,000 received and no matching money; 50,000 more came on 8 July.")

    instalment("100000", "320000", 38, "2025-08-11", "2025-08-12")
    instalment("100000", "110000", 33, "2025-08-11", "2025-08-12")
    third = instalment("320000", "320900", 35, "2025-08-25", "2025-08-26")
    instalment("110000", "110117", 12, "2025-08-28", "2025-08-29")
    instalment("110000", "110102", 18, "2025-08-28", "2025-08-29")
    a = allocate("320900", "320922", PAY_PROGRAMME, 22 * STANDARD // 2, "2025-09-04", 22, factor % (22, STANDARD))
    credits = [receive("320922", PAY_PROGRAMME, part, day, a["bank_serial"], "盐城市总工会", a["key"])
               for part, day in ((118000, "2025-09-05"), (80000, "2025-09-09"))]
    kept += [a["key"], instalment("320900", "320923", 10, "2025-09-04", "2025-09-05")[0]]
    case("FC-01", "look-alike", "320922", "100000", [a["key"]] + credits, "一笔拨款分两次到账，流水号相同，合计相等。",
         "One allocation credited in two parts under one bank serial; the parts add up.")
    case("FC-04", "look-alike", "320900", "100000", [down[1][1], third[1], pay_budget] + kept,
         "人员补助未下拨的54000元为本级3名专职指导员份额，在批准的本级预算之内。",
         "The 54,000 yuan kept is for the city's own three mediators and lies within its approved budget.")

    stray = receive("110117", PILOT, 20000, "2025-08-14", "YS202508147731", "付款单位不详")
    case("FC-02", "planted", "110117", "100000", [stray], "到账20000元，流水号、金额和日期都对不上任何拨款。",
         "20,000 yuan received that no allocation matches by serial, amount or date.")

    lost = allocate("320900", "320923", PILOT, 45000, "2025-09-10")
    on.append(lost["key"])
    case("FC-01", "planted", "320923", "100000", [lost["key"]], "拨款45000元，20个工作日后仍无到账记录。",
         "45,000 yuan allocated; no receipt after twenty working days.")
    case("FC-04", "planted", "320900", "100000", [to_yancheng[1], yancheng_budget] + on + used,
         "到账300000元，转拨195000元，本级批准预算40000元（已用25000元），其余未转拨。",
         "300,000 received, 195,000 passed on, 40,000 in its approved budget (25,000 spent): the rest stayed.")
    case("FC-04", "look-alike", "320000", "100000", [to_jiangsu[1], to_yancheng[0], jiangsu_budget],
         "留用100000元，全部列入批准的本级预算。", "The 100,000 yuan kept is all in the province's approved budget.")

    bounced = allocate("110000", "110117", PILOT, 30000, "2025-10-13")
    back = call_back("110000", bounced, "2025-10-15", "收款账号有误，银行退回")
    again = pass_on("110000", "110117", PILOT, 30000, "2025-10-20", "2025-10-21")
    case("FC-01", "look-alike", "110117", "100000", [bounced["key"], back["key"], again[0], again[1]],
         "银行退回后冲销，重拨并到账；被冲销的拨款无需到账。",
         "Returned by the bank, reversed and paid again; the reversed one needs no receipt.")
    case("FC-04", "look-alike", "110000", "100000",
         [to_beijing[1], spring[0][0], spring[1][0], summer[0], again[0], beijing_budget],
         "年末未下拨的100000元在批准的本级预算之内，其中25000元为次年3月清算预留。",
         "The 100,000 yuan kept at year end lies within the approved budget; 25,000 of it is passed on next March.")

    # Settlements of March 2026: still within the twenty working days on the demo's day, 2026-03-31.
    settled = allocate("110000", "110102", PILOT, 15000, "2026-03-10")
    serial = settled["bank_serial"]
    assert serial.endswith("0001")
    mistyped = receive("110102", PILOT, 15000, "2026-03-12", serial[:-4] + "0010", "北京市总工会")
    waiting = allocate("110000", "110117", PILOT, 10000, "2026-03-18")
    case("FC-02", "look-alike", "110102", "100000", [mistyped, settled["key"]], "流水号末位录错，金额相同、日期相近，可对上拨款。",
         "The bank serial is mistyped; amount and date match the allocation.")
    case("FC-01", "look-alike", "110117", "100000", [waiting["key"]], "2026年3月18日拨出，到3月31日未满20个工作日。",
         "Paid on 18 March 2026; twenty working days are not over on 31 March.")
