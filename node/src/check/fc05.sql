-- id: FC-05
-- version: 2
-- title_zh: 一人多处计入
-- title_en: One person counted by several unions
-- clause_zh: 总工发〔2019〕19号 七（四）：“虚报聘用专职集体协商指导员人数的，全国总工会将停拨该专项经费”
-- clause_en: General Union Doc. 19 (2019), 7(4): where the number of full-time mediators is overstated, the fund is stopped
-- severity: red
-- family: B2
-- levels: province
-- parameter: days = 15 : 允许的聘期重叠天数 | days that two engagements may overlap
-- result: overlap_from day : 重叠起 | overlap from
-- result: overlap_to day : 重叠止（不晚于检查日） | overlap to (not after the day of the check)
-- result: overlap_days number : 重叠天数 | days of overlap
-- result: census_on day : 双方均在聘的核定日 | census on which both count
-- result: months_paid number : 双方均发薪的月数 | months in which both paid
-- innocent_zh: 月中调动；分派误录为重新聘任；身份证号录入错误；一方的终止尚未录入
-- innocent_en: a transfer within the month; a posting entered as a new engagement; a mistyped number; an ending not entered yet

-- Persons are compared by the keyed index of the identity number, which only the province holds for the whole
-- province; numbers that it cannot read are a finding of their own (DQ-01). One finding for each pair of engagements, addressed to the union that engaged later; both are involved.
-- A + before a column keeps SQLite off its index, which would narrow nothing here.
WITH
-- Full-time, counted for the fund: up to today at the most.
post AS (
    SELECT e.record, e.owner, e.mediator, m.id_no_index AS person, e.starts_on,
           min(e.until, :today) AS until
    FROM in_post e
    JOIN below b ON b.above = :self AND b.code = e.owner
    JOIN mediator m ON m.record = e.mediator
    WHERE e.employment = 1 AND e.funded = 1 AND m.id_no_index IS NOT NULL
),
spread AS (
    SELECT *, min(owner) OVER (PARTITION BY person) < max(owner) OVER (PARTITION BY person) AS several FROM post
),
shared AS MATERIALIZED (
    SELECT * FROM spread WHERE several
),
pair AS MATERIALIZED (
    SELECT f.record AS first, f.owner AS first_union, f.mediator AS first_mediator, f.starts_on AS first_from,
           f.until AS first_until,
           s.record AS second, s.owner AS second_union, s.mediator AS second_mediator, s.until AS second_until,
           s.starts_on AS since, min(f.until, s.until) AS until
    FROM shared f JOIN shared s ON s.person = f.person
    WHERE s.owner <> f.owner AND (f.starts_on, f.record) < (s.starts_on, s.record)
      AND min(f.until, s.until) - s.starts_on + 1 > :days
),
-- Paid twice: a live line of pay (category 1) from both unions for the same month.
paid AS (
    SELECT p.first, p.second, x.service_month AS month, min(x.record) AS first_line, min(y.record) AS second_line
    FROM pair p
    JOIN expenditure x ON x.payee_mediator = p.first_mediator AND +x.owner = p.first_union
    JOIN expenditure y ON y.payee_mediator = p.second_mediator AND +y.owner = p.second_union
        AND y.service_month = x.service_month
    WHERE x.category = 1 AND +x.reverses IS NULL AND y.category = 1 AND +y.reverses IS NULL
      AND x.service_month BETWEEN month_of(p.since) AND month_of(p.until)
      AND x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                               WHERE r.reverses = x.record AND +r.owner = x.owner), 0) > 0
      AND y.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                               WHERE r.reverses = y.record AND +r.owner = y.owner), 0) > 0
    GROUP BY p.first, p.second, x.service_month
),
-- The first such month, with its lines, and how many there are.
month AS (
    SELECT first, second, min(month) AS month, first_line, second_line, count(*) AS months
    FROM paid
    GROUP BY first, second
),
-- Counted twice: both in service on one census, which is the end of a year, the day a programme names, or the day a
-- filing of either union or of one above it speaks for. The first such day is enough.
counted AS (
    SELECT p.*, m.month, m.first_line, m.second_line, coalesce(m.months, 0) AS months,
           (SELECT min(day) FROM (
               SELECT year_end(year_of(p.since)) AS day
               UNION ALL
               SELECT g.census_on FROM programme g WHERE g.census_on >= p.since
               UNION ALL
               SELECT f.census_on FROM filing f
               WHERE f.census_on >= p.since
                 AND f.owner IN (SELECT above FROM below WHERE code IN (p.first_union, p.second_union))))
               AS next_census
    FROM pair p LEFT JOIN month m ON m.first = p.first AND m.second = p.second
),
-- Judged by the first day on which the overlap was too long and the person had counted or been paid twice: whoever
-- knew of an ending then has entered it once the data reaches that day.
verdict AS (
    SELECT *, iif(next_census <= until, next_census, NULL) AS census_on,
           max(since + :days, min(next_census, until, coalesce(month_end(month), until))) AS judge_by
    FROM counted
    WHERE next_census <= until OR month IS NOT NULL
)
SELECT iif(second_union = :self, first_union, second_union) AS subject,
       hex(min(first, second)) || '/' || hex(max(first, second)) AS case_key,
       NULL AS severity,
       NULL AS family,
       judge_by AS judge_by,
       json_array(min(first_union, second_union), max(first_union, second_union)) AS involved,
       (SELECT json_group_array(json_object('kind', kind, 'record', lower(hex(record)), 'zh', zh, 'en', en)
                                ORDER BY place)
        FROM (
            SELECT 1 AS place, 'engagement' AS kind, first AS record,
                   union_name(first_union) || '聘任，' || day_text(first_from) || '至' || day_text(first_until) AS zh,
                   'engaged by ' || union_name(first_union) || ', ' || day_text(first_from) || ' to '
                       || day_text(first_until) AS en
            UNION ALL
            SELECT 2, 'engagement', second,
                   union_name(second_union) || '聘任，' || day_text(since) || '至' || day_text(second_until),
                   'engaged by ' || union_name(second_union) || ', ' || day_text(since) || ' to ' || day_text(second_until)
            UNION ALL
            SELECT 3, 'mediator', first_mediator, '档案', 'dossier'
            UNION ALL
            SELECT 4, 'mediator', second_mediator, '档案', 'dossier' WHERE second_mediator <> first_mediator
            UNION ALL
            SELECT 5, 'expenditure', first_line, union_name(first_union) || '发放' || month_text(month) || '薪酬',
                   'pay of ' || month_text(month) || ' from ' || union_name(first_union)
            WHERE month IS NOT NULL
            UNION ALL
            SELECT 6, 'expenditure', second_line, union_name(second_union) || '发放' || month_text(month) || '薪酬',
                   'pay of ' || month_text(month) || ' from ' || union_name(second_union)
            WHERE month IS NOT NULL)) AS evidence,
       json_object('overlap_from', since, 'overlap_to', until, 'overlap_days', until - since + 1,
                   'census_on', census_on, 'months_paid', months) AS results,
       '同一人（身份证号检索值相同，聘任记录' || substr(lower(hex(first)), 1, 16) || '、' || substr(lower(hex(second)), 1, 16)
           || '）同时由' || union_name(first_union) || '和' || union_name(second_union)
           || '聘为计入补助人数的专职指导员，自' || day_text(since) || '起重叠' || (until - since + 1) || '天'
           || iif(census_on IS NULL, '', '，' || day_text(census_on) || '核定时双方均在聘')
           || iif(months = 0, '', '，有' || months || '个月双方都发放薪酬') || '。' AS zh,
       'One person (same keyed index; engagements ' || substr(lower(hex(first)), 1, 16) || ' and '
           || substr(lower(hex(second)), 1, 16) || ') is full-time and counted for the fund at both '
           || union_name(first_union) || ' and ' || union_name(second_union) || ', overlapping '
           || (until - since + 1) || ' days from ' || day_text(since)
           || iif(census_on IS NULL, '', ', in service at both on the census of ' || day_text(census_on))
           || iif(months = 0, '', ', paid by both for ' || months || ' months') || '.' AS en
FROM verdict
ORDER BY first, second;
