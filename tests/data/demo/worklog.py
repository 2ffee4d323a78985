"""The words of the work log: what was done, in which enterprise, about what, with what outcome.

A line is put together from phrases, so that no two months read alike. It names an enterprise and never a person.
"""

from ident import between, draw, pick

# Topic as the record kind labels it, as people say it, and whether it is settled in figures.
TOPICS = [
    ("工资水平及调整", "年度工资增幅", True), ("最低工资", "最低工资保底", True), ("计件单价与定额", "计件单价", True),
    ("加班", "加班费基数", True), ("奖金", "年终奖办法", True), ("津贴补贴", "高温津贴", True),
    ("津贴补贴", "夜班补贴", True), ("薪酬激励", "技能等级工资", True), ("工时休假", "轮休安排", False),
    ("工时休假", "年休假兑现", False), ("劳动安全卫生", "车间通风降温", False), ("劳动安全卫生", "防护用品发放", False),
    ("保险福利", "社保足额缴纳", False), ("保险福利", "通勤班车", False), ("女职工保护", "孕期哺乳期保护", False),
    ("职业培训", "取证学费报销", False), ("岗位稳定", "订单淡季留岗", False), ("技术创新", "合理化建议奖励", False),
]
FIGURES = ["分歧由{a}%缩到{b}%", "职工方提{a}%，企业先应{b}%", "按{b}%达成一致", "企业愿分两步调{a}%", "双方同意先试行三个月",
           "以同行均值为参照，定在{b}%", "企业摆出成本账，{b}%可谈", "{a}%未谈拢，改谈一次性补助"]
MATTERS = ["企业当场答应整改", "双方约定月底前落实", "写进专项合同附件", "先在一个车间试行", "企业要求再算一次成本", "职工代表补了三条意见",
           "交企业工会跟进", "列入下次协商", "双方签了会议纪要"]
NEXT = ["下周再议", "已起草补充条款", "留存会议记录", "请职代会审议", "十日内书面答复", "由企业工会公示", "待签字盖章", "半月后回访"]
FOLLOW = ["限十日补齐", "下月复查", "交企业工会跟进", "已发提醒函"]

FIELD = {
    "征集议题": ["{e}：班前会征集议题{k}条，{t}呼声最高。", "在{e}发{s}份问卷，归并议题{k}条，首条是{t}。",
             "{e}{w}座谈，职工围绕{t}提了{k}条。", "到{e}{w}听意见，整理{t}等议题{k}条交企业工会。"],
    "指导要约": ["指导{e}工会就{t}发出要约书，{n}。", "帮{e}工会改要约书，{t}一条补上依据。", "{e}：要约拖了{k}周，同工会主席商定就{t}重发。"],
    "政策宣讲": ["在{e}{w}讲{t}有关规定，{s}人听，答问{k}个。", "{e}食堂设点宣讲，{t}问得最多。", "{e}{w}班组课：{t}怎么谈，发资料{s}份。"],
    "走访调研": ["走访{e}{w}，{t}执行平稳，{n}。", "到{e}看{w}，近期订单{o}，{t}有{k}条诉求。", "{e}：与企业工会核对{t}台账，缺{k}项，{f}。",
             "回访{e}，{t}新办法已执行{k}个月，职工{m}。", "{e}用工{s}人，订单{o}，摸清{t}底数。"],
    "数据采集": ["采集{e}人工成本和{t}数据{s}条，{n}。", "{e}：取近{k}季工资总额，为谈{t}备料。"],
    "合同履行检查": ["查{e}专项合同，{t}条款兑现{h}%。", "{e}：抽查{w}{s}份工资条，{t}相符。", "对照合同查{e}，{t}有{k}处未到位，{f}。"],
    "督促整改": ["{e}：{t}问题{k}处，限期半月改。", "复查{e}{w}，{t}上月所列{k}处已改。"],
    "化解争议": ["{e}{w}{k}名职工因{t}有争议，当面说开，{n}。", "{e}：{t}纠纷调和，补发差额，涉{k}人。"],
    "现场指导协商": [],
}
DESK = {
    "撰写报告": ["写{t}协商案例一篇，报{u}。", "整理{e}{t}案例，突出{w}做法。", "{q}季度小结：{t}谈成{k}家，难点在成本测算。"],
    "参加培训": ["参加{u}{q}季度培训，学{t}协商要点。", "{u}网课：{t}法规更新，测验{h}分。"],
    "模拟协商与案例研讨": ["组内模拟{t}协商，轮换双方角色，点评{k}条。", "研讨{e}{t}案例，归纳{k}条经验。"],
    "起草审核方案文本": ["审{e}{t}草案，改{k}处，{n}。", "为{e}起草{t}协商方案初稿。"],
    "授课": ["给企业工会主席讲{t}协商，{s}人。", "{u}培训班授课：{t}算账方法。"],
}
SHOPS = ["一车间", "二车间", "包装线", "装配组", "后勤组", "夜班组", "质检组", "仓储组", "新员工班", "机修组"]
DUTY = {
    "政策宣讲": "宣传指导", "指导要约": "宣传指导", "起草审核方案文本": "宣传指导", "征集议题": "宣传指导", "授课": "参与培训",
    "模拟协商与案例研讨": "参与培训", "参加培训": "参与培训", "现场指导协商": "参加协商", "化解争议": "参加协商",
    "走访调研": "调查研究", "数据采集": "调查研究", "撰写报告": "调查研究", "合同履行检查": "监督检查", "督促整改": "监督检查",
}


def words(subtype, enterprise, union, month, key):
    """The summary, and the topic's label."""
    label, topic, figures = pick(TOPICS, key, "topic")
    high = between(5, 12, key, "a")
    slot = dict(
        e=enterprise, t=topic, u=union, w=pick(SHOPS, key, "w"), k=between(2, 6, key, "k"), s=between(12, 60, key, "s"),
        h=between(84, 99, key, "h"), a=high, b=high - between(1, 4, key, "b"), n=pick(NEXT, key, "n"),
        f=pick(FOLLOW, key, "f"),
        o=pick(["饱满", "平稳", "偏少", "回升"], key, "o"), m=pick(["认可", "基本满意", "还有两点意见"], key, "m"),
        q="一二三四"[(month - 1) // 3])
    if subtype == "现场指导协商":
        outcome = pick(FIGURES if figures else MATTERS, key, "outcome")
        opening = pick(["{e}：{t}谈第{r}轮，", "{e}{t}协商，", "到{e}指导谈{t}，", "{e}{w}代表谈{t}，"], key, "opening")
        text = (opening + outcome + "，{n}。").format(r="一二三四"[draw(4, key, "r")], **slot)
    else:
        text = pick((FIELD if subtype in FIELD else DESK)[subtype], key, "text").format(**slot)
    return text, label


def place(text, subtype, union):
    """Where it was done, when that was not in an enterprise."""
    if "网课" in text:
        return "线上"
    return union + ("总工会培训教室" if subtype in ("参加培训", "授课") else "总工会办公室")


def line(subtype, mediator, day, union, key, enterprise=None, short=""):
    """One row of work_entry. `short`: how people call the enterprise."""
    text, label = words(subtype, short or "辖区企业", union, int(day[5:7]), key)
    row = {
        "key": key, "mediator": "@" + mediator, "duty": DUTY[subtype], "subtype": subtype, "done_on": day,
        "minutes": 15 * between(3, 12, key, "minutes"), "enterprise": "@" + enterprise if enterprise else "",
        "place": "" if enterprise else place(text, subtype, union),
        "summary": text,
    }
    if subtype == "现场指导协商":
        row.update(guided=1, participants=between(6, 24, key, "people"), topics=label,
                   mandate=pick(["上级工会指派", "企业工会委托"], key, "mandate"))
        other = pick(TOPICS, key, "second")[0]
        if draw(3, key, "two") == 0 and other != label:
            row["topics"] = label + "、" + other
    elif subtype == "征集议题":
        row.update(topics_collected=between(2, 6, key, "k"), topics=label)
    elif subtype == "化解争议":
        row.update(workers_helped=between(2, 6, key, "k"), mandate="企业工会委托", topics=label)
    elif subtype == "撰写报告":
        row["cases"] = 1
    elif subtype in ("政策宣讲", "授课"):
        row["participants"] = between(12, 60, key, "s")
    return row
