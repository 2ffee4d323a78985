-- id: FC-14
-- version: 2
-- title_zh: 同一票据重复列支
-- title_en: One invoice charged more than once
-- clause_zh: 《会计法》第十四条（原始凭证）；总工发〔2019〕19号 七（四）：“对不按规定列支专项经费的，全国总工会将缓拨或减拨下一年度该项经费”
-- clause_en: Accounting Law, art. 14 (source documents); General Union Doc. 19 (2019), 7(4): where the fund is not spent by the rules, next year's is delayed or cut
-- severity: red
-- family: A
-- levels: nation, province, city, county
-- result: charged money : 列支合计（元） | charged in all (yuan)
-- result: total money : 票据金额（元） | invoice total (yuan)
-- result: lines number : 列支笔数 | lines
-- innocent_zh: 一张票据在不同资金间分摊（合计不超过票面）；红冲尚未录入；票据金额录入错误
-- innocent_en: one invoice shared between funds (no more than its total); a reversal not entered yet; a mistyped total

-- The lowest union that has all the lines below it reports: lines of two branches meet here, and those of one single
-- union are read by the one directly above it. A union with none below it reads its own, as advice to itself.
-- Only the invoice's number is compared here; equal file hashes and voucher lines are left to a later version.
-- CROSS JOIN keeps the order as written; a + keeps SQLite off an index that would narrow nothing.
WITH
-- Numbers that occur more than once at all, before anything else is looked at: one pass over the index.
repeated AS MATERIALIZED (
    SELECT invoice_no FROM expenditure WHERE invoice_no IS NOT NULL GROUP BY invoice_no HAVING count(*) > 1
),
-- Live lines of this branch, net of their reversals. A fully digital invoice is one of its kind by its number of 20
-- digits, an older one by code and number; of a short number without a code, only the same issuer, day and total will do.
line AS MATERIALIZED (
    SELECT x.record, x.owner, x.paid_on, x.voucher_no, x.invoice_no, x.invoice_total,
           iif(length(x.invoice_no) >= 20, '',
               coalesce(x.invoice_code, coalesce(x.payee_uscc, x.payee_name, '') || '/' || coalesce(x.invoice_on, '')
                                            || '/' || coalesce(x.invoice_total, ''))) AS issue,
           x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                WHERE r.reverses = x.record AND +r.owner = x.owner), 0) AS amount
    FROM repeated n
    CROSS JOIN expenditure x ON x.invoice_no = n.invoice_no
    JOIN below b ON b.above = :self AND b.code = x.owner
    WHERE +x.reverses IS NULL
),
-- The branch directly below this union that each line comes from; its own lines are a branch too.
placed AS MATERIALIZED (
    SELECT l.*, coalesce((SELECT u.code FROM region u JOIN below b ON b.above = u.code AND b.code = l.owner
                          WHERE u.parent = :self), :self) AS branch
    FROM line l
    WHERE l.amount > 0
),
-- Line by line, in order of payment, what the invoice had been charged by then.
summed AS MATERIALIZED (
    SELECT *, sum(amount) OVER (PARTITION BY invoice_no, issue ORDER BY paid_on, record) AS sofar,
           max(invoice_total) OVER (PARTITION BY invoice_no, issue) AS total
    FROM placed
),
verdict AS MATERIALIZED (
    SELECT issue, invoice_no, min(record) AS id, count(*) AS lines, sum(amount) AS charged, total,
           min(iif(sofar > total, paid_on, NULL)) AS judge_by
    FROM summed
    GROUP BY invoice_no, issue
    HAVING count(*) > 1 AND sum(amount) > total
       AND (count(DISTINCT branch) > 1
            OR (count(DISTINCT owner) = 1 AND min(owner) = min(branch)
                AND (min(owner) <> :self OR NOT EXISTS (SELECT 1 FROM region c WHERE c.parent = :self AND c.code < 1000000))))
),
-- Addressed to the union whose line first took the sum past the total, so that lines that come later leave the case
-- where it is; never to this union itself while another charged it too.
ranked AS MATERIALIZED (
    SELECT v.id, s.*,
           row_number() OVER (PARTITION BY v.id ORDER BY s.owner = :self, s.sofar <= s.total, s.paid_on, s.record) AS n
    FROM verdict v JOIN summed s ON s.invoice_no = v.invoice_no AND s.issue = v.issue
),
proof AS (
    SELECT id,
           json_group_array(json_object(
               'kind', 'expenditure', 'record', lower(hex(record)),
               'zh', union_name(owner) || '，凭证' || voucher_no || '，' || day_text(paid_on) || '支付，净额' || yuan(amount) || '元',
               'en', union_name(owner) || ', voucher ' || voucher_no || ', paid ' || day_text(paid_on) || ', net '
                   || yuan(amount) || ' yuan') ORDER BY paid_on, record) AS evidence
    FROM ranked
    GROUP BY id
),
involved AS (
    SELECT id, json_group_array(owner ORDER BY owner) AS unions FROM (SELECT DISTINCT id, owner FROM ranked) GROUP BY id
)
SELECT r.owner AS subject,
       v.invoice_no || '/' || v.issue AS case_key,
       NULL AS severity,
       NULL AS family,
       v.judge_by AS judge_by,
       i.unions AS involved,
       p.evidence AS evidence,
       json_object('charged', v.charged, 'total', v.total, 'lines', v.lines) AS results,
       '票据' || v.invoice_no || '票面' || yuan(v.total) || '元，被' || json_array_length(i.unions) || '个工会列支'
           || v.lines || '笔，合计' || yuan(v.charged) || '元，超出票面' || yuan(v.charged - v.total) || '元；其中'
           || union_name(r.owner) || '一笔于' || day_text(r.paid_on) || '支付。' AS zh,
       'Invoice ' || v.invoice_no || ' for ' || yuan(v.total) || ' yuan is charged in ' || v.lines || ' lines by '
           || json_array_length(i.unions) || iif(json_array_length(i.unions) = 1, ' union', ' unions') || ', '
           || yuan(v.charged) || ' yuan in all, ' || yuan(v.charged - v.total) || ' yuan too much; one of them by '
           || union_name(r.owner) || ' on ' || day_text(r.paid_on) || '.' AS en
FROM verdict v
JOIN ranked r ON r.id = v.id AND r.n = 1
JOIN proof p ON p.id = v.id
JOIN involved i ON i.id = v.id
ORDER BY v.id;
