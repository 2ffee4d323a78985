-- id: FC-01
-- version: 4
-- words_since: 3
-- title_zh: 拨付与到账不符
-- title_en: Paid and received differ
-- clause_zh: 《工会会计制度》第二十二条：“指定用途的资金按规定的用途专款专用，并单独反映”；总工发〔2019〕19号 七（四）：“聘用专职集体协商指导员的专项经费必须做到专款专用”
-- clause_en: Union Accounting System, art. 22: money with a designated use is used for it alone and shown apart; General Union Doc. 19 (2019), 7(4): the special fund must be used for its purpose alone
-- severity: orange
-- family: A
-- levels: nation, province, city
-- parameter: grace = 20 less : 付款后的宽限（工作日） | working days allowed after payment
-- result: paid money : 拨付净额（元） | paid, net (yuan)
-- result: received money : 到账净额（元） | received, net (yuan)
-- result: difference money : 差额（元） | difference (yuan)
-- result: due day : 最迟到账日期 | due
-- result: paid_on day : 付款日期 | paid on
-- result: arrived_on day? : 最后到账日期 | last received on
-- result: allocation_no text : 拨款编号（首笔） | allocation no. (the first)
-- result: allocations number : 拨款笔数 | allocations
-- result: no_calendar number? : 未发布节假日安排的年度 | year whose days off are not published
-- variant: absent
-- variant: differs
-- variant: programme
-- variant: late yellow N
-- role: paid : 拨款 | what was paid
-- role: received : 到账 | what was received
-- message absent zh: 拨给{subject}的款项（拨款编号{allocation_no}，{paid_on}付款）净额{paid}元，没有对应的到账记录；最迟应于{due}到账[（{no_calendar}年节假日安排未发布，仅扣除周末）]。
-- message absent en: Payment to {subject} (allocation {allocation_no}, paid {paid_on}) was {paid} yuan net; no receipt answers it. It was due by {due}[ (the days off of {no_calendar} are not published: weekends alone are taken out)].
-- message differs zh: 拨给{subject}的款项（拨款编号{allocation_no}，{paid_on}付款）净额{paid}元，到账净额{received}元，差额{difference}元；最迟应于{due}到账[（{no_calendar}年节假日安排未发布，仅扣除周末）]。
-- message differs en: Payment to {subject} (allocation {allocation_no}, paid {paid_on}) was {paid} yuan net; {received} yuan is booked as received, a difference of {difference} yuan. It was due by {due}[ (the days off of {no_calendar} are not published: weekends alone are taken out)].
-- message programme zh: 拨给{subject}的款项（拨款编号{allocation_no}，{paid_on}付款）净额{paid}元已到账，但到账记在了另一个项目。
-- message programme en: Payment to {subject} (allocation {allocation_no}, paid {paid_on}) of {paid} yuan has arrived, and is booked to another programme.
-- message late zh: 拨给{subject}的款项（拨款编号{allocation_no}，{paid_on}付款）净额{paid}元已全部到账，但最后一笔[于{arrived_on}到账，]晚于最迟日期{due}[（{no_calendar}年节假日安排未发布，仅扣除周末）]。
-- message late en: Payment to {subject} (allocation {allocation_no}, paid {paid_on}) of {paid} yuan has arrived, the last of it[ on {arrived_on},] later than {due}, when it was due[ (the days off of {no_calendar} are not published: weekends alone are taken out)].
-- innocent_zh: 银行在途；县级离线；一笔拨款分次到账；扣除手续费；到账未注明对应拨款
-- innocent_en: money on its way; a county without a line; one payment credited in parts; a bank fee; a receipt that names no allocation

-- The paying union asks: of what I paid, did the same sum arrive, in time, for the same programme? It holds both sides, so
-- it alone reports. CROSS JOIN keeps the order as written; a + keeps SQLite off an index that would narrow nothing.

-- with
payee AS MATERIALIZED (
    SELECT DISTINCT a.to_union AS code
    FROM allocation a JOIN branch b ON b.code = a.to_union
    WHERE a.owner = :self AND a.to_union <> :self
),
-- What anybody granted to them, net of the payer's own reversals. A reversal restarts the wait: the other side has to
-- follow it.
granted AS MATERIALIZED (
    SELECT a.record, a.owner, a.to_union, a.no, a.bank_serial, a.paid_on,
           a.amount + coalesce(sum(r.amount), 0) AS amount,
           greatest(a.paid_on, max(r.paid_on)) AS settled_on, a.programme
    FROM payee p
    JOIN allocation a ON a.to_union = p.code
    LEFT JOIN allocation r ON r.reverses = a.record AND +r.owner = a.owner
    WHERE a.reverses IS NULL
    GROUP BY a.record, a.owner, a.to_union, a.no, a.bank_serial, a.paid_on, a.amount, a.programme
),
-- Allocations that left in one bank transfer arrive as one sum and are judged together, under the first of them.
part AS MATERIALIZED (
    SELECT g.*, first_value(g.record) OVER (
               PARTITION BY g.owner, g.to_union, g.bank_serial, CASE WHEN g.bank_serial IS NULL THEN g.record END
               ORDER BY g.record) AS payment
    FROM granted g
),
payment AS MATERIALIZED (
    SELECT payment, owner, to_union, bank_serial, sum(amount) AS amount, max(settled_on) AS settled_on,
           min(paid_on) AS paid_on, count(*) AS allocations
    FROM part
    GROUP BY payment, owner, to_union, bank_serial
),
-- What the receiving unions booked, net of their own reversals.
booked AS MATERIALIZED (
    SELECT f.record, f.owner, f.allocation, f.bank_serial, f.received_on, f.programme,
           f.amount + coalesce(sum(r.amount), 0) AS amount
    FROM payee p
    CROSS JOIN fund_receipt f
    LEFT JOIN fund_receipt r ON r.reverses = f.record AND +r.owner = f.owner
    WHERE f.owner = p.code AND f.reverses IS NULL
    GROUP BY f.record, f.owner, f.allocation, f.bank_serial, f.received_on, f.amount, f.programme
),
-- A receipt answers the allocation that it names, or the reversal of which it names.
named(record, payment, to_union) AS (
    SELECT record, payment, to_union FROM part
    UNION ALL
    SELECT r.record, p.payment, p.to_union
    FROM part p JOIN allocation r ON r.reverses = p.record AND +r.owner = p.owner
),
-- One that names none answers a payment with its bank serial. Two banks may give the same: then equal sums are paired
-- first, in order.
serial AS MATERIALIZED (
    SELECT payment, to_union, bank_serial, amount,
           row_number() OVER (PARTITION BY to_union, bank_serial, amount ORDER BY payment) AS n
    FROM payment
    WHERE bank_serial IS NOT NULL
),
loose AS MATERIALIZED (
    SELECT record, owner, bank_serial, amount,
           row_number() OVER (PARTITION BY owner, bank_serial, amount ORDER BY record) AS n
    FROM booked
    WHERE allocation IS NULL AND bank_serial IS NOT NULL
),
exact AS MATERIALIZED (
    SELECT s.payment, l.record, l.owner
    FROM serial s JOIN loose l ON l.owner = s.to_union AND l.bank_serial = s.bank_serial AND l.amount = s.amount AND l.n = s.n
),
-- The rest goes to payments of that serial which have no pair; where all have, to the first.
left_over AS MATERIALIZED (
    SELECT s.payment, s.to_union, s.bank_serial,
           row_number() OVER (PARTITION BY s.to_union, s.bank_serial
                              ORDER BY CASE WHEN e.payment IS NULL THEN 0 ELSE 1 END, s.payment) AS n,
           CASE WHEN e.payment IS NULL THEN 1 ELSE 0 END AS unpaired
    FROM serial s LEFT JOIN exact e ON e.payment = s.payment
),
arrived AS MATERIALIZED (
    SELECT n.payment, b.record
    FROM named n JOIN booked b ON b.allocation = n.record AND b.owner = n.to_union
    UNION
    SELECT payment, record FROM exact
    UNION
    SELECT o.payment, l.record
    FROM left_over o JOIN loose l ON l.owner = o.to_union AND l.bank_serial = o.bank_serial
    WHERE (o.unpaired = 1 OR o.n = 1)
      AND NOT EXISTS (SELECT 1 FROM exact e WHERE e.record = l.record AND e.owner = l.owner)
),
-- One dated ahead is not due yet, however far ahead; one from before the days that are counted waits from the first of them.
-- With no days allowed it is due on the day it was paid, a working day or not.
due AS MATERIALIZED (
    SELECT p.payment, p.to_union, p.amount, p.paid_on, p.settled_on, p.allocations, greatest(w.day, p.settled_on) AS due,
           g.value AS grace
    FROM payment p
    JOIN setting g ON g.name = 'grace' AND p.settled_on BETWEEN g.since AND g.until
    LEFT JOIN working_day s ON s.day = p.settled_on
    JOIN working_day w ON w.ordinal = greatest(coalesce(s.ordinal, 0) + g.value, 1) AND w.works = 1
    WHERE p.owner = :self AND p.settled_on < :today AND w.day < :today
),
-- A receipt is astray where no allocation of the payment is of its programme.
answer AS MATERIALIZED (
    SELECT d.payment, b.record, b.received_on, b.amount,
           CASE WHEN b.received_on <= d.due THEN b.amount ELSE 0 END AS in_time,
           CASE WHEN b.amount <> 0 AND b.programme IS NOT NULL
                     AND NOT EXISTS (SELECT 1 FROM part p LEFT JOIN lineage k ON k.record = p.programme
                                     WHERE p.payment = d.payment
                                       AND coalesce(k.fund, p.programme) = coalesce(l.fund, b.programme))
                THEN 1 ELSE 0 END AS astray
    FROM due d
    JOIN arrived a ON a.payment = d.payment
    JOIN booked b ON b.record = a.record AND b.owner = d.to_union
    LEFT JOIN lineage l ON l.record = b.programme
),
summed AS (
    SELECT d.payment, d.to_union, d.amount, d.paid_on, d.settled_on, d.allocations, d.due, d.grace,
           coalesce(sum(a.amount), 0) AS received, coalesce(sum(a.in_time), 0) AS in_time, count(a.record) AS receipts,
           coalesce(sum(a.astray), 0) AS astray, max(a.received_on) AS arrived_on
    FROM due d LEFT JOIN answer a ON a.payment = d.payment
    GROUP BY d.payment, d.to_union, d.amount, d.paid_on, d.settled_on, d.allocations, d.due, d.grace
),
verdict AS MATERIALIZED (
    SELECT s.*,
           CASE WHEN s.received <> s.amount AND s.receipts = 0 THEN 'absent'
                WHEN s.received <> s.amount THEN 'differs'
                WHEN s.astray > 0 THEN 'programme'
                ELSE 'late' END AS variant,
           (SELECT min(year_of(w.day)) FROM working_day w
            WHERE w.day IN (s.settled_on, s.due) AND NOT EXISTS (SELECT 1 FROM covered c WHERE c.year = year_of(w.day)))
               AS no_calendar
    FROM summed s
    WHERE s.received <> s.amount OR s.astray > 0 OR s.in_time <> s.amount
)

-- cases
SELECT v.payment AS key1, CASE WHEN v.variant IN ('programme', 'late') THEN v.variant END AS key2,
       v.to_union AS subject, v.due AS judge_by, v.variant, v.amount AS paid, v.received,
       v.amount - v.received AS difference, v.due, v.paid_on, v.arrived_on, p.no AS allocation_no, v.allocations,
       v.no_calendar, v.grace
FROM verdict v JOIN part p ON p.record = v.payment
ORDER BY v.payment

-- records
SELECT v.payment AS key1, CASE WHEN v.variant IN ('programme', 'late') THEN v.variant END AS key2, e.place, e.day, e.role, e.kind,
       e.record
FROM verdict v
JOIN (SELECT payment, 1 AS place, paid_on AS day, 'paid' AS role, 'allocation' AS kind, record FROM part
      UNION ALL
      SELECT payment, 2, received_on, 'received', 'fund_receipt', record FROM answer) AS e ON e.payment = v.payment
ORDER BY 1, 3, 4, 7
