-- id: FC-09
-- version: 2
-- title_zh: 超龄聘任
-- title_en: Engaged past the age limit
-- clause_zh: 总工发〔2019〕19号 五（一）1：“专职集体协商指导员年龄一般不超过65周岁，特殊需要的经上一级工会同意可延聘至68周岁”
-- clause_en: General Union Doc. 19 (2019), 5(1)1: full-time mediators are generally not older than 65; where specially needed, the union above may agree to an extension up to 68
-- severity: yellow
-- family: N
-- levels: province, city, county
-- parameter: limit = 65 : 一般年龄上限（周岁） | general age limit (full years)
-- parameter: extended = 68 : 经同意延聘的年龄上限（周岁） | age limit with consent (full years)
-- parameter: direct_only = 0 : 1为只查直接选聘的人员，0为全部渠道 | 1 looks only at those engaged directly, 0 at all channels
-- result: age number : 其间最大周岁 | highest age meanwhile (full years)
-- result: since month : 超龄起 | past the limit since
-- innocent_zh: 出生日期录入错误；同意文件尚在纸上；本条文字在第一种渠道之内
-- innocent_en: a mistyped date of birth; a consent still on paper; the clause stands within the first channel

-- The union directly above the engaging one reports, where it holds the dossiers; a union with none below it reads its
-- own, as advice to itself. Ages are full years (周岁): the day of the 66th birthday is the first past 65.
-- No birthday is written out, since findings travel where dossiers do not: months only.
WITH
-- Full-time; service counts up to today.
service AS MATERIALIZED (
    SELECT e.record, e.owner, e.mediator, e.starts_on, e.consent_until, e.consent_no, m.born,
           min(e.until, :today) AS until
    FROM in_post e
    JOIN region u ON u.code = e.owner
    JOIN mediator m ON m.record = e.mediator
    WHERE (u.parent = :self OR (u.code = :self AND NOT EXISTS (SELECT 1 FROM region c WHERE c.parent = :self AND c.code < 1000000)))
      AND e.employment = 1 AND m.born IS NOT NULL
      AND (:direct_only = 0 OR e.channel = 1)
),
-- Two breaches, each a case of its own: days between the limits that no consent covers, and days past the second
-- limit, which none can.
breach AS (
    SELECT *, 0 AS beyond, :limit AS passed, min(until, birthday(born, :extended + 1) - 1) AS last_day,
           max(starts_on, birthday(born, :limit + 1), coalesce(consent_until + 1, starts_on)) AS first_day
    FROM service
    UNION ALL
    SELECT *, 1, :extended, until, max(starts_on, birthday(born, :extended + 1)) FROM service
),
verdict AS (
    SELECT *, age_on(born, last_day) AS age FROM breach WHERE first_day <= last_day
)
SELECT owner AS subject,
       hex(record) || '/' || passed AS case_key,
       iif(beyond, 'orange', NULL) AS severity,
       NULL AS family,
       first_day AS judge_by,
       json_array(owner) AS involved,
       json_array(
           json_object('kind', 'engagement', 'record', lower(hex(record)),
                       'zh', '服务自' || day_text(starts_on) || '至' || day_text(until) || '，'
                           || coalesce('同意延聘至' || day_text(consent_until), '未录入延聘同意'),
                       'en', 'in service ' || day_text(starts_on) || ' to ' || day_text(until) || ', '
                           || coalesce('extension agreed until ' || day_text(consent_until), 'no consent entered')),
           json_object('kind', 'mediator', 'record', lower(hex(mediator)), 'zh', '出生日期见档案',
                       'en', 'date of birth: see the dossier')) AS evidence,
       json_object('age', age, 'since', month_of(first_day)) AS results,
       union_name(owner) || '聘任的一名专职指导员（聘任记录' || substr(lower(hex(record)), 1, 16) || '）自'
           || month_text(month_of(first_day)) || '起超过' || passed || '周岁'
           || iif(beyond, '，已过延聘上限', '而无有效的延聘同意') || '，其间最大' || age || '周岁。' AS zh,
       'A full-time mediator of ' || union_name(owner) || ' (engagement ' || substr(lower(hex(record)), 1, 16)
           || ') has served past ' || passed || ' since ' || month_text(month_of(first_day))
           || iif(beyond, ', beyond what any consent allows', ' without a valid consent')
           || ', up to the age of ' || age || '.' AS en
FROM verdict
ORDER BY record, passed;
