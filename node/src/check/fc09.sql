-- id: FC-09
-- version: 4
-- words_since: 3
-- title_zh: 超龄聘任
-- title_en: Engaged past the age limit
-- clause_zh: 总工发〔2019〕19号 五（一）1：“专职集体协商指导员年龄一般不超过65周岁，特殊需要的经上一级工会同意可延聘至68周岁”
-- clause_en: General Union Doc. 19 (2019), 5(1)1: full-time mediators are generally not older than 65; where specially needed, the union above may agree to an extension up to 68
-- severity: yellow
-- family: N
-- levels: province, city, county
-- parameter: limit = 65 less : 一般年龄上限（周岁） | general age limit (full years)
-- parameter: extended = 68 less : 经同意延聘的年龄上限（周岁） | age limit with consent (full years)
-- parameter: direct_only = 0 less : 1为只查直接选聘的人员，0为全部渠道 | 1 looks only at those engaged directly, 0 at all channels
-- result: age number : 其间最大周岁 | highest age meanwhile (full years)
-- result: since month : 超龄起 | past the limit since
-- result: passed number : 所超过的年龄上限 | age limit that was passed
-- variant: no_consent
-- variant: beyond orange
-- role: engagement : 聘任 | engagement
-- role: dossier : 档案（出生日期） | dossier (date of birth)
-- message no_consent zh: {subject}聘任的一名专职指导员自{since}起超过{passed}周岁而无有效的延聘同意（须有同意文号），其间最大{age}周岁。
-- message no_consent en: A full-time mediator of {subject} has served past {passed} since {since} without a valid consent (it needs a document number), up to the age of {age}.
-- message beyond zh: {subject}聘任的一名专职指导员自{since}起超过{passed}周岁，已过延聘上限，其间最大{age}周岁。
-- message beyond en: A full-time mediator of {subject} has served past {passed} since {since}, beyond what any consent allows, up to the age of {age}.
-- innocent_zh: 出生日期录入错误；同意文件尚在纸上；本条文字在第一种渠道之内
-- innocent_en: a mistyped date of birth; a consent still on paper; the clause stands within the first channel

-- The union directly above the engaging one reports, where it holds the dossiers; a union with none below it, and a
-- province, whose dossiers nobody above sees, reads its own, as advice to itself. Ages are full years (周岁): the day of the
-- 66th birthday is the first past 65; 延聘至68周岁 ends with the 68th birthday.
-- No birthday is written out, since findings travel where dossiers do not: months only.

-- with
-- The limits, for each stretch of days on which they stay the same.
ruled(since, until, usual, most, direct) AS MATERIALIZED (
    SELECT greatest(l.since, x.since, d.since), least(l.until, x.until, d.until), l.value, x.value, d.value
    FROM setting l
    JOIN setting x ON x.name = 'extended' AND x.since <= l.until AND x.until >= l.since
    JOIN setting d ON d.name = 'direct_only' AND d.since <= least(l.until, x.until) AND d.until >= greatest(l.since, x.since)
    WHERE l.name = 'limit'
),
digit(digit) AS (VALUES ('0'), ('1'), ('2'), ('3'), ('4'), ('5'), ('6'), ('7'), ('8'), ('9')),
-- Full-time; service counts up to today. A consent is a document: one without any
-- digit in its number is none.
service AS MATERIALIZED (
    SELECT e.record, e.owner, e.mediator, e.starts_on, e.channel, m.born,
           CASE WHEN EXISTS (SELECT 1 FROM digit d WHERE e.consent_no LIKE '%' || d.digit || '%')
                THEN e.consent_until END AS consent_until,
           least(e.until, :today) AS until
    FROM in_post e
    JOIN mediator m ON m.record = e.mediator
        AND (m.owner = e.owner
             OR NOT EXISTS (SELECT 1 FROM mediator o WHERE o.record = e.mediator AND o.owner = e.owner))
    WHERE e.owner IN (SELECT code FROM answered_for UNION SELECT u.code FROM region u WHERE u.code = :self AND u.level = 1)
      AND e.employment = 1
      AND birthday(m.born, 150) IS NOT NULL
),
-- Two breaches, each a case of its own: days between the limits that no consent covers, and days past the second
-- limit, which none can.
breach(record, owner, mediator, born, variant, passed, usual, most, direct, first_day, last_day) AS (
    SELECT s.record, s.owner, s.mediator, s.born, 'no_consent', r.usual, r.usual, r.most, r.direct,
           greatest(s.starts_on, r.since, birthday(s.born, r.usual + 1), s.consent_until + 1),
           least(s.until, r.until, birthday(s.born, r.most))
    FROM service s JOIN ruled r ON r.direct = 0 OR s.channel = 1
    UNION ALL
    SELECT s.record, s.owner, s.mediator, s.born, 'beyond', r.most, r.usual, r.most, r.direct,
           greatest(s.starts_on, r.since, birthday(s.born, r.most) + 1), least(s.until, r.until)
    FROM service s JOIN ruled r ON r.direct = 0 OR s.channel = 1
),
-- The numbers are those of the first stretch in which it happened: a limit that changes meanwhile makes no second case.
ranked AS (
    SELECT b.*, row_number() OVER (PARTITION BY b.record, b.owner, b.variant ORDER BY b.first_day) AS n,
           max(b.last_day) OVER (PARTITION BY b.record, b.owner, b.variant) AS to_day
    FROM breach b
    WHERE b.first_day <= b.last_day
),
verdict AS MATERIALIZED (
    SELECT * FROM ranked WHERE n = 1
)

-- cases
SELECT record AS key1, passed AS key2, owner AS subject, first_day AS judge_by, variant, age_on(born, to_day) AS age,
       month_of(first_day) AS since, passed, usual AS "limit", most AS extended, direct AS direct_only
FROM verdict
ORDER BY record, passed, variant

-- records
SELECT record AS key1, passed AS key2, owner AS subject, 1 AS place, 'engagement' AS role, 'engagement' AS kind, record
FROM verdict
UNION ALL
SELECT record, passed, owner, 2, 'dossier', 'mediator', mediator FROM verdict
ORDER BY 1, 2, 3, 4
