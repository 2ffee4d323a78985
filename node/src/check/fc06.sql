-- id: FC-06
-- version: 4
-- words_since: 3
-- title_zh: 申报人数多于可核实人数
-- title_en: More heads declared than can be verified
-- clause_zh: 总工发〔2019〕19号 七（四）：“虚报聘用专职集体协商指导员人数的，全国总工会将停拨该专项经费”；五（二）2：“统一培训、考试合格后颁发聘任证书，登记注册、建立档案，报上级工会备案”
-- clause_en: General Union Doc. 19 (2019), 7(4): where the number of full-time mediators is overstated, the fund is stopped; 5(2)2: certificates follow training and examination, and engagements are filed with the union above
-- severity: red
-- family: B2
-- levels: province, city, county
-- parameter: months = 1 less : 截止日所在月前后各看几个月的薪酬 | months of pay looked at on either side of the census month
-- result: declared number : 申报人数 | heads declared
-- result: verified number : 可核实人数 | heads verified
-- result: named number : 名册所列人数 | heads on the roster
-- result: not_in_post number : 当日不在聘 | not in post that day
-- result: no_certificate number : 无当日有效聘任证书 | no certificate of appointment valid that day
-- result: no_pay number : 前后月份无薪酬 | no pay around that month
-- result: census_on day : 截止日 | census
-- result: unnamed number? : 未列入名册的人数 | heads without a name
-- role: filing : 备案 | filing
-- role: not_in_post : 当日不在聘 | not in post that day
-- role: no_certificate : 无当日有效聘任证书 | no certificate valid that day
-- role: no_pay : 前后月份无薪酬 | no pay around that month
-- role: elsewhere : 本级辖区内查无此聘任 | no such engagement in the filer's branch
-- message zh: {subject}备案（截止{census_on}）申报补助人数{declared}人，可核实{verified}人。名册列{named}人[（{unnamed}人未列）]，其中当日不在聘{not_in_post}人，无当日有效聘任证书{no_certificate}人，前后月份无薪酬{no_pay}人。
-- message en: {subject} filed {declared} heads for the fund as of {census_on}; {verified} can be verified. The roster names {named}[, leaving {unnamed} without a name]; {not_in_post} not in post that day, {no_certificate} without a certificate valid that day, {no_pay} without pay around that month.
-- innocent_zh: 薪酬年终补发；按年结算；新聘人员待考发证；证书或支出尚未同步；证书由更上一级颁发，本级看不到
-- innocent_en: pay in arrears; yearly settlement; new staff waiting for the examination; certificates or payments not synced; a certificate of a level above, which is not seen here

-- The union directly above the filer reports, where it holds the dossiers: a city or a province, never the nation. A
-- union with none below it reads its own filings, as advice to itself.
-- A filing speaks for the engagements its roster lists, wherever in the filer's branch they stand; so a province's or
-- city's filing is held against its own roster and never against a count of the branch.
-- A + before a column keeps SQLite off its index, which would narrow nothing here.

-- with
-- The filings that declare heads.
latest AS MATERIALIZED (
    SELECT f.record, f.owner, f.census_on, f.funded_heads, g.value AS months,
           month_end(month_of(f.census_on) + g.value) AS judge_by,
           month_of(f.census_on) - g.value AS from_month, month_of(f.census_on) + g.value AS to_month
    FROM standing f
    JOIN answered_for u ON u.code = f.owner
    JOIN setting g ON g.name = 'months' AND f.census_on BETWEEN g.since AND g.until
    WHERE f.n = 1 AND f.funded_heads > 0 AND month_end(month_of(f.census_on) + g.value) < :today
),
-- The heads it declares for the fund, with the engagement as it stands now, if it is one of the filer's branch.
-- A filing that lists nobody gives one row without a line. One that is suspended now still counts on a day
-- its dates cover.
head AS (
    SELECT f.*, r.line, r.engagement, e.record AS known, e.owner AS engager,
           coalesce(e.mediator, r.mediator) AS mediator, coalesce(m.id_no_index, e.mediator, r.mediator) AS person,
           e.contract_no, e.provider_uscc, e.channel,
           CASE WHEN EXISTS (SELECT 1 FROM in_post_or_suspended s
                             WHERE s.record = e.record AND s.owner = e.owner AND s.employment = 1
                               AND f.census_on BETWEEN s.starts_on AND s.until) THEN 1 ELSE 0 END AS in_post
    FROM latest f
    LEFT JOIN filing_roster r ON r.record = f.record AND r.owner = f.owner AND r.funded = 1 AND r.employment = 1
    LEFT JOIN engagement e ON e.record = r.engagement
        AND EXISTS (SELECT 1 FROM tree t WHERE t.above = f.owner AND t.below = e.owner)
    LEFT JOIN mediator m ON m.record = coalesce(e.mediator, r.mediator)
        AND (m.owner = coalesce(e.owner, f.owner)
             OR NOT EXISTS (SELECT 1 FROM mediator o WHERE o.record = m.record AND o.owner = coalesce(e.owner, f.owner)))
),
-- One person may have several dossiers; certificates and pay of any of them prove.
-- 五（二）2 binds from the city down; a province may choose directly.
-- Pay is a live line of pay (1) or for a post or service (10) to the person; where a post or service is purchased
-- (channels 2a, 3a, 3b), also one under the engagement's contract or to its provider.
proved AS MATERIALIZED (
    SELECT h.*,
           CASE WHEN EXISTS (SELECT 1 FROM region u WHERE u.code = h.engager AND u.level <= 1)
                OR EXISTS (
               SELECT 1 FROM certificate c
               WHERE c.mediator IN (SELECT h.mediator UNION SELECT m.record FROM mediator m WHERE m.id_no_index = h.person)
                 AND c.type = 1 AND h.census_on BETWEEN c.issued_on AND coalesce(c.expires_on, h.census_on)
                 AND (c.status <> 3 OR c.revoked_on > h.census_on)) THEN 1 ELSE 0 END AS certified,
           CASE WHEN EXISTS (
               SELECT 1 FROM expenditure x
               WHERE x.payee_mediator IN (SELECT h.mediator
                                          UNION SELECT m.record FROM mediator m WHERE m.id_no_index = h.person)
                 AND x.category IN (1, 10) AND x.reverses IS NULL
                 AND coalesce(x.service_month, month_of(x.paid_on)) BETWEEN h.from_month AND h.to_month
                 AND x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                          WHERE r.reverses = x.record AND +r.owner = x.owner), 0) > 0)
           OR (h.channel IN (2, 4, 5) AND EXISTS (
               SELECT 1 FROM expenditure x
               WHERE x.owner = h.engager AND x.category = 10 AND x.reverses IS NULL
                 AND (x.contract_no = h.contract_no OR x.payee_uscc = h.provider_uscc)
                 AND coalesce(x.service_month, month_of(x.paid_on)) BETWEEN h.from_month AND h.to_month
                 AND x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                          WHERE r.reverses = x.record AND +r.owner = x.owner), 0) > 0)) THEN 1 ELSE 0 END
               AS paid
    FROM head h
),
-- One row a filing.
tally AS (
    SELECT record, owner, census_on, judge_by, months, funded_heads AS declared,
           count(DISTINCT CASE WHEN in_post = 1 AND certified = 1 AND paid = 1 THEN person END) AS verified,
           count(DISTINCT person) AS named,
           sum(CASE WHEN in_post = 0 AND line IS NOT NULL THEN 1 ELSE 0 END) AS not_in_post,
           sum(CASE WHEN certified = 0 AND line IS NOT NULL THEN 1 ELSE 0 END) AS no_certificate,
           sum(CASE WHEN paid = 0 AND line IS NOT NULL THEN 1 ELSE 0 END) AS no_pay
    FROM proved
    GROUP BY record, owner, census_on, judge_by, months, funded_heads
),
verdict AS MATERIALIZED (
    SELECT * FROM tally WHERE declared > verified
),
unproved AS MATERIALIZED (
    SELECT p.record AS filing, p.owner AS filer, p.line, p.engagement, p.known, p.engager, p.in_post, p.certified, p.paid
    FROM verdict v JOIN proved p ON p.record = v.record AND p.owner = v.owner
    WHERE p.engagement IS NOT NULL AND (p.in_post = 0 OR p.certified = 0 OR p.paid = 0)
)

-- cases
SELECT record AS key1, owner AS subject, judge_by, declared, verified, named, not_in_post, no_certificate, no_pay,
       census_on, CASE WHEN declared > named THEN declared - named END AS unnamed, months
FROM verdict
ORDER BY owner, record

-- records
-- Of unions, only those whose later data could still prove a head: the filer, and who engaged the unproved ones.
SELECT record AS key1, owner AS subject, 0 AS line, 0 AS place, 'filing' AS role, 'filing' AS kind, record, owner AS involved
FROM verdict
UNION ALL
SELECT filing, filer, line + 1, 1, 'elsewhere', 'engagement', engagement, engager FROM unproved WHERE known IS NULL
UNION ALL
SELECT filing, filer, line + 1, 2, 'not_in_post', 'engagement', engagement, engager FROM unproved
WHERE known IS NOT NULL AND in_post = 0
UNION ALL
SELECT filing, filer, line + 1, 3, 'no_certificate', 'engagement', engagement, engager FROM unproved
WHERE known IS NOT NULL AND certified = 0
UNION ALL
SELECT filing, filer, line + 1, 4, 'no_pay', 'engagement', engagement, engager FROM unproved WHERE known IS NOT NULL AND paid = 0
ORDER BY 1, 2, 3, 4
