-- id: FC-05
-- version: 5
-- words_since: 3
-- title_zh: 一人多处计入
-- title_en: One person counted by several unions
-- clause_zh: 总工发〔2019〕19号 七（四）：“虚报聘用专职集体协商指导员人数的，全国总工会将停拨该专项经费”
-- clause_en: General Union Doc. 19 (2019), 7(4): where the number of full-time mediators is overstated, the fund is stopped
-- severity: red
-- family: B2
-- levels: province
-- discloses: others
-- parameter: days = 15 less : 允许的聘期重叠天数 | days that two engagements may overlap
-- result: overlap_from day : 重叠起 | overlap from
-- result: overlap_to day : 重叠止（不晚于核查基准日） | overlap to (not after the day of the check)
-- result: overlap_days number : 重叠天数 | days of overlap
-- result: census_on day? : 双方均在聘的核定日 | census on which both count
-- result: months_paid number : 双方均发薪的月数 | months in which both paid
-- result: first_union union : 先聘任的工会 | union that engaged first
-- result: second_union union : 后聘任的工会 | union that engaged later
-- variant: counted
-- variant: paid
-- variant: both
-- variant: paid_twice red A
-- role: first : 先聘任 | engaged first
-- role: second : 后聘任 | engaged later
-- role: dossier : 档案 | dossier
-- role: filing : 备案（名册列入） | filing whose roster names them
-- role: pay : 双方均发薪的首月薪酬 | pay of the first month that both paid
-- message counted zh: 同一人（身份证号相同）同时由{first_union}和{second_union}（或其下级工会）聘为计入补助人数的专职指导员，自{overlap_from}起重叠{overlap_days}天[，{census_on}核定时双方均在聘]。
-- message counted en: One person (same identity number) is full-time and counted for the fund at both {first_union} and {second_union} (or a lower union of theirs), overlapping from {overlap_from}, days: {overlap_days}[, in service at both on the census of {census_on}].
-- message paid zh: 同一人（身份证号相同）同时由{first_union}和{second_union}（或其下级工会）聘为计入补助人数的专职指导员，自{overlap_from}起重叠{overlap_days}天，有{months_paid}个月双方都发放薪酬。
-- message paid en: One person (same identity number) is full-time and counted for the fund at both {first_union} and {second_union} (or a lower union of theirs), overlapping from {overlap_from}, days: {overlap_days}; months paid by both: {months_paid}.
-- message both zh: 同一人（身份证号相同）同时由{first_union}和{second_union}（或其下级工会）聘为计入补助人数的专职指导员，自{overlap_from}起重叠{overlap_days}天[，{census_on}核定时双方均在聘]，有{months_paid}个月双方都发放薪酬。
-- message both en: One person (same identity number) is full-time and counted for the fund at both {first_union} and {second_union} (or a lower union of theirs), overlapping from {overlap_from}, days: {overlap_days}[, in service at both on the census of {census_on}]; months paid by both: {months_paid}.
-- message paid_twice zh: 同一人（身份证号相同）同时由{first_union}和{second_union}聘为专职指导员，自{overlap_from}起重叠{overlap_days}天；虽未在双方都计入补助人数，但有{months_paid}个月双方都从专项经费发放薪酬。
-- message paid_twice en: One person (same identity number) is full-time at both {first_union} and {second_union}, overlapping from {overlap_from}, days: {overlap_days}; not counted for the fund by both, and yet paid from it by both, months: {months_paid}.
-- innocent_zh: 月中调动；分派误录为重新聘任；身份证号录入错误；一方的终止尚未录入
-- innocent_en: a transfer within the month; a posting entered as a new engagement; a mistyped number; an ending not entered yet

-- Persons are compared by the keyed index of the identity number, which only the province holds for the whole province;
-- numbers that it cannot read are a finding of their own (DQ-01). One finding for each pair of engagements, addressed to
-- the union that engaged later; both are involved. A lower union without a number of its own (`employer`) is another
-- employer than the union that keeps its records.
-- A + before a column keeps SQLite off its index, which would narrow nothing here.

-- with
-- Full-time: up to today at the most.
post AS (
    SELECT e.record, e.owner, e.employer, e.mediator, m.id_no_index AS person, e.starts_on, coalesce(e.funded, 0) AS funded,
           least(e.until, :today) AS until,
           count(*) OVER (PARTITION BY m.id_no_index) AS posts
    FROM in_post e
    JOIN branch b ON b.code = e.owner
    JOIN mediator m ON m.record = e.mediator
        AND (m.owner = e.owner
             OR NOT EXISTS (SELECT 1 FROM mediator o WHERE o.record = e.mediator AND o.owner = e.owner))
    WHERE e.employment = 1 AND m.id_no_index IS NOT NULL
),
shared AS MATERIALIZED (
    SELECT * FROM post WHERE posts > 1
),
pair AS MATERIALIZED (
    SELECT f.record AS first, f.owner AS first_union, f.mediator AS first_mediator,
           s.record AS second, s.owner AS second_union, s.mediator AS second_mediator,
           CASE WHEN f.funded = 1 AND s.funded = 1 THEN 1 ELSE 0 END AS funded,
           s.starts_on AS since, least(f.until, s.until) AS until, g.value AS days,
           row_number() OVER (ORDER BY f.record, f.owner, s.record, s.owner) AS pair
    FROM shared f
    JOIN shared s ON s.person = f.person
    JOIN setting g ON g.name = 'days' AND s.starts_on BETWEEN g.since AND g.until
    WHERE (s.owner <> f.owner OR s.employer IS DISTINCT FROM f.employer)
      AND (f.starts_on, f.record, f.owner) < (s.starts_on, s.record, s.owner)
      AND least(f.until, s.until) - s.starts_on + 1 > g.value
),
-- Paid twice: a live line of pay (category 1) from both for the same month. Two lines of one union for one dossier may be
-- parts of one pay. Of several lines of a month the first stands for them.
paid_to(owner, mediator) AS MATERIALIZED (
    SELECT first_union, first_mediator FROM pair UNION SELECT second_union, second_mediator FROM pair
),
pay AS MATERIALIZED (
    SELECT x.owner, x.payee_mediator AS mediator, x.service_month AS month, x.record,
           row_number() OVER (PARTITION BY x.owner, x.payee_mediator, x.service_month ORDER BY x.record) AS n
    FROM paid_to w
    JOIN expenditure x ON x.payee_mediator = w.mediator AND +x.owner = w.owner
    WHERE x.category = 1 AND x.reverses IS NULL
      AND x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                               WHERE r.reverses = x.record AND +r.owner = x.owner), 0) > 0
),
paid AS MATERIALIZED (
    SELECT p.pair, x.month, x.record AS first_line, y.record AS second_line
    FROM pair p
    JOIN pay x ON x.mediator = p.first_mediator AND x.owner = p.first_union AND x.n = 1
    JOIN pay y ON y.mediator = p.second_mediator AND y.owner = p.second_union AND y.month = x.month AND y.n = 1
    WHERE (p.first_union <> p.second_union OR p.first_mediator <> p.second_mediator)
      AND x.month BETWEEN month_of(p.since) AND month_of(p.until)
),
month AS (
    SELECT p.*, count(*) OVER (PARTITION BY pair) AS months, row_number() OVER (PARTITION BY pair ORDER BY month) AS n
    FROM paid p
),
-- Which filing that stands declares whom as full-time and counted for the fund.
declared AS MATERIALIZED (
    SELECT e.record AS engagement, e.owner, f.record AS filing, f.owner AS filer, f.year, f.census_on
    FROM standing f
    JOIN filing_roster r ON r.record = f.record AND r.owner = f.owner
    JOIN shared e ON e.record = r.engagement
    JOIN tree t ON t.above = f.owner AND t.below = e.owner
    WHERE f.n = 1 AND r.employment = 1 AND r.funded = 1
),
-- Counted twice, on a census. No text names one: it is the day that a programme for both names, on which both count; or
-- the day as of which filings of one year that stand declare them both.
census(pair, day, one_filing, one_filer, other_filing, other_filer) AS MATERIALIZED (
    SELECT p.pair, g.census_on, nullif(g.record, g.record), nullif(g.owner, g.owner), nullif(g.record, g.record),
           nullif(g.owner, g.owner)
    FROM pair p
    JOIN published g ON g.census_on BETWEEN p.since AND p.until
    WHERE p.funded = 1 AND NOT EXISTS (SELECT 1 FROM published l WHERE l.replaces = g.record AND l.owner = g.owner)
      AND EXISTS (SELECT 1 FROM tree t WHERE t.above = g.owner AND t.below = p.first_union)
      AND EXISTS (SELECT 1 FROM tree t WHERE t.above = g.owner AND t.below = p.second_union)
    UNION ALL
    SELECT p.pair, greatest(x.census_on, y.census_on), x.filing, x.filer, y.filing, y.filer
    FROM pair p
    JOIN declared x ON x.engagement = p.first AND x.owner = p.first_union AND x.census_on BETWEEN p.since AND p.until
    JOIN declared y ON y.engagement = p.second AND y.owner = p.second_union AND y.year = x.year
        AND y.census_on BETWEEN p.since AND p.until
),
first_census AS MATERIALIZED (
    SELECT c.*, row_number() OVER (PARTITION BY pair ORDER BY day, CASE WHEN one_filing IS NULL THEN 1 ELSE 0 END, one_filing,
                                   other_filing) AS n
    FROM census c
),
counted AS (
    SELECT p.*, m.month, m.first_line, m.second_line, coalesce(m.months, 0) AS months, k.day AS census_on, k.one_filing,
           k.one_filer, k.other_filing, k.other_filer
    FROM pair p
    LEFT JOIN month m ON m.pair = p.pair AND m.n = 1
    LEFT JOIN first_census k ON k.pair = p.pair AND k.n = 1
),
-- Judged by the first day on which the overlap was too long and the person had counted or been paid twice: whoever
-- knew of an ending then has entered it once the data reaches that day.
verdict AS MATERIALIZED (
    SELECT c.*, greatest(c.since + c.days, least(c.census_on, c.until, month_end(c.month))) AS judge_by,
           CASE WHEN c.first < c.second THEN c.first ELSE c.second END AS one,
           CASE WHEN c.first < c.second THEN c.second ELSE c.first END AS other,
           CASE WHEN c.second_union = :self THEN c.first_union ELSE c.second_union END AS subject
    FROM counted c
    WHERE c.census_on IS NOT NULL OR c.month IS NOT NULL
),
evidence(place, role, kind) AS (
    VALUES (1, 'first', 'engagement'), (2, 'second', 'engagement'), (3, 'dossier', 'mediator'), (4, 'dossier', 'mediator'),
           (5, 'pay', 'expenditure'), (6, 'pay', 'expenditure'), (7, 'filing', 'filing'), (8, 'filing', 'filing')
)

-- cases
SELECT one AS key1, other AS key2, subject, judge_by,
       CASE WHEN months = 0 THEN 'counted' WHEN census_on IS NOT NULL THEN 'both' WHEN funded = 1 THEN 'paid'
            ELSE 'paid_twice' END AS variant,
       since AS overlap_from, until AS overlap_to, until - since + 1 AS overlap_days, census_on, months AS months_paid,
       first_union, second_union, days
FROM verdict
ORDER BY first, second

-- records
-- SQLite opens a name of the WITH anew wherever it stands, and there is an end to that: so each is named once.
SELECT v.one AS key1, v.other AS key2, v.subject, e.place, e.role, e.kind,
       CASE e.place WHEN 1 THEN v.first WHEN 2 THEN v.second WHEN 3 THEN v.first_mediator WHEN 4 THEN v.second_mediator
                    WHEN 5 THEN v.first_line WHEN 6 THEN v.second_line WHEN 7 THEN v.one_filing
                    ELSE v.other_filing END AS record,
       CASE WHEN e.place = 7 THEN v.one_filer WHEN e.place = 8 THEN v.other_filer
            WHEN e.place IN (1, 3, 5) THEN v.first_union ELSE v.second_union END AS involved
FROM verdict v
JOIN evidence e ON e.place <= 3 OR (e.place = 4 AND v.second_mediator <> v.first_mediator)
    OR (e.place IN (5, 6) AND v.month IS NOT NULL) OR (e.place = 7 AND v.one_filing IS NOT NULL)
    OR (e.place = 8 AND v.other_filing <> v.one_filing)
ORDER BY 1, 2, 3, 4
