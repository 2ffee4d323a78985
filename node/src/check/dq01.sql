-- id: DQ-01
-- version: 4
-- title_zh: 身份证号无法核对
-- title_en: Identity numbers that cannot be compared
-- clause_zh: 总工发〔2019〕19号 七（四）：“虚报聘用专职集体协商指导员人数的，全国总工会将停拨该专项经费”
-- clause_en: General Union Doc. 19 (2019), 7(4): where the number of full-time mediators is overstated, the fund is stopped
-- severity: yellow
-- family: C
-- levels: province
-- parameter: grace = 30 less : 聘任起始后等待的天数 | days waited after an engagement began
-- result: people number : 号码无法核对的人数 | people whose number cannot be compared
-- result: since day : 最早聘任起始日 | earliest engagement among them began on
-- variant: numbers
-- variant: dossiers
-- role: dossier : 档案 | dossier
-- role: engagement : 聘任 | engagement
-- message numbers zh: {subject}有{people}名计入补助人数的专职指导员，其身份证号在省级无法解密或不是有效号码，无法核对是否在多处计入。
-- message numbers en: {subject}: full-time mediators counted for the fund whose identity number the province cannot open, or which is none: {people}. Whether they are counted elsewhere cannot be compared.
-- message dossiers zh: {subject}有{people}名计入补助人数的专职指导员只有聘任、没有档案（从未收到，或已作废），无法核对是否在多处计入。
-- message dossiers en: {subject}: full-time mediators counted for the fund of whom there is an engagement and no dossier (it never came, or is voided): {people}. Whether they are counted elsewhere cannot be compared.
-- message v2 zh: {subject}有{people}名计入补助人数的专职指导员，其身份证号在省级无法解密或不是有效号码，无法核对是否在多处计入。
-- message v2 en: {subject}: full-time mediators counted for the fund whose identity number the province cannot open, or which is none: {people}. Whether they are counted elsewhere cannot be compared.
-- message v3 zh: {subject}有{people}名计入补助人数的专职指导员，其身份证号在省级无法解密或不是有效号码，无法核对是否在多处计入。
-- message v3 en: {subject}: full-time mediators counted for the fund whose identity number the province cannot open, or which is none: {people}. Whether they are counted elsewhere cannot be compared.
-- innocent_zh: 加密用的密钥尚未交到省级；换机后旧密钥遗失；录入程序有误；档案误作废
-- innocent_en: the key of the sealed field has not been granted to the province yet; an old key was lost with its machine; a program that wrote it wrongly; a dossier voided by mistake

-- FC-05 compares persons by an index of their number. Whose number the province cannot open, or finds to be none once it
-- is opened, is compared with nobody, and nor is one of whom there is no dossier at all: that must not pass in silence. One
-- finding a union of each, with the dossiers or the engagements.

-- with
-- Full-time and counted for the fund: whom FC-05 would look at. Of one dossier the engagement that began first.
post AS MATERIALIZED (
    SELECT e.record, e.owner, e.mediator, e.starts_on AS since, e.starts_on + g.value AS judge_by, g.value AS grace
    FROM (SELECT record, owner, mediator, starts_on,
                 row_number() OVER (PARTITION BY owner, mediator ORDER BY starts_on, record) AS n
          FROM in_post
          WHERE employment = 1 AND funded = 1 AND starts_on <= :today) e
    JOIN branch b ON b.code = e.owner
    JOIN setting g ON g.name = 'grace' AND e.starts_on BETWEEN g.since AND g.until
    WHERE e.n = 1 AND e.starts_on + g.value <= :today
),
blind(variant, record, owner, kind, role, since, judge_by, grace) AS MATERIALIZED (
    SELECT 'numbers', m.record, m.owner, 'mediator', 'dossier', min(p.since), min(p.judge_by), min(p.grace)
    FROM post p
    JOIN mediator m ON m.record = p.mediator
        AND (m.owner = p.owner
             OR NOT EXISTS (SELECT 1 FROM mediator o WHERE o.record = p.mediator AND o.owner = p.owner))
    WHERE m.id_no_index IS NULL
    GROUP BY m.record, m.owner
    UNION ALL
    SELECT 'dossiers', p.record, p.owner, 'engagement', 'engagement', p.since, p.judge_by, p.grace
    FROM post p
    WHERE NOT EXISTS (SELECT 1 FROM mediator m WHERE m.record = p.mediator)
)

-- cases
SELECT variant AS key1, owner AS subject, variant, min(judge_by) AS judge_by, count(*) AS people, min(since) AS since,
       min(grace) AS grace
FROM blind
GROUP BY variant, owner
ORDER BY variant, owner

-- records
SELECT variant AS key1, owner AS subject, role, kind, record
FROM blind
ORDER BY variant, owner, record
