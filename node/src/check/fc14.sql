-- id: FC-14
-- version: 3
-- title_zh: 同一票据重复列支
-- title_en: One invoice charged more than once
-- clause_zh: 《会计法》第十四条（原始凭证）；总工发〔2019〕19号 七（四）：“对不按规定列支专项经费的，全国总工会将缓拨或减拨下一年度该项经费”
-- clause_en: Accounting Law, art. 14 (source documents); General Union Doc. 19 (2019), 7(4): where the fund is not spent by the rules, next year's is delayed or cut
-- severity: red
-- family: A
-- levels: nation, province, city, county
-- result: charged money : 列支合计（元） | charged in all (yuan)
-- result: total money? : 票据金额（元） | invoice total (yuan)
-- result: lines number : 列支笔数 | lines
-- result: over money? : 超出票面（元） | over the total (yuan)
-- result: unions number : 涉及工会数 | unions
-- result: number text : 票据号或凭证号 | number of the invoice or voucher
-- result: paid_on day : 支付日期 | paid on
-- variant: invoice
-- variant: file
-- variant: voucher
-- role: charged : 列支 | line that charges it
-- message invoice zh: 票据{number}票面[{total}]元，被{unions}个工会列支{lines}笔，合计{charged}元[，超出票面{over}元]；其中{subject}一笔于{paid_on}支付。
-- message invoice en: Invoice {number}[ for {total} yuan] is charged by unions: {unions}, in lines: {lines}; {charged} yuan in all[, {over} yuan too much]; one of them by {subject} on {paid_on}.
-- message file zh: 同一份票据文件被用于不同的票号（其一为{number}），由{unions}个工会列支{lines}笔，合计{charged}元；其中{subject}一笔于{paid_on}支付。
-- message file en: One file stands for invoices of different numbers (one is {number}), charged by unions: {unions}, in lines: {lines}; {charged} yuan in all; one of them by {subject} on {paid_on}.
-- message voucher zh: {subject}的凭证{number}有{lines}笔相同的分录，合计{charged}元，其中一笔于{paid_on}支付。
-- message voucher en: Voucher {number} of {subject} has the same line more than once, lines: {lines}; {charged} yuan in all; one of them paid on {paid_on}.
-- innocent_zh: 一张票据在不同资金间分摊（合计不超过票面）；红冲尚未录入；票据金额录入错误；几张票据扫描在一个文件里；同一凭证确有两笔相同的支付而未填分录号
-- innocent_en: one invoice shared between funds (no more than its total); a reversal not entered yet; a mistyped total; several invoices scanned into one file; two equal payments on one voucher without line numbers

-- The lowest union that has all the lines below it reports: lines of two branches meet here, and those of one single
-- union are read by the one directly above it. A union with none below it reads its own, as advice to itself.
-- CROSS JOIN keeps the order as written; a + keeps SQLite off an index that would narrow nothing.

-- with
-- Numbers as they are compared: without blanks, half or full width. Those that occur more than once at all, before
-- anything else is looked at: one pass over the index.
spelled AS (
    SELECT invoice_no, replace(replace(invoice_no, ' ', ''), '　', '') AS number, count(*) AS lines
    FROM expenditure
    WHERE invoice_no IS NOT NULL
    GROUP BY invoice_no
),
occurring AS (
    SELECT invoice_no, number, sum(lines) OVER (PARTITION BY number) AS lines FROM spelled
),
repeated AS MATERIALIZED (
    SELECT invoice_no, number FROM occurring WHERE lines > 1
),
-- Lines of this branch that have such a number, net of their reversals.
numbered AS MATERIALIZED (
    SELECT x.record, x.owner, x.paid_on, n.number, x.invoice_code AS code, coalesce(x.payee_uscc, x.payee_name) AS issuer,
           x.invoice_on, x.invoice_total, x.file_hash, x.year,
           x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                WHERE r.reverses = x.record AND +r.owner = x.owner), 0) AS amount
    FROM repeated n
    CROSS JOIN expenditure x
    JOIN branch b ON b.code = x.owner
    WHERE x.invoice_no = n.invoice_no AND x.reverses IS NULL
),
-- A fully digital invoice is one of its kind by its number of 20 digits, an older one by code and number. One without its
-- code is that of the code, if no other issuer is named; else it is one with others of its issuer and day.
codes AS (
    SELECT i.*, min(i.code) OVER (PARTITION BY i.number) AS any_code,
           min(i.code) OVER (PARTITION BY i.number, i.issuer) AS its_code,
           min(CASE WHEN i.issuer IS NULL THEN i.code END) OVER (PARTITION BY i.number) AS bare_code,
           min(i.issuer) OVER (PARTITION BY i.number) AS low_issuer
    FROM numbered i
),
issued AS (
    SELECT c.*, CASE WHEN length(c.number) >= 20 THEN ''
                     ELSE coalesce(c.code, CASE WHEN c.issuer IS NULL THEN c.any_code
                                                WHEN c.its_code <= c.bare_code THEN c.its_code
                                                ELSE coalesce(c.bare_code, c.its_code) END) END AS issue
    FROM codes c
),
one_issue AS (
    SELECT i.*, coalesce(i.issue, i.issuer, i.low_issuer, '') AS mark,
           CASE WHEN i.issue IS NULL THEN i.invoice_on END AS day
    FROM issued i
),
-- One file under several numbers. A list of pay has no number, and stands for many lines.
copied AS MATERIALIZED (
    SELECT file_hash FROM expenditure WHERE file_hash IS NOT NULL AND invoice_no IS NOT NULL
    GROUP BY file_hash HAVING count(*) > 1
),
filed AS MATERIALIZED (
    SELECT x.record, x.owner, x.paid_on, replace(replace(x.invoice_no, ' ', ''), '　', '') AS number, x.file_hash,
           x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                WHERE r.reverses = x.record AND +r.owner = x.owner), 0) AS amount
    FROM copied c
    CROSS JOIN expenditure x
    JOIN branch b ON b.code = x.owner
    WHERE x.file_hash = c.file_hash AND x.invoice_no IS NOT NULL AND x.reverses IS NULL
),
-- Lines of one voucher that have the same line number; without line numbers, those in which nothing differs. What rests
-- on one invoice is judged by that.
entry AS (
    SELECT x.record, x.owner, x.paid_on, x.voucher_no, x.voucher_line, x.year, x.invoice_no,
           x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                WHERE r.reverses = x.record AND +r.owner = x.owner), 0) AS amount,
           count(*) OVER same_line AS twins, count(x.invoice_no) OVER same_line AS invoiced,
           min(x.invoice_no) OVER same_line AS low, max(x.invoice_no) OVER same_line AS high,
           first_value(x.record) OVER (same_line ORDER BY x.record) AS id
    FROM answered_for u
    CROSS JOIN expenditure x
    WHERE x.owner = u.code AND x.reverses IS NULL AND x.amount > 0
    WINDOW same_line AS (
        PARTITION BY x.owner, x.year, x.voucher_no, x.voucher_line,
                     CASE WHEN x.voucher_line IS NULL THEN x.amount END,
                     CASE WHEN x.voucher_line IS NULL THEN x.paid_on END,
                     CASE WHEN x.voucher_line IS NULL THEN x.category END,
                     CASE WHEN x.voucher_line IS NULL THEN x.service_month END,
                     CASE WHEN x.voucher_line IS NULL THEN x.payee_mediator END,
                     CASE WHEN x.voucher_line IS NULL THEN coalesce(x.payee_uscc, x.payee_name) END,
                     CASE WHEN x.voucher_line IS NULL THEN x.programme END,
                     CASE WHEN x.voucher_line IS NULL THEN x.invoice_no END,
                     CASE WHEN x.voucher_line IS NULL THEN x.memo END)
),
claim(variant, number, mark, day, file, year, voucher_line, id, record, owner, paid_on, amount, total) AS (
    SELECT 'invoice', number, mark, day, nullif(file_hash, file_hash), nullif(year, year), nullif(year, year),
           first_value(record) OVER (PARTITION BY number, mark, day ORDER BY record), record, owner, paid_on, amount,
           min(invoice_total) OVER (PARTITION BY number, mark, day)
    FROM one_issue
    WHERE amount > 0
    UNION ALL
    SELECT 'file', number, NULL, NULL, file_hash, NULL, NULL,
           first_value(record) OVER (PARTITION BY file_hash ORDER BY record), record, owner, paid_on, amount, NULL
    FROM filed
    WHERE amount > 0
    UNION ALL
    SELECT 'voucher', voucher_no, NULL, NULL, NULL, year, voucher_line, id, record, owner, paid_on, amount, NULL
    FROM entry
    WHERE amount > 0 AND twins > 1 AND NOT (invoiced = twins AND low = high)
),
-- The branch directly below this union that each line comes from; its own lines are a branch too. Line by line, in order
-- of payment, what had been charged by then.
summed AS MATERIALIZED (
    SELECT c.*, coalesce((SELECT u.code FROM child u JOIN tree t ON t.above = u.code AND t.below = c.owner), :self) AS branch,
           sum(c.amount) OVER (PARTITION BY c.variant, c.id ORDER BY c.paid_on, c.record) AS sofar,
           row_number() OVER (PARTITION BY c.variant, c.id ORDER BY c.paid_on, c.record) AS n
    FROM claim c
),
crossed AS MATERIALIZED (
    SELECT s.*, CASE WHEN s.variant = 'invoice' THEN CASE WHEN s.sofar > s.total THEN 1 ELSE 0 END
                     WHEN s.n > 1 THEN 1 ELSE 0 END AS too_much
    FROM summed s
),
tally AS (
    SELECT variant, id, count(*) AS lines, sum(amount) AS charged, min(total) AS total,
           min(CASE WHEN too_much = 1 THEN paid_on END) AS judge_by, count(DISTINCT owner) AS unions,
           count(DISTINCT branch) AS branches, count(DISTINCT number) AS numbers, min(owner) AS owner, min(branch) AS branch
    FROM crossed
    GROUP BY variant, id
),
verdict AS MATERIALIZED (
    SELECT *
    FROM tally
    WHERE lines > 1
      AND (variant = 'voucher' OR (variant = 'file' AND numbers > 1) OR (variant = 'invoice' AND charged > total))
      AND (branches > 1
           OR (unions = 1 AND owner = branch AND (owner <> :self OR EXISTS (SELECT 1 FROM alone))))
),
-- Addressed to the union whose line first took the sum past the total, so that lines that come later leave the case
-- where it is; never to this union itself while another charged it too.
ranked AS MATERIALIZED (
    SELECT v.lines, v.charged, v.judge_by, v.unions, v.total AS stated, c.*,
           row_number() OVER (PARTITION BY v.variant, v.id
                              ORDER BY CASE WHEN c.owner = :self THEN 1 ELSE 0 END, CASE WHEN c.too_much = 1 THEN 0 ELSE 1 END,
                                       c.paid_on, c.record) AS place
    FROM verdict v JOIN crossed c ON c.variant = v.variant AND c.id = v.id
),
-- An invoice is known by its number and mark; a file by its hash; a line of a voucher by union, year, number and line.
keyed AS MATERIALIZED (
    SELECT r.variant, r.id, CASE WHEN r.variant = 'invoice' THEN r.number ELSE r.variant END AS key1,
           CASE WHEN r.variant = 'invoice' THEN r.mark WHEN r.variant = 'voucher' THEN r.number END AS key2,
           CASE WHEN r.variant = 'invoice' THEN r.day ELSE r.year END AS key3,
           CASE WHEN r.variant = 'file' THEN r.file WHEN r.variant = 'voucher' THEN r.id END AS key4
    FROM ranked r
    WHERE r.place = 1
)

-- cases
SELECT k.key1, k.key2, k.key3, k.key4, r.owner AS subject, r.judge_by, r.variant, r.charged, r.stated AS total, r.lines,
       r.charged - r.stated AS over, r.unions, r.number, r.paid_on
FROM ranked r JOIN keyed k ON k.variant = r.variant AND k.id = r.id
WHERE r.place = 1
ORDER BY r.variant, r.id

-- records
SELECT k.key1, k.key2, k.key3, k.key4, r.paid_on AS day, 'charged' AS role, 'expenditure' AS kind, r.record,
       r.owner AS involved
FROM ranked r JOIN keyed k ON k.variant = r.variant AND k.id = r.id
ORDER BY r.variant, r.id, r.paid_on, r.record
