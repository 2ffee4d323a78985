-- id: FC-02
-- version: 7
-- words_since: 3
-- title_zh: 到账无对应拨款
-- title_en: Received without an allocation
-- clause_zh: 《工会会计制度》第二十二条：“指定用途的资金按规定的用途专款专用，并单独反映”；总工发〔2019〕19号 七（四）：“聘用专职集体协商指导员的专项经费必须做到专款专用”
-- clause_en: Union Accounting System, art. 22: money with a designated use is used for it alone and shown apart; General Union Doc. 19 (2019), 7(4): the special fund must be used for its purpose alone
-- severity: yellow
-- family: C
-- levels: nation, province, city
-- parameter: days = 30 less : 按金额匹配时日期可相差的天数 | days that dates may differ when matched by amount
-- result: received money : 到账净额（元） | received, net (yuan)
-- result: received_on day : 到账日期 | received on
-- result: granted money? : 所对应拨款的金额（元） | granted by the allocation (yuan)
-- variant: unnamed
-- variant: unknown
-- variant: more
-- role: received : 到账 | what was received
-- role: claimed : 所注明或流水号相同的拨款 | allocation that is named or has the serial
-- message unnamed zh: {subject}于{received_on}记录专项经费到账{received}元，未注明对应拨款，流水号和前后{days}天内的金额也都对不上任何拨款。
-- message unnamed en: {subject} booked {received} yuan of special fund received on {received_on}, naming no allocation; no allocation has its bank serial, nor its amount within {days} days.
-- message unknown zh: {subject}于{received_on}记录专项经费到账{received}元，所注明的拨款在此查无记录，流水号和前后{days}天内的金额也都对不上任何拨款。
-- message unknown en: {subject} booked {received} yuan of special fund received on {received_on}, naming an allocation that is not known here; no allocation has its bank serial, nor its amount within {days} days.
-- message more zh: {subject}于{received_on}记录专项经费到账{received}元，多于所注明（或流水号相同）的拨款中尚未到账的金额[（拨款共{granted}元）]，前后{days}天内也没有金额相同的其他拨款。
-- message more en: {subject} booked {received} yuan of special fund received on {received_on}, more than is left of the allocation that it names or whose bank serial it has[ ({granted} yuan in all)]; no other allocation has its amount within {days} days.
-- innocent_zh: 上级工会尚未使用本系统；拨款记录补录较晚；其他来源的款项记入了本项目；启用前的结转未用科目321于1月1日录入
-- innocent_en: the paying union does not use the system yet; the allocation is entered late; money from elsewhere booked to this programme; what was carried over from before is not entered under subject 321 on 1 January

-- The union directly above the receiver reports: allocations from every level above come down through it.
-- CROSS JOIN keeps the order as written; a + keeps SQLite off an index that would narrow nothing.

-- with
-- Receipts of the unions directly below, net of their reversals. Matching and treasury money has no allocation, nor has
-- the money of a programme the receiver itself publishes, nor what was carried over from before its books here began:
-- subject 321, on 1 January, with nothing of that fund before it.
receipt AS MATERIALIZED (
    SELECT f.record, f.owner, f.received_on, f.bank_serial, f.allocation, f.amount + coalesce(sum(r.amount), 0) AS amount,
           g.value AS days
    FROM child u
    CROSS JOIN fund_receipt f
    JOIN setting g ON g.name = 'days' AND f.received_on BETWEEN g.since AND g.until
    LEFT JOIN fund_receipt r ON r.reverses = f.record AND +r.owner = f.owner
    LEFT JOIN published p ON p.record = f.programme
    WHERE f.owner = u.code AND f.reverses IS NULL
      AND coalesce(p.source, 0) NOT IN (5, 6) AND coalesce(p.owner, 0) <> f.owner
      AND NOT (f.subject LIKE '321%' AND f.received_on = year_end(year_of(f.received_on) - 1) + 1
               AND NOT EXISTS (SELECT 1
                               FROM fund_receipt e
                               JOIN lineage a ON a.record = e.programme
                               JOIN lineage b ON b.publisher = a.publisher AND b.code = a.code
                               WHERE e.owner = f.owner AND b.record = f.programme AND e.received_on < f.received_on))
    GROUP BY f.record, f.owner, f.received_on, f.bank_serial, f.allocation, f.amount, g.value
    HAVING f.amount + coalesce(sum(r.amount), 0) > 0
),
-- Everything any level granted to those unions. One that was taken back still explains the receipt that names it:
-- that the money should go back is the matter of FC-01. Those with one bank serial are one transfer; what was reversed before
-- another was written with that serial was granted anew, and is counted once.
granted AS MATERIALIZED (
    SELECT record, to_union, paid_on, bank_serial, amount,
           CASE WHEN bank_serial IS NULL THEN record
                ELSE first_value(record) OVER (PARTITION BY to_union, bank_serial ORDER BY record) END AS transfer,
           CASE WHEN bank_serial IS NULL THEN gave
                ELSE sum(stood) OVER (PARTITION BY to_union, bank_serial) END AS granted
    FROM (SELECT record, to_union, paid_on, bank_serial, gave, gave + coalesce(sum(back), 0) AS amount,
                 gave + coalesce(sum(CASE WHEN reversal < newest THEN back END), 0) AS stood
          FROM (SELECT a.record, a.to_union, a.paid_on, a.bank_serial, a.amount AS gave, r.record AS reversal,
                       r.amount AS back,
                       first_value(a.record) OVER (PARTITION BY a.to_union, a.bank_serial ORDER BY a.record DESC) AS newest
                FROM child u
                JOIN allocation a ON a.to_union = u.code
                LEFT JOIN allocation r ON r.reverses = a.record AND +r.owner = a.owner
                WHERE a.reverses IS NULL) a
          GROUP BY record, to_union, paid_on, bank_serial, gave) a
),
-- First, what names its allocation (or its reversal) or carries its bank serial. Of one that it fits; and what is named goes
-- before the serial.
claim AS (
    SELECT f.*, n.record AS named, n.transfer AS named_transfer, n.granted AS named_granted,
           s.record AS same, s.granted AS same_granted,
           CASE WHEN n.record IS NULL OR (f.amount > n.granted AND f.amount <= s.granted) THEN 1 ELSE 0 END AS by_serial
    FROM receipt f
    LEFT JOIN allocation a ON a.record = f.allocation
    LEFT JOIN granted n ON n.record = coalesce(a.reverses, a.record) AND n.to_union = f.owner
    LEFT JOIN granted s ON s.bank_serial = f.bank_serial AND s.to_union = f.owner AND s.record = s.transfer
),
claimed AS (
    SELECT record, owner, received_on, allocation, amount, days, same, same_granted,
           CASE WHEN by_serial = 1 THEN same ELSE named END AS claimed,
           CASE WHEN by_serial = 1 THEN same ELSE named_transfer END AS transfer,
           CASE WHEN by_serial = 1 THEN same_granted ELSE named_granted END AS granted,
           row_number() OVER (PARTITION BY owner, record
                              ORDER BY CASE WHEN amount <= named_granted THEN 0 WHEN named IS NULL THEN 2 ELSE 1 END,
                                       named_granted, named) AS n
    FROM claim
),
-- It explains as much as was granted by it: first a receipt of just that amount, then what has no serial of another, then in the
-- order of receipts. What is larger than what is left takes nothing from those after it. Every recursion begins with a row of
-- nothing, of the right types.
turn AS MATERIALIZED (
    SELECT record, owner, received_on, allocation, amount, days, claimed, transfer, granted, same, same_granted,
           row_number() OVER (PARTITION BY owner
                              ORDER BY transfer, CASE WHEN amount = granted THEN 0 ELSE 1 END,
                                       CASE WHEN same <> transfer THEN 1 ELSE 0 END, received_on, record) AS turn
    FROM claimed
    WHERE n = 1
),
take(owner, turn, record, received_on, allocation, amount, days, claimed, transfer, granted, same, same_granted, used,
     fits) AS (
    SELECT u.code, count(f.record), f.record, f.received_on, f.allocation, sum(f.amount), min(g.value), f.allocation,
           f.allocation, sum(f.amount), f.allocation, sum(f.amount), sum(f.amount), 0
    FROM child u
    CROSS JOIN setting g
    LEFT JOIN fund_receipt f ON f.record IS NULL
    GROUP BY u.code, f.record, f.received_on, f.allocation
    UNION ALL
    SELECT c.owner, c.turn, c.record, c.received_on, c.allocation, c.amount, c.days, c.claimed, c.transfer, c.granted,
           c.same, c.same_granted,
           CASE WHEN c.transfer = t.transfer THEN t.used ELSE 0 END
           + CASE WHEN c.amount + CASE WHEN c.transfer = t.transfer THEN t.used ELSE 0 END <= c.granted THEN c.amount
                  ELSE 0 END,
           CASE WHEN c.amount + CASE WHEN c.transfer = t.transfer THEN t.used ELSE 0 END <= c.granted THEN 1 ELSE 0 END
    FROM take t
    JOIN turn c ON c.owner = t.owner AND c.turn = t.turn + 1
),
-- What names an allocation that others have used up is tried by its serial as well (way 2), against what these left there:
-- a row more, behind those that have their place.
tried AS MATERIALIZED (
    SELECT t.*, w.way, CASE w.way WHEN 1 THEN t.transfer ELSE t.same END AS tried,
           CASE w.way WHEN 1 THEN t.granted ELSE t.same_granted END AS most,
           sum(CASE WHEN w.way = 1 AND t.fits = 1 THEN t.amount END)
               OVER (PARTITION BY t.owner, CASE w.way WHEN 1 THEN t.transfer ELSE t.same END) AS used_up
    FROM take t
    CROSS JOIN (SELECT 1 AS way UNION ALL SELECT 2) w
    WHERE t.record IS NOT NULL AND (w.way = 1 OR (t.fits = 0 AND t.same <> t.transfer))
),
next_turn AS MATERIALIZED (
    SELECT t.owner, t.record, t.received_on, t.allocation, t.amount, t.days, t.claimed, t.granted, t.way, t.tried, t.most,
           CASE WHEN t.way = 1 THEN t.fits END AS fitted,
           row_number() OVER (PARTITION BY t.owner
                              ORDER BY t.tried, t.way, CASE WHEN t.amount = t.most - coalesce(t.used_up, 0) THEN 0 ELSE 1 END,
                                       t.received_on, t.record) AS turn
    FROM tried t
),
retake(owner, turn, record, received_on, allocation, amount, days, claimed, granted, way, tried, used, fits) AS (
    SELECT u.code, count(f.record), f.record, f.received_on, f.allocation, sum(f.amount), min(g.value), f.allocation,
           sum(f.amount), 1, f.allocation, sum(f.amount), 0
    FROM child u
    CROSS JOIN setting g
    LEFT JOIN fund_receipt f ON f.record IS NULL
    GROUP BY u.code, f.record, f.received_on, f.allocation
    UNION ALL
    SELECT c.owner, c.turn, c.record, c.received_on, c.allocation, c.amount, c.days, c.claimed, c.granted, c.way, c.tried,
           CASE WHEN c.tried = t.tried THEN t.used ELSE 0 END
           + CASE WHEN c.fitted = 1
                      OR (c.way = 2 AND c.amount + CASE WHEN c.tried = t.tried THEN t.used ELSE 0 END <= c.most)
                  THEN c.amount ELSE 0 END,
           CASE WHEN c.fitted = 1
                     OR (c.way = 2 AND c.amount + CASE WHEN c.tried = t.tried THEN t.used ELSE 0 END <= c.most)
                THEN 1 ELSE 0 END
    FROM retake t
    JOIN next_turn c ON c.owner = t.owner AND c.turn = t.turn + 1
),
explained AS MATERIALIZED (
    SELECT r.*, max(r.fits) OVER (PARTITION BY r.owner, r.record) AS by_any
    FROM retake r
    WHERE r.record IS NOT NULL
),
-- Then, the rest by amount and date, an allocation for one receipt only: receipts in the order of the last day that may
-- answer them, allocations in that of theirs.
loose AS MATERIALIZED (
    SELECT owner, amount, record, received_on, allocation, claimed, granted, received_on AS day, days,
           row_number() OVER (PARTITION BY owner ORDER BY amount, received_on + days, received_on, record) AS n
    FROM explained
    WHERE by_any = 0 AND way = 1
),
free AS MATERIALIZED (
    SELECT to_union, amount, record, paid_on AS day,
           row_number() OVER (PARTITION BY to_union ORDER BY amount, paid_on, record) AS n
    FROM granted g
    WHERE amount > 0
      AND NOT EXISTS (SELECT 1 FROM explained e WHERE e.owner = g.to_union AND e.tried = g.transfer AND e.fits = 1)
),
-- Both queues are walked together: whichever is too small, or too early, to meet the head of the other steps aside. A step that
-- leaves a receipt without an allocation names it in `lone`; `aside` is the day of an allocation that was too early.
walk(owner, amount, i, j, lone, aside) AS (
    SELECT u.code, sum(f.amount), 1, 1, f.record, f.received_on
    FROM child u
    LEFT JOIN fund_receipt f ON f.record IS NULL
    GROUP BY u.code, f.record, f.received_on
    UNION ALL
    SELECT w.owner, l.amount,
           w.i + CASE WHEN f.amount < l.amount OR (f.amount = l.amount AND f.day < l.day - l.days) THEN 0 ELSE 1 END,
           w.j + CASE WHEN f.amount < l.amount OR (f.amount = l.amount AND f.day <= l.day + l.days) THEN 1 ELSE 0 END,
           CASE WHEN f.amount <= l.amount AND (f.amount < l.amount OR f.day <= l.day + l.days) THEN NULL ELSE l.record END,
           CASE WHEN f.amount = l.amount AND f.day < l.day - l.days THEN f.day END
    FROM walk w
    JOIN loose l ON l.owner = w.owner AND l.n = w.i
    LEFT JOIN free f ON f.to_union = w.owner AND f.n = w.j
),
step AS MATERIALIZED (
    SELECT owner, amount, lone, aside FROM walk
),
-- Where the number of days changed, an allocation that was too early for one receipt may be near enough to another: it
-- speaks for that one too.
verdict AS MATERIALIZED (
    SELECT f.*
    FROM step w JOIN loose f ON f.record = w.lone AND f.owner = w.owner
    WHERE f.received_on + f.days < :today
      AND NOT ((SELECT count(DISTINCT value) FROM setting WHERE name = 'days') > 1
               AND EXISTS (SELECT 1 FROM step a
                           WHERE a.owner = f.owner AND a.amount = f.amount
                             AND a.aside BETWEEN f.received_on - f.days AND f.received_on + f.days))
)

-- cases
SELECT record AS key1, owner AS subject, received_on + days AS judge_by,
       CASE WHEN claimed IS NOT NULL THEN 'more' WHEN allocation IS NULL THEN 'unnamed' ELSE 'unknown' END AS variant,
       amount AS received, received_on, granted, days
FROM verdict
ORDER BY record

-- records
SELECT v.record AS key1, v.owner AS subject, r.role,
       CASE r.role WHEN 'received' THEN 'fund_receipt' ELSE 'allocation' END AS kind,
       CASE r.role WHEN 'received' THEN v.record ELSE v.claimed END AS record
FROM verdict v
CROSS JOIN (SELECT 'received' AS role UNION ALL SELECT 'claimed') r
WHERE r.role = 'received' OR v.claimed IS NOT NULL
ORDER BY key1, role
