-- id: FC-01
-- version: 2
-- title_zh: 拨付与到账不符
-- title_en: Paid and received differ
-- clause_zh: 《工会会计制度》第二十二条：“指定用途的资金按规定的用途专款专用，并单独反映”；总工发〔2019〕19号 七（四）：“聘用专职集体协商指导员的专项经费必须做到专款专用”
-- clause_en: Union Accounting System, art. 22: money with a designated use is used for it alone and shown apart; General Union Doc. 19 (2019), 7(4): the special fund must be used for its purpose alone
-- severity: orange
-- family: A
-- levels: nation, province, city
-- parameter: grace = 20 : 付款后的宽限（工作日，法定节假日未计） | working days allowed after payment (public holidays are not known)
-- result: paid money : 拨付净额（元） | paid, net (yuan)
-- result: received money : 到账净额（元） | received, net (yuan)
-- result: difference money : 差额（元） | difference (yuan)
-- result: due day : 应到账日期 | due
-- innocent_zh: 银行在途；县级离线；一笔拨款分次到账；扣除手续费；到账未注明对应拨款
-- innocent_en: money on its way; a county without a line; one payment credited in parts; a bank fee; a receipt that names no allocation

-- The paying union asks: of what I paid, did the same sum arrive? It holds both sides, so it alone reports.
-- CROSS JOIN keeps the order as written; a + keeps SQLite off an index that would narrow nothing.
WITH
-- What this union granted, net of its own reversals. A reversal restarts the wait: the other side has to follow it.
granted AS MATERIALIZED (
    SELECT a.record, a.to_union, a.no, a.bank_serial, a.paid_on,
           a.amount + coalesce(sum(r.amount), 0) AS amount,
           max(a.paid_on, coalesce(max(r.paid_on), a.paid_on)) AS settled_on
    FROM allocation a
    JOIN below b ON b.above = :self AND b.code = a.to_union
    LEFT JOIN allocation r ON r.reverses = a.record AND +r.owner = a.owner
    WHERE a.owner = :self AND a.to_union <> :self AND +a.reverses IS NULL
    GROUP BY a.record
),
-- Allocations that left in one bank transfer arrive as one sum and are judged together.
part AS MATERIALIZED (
    SELECT *, min(record) OVER (PARTITION BY to_union, coalesce(bank_serial, hex(record))) AS payment
    FROM granted
),
payment AS MATERIALIZED (
    SELECT payment, to_union, sum(amount) AS amount, max(settled_on) AS settled_on, min(paid_on) AS paid_on,
           group_concat(no, '、' ORDER BY record) AS numbers
    FROM part
    GROUP BY payment, to_union
),
-- What the receiving union booked against it: by name, else by bank serial. A receipt may also name the reversal.
named AS (
    SELECT record, payment, to_union FROM part
    UNION ALL
    SELECT r.record, p.payment, p.to_union
    FROM part p JOIN allocation r ON r.reverses = p.record AND +r.owner = :self
),
arrived AS MATERIALIZED (
    SELECT n.payment, f.record
    FROM named n CROSS JOIN fund_receipt f ON f.allocation = n.record
    WHERE +f.owner = n.to_union AND +f.reverses IS NULL
    UNION
    SELECT p.payment, f.record
    FROM part p CROSS JOIN fund_receipt f ON f.bank_serial = p.bank_serial AND f.owner = p.to_union
    WHERE +f.reverses IS NULL AND +f.allocation IS NULL
),
booked AS MATERIALIZED (
    SELECT a.payment, f.record, f.received_on, f.bank_serial,
           f.amount + coalesce(sum(r.amount), 0) AS amount
    FROM arrived a
    CROSS JOIN fund_receipt f ON f.record = a.record
    LEFT JOIN fund_receipt r ON r.reverses = f.record AND +r.owner = f.owner
    GROUP BY a.payment, f.record
),
verdict AS MATERIALIZED (
    SELECT p.payment, p.to_union, p.amount, p.paid_on, p.numbers, workdays_after(p.settled_on, :grace) AS due,
           coalesce(sum(b.amount), 0) AS received, count(b.record) AS receipts
    FROM payment p LEFT JOIN booked b ON b.payment = p.payment
    GROUP BY p.payment, p.to_union
    HAVING received <> p.amount AND due < :today
),
evidence AS (
    SELECT v.payment, 1 AS place, p.paid_on AS day, 'allocation' AS kind, p.record,
           '拨款' || p.no || '，' || day_text(p.paid_on) || '付款，净额' || yuan(p.amount) || '元，流水号'
               || coalesce(p.bank_serial, '未填') AS zh,
           'allocation ' || p.no || ', paid ' || day_text(p.paid_on) || ', net ' || yuan(p.amount)
               || ' yuan, bank serial ' || coalesce(p.bank_serial, 'not given') AS en
    FROM verdict v JOIN part p ON p.payment = v.payment
    UNION ALL
    SELECT v.payment, 2, b.received_on, 'fund_receipt', b.record,
           day_text(b.received_on) || '到账，净额' || yuan(b.amount) || '元，流水号' || coalesce(b.bank_serial, '未填'),
           'received ' || day_text(b.received_on) || ', net ' || yuan(b.amount) || ' yuan, bank serial '
               || coalesce(b.bank_serial, 'not given')
    FROM verdict v JOIN booked b ON b.payment = v.payment
),
proof AS (
    SELECT payment,
           json_group_array(json_object('kind', kind, 'record', lower(hex(record)), 'zh', zh, 'en', en)
                            ORDER BY place, day, record) AS evidence
    FROM evidence
    GROUP BY payment
)
SELECT v.to_union AS subject,
       hex(v.payment) AS case_key,
       NULL AS severity,
       NULL AS family,
       v.due AS judge_by,
       json_array(v.to_union) AS involved,
       p.evidence AS evidence,
       json_object('paid', v.amount, 'received', v.received, 'difference', v.amount - v.received, 'due', v.due) AS results,
       '拨给' || union_name(v.to_union) || '的款项（拨款编号' || v.numbers || '，' || day_text(v.paid_on) || '付款）净额'
           || yuan(v.amount) || '元，' || CASE v.receipts WHEN 0 THEN '没有对应的到账记录'
               ELSE '到账净额' || yuan(v.received) || '元，差额' || yuan(v.amount - v.received) || '元' END
           || '；最迟应于' || day_text(v.due) || '到账。' AS zh,
       'Payment to ' || union_name(v.to_union) || ' (allocation ' || v.numbers || ', paid ' || day_text(v.paid_on)
           || ') was ' || yuan(v.amount) || ' yuan net; ' || CASE v.receipts WHEN 0 THEN 'no receipt answers it'
               ELSE yuan(v.received) || ' yuan is booked as received, a difference of '
                   || yuan(v.amount - v.received) || ' yuan' END
           || '. It was due by ' || day_text(v.due) || '.' AS en
FROM verdict v JOIN proof p ON p.payment = v.payment
ORDER BY v.payment;
