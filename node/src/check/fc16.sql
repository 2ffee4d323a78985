-- id: FC-16
-- version: 4
-- words_since: 3
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
-- result: year number : 年度 | year
-- result: fund text? : 项目 | programme
-- role: received : 到账 | received
-- role: matched : 配套资金 | matching money
-- role: spent : 支出 | spent
-- role: passed : 拨给下级 | passed down
-- message zh: {subject}的[“{fund}”]资金{first_day}首次透支，当日余额{first_balance}元（累计收入{money_in}元，累计支出及下拨{money_out}元）；{year}年内最低余额{lowest}元（{lowest_day}）。
-- message en: The fund[ “{fund}”] of {subject} first went below zero on {first_day}, to {first_balance} yuan (in {money_in}, out {money_out}); its lowest in {year} was {lowest} yuan on {lowest_day}.
-- innocent_zh: 以本级资金垫付；到账或配套资金尚未录入；启用前的结转未用科目321于1月1日录入
-- innocent_en: advanced from the union's own money; a receipt or matching money not entered yet; what was carried over from before is not entered under subject 321 on 1 January

-- The union directly above the spending one reports; a union with none below it reads its own, as advice to itself.
-- The balance runs through all years of a fund, so that what was carried over counts; what was carried over from before
-- the books here began is a receipt of 1 January.
-- CROSS JOIN keeps the order as written: first the few unions, then their records.

-- with
-- When each of them was granted money under which bank serial. A day that is still to come is a slip of the payer's.
sent AS MATERIALIZED (
    SELECT to_union, bank_serial, min(paid_on) AS paid_on
    FROM allocation
    WHERE bank_serial IS NOT NULL AND reverses IS NULL AND paid_on <= :today
    GROUP BY to_union, bank_serial
),
-- In: receipts and matching money. Out: spending, and what was passed down. A reversal counts on the day of what it
-- puts right. Money cannot have arrived before it was paid, whatever the receipt says; but a payer's day that is still to
-- come proves nothing against whoever received it.
flow(role, kind, record, owner, programme, day, said_on, money_in, money_out) AS MATERIALIZED (
    SELECT 'received', 'fund_receipt', x.record, x.owner, x.programme,
           greatest(coalesce(o.received_on, x.received_on), CASE WHEN a.paid_on <= :today THEN a.paid_on END,
                    CASE WHEN a.record IS NULL THEN s.paid_on END), x.received_on, x.amount, 0
    FROM answered_for u
    CROSS JOIN fund_receipt x
    LEFT JOIN fund_receipt o ON o.record = x.reverses AND o.owner = x.owner
    LEFT JOIN allocation a ON a.record = coalesce(o.allocation, x.allocation) AND a.reverses IS NULL AND a.to_union = x.owner
    LEFT JOIN sent s ON s.to_union = x.owner AND s.bank_serial = coalesce(o.bank_serial, x.bank_serial)
    WHERE x.owner = u.code
    UNION ALL
    SELECT 'matched', 'matching', x.record, x.owner, x.programme, coalesce(o.booked_on, x.booked_on), x.booked_on, x.amount, 0
    FROM answered_for u
    CROSS JOIN matching x
    LEFT JOIN matching o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.owner = u.code
    UNION ALL
    SELECT 'spent', 'expenditure', x.record, x.owner, x.programme, coalesce(o.paid_on, x.paid_on), x.paid_on, 0, x.amount
    FROM answered_for u
    CROSS JOIN expenditure x
    LEFT JOIN expenditure o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.owner = u.code
    UNION ALL
    SELECT 'passed', 'allocation', x.record, x.owner, x.programme, coalesce(o.paid_on, x.paid_on), x.paid_on, 0, x.amount
    FROM answered_for u
    CROSS JOIN allocation x
    LEFT JOIN allocation o ON o.record = x.reverses AND o.owner = x.owner
    WHERE x.owner = u.code
),
-- A programme is of one year; the fund is what its publisher calls by one code, through replacements and years. A union
-- that publishes the fund pays from its own purse and books no receipt.
booked AS MATERIALIZED (
    SELECT f.*, l.publisher, l.code, CASE WHEN l.record IS NULL THEN f.programme END AS strange
    FROM flow f LEFT JOIN lineage l ON l.record = f.programme
    WHERE f.day <= :today AND coalesce(l.publisher, 0) <> f.owner
),
day AS (
    SELECT owner, publisher, code, strange, day, sum(money_in) AS money_in, sum(money_out) AS money_out
    FROM booked
    GROUP BY owner, publisher, code, strange, day
),
running AS MATERIALIZED (
    SELECT owner, publisher, code, strange, day, year_of(day) AS year,
           sum(money_in) OVER sofar AS money_in, sum(money_out) OVER sofar AS money_out,
           sum(money_in - money_out) OVER sofar AS balance
    FROM day
    WINDOW sofar AS (PARTITION BY owner, publisher, code, strange ORDER BY day)
),
-- One case for each year in which the balance sinks below zero; a debt that only lasts into the next is no new one.
sunk AS (
    SELECT r.*, CASE WHEN balance < 0 AND lag(balance, 1, 0) OVER (
               PARTITION BY owner, publisher, code, strange ORDER BY day) >= 0 THEN 1 ELSE 0 END AS sinks
    FROM running r
),
verdict AS MATERIALIZED (
    SELECT owner, publisher, code, strange, year, min(CASE WHEN sinks = 1 THEN day END) AS first_day, min(balance) AS lowest
    FROM sunk
    GROUP BY owner, publisher, code, strange, year
    HAVING max(sinks) = 1
)

-- cases
SELECT v.publisher AS key1, v.code AS key2, v.strange AS key3, v.year AS key4, v.owner AS subject, v.first_day AS judge_by,
       v.first_day, f.balance AS first_balance,
       (SELECT min(r.day) FROM running r
        WHERE r.owner = v.owner AND r.publisher IS NOT DISTINCT FROM v.publisher AND r.code IS NOT DISTINCT FROM v.code
          AND r.strange IS NOT DISTINCT FROM v.strange AND r.year = v.year AND r.balance = v.lowest) AS lowest_day,
       v.lowest, f.money_in, f.money_out, v.year,
       (SELECT g.name FROM lineage l JOIN published g ON g.record = l.record
        WHERE l.publisher = v.publisher AND l.code = v.code
        ORDER BY g.year DESC, g.record DESC LIMIT 1) AS fund
FROM verdict v
JOIN running f ON f.owner = v.owner AND f.publisher IS NOT DISTINCT FROM v.publisher AND f.code IS NOT DISTINCT FROM v.code
    AND f.strange IS NOT DISTINCT FROM v.strange AND f.day = v.first_day
ORDER BY v.owner, v.publisher, v.code, v.strange, v.year

-- records
-- All the money that came in by that day, and the payments of the day itself.
SELECT v.publisher AS key1, v.code AS key2, v.strange AS key3, v.year AS key4, v.owner AS subject,
       CASE b.role WHEN 'received' THEN 1 WHEN 'matched' THEN 2 WHEN 'spent' THEN 3 ELSE 4 END AS place, b.said_on AS day,
       b.role, b.kind, b.record
FROM verdict v
JOIN booked b ON b.owner = v.owner AND b.publisher IS NOT DISTINCT FROM v.publisher AND b.code IS NOT DISTINCT FROM v.code
    AND b.strange IS NOT DISTINCT FROM v.strange
WHERE (b.role IN ('received', 'matched') AND b.day <= v.first_day) OR b.day = v.first_day
ORDER BY 5, 1, 2, 3, 4, 6, 7, b.record
