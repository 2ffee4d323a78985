-- id: FC-16
-- version: 2
-- title_zh: 专项经费超支
-- title_en: The fund is overspent
-- clause_zh: 《工会会计制度》第二十二条：“指定用途的资金按规定的用途专款专用，并单独反映”；总工发〔2019〕19号 七（四）：“专项经费必须做到专款专用”
-- clause_en: Union Accounting System, art. 22: money with a designated use is used for it alone and shown apart; General Union Doc. 19 (2019), 7(4): the special fund must be used for its purpose alone
-- severity: orange
-- family: A
-- levels: nation, province, city, county
-- result: first_day day : 首次透支日 | first day below zero
-- result: first_balance money : 当日余额（元） | balance that day (yuan)
-- result: lowest_day day : 最低余额日 | day of the lowest balance
-- result: lowest money : 最低余额（元） | lowest balance (yuan)
-- result: money_in money : 截至首次透支日累计收入（元） | all money in by the first day (yuan)
-- result: money_out money : 截至首次透支日累计支出及下拨（元） | all money out by the first day (yuan)
-- innocent_zh: 以本级资金垫付；到账或配套资金尚未录入；年初结转未录入
-- innocent_en: advanced from the union's own money; a receipt or matching money not entered yet; an opening balance not entered

-- The union directly above the spending one reports; a union with none below it reads its own, as advice to itself.
-- The balance runs through all years of a fund, so that what was carried over counts.
-- CROSS JOIN keeps the order as written: first the few unions, then their records.
WITH RECURSIVE
spender AS MATERIALIZED (
    SELECT u.code FROM region u
    WHERE u.parent = :self OR (u.code = :self AND NOT EXISTS (SELECT 1 FROM region c WHERE c.parent = :self AND c.code < 1000000))
),
-- A programme is of one year; the fund is what its publisher calls by one code, through replacements and years.
lineage AS MATERIALIZED (
    SELECT p.record, p.owner AS publisher, p.code, p.record AS root
    FROM programme p LEFT JOIN programme o ON o.record = p.replaces AND o.owner = p.owner
    WHERE o.record IS NULL
    UNION
    SELECT p.record, p.owner, l.code, l.root
    FROM lineage l JOIN programme p ON p.replaces = l.record AND p.owner = l.publisher
),
-- In: receipts and matching money. Out: spending, and what was passed down. A reversal counts on the day of what it
-- puts right.
flow AS (
    SELECT x.owner, x.programme, coalesce(o.received_on, x.received_on) AS day, x.amount AS money_in, 0 AS money_out
    FROM spender s
    CROSS JOIN fund_receipt x ON x.owner = s.code
    LEFT JOIN fund_receipt o ON o.record = x.reverses AND o.owner = x.owner
    UNION ALL
    SELECT x.owner, x.programme, coalesce(o.booked_on, x.booked_on), x.amount, 0
    FROM spender s
    CROSS JOIN matching x ON x.owner = s.code
    LEFT JOIN matching o ON o.record = x.reverses AND o.owner = x.owner
    UNION ALL
    SELECT x.owner, x.programme, coalesce(o.paid_on, x.paid_on), 0, x.amount
    FROM spender s
    CROSS JOIN expenditure x ON x.owner = s.code
    LEFT JOIN expenditure o ON o.record = x.reverses AND o.owner = x.owner
    UNION ALL
    SELECT x.owner, x.programme, coalesce(o.paid_on, x.paid_on), 0, x.amount
    FROM spender s
    CROSS JOIN allocation x ON x.owner = s.code
    LEFT JOIN allocation o ON o.record = x.reverses AND o.owner = x.owner
),
-- A union that publishes the fund pays from its own purse and books no receipt.
day AS (
    SELECT f.owner, coalesce(l.publisher || '/' || l.code, hex(f.programme)) AS fund, f.day,
           sum(f.money_in) AS money_in, sum(f.money_out) AS money_out
    FROM flow f LEFT JOIN lineage l ON l.record = f.programme
    WHERE f.day <= :today AND coalesce(l.publisher, 0) <> f.owner
    GROUP BY f.owner, fund, f.day
),
running AS MATERIALIZED (
    SELECT owner, fund, day, year_of(day) AS year,
           sum(money_in) OVER sofar AS money_in, sum(money_out) OVER sofar AS money_out,
           sum(money_in - money_out) OVER sofar AS balance
    FROM day
    WINDOW sofar AS (PARTITION BY owner, fund ORDER BY day)
),
-- One case for each year in which the balance sinks below zero; a debt that only lasts into the next is no new one.
sunk AS (
    SELECT *, balance < 0 AND lag(balance, 1, 0) OVER (PARTITION BY owner, fund ORDER BY day) >= 0 AS sinks FROM running
),
verdict AS MATERIALIZED (
    SELECT owner, fund, year, min(iif(sinks, day, NULL)) AS first_day, min(balance) AS lowest
    FROM sunk
    GROUP BY owner, fund, year
    HAVING max(sinks)
),
-- All the money that came in by that day, and the payments of the day itself.
evidence AS (
    SELECT v.owner, v.fund, v.year, 1 AS place, x.received_on AS day, 'fund_receipt' AS kind, x.record,
           '到账' || yuan(x.amount) || '元，' || day_text(x.received_on) AS zh,
           'received ' || yuan(x.amount) || ' yuan, ' || day_text(x.received_on) AS en
    FROM verdict v
    CROSS JOIN fund_receipt x ON x.owner = v.owner
    LEFT JOIN lineage l ON l.record = x.programme
    WHERE x.received_on <= v.first_day AND coalesce(l.publisher || '/' || l.code, hex(x.programme)) = v.fund
    UNION ALL
    SELECT v.owner, v.fund, v.year, 2, x.booked_on, 'matching', x.record,
           '配套资金' || yuan(x.amount) || '元，' || day_text(x.booked_on),
           'matching money ' || yuan(x.amount) || ' yuan, ' || day_text(x.booked_on)
    FROM verdict v
    CROSS JOIN matching x ON x.owner = v.owner
    LEFT JOIN lineage l ON l.record = x.programme
    WHERE x.booked_on <= v.first_day AND coalesce(l.publisher || '/' || l.code, hex(x.programme)) = v.fund
    UNION ALL
    SELECT v.owner, v.fund, v.year, 3, x.paid_on, 'expenditure', x.record,
           '支出' || yuan(x.amount) || '元，凭证' || x.voucher_no || '，' || day_text(x.paid_on),
           'spent ' || yuan(x.amount) || ' yuan, voucher ' || x.voucher_no || ', ' || day_text(x.paid_on)
    FROM verdict v
    CROSS JOIN expenditure x ON x.owner = v.owner
    LEFT JOIN lineage l ON l.record = x.programme
    WHERE x.paid_on = v.first_day AND coalesce(l.publisher || '/' || l.code, hex(x.programme)) = v.fund
    UNION ALL
    SELECT v.owner, v.fund, v.year, 4, x.paid_on, 'allocation', x.record,
           '拨给下级' || yuan(x.amount) || '元，拨款' || x.no || '，' || day_text(x.paid_on),
           'passed down ' || yuan(x.amount) || ' yuan, allocation ' || x.no || ', ' || day_text(x.paid_on)
    FROM verdict v
    CROSS JOIN allocation x ON x.owner = v.owner
    LEFT JOIN lineage l ON l.record = x.programme
    WHERE x.paid_on = v.first_day AND coalesce(l.publisher || '/' || l.code, hex(x.programme)) = v.fund
),
proof AS (
    SELECT owner, fund, year,
           json_group_array(json_object('kind', kind, 'record', lower(hex(record)), 'zh', zh, 'en', en)
                            ORDER BY place, day, record) AS evidence
    FROM evidence
    GROUP BY owner, fund, year
),
-- What the fund is called, by the latest of its programmes.
title AS (
    SELECT l.publisher || '/' || l.code AS fund, g.name, max(g.year * 2 + (g.replaces IS NOT NULL))
    FROM lineage l JOIN programme g ON g.record = l.record
    GROUP BY 1
)
SELECT v.owner AS subject,
       v.fund || '/' || v.year AS case_key,
       NULL AS severity,
       NULL AS family,
       v.first_day AS judge_by,
       json_array(v.owner) AS involved,
       coalesce(p.evidence, '[]') AS evidence,
       json_object('first_day', f.day, 'first_balance', f.balance, 'lowest_day', d.day, 'lowest', v.lowest,
                   'money_in', f.money_in, 'money_out', f.money_out) AS results,
       union_name(v.owner) || '的“' || coalesce(t.name, '未知项目') || '”资金' || day_text(f.day) || '首次透支，当日余额'
           || yuan(f.balance) || '元（累计收入' || yuan(f.money_in) || '元，累计支出及下拨' || yuan(f.money_out) || '元）；'
           || v.year || '年内最低余额' || yuan(v.lowest) || '元（' || day_text(d.day) || '）。' AS zh,
       'The fund "' || coalesce(t.name, 'unknown programme') || '" of ' || union_name(v.owner) || ' first went below zero on '
           || day_text(f.day) || ', to ' || yuan(f.balance) || ' yuan (in ' || yuan(f.money_in) || ', out '
           || yuan(f.money_out) || '); its lowest in ' || v.year || ' was ' || yuan(v.lowest) || ' yuan on '
           || day_text(d.day) || '.' AS en
FROM verdict v
JOIN running f ON f.owner = v.owner AND f.fund = v.fund AND f.day = v.first_day
JOIN running d ON d.owner = v.owner AND d.fund = v.fund
    AND d.day = (SELECT min(e.day) FROM running e
                 WHERE e.owner = v.owner AND e.fund = v.fund AND e.year = v.year AND e.balance = v.lowest)
LEFT JOIN proof p ON p.owner = v.owner AND p.fund = v.fund AND p.year = v.year
LEFT JOIN title t ON t.fund = v.fund
ORDER BY v.owner, v.fund, v.year;
