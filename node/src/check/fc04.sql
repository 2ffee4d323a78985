-- id: FC-04
-- version: 4
-- words_since: 3
-- title_zh: 专项经费滞留（疑似截留）
-- title_en: Kept on the way down
-- clause_zh: 总工发〔2019〕19号 七（四）：“对不按规定列支专项经费的，全国总工会将缓拨或减拨下一年度该项经费；挪用该专项经费……的，全国总工会将停拨该专项经费”；《工会法》第四十七条
-- clause_en: General Union Doc. 19 (2019), 7(4): where the fund is not spent by the rules, next year's is delayed or cut; where it is misappropriated, it is stopped; Trade Union Law, art. 47
-- severity: orange
-- family: A
-- levels: nation, province
-- parameter: grace = 0 less : 年末后的宽限（天） | days allowed after the end of the year
-- parameter: slack = 1 less : 本级配套用后的零星余额（占收到额的百分比），在此之内不计 | what is left of its own matching money, in percent of what it received, that counts for nothing
-- result: received money : 收到（元） | received (yuan)
-- result: passed money : 已转拨下级（元） | passed down (yuan)
-- result: own_use money : 预算列明的本级使用（元） | own use in the budget (yuan)
-- result: matched money : 本级配套（元） | own matching money (yuan)
-- result: spent money : 本级实际支出（元） | spent by itself (yuan)
-- result: kept money : 期末未转拨（元） | kept at the end of the year (yuan)
-- result: year number : 年度 | year
-- result: judged_on day : 截至 | as of
-- result: fund text? : 项目 | programme
-- variant: parked
-- variant: spent
-- role: received : 到账 | received
-- role: budget : 本级使用预算 | budget of own use
-- role: matched : 本级配套 | own matching money
-- role: passed : 转拨下级 | passed down
-- role: spent : 本级支出 | spent by itself
-- message parked zh: {subject}{year}年收到[“{fund}”]资金{received}元，转拨下级{passed}元，预算列明的本级使用{own_use}元（其中先用本级配套{matched}元），至{judged_on}有{kept}元既未转拨也无批准用途。
-- message parked en: {subject} received {received} yuan[ of “{fund}”] in {year}, passed {passed} yuan down, and has a budget of {own_use} yuan for its own use (of which its own matching money, {matched} yuan, comes first); by {judged_on} {kept} yuan was neither passed on nor approved.
-- message spent zh: {subject}{year}年收到[“{fund}”]资金{received}元，转拨下级{passed}元，预算列明的本级使用{own_use}元（其中先用本级配套{matched}元），至{judged_on}有{kept}元既未转拨也无批准用途；本级实际支出{spent}元，超出预算。
-- message spent en: {subject} received {received} yuan[ of “{fund}”] in {year}, passed {passed} yuan down, and has a budget of {own_use} yuan for its own use (of which its own matching money, {matched} yuan, comes first); by {judged_on} {kept} yuan was neither passed on nor approved, and it spent {spent} yuan itself, more than the budget.
-- innocent_zh: 本级使用预算未录入或未经上级批准；年末刚到账；留有经批准的预备
-- innocent_en: a budget that is not entered, or that nobody above approved; money that came in the last days; an approved reserve

-- The union above the one that holds the money reports. A county has nobody in this tree to pass money to.
-- A budget is the union's own word; nobody above has approved it. So it counts for the purposes that the national rule
-- names, never for "other" (11), and its own matching money pays for it first. Matching money is given in round sums: a little that is
-- left over (`slack`) is its own.
-- CROSS JOIN keeps the order as written: first the few unions, then their records.

-- with
middle AS MATERIALIZED (
    SELECT u.code FROM child u
    WHERE EXISTS (SELECT 1 FROM region c WHERE c.parent = u.code AND c.code < 1000000)
),
-- Money in and out of each middle union in each year, up to the end of that year. A reversal counts on the day of what it
-- puts right, or a slip corrected in January would read as money kept in December. Money may be booked to the year after it
-- came, and to none later, or a year that never ends would keep it out of sight.
flow(what, kind, record, owner, programme, year, day, counted_on, amount) AS MATERIALIZED (
    SELECT 'received', 'fund_receipt', x.record, x.owner, x.programme,
           least(coalesce(o.year, x.year), year_of(coalesce(o.received_on, x.received_on)) + 1),
           x.received_on, coalesce(o.received_on, x.received_on), x.amount
    FROM middle m
    CROSS JOIN fund_receipt x
    LEFT JOIN fund_receipt o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.owner = m.code
    UNION ALL
    SELECT 'matched', 'matching', x.record, x.owner, x.programme, coalesce(o.year, x.year),
           x.booked_on, coalesce(o.booked_on, x.booked_on), x.amount
    FROM middle m
    CROSS JOIN matching x
    LEFT JOIN matching o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.owner = m.code
    UNION ALL
    SELECT 'passed', 'allocation', x.record, x.owner, x.programme, coalesce(o.year, x.year),
           x.paid_on, coalesce(o.paid_on, x.paid_on), x.amount
    FROM middle m
    CROSS JOIN allocation x
    LEFT JOIN allocation o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.owner = m.code AND x.to_union <> x.owner
      AND x.to_union IN (SELECT t.below FROM tree t WHERE t.above = m.code AND x.paid_on BETWEEN t.since AND t.until)
    UNION ALL
    SELECT 'spent', 'expenditure', x.record, x.owner, x.programme, coalesce(o.year, x.year),
           x.paid_on, coalesce(o.paid_on, x.paid_on), x.amount
    FROM middle m
    CROSS JOIN expenditure x
    LEFT JOIN expenditure o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.owner = m.code
),
-- Money of a programme the union itself publishes is its own to give or keep.
counted AS MATERIALIZED (
    SELECT f.what, f.kind, f.record, f.owner, f.year, f.day, f.amount, coalesce(l.fund, f.programme) AS fund,
           year_end(f.year) + g.value AS judged_on, g.value AS grace
    FROM flow f
    JOIN setting g ON g.name = 'grace' AND year_end(f.year) BETWEEN g.since AND g.until
    LEFT JOIN lineage l ON l.record = f.programme
    WHERE f.counted_on <= year_end(f.year) + g.value AND coalesce(l.publisher, 0) <> f.owner
),
-- The budget in force at the end of the year: approved by then, and not replaced by another approved by then.
approved AS MATERIALIZED (
    SELECT b.record, b.owner, coalesce(l.fund, b.programme) AS fund, b.year, b.approved_on, b.replaces
    FROM middle m
    CROSS JOIN budget b
    JOIN setting g ON g.name = 'grace' AND year_end(b.year) BETWEEN g.since AND g.until
    LEFT JOIN lineage l ON l.record = b.programme
    WHERE b.owner = m.code AND b.approved_on <= year_end(b.year) + g.value
),
in_force AS (
    SELECT a.record, a.owner, a.fund, a.year, a.approved_on,
           row_number() OVER (PARTITION BY a.owner, a.fund, a.year ORDER BY a.approved_on DESC, a.record DESC) AS n
    FROM approved a
    WHERE NOT EXISTS (SELECT 1 FROM approved r WHERE r.replaces = a.record AND r.owner = a.owner)
),
own_use AS MATERIALIZED (
    SELECT b.record, b.owner, b.fund, b.year, b.approved_on, coalesce(sum(i.amount), 0) AS amount
    FROM in_force b LEFT JOIN budget_lines i ON i.record = b.record AND i.owner = b.owner AND i.category <> 11
    WHERE b.n = 1
    GROUP BY b.record, b.owner, b.fund, b.year, b.approved_on
),
account AS (
    SELECT owner, fund, year, judged_on, grace,
           sum(CASE WHEN what = 'received' THEN amount ELSE 0 END) AS received,
           sum(CASE WHEN what = 'matched' THEN amount ELSE 0 END) AS matched,
           sum(CASE WHEN what = 'passed' THEN amount ELSE 0 END) AS passed,
           sum(CASE WHEN what = 'spent' THEN amount ELSE 0 END) AS spent
    FROM counted
    GROUP BY owner, fund, year, judged_on, grace
),
balance AS (
    SELECT a.*, coalesce(u.amount, 0) AS own_use,
           a.received - a.passed - greatest(coalesce(u.amount, 0) - a.matched, 0) AS kept, g.value AS slack
    FROM account a
    JOIN setting g ON g.name = 'slack' AND year_end(a.year) BETWEEN g.since AND g.until
    LEFT JOIN own_use u ON u.owner = a.owner AND u.fund = a.fund AND u.year = a.year
),
verdict AS MATERIALIZED (
    SELECT b.*, CASE WHEN b.spent > b.own_use THEN 'spent' ELSE 'parked' END AS variant
    FROM balance b
    WHERE (b.received - b.passed - b.own_use > 0 OR b.kept * 100 > b.received * b.slack) AND b.judged_on < :today
)

-- cases
SELECT v.fund AS key1, v.year AS key2, v.owner AS subject, v.judged_on AS judge_by, v.variant, v.received, v.passed,
       v.own_use, v.matched, v.spent, v.kept, v.year, v.judged_on, g.name AS fund, v.grace, v.slack
FROM verdict v LEFT JOIN published g ON g.record = v.fund
ORDER BY v.owner, v.fund, v.year

-- records
-- The waterfall: what came, what the budget says, what went down; what was spent only where that is the matter.
SELECT v.fund AS key1, v.year AS key2, v.owner AS subject,
       CASE c.what WHEN 'received' THEN 1 WHEN 'matched' THEN 3 WHEN 'passed' THEN 4 ELSE 5 END AS place, c.day,
       c.what AS role, c.kind, c.record
FROM verdict v JOIN counted c ON c.owner = v.owner AND c.fund = v.fund AND c.year = v.year
WHERE c.what <> 'spent' OR v.variant = 'spent'
UNION ALL
SELECT v.fund, v.year, v.owner, 2, u.approved_on, 'budget', 'budget', u.record
FROM verdict v JOIN own_use u ON u.owner = v.owner AND u.fund = v.fund AND u.year = v.year
ORDER BY 3, 1, 2, 4, 5, 8
