-- id: DQ-01
-- version: 1
-- title_zh: 身份证号无法核对
-- title_en: Identity numbers that cannot be compared
-- clause_zh: 总工发〔2019〕19号 七（四）：“虚报聘用专职集体协商指导员人数的，全国总工会将停拨该专项经费”
-- clause_en: General Union Doc. 19 (2019), 7(4): where the number of full-time mediators is overstated, the fund is stopped
-- severity: yellow
-- family: C
-- levels: province
-- parameter: grace = 30 : 聘任起始后等待的天数 | days waited after an engagement began
-- result: people number : 号码无法核对的人数 | people whose number cannot be compared
-- result: since day : 最早聘任起始日 | earliest engagement among them began on
-- innocent_zh: 加密钥匙尚未交到省级；换机后旧钥匙遗失；录入程序有误
-- innocent_en: the key of the sealed field has not been granted to the province yet; an old key was lost with its machine; a program that wrote it wrongly

-- FC-05 compares persons by an index of their number. Whose number the province cannot open, or finds to be none once it
-- is opened, is compared with nobody: that must not pass in silence. One finding a union, with the dossiers.
-- Full-time, counted for the fund, in post (7) or ended (9): whom FC-05 would look at.
WITH
blind AS MATERIALIZED (
    SELECT m.record, m.owner, min(e.starts_on) AS since
    FROM mediator m
    JOIN below b ON b.above = :self AND b.code = m.owner
    JOIN in_post e ON e.mediator = m.record
    WHERE m.id_no_index IS NULL AND e.employment = 1 AND e.funded = 1 AND e.starts_on <= :today
    GROUP BY m.record
    HAVING min(e.starts_on) + :grace <= :today
)
SELECT owner AS subject,
       'numbers' AS case_key,
       NULL AS severity,
       NULL AS family,
       min(since) + :grace AS judge_by,
       json_array(owner) AS involved,
       json_group_array(json_object('kind', 'mediator', 'record', lower(hex(record)), 'zh', '档案', 'en', 'dossier')
                        ORDER BY record) AS evidence,
       json_object('people', count(*), 'since', min(since)) AS results,
       union_name(owner) || '有' || count(*) || '名计入补助人数的专职指导员，其身份证号在省级无法解密或不是有效号码，'
           || '无法核对是否在多处计入。' AS zh,
       union_name(owner) || ' has ' || count(*) || ' full-time mediators counted for the fund whose identity number the '
           || 'province cannot open, or which is none: whether they are counted elsewhere cannot be compared.' AS en
FROM blind
GROUP BY owner
ORDER BY owner;
