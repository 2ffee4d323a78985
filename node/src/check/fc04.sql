-- id: FC-04
-- version: 2
-- title_zh: 专项经费滞留（疑似截留）
-- title_en: Kept on the way down
-- clause_zh: 总工发〔2019〕19号 七（四）：“对不按规定列支专项经费的，全国总工会将缓拨或减拨下一年度该项经费；挪用该专项经费……的，全国总工会将停拨该专项经费”；《工会法》第四十七条
-- clause_en: General Union Doc. 19 (2019), 7(4): where the fund is not spent by the rules, next year's is delayed or cut; where it is misappropriated, it is stopped; Trade Union Law, art. 47
-- severity: orange
-- family: A
-- levels: nation, province
-- parameter: grace = 0 : 年末后的宽限（天） | days allowed after the end of the year
-- result: received money : 收到（元） | received (yuan)
-- result: passed money : 已转拨下级（元） | passed down (yuan)
-- result: own_use money : 批准本级使用（元） | approved for own use (yuan)
-- result: spent money : 本级实际支出（元） | spent by itself (yuan)
-- result: kept money : 期末未转拨（元） | kept at the end of the year (yuan)
-- innocent_zh: 本级使用预算批复未录入；年末刚到账；留有经批准的预备
-- innocent_en: an approved budget not entered; money that came in the last days; an approved reserve

-- The union above the one that holds the money reports. A county has nobody in this tree to pass money to.
-- CROSS JOIN keeps the order as written: first the few unions, then their records.
WITH RECURSIVE
middle AS MATERIALIZED (
    SELECT u.code FROM region u
    WHERE u.parent = :self AND EXISTS (SELECT 1 FROM region c WHERE c.parent = u.code AND c.code < 1000000)
),
-- A programme that was replaced goes on under its first record.
lineage AS MATERIALIZED (
    SELECT p.record, p.record AS fund, p.owner AS publisher, p.replaces
    FROM programme p LEFT JOIN programme o ON o.record = p.replaces AND o.owner = p.owner
    WHERE o.record IS NULL
    UNION
    SELECT p.record, l.fund, p.owner, p.replaces
    FROM lineage l JOIN programme p ON p.replaces = l.record AND p.owner = l.publisher
),
-- Money in and out of each middle union in each fund and year, up to the end of that year. A reversal counts on the
-- day of what it puts right, or a slip corrected in January would read as money kept in December.
flow AS MATERIALIZED (
    SELECT 'received' AS what, 'fund_receipt' AS kind, x.record, x.owner, x.programme, coalesce(o.year, x.year) AS year,
           x.received_on AS day, coalesce(o.received_on, x.received_on) AS counted_on, x.amount
    FROM middle m
    CROSS JOIN fund_receipt x ON x.owner = m.code
    LEFT JOIN fund_receipt o ON o.record = x.reverses AND o.owner = x.owner
    UNION ALL
    SELECT 'passed', 'allocation', x.record, x.owner, x.programme, coalesce(o.year, x.year),
           x.paid_on, coalesce(o.paid_on, x.paid_on), x.amount
    FROM middle m
    CROSS JOIN allocation x ON x.owner = m.code
    LEFT JOIN allocation o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.to_union <> x.owner AND x.to_union IN (SELECT code FROM below WHERE above = m.code)
    UNION ALL
    SELECT 'spent', 'expenditure', x.record, x.owner, x.programme, coalesce(o.year, x.year),
           x.paid_on, coalesce(o.paid_on, x.paid_on), x.amount
    FROM middle m
    CROSS JOIN expenditure x ON x.owner = m.code
    LEFT JOIN expenditure o ON o.record = x.reverses AND o.owner = x.owner
),
-- Money of a programme the union itself publishes is its own to give or keep.
counted AS MATERIALIZED (
    SELECT f.*, coalesce(l.fund, f.programme) AS fund
    FROM flow f LEFT JOIN lineage l ON l.record = f.programme
    WHERE f.counted_on <= year_end(f.year) + :grace AND coalesce(l.publisher, 0) <> f.owner
),
-- The budget in force at the end of the year: approved by then, and not replaced by another approved by then.
approved AS MATERIALIZED (
    SELECT b.record, b.owner, coalesce(l.fund, b.programme) AS fund, b.year, b.approved_on, b.replaces
    FROM middle m
    CROSS JOIN budget b ON b.owner = m.code
    LEFT JOIN lineage l ON l.record = b.programme
    WHERE b.approved_on <= year_end(b.year) + :grace
),
in_force AS (
    SELECT a.record, a.owner, a.fund, a.year, a.approved_on,
           row_number() OVER (PARTITION BY a.owner, a.fund, a.year ORDER BY a.approved_on DESC, a.record DESC) AS n
    FROM approved a
    WHERE NOT EXISTS (SELECT 1 FROM approved r WHERE r.replaces = a.record AND r.owner = a.owner)
),
own_use AS MATERIALIZED (
    SELECT b.record, b.owner, b.fund, b.year, b.approved_on, coalesce(sum(i.amount), 0) AS amount
    FROM in_force b LEFT JOIN budget_lines i ON i.record = b.record AND i.owner = b.owner
    WHERE b.n = 1
    GROUP BY b.record
),
account AS (
    SELECT owner, fund, year,
           sum(iif(what = 'received', amount, 0)) AS received,
           sum(iif(what = 'passed', amount, 0)) AS passed,
           sum(iif(what = 'spent', amount, 0)) AS spent
    FROM counted
    GROUP BY owner, fund, year
),
verdict AS MATERIALIZED (
    SELECT a.*, coalesce(u.amount, 0) AS own_use, a.received - a.passed - coalesce(u.amount, 0) AS kept,
           a.spent > coalesce(u.amount, 0) AS elsewhere, year_end(a.year) + :grace AS judged_on
    FROM account a LEFT JOIN own_use u ON u.owner = a.owner AND u.fund = a.fund AND u.year = a.year
    WHERE a.received - a.passed - coalesce(u.amount, 0) > 0 AND year_end(a.year) + :grace < :today
),
-- The waterfall: what came, what was approved, what went down; what was spent only where that is the matter.
evidence AS (
    SELECT c.owner, c.fund, c.year, CASE c.what WHEN 'received' THEN 1 WHEN 'passed' THEN 3 ELSE 4 END AS place,
           c.day, c.kind, c.record,
           CASE c.what WHEN 'received' THEN '到账' WHEN 'passed' THEN '转拨下级' ELSE '本级支出' END
               || yuan(c.amount) || '元，' || day_text(c.day) AS zh,
           CASE c.what WHEN 'received' THEN 'received ' WHEN 'passed' THEN 'passed down ' ELSE 'spent ' END
               || yuan(c.amount) || ' yuan, ' || day_text(c.day) AS en
    FROM verdict v JOIN counted c ON c.owner = v.owner AND c.fund = v.fund AND c.year = v.year
    WHERE c.what <> 'spent' OR v.elsewhere
    UNION ALL
    SELECT u.owner, u.fund, u.year, 2, u.approved_on, 'budget', u.record,
           '批准本级使用' || yuan(u.amount) || '元，' || day_text(u.approved_on),
           'approved for own use ' || yuan(u.amount) || ' yuan, ' || day_text(u.approved_on)
    FROM verdict v JOIN own_use u ON u.owner = v.owner AND u.fund = v.fund AND u.year = v.year
),
proof AS (
    SELECT owner, fund, year,
           json_group_array(json_object('kind', kind, 'record', lower(hex(record)), 'zh', zh, 'en', en)
                            ORDER BY place, day, record) AS evidence
    FROM evidence
    GROUP BY owner, fund, year
)
SELECT v.owner AS subject,
       hex(v.fund) || '/' || v.year AS case_key,
       iif(v.elsewhere, 'red', 'orange') AS severity,
       iif(v.elsewhere, 'B1', 'A') AS family,
       v.judged_on AS judge_by,
       json_array(v.owner) AS involved,
       p.evidence AS evidence,
       json_object('received', v.received, 'passed', v.passed, 'own_use', v.own_use, 'spent', v.spent,
                   'kept', v.kept) AS results,
       union_name(v.owner) || v.year || '年收到“' || coalesce(g.name, '未知项目') || '”资金' || yuan(v.received)
           || '元，转拨下级' || yuan(v.passed) || '元，批准本级使用' || yuan(v.own_use) || '元，至' || day_text(v.judged_on)
           || '有' || yuan(v.kept) || '元既未转拨也无批准用途'
           || iif(v.elsewhere, '；本级实际支出' || yuan(v.spent) || '元，超出批准数', '') || '。' AS zh,
       union_name(v.owner) || ' received ' || yuan(v.received) || ' yuan of "' || coalesce(g.name, 'unknown programme')
           || '" in ' || v.year || ', passed ' || yuan(v.passed) || ' yuan down and was approved to use '
           || yuan(v.own_use) || ' yuan itself; by ' || day_text(v.judged_on) || ' ' || yuan(v.kept)
           || ' yuan was neither passed on nor approved'
           || iif(v.elsewhere, ', and it spent ' || yuan(v.spent) || ' yuan itself, more than approved', '') || '.' AS en
FROM verdict v
JOIN proof p ON p.owner = v.owner AND p.fund = v.fund AND p.year = v.year
LEFT JOIN programme g ON g.record = v.fund
ORDER BY v.owner, v.fund, v.year;
