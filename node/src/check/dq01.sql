-- id: DQ-01
-- version: 3
-- words_since: 2
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
-- role: dossier : 档案 | dossier
-- message zh: {subject}有{people}名计入补助人数的专职指导员，其身份证号在省级无法解密或不是有效号码，无法核对是否在多处计入。
-- message en: {subject}: full-time mediators counted for the fund whose identity number the province cannot open, or which is none: {people}. Whether they are counted elsewhere cannot be compared.
-- innocent_zh: 加密用的密钥尚未交到省级；换机后旧密钥遗失；录入程序有误
-- innocent_en: the key of the sealed field has not been granted to the province yet; an old key was lost with its machine; a program that wrote it wrongly

-- FC-05 compares persons by an index of their number. Whose number the province cannot open, or finds to be none once it
-- is opened, is compared with nobody: that must not pass in silence. One finding a union, with the dossiers.

-- with
-- Full-time and counted for the fund: whom FC-05 would look at.
engaged AS MATERIALIZED (
    SELECT m.record, m.owner, min(e.starts_on) AS since
    FROM mediator m
    JOIN branch b ON b.code = m.owner
    JOIN in_post e ON e.mediator = m.record
        AND (m.owner = e.owner
             OR NOT EXISTS (SELECT 1 FROM mediator o WHERE o.record = e.mediator AND o.owner = e.owner))
    WHERE m.id_no_index IS NULL AND e.employment = 1 AND e.funded = 1 AND e.starts_on <= :today
    GROUP BY m.record, m.owner
),
blind AS MATERIALIZED (
    SELECT e.record, e.owner, e.since, g.value AS grace
    FROM engaged e JOIN setting g ON g.name = 'grace' AND e.since BETWEEN g.since AND g.until
    WHERE e.since + g.value <= :today
)

-- cases
SELECT 'numbers' AS key1, owner AS subject, min(since + grace) AS judge_by, count(*) AS people,
       min(since) AS since, min(grace) AS grace
FROM blind
GROUP BY owner
ORDER BY owner

-- records
SELECT 'numbers' AS key1, owner AS subject, 'dossier' AS role, 'mediator' AS kind, record
FROM blind
ORDER BY owner, record
