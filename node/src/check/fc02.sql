-- id: FC-02
-- version: 2
-- title_zh: 到账无对应拨款
-- title_en: Received without an allocation
-- clause_zh: 《工会会计制度》第二十二条：“指定用途的资金按规定的用途专款专用，并单独反映”；总工发〔2019〕19号 七（四）：“聘用专职集体协商指导员的专项经费必须做到专款专用”
-- clause_en: Union Accounting System, art. 22: money with a designated use is used for it alone and shown apart; General Union Doc. 19 (2019), 7(4): the special fund must be used for its purpose alone
-- severity: yellow
-- family: C
-- levels: nation, province, city
-- parameter: days = 30 : 按金额匹配时日期可相差的天数 | days that dates may differ when matched by amount
-- result: received money : 到账净额（元） | received, net (yuan)
-- result: received_on day : 到账日期 | received on
-- innocent_zh: 上级工会尚未使用本系统；拨款记录补录较晚；其他来源的款项记入了本项目
-- innocent_en: the paying union does not use the system yet; the allocation is entered late; money from elsewhere booked to this programme

-- The union directly above the receiver reports: allocations from every level above come down through it.
-- CROSS JOIN keeps the order as written; a + keeps SQLite off an index that would narrow nothing.
WITH RECURSIVE
-- Receipts of the unions directly below, net of their reversals. Matching and treasury money has no allocation, nor
-- has the money of a programme the receiver itself publishes.
receipt AS MATERIALIZED (
    SELECT f.record, f.owner, f.received_on, f.bank_serial, f.allocation, f.remitter,
           f.amount + coalesce(sum(r.amount), 0) AS amount
    FROM region u
    CROSS JOIN fund_receipt f ON f.owner = u.code
    LEFT JOIN fund_receipt r ON r.reverses = f.record AND +r.owner = f.owner
    LEFT JOIN programme p ON p.record = f.programme
    WHERE u.parent = :self AND +f.reverses IS NULL
      AND coalesce(p.source, 0) NOT IN (5, 6) AND coalesce(p.owner, 0) <> f.owner
    GROUP BY f.record
    HAVING f.amount + coalesce(sum(r.amount), 0) > 0
),
-- Everything any level granted to those unions. One that was taken back still explains the receipt that names it:
-- that the money should go back is the matter of FC-01.
granted AS MATERIALIZED (
    SELECT a.record, a.to_union, a.paid_on, a.bank_serial, a.amount + coalesce(sum(r.amount), 0) AS amount
    FROM allocation a
    JOIN region u ON u.code = a.to_union AND u.parent = :self
    LEFT JOIN allocation r ON r.reverses = a.record AND +r.owner = a.owner
    WHERE +a.reverses IS NULL
    GROUP BY a.record
),
-- First, what names its allocation (or its reversal) or carries its bank serial.
explained AS MATERIALIZED (
    SELECT f.record, g.record AS allocation
    FROM receipt f
    JOIN allocation a ON a.record = f.allocation
    JOIN granted g ON g.record = coalesce(a.reverses, a.record) AND g.to_union = f.owner
    UNION
    SELECT f.record, g.record
    FROM receipt f JOIN granted g ON g.bank_serial = f.bank_serial AND g.to_union = f.owner
),
-- Then, the rest by amount and date, in order of time, an allocation for one receipt only.
loose AS MATERIALIZED (
    SELECT owner, amount, record, received_on AS day,
           row_number() OVER (PARTITION BY owner, amount ORDER BY received_on, record) AS n
    FROM receipt
    WHERE record NOT IN (SELECT record FROM explained)
),
free AS MATERIALIZED (
    SELECT to_union, amount, record, paid_on AS day,
           row_number() OVER (PARTITION BY to_union, amount ORDER BY paid_on, record) AS n
    FROM granted
    WHERE amount > 0 AND record NOT IN (SELECT allocation FROM explained)
),
-- Both queues are walked together: whichever is too early to meet the head of the other steps aside. A step that
-- leaves a receipt without an allocation names it in `alone`.
walk(owner, amount, i, j, alone) AS (
    SELECT DISTINCT owner, amount, 1, 1, NULL FROM loose
    UNION ALL
    SELECT w.owner, w.amount,
           w.i + (f.day IS NULL OR f.day >= l.day - :days),
           w.j + (f.day IS NOT NULL AND f.day <= l.day + :days),
           iif(f.day IS NULL OR f.day > l.day + :days, l.record, NULL)
    FROM walk w
    JOIN loose l ON l.owner = w.owner AND l.amount = w.amount AND l.n = w.i
    LEFT JOIN free f ON f.to_union = w.owner AND f.amount = w.amount AND f.n = w.j
)
SELECT f.owner AS subject,
       hex(f.record) AS case_key,
       NULL AS severity,
       NULL AS family,
       f.received_on + :days AS judge_by,
       json_array(f.owner) AS involved,
       json_array(json_object(
           'kind', 'fund_receipt', 'record', lower(hex(f.record)),
           'zh', day_text(f.received_on) || '到账' || yuan(f.amount) || '元，流水号' || coalesce(f.bank_serial, '未填')
               || '，付款单位' || coalesce(f.remitter, '未填'),
           'en', yuan(f.amount) || ' yuan received ' || day_text(f.received_on) || ', bank serial '
               || coalesce(f.bank_serial, 'not given') || ', from ' || coalesce(f.remitter, 'not given'))) AS evidence,
       json_object('received', f.amount, 'received_on', f.received_on) AS results,
       union_name(f.owner) || '于' || day_text(f.received_on) || '记录专项经费到账' || yuan(f.amount) || '元，'
           || CASE WHEN f.allocation IS NULL THEN '未注明对应拨款，' ELSE '所注明的拨款在此查无记录，' END
           || '流水号和前后' || :days || '天内的金额也都对不上任何拨款。' AS zh,
       union_name(f.owner) || ' booked ' || yuan(f.amount) || ' yuan of special fund received on '
           || day_text(f.received_on) || CASE WHEN f.allocation IS NULL THEN ', naming no allocation'
               ELSE ', naming an allocation that is not known here' END
           || '; no allocation has its bank serial, nor its amount within ' || :days || ' days.' AS en
FROM walk w JOIN receipt f ON f.record = w.alone
WHERE f.received_on + :days < :today
ORDER BY f.record;
