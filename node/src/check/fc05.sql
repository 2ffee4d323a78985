-- id: FC-05
-- version: 3
-- title_zh: 一人多处计入
-- title_en: One person counted by several unions
-- clause_zh: 总工发〔2019〕19号 七（四）：“虚报聘用专职集体协商指导员人数的，全国总工会将停拨该专项经费”
-- clause_en: General Union Doc. 19 (2019), 7(4): where the number of full-time mediators is overstated, the fund is stopped
-- severity: red
-- family: B2
-- levels: province
-- parameter: days = 15 less : 允许的聘期重叠天数 | days that two engagements may overlap
-- result: overlap_from day : 重叠起 | overlap from
-- result: overlap_to day : 重叠止（不晚于检查日） | overlap to (not after the day of the check)
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
-- role: pay : 双方均发薪的首月薪酬 | pay of the first month that both paid
-- message counted zh: 同一人（身份证号检索值相同）同时由{first_union}和{second_union}（或其下级工会）聘为计入补助人数的专职指导员，自{overlap_from}起重叠{overlap_days}天[，{census_on}核定时双方均在聘]。
-- message counted en: One person (same keyed index) is full-time and counted for the fund at both {first_union} and {second_union} (or a lower union of theirs), overlapping from {overlap_from}, days: {overlap_days}[, in service at both on the census of {census_on}].
-- message paid zh: 同一人（身份证号检索值相同）同时由{first_union}和{second_union}（或其下级工会）聘为计入补助人数的专职指导员，自{overlap_from}起重叠{overlap_days}天，有{months_paid}个月双方都发放薪酬。
-- message paid en: One person (same keyed index) is full-time and counted for the fund at both {first_union} and {second_union} (or a lower union of theirs), overlapping from {overlap_from}, days: {overlap_days}; months paid by both: {months_paid}.
-- message both zh: 同一人（身份证号检索值相同）同时由{first_union}和{second_union}（或其下级工会）聘为计入补助人数的专职指导员，自{overlap_from}起重叠{overlap_days}天[，{census_on}核定时双方均在聘]，有{months_paid}个月双方都发放薪酬。
-- message both en: One person (same keyed index) is full-time and counted for the fund at both {first_union} and {second_union} (or a lower union of theirs), overlapping from {overlap_from}, days: {overlap_days}[, in service at both on the census of {census_on}]; months paid by both: {months_paid}.
-- message paid_twice zh: 同一人（身份证号检索值相同）同时由{first_union}和{second_union}聘为专职指导员，自{overlap_from}起重叠{overlap_days}天；虽未在双方都计入补助人数，但有{months_paid}个月双方都从专项经费发放薪酬。
-- message paid_twice en: One person (same keyed index) is full-time at both {first_union} and {second_union}, overlapping from {overlap_from}, days: {overlap_days}; not counted for the fund by both, and yet paid from it by both, months: {months_paid}.
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
    WHERE e.employment = 1 AND m.id_no_index IS NOT NULL
),
shared AS MATERIALIZED (
    SELECT * FROM post WHERE posts > 1
),
pair AS MATERIALIZED (
    SELECT f.record AS first, f.owner AS first_union, f.mediator AS first_mediator,
           s.record AS second, s.owner AS second_union, s.mediator AS second_mediator,
           CASE WHEN f.funded = 1 AND s.funded = 1 THEN 1 ELSE 0 END AS funded,
           s.starts_on AS since, least(f.until, s.until) AS until, g.value AS days
    FROM shared f
    JOIN shared s ON s.person = f.person
    JOIN setting g ON g.name = 'days' AND s.starts_on BETWEEN g.since AND g.until
    WHERE (s.owner <> f.owner OR s.employer IS DISTINCT FROM f.employer)
      AND (f.starts_on, f.record) < (s.starts_on, s.record)
      AND least(f.until, s.until) - s.starts_on + 1 > g.value
),
-- Paid twice: a live line of pay (category 1) from both for the same month. Two lines of one union for one dossier may be
-- parts of one pay.
paid AS MATERIALIZED (
    SELECT p.first, p.second, x.service_month AS month, x.record AS first_line, y.record AS second_line,
           row_number() OVER (PARTITION BY p.first, p.second, x.service_month ORDER BY x.record, y.record) AS n
    FROM pair p
    JOIN expenditure x ON x.payee_mediator = p.first_mediator AND +x.owner = p.first_union
    JOIN expenditure y ON y.payee_mediator = p.second_mediator AND +y.owner = p.second_union
        AND y.service_month = x.service_month
    WHERE (p.first_union <> p.second_union OR p.first_mediator <> p.second_mediator)
      AND x.category = 1 AND x.reverses IS NULL AND y.category = 1 AND y.reverses IS NULL
      AND x.service_month BETWEEN month_of(p.since) AND month_of(p.until)
      AND x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                               WHERE r.reverses = x.record AND +r.owner = x.owner), 0) > 0
      AND y.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                               WHERE r.reverses = y.record AND +r.owner = y.owner), 0) > 0
),
month AS (
    SELECT first, second, min(month) AS month, count(*) AS months FROM paid WHERE n = 1 GROUP BY first, second
),
-- Counted twice: both counted for the fund and in service on one census, which is the end of a year, the day a programme
-- names, or the day a filing of either union or of one above it speaks for. The first such day is enough.
counted AS (
    SELECT p.*, m.month, coalesce(m.months, 0) AS months,
           CASE WHEN p.funded = 1 THEN least(
               year_end(year_of(p.since)),
               (SELECT min(g.census_on) FROM programme g WHERE g.census_on >= p.since),
               (SELECT min(f.census_on) FROM filing f
                WHERE f.census_on >= p.since
                  AND f.owner IN (SELECT t.above FROM tree t WHERE t.below IN (p.first_union, p.second_union)))) END
               AS next_census
    FROM pair p LEFT JOIN month m ON m.first = p.first AND m.second = p.second
),
-- Judged by the first day on which the overlap was too long and the person had counted or been paid twice: whoever
-- knew of an ending then has entered it once the data reaches that day.
verdict AS MATERIALIZED (
    SELECT c.*, CASE WHEN c.next_census <= c.until THEN c.next_census END AS census_on,
           greatest(c.since + c.days, least(c.next_census, c.until, month_end(c.month))) AS judge_by,
           CASE WHEN c.first < c.second THEN c.first ELSE c.second END AS one,
           CASE WHEN c.first < c.second THEN c.second ELSE c.first END AS other
    FROM counted c
    WHERE c.next_census <= c.until OR c.month IS NOT NULL
)

-- cases
SELECT one AS key1, other AS key2, CASE WHEN second_union = :self THEN first_union ELSE second_union END AS subject, judge_by,
       CASE WHEN months = 0 THEN 'counted' WHEN census_on IS NOT NULL THEN 'both' WHEN funded = 1 THEN 'paid'
            ELSE 'paid_twice' END AS variant,
       since AS overlap_from, until AS overlap_to, until - since + 1 AS overlap_days, census_on, months AS months_paid,
       first_union, second_union, days
FROM verdict
ORDER BY first, second

-- records
SELECT one AS key1, other AS key2, 1 AS place, 'first' AS role, 'engagement' AS kind, first AS record, first_union AS involved
FROM verdict
UNION ALL
SELECT one, other, 2, 'second', 'engagement', second, second_union FROM verdict
UNION ALL
SELECT one, other, 3, 'dossier', 'mediator', first_mediator, first_union FROM verdict
UNION ALL
SELECT one, other, 4, 'dossier', 'mediator', second_mediator, second_union FROM verdict
WHERE second_mediator <> first_mediator
UNION ALL
SELECT v.one, v.other, 5, 'pay', 'expenditure', p.first_line, v.first_union
FROM verdict v JOIN paid p ON p.first = v.first AND p.second = v.second AND p.month = v.month AND p.n = 1
UNION ALL
SELECT v.one, v.other, 6, 'pay', 'expenditure', p.second_line, v.second_union
FROM verdict v JOIN paid p ON p.first = v.first AND p.second = v.second AND p.month = v.month AND p.n = 1
ORDER BY 1, 2, 3
